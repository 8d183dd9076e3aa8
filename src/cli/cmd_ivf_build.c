/* cmd_ivf_build.c - `flashgmm ivf build`: a coarse quantizer, trained or given, and the rows in its lists. */
#include "fit_kmeans.h"
#include "ivf.h"

#include <math.h>
#include <stdio.h>

typedef struct build_arguments {
    const char *data, *output, *model, *calibrate;
    uint64_t components, seed, max_iter, max_lists, for_top;
    int quantizer, assignment, format;
    double tau, copies_per_row;
    cli_work_arguments work;
} build_arguments;

enum { QUANTIZER_GMM, QUANTIZER_KMEANS };
static const char *const quantizer_choices[] = {"gmm", "kmeans", NULL};
static const char *const assign_choices[] = {"hard", "soft", "residual", NULL};
static const char *const format_choices[] = {"native", "faiss", NULL};

/* Names that tell an index; --format says which. */
static const char *const index_endings[] = {".ivf", ".faiss", ".index", NULL};

static const cli_option options[] = {
    CLI_DATA_OPERAND(build_arguments, data),
    {.name = "output",
     .letter = 'o',
     .kind = CLI_OPTION_OUTPUT,
     .endings = index_endings,
     .is_free_name = 1,
     .offset = offsetof(build_arguments, output),
     .value = "INDEX",
     .is_required = 1,
     .help = "where the index goes"},
    CLI_COMPONENTS_OPTION(build_arguments, components, "how many lists (required unless --model is given)"),
    {.name = "model",
     .kind = CLI_OPTION_TEXT,
     .offset = offsetof(build_arguments, model),
     .value = "MODEL",
     .help = "take this quantizer: a model file, or centroids (.npy, .fvecs)"},
    {.name = "quantizer",
     .kind = CLI_OPTION_CHOICE,
     .offset = offsetof(build_arguments, quantizer),
     .choices = quantizer_choices,
     .help = "what to train: k-means centroids, or a mixture (10 k-means iterations, then EM); default kmeans, with "
             "--assign soft gmm"},
    {.name = "max-iter",
     .kind = CLI_OPTION_COUNT,
     .offset = offsetof(build_arguments, max_iter),
     .value = "N",
     .least = 1,
     .most = UINT32_MAX,
     .fallback = "30",
     .help = "most iterations of k-means, or of EM"},
    {.name = "assign",
     .kind = CLI_OPTION_CHOICE,
     .offset = offsetof(build_arguments, assignment),
     .fallback = "residual",
     .choices = assign_choices,
     .help = "each row to its nearest list (of a mixture: most probable); to every list with a responsibility above "
             "--tau; or to the nearest, and for some rows a second one in another direction"},
    {.name = "tau",
     .kind = CLI_OPTION_REAL,
     .offset = offsetof(build_arguments, tau),
     .value = "T",
     .is_nonnegative = 1,
     .help = "soft: the least responsibility (default 1/K)"},
    {.name = "max-lists",
     .kind = CLI_OPTION_COUNT,
     .offset = offsetof(build_arguments, max_lists),
     .value = "M",
     .least = 1,
     .most = FGMM_LISTS_PER_ROW_MAX,
     .fallback = "8",
     .help = "soft: most lists of a row"},
    {.name = "replication",
     .kind = CLI_OPTION_REAL,
     .offset = offsetof(build_arguments, copies_per_row),
     .value = "R",
     .is_nonnegative = 1,
     .help = "entries per row: residual, 1 to 2 (default 1.5); soft: chooses --tau"},
    {.name = "for-top",
     .kind = CLI_OPTION_COUNT,
     .offset = offsetof(build_arguments, for_top),
     .value = "N",
     .most = FGMM_TOP_MAX,
     .fallback = "10",
     .help = "results per query that the dial --recall is made for; 0: no dial"},
    {.name = "calibrate",
     .kind = CLI_OPTION_TEXT,
     .offset = offsetof(build_arguments, calibrate),
     .value = "QUERIES",
     .help = "set the dial on these queries, a few hundred, instead of on rows of the data"},
    {.name = "format",
     .kind = CLI_OPTION_CHOICE,
     .offset = offsetof(build_arguments, format),
     .fallback = "native",
     .choices = format_choices,
     .help = "faiss: an IndexIVFFlat for faiss.read_index, without a dial"},
    CLI_SEED_OPTION(build_arguments, seed),
    CLI_DATA_OPTIONS(build_arguments),
    CLI_DEVICE_OPTIONS(build_arguments),
    CLI_OUTPUT_MODE_OPTIONS(build_arguments),
    {.name = NULL},
};

/* Responsibilities, which soft assignment asks for, come from a mixture. */
static int wants_mixture(const build_arguments *a)
{
    return a->quantizer == QUANTIZER_GMM || (a->quantizer < 0 && a->assignment == FGMM_ASSIGN_SOFT);
}

static int check_arguments(const build_arguments *a)
{
    int exit_code = CLI_EXIT_DONE;
    const int is_soft = a->assignment == FGMM_ASSIGN_SOFT, is_residual = a->assignment == FGMM_ASSIGN_RESIDUAL;
    if (!a->model && a->components == CLI_NOT_GIVEN)
        return cli_error(CLI_EXIT_USAGE, "-k is missing; need the number of lists, such as -k 1024, or --model");
    if (isfinite(a->tau) && (!is_soft || a->tau >= 1))
        return cli_error(CLI_EXIT_USAGE, "--tau = %g; need --assign soft and a number below 1", a->tau);
    if (isfinite(a->tau) && isfinite(a->copies_per_row))
        return cli_error(CLI_EXIT_USAGE, "--tau and --replication: one chooses the other, give one of them");
    if (isfinite(a->copies_per_row) && !is_soft && !is_residual)
        return cli_error(CLI_EXIT_USAGE, "--replication = %g; need --assign soft or residual", a->copies_per_row);
    if (isfinite(a->copies_per_row) && (a->copies_per_row < 1 || (is_residual && a->copies_per_row > 2)))
        return cli_error(CLI_EXIT_USAGE, "--replication = %g; need 1 or more, with --assign residual at most 2",
                         a->copies_per_row);
    if (is_soft && !a->model && !wants_mixture(a))
        return cli_error(CLI_EXIT_USAGE,
                         "--quantizer kmeans, but --assign soft needs responsibilities; need --quantizer "
                         "gmm or --model");
    if (a->calibrate && (a->for_top == 0 || a->format != FGMM_INDEX_NATIVE))
        return cli_error(CLI_EXIT_USAGE, "--calibrate sets a dial; need --for-top above 0 and --format native");
    if (cli_ends_with(a->output, ".faiss") && a->format != FGMM_INDEX_FAISS)
        return cli_error(CLI_EXIT_USAGE, "--output = %s; need --format faiss, or another name", a->output);
    CLI_DO(cli_output_check(a->output, a->data));
    CLI_DO(cli_output_check(a->output, a->model));
    CLI_DO(cli_output_check(a->output, a->calibrate));
done:
    return exit_code;
}

static fgmm_status train(fgmm_model **model, const build_arguments *a, fgmm_device *device, fgmm_source *source,
                         cli_progress *progress)
{
    if (!wants_mixture(a)) {
        fgmm_kmeans_options kmeans = fgmm_kmeans_options_init();
        kmeans.components = a->components;
        kmeans.max_iterations = (uint32_t)a->max_iter;
        kmeans.seed = a->seed;
        kmeans.batch_rows = cli_or_zero(a->work.batch_rows);
        kmeans.memory_limit_bytes = cli_or_zero(a->work.memory_limit);
        kmeans.progress = cli_progress_report;
        kmeans.progress_user = progress;
        return fgmm_kmeans(model, device, source, &kmeans, NULL);
    }
    fgmm_fit_options fit = fgmm_fit_options_init();
    fit.components = a->components;
    fit.max_iterations = (uint32_t)a->max_iter;
    fit.seed = a->seed;
    fit.batch_rows = cli_or_zero(a->work.batch_rows);
    fit.memory_limit_bytes = cli_or_zero(a->work.memory_limit);
    fit.progress = cli_progress_report;
    fit.progress_user = progress;
    return fgmm_fit(model, device, source, &fit, NULL);
}

static int get_quantizer(fgmm_model **model, const build_arguments *a, fgmm_device *device, fgmm_source *source,
                         cli_progress *progress)
{
    int exit_code = CLI_EXIT_DONE;
    fgmm_model_info info = fgmm_model_info_init();
    if (a->model)
        CLI_DO(cli_library(fgmm_model_load(model, a->model)));
    else
        CLI_DO(cli_library(train(model, a, device, source, progress)));
    CLI_DO(cli_library(fgmm_model_describe(*model, &info)));
    if (a->components != CLI_NOT_GIVEN && a->components != info.components)
        exit_code = cli_error(CLI_EXIT_FAILED, "-k %llu, but %s holds %llu components; leave -k out",
                              (unsigned long long)a->components, a->model, (unsigned long long)info.components);
done:
    return exit_code;
}

static void fill_options(fgmm_index_options *index, const build_arguments *a)
{
    index->assignment = (fgmm_assignment)a->assignment;
    index->max_lists = (uint32_t)a->max_lists;
    index->tau = isfinite(a->tau) ? a->tau : 0;
    index->copies_per_row = isfinite(a->copies_per_row) ? a->copies_per_row : 0;
    index->for_top = (uint32_t)a->for_top;
    index->format = (fgmm_index_format)a->format;
    index->seed = a->seed;
    index->batch_rows = cli_or_zero(a->work.batch_rows);
    index->memory_limit_bytes = cli_or_zero(a->work.memory_limit);
    index->progress = cli_progress_report;
}

static int run(const void *user)
{
    const build_arguments *a = user;
    int exit_code = CLI_EXIT_DONE;
    fgmm_source *source = NULL, *calibration = NULL;
    fgmm_device *device = NULL;
    fgmm_model *quantizer = NULL;
    fgmm_index_options index = fgmm_index_options_init();
    fgmm_index_info info = fgmm_index_info_init();
    cli_progress progress;
    cli_progress_begin(&progress, a->work.is_quiet, "lists");

    CLI_DO(check_arguments(a));
    CLI_DO(cli_open_data(&source, a->data, &a->work));
    if (a->calibrate) CLI_DO(cli_open_more_data(&calibration, a->calibrate, &a->work));
    CLI_DO(cli_open_device(&device, &a->work, &progress));
    cli_signals_catch();
    CLI_DO(get_quantizer(&quantizer, a, device, source, &progress));
    fill_options(&index, a);
    index.quantizer = quantizer;
    index.calibration = calibration;
    index.progress_user = &progress;
    const fgmm_status status = fgmm_index_build(device, source, a->output, &index, &info);
    cli_progress_end(&progress);
    CLI_DO(cli_library(status));
    CLI_DO(cli_print_index(&info, a->output, a->work.is_json));
done:
    cli_progress_end(&progress);
    fgmm_model_free(quantizer);
    fgmm_device_close(device);
    fgmm_source_close(source);
    fgmm_source_close(calibration);
    return exit_code;
}

const cli_command cli_command_ivf_build = {
    .name = "ivf build",
    .summary = "put rows into posting lists for nearest-neighbour search",
    .options = options,
    .notes = "The defaults are what measured best (docs/ivf.md): k-means, and a second list for half of the "
             "rows.\n" CLI_INDEX_JSON,
    .examples = "  flashgmm ivf build base.bvecs -k 1024 -o base.ivf --calibrate queries.bvecs\n"
                "  flashgmm ivf build base.npy -k 256 --assign soft -o base.ivf\n"
                "  flashgmm ivf build base.npy --model model.safetensors --assign soft -o base.ivf\n"
                "  flashgmm ivf build base.fvecs -k 1024 --assign hard --format faiss -o base.faiss\n",
    .arguments_bytes = sizeof(build_arguments),
    .run = run,
};
