/* cmd_ivf_eval.c - `flashgmm ivf eval`: recall against the distances it costs, for several settings. */
#include "ivf.h"
#include "ivf_plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct eval_arguments {
    const char *index, *queries, *truth, *nprobe, *recall, *csv, *plot, *baseline;
    uint64_t top;
    cli_work_arguments work;
} eval_arguments;

static const char *const table_endings[] = {".csv", NULL};

static const cli_option options[] = {
    CLI_INDEX_OPERAND(eval_arguments, index),
    CLI_QUERIES_OPERAND(eval_arguments, queries),
    {.name = "GROUNDTRUTH",
     .kind = CLI_OPTION_OPERAND,
     .offset = offsetof(eval_arguments, truth),
     .help = "the true neighbours of each query, nearest first: .ivecs, .ibin, .npy of integers, or .hdf5 (the dataset "
             "neighbors)"},
    {.name = "top",
     .kind = CLI_OPTION_COUNT,
     .offset = offsetof(eval_arguments, top),
     .value = "N",
     .least = 1,
     .most = FGMM_TOP_MAX,
     .fallback = "10",
     .help = "results per query: recall@N"},
    {.name = "nprobe",
     .kind = CLI_OPTION_TEXT,
     .offset = offsetof(eval_arguments, nprobe),
     .value = "P,P,...",
     .help = "fixed numbers of lists (default 1,2,4,... up to all, where neither is given)"},
    {.name = "recall",
     .kind = CLI_OPTION_TEXT,
     .offset = offsetof(eval_arguments, recall),
     .value = "R,R,...",
     .help = "settings of the dial"},
    {.name = "csv",
     .kind = CLI_OPTION_OUTPUT,
     .endings = table_endings,
     .is_free_name = 1,
     .is_stdout = 1,
     .offset = offsetof(eval_arguments, csv),
     .value = "FILE",
     .help = "write the points as a table"},
    {.name = "plot",
     .kind = CLI_OPTION_OUTPUT,
     .endings = cli_picture_endings,
     .offset = offsetof(eval_arguments, plot),
     .value = "FILE.svg",
     .help = "draw recall against distances"},
    {.name = "baseline",
     .kind = CLI_OPTION_TEXT,
     .offset = offsetof(eval_arguments, baseline),
     .value = "FILE",
     .help = "draw the points of this --csv too, for example of k-means with hard lists"},
    CLI_DATA_OPTIONS(eval_arguments),
    CLI_DEVICE_OPTIONS(eval_arguments),
    CLI_OUTPUT_MODE_OPTIONS(eval_arguments),
    {.name = NULL},
};

enum { POINTS_MAX = 64 };

typedef struct evaluation {
    const eval_arguments *a;
    cli_searching searching;
    cli_rows queries;
    int64_t *truth, *ids; /* (n, truth_cols), (n, top) */
    uint64_t truth_rows, truth_cols;
    cli_point points[POINTS_MAX];
    size_t count;
} evaluation;

/* Numbers between commas, each appended as a point. */
static int read_settings(evaluation *e, const char *text, const char *option, int is_recall)
{
    const char *at = text;
    const double most = is_recall ? 1 : (double)e->searching.info.lists;
    const char *what = is_recall ? "numbers" : "whole numbers from 1";
    while (*at) {
        char *end = NULL;
        const double value = strtod(at, &end);
        if (end == at || (*end && (*end != ',' || !end[1])) || !(value > 0) ||
            (is_recall ? value > most : value != floor(value)))
            return cli_error(CLI_EXIT_USAGE, "%s = %s; need %s between commas%s", option, text, what,
                             is_recall ? ", above 0 and at most 1" : "");
        if (value > most) /* what only the index tells */
            return cli_error(CLI_EXIT_FAILED, "%s = %s; need %s, up to the index's %.0f lists", option, text, what,
                             most);
        if (e->count == POINTS_MAX)
            return cli_error(CLI_EXIT_USAGE, "%s = %s; at most %d settings", option, text, POINTS_MAX);
        cli_point *point = &e->points[e->count++];
        *point = (cli_point){.nprobe = is_recall ? 0 : (uint64_t)value, .target = is_recall ? value : (double)NAN};
        at = *end ? end + 1 : end;
    }
    return CLI_EXIT_DONE;
}

static int choose_settings(evaluation *e)
{
    int exit_code = CLI_EXIT_DONE;
    const uint64_t lists = e->searching.info.lists;
    if (e->a->nprobe) CLI_DO(read_settings(e, e->a->nprobe, "--nprobe", 0));
    if (e->a->recall) CLI_DO(read_settings(e, e->a->recall, "--recall", 1));
    if (e->count) goto done;
    for (uint64_t nprobe = 1; nprobe < lists; nprobe *= 2)
        e->points[e->count++] = (cli_point){.nprobe = nprobe, .target = (double)NAN};
    e->points[e->count++] = (cli_point){.nprobe = lists, .target = (double)NAN};
done:
    return exit_code;
}

/* Mean share of the true neighbours that were found. */
static double recall(const evaluation *e)
{
    const uint64_t top = e->a->top;
    double hits = 0;
    for (uint64_t q = 0; q < e->queries.n; q++) {
        const int64_t *truth = e->truth + (e->queries.places ? e->queries.places[q] : q) * e->truth_cols;
        for (uint64_t i = 0; i < top; i++)
            for (uint64_t j = 0; j < top; j++) hits += e->ids[q * top + i] == truth[j] && e->ids[q * top + i] >= 0;
    }
    return hits / (double)(e->queries.n * top);
}

static fgmm_status search_all(const evaluation *e, const fgmm_search_options *how, fgmm_search_stats *stats)
{
    const fgmm_rows queries = fgmm_rows_init(e->queries.rows, e->queries.type, e->queries.n);
    return fgmm_searcher_search(e->searching.searcher, &queries, how, e->ids, NULL, stats);
}

/* Once for the results and the time, once more for counting ids, which takes time of its own. */
static int measure(evaluation *e, cli_point *point)
{
    int exit_code = CLI_EXIT_DONE;
    fgmm_search_options search = fgmm_search_options_init();
    fgmm_search_stats stats = fgmm_search_stats_init();
    const double n = (double)e->queries.n;
    search.top = (uint32_t)e->a->top;
    search.nprobe = point->nprobe;
    if (!point->nprobe) search.recall = point->target;
    const double began_s = cli_now_s();
    CLI_DO(cli_library(search_all(e, &search, NULL)));
    point->qps = n / (cli_now_s() - began_s);
    search.count_unique = 1;
    CLI_DO(cli_library(search_all(e, &search, &stats)));
    point->recall = recall(e);
    point->probed = (double)stats.probed / n;
    point->dco = (double)stats.scanned / n;
    point->dco_unique = (double)stats.unique / n;
    point->dco_with_coarse = (double)(stats.scanned + stats.coarse) / n;
done:
    return exit_code;
}

/* The first search compiles kernels: it is not to be timed. */
static int warm_up(evaluation *e)
{
    fgmm_search_options search = fgmm_search_options_init();
    search.top = (uint32_t)e->a->top;
    search.nprobe = 1;
    return cli_library(search_all(e, &search, NULL));
}

static int load(evaluation *e, cli_progress *progress)
{
    int exit_code = CLI_EXIT_DONE;
    const eval_arguments *a = e->a;
    CLI_DO(cli_read_rows(&e->queries, a->queries, &a->work));
    CLI_DO(cli_library(fgmm_ids_read(&e->truth, &e->truth_rows, &e->truth_cols, a->truth)));
    if (e->truth_rows != e->queries.n + e->queries.skipped || e->truth_cols < a->top) {
        exit_code = cli_error(CLI_EXIT_FAILED, "%s: %llu rows of %llu ids; need %llu, one per query, of at least %llu",
                              a->truth, (unsigned long long)e->truth_rows, (unsigned long long)e->truth_cols,
                              (unsigned long long)(e->queries.n + e->queries.skipped), (unsigned long long)a->top);
        goto done;
    }
    CLI_DO(cli_searching_open(&e->searching, a->index, &a->work, progress));
    CLI_DO(cli_check_dims(&e->searching, a->index, e->queries.d, a->queries));
    e->ids = malloc((size_t)(e->queries.n * a->top) * sizeof *e->ids);
    if (!e->ids) exit_code = cli_error(CLI_EXIT_FAILED, "%s: memory ran out for the results", a->queries);
done:
    return exit_code;
}

/* ---- what is printed ---- */

enum { HISTOGRAM_BINS = 24 };

/* Lists by length: bin b holds lengths of 2^(b-1) to 2^b - 1, the last all longer ones. */
static void list_histogram(uint64_t bins[HISTOGRAM_BINS], const cli_searching *searching)
{
    memset(bins, 0, HISTOGRAM_BINS * sizeof *bins);
    for (uint64_t i = 0; i < searching->info.lists; i++) {
        size_t bin = 0;
        for (uint64_t length = fgmm_index_list_length(searching->index, i); length && bin < HISTOGRAM_BINS - 1; bin++)
            length /= 2;
        bins[bin]++;
    }
}

static int print_json(const evaluation *e)
{
    const fgmm_index_info *info = &e->searching.info;
    cJSON *object = cJSON_CreateObject(), *points, *histogram;
    uint64_t bins[HISTOGRAM_BINS];
    list_histogram(bins, &e->searching);
    cli_json_real(object, "replication", info->rows ? (double)info->entries / (double)info->rows : 0);
    cli_json_count(object, "lists", info->lists);
    cli_json_real(object, "imbalance", info->imbalance);
    cli_json_count(object, "queries", e->queries.n);
    cli_add_skipped(object, &e->a->work, e->queries.skipped);
    points = cJSON_AddArrayToObject(object, "points");
    for (size_t i = 0; i < e->count; i++) {
        const cli_point *p = &e->points[i];
        cJSON *point = cJSON_CreateObject();
        if (p->nprobe)
            cli_json_count(point, "nprobe", p->nprobe);
        else
            cJSON_AddNullToObject(point, "nprobe");
        cli_json_real(point, "target_recall", p->target);
        cli_json_real(point, "recall", p->recall);
        cli_json_real(point, "probed", p->probed);
        cli_json_real(point, "dco", p->dco);
        cli_json_real(point, "dco_unique", p->dco_unique);
        cli_json_real(point, "dco_with_coarse", p->dco_with_coarse);
        cli_json_real(point, "qps", p->qps);
        cJSON_AddItemToArray(points, point);
    }
    histogram = cJSON_AddArrayToObject(object, "list_lengths_log2");
    for (size_t i = 0; i < HISTOGRAM_BINS; i++) cJSON_AddItemToArray(histogram, cJSON_CreateNumber((double)bins[i]));
    return cli_json_print(object);
}

static void print_text(const evaluation *e)
{
    const fgmm_index_info *info = &e->searching.info;
    uint64_t bins[HISTOGRAM_BINS];
    list_histogram(bins, &e->searching);
    printf("index           %llu lists, imbalance %.3f, %.3f entries per row\n", (unsigned long long)info->lists,
           info->imbalance, info->rows ? (double)info->entries / (double)info->rows : 0.0);
    cli_print_skipped("", &e->a->work, e->queries.skipped);
    printf("list lengths   ");
    const char *between = "";
    for (size_t i = 0; i < HISTOGRAM_BINS; i++) {
        if (!bins[i]) continue;
        printf("%s %llu%s: %llu", between, i ? 1ull << (i - 1) : 0ull, i ? "+" : "", (unsigned long long)bins[i]);
        between = ",";
    }
    printf("\n%8s %7s %8s %8s %10s %12s %12s %10s\n", "nprobe", "asked", "recall", "lists", "distances", "of distinct",
           "with coarse", "queries/s");
    for (size_t i = 0; i < e->count; i++) {
        const cli_point *p = &e->points[i];
        if (p->nprobe)
            printf("%8llu %7s", (unsigned long long)p->nprobe, "-");
        else
            printf("%8s %7.4g", "-", p->target);
        printf(" %8.4f %8.1f %10.0f %12.0f %12.0f %10.0f\n", p->recall, p->probed, p->dco, p->dco_unique,
               p->dco_with_coarse, p->qps);
    }
}

static int run(const void *user)
{
    const eval_arguments *a = user;
    int exit_code = CLI_EXIT_DONE;
    evaluation e = {.a = a};
    cli_progress progress;
    cli_progress_begin(&progress, a->work.is_quiet, "eval");

    const char *const inputs[] = {a->index, a->queries, a->truth};
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        CLI_DO(cli_output_check(a->csv, inputs[i]));
        CLI_DO(cli_output_check(a->plot, inputs[i]));
    }
    CLI_DO(cli_output_check_apart("--plot", a->plot, "--csv", a->csv));
    if (a->baseline && !a->plot) CLI_DO(cli_error(CLI_EXIT_USAGE, "--baseline is drawn; need --plot"));
    if (a->baseline) CLI_DO(cli_points_check(a->baseline));
    CLI_DO(load(&e, &progress));
    CLI_DO(choose_settings(&e));
    CLI_DO(warm_up(&e));
    for (size_t i = 0; i < e.count; i++) CLI_DO(measure(&e, &e.points[i]));
    if (a->work.is_json)
        CLI_DO(print_json(&e));
    else
        print_text(&e);
    if (a->csv) CLI_DO(cli_points_write(a->csv, e.points, e.count));
    if (a->plot) CLI_DO(cli_points_plot(a->plot, e.points, e.count, (unsigned)a->top, a->baseline));
done:
    free(e.truth);
    free(e.ids);
    cli_rows_free(&e.queries);
    cli_searching_close(&e.searching);
    return exit_code;
}

const cli_command cli_command_ivf_eval = {
    .name = "ivf eval",
    .summary = "measure an index: recall against distances and time",
    .options = options,
    .notes =
        "The table counts the distances of queries to entries of lists, copies of a row each time; \"of distinct\"\n"
        "counts a row once per query, and \"with coarse\" adds the distances to centroids.\n"
        "--json prints: replication lists imbalance queries\n"
        "points[{nprobe,target_recall,recall,probed,dco,dco_unique,dco_with_coarse,qps}]\n"
        "list_lengths_log2[] (lists of length 0, 1, 2 to 3, 4 to 7, ...).\n",
    .examples = "  flashgmm ivf eval base.ivf queries.bvecs groundtruth.ivecs --nprobe 1,2,4,8,16,32\n"
                "  flashgmm ivf eval hard.ivf queries.bvecs groundtruth.ivecs --csv hard.csv\n"
                "  flashgmm ivf eval base.ivf queries.bvecs groundtruth.ivecs --recall .9,.95,.98 --plot recall.svg "
                "--baseline hard.csv\n",
    .arguments_bytes = sizeof(eval_arguments),
    .run = run,
};
