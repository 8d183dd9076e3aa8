/* work.c - opening data and devices as the common options say, and one streamed pass of a model over data. */
#include "work.h"

#include "flashgmm/testing.h"

#include <stdio.h>
#include <string.h>

const char *const cli_kernel_choices[] = {"auto", "vector", "group", "matrix", NULL};
const char *const cli_path_choices[] = {"auto", "sparse", "dense", NULL};
const char *const cli_blas_choices[] = {"auto", "own", "clblast", NULL};
const char *const cli_format_choices[] = {"npy",   "npz",   "fvecs", "bvecs", "fbin",
                                          "u8bin", "i8bin", "hdf5",  "csv",   NULL};

uint64_t cli_or_zero(uint64_t count)
{
    return count == CLI_NOT_GIVEN ? 0 : count;
}

/* Opens, and says what the library thinks of the file. */
static int open_source(fgmm_source **source, const char *path, const fgmm_file_options *options)
{
    int exit_code = CLI_EXIT_DONE;
    fgmm_source_info info = fgmm_source_info_init();
    const fgmm_status status = fgmm_source_open(source, path, options);
    CLI_DO(cli_library(status));
    CLI_DO(cli_library(fgmm_source_describe(*source, &info)));
    if (info.warning[0]) cli_warning("%s", info.warning);
done:
    return exit_code;
}

/* What is wrong with --columns whatever the data: a part that is empty. */
static int check_columns(const char *text)
{
    if (!text) return CLI_EXIT_DONE;
    for (const char *at = text; at; at = strchr(at, ',')) {
        at += at > text;
        if (*at == 0 || *at == ',')
            return cli_error(CLI_EXIT_USAGE, "--columns = %s; need names or numbers between commas", text);
    }
    return CLI_EXIT_DONE;
}

static int open_data(fgmm_source **source, const char *path, int format, const cli_work_arguments *work)
{
    fgmm_file_options options = fgmm_file_options_init();
    options.dataset = work->dataset;
    options.format = format >= 0 ? cli_format_choices[format] : NULL;
    options.columns = work->columns;
    options.skip_nan_rows = work->skips_nan;
    /* Of what can be read only once, half of the limit may be held as rows; the other half is for the work on them. */
    options.memory_limit_bytes = cli_or_zero(work->memory_limit) / 2;
    const int exit_code = check_columns(work->columns);
    return exit_code != CLI_EXIT_DONE ? exit_code : open_source(source, path, &options);
}

int cli_open_data(fgmm_source **source, const char *path, const cli_work_arguments *work)
{
    return open_data(source, path, work->format, work);
}

int cli_open_more_data(fgmm_source **source, const char *path, const cli_work_arguments *work)
{
    return open_data(source, path, fgmm_source_format_of(path) ? -1 : work->format, work);
}

uint64_t cli_skipped_rows(const fgmm_source *source)
{
    fgmm_source_info info = fgmm_source_info_init();
    return source && fgmm_source_describe(source, &info) == FGMM_OK ? info.skipped_rows : 0;
}

void cli_add_skipped(cJSON *object, const cli_work_arguments *work, uint64_t skipped)
{
    if (work->skips_nan) cli_json_count(object, "skipped_rows", skipped);
}

void cli_print_skipped(const char *lead, const cli_work_arguments *work, uint64_t skipped)
{
    if (work->skips_nan) printf("%sskipped         %llu rows with NaN\n", lead, (unsigned long long)skipped);
}

int cli_open_weights(fgmm_source **weights, const fgmm_source *data, const cli_work_arguments *work)
{
    fgmm_file_options options = fgmm_file_options_init();
    if (!work->weights) return CLI_EXIT_DONE;
    const char *format = fgmm_source_format_of(work->weights);
    if (format && strcmp(format, "hdf5") == 0) options.dataset = "weights";
    options.skip_like = data;
    return open_source(weights, work->weights, &options);
}

int cli_work_check_weights(const cli_work_arguments *work)
{
    if (!work->weights || strcmp(work->weights, "-") != 0 || strcmp(work->data, "-") != 0) return CLI_EXIT_DONE;
    return cli_error(CLI_EXIT_USAGE, "--weights = -; need a file, since standard input holds the rows");
}

int cli_work_check_output(const char *path, const cli_work_arguments *work)
{
    const int exit_code = cli_output_check(path, work->data);
    return exit_code != CLI_EXIT_DONE ? exit_code : cli_output_check(path, work->weights);
}

int cli_open_device(fgmm_device **device, const cli_work_arguments *work, cli_progress *progress)
{
    int exit_code = CLI_EXIT_DONE;
    fgmm_device_options options = fgmm_device_options_init();
    options.match = work->device;
    options.log = cli_progress_log;
    options.log_user = progress;
    CLI_DO(cli_library(fgmm_device_open(device, &options)));
    CLI_DO(cli_library(fgmm_device_force_backend(*device, (fgmm_backend)work->kernel)));
    CLI_DO(cli_library(fgmm_device_force_path(*device, (fgmm_path)work->path)));
    CLI_DO(cli_library(fgmm_device_force_blas(*device, (fgmm_blas)work->blas)));
done:
    return exit_code;
}

/* What the library calls back with: the command's sink and a place to keep the text of its failure, which the
 * library's own "cancelled" would replace. */
typedef struct sink_state {
    cli_evaluation *evaluation;
    fgmm_status status;
    char text[1024];
} sink_state;

static int call_sink(void *user, const fgmm_evaluation *batch)
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
    fgmm_evaluate_options options = fgmm_evaluate_options_init();
    options.sink = call_sink;
    options.sink_user = &state;
    options.want_log_likelihood = evaluation->want_log_likelihood;
    options.want_labels = evaluation->want_labels;
    options.top = evaluation->top;
    options.batch_rows = cli_or_zero(evaluation->work->batch_rows);
    options.memory_limit_bytes = cli_or_zero(evaluation->work->memory_limit);
    options.progress = cli_progress_report;
    options.progress_user = progress;
    fgmm_evaluate_report report = fgmm_evaluate_report_init();
    const fgmm_status status = fgmm_evaluate(device, model, source, &options, &report);
    evaluation->mean_log_likelihood = report.mean_log_likelihood;
    evaluation->rows = report.rows;
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
    fgmm_model_info info = fgmm_model_info_init();
    cli_progress progress;
    cli_progress_begin(&progress, evaluation->work->is_quiet, evaluation->name);

    CLI_DO(cli_library(fgmm_model_load(&model, evaluation->work->model)));
    CLI_DO(cli_library(fgmm_model_describe(model, &info)));
    evaluation->components = info.components;
    CLI_DO(cli_open_data(&source, evaluation->work->data, evaluation->work));
    CLI_DO(cli_open_device(&device, evaluation->work, &progress));
    cli_signals_catch();
    CLI_DO(evaluation->prepare(evaluation->user, model, source));
    evaluation->skipped = cli_skipped_rows(source);
    CLI_DO(run_pass(evaluation, device, model, source, &progress));
    if (evaluation->finish) CLI_DO(cli_library(evaluation->finish(evaluation->user)));
    evaluation->criteria = fgmm_criteria_init();
    CLI_DO(cli_library(
        fgmm_criteria_from(&evaluation->criteria, model, evaluation->mean_log_likelihood, evaluation->rows)));
done:
    fgmm_device_close(device);
    fgmm_source_close(source);
    fgmm_model_free(model);
    return exit_code;
}

int cli_print_written(const cli_work_arguments *work, const cli_written *written)
{
    if (work->is_json) {
        cJSON *object = cJSON_CreateObject();
        cli_json_count(object, "rows", written->rows);
        cli_add_skipped(object, work, written->skipped);
        cli_json_count(object, written->count_name, written->count);
        cJSON_AddStringToObject(object, "written", written->path);
        if (written->files[0]) {
            cJSON *files = cJSON_AddArrayToObject(object, "files");
            for (int i = 0; written->files[i]; i++) cJSON_AddItemToArray(files, cJSON_CreateString(written->files[i]));
        }
        return cli_json_print(object);
    }
    printf("%-16s%llu\n", "rows", (unsigned long long)written->rows);
    cli_print_skipped("", work, written->skipped);
    printf("%-16s%llu\n", written->count_name, (unsigned long long)written->count);
    if (!written->files[0]) printf("%-16s%s\n", "written", cli_standard_output_name(written->path));
    for (int i = 0; written->files[i]; i++) printf("%-16s%s\n", i == 0 ? "written" : "", written->files[i]);
    return CLI_EXIT_DONE;
}
