/* cmd_ivf_search.c - `flashgmm ivf search`: the nearest rows of each query, to files. */
#include "ivf.h"
#include "places.h"

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

static const char *const id_endings[] = {".npy", ".ivecs", NULL}, *const distance_endings[] = {".npy", NULL};

static const cli_option options[] = {
    CLI_INDEX_OPERAND(search_arguments, index),
    CLI_QUERIES_OPERAND(search_arguments, queries),
    {.name = "output",
     .letter = 'o',
     .kind = CLI_OPTION_OUTPUT,
     .endings = id_endings,
     .is_stdout = 1,
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
     .kind = CLI_OPTION_OUTPUT,
     .endings = distance_endings,
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
    CLI_DO(cli_output_check(a->output, a->index));
    CLI_DO(cli_output_check(a->output, a->queries));
    if (a->distances) {
        CLI_DO(cli_output_check_apart("--distances", a->distances, "--output", a->output));
        CLI_DO(cli_output_check(a->distances, a->index));
        CLI_DO(cli_output_check(a->distances, a->queries));
    }
done:
    return exit_code;
}

/* A search under way: queries come in batches, and their results go to files before the next come. */
typedef struct searching {
    const search_arguments *a;
    cli_progress progress;
    cli_searching index;
    fgmm_source *source;
    fgmm_source_info queries;
    fgmm_search_stats stats; /* of all batches */
    fgmm_writer *id_writer, *distance_writer;
    cli_places id_places, distance_places; /* a row per query of the file: queries that were left out have no result */
    uint64_t capacity;                     /* queries of a batch */
    void *rows;                            /* (capacity, d) in their type */
    int64_t *ids;                          /* (capacity, top) */
    float *distances;                      /* (capacity, top) */
} searching;

/* Of a batch: queries at most, which share the lists that are read for them, and bytes of them and their results. */
enum { BATCH_QUERIES = 4096, BATCH_BYTES = 64 << 20 };

static int open_search(searching *s)
{
    int exit_code = CLI_EXIT_DONE;
    const search_arguments *a = s->a;
    CLI_DO(cli_open_data(&s->source, a->queries, &a->work));
    CLI_DO(cli_library(fgmm_source_describe(s->source, &s->queries)));
    CLI_DO(cli_searching_open(&s->index, a->index, &a->work, &s->progress));
    CLI_DO(cli_check_dims(&s->index, a->index, s->queries.dims, a->queries));
    const size_t row_bytes = (size_t)s->queries.dims * fgmm_type_bytes(s->queries.type);
    const size_t result_bytes = (size_t)a->top * (sizeof *s->ids + sizeof *s->distances);
    const uint64_t most = BATCH_BYTES / (row_bytes + result_bytes) + 1;
    s->capacity = most < BATCH_QUERIES ? most : BATCH_QUERIES;
    if (s->capacity > s->queries.rows) s->capacity = s->queries.rows;
    s->rows = malloc((size_t)s->capacity * row_bytes);
    s->ids = malloc((size_t)(s->capacity * a->top) * sizeof *s->ids);
    s->distances = malloc((size_t)(s->capacity * a->top) * sizeof *s->distances);
    if (!s->rows || !s->ids || !s->distances)
        exit_code = cli_error(CLI_EXIT_FAILED, "%s: memory ran out for %llu queries", a->queries,
                              (unsigned long long)s->capacity);
done:
    return exit_code;
}

static void close_search(searching *s)
{
    fgmm_writer_abandon(s->id_writer);
    fgmm_writer_abandon(s->distance_writer);
    free(s->rows);
    free(s->ids);
    free(s->distances);
    cli_searching_close(&s->index);
    fgmm_source_close(s->source);
}

/* Ids to .npy as they are, to .ivecs as int32. */
static int write_ids(searching *s, uint64_t n)
{
    int exit_code = CLI_EXIT_DONE;
    const uint64_t top = s->a->top;
    int64_t none[FGMM_TOP_MAX];
    int32_t row[FGMM_TOP_MAX], no_row[FGMM_TOP_MAX];
    for (uint64_t i = 0; i < top; i++) none[i] = no_row[i] = -1;
    if (cli_ends_with(s->a->output, ".npy"))
        return cli_library(
            cli_places_append(&s->id_places, s->id_writer, s->ids, (size_t)top * sizeof *s->ids, n, none));
    for (uint64_t q = 0; q < n; q++) {
        for (uint64_t i = 0; i < top; i++) {
            if (s->ids[q * top + i] > INT32_MAX)
                return cli_error(CLI_EXIT_FAILED, "%s: id %lld does not fit .ivecs; write .npy", s->a->output,
                                 (long long)s->ids[q * top + i]);
            row[i] = (int32_t)s->ids[q * top + i];
        }
        CLI_DO(cli_library(cli_places_append(&s->id_places, s->id_writer, row, (size_t)top * sizeof *row, 1, no_row)));
    }
done:
    return exit_code;
}

/* Distances to results that are not there. */
static void fill_infinite(float distances[FGMM_TOP_MAX])
{
    for (size_t i = 0; i < FGMM_TOP_MAX; i++) distances[i] = INFINITY;
}

static int write_distances(searching *s, uint64_t n)
{
    float none[FGMM_TOP_MAX];
    if (!s->distance_writer) return CLI_EXIT_DONE;
    fill_infinite(none);
    return cli_library(cli_places_append(&s->distance_places, s->distance_writer, s->distances,
                                         (size_t)s->a->top * sizeof *s->distances, n, none));
}

/* Queries that were left out behind the last result. */
static int finish_files(searching *s)
{
    int exit_code = CLI_EXIT_DONE;
    int64_t none[FGMM_TOP_MAX];
    int32_t no_row[FGMM_TOP_MAX];
    float no_distance[FGMM_TOP_MAX];
    const int is_npy = cli_ends_with(s->a->output, ".npy");
    for (size_t i = 0; i < FGMM_TOP_MAX; i++) none[i] = no_row[i] = -1;
    fill_infinite(no_distance);
    CLI_DO(cli_library(cli_places_finish(&s->id_places, s->id_writer, is_npy ? (const void *)none : no_row)));
    if (s->distance_writer)
        CLI_DO(cli_library(cli_places_finish(&s->distance_places, s->distance_writer, no_distance)));
    CLI_DO(cli_writers_commit(&s->id_writer, &s->distance_writer));
done:
    return exit_code;
}

static int search_batch(searching *s, const fgmm_search_options *how, uint64_t n)
{
    int exit_code = CLI_EXIT_DONE;
    fgmm_search_stats stats = fgmm_search_stats_init();
    const fgmm_rows queries = fgmm_rows_init(s->rows, s->queries.type, n);
    const fgmm_status status = fgmm_searcher_search(s->index.searcher, &queries, how, s->ids, s->distances, &stats);
    if (status != FGMM_OK && s->stats.queries > 0) /* rows are counted within the batch */
        return cli_error(CLI_EXIT_FAILED, "%s, of the rows from %llu on: %s", s->a->queries,
                         (unsigned long long)s->stats.queries, fgmm_last_error());
    CLI_DO(cli_library(status));
    s->stats.queries += stats.queries;
    s->stats.coarse += stats.coarse;
    s->stats.probed += stats.probed;
    s->stats.scanned += stats.scanned;
    s->stats.away += stats.away;
    CLI_DO(write_ids(s, n));
    CLI_DO(write_distances(s, n));
done:
    return exit_code;
}

static int search_all(searching *s, const fgmm_search_options *how)
{
    int exit_code = CLI_EXIT_DONE;
    const search_arguments *a = s->a;
    const size_t row_bytes = (size_t)s->queries.dims * fgmm_type_bytes(s->queries.type);
    fgmm_progress now = {.phase = FGMM_PHASE_FINAL,
                         .iteration = 1,
                         .max_iterations = 1,
                         .rows = s->queries.rows,
                         .log_likelihood = (double)NAN};
    CLI_DO(cli_library(
        fgmm_writer_open(&s->id_writer, a->output, cli_ends_with(a->output, ".npy") ? "<i8" : "<i4", a->top)));
    if (a->distances) CLI_DO(cli_library(fgmm_writer_open(&s->distance_writer, a->distances, "<f4", a->top)));
    s->id_places = s->distance_places = cli_places_begin(s->source);
    const double begin_s = cli_now_s();
    CLI_DO(cli_library(fgmm_source_rewind(s->source)));
    for (uint64_t count = 1; count > 0;) {
        uint64_t n = 0;
        for (; n < s->capacity && count > 0; n += count)
            CLI_DO(cli_library(
                fgmm_source_next(s->source, (char *)s->rows + (size_t)n * row_bytes, s->capacity - n, &count)));
        CLI_DO(search_batch(s, how, n));
        now.rows_done = s->stats.queries;
        now.elapsed_s = cli_now_s() - begin_s;
        if (cli_progress_report(&s->progress, &now)) CLI_DO(cli_interrupted_error());
    }
    CLI_DO(finish_files(s));
done:
    cli_progress_end(&s->progress);
    return exit_code;
}

static int print_result(const searching *s)
{
    const search_arguments *a = s->a;
    const fgmm_search_stats *stats = &s->stats;
    const double n = stats->queries ? (double)stats->queries : 1;
    if (stats->away > 0 && !a->work.is_quiet)
        cli_error(
            CLI_EXIT_DONE,
            "%llu of %llu queries are farther from the lists than those that the recall was calibrated with; they "
            "looked into more lists, until it holds for them too",
            (unsigned long long)stats->away, (unsigned long long)stats->queries);
    if (a->work.is_json) {
        cJSON *object = cJSON_CreateObject();
        cli_json_count(object, "queries", stats->queries);
        cli_add_skipped(object, &a->work, s->queries.skipped_rows);
        cli_json_count(object, "top", a->top);
        cli_json_real(object, "probed", (double)stats->probed / n);
        cli_json_real(object, "dco", (double)stats->scanned / n);
        cli_json_count(object, "away", stats->away);
        cJSON_AddStringToObject(object, "written", a->output);
        return cli_json_print(object);
    }
    printf("queries         %llu, %llu results each\n", (unsigned long long)stats->queries, (unsigned long long)a->top);
    cli_print_skipped("", &a->work, s->queries.skipped_rows);
    printf("per query       %.1f lists, %.0f distances, and %.0f to centroids\n", (double)stats->probed / n,
           (double)stats->scanned / n, (double)stats->coarse / n);
    printf("written         %s\n", cli_standard_output_name(a->output));
    return CLI_EXIT_DONE;
}

static int run(const void *user)
{
    const search_arguments *a = user;
    int exit_code = CLI_EXIT_DONE;
    searching s = {.a = a, .queries = fgmm_source_info_init(), .stats = fgmm_search_stats_init()};
    fgmm_search_options how = fgmm_search_options_init();
    cli_progress_begin(&s.progress, a->work.is_quiet, "search");

    CLI_DO(check_arguments(a));
    CLI_DO(open_search(&s));
    cli_signals_catch();
    how.top = (uint32_t)a->top;
    how.nprobe = cli_or_zero(a->nprobe);
    if (isfinite(a->recall)) how.recall = a->recall;
    CLI_DO(search_all(&s, &how));
    CLI_DO(print_result(&s));
done:
    close_search(&s);
    return exit_code;
}

const cli_command cli_command_ivf_search = {
    .name = "ivf search",
    .summary = "find the nearest rows of each query in an index",
    .options = options,
    .notes =
        "Lists that do not fit --memory-limit or, without one, two thirds of the device's memory are read from the\n"
        "file in parts, with the same results. The recall is that of queries like those that the index was calibrated\n"
        "with. Queries that are farther from the lists are counted on stderr and look into more lists: up to 128 of a\n"
        "batch into all, others into as many as these need for the recall. --json prints: queries top probed dco\n"
        "(lists and distances per query) away (how many were farther) written.\n",
    .examples = "  flashgmm ivf search base.ivf queries.bvecs --recall 0.98 -o ids.ivecs\n"
                "  flashgmm ivf search base.ivf queries.npy --top 100 --nprobe 16 -o ids.npy --distances d.npy\n",
    .arguments_bytes = sizeof(search_arguments),
    .run = run,
};
