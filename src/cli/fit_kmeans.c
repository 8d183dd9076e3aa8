/* fit_kmeans.c - behind fit_kmeans.h. */
#define _POSIX_C_SOURCE 200809L
#include "fit_kmeans.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

int cli_start_read(cli_start *start, const char *text, uint64_t components)
{
    static const char *const words[] = {[FGMM_INIT_KMEANSPP] = "kmeans++",
                                        [FGMM_INIT_RANDOM] = "random",
                                        [FGMM_INIT_KMEANS_PARALLEL] = "kmeans-parallel",
                                        [FGMM_INIT_AUTO] = "auto"};
    start->init = FGMM_INIT_MODEL;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (words[i] && strcmp(text, words[i]) == 0) start->init = (fgmm_init)i;
    if (start->init != FGMM_INIT_MODEL && components == CLI_NOT_GIVEN)
        return cli_error(CLI_EXIT_USAGE, "-k is missing; need the number of components, such as -k 64");
    if (start->init != FGMM_INIT_MODEL) return CLI_EXIT_DONE;
    if (!strpbrk(text, "./") && access(text, F_OK) != 0)
        return cli_error(CLI_EXIT_USAGE,
                         "--init = %s; need auto, kmeans++, kmeans-parallel, random or the name of a "
                         "model file",
                         text);
    start->path = text;
    start->is_centroids = cli_ends_with(text, ".npy") || cli_ends_with(text, ".fvecs");
    return CLI_EXIT_DONE;
}

int cli_start_load(cli_start *start, uint64_t components)
{
    if (!start->path) return CLI_EXIT_DONE;
    int exit_code = CLI_EXIT_DONE;
    fgmm_model_info info = fgmm_model_info_init();
    CLI_DO(cli_library(fgmm_model_load(&start->model, start->path)));
    CLI_DO(cli_library(fgmm_model_describe(start->model, &info)));
    if (components != CLI_NOT_GIVEN && components != info.components)
        exit_code = cli_error(CLI_EXIT_FAILED, "--components = %llu, but %s holds %llu components; leave -k out",
                              (unsigned long long)components, start->path, (unsigned long long)info.components);
done:
    return exit_code;
}

int cli_start_check_runs(const cli_start *start, uint64_t n_init)
{
    if (n_init == 1 || start->init != FGMM_INIT_MODEL) return CLI_EXIT_DONE;
    return cli_error(CLI_EXIT_USAGE, "--n-init = %llu; need 1, since --init %s begins every run alike",
                     (unsigned long long)n_init, start->path);
}

const char *cli_stop_text(fgmm_stop_reason reason)
{
    switch (reason) {
    case FGMM_STOP_CONVERGED:
        return "converged (the change fell under --tol)";
    case FGMM_STOP_MAX_ITERATIONS:
        return "the limit --max-iter was reached";
    case FGMM_STOP_CANCELLED:
        return "cancelled";
    case FGMM_STOP_FAILED:
        break;
    }
    return "failed";
}

double cli_training_rows_per_second(const cli_training *training)
{
    return training->report.em_s > 0 ? (double)training->progress.row_visits / training->report.em_s : 0;
}

uint64_t cli_peak_host_bytes(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024 : 0; /* Linux counts KiB */
}

void cli_training_add_json(cJSON *object, const cli_training *training)
{
    const fgmm_fit_report *report = &training->report;
    cJSON *seconds = cJSON_AddObjectToObject(object, "seconds");
    cli_json_real(seconds, "read", report->read_s);
    cli_json_real(seconds, "compile", report->compile_s);
    cli_json_real(seconds, "init", report->init_s);
    cli_json_real(seconds, "em", report->em_s);
    cli_json_real(seconds, "total", report->total_s);
    cli_json_real(object, "rows_per_second", cli_training_rows_per_second(training));
    cJSON *device = cJSON_AddObjectToObject(object, "device");
    cJSON_AddStringToObject(device, "name", training->device.name);
    cJSON_AddStringToObject(device, "platform", training->device.platform);
    cJSON_AddStringToObject(device, "driver", training->device.driver);
    cli_json_count(object, "peak_device_bytes", report->peak_device_bytes);
    cli_json_count(object, "peak_host_bytes", cli_peak_host_bytes());
    cJSON_AddStringToObject(object, "tile", report->tile);
    cli_json_count(object, "seed", training->seed);
    cli_add_skipped(object, training->work, training->skipped);
    if (training->weights) cli_json_real(object, "total_weight", report->total_weight);
    if (report->run_count < 2) return;
    cli_json_count(object, "best_run", report->best_run);
    cJSON *runs = cJSON_AddArrayToObject(object, "runs");
    for (uint64_t i = 0; i < report->run_count; i++)
        cJSON_AddItemToArray(runs, cJSON_CreateNumber(report->run_objectives[i]));
}

void cli_training_print(const cli_training *training)
{
    const fgmm_fit_report *report = &training->report;
    char rate[CLI_NUMBER_BYTES];
    cli_print_skipped("", training->work, training->skipped);
    if (training->weights) printf("weights         %.9g in all\n", report->total_weight);
    if (report->run_count > 1) {
        printf("runs            %llu, the best was number %llu:", (unsigned long long)report->run_count,
               (unsigned long long)report->best_run + 1);
        for (uint64_t i = 0; i < report->run_count; i++) printf(" %.7g", report->run_objectives[i]);
        putchar('\n');
    }
    if (report->reseeded)
        printf("repaired        %llu components had lost their rows and were placed anew\n",
               (unsigned long long)report->reseeded);
    printf("device          %s (%s), %s kernels\n", training->device.name, training->device.platform,
           fgmm_backend_name(report->backend));
    printf("time            %.2f s: compiling %.2f, init %.2f, iterations %.2f, of which waiting for data %.2f; "
           "%s rows/s\n",
           report->total_s, report->compile_s, report->init_s, report->em_s, report->read_s,
           cli_quantity_text(rate, cli_training_rows_per_second(training)));
    printf("written         %s\n", cli_standard_output_name(training->written));
}

int cli_train(cli_training *training)
{
    int exit_code = CLI_EXIT_DONE;
    fgmm_source *source = NULL;
    fgmm_device *device = NULL;
    fgmm_model *model = NULL;
    training->report = fgmm_fit_report_init();
    training->device = fgmm_device_info_init();
    cli_progress_begin(&training->progress, training->work->is_quiet, "final pass");

    CLI_DO(training->check(training));
    CLI_DO(cli_work_check_weights(training->work));
    CLI_DO(cli_open_data(&source, training->work->data, training->work));
    training->skipped = cli_skipped_rows(source);
    CLI_DO(cli_open_weights(&training->weights, source, training->work));
    CLI_DO(cli_open_device(&device, training->work, &training->progress));
    CLI_DO(cli_library(fgmm_device_describe(device, &training->device)));
    cli_signals_catch();
    CLI_DO(training->train(training, &model, device, source));
    CLI_DO(cli_model_save(training->save, model, training->written));
    if (training->report_on) CLI_DO(training->report_on(training, model, device, source));
    CLI_DO(training->print(training));
done:
    fgmm_fit_report_clear(&training->report);
    fgmm_model_free(model);
    fgmm_device_close(device);
    fgmm_source_close(source);
    fgmm_source_close(training->weights);
    fgmm_model_free(training->start.model);
    return exit_code;
}
