/* cmd_kmeans.c - `flashgmm kmeans`: Lloyd's algorithm; the centroids go to a file. */
#include "commands.h"
#include "fit_kmeans.h"

#include <stdio.h>

typedef struct kmeans_arguments {
    const char *output, *init;
    uint64_t components, max_iter, seed, n_init;
    double tol;
    cli_work_arguments work;
} kmeans_arguments;

static const cli_option options[] = {
    CLI_DATA_OPERAND(kmeans_arguments, work.data),
    CLI_COMPONENTS_OPTION(kmeans_arguments, components, "how many centroids (required unless --init names a file)"),
    {.name = "output",
     .letter = 'o',
     .kind = CLI_OPTION_OUTPUT,
     .endings = cli_rows_endings,
     .is_stdout = 1,
     .offset = offsetof(kmeans_arguments, output),
     .value = "CENTROIDS",
     .is_required = 1,
     .help = "where the centroids go, float32: a name ending with .npy (float64 where float32 does not hold them) or "
             ".fvecs"},
    {.name = "init",
     .kind = CLI_OPTION_TEXT,
     .offset = offsetof(kmeans_arguments, init),
     .value = "auto|kmeans++|kmeans-parallel|random|FILE",
     .fallback = "auto",
     .help = "how to begin; auto: kmeans-parallel for K > 256 or from 4194304 rows on, otherwise kmeans++; FILE: "
             "centroids (.npy, .fvecs) or a model, whose means are taken"},
    {.name = "max-iter",
     .kind = CLI_OPTION_COUNT,
     .offset = offsetof(kmeans_arguments, max_iter),
     .value = "N",
     .least = 1,
     .most = UINT32_MAX,
     .fallback = "25",
     .help = "most iterations"},
    {.name = "tol",
     .kind = CLI_OPTION_REAL,
     .offset = offsetof(kmeans_arguments, tol),
     .value = "T",
     .is_nonnegative = 1,
     .fallback = "1e-4",
     .help =
         "stop when the centroids' squared movement, relative to the mean variance of the columns, is at most this"},
    CLI_SEED_OPTION(kmeans_arguments, seed),
    CLI_N_INIT_OPTION(kmeans_arguments, n_init),
    CLI_WEIGHTS_OPTION(kmeans_arguments),
    CLI_DATA_OPTIONS(kmeans_arguments),
    CLI_DEVICE_OPTIONS(kmeans_arguments),
    CLI_OUTPUT_MODE_OPTIONS(kmeans_arguments),
    {.name = NULL},
};

static int print_result(const cli_training *training)
{
    const fgmm_fit_report *report = &training->report;
    if (training->work->is_json) {
        cJSON *object = cJSON_CreateObject();
        cli_json_count(object, "rows", report->rows);
        cli_json_count(object, "dims", report->dims);
        cli_json_count(object, "components", report->components);
        cJSON_AddStringToObject(object, "kernel", fgmm_backend_name(report->backend));
        cli_json_count(object, "iterations", report->kmeans_iterations);
        cJSON_AddBoolToObject(object, "converged", report->stop_reason == FGMM_STOP_CONVERGED);
        cJSON_AddStringToObject(object, "stop_reason", fgmm_stop_reason_name(report->stop_reason));
        cli_json_real(object, "inertia", report->inertia);
        cli_training_add_json(object, training);
        return cli_json_print(object);
    }
    printf("rows            %llu, %llu dimensions\n", (unsigned long long)report->rows,
           (unsigned long long)report->dims);
    printf("centroids       %llu\n", (unsigned long long)report->components);
    printf("iterations      %llu, stopped: %s\n", (unsigned long long)report->kmeans_iterations,
           cli_stop_text(report->stop_reason));
    printf("inertia         %.9g (sum of squared distances)\n", report->inertia);
    cli_training_print(training);
    return CLI_EXIT_DONE;
}

static int check(cli_training *training)
{
    const kmeans_arguments *arguments = training->arguments;
    cli_start *start = &training->start;
    int exit_code = CLI_EXIT_DONE;
    CLI_DO(cli_start_read(start, arguments->init, arguments->components));
    CLI_DO(cli_start_check_runs(start, arguments->n_init));
    CLI_DO(cli_work_check_output(arguments->output, &arguments->work));
    CLI_DO(cli_start_load(start, arguments->components));
done:
    return exit_code;
}

static void fill_options(fgmm_kmeans_options *kmeans, cli_training *training)
{
    const kmeans_arguments *arguments = training->arguments;
    const cli_start *start = &training->start;
    kmeans->components = cli_or_zero(arguments->components);
    kmeans->init = start->init;
    kmeans->start = start->model;
    kmeans->max_iterations = (uint32_t)arguments->max_iter;
    kmeans->tolerance = arguments->tol;
    kmeans->seed = arguments->seed;
    kmeans->n_init = (uint32_t)arguments->n_init;
    kmeans->batch_rows = cli_or_zero(arguments->work.batch_rows);
    kmeans->memory_limit_bytes = cli_or_zero(arguments->work.memory_limit);
    kmeans->progress = cli_progress_report;
    kmeans->progress_user = &training->progress;
    kmeans->weights = training->weights;
    kmeans->needs_float32 = cli_ends_with(arguments->output, ".fvecs");
}

static int train(cli_training *training, fgmm_model **model, fgmm_device *device, fgmm_source *source)
{
    fgmm_kmeans_options kmeans = fgmm_kmeans_options_init();
    fill_options(&kmeans, training);
    const fgmm_status status = fgmm_kmeans(model, device, source, &kmeans, &training->report);
    cli_progress_end(&training->progress);
    return cli_library(status);
}

static int run(const void *user)
{
    const kmeans_arguments *arguments = user;
    cli_training training = {.arguments = arguments,
                             .work = &arguments->work,
                             .seed = arguments->seed,
                             .written = arguments->output,
                             .check = check,
                             .train = train,
                             .save = fgmm_model_save_means,
                             .print = print_result};
    return cli_train(&training);
}

const cli_command cli_command_kmeans = {
    .name = "kmeans",
    .summary = "find K centroids with Lloyd's algorithm",
    .options = options,
    .notes =
        "The centroids serve as MODEL of `flashgmm predict` (nearest centroid of each row) and as --init of\n"
        "`flashgmm fit`. Same data, options, seed and device: the same bytes. --json prints: rows dims\n"
        "components kernel iterations converged stop_reason inertia seconds{read,init,em,total} rows_per_second\n"
        "device{name,platform,driver} peak_device_bytes peak_host_bytes tile seed, with --weights total_weight, and\n"
        "of several runs best_run (from 0) and runs, the inertia that each has reached. With weights the inertia is\n"
        "the sum of squared distances times weights.\n",
    .examples = "  flashgmm kmeans base.fvecs -k 1024 -o centroids.fvecs\n"
                "  flashgmm kmeans data.npy -k 64 -o centroids.npy --max-iter 100 --seed 7 --json\n"
                "  flashgmm predict centroids.npy data.npy -o labels.npy\n",
    .arguments_bytes = sizeof(kmeans_arguments),
    .run = run,
};
