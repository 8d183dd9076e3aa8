/* test_ivf.c - indexes as a whole: exact where every list is probed, updates, both file formats, the dial, refusals. */
#define _POSIX_C_SOURCE 200809L
#include "mixtures.h"
#include "support.h"

#include "rng.h"
#include "searcher.h"

#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { N = 3000, D = 12, K = 24, QUERIES = 60, TOP = 10 };

/* The dial is calibrated on other rows than it is tried on: recall of 300 queries has a deviation of about .005. */
static const double CALIBRATION_TOLERANCE = 0.04;

static fgmm_device *device;
static uint8_t *rows, *queries; /* (N,D), (QUERIES,D) */
static fgmm_model *centroids;

/* Bytes in overlapping clusters, some rows equal. */
static void draw_bytes(uint8_t *to, uint64_t n, uint64_t stream)
{
    fg_rng rng, places;
    fg_rng_init(&rng, 5, stream, 0);
    for (uint64_t i = 0; i < n; i++) {
        fg_rng_init(&places, 6, fg_rng_below(&rng, K), 0);
        for (uint64_t j = 0; j < D; j++) {
            const double value = 100 + 60 * fg_rng_uniform(&places) + 25 * fg_rng_normal(&rng);
            to[i * D + j] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
        }
        if (i > 0 && i % 50 == 0) memcpy(to + i * D, to + (i - 1) * D, D);
    }
}

static void setup(void)
{
    device = open_test_device();
    rows = malloc(N * D);
    queries = malloc(QUERIES * D);
    draw_bytes(rows, N, 1);
    draw_bytes(queries, QUERIES, 2);
    fgmm_source *source = memory_source(rows, FGMM_U8, N, D);
    fgmm_kmeans_options options = fgmm_kmeans_options_init();
    options.components = K;
    options.max_iterations = 5;
    ck_ok(fgmm_kmeans(&centroids, device, source, &options, NULL));
    fgmm_source_close(source);
}

static void teardown(void)
{
    fgmm_model_free(centroids);
    fgmm_device_close(device);
    free(rows);
    free(queries);
}

static fgmm_index_options usual(fgmm_assignment assignment)
{
    fgmm_index_options options = fgmm_index_options_init();
    options.quantizer = centroids;
    options.assignment = assignment;
    options.for_top = 0;
    return options;
}

static fgmm_index_info build(const char *path, const fgmm_index_options *options, const void *data, fgmm_type type,
                             uint64_t n)
{
    fgmm_index_info info = fgmm_index_info_init();
    fgmm_source *source = memory_source(data, type, n, D);
    ck_ok(fgmm_index_build(device, source, path, options, &info));
    fgmm_source_close(source);
    return info;
}

/* The first n of the queries. */
static fgmm_status search_bytes(fgmm_searcher *searcher, uint64_t n, const fgmm_search_options *options, int64_t *ids,
                                float *distances, fgmm_search_stats *stats)
{
    const fgmm_rows first = fgmm_rows_init(queries, FGMM_U8, n);
    return fgmm_searcher_search(searcher, &first, options, ids, distances, stats);
}

/* ids (QUERIES,TOP) by the options; the test fails when searching does. */
static fgmm_search_stats search(const char *path, const fgmm_search_options *options, int64_t *ids, float *distances)
{
    fgmm_index *index;
    fgmm_searcher *searcher;
    fgmm_search_stats stats = fgmm_search_stats_init();
    ck_ok(fgmm_index_open(&index, path));
    ck_ok(fgmm_searcher_open(&searcher, index, device, NULL));
    ck_ok(search_bytes(searcher, QUERIES, options, ids, distances, &stats));
    fgmm_searcher_close(searcher);
    fgmm_index_close(index);
    return stats;
}

static fgmm_search_options everything(void)
{
    fgmm_search_options options = fgmm_search_options_init();
    options.nprobe = K;
    options.count_unique = 1;
    return options;
}

/* Exhaustive search among the rows whose numbers `is_there` accepts. */
static void expect_nearest(const int64_t *ids, const float *distances, int (*is_there)(uint64_t))
{
    for (uint64_t q = 0; q < QUERIES; q++) {
        int64_t best[TOP], count = 0;
        long best_d[TOP];
        for (uint64_t i = 0; i < N; i++) {
            long d = 0;
            if (!is_there(i)) continue;
            for (uint64_t j = 0; j < D; j++) {
                const long t = (long)rows[i * D + j] - queries[q * D + j];
                d += t * t;
            }
            int64_t at = count < TOP ? count++ : d < best_d[TOP - 1] ? TOP - 1 : TOP;
            if (at == TOP) continue;
            for (; at > 0 && best_d[at - 1] > d; at--) {
                best_d[at] = best_d[at - 1];
                best[at] = best[at - 1];
            }
            best_d[at] = d;
            best[at] = (int64_t)i;
        }
        for (int64_t i = 0; i < TOP; i++) {
            ck_assert_int_eq(ids[q * TOP + i], i < count ? best[i] : -1);
            if (distances)
                ck_assert(i < count ? distances[q * TOP + i] == (float)best_d[i] : isinf(distances[q * TOP + i]));
        }
    }
}

static int all_rows(uint64_t i)
{
    (void)i;
    return 1;
}

static int not_removed(uint64_t i)
{
    return i % 7 != 3;
}

START_TEST(test_ivf__exact_when_every_list_is_probed)
{
    static const fgmm_assignment assignments[] = {FGMM_ASSIGN_HARD, FGMM_ASSIGN_RESIDUAL};
    const char *path = temporary_path("exact.ivf");
    const fgmm_index_options options = usual(assignments[_i]);
    int64_t ids[QUERIES * TOP];
    float distances[QUERIES * TOP];
    const fgmm_index_info info = build(path, &options, rows, FGMM_U8, N);
    ck_assert_uint_eq(info.rows, N);
    ck_assert_uint_eq(info.entries, _i ? N * 3 / 2 : N);
    ck_assert_uint_eq(info.next_id, N);
    const fgmm_search_options search_options = everything();
    const fgmm_search_stats stats = search(path, &search_options, ids, distances);
    ck_assert_uint_eq(stats.scanned, QUERIES * info.entries);
    ck_assert_uint_eq(stats.unique, QUERIES * N);
    ck_assert_uint_eq(stats.coarse, 0); /* no order is needed */
    expect_nearest(ids, distances, all_rows);
}
END_TEST

START_TEST(test_ivf__soft_lists_hold_what_exceeds_tau)
{
    const char *path = temporary_path("soft.ivf");
    fgmm_index_options options = usual(FGMM_ASSIGN_SOFT);
    fgmm_source *source = memory_source(rows, FGMM_U8, N, D);
    fgmm_fit_options fit = fgmm_fit_options_init();
    fgmm_model *model;
    fgmm_index *index;
    fit.components = K;
    fit.max_iterations = 3;
    ck_ok(fgmm_fit(&model, device, source, &fit, NULL));
    options.quantizer = model;
    options.tau = 0.2;
    options.max_lists = 3;
    ck_ok(fgmm_index_build(device, source, path, &options, NULL));
    ck_ok(fgmm_index_open(&index, path));
    int32_t *labels = malloc(N * sizeof *labels);
    uint64_t lists_of[N] = {0};
    ck_ok(fgmm_predict(device, model, source, labels));
    for (uint64_t list = 0; list < K; list++)
        for (uint64_t i = 0; i < fgmm_index_list_length(index, list); i++) {
            const int64_t id = fgmm_index_list_ids(index, list)[i];
            lists_of[id]++;
            if (labels[id] == (int32_t)list) labels[id] = -1; /* found in its own list */
        }
    for (uint64_t i = 0; i < N; i++) {
        ck_assert_int_eq(labels[i], -1);
        ck_assert(lists_of[i] >= 1 && lists_of[i] <= 3);
    }
    fgmm_index_close(index);
    /* a replication is met */
    fgmm_index_info info = fgmm_index_info_init();
    options.tau = 0;
    options.copies_per_row = 1.01;
    ck_ok(fgmm_index_build(device, source, path, &options, &info));
    ck_assert_uint_le(info.entries, N + N / 100);
    ck_assert_uint_ge(info.entries, N);
    free(labels);
    fgmm_model_free(model);
    fgmm_source_close(source);
}
END_TEST

START_TEST(test_ivf__add_remove_compact)
{
    const char *path = temporary_path("update.ivf");
    const fgmm_index_options options = usual(FGMM_ASSIGN_RESIDUAL);
    const fgmm_search_options search_options = everything();
    fgmm_index_info info = fgmm_index_info_init();
    int64_t ids[QUERIES * TOP], gone[N];
    uint64_t missing, count = 0;
    build(path, &options, rows, FGMM_U8, 2000);
    fgmm_source *rest = memory_source(rows + 2000 * D, FGMM_U8, N - 2000, D);
    ck_ok(fgmm_index_add(device, path, rest, NULL));
    fgmm_source_close(rest);
    search(path, &search_options, ids, NULL);
    expect_nearest(ids, NULL, all_rows);
    for (uint64_t i = 0; i < N; i++)
        if (!not_removed(i)) gone[count++] = (int64_t)i;
    gone[count] = N + 5;
    ck_ok(fgmm_index_remove(path, gone, count + 1, &missing));
    ck_assert_uint_eq(missing, 1);
    for (int is_compact = 0; is_compact < 2; is_compact++) {
        fgmm_index *index;
        if (is_compact) ck_ok(fgmm_index_compact(path));
        ck_ok(fgmm_index_open(&index, path));
        ck_ok(fgmm_index_describe(index, &info));
        fgmm_index_close(index);
        ck_assert_uint_eq(info.rows, N - count);
        ck_assert_uint_eq(info.next_id, N);
        ck_assert(is_compact ? info.dead == 0 : info.dead >= count);
        search(path, &search_options, ids, NULL);
        expect_nearest(ids, NULL, not_removed);
    }
}
END_TEST

START_TEST(test_ivf__faiss_files_come_back)
{
    const char *path = temporary_path("base.ivf"), *faiss = temporary_path("base.faiss"),
               *back = temporary_path("back.ivf");
    const fgmm_index_options options = usual(FGMM_ASSIGN_RESIDUAL);
    const fgmm_search_options search_options = everything();
    fgmm_index *index;
    fgmm_index_info info = fgmm_index_info_init();
    int64_t ids[QUERIES * TOP], gone = 17;
    build(path, &options, rows, FGMM_U8, N);
    ck_ok(fgmm_index_open(&index, path));
    ck_ok(fgmm_index_save(index, faiss, FGMM_INDEX_FAISS));
    fgmm_index_close(index);
    search(faiss, &search_options, ids, NULL);
    expect_nearest(ids, NULL, all_rows);
    ck_ok(fgmm_index_open(&index, faiss));
    ck_ok(fgmm_index_describe(index, &info));
    ck_assert_uint_eq(info.rows, N);
    ck_assert_uint_eq(info.next_id, N);
    ck_assert_int_eq(info.type, FGMM_F32);
    ck_assert_int_eq(info.format, FGMM_INDEX_FAISS);
    ck_ok(fgmm_index_save(index, back, FGMM_INDEX_NATIVE));
    fgmm_index_close(index);
    search(back, &search_options, ids, NULL);
    expect_nearest(ids, NULL, all_rows);
    ck_ok(fgmm_index_remove(faiss, &gone, 1, NULL));
    search(faiss, &search_options, ids, NULL);
    for (uint64_t i = 0; i < QUERIES * TOP; i++) ck_assert_int_ne(ids[i], gone);
}
END_TEST

static uint64_t next_id_of(const char *path)
{
    fgmm_index *index;
    fgmm_index_info info = fgmm_index_info_init();
    ck_ok(fgmm_index_open(&index, path));
    ck_ok(fgmm_index_describe(index, &info));
    fgmm_index_close(index);
    return info.next_id;
}

/* Also by Faiss files, in two numbers that mean nothing to Faiss; where it has written these itself, ids go on after
 * the highest that is there. */
START_TEST(test_ivf__no_id_is_given_again)
{
    const char *paths[] = {temporary_path("again.ivf"), temporary_path("again.faiss")};
    const int64_t highest[] = {N - 1, N - 2, 3};
    const uint64_t of_faiss[2] = {1 << 20, 1 << 20};
    unsigned char head[32];
    for (int format = FGMM_INDEX_NATIVE; format <= FGMM_INDEX_FAISS; format++) {
        const char *path = paths[format];
        fgmm_index_options options = usual(FGMM_ASSIGN_RESIDUAL);
        options.format = (fgmm_index_format)format;
        build(path, &options, rows, FGMM_U8, N);
        ck_ok(fgmm_index_remove(path, highest, 3, NULL));
        ck_assert_uint_eq(next_id_of(path), N);
        ck_ok(fgmm_index_compact(path));
        ck_assert_uint_eq(next_id_of(path), N);
        fgmm_source *more = memory_source(rows, FGMM_U8, 2, D);
        ck_ok(fgmm_index_add(device, path, more, NULL));
        fgmm_source_close(more);
        ck_assert_uint_eq(next_id_of(path), N + 2);
        const int64_t added[] = {N + 1, N};
        ck_ok(fgmm_index_remove(path, added, 2, NULL));
        ck_assert_uint_eq(next_id_of(path), N + 2);
    }
    FILE *file = fopen(paths[FGMM_INDEX_FAISS], "r+b");
    ck_assert_uint_eq(fread(head, sizeof head, 1, file), 1);
    ck_assert_mem_eq(head + 16, "fgnextid", 8);
    ck_assert_int_eq(fseek(file, 16, SEEK_SET), 0);
    ck_assert_uint_eq(fwrite(of_faiss, sizeof of_faiss, 1, file), 1);
    fclose(file);
    ck_assert_uint_eq(next_id_of(paths[FGMM_INDEX_FAISS]), N - 2); /* N - 3 is the highest that is left */
}
END_TEST

/* Adds `much` to all ids of a Faiss file, in place: its lists, rows and then ids each, stand at its end. */
static void raise_ids(const char *path, int64_t much)
{
    fgmm_index *index;
    long at = 0;
    FILE *file = fopen(path, "r+b");
    ck_ok(fgmm_index_open(&index, path));
    for (uint64_t list = K; list-- > 0;) {
        const long count = (long)fgmm_index_list_length(index, list);
        at += count * 8;
        for (long i = 0; i < count; i++) {
            const int64_t id = fgmm_index_list_ids(index, list)[i] + much;
            fseek(file, i * 8 - at, SEEK_END);
            ck_assert_uint_eq(fwrite(&id, sizeof id, 1, file), 1);
        }
        at += count * D * 4;
    }
    fclose(file);
    fgmm_index_close(index);
}

/* Ids up to 2^63 - 2: nothing is as long as they are high. */
START_TEST(test_ivf__ids_may_be_high)
{
    const char *path = temporary_path("high.faiss");
    const int64_t much = INT64_MAX - N;
    fgmm_index_options options = usual(FGMM_ASSIGN_RESIDUAL);
    const fgmm_search_options search_options = everything();
    int64_t ids[QUERIES * TOP];
    options.format = FGMM_INDEX_FAISS;
    build(path, &options, rows, FGMM_U8, N);
    raise_ids(path, much);
    const fgmm_search_stats stats = search(path, &search_options, ids, NULL);
    ck_assert_uint_eq(stats.unique, QUERIES * N);
    for (uint64_t i = 0; i < QUERIES * TOP; i++) ids[i] -= much;
    expect_nearest(ids, NULL, all_rows);
}
END_TEST

/* Rows that lie in two lists are scanned twice and counted once. */
START_TEST(test_ivf__ids_are_counted_once)
{
    const char *path = temporary_path("copies.ivf");
    fgmm_index_options options = usual(FGMM_ASSIGN_RESIDUAL);
    fgmm_search_options search_options = everything();
    int64_t ids[QUERIES * TOP];
    const fgmm_index_info info = build(path, &options, rows, FGMM_U8, N);
    ck_assert_uint_gt(info.entries, info.rows);
    search_options.nprobe = K - 1;
    const fgmm_search_stats stats = search(path, &search_options, ids, NULL);
    ck_assert_uint_lt(stats.unique, stats.scanned);
    ck_assert_uint_le(stats.unique, (uint64_t)QUERIES * N);
    ck_assert_uint_ge(stats.unique, stats.scanned - (uint64_t)QUERIES * (info.entries - info.rows));
}
END_TEST

/* Rows as queries, more than are searched at a time: none finds itself, and all but themselves are found. */
START_TEST(test_ivf__rows_are_left_out_in_every_batch)
{
    enum { MANY = 4096 + 300, FEW = 12 };
    const char *path = temporary_path("excluded.ivf");
    fgmm_index_options options = usual(FGMM_ASSIGN_HARD);
    fgmm_search_stats stats = fgmm_search_stats_init();
    fgmm_index *index;
    fgmm_searcher *searcher;
    float *x = malloc(sizeof *x * MANY * D);
    int64_t *exclude = malloc(sizeof *exclude * MANY), *ids = malloc(sizeof *ids * MANY * FEW);
    build(path, &options, rows, FGMM_U8, FEW);
    ck_ok(fgmm_index_open(&index, path));
    ck_ok(fgmm_searcher_open(&searcher, index, device, NULL));
    for (int i = 0; i < MANY; i++) {
        exclude[i] = i * 7 % FEW;
        for (int j = 0; j < D; j++) x[i * D + j] = rows[exclude[i] * D + j];
    }
    const fg_search_request request = {
        .queries = x, .n = MANY, .is_integer = 1, .top = FEW, .exclude = exclude, .probing = {.nprobe = K}};
    ck_ok(fg_searcher_run(searcher, &request, ids, NULL, &stats));
    for (int i = 0; i < MANY; i++) {
        for (int r = 0; r < FEW - 1; r++) ck_assert(ids[i * FEW + r] >= 0 && ids[i * FEW + r] != exclude[i]);
        ck_assert_int_eq(ids[i * FEW + FEW - 1], -1);
    }
    fgmm_searcher_close(searcher);
    fgmm_index_close(index);
    free(x);
    free(exclude);
    free(ids);
}
END_TEST

static double recall_against(const int64_t *ids, const int64_t *truth)
{
    double hits = 0;
    for (uint64_t q = 0; q < QUERIES; q++)
        for (int i = 0; i < TOP; i++)
            for (int j = 0; j < TOP; j++) hits += ids[q * TOP + i] == truth[q * TOP + j];
    return hits / (QUERIES * TOP);
}

START_TEST(test_ivf__the_calibration_gives_the_recall)
{
    const char *path = temporary_path("dial.ivf");
    fgmm_index_options options = usual(FGMM_ASSIGN_RESIDUAL);
    fgmm_search_options search_options = everything();
    int64_t truth[QUERIES * TOP], ids[QUERIES * TOP];
    uint64_t scanned = 0;
    fgmm_source *calibration = memory_source(queries, FGMM_U8, QUERIES, D);
    options.for_top = TOP;
    options.calibration = _i ? calibration : NULL;
    const fgmm_index_info info = build(path, &options, rows, FGMM_U8, N);
    ck_assert_int_eq(info.is_calibrated_on_queries, _i);
    ck_assert_double_ge(info.most_recall, 0.995);
    search(path, &search_options, truth, NULL);
    expect_nearest(truth, NULL, all_rows);
    search_options.nprobe = 0;
    for (double recall = 0.9; recall < 0.99; recall += 0.04) {
        search_options.recall = recall;
        const fgmm_search_stats stats = search(path, &search_options, ids, NULL);
        ck_assert_double_ge(recall_against(ids, truth), recall - CALIBRATION_TOLERANCE);
        ck_assert_uint_gt(stats.scanned, scanned);
        ck_assert_uint_lt(stats.scanned, (uint64_t)QUERIES * N);
        scanned = stats.scanned;
    }
    fgmm_source_close(calibration);
}
END_TEST

enum { AWAY = 400, MANY_LISTS = 128 };

static fgmm_model *many_centroids(void)
{
    fgmm_model *many;
    fgmm_kmeans_options options = fgmm_kmeans_options_init();
    fgmm_source *source = memory_source(rows, FGMM_U8, N, D);
    options.components = MANY_LISTS;
    options.max_iterations = 5;
    ck_ok(fgmm_kmeans(&many, device, source, &options, NULL));
    fgmm_source_close(source);
    return many;
}

/* Queries in random directions, far outside of the rows, are about equally far from every list: by the calibration
 * alone their neighbours are missed. Some of them are searched in all lists and tell what the others need; if there are
 * only a few, all of them are. Queries like the rows are left to the calibration. */
START_TEST(test_ivf__queries_unlike_the_rows_have_the_recall)
{
    const char *path = temporary_path("away.ivf");
    const double asked = 0.95, tolerance = 0.02; /* of 400 queries' mean: deviation of one .1 */
    static float far[AWAY * D];
    static int64_t truth[AWAY * TOP], ids[AWAY * TOP];
    static float distances[AWAY * TOP];
    fgmm_index_options options = usual(FGMM_ASSIGN_RESIDUAL);
    fgmm_search_options by_recall = fgmm_search_options_init(), all = everything();
    fgmm_search_stats stats = fgmm_search_stats_init();
    fgmm_index *index;
    fgmm_searcher *searcher;
    fg_rng rng;
    double hits = 0;
    const fgmm_rows unlike = fgmm_rows_init(far, FGMM_F32, AWAY), few = fgmm_rows_init(far, FGMM_F32, 3);
    fg_rng_init(&rng, 7, 1, 0);
    for (int i = 0; i < AWAY * D; i++) far[i] = (float)(130 + 80 * fg_rng_normal(&rng));
    fgmm_model *many = many_centroids(); /* of which the rule considers a quarter */
    options.quantizer = many;
    options.for_top = TOP;
    all.nprobe = MANY_LISTS;
    build(path, &options, rows, FGMM_U8, N);
    ck_ok(fgmm_index_open(&index, path));
    ck_ok(fgmm_searcher_open(&searcher, index, device, NULL));
    ck_ok(fgmm_searcher_search(searcher, &unlike, &all, truth, NULL, NULL));
    by_recall.recall = asked;
    ck_ok(fgmm_searcher_search(searcher, &unlike, &by_recall, ids, distances, &stats));
    ck_assert_uint_eq(stats.queries, AWAY);
    ck_assert_uint_ge(stats.away, AWAY * 95 / 100);
    for (int q = 0; q < AWAY; q++)
        for (int i = 0; i < TOP; i++) {
            for (int j = 0; j < TOP; j++) hits += ids[q * TOP + i] == truth[q * TOP + j];
            ck_assert(i == 0 || distances[q * TOP + i] >= distances[q * TOP + i - 1]);
        }
    ck_assert_msg(hits / (AWAY * TOP) >= asked - tolerance, "recall %g", hits / (AWAY * TOP));
    ck_ok(fgmm_searcher_search(searcher, &few, &by_recall, ids, NULL, &stats));
    ck_assert_uint_eq(stats.away, 3);
    ck_assert_mem_eq(ids, truth, 3 * TOP * sizeof *ids);
    ck_ok(search_bytes(searcher, QUERIES, &by_recall, ids, NULL, &stats));
    ck_assert_uint_le(stats.away, 2);
    fgmm_searcher_close(searcher);
    fgmm_index_close(index);
    fgmm_model_free(many);
}
END_TEST

/* Neighbours that an index does not have are not asked for: fewer rows than results are all found. */
START_TEST(test_ivf__the_calibration_of_fewer_rows_than_results_is_complete)
{
    const char *path = temporary_path("few.ivf");
    fgmm_index_options options = usual(FGMM_ASSIGN_HARD);
    options.for_top = TOP;
    const fgmm_index_info info = build(path, &options, rows, FGMM_U8, TOP / 2);
    ck_assert_double_eq(info.most_recall, 1);
}
END_TEST

/* Under this limit a CPU device holds the fewest rows at a time that it may. */
enum { LEAST_MEMORY = 1 };

START_TEST(test_ivf__same_seed_same_bytes)
{
    const char *paths[2] = {temporary_path("one.ivf"), temporary_path("two.ivf")};
    fgmm_index_options options = usual(FGMM_ASSIGN_RESIDUAL);
    char *bytes[2];
    long sizes[2];
    options.for_top = TOP;
    for (int i = 0; i < 2; i++) {
        options.batch_rows = i ? 100 : 0; /* nor does the batch matter, nor how much of the index the device holds */
        options.memory_limit_bytes = i ? LEAST_MEMORY : 0;
        build(paths[i], &options, rows, FGMM_U8, N);
        FILE *file = fopen(paths[i], "rb");
        fseek(file, 0, SEEK_END);
        sizes[i] = ftell(file);
        rewind(file);
        bytes[i] = malloc((size_t)sizes[i]);
        ck_assert_uint_eq(fread(bytes[i], 1, (size_t)sizes[i], file), (size_t)sizes[i]);
        fclose(file);
    }
    ck_assert_int_eq(sizes[0], sizes[1]);
    ck_assert_mem_eq(bytes[0], bytes[1], (size_t)sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
}
END_TEST

/* An index whose lists do not fit the device is searched in parts, with the same results. */
START_TEST(test_ivf__lists_in_parts)
{
    const char *path = temporary_path("parts.ivf");
    fgmm_index_options options = usual(FGMM_ASSIGN_RESIDUAL);
    fgmm_index *index;
    options.for_top = TOP;
    build(path, &options, rows, FGMM_U8, N);
    ck_ok(fgmm_index_open(&index, path));
    for (uint64_t nprobe = 0; nprobe <= K; nprobe += K / 2) { /* by recall, some lists, all lists */
        int64_t ids[2][QUERIES * TOP];
        float distances[2][QUERIES * TOP];
        fgmm_search_stats stats[2] = {fgmm_search_stats_init(), fgmm_search_stats_init()};
        fgmm_search_options search_options = fgmm_search_options_init();
        search_options.nprobe = nprobe;
        search_options.count_unique = 1;
        for (int i = 0; i < 2; i++) {
            fgmm_searcher *searcher;
            fgmm_searcher_options searcher_options = fgmm_searcher_options_init();
            searcher_options.memory_limit_bytes = i ? LEAST_MEMORY : 0;
            ck_ok(fgmm_searcher_open(&searcher, index, device, &searcher_options));
            ck_ok(search_bytes(searcher, QUERIES, &search_options, ids[i], distances[i], &stats[i]));
            fgmm_searcher_close(searcher);
        }
        ck_assert_mem_eq(ids[0], ids[1], sizeof ids[0]);
        ck_assert_mem_eq(distances[0], distances[1], sizeof distances[0]);
        ck_assert_mem_eq(&stats[0], &stats[1], sizeof stats[0]);
        if (nprobe == K) expect_nearest(ids[1], distances[1], all_rows);
    }
    fgmm_index_close(index);
}
END_TEST

/* A thread that searches an index which others search too, with a device and a searcher of its own. */
typedef struct seeker {
    pthread_t thread;
    const fgmm_index *index;
    uint64_t memory_limit_bytes;
    fgmm_status status;
    char error[256];
    int64_t ids[QUERIES * TOP];
} seeker;

static fgmm_status seek(seeker *s)
{
    fgmm_device *own = NULL;
    fgmm_searcher *searcher = NULL;
    fgmm_device_options device_options = fgmm_device_options_init();
    fgmm_searcher_options searcher_options = fgmm_searcher_options_init();
    fgmm_search_options search_options = fgmm_search_options_init();
    device_options.cache_dir = "";
    searcher_options.memory_limit_bytes = s->memory_limit_bytes;
    search_options.nprobe = K;
    fgmm_status status = fgmm_device_open(&own, &device_options);
    if (status == FGMM_OK) status = fgmm_searcher_open(&searcher, s->index, own, &searcher_options);
    for (int repeat = 0; repeat < 5 && status == FGMM_OK; repeat++)
        status = search_bytes(searcher, QUERIES, &search_options, s->ids, NULL, NULL);
    snprintf(s->error, sizeof s->error, "%s", fgmm_last_error());
    fgmm_searcher_close(searcher);
    fgmm_device_close(own);
    return status;
}

static void *run_seeker(void *user)
{
    seeker *s = user;
    s->status = seek(s);
    return NULL;
}

/* Two threads search one index at once, one from memory and one, in parts, from the file, while the file is
 * replaced. */
START_TEST(test_ivf__two_threads_search_one_index)
{
    const char *path = temporary_path("threads.ivf");
    const fgmm_index_options options = usual(FGMM_ASSIGN_RESIDUAL);
    const int64_t gone = 5;
    fgmm_index *index;
    seeker seekers[2] = {{.memory_limit_bytes = 0}, {.memory_limit_bytes = LEAST_MEMORY}};
    build(path, &options, rows, FGMM_U8, N);
    ck_ok(fgmm_index_open(&index, path));
    for (int i = 0; i < 2; i++) {
        seekers[i].index = index;
        ck_assert_int_eq(pthread_create(&seekers[i].thread, NULL, run_seeker, &seekers[i]), 0);
    }
    ck_ok(fgmm_index_remove(path, &gone, 1, NULL));
    for (int i = 0; i < 2; i++) ck_assert_int_eq(pthread_join(seekers[i].thread, NULL), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_msg(seekers[i].status == FGMM_OK, "thread %d: %s", i, seekers[i].error);
        expect_nearest(seekers[i].ids, NULL, all_rows);
    }
    fgmm_index_close(index);
}
END_TEST

START_TEST(test_ivf__wrong_requests_are_refused)
{
    const char *path = temporary_path("refuse.ivf");
    fgmm_index_options options = usual(FGMM_ASSIGN_RESIDUAL);
    fgmm_search_options o = fgmm_search_options_init();
    fgmm_index *index;
    fgmm_searcher *searcher;
    int64_t ids[QUERIES * TOP];
    build(path, &options, rows, FGMM_U8, N);
    ck_ok(fgmm_index_open(&index, path));
    ck_ok(fgmm_searcher_open(&searcher, index, device, NULL));
#define REFUSED(code, part) ck_fails(search_bytes(searcher, 1, &o, ids, NULL, NULL), code, part)
    REFUSED(FGMM_ARGUMENT, "no dial");
    o.nprobe = K + 1;
    REFUSED(FGMM_ARGUMENT, "nprobe = 25; need 1..24");
    o.nprobe = 1;
    o.top = 0;
    REFUSED(FGMM_ARGUMENT, "top = 0; need 1..1024");
    o.top = FGMM_TOP_MAX + 1;
    REFUSED(FGMM_ARGUMENT, "top = 1025");
    o.top = 1;
    const fgmm_rows no_queries = fgmm_rows_init(NULL, FGMM_U8, 0);
    ck_ok(fgmm_searcher_search(searcher, &no_queries, &o, NULL, NULL, NULL));
    ck_fails(fgmm_searcher_search(searcher, NULL, &o, ids, NULL, NULL), FGMM_ARGUMENT, "queries is NULL");
    const float nan_query[D] = {NAN};
    const fgmm_rows with_nan = fgmm_rows_init(nan_query, FGMM_F32, 1);
    ck_fails(fgmm_searcher_search(searcher, &with_nan, &o, ids, NULL, NULL), FGMM_DATA, "row 0, column 0");
    fgmm_searcher_close(searcher);
    fgmm_index_close(index);
    fgmm_source *source = memory_source(rows, FGMM_U8, N, D), *other = memory_source(rows, FGMM_U8, N, D - 1);
    options.copies_per_row = 2.5;
    ck_fails(fgmm_index_build(device, source, path, &options, NULL), FGMM_ARGUMENT, "copies_per_row = 2.5");
    options.copies_per_row = 0;
    options.for_top = FGMM_TOP_MAX + 1;
    ck_fails(fgmm_index_build(device, source, path, &options, NULL), FGMM_ARGUMENT, "for_top = 1025");
    ck_fails(fgmm_index_build(device, other, path, NULL, NULL), FGMM_ARGUMENT, "options is NULL");
    options.for_top = 0;
    fgmm_index_info unset = {0};
    ck_fails(fgmm_index_build(device, source, path, &options, &unset), FGMM_ARGUMENT, "info.size = 0");
    ck_fails(fgmm_index_build(device, other, path, &options, NULL), FGMM_DATA, "D = 12, but the data has D = 11");
    ck_fails(fgmm_index_add(device, path, other, NULL), FGMM_DATA, "D = 12, but the data has D = 11");
    ck_ok(fgmm_index_open(&index, path)); /* the old index stayed */
    fgmm_index_close(index);
    fgmm_source_close(source);
    fgmm_source_close(other);
}
END_TEST

/* The old index at path is as it was, and nothing lies beside it: names that begin with its own. */
static void expect_untouched(const char *path)
{
    char folder[512];
    int count = 0;
    int64_t ids[QUERIES * TOP];
    const fgmm_search_options search_options = everything();
    snprintf(folder, sizeof folder, "%s", path);
    char *name = strrchr(folder, '/');
    *name++ = 0;
    DIR *entries = opendir(folder);
    ck_assert(entries != NULL);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
        count += strncmp(entry->d_name, name, strlen(name)) == 0;
    closedir(entries);
    ck_assert_int_eq(count, 1);
    search(path, &search_options, ids, NULL);
    expect_nearest(ids, NULL, all_rows);
}

/* A full disk leaves the old index, and nothing beside it: while the choices of lists are written, of the rows, and of
 * what an update copies. */
START_TEST(test_ivf__full_disk_keeps_the_old_index)
{
    enum { CHOICES = N * 8, INDEX = 4096 + N * (D + 8) }; /* bytes, at least */
    const char *path = temporary_path("disk.ivf");
    const fgmm_index_options options = usual(FGMM_ASSIGN_HARD);
    const int64_t gone = 1;
    fgmm_index *index;
    build(path, &options, rows, FGMM_U8, N);
    fgmm_source *source = memory_source(rows, FGMM_U8, N, D);
    ck_ok(fgmm_index_open(&index, path));
    struct rlimit limit, small;
    getrlimit(RLIMIT_FSIZE, &limit);
    small = limit;
    signal(SIGXFSZ, SIG_IGN);
    const rlim_t sizes[2] = {CHOICES - 1000, INDEX - 1000};
    for (int i = 0; i < 2; i++) {
        small.rlim_cur = sizes[i];
        setrlimit(RLIMIT_FSIZE, &small);
        const fgmm_status statuses[] = {
            fgmm_index_build(device, source, path, &options, NULL), fgmm_index_add(device, path, source, NULL),
            fgmm_index_remove(path, &gone, 1, NULL), fgmm_index_save(index, path, FGMM_INDEX_FAISS)};
        setrlimit(RLIMIT_FSIZE, &limit);
        for (size_t s = 0; s < sizeof statuses / sizeof statuses[0]; s++) ck_assert_int_eq(statuses[s], FGMM_IO);
        expect_untouched(path);
    }
    fgmm_index_close(index);
    fgmm_source_close(source);
}
END_TEST

/* Stops when a given iteration of the build tells how far it is. */
static int stop_at(void *user, const fgmm_progress *progress)
{
    return progress->iteration == *(const uint64_t *)user;
}

START_TEST(test_ivf__interrupted_builds_keep_the_old_index)
{
    const char *path = temporary_path("interrupted.ivf");
    fgmm_index_options options = usual(FGMM_ASSIGN_RESIDUAL);
    fgmm_source *source = memory_source(rows, FGMM_U8, N, D);
    build(path, &options, rows, FGMM_U8, N);
    options.for_top = TOP;
    options.progress = stop_at;
    for (uint64_t iteration = 1; iteration <= 3; iteration++) { /* assigns, writes, makes the dial */
        options.progress_user = &iteration;
        ck_assert_int_eq(fgmm_index_build(device, source, path, &options, NULL), FGMM_CANCELLED);
        expect_untouched(path);
    }
    fgmm_source_close(source);
}
END_TEST

/* An index whose rows are all gone finds nothing, however it is asked, and takes rows again. */
START_TEST(test_ivf__an_empty_index_finds_nothing)
{
    const char *path = temporary_path("empty.ivf");
    fgmm_index_options options = usual(FGMM_ASSIGN_RESIDUAL);
    fgmm_search_options search_options = fgmm_search_options_init();
    int64_t ids[QUERIES * TOP], gone[2 * N];
    float distances[QUERIES * TOP];
    uint64_t missing;
    options.for_top = TOP;
    build(path, &options, rows, FGMM_U8, N);
    for (uint64_t i = 0; i < 2 * N; i++) gone[i] = (int64_t)(i % N); /* each twice */
    ck_ok(fgmm_index_remove(path, gone, 2 * N, &missing));
    ck_assert_uint_eq(missing, 0);
    ck_ok(fgmm_index_remove(path, gone, 2 * N, &missing));
    ck_assert_uint_eq(missing, N);
    for (int is_compact = 0; is_compact < 2; is_compact++) {
        if (is_compact) ck_ok(fgmm_index_compact(path));
        for (uint64_t nprobe = 0; nprobe <= K; nprobe += K / 2) {
            search_options.nprobe = nprobe;
            const fgmm_search_stats stats = search(path, &search_options, ids, distances);
            ck_assert_uint_eq(stats.scanned, 0);
            for (uint64_t i = 0; i < QUERIES * TOP; i++) ck_assert(ids[i] == -1 && isinf(distances[i]));
        }
    }
    fgmm_source *source = memory_source(rows, FGMM_U8, N, D);
    ck_ok(fgmm_index_add(device, path, source, NULL));
    search_options.nprobe = K;
    search(path, &search_options, ids, NULL);
    for (uint64_t i = 0; i < QUERIES * TOP; i++) ids[i] -= N; /* ids go on, they do not begin anew */
    expect_nearest(ids, NULL, all_rows);
    fgmm_source_close(source);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("ivf");
    TCase *c = tcase_create("ivf");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 300);
    tcase_add_loop_test(c, test_ivf__exact_when_every_list_is_probed, 0, 2);
    tcase_add_test(c, test_ivf__soft_lists_hold_what_exceeds_tau);
    tcase_add_test(c, test_ivf__add_remove_compact);
    tcase_add_test(c, test_ivf__faiss_files_come_back);
    tcase_add_test(c, test_ivf__no_id_is_given_again);
    tcase_add_test(c, test_ivf__queries_unlike_the_rows_have_the_recall);
    tcase_add_test(c, test_ivf__ids_may_be_high);
    tcase_add_loop_test(c, test_ivf__the_calibration_gives_the_recall, 0, 2);
    tcase_add_test(c, test_ivf__ids_are_counted_once);
    tcase_add_test(c, test_ivf__rows_are_left_out_in_every_batch);
    tcase_add_test(c, test_ivf__the_calibration_of_fewer_rows_than_results_is_complete);
    tcase_add_test(c, test_ivf__same_seed_same_bytes);
    tcase_add_test(c, test_ivf__lists_in_parts);
    tcase_add_test(c, test_ivf__two_threads_search_one_index);
    tcase_add_test(c, test_ivf__wrong_requests_are_refused);
    tcase_add_test(c, test_ivf__full_disk_keeps_the_old_index);
    tcase_add_test(c, test_ivf__interrupted_builds_keep_the_old_index);
    tcase_add_test(c, test_ivf__an_empty_index_finds_nothing);
    suite_add_tcase(s, c);
    return s;
}
