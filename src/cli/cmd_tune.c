/* cmd_tune.c - `flashgmm tune`: finds fast kernel tiles for a shape on a device; later runs use them. */
#include "commands.h"
#include "covariance.h"
#include "fit_kmeans.h"
#include "tuning.h"

#include <math.h>
#include <stdio.h>

typedef struct tune_arguments {
    uint64_t components, dims;
    int covariance, type; /* fgmm_covariance, fgmm_type */
    double budget_s;
    cli_work_arguments work;
} tune_arguments;

static const char *const type_choices[] = {"u8", "i8", "f16", "f32", "f64", NULL};

static const cli_option options[] = {
    {.name = "components",
     .letter = 'k',
     .kind = CLI_OPTION_COUNT,
     .offset = offsetof(tune_arguments, components),
     .value = "K",
     .least = 1,
     .most = INT32_MAX,
     .is_required = 1,
     .help = "how many Gaussians or centroids"},
    {.name = "dims",
     .letter = 'd',
     .kind = CLI_OPTION_COUNT,
     .offset = offsetof(tune_arguments, dims),
     .value = "D",
     .least = 1,
     .most = INT32_MAX,
     .is_required = 1,
     .help = "how many numbers a row has"},
    {.name = "covariance",
     .kind = CLI_OPTION_CHOICE,
     .offset = offsetof(tune_arguments, covariance),
     .choice = cli_covariance_choice,
     .fallback = "spherical",
     .help = "of the mixture; k-means uses what was found for spherical"},
    {.name = "type",
     .kind = CLI_OPTION_CHOICE,
     .offset = offsetof(tune_arguments, type),
     .choices = type_choices,
     .fallback = "f32",
     .help = "of the rows, as `flashgmm info` tells it"},
    {.name = "budget",
     .kind = CLI_OPTION_REAL,
     .offset = offsetof(tune_arguments, budget_s),
     .value = "SECONDS",
     .fallback = "60",
     .help = "most time for trying tiles"},
    CLI_DEVICE_OPTIONS(tune_arguments),
    CLI_OUTPUT_MODE_OPTIONS(tune_arguments),
    {.name = NULL},
};

static int print_json(const tune_arguments *arguments, const fgmm_tune_report *report, const fgmm_device_info *info)
{
    cJSON *object = cJSON_CreateObject();
    cli_json_count(object, "components", arguments->components);
    cli_json_count(object, "dims", arguments->dims);
    cJSON_AddStringToObject(object, "covariance", cli_covariance_choice(arguments->covariance));
    cJSON_AddStringToObject(object, "type", type_choices[arguments->type]);
    cJSON_AddStringToObject(object, "kernel", fgmm_backend_name(report->backend));
    cJSON_AddStringToObject(object, "tile", report->tile);
    cJSON_AddStringToObject(object, "shipped_tile", report->shipped_tile);
    cli_json_count(object, "batch_rows", report->batch_rows);
    cJSON *seconds = cJSON_AddObjectToObject(object, "seconds");
    cli_json_real(seconds, "shipped", report->shipped_s);
    cli_json_real(seconds, "tuned", report->tuned_s);
    cli_json_real(seconds, "shipped_dense", report->shipped_dense_s);
    cli_json_real(seconds, "tuned_dense", report->tuned_dense_s);
    cli_json_real(seconds, "total", report->elapsed_s);
    cli_json_count(object, "tried", report->tried);
    cli_json_count(object, "failed", report->failed);
    cli_json_count(object, "wrong", report->wrong);
    cli_json_count(object, "skipped", report->skipped);
    cJSON_AddBoolToObject(object, "is_complete", report->is_complete);
    cJSON *device = cJSON_AddObjectToObject(object, "device");
    cJSON_AddStringToObject(device, "name", info->name);
    cJSON_AddStringToObject(device, "platform", info->platform);
    cJSON_AddStringToObject(device, "driver", info->driver);
    cJSON_AddStringToObject(object, "written", report->file);
    return cli_json_print(object);
}

static void print_text(const fgmm_tune_report *report, const fgmm_device_info *info)
{
    printf("device          %s (%s), %s kernels\n", info->name, info->platform, fgmm_backend_name(report->backend));
    printf("tile            %s\n", report->tile);
    if (!isfinite(report->shipped_s) || !isfinite(report->shipped_dense_s)) {
        printf("speed           the shipped tile does not work here\n");
    } else {
        printf("speed           %.2f times that of the shipped tile", report->shipped_s / report->tuned_s);
        if (report->tuned_dense_s > 0)
            printf("; on the dense path %.2f times", report->shipped_dense_s / report->tuned_dense_s);
        putchar('\n');
    }
    printf("tried           %llu tiles: %llu did not build or run, %llu gave wrong results, %llu were skipped\n",
           (unsigned long long)report->tried, (unsigned long long)report->failed, (unsigned long long)report->wrong,
           (unsigned long long)report->skipped);
    printf("time            %.1f s%s\n", report->elapsed_s, report->is_complete ? "" : ", the budget ended the search");
    printf("written         %s\n", report->file);
}

static int run(const void *user)
{
    const tune_arguments *arguments = user;
    int exit_code = CLI_EXIT_DONE;
    fgmm_device *device = NULL;
    fgmm_device_info info = fgmm_device_info_init();
    fgmm_tune_report report = fgmm_tune_report_init();
    fgmm_tune_options tune = fgmm_tune_options_init();
    cli_progress progress;
    cli_progress_begin(&progress, arguments->work.is_quiet, "tuning");
    if (!(arguments->budget_s > 0))
        return cli_error(CLI_EXIT_USAGE, "--budget = %g; need a number of seconds above 0", arguments->budget_s);
    tune.components = arguments->components;
    tune.dims = arguments->dims;
    tune.covariance = (fgmm_covariance)arguments->covariance;
    tune.type = (fgmm_type)arguments->type;
    tune.budget_s = arguments->budget_s;
    CLI_DO(cli_open_device(&device, &arguments->work, &progress));
    CLI_DO(cli_library(fgmm_device_describe(device, &info)));
    cli_signals_catch();
    CLI_DO(cli_tune(&report, device, &tune, &progress));
    if (arguments->work.is_json)
        CLI_DO(print_json(arguments, &report, &info));
    else
        print_text(&report, &info);
done:
    fgmm_device_close(device);
    return exit_code;
}

const cli_command cli_command_tune = {
    .name = "tune",
    .summary = "find fast kernels for a shape on a device, and remember them",
    .options = options,
    .notes = "What is found serves every later run on the device, for this shape and for those near it, and changes\n"
             "results by rounding only. It stands in tiles.txt in the cache folder, a text that may be read, edited,\n"
             "copied and deleted. Each tile is compared with the reference before it is timed. --json prints:\n"
             "components dims covariance type kernel tile shipped_tile batch_rows\n"
             "seconds{shipped,tuned,shipped_dense,tuned_dense,total} tried failed wrong skipped is_complete\n"
             "device{name,platform,driver} written.\n",
    .examples = "  flashgmm tune -k 1024 -d 128 --type u8\n"
                "  flashgmm tune -k 64 -d 16 --covariance diag --budget 20 --device 1 --json\n",
    .arguments_bytes = sizeof(tune_arguments),
    .run = run,
};
