/* cmd_fit.c - `flashgmm fit`: trains a mixture; the model goes to a file. */
#define _POSIX_C_SOURCE 200809L
#include "commands.h"
#include "covariance.h"
#include "fit_page.h"
#include "tuning.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct fit_arguments {
    const char *output, *init, *checkpoint, *resume, *page;
    int covariance; /* fgmm_covariance; -1: not given */
    int is_mini_batch;
    uint64_t components, kmeans_iter, max_iter, seed, n_init;
    double tol, reg_covar;
    int is_tuned;
    cli_work_arguments work;
} fit_arguments;

/* Errors of a log-likelihood that a user should know of. */
static const double MOST_ERROR_NATS = 1e-2;

/* Iterations of k-means where the data's own rows, or bare centroids, are the start. */
enum { KMEANS_ITERATIONS = 10, MAX_ITERATIONS = 100, MINI_BATCH_KMEANS_PASSES = 1, MINI_BATCH_PASSES = 3 };

/* Checkpoints have one form. */
static const char *const checkpoint_endings[] = {".safetensors", NULL};

static const cli_option options[] = {
    CLI_DATA_OPERAND(fit_arguments, work.data),
    CLI_COMPONENTS_OPTION(fit_arguments, components,
                          "how many Gaussians, at most one per row (required unless --init names a file)"),
    {.name = "output",
     .letter = 'o',
     .kind = CLI_OPTION_OUTPUT,
     .endings = cli_model_endings,
     .is_free_name = 1,
     .is_stdout = 1,
     .offset = offsetof(fit_arguments, output),
     .value = "MODEL",
     .is_required = 1,
     .help =
         "where the model goes: safetensors, or with a name ending in .npz the form of `flashgmm export`; -: standard "
         "output"},
    {.name = "covariance",
     .kind = CLI_OPTION_CHOICE,
     .offset = offsetof(fit_arguments, covariance),
     .choice = cli_covariance_choice,
     .help =
         "what a component has: one variance; one per dimension; a matrix that all share; a matrix of its own (default "
         "spherical; with --init MODEL the model's own)"},
    {.name = "init",
     .kind = CLI_OPTION_TEXT,
     .offset = offsetof(fit_arguments, init),
     .value = "auto|kmeans++|kmeans-parallel|random|MODEL",
     .fallback = "auto",
     .help = "how to begin; auto: kmeans-parallel for K > 256 or from 4194304 rows on (with --mini-batch only below), "
             "otherwise kmeans++; MODEL: a model file, or centroids (.npy, .fvecs)"},
    {.name = "kmeans-iter",
     .kind = CLI_OPTION_COUNT,
     .offset = offsetof(fit_arguments, kmeans_iter),
     .value = "N",
     .most = UINT32_MAX,
     .help = "k-means iterations before EM (default 10, with --mini-batch 1; with --init MODEL 0, but 10 where MODEL "
             "is centroids, which need at least 1)"},
    {.name = "max-iter",
     .kind = CLI_OPTION_COUNT,
     .offset = offsetof(fit_arguments, max_iter),
     .value = "N",
     .most = UINT32_MAX,
     .help = "most EM iterations (default 100, with --mini-batch 3); 0: the mixture of the k-means clusters"},
    CLI_TOLERANCE_OPTION(fit_arguments, tol),
    CLI_REG_COVAR_OPTION(fit_arguments, reg_covar),
    CLI_SEED_OPTION(fit_arguments, seed),
    CLI_N_INIT_OPTION(fit_arguments, n_init),
    CLI_WEIGHTS_OPTION(fit_arguments),
    {.name = "mini-batch",
     .kind = CLI_OPTION_FLAG,
     .offset = offsetof(fit_arguments, is_mini_batch),
     .help = "new parameters after every max(1024, 2 K) rows instead of after all: for data where even a few passes "
             "take long; --kmeans-iter and --max-iter count passes"},
    {.name = "checkpoint",
     .kind = CLI_OPTION_OUTPUT,
     .endings = checkpoint_endings,
     .is_free_name = 1,
     .offset = offsetof(fit_arguments, checkpoint),
     .value = "FILE",
     .help = "replace FILE after every iteration; it is a model that every command reads"},
    {.name = "resume",
     .kind = CLI_OPTION_TEXT,
     .offset = offsetof(fit_arguments, resume),
     .value = "FILE",
     .help = "go on from a checkpoint; give the same data and options as before, and the result has the same bytes as "
             "without the interruption"},
    {.name = "report",
     .kind = CLI_OPTION_OUTPUT,
     .endings = cli_page_endings,
     .offset = offsetof(fit_arguments, page),
     .value = "FILE.html",
     .help =
         "write a page about the result as well: curves, cluster sizes, variances, times, of two columns the points "
         "and ellipses; one file, for any browser. Reads the rows once more"},
    {.name = "tune",
     .kind = CLI_OPTION_FLAG,
     .offset = offsetof(fit_arguments, is_tuned),
     .help =
         "tune the device for this shape first, for up to a minute, unless that has been done: see `flashgmm tune`"},
    CLI_DATA_OPTIONS(fit_arguments),
    CLI_DEVICE_OPTIONS(fit_arguments),
    CLI_PATH_OPTION(fit_arguments),
    CLI_BLAS_OPTION(fit_arguments),
    CLI_OUTPUT_MODE_OPTIONS(fit_arguments),
    {.name = NULL},
};

static int print_json(const cli_training *training)
{
    const fgmm_fit_report *report = &training->report;
    cJSON *object = cJSON_CreateObject();
    cli_json_count(object, "rows", report->rows);
    cli_json_count(object, "dims", report->dims);
    cli_json_count(object, "components", report->components);
    cJSON_AddStringToObject(object, "covariance", fgmm_covariance_name(report->covariance));
    cJSON_AddStringToObject(object, "kernel", fgmm_backend_name(report->backend));
    cli_json_real(object, "error_bound_nats", report->error_bound_nats);
    cli_json_count(object, "terms", report->split_operands);
    cli_json_count(object, "iterations", report->iterations);
    cJSON_AddBoolToObject(object, "converged", report->stop_reason == FGMM_STOP_CONVERGED);
    cJSON_AddStringToObject(object, "stop_reason", fgmm_stop_reason_name(report->stop_reason));
    cli_json_real(object, "log_likelihood", report->log_likelihood);
    cJSON *history = cJSON_AddArrayToObject(object, "history");
    for (uint64_t i = 0; i < report->history_count; i++)
        cJSON_AddItemToArray(history, isfinite(report->history[i]) ? cJSON_CreateNumber(report->history[i])
                                                                   : cJSON_CreateNull());
    cli_training_add_json(object, training);
    return cli_json_print(object);
}

static void print_text(const cli_training *training)
{
    const fgmm_fit_report *report = &training->report;
    printf("rows            %llu, %llu dimensions\n", (unsigned long long)report->rows,
           (unsigned long long)report->dims);
    printf("components      %llu, %s covariance\n", (unsigned long long)report->components,
           fgmm_covariance_name(report->covariance));
    printf("iterations      %llu after %llu of k-means, stopped: %s\n", (unsigned long long)report->iterations,
           (unsigned long long)report->kmeans_iterations, cli_stop_text(report->stop_reason));
    printf("log-likelihood  %.9g (mean per row, nats)\n", report->log_likelihood);
    printf("error bound     %.2g nats, of float32, for a row near its components\n", report->error_bound_nats);
    cli_training_print(training);
}

/* The model is what was asked for; that there is a better way is for people. */
static void warn_of_few_steps(const cli_training *training)
{
    const fgmm_fit_report *report = &training->report;
    if (training->work->is_quiet || report->mini_batch_steps == 0 || report->mini_batch_steps >= FGMM_MINI_BATCH_STEPS)
        return;
    cli_error(CLI_EXIT_DONE,
              "--mini-batch: %llu rows make %llu steps per pass; under %d EM gains more in the same time, so leave "
              "--mini-batch out",
              (unsigned long long)report->rows, (unsigned long long)report->mini_batch_steps, FGMM_MINI_BATCH_STEPS);
}

static void warn_of_errors(const fgmm_fit_report *report)
{
    if (report->error_bound_nats > MOST_ERROR_NATS)
        cli_warning("log-likelihoods may be off by %.2g nats, and what depends on them: float32 is too coarse for some "
                    "component, which is narrow beside its distance from the data's mean, or nearly flat",
                    report->error_bound_nats);
}

static int print_result(const cli_training *training)
{
    warn_of_few_steps(training);
    warn_of_errors(&training->report);
    if (training->work->is_json) return print_json(training);
    const fit_arguments *arguments = training->arguments;
    print_text(training);
    if (arguments->page) printf("report          %s\n", arguments->page);
    return CLI_EXIT_DONE;
}

/* What is wrong whatever the data comes first, then what can be known without reading rows. */
static int check(cli_training *training)
{
    const fit_arguments *arguments = training->arguments;
    cli_start *start = &training->start;
    int exit_code = CLI_EXIT_DONE;
    CLI_DO(cli_start_read(start, arguments->init, arguments->components));
    if (start->is_centroids && arguments->kmeans_iter == 0)
        return cli_error(CLI_EXIT_USAGE,
                         "--kmeans-iter = 0; need 1 or more, since %s holds centroids without variances", start->path);
    CLI_DO(cli_start_check_runs(start, arguments->n_init));
    CLI_DO(cli_output_check_apart("--report", arguments->page, "--output", arguments->output));
    CLI_DO(cli_output_check_apart("--checkpoint", arguments->checkpoint, "--output", arguments->output));
    CLI_DO(cli_output_check_apart("--report", arguments->page, "--checkpoint", arguments->checkpoint));
    CLI_DO(cli_work_check_output(arguments->output, &arguments->work));
    CLI_DO(cli_work_check_output(arguments->page, &arguments->work));
    CLI_DO(cli_work_check_output(arguments->checkpoint, &arguments->work));
    CLI_DO(cli_start_load(start, arguments->components));
done:
    return exit_code;
}

static uint32_t kmeans_iterations(const fit_arguments *arguments, const cli_start *start)
{
    if (arguments->kmeans_iter != CLI_NOT_GIVEN) return (uint32_t)arguments->kmeans_iter;
    if (start->model && !start->is_centroids) return 0;
    return arguments->is_mini_batch ? MINI_BATCH_KMEANS_PASSES : KMEANS_ITERATIONS;
}

static uint32_t max_iterations(const fit_arguments *arguments)
{
    if (arguments->max_iter != CLI_NOT_GIVEN) return (uint32_t)arguments->max_iter;
    return arguments->is_mini_batch ? MINI_BATCH_PASSES : MAX_ITERATIONS;
}

static void fill_options(fgmm_fit_options *fit, cli_training *training)
{
    const fit_arguments *arguments = training->arguments;
    const cli_start *start = &training->start;
    fgmm_model_info info = fgmm_model_info_init();
    fit->components = cli_or_zero(arguments->components);
    if (start->model && fgmm_model_describe(start->model, &info) == FGMM_OK) {
        fit->components = info.components;
        fit->covariance = info.covariance;
    }
    if (arguments->covariance >= 0) fit->covariance = (fgmm_covariance)arguments->covariance;
    fit->init = start->init;
    fit->start = start->model;
    fit->kmeans_iterations = kmeans_iterations(arguments, start);
    fit->mini_batch = arguments->is_mini_batch;
    fit->max_iterations = max_iterations(arguments);
    fit->tolerance = arguments->tol;
    fit->reg_covar = arguments->reg_covar;
    fit->seed = arguments->seed;
    fit->n_init = (uint32_t)arguments->n_init;
    fit->batch_rows = cli_or_zero(arguments->work.batch_rows);
    fit->memory_limit_bytes = cli_or_zero(arguments->work.memory_limit);
    fit->progress = cli_progress_report;
    fit->progress_user = &training->progress;
    fit->checkpoint = arguments->checkpoint;
    fit->resume = arguments->resume;
    fit->weights = training->weights;
}

/* A run that ended early has left its last finished iteration in the checkpoint, unless that could not be written. */
static int report_failure(const fit_arguments *arguments, fgmm_status status, int has_iteration)
{
    const int is_kept = has_iteration && arguments->checkpoint && access(arguments->checkpoint, F_OK) == 0;
    if (is_kept && cli_interrupted())
        return cli_error(CLI_EXIT_INTERRUPTED, "interrupted; go on with the same command and --resume %s",
                         arguments->checkpoint);
    if (is_kept)
        return cli_error(CLI_EXIT_FAILED, "%s; the last iteration that was saved is in %s", fgmm_last_error(),
                         arguments->checkpoint);
    if (has_iteration && status == FGMM_DEVICE)
        return cli_error(CLI_EXIT_FAILED, "%s; with --checkpoint FILE the last finished iteration is kept",
                         fgmm_last_error());
    return cli_library(status);
}

static int tune(cli_training *training, const fgmm_fit_options *fit, fgmm_device *device, const fgmm_source *source)
{
    int exit_code = CLI_EXIT_DONE;
    fgmm_source_info info = fgmm_source_info_init();
    fgmm_tune_options wanted = fgmm_tune_options_init();
    CLI_DO(cli_library(fgmm_source_describe(source, &info)));
    wanted.components = fit->components;
    wanted.dims = info.dims;
    wanted.covariance = fit->covariance;
    wanted.type = info.type;
    wanted.keep_remembered = 1;
    CLI_DO(cli_tune(NULL, device, &wanted, &training->progress));
done:
    return exit_code;
}

static int train(cli_training *training, fgmm_model **model, fgmm_device *device, fgmm_source *source)
{
    fgmm_fit_options fit = fgmm_fit_options_init();
    const fit_arguments *arguments = training->arguments;
    fill_options(&fit, training);
    if (arguments->is_tuned) {
        const int exit_code = tune(training, &fit, device, source);
        if (exit_code != CLI_EXIT_DONE) return exit_code;
    }
    const fgmm_status status = fgmm_fit(model, device, source, &fit, &training->report);
    cli_progress_end(&training->progress);
    return status == FGMM_OK ? CLI_EXIT_DONE : report_failure(arguments, status, *model != NULL);
}

static int report_on(const cli_training *training, const fgmm_model *model, fgmm_device *device, fgmm_source *source)
{
    const fit_arguments *arguments = training->arguments;
    cli_fit_facts facts;
    int exit_code = CLI_EXIT_DONE;
    CLI_DO(cli_fit_facts_gather(&facts, training, model, device, source));
    CLI_DO(cli_fit_page_write(arguments->page, training, &facts, model));
done:
    cli_fit_facts_clear(&facts);
    return exit_code;
}

static int run(const void *user)
{
    const fit_arguments *arguments = user;
    cli_training training = {.arguments = arguments,
                             .work = &arguments->work,
                             .seed = arguments->seed,
                             .written = arguments->output,
                             .check = check,
                             .train = train,
                             .save = fgmm_model_save,
                             .report_on = arguments->page ? report_on : NULL,
                             .print = print_result};
    return cli_train(&training);
}

const cli_command cli_command_fit = {
    .name = "fit",
    .summary = "train a Gaussian mixture",
    .options = options,
    .notes =
        "The same data, options, seed and device give the same bytes. Ctrl-C, SIGTERM, and SIGHUP where a terminal\n"
        "goes away, stop after the present batch: with --checkpoint the last finished iteration is kept, otherwise\n"
        "nothing is written. A second Ctrl-C ends the program at once.\n"
        "With weights a row counts as often as its weight says: whole numbers do what repeating rows does, and\n"
        "weights of 1 change no byte. Log-likelihoods are means over the sum of the weights.\n"
        "--json prints: rows dims components covariance kernel error_bound_nats terms iterations converged\n"
        "stop_reason log_likelihood history seconds{read,init,em,total} rows_per_second\n"
        "device{name,platform,driver} peak_device_bytes peak_host_bytes tile seed, with --weights total_weight, and\n"
        "with several runs best_run (from 0) and runs, the log-likelihood of each. error_bound_nats bounds the "
        "float32\n"
        "error of a row near its components; a line on stderr says if it is above 0.01. Rows far from all components\n"
        "also have an error relative to their log-likelihood.\n",
    .examples = "  flashgmm fit data.npy -k 64 -o model.safetensors\n"
                "  flashgmm fit base.fvecs -k 1024 -o model.safetensors --tol 1e-4 --seed 7 --json > report.json\n"
                "  flashgmm fit data.csv -k 3 -o model.safetensors --covariance diag --report report.html\n"
                "  flashgmm fit huge.u8bin -k 4096 -o model.safetensors --memory-limit 8G --checkpoint ck.safetensors\n"
                "  flashgmm fit huge.u8bin -k 4096 -o model.safetensors --memory-limit 8G --checkpoint ck.safetensors "
                "--resume ck.safetensors\n"
                "  flashgmm fit new.npy -o better.safetensors --init model.safetensors\n"
                "  flashgmm fit data.npy -k 64 -o model.safetensors --weights weights.npy\n"
                "  cat data.npy | flashgmm fit - -k 8 -o model.safetensors\n",
    .arguments_bytes = sizeof(fit_arguments),
    .run = run,
};
