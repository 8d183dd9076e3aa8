/* work.c - opening data and devices as the common options say, and one streamed pass of a model over data. */
#include "work.h"

#include <stdio.h>
#include <string.h>

const char *const cli_kernel_choices[] = {"auto", "vector", "group", "matrix", NULL};
const char *const cli_path_choices[] = {"auto", "sparse", "dense", NULL};

uint64_t cli_or_zero(uint64_t count)
{
    return count == CLI_NOT_GIVEN ? 0 : count;
}

int cli_open_data(fgmm_source **source, const char *path, const cli_work_arguments *work)
{
    fgmm_file_options options = FGMM_FILE_OPTIONS_INIT;
    options.dataset = work->dataset;
    /* Of standard input, half of the limit may be held as rows; the other half is for the work on them. */
    options.memory_limit_bytes = cli_or_zero(work->memory_limit) / 2;
    return cli_library(fgmm_source_open(source, path, &options));
}

int cli_open_weights(fgmm_source **weights, const cli_work_arguments *work)
{
    fgmm_file_options options = FGMM_FILE_OPTIONS_INIT;
    if (!work->weights) return CLI_EXIT_DONE;
    if (strcmp(work->weights, "-") == 0 && strcmp(work->data, "-") == 0)
        return cli_error(CLI_EXIT_USAGE, "--weights = -; need a file, since standard input holds the rows");
    options.dataset = "weights";
    return cli_library(fgmm_source_open(weights, work->weights, &options));
}

int cli_work_check_output(const char *path, const cli_work_arguments *work)
{
    const int exit_code = cli_output_check(path, work->data);
    return exit_code != CLI_EXIT_DONE ? exit_code : cli_output_check(path, work->weights);
}

int cli_open_device(fgmm_device **device, const cli_work_arguments *work, cli_progress *progress)
{
    fgmm_device_options options = FGMM_DEVICE_OPTIONS_INIT;
    options.match = work->device;
    options.family = (fgmm_kernel_family)work->kernel;
    options.log = cli_progress_log;
    options.log_user = progress;
    return cli_library(fgmm_device_open(device, &options));
}

/* What the library calls back with: the command's sink and a place to keep the text of its failure, which the
 * library's own "cancelled" would replace. */
typedef struct sink_state {
    cli_evaluation *evaluation;
    fgmm_status status;
    char text[1024];
} sink_state;

static int take_batch(void *user, const fgmm_evaluation *batch)
{
    sink_state *state = user;
    state->status = state->evaluation->sink(state->evaluation->user, batch);
    if (state->status == FGMM_OK) return 0;
    snprintf(state->text, sizeof state->text, "%s", fgmm_last_error());
    return 1;
}

static int run_pass(cli_evaluation *evaluation, fgmm_device *device, const fgmm_model *model, fgmm_source *source,
                    cli_progress *progress)
{
    sink_state state = {.evaluation = evaluation};
    fgmm_evaluate_options options = FGMM_EVALUATE_OPTIONS_INIT;
    options.want_log_likelihood = evaluation->want_log_likelihood;
    options.want_labels = evaluation->want_labels;
    options.top = evaluation->top;
    options.batch_rows = cli_or_zero(evaluation->work->batch_rows);
    options.memory_limit_bytes = cli_or_zero(evaluation->work->memory_limit);
    options.path = (fgmm_path)evaluation->work->path;
    options.progress = cli_progress_report;
    options.progress_user = progress;
    const int has_mean = evaluation->want_log_likelihood || evaluation->top > 0; /* labels alone need no densities */
    const fgmm_status status = fgmm_evaluate(device, model, source, &options, take_batch, &state,
                                             has_mean ? &evaluation->mean_log_likelihood : NULL, &evaluation->rows);
    cli_progress_end(progress);
    if (state.status != FGMM_OK) return cli_error(CLI_EXIT_FAILED, "%s", state.text);
    return cli_library(status);
}

int cli_evaluate(cli_evaluation *evaluation)
{
    int exit_code = CLI_EXIT_DONE;
    fgmm_model *model = NULL;
    fgmm_source *source = NULL;
    fgmm_device *device = NULL;
    fgmm_model_info info = FGMM_MODEL_INFO_INIT;
    cli_progress progress;
    cli_progress_begin(&progress, evaluation->work->is_quiet, evaluation->name);

    CLI_DO(cli_library(fgmm_model_load(&model, evaluation->work->model)));
    CLI_DO(cli_library(fgmm_model_describe(model, &info)));
    evaluation->components = info.components;
    CLI_DO(cli_open_data(&source, evaluation->work->data, evaluation->work));
    CLI_DO(cli_open_device(&device, evaluation->work, &progress));
    cli_signals_catch();
    CLI_DO(evaluation->prepare(evaluation->user, model));
    CLI_DO(run_pass(evaluation, device, model, source, &progress));
    evaluation->criteria = (fgmm_criteria)FGMM_CRITERIA_INIT;
    CLI_DO(cli_library(
        fgmm_criteria_from(&evaluation->criteria, model, evaluation->mean_log_likelihood, evaluation->rows)));
done:
    fgmm_device_close(device);
    fgmm_source_close(source);
    fgmm_model_free(model);
    return exit_code;
}

int cli_print_written(const cli_work_arguments *work, uint64_t rows, const char *count_name, uint64_t count,
                      const char *path)
{
    if (work->is_json) {
        cJSON *object = cJSON_CreateObject();
        cli_json_count(object, "rows", rows);
        cli_json_count(object, count_name, count);
        cJSON_AddStringToObject(object, "written", path);
        return cli_json_print(object);
    }
    printf("%-16s%llu\n%-16s%llu\n%-16s%s\n", "rows", (unsigned long long)rows, count_name, (unsigned long long)count,
           "written", path);
    return CLI_EXIT_DONE;
}
