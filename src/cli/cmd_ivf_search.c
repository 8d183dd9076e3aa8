/* cmd_ivf_search.c - `flashgmm ivf search`: the nearest rows of each query, to files. */
#include "ivf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct search_arguments {
    const char *index, *queries, *output, *distances;
    uint64_t top, nprobe;
    double recall;
    cli_work_arguments work;
} search_arguments;

static const cli_option options[] = {
    CLI_INDEX_OPERAND(search_arguments, index),
    CLI_QUERIES_OPERAND(search_arguments, queries),
    {.name = "output",
     .letter = 'o',
     .kind = CLI_OPTION_TEXT,
     .offset = offsetof(search_arguments, output),
     .value = "IDS",
     .is_required = 1,
     .help = "where the ids go, one row per query, nearest first, -1 where there are fewer: .npy (int64) or .ivecs"},
    {.name = "top",
     .kind = CLI_OPTION_COUNT,
     .offset = offsetof(search_arguments, top),
     .value = "N",
     .least = 1,
     .most = FGMM_TOP_MAX,
     .fallback = "10",
     .help = "results per query"},
    {.name = "nprobe",
     .kind = CLI_OPTION_COUNT,
     .offset = offsetof(search_arguments, nprobe),
     .value = "P",
     .least = 1,
     .help = "look into the P nearest lists of each query, instead of --recall"},
    {.name = "recall",
     .kind = CLI_OPTION_REAL,
     .offset = offsetof(search_arguments, recall),
     .value = "R",
     .is_positive = 1,
     .most_real = 1,
     .help = "look into as many lists as the index's dial says for this mean recall (default 0.95)"},
    {.name = "distances",
     .kind = CLI_OPTION_TEXT,
     .offset = offsetof(search_arguments, distances),
     .value = "FILE.npy",
     .help = "write the squared distances too (float32; inf where the id is -1)"},
    CLI_DATA_OPTIONS(search_arguments),
    CLI_DEVICE_OPTIONS(search_arguments),
    CLI_OUTPUT_MODE_OPTIONS(search_arguments),
    {.name = NULL},
};

static int check_arguments(const search_arguments *a)
{
    int exit_code = CLI_EXIT_DONE;
    if (a->nprobe != CLI_NOT_GIVEN && isfinite(a->recall))
        return cli_error(CLI_EXIT_USAGE, "--nprobe and --recall: give one of them");
    CLI_DO(cli_output_check_ending("--output", a->output, ".npy", ".ivecs"));
    CLI_DO(cli_output_check(a->output, a->index));
    CLI_DO(cli_output_check(a->output, a->queries));
    if (a->distances) {
        CLI_DO(cli_output_check_ending("--distances", a->distances, ".npy", NULL));
        if (strcmp(a->distances, a->output) == 0)
            return cli_error(CLI_EXIT_USAGE, "--distances = %s; need another name than --output's", a->distances);
        CLI_DO(cli_output_check(a->distances, a->index));
        CLI_DO(cli_output_check(a->distances, a->queries));
    }
done:
    return exit_code;
}

/* Ids to .npy as they are, to .ivecs as int32. */
static int write_ids(const char *path, const int64_t *ids, uint64_t n, uint64_t top)
{
    int exit_code = CLI_EXIT_DONE;
    const int is_npy = cli_ends_with(path, ".npy");
    fgmm_writer *writer = NULL;
    int32_t row[FGMM_TOP_MAX];
    CLI_DO(cli_library(fgmm_writer_open(&writer, path, is_npy ? "<i8" : "<i4", top)));
    if (is_npy) CLI_DO(cli_library(fgmm_writer_append(writer, ids, n)));
    for (uint64_t q = 0; !is_npy && q < n; q++) {
        for (uint64_t i = 0; i < top; i++) {
            if (ids[q * top + i] > INT32_MAX) {
                exit_code = cli_error(CLI_EXIT_FAILED, "%s: id %lld does not fit .ivecs; write .npy", path,
                                      (long long)ids[q * top + i]);
                goto done;
            }
            row[i] = (int32_t)ids[q * top + i];
        }
        CLI_DO(cli_library(fgmm_writer_append(writer, row, 1)));
    }
    CLI_DO(cli_writer_commit(&writer));
done:
    fgmm_writer_abandon(writer);
    return exit_code;
}

static int write_distances(const char *path, const float *distances, uint64_t n, uint64_t top)
{
    int exit_code = CLI_EXIT_DONE;
    fgmm_writer *writer = NULL;
    CLI_DO(cli_library(fgmm_writer_open(&writer, path, "<f4", top)));
    CLI_DO(cli_library(fgmm_writer_append(writer, distances, n)));
    CLI_DO(cli_writer_commit(&writer));
done:
    fgmm_writer_abandon(writer);
    return exit_code;
}

static int print_result(const search_arguments *a, const fgmm_search_stats *stats)
{
    const double n = stats->queries ? (double)stats->queries : 1;
    if (a->work.is_json) {
        cJSON *object = cJSON_CreateObject();
        cli_json_count(object, "queries", stats->queries);
        cli_json_count(object, "top", a->top);
        cli_json_real(object, "probed", (double)stats->probed / n);
        cli_json_real(object, "dco", (double)stats->scanned / n);
        cJSON_AddStringToObject(object, "written", a->output);
        return cli_json_print(object);
    }
    printf("queries         %llu, %llu results each\n", (unsigned long long)stats->queries, (unsigned long long)a->top);
    printf("per query       %.1f lists, %.0f distances, and %.0f to centroids\n", (double)stats->probed / n,
           (double)stats->scanned / n, (double)stats->coarse / n);
    printf("written         %s\n", a->output);
    return CLI_EXIT_DONE;
}

static int run(const void *user)
{
    const search_arguments *a = user;
    int exit_code = CLI_EXIT_DONE;
    cli_searching searching = {.searcher = NULL};
    cli_rows queries = {NULL, 0, 0, FGMM_U8};
    int64_t *ids = NULL;
    float *distances = NULL;
    fgmm_search_options search = FGMM_SEARCH_OPTIONS_INIT;
    fgmm_search_stats stats = FGMM_SEARCH_STATS_INIT;
    cli_progress progress;
    cli_progress_begin(&progress, a->work.is_quiet, "search");

    CLI_DO(check_arguments(a));
    CLI_DO(cli_read_rows(&queries, a->queries, &a->work));
    CLI_DO(cli_searching_open(&searching, a->index, &a->work, &progress));
    CLI_DO(cli_check_dims(&searching, a->index, &queries, a->queries));
    search.top = (uint32_t)a->top;
    search.nprobe = cli_or_zero(a->nprobe);
    if (isfinite(a->recall)) search.recall = a->recall;
    ids = malloc((size_t)(queries.n * a->top) * sizeof *ids);
    distances = malloc((size_t)(queries.n * a->top) * sizeof *distances);
    if (!ids || !distances) {
        exit_code = cli_error(CLI_EXIT_FAILED, "%s: memory ran out for the results", a->output);
        goto done;
    }
    CLI_DO(cli_library(fgmm_searcher_search(searching.searcher, queries.rows, queries.type, queries.n, &search, ids,
                                            distances, &stats)));
    CLI_DO(write_ids(a->output, ids, queries.n, a->top));
    if (a->distances) CLI_DO(write_distances(a->distances, distances, queries.n, a->top));
    CLI_DO(print_result(a, &stats));
done:
    free(ids);
    free(distances);
    free(queries.rows);
    cli_searching_close(&searching);
    return exit_code;
}

const cli_command cli_command_ivf_search = {
    .name = "ivf search",
    .summary = "find the nearest rows of each query in an index",
    .options = options,
    .notes = "--json prints: queries top probed dco (lists and distances per query) written.\n",
    .examples = "  flashgmm ivf search base.ivf queries.bvecs --recall 0.98 -o ids.ivecs\n"
                "  flashgmm ivf search base.ivf queries.npy --top 100 --nprobe 16 -o ids.npy --distances d.npy\n",
    .arguments_bytes = sizeof(search_arguments),
    .run = run,
};
