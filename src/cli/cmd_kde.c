/* cmd_kde.c - `flashgmm kde`: the log-density of queries under a kernel density estimate from the data. */
#include "commands.h"
#include "places.h"
#include "work.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct kde_arguments {
    const char *queries, *output;
    double bandwidth;
    cli_work_arguments work;
} kde_arguments;

static const cli_option options[] = {
    CLI_DATA_OPERAND(kde_arguments, work.data),
    {.name = "QUERIES",
     .kind = CLI_OPTION_OPERAND,
     .offset = offsetof(kde_arguments, queries),
     .help = "rows whose density is asked for, in any format of data"},
    {.name = "bandwidth",
     .kind = CLI_OPTION_REAL,
     .offset = offsetof(kde_arguments, bandwidth),
     .value = "H",
     .is_positive = 1,
     .least_real = 1e-100,
     .most_real = 1e100,
     .is_required = 1,
     .help = "the deviation of the Gaussian about each row, in units of the data"},
    {.name = "output",
     .letter = 'o',
     .kind = CLI_OPTION_OUTPUT,
     .endings = cli_numbers_endings,
     .is_stdout = 1,
     .offset = offsetof(kde_arguments, output),
     .value = "FILE",
     .is_required = 1,
     .help =
         "where the log-densities go: float64, one per query, in nats; a name ending with .npy, or .csv for text; -: "
         ".npy on standard output"},
    CLI_DATA_OPTIONS(kde_arguments),
    CLI_DEVICE_OPTIONS(kde_arguments),
    CLI_PATH_OPTION(kde_arguments),
    CLI_OUTPUT_MODE_OPTIONS(kde_arguments),
    {.name = NULL},
};

static int check(const kde_arguments *arguments)
{
    int exit_code = CLI_EXIT_DONE;
    CLI_DO(cli_output_check(arguments->output, arguments->work.data));
    CLI_DO(cli_output_check(arguments->output, arguments->queries));
done:
    return exit_code;
}

static int estimate(const kde_arguments *arguments, double *density, fgmm_source *data, fgmm_source *queries)
{
    int exit_code = CLI_EXIT_DONE;
    fgmm_device *device = NULL;
    fgmm_evaluate_options evaluate = fgmm_evaluate_options_init();
    cli_progress progress;
    cli_progress_begin(&progress, arguments->work.is_quiet, "kde");
    evaluate.batch_rows = cli_or_zero(arguments->work.batch_rows);
    evaluate.memory_limit_bytes = cli_or_zero(arguments->work.memory_limit);
    evaluate.progress = cli_progress_report;
    evaluate.progress_user = &progress;
    CLI_DO(cli_open_device(&device, &arguments->work, &progress));
    cli_signals_catch();
    const fgmm_status status = fgmm_kde(density, device, data, queries, arguments->bandwidth, &evaluate);
    cli_progress_end(&progress);
    CLI_DO(cli_library(status));
done:
    fgmm_device_close(device);
    return exit_code;
}

static int write_densities(const kde_arguments *arguments, const double *density, const fgmm_source *queries,
                           uint64_t count)
{
    int exit_code = CLI_EXIT_DONE;
    const double no_density = (double)NAN; /* of queries that were left out */
    cli_places places = cli_places_begin(queries);
    fgmm_writer *output = NULL;
    CLI_DO(cli_library(fgmm_writer_open(&output, arguments->output, "<f8", 0)));
    CLI_DO(cli_library(cli_places_append(&places, output, density, sizeof *density, count, &no_density)));
    CLI_DO(cli_library(cli_places_finish(&places, output, &no_density)));
    CLI_DO(cli_writer_commit(&output));
done:
    fgmm_writer_abandon(output);
    return exit_code;
}

static int run(const void *user)
{
    const kde_arguments *arguments = user;
    int exit_code = CLI_EXIT_DONE;
    fgmm_source *data = NULL, *queries = NULL;
    fgmm_source_info of_data = fgmm_source_info_init(), of_queries = fgmm_source_info_init();
    double *density = NULL;
    CLI_DO(check(arguments));
    CLI_DO(cli_open_data(&data, arguments->work.data, &arguments->work));
    CLI_DO(cli_open_more_data(&queries, arguments->queries, &arguments->work));
    CLI_DO(cli_library(fgmm_source_describe(data, &of_data)));
    CLI_DO(cli_library(fgmm_source_describe(queries, &of_queries)));
    density = calloc(of_queries.rows, sizeof *density);
    if (!density)
        CLI_DO(cli_error(CLI_EXIT_FAILED, "%s: memory ran out: %llu densities", arguments->queries,
                         (unsigned long long)of_queries.rows));
    CLI_DO(estimate(arguments, density, data, queries));
    CLI_DO(write_densities(arguments, density, queries, of_queries.rows));
    const cli_written written = {of_data.rows, of_data.skipped_rows, "queries", of_queries.rows, arguments->output};
    CLI_DO(cli_print_written(&arguments->work, &written));
done:
    free(density);
    fgmm_source_close(queries);
    fgmm_source_close(data);
    return exit_code;
}

const cli_command cli_command_kde = {
    .name = "kde",
    .summary = "log-densities under a kernel density estimate",
    .options = options,
    .notes =
        "Gaussian kernels, normalised: as scikit-learn's KernelDensity. The data are streamed once, the queries once\n"
        "for every few thousand rows of the data. Queries that --skip-nan-rows leaves out have a density of NaN.\n"
        "--json prints: rows (of DATA) queries written, with --skip-nan-rows skipped_rows (of DATA).\n",
    .examples = "  flashgmm kde data.npy queries.npy --bandwidth 0.2 -o log_densities.npy\n",
    .arguments_bytes = sizeof(kde_arguments),
    .run = run,
};
