/* test_init.c - first centres by k-means||: rows of the data, as well spread as those of k-means++, and the same
 * however the rows are cut; and which method is the default. The descriptors are read from ../shared/data, and where
 * that is missing their test says so and passes. */
#define _POSIX_C_SOURCE 200809L
#include "mixtures.h"
#include "support.h"

#include "seed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N = 6000, D = 4, K = 40 };

static fgmm_device *device;
static float *rows;

static void setup(void)
{
    device = open_test_device();
    rows = draw_rows(N, D, K, 33);
}

static void teardown(void)
{
    free(rows);
    fgmm_device_close(device);
}

/* The first centres themselves: no iteration follows. */
static fgmm_model *first_centres(uint64_t k, fgmm_init init, uint64_t batch_rows)
{
    fgmm_fit_options options = fgmm_fit_options_init();
    options.components = k;
    options.init = init;
    options.kmeans_iterations = options.max_iterations = 0;
    options.batch_rows = batch_rows;
    return fit_rows(device, rows, N, D, &options, NULL);
}

START_TEST(test_init__parallel_takes_different_rows)
{
    fgmm_model *model = first_centres(K, FGMM_INIT_KMEANS_PARALLEL, 0);
    const double *means = fgmm_model_means(model);
    uint64_t found[K];
    for (int k = 0; k < K; k++) {
        for (found[k] = 0; found[k] < N; found[k]++) {
            int same = 0;
            for (int j = 0; j < D; j++) same += means[k * D + j] == (double)rows[found[k] * D + j];
            if (same == D) break;
        }
        ck_assert_uint_lt(found[k], N);
        for (int other = 0; other < k; other++) ck_assert_uint_ne(found[k], found[other]);
    }
    fgmm_model_free(model);
}
END_TEST

START_TEST(test_init__parallel_does_not_depend_on_the_cut)
{
    fgmm_model *a = first_centres(K, FGMM_INIT_KMEANS_PARALLEL, 0),
               *b = first_centres(K, FGMM_INIT_KMEANS_PARALLEL, 700);
    ck_assert_mem_eq(fgmm_model_means(a), fgmm_model_means(b), K * D * sizeof(double));
    fgmm_model_free(a);
    fgmm_model_free(b);
}
END_TEST

/* What inertia from k-means|| may be of that from k-means++. */
static const double within = 1.02;
enum { SEEDS = 4, ITERATIONS = 5 };

static double inertia_of(fgmm_source *source, uint64_t k, fgmm_init init, uint32_t iterations, uint64_t seed)
{
    fgmm_kmeans_options options = fgmm_kmeans_options_init();
    fgmm_fit_report report = fgmm_fit_report_init();
    fgmm_model *model;
    options.components = k;
    options.init = init;
    options.seed = seed;
    options.max_iterations = iterations;
    ck_ok(fgmm_kmeans(&model, device, source, &options, &report));
    fgmm_model_free(model);
    fgmm_fit_report_clear(&report);
    return report.inertia;
}

static double inertia(fgmm_init init, uint32_t iterations, uint64_t seed)
{
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
    const double found = inertia_of(source, K, init, iterations, seed);
    fgmm_source_close(source);
    return found;
}

/* After a few of Lloyd's iterations, from the first centres of several seeds; and these are far better than random
 * rows. */
START_TEST(test_init__parallel_is_as_good_as_plus_plus)
{
    double parallel = 0, plus_plus = 0, first = 0, random = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        parallel += inertia(FGMM_INIT_KMEANS_PARALLEL, ITERATIONS, seed);
        plus_plus += inertia(FGMM_INIT_KMEANSPP, ITERATIONS, seed);
        first += inertia(FGMM_INIT_KMEANS_PARALLEL, 1, seed);
        random += inertia(FGMM_INIT_RANDOM, 1, seed);
    }
    ck_assert_double_lt(parallel, within * plus_plus);
    ck_assert_double_lt(first, 0.8 * random);
}
END_TEST

/* The same for 512 centroids of descriptors, which are too many for swaps. */
START_TEST(test_init__parallel_is_as_good_on_descriptors)
{
    enum { CENTROIDS = 512 };
    const char *path = FG_TEST_SOURCE_DIR "/../shared/data/siftsmall/siftsmall_base.fvecs";
    fgmm_source *source;
    if (access(path, R_OK) != 0) {
        printf("skipped: no data (siftsmall_base.fvecs)\n");
        return;
    }
    ck_ok(fgmm_source_open(&source, path, NULL));
    const double parallel = inertia_of(source, CENTROIDS, FGMM_INIT_KMEANS_PARALLEL, ITERATIONS, 0);
    const double plus_plus = inertia_of(source, CENTROIDS, FGMM_INIT_KMEANSPP, ITERATIONS, 0);
    ck_assert_double_lt(parallel, within * plus_plus);
    fgmm_source_close(source);
}
END_TEST

/* Sum over all rows of the squared distance to the nearest of K centres. */
static double potential(const double *centres)
{
    double sum = 0;
    for (size_t i = 0; i < N; i++) {
        double least = (double)INFINITY;
        for (size_t k = 0; k < K; k++) {
            double distance = 0;
            for (size_t j = 0; j < D; j++) {
                const double t = (double)rows[i * D + j] - centres[k * D + j];
                distance += t * t;
            }
            least = fmin(least, distance);
        }
        sum += least;
    }
    return sum;
}

/* From K equal centres: distinct rows, close to the best that is known, and the same twice. */
START_TEST(test_init__swaps_spread_centres)
{
    fg_sample sample = {0};
    fg_shift shift = {0};
    double centre[D] = {0};
    const fg_range range = {centre, 1};
    double centres[2][K * D];
    ck_ok(fg_sample_create(&sample, N, sizeof *rows * D, 0));
    fg_sample_feed(&sample, rows, NULL, 0, N);
    ck_ok(fg_sample_finish(&sample));
    ck_ok(fg_shift_create(&shift, FGMM_F32, D, centre, 1));
    const fg_seed_request request = {
        .sample = &sample, .type = FGMM_F32, .k = K, .d = D, .seed = 5, .rows = N, .range = &range, .shift = &shift};
    for (int i = 0; i < 2; i++) {
        for (size_t e = 0; e < (size_t)K * D; e++) centres[i][e] = (double)rows[e % D];
        ck_ok(fg_seed_swap(centres[i], &request));
    }
    ck_assert_mem_eq(centres[0], centres[1], sizeof centres[0]);
    fgmm_model *random = first_centres(K, FGMM_INIT_RANDOM, 0), *plus_plus = first_centres(K, FGMM_INIT_KMEANSPP, 0);
    ck_assert_double_lt(potential(centres[0]), 0.6 * potential(fgmm_model_means(random)));
    /* 2 K swaps from nowhere are nearly as good as 2 K swaps from k-means++ */
    ck_assert_double_lt(potential(centres[0]), 1.1 * potential(fgmm_model_means(plus_plus)));
    fgmm_model_free(random);
    fgmm_model_free(plus_plus);
    fg_shift_clear(&shift);
    fg_sample_clear(&sample);
}
END_TEST

START_TEST(test_init__parallel_on_few_distinct_rows)
{
    enum { DISTINCT = 5, COUNT = 700 };
    double many[COUNT * D]; /* float64, far from the origin */
    fgmm_fit_options options = fgmm_fit_options_init();
    fgmm_model *model;
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < D; j++) many[i * D + j] = 1e6 + i % DISTINCT * (j + 1);
    options.components = 2 * DISTINCT;
    options.init = FGMM_INIT_KMEANS_PARALLEL;
    options.max_iterations = 3;
    fgmm_source *source = memory_source(many, FGMM_F64, COUNT, D);
    ck_ok(fgmm_fit(&model, device, source, &options, NULL));
    for (int i = 0; i < DISTINCT; i++) {
        double least = (double)INFINITY;
        for (int k = 0; k < 2 * DISTINCT; k++) least = fmin(least, fabs(fgmm_model_means(model)[k * D] - many[i * D]));
        ck_assert_double_lt(least, 0.1); /* every one of them has a component */
    }
    fgmm_model_free(model);
    fgmm_source_close(source);
}
END_TEST

/* Whatever the device's memory: the plan refuses it, or k-means|| goes through, its last step on the candidates
 * included. */
START_TEST(test_init__parallel_fits_the_memory_that_was_planned)
{
    enum { COUNT = 3000, DIMS = 64, CENTRES = 300 };
    float *many = draw_rows(COUNT, DIMS, CENTRES, 12);
    fgmm_source *source = memory_source(many, FGMM_F32, COUNT, DIMS);
    fgmm_kmeans_options kmeans = fgmm_kmeans_options_init();
    fgmm_fit_report report = fgmm_fit_report_init();
    kmeans.components = CENTRES;
    kmeans.init = FGMM_INIT_KMEANS_PARALLEL;
    kmeans.max_iterations = 1;
    for (uint64_t limit = 1 << 20; !report.rows_resident; limit += limit / 16) {
        fgmm_device_options options = fgmm_device_options_init();
        fgmm_device *small;
        fgmm_model *model;
        options.memory_limit_bytes = limit;
        ck_ok(fgmm_device_open(&small, &options));
        const fgmm_status status = fgmm_kmeans(&model, small, source, &kmeans, &report);
        const int is_refused = status == FGMM_MEMORY && strncmp(fgmm_last_error(), "device memory:", 14) == 0;
        ck_assert_msg(status == FGMM_OK || is_refused, "%llu bytes: %s", (unsigned long long)limit, fgmm_last_error());
        fgmm_model_free(model);
        fgmm_device_close(small);
    }
    fgmm_fit_report_clear(&report);
    fgmm_source_close(source);
    free(many);
}
END_TEST

START_TEST(test_init__auto_takes_parallel_for_many_components_or_rows)
{
    const uint64_t many_rows = 1 << 22;
    ck_assert_int_eq(fg_seed_choose(FGMM_INIT_AUTO, 256, 1000000, 0), FGMM_INIT_KMEANSPP);
    ck_assert_int_eq(fg_seed_choose(FGMM_INIT_AUTO, 257, 1000000, 0), FGMM_INIT_KMEANS_PARALLEL);
    ck_assert_int_eq(fg_seed_choose(FGMM_INIT_AUTO, 10, many_rows - 1, 0), FGMM_INIT_KMEANSPP);
    ck_assert_int_eq(fg_seed_choose(FGMM_INIT_AUTO, 10, many_rows, 0), FGMM_INIT_KMEANS_PARALLEL);
    ck_assert_int_eq(fg_seed_choose(FGMM_INIT_AUTO, 1024, FGMM_ROWS_UNKNOWN, 0), FGMM_INIT_KMEANS_PARALLEL);
    ck_assert_int_eq(fg_seed_choose(FGMM_INIT_AUTO, 300, fg_seed_parallel_candidates(300), 0), FGMM_INIT_KMEANSPP);
    ck_assert_int_eq(fg_seed_choose(FGMM_INIT_RANDOM, 1024, 1000000, 0), FGMM_INIT_RANDOM);
    /* passes that would be most of a training with mini-batches are not made */
    ck_assert_int_eq(fg_seed_choose(FGMM_INIT_AUTO, 1024, many_rows - 1, 1), FGMM_INIT_KMEANS_PARALLEL);
    ck_assert_int_eq(fg_seed_choose(FGMM_INIT_AUTO, 1024, many_rows, 1), FGMM_INIT_KMEANSPP);
    ck_assert_int_eq(fg_seed_choose(FGMM_INIT_AUTO, 1024, FGMM_ROWS_UNKNOWN, 1), FGMM_INIT_KMEANSPP);
    /* of a source of unknown length, the sample is taken before that is known */
    ck_assert_uint_ge(fg_seed_sample_rows(FGMM_INIT_KMEANS_PARALLEL, 300, 128), fg_seed_parallel_candidates(300));
}
END_TEST

/* The fit does what the choice says: equal models. */
START_TEST(test_init__auto_is_what_it_stands_for)
{
    static const struct {
        uint64_t k;
        fgmm_init init;
    } cases[] = {{K, FGMM_INIT_KMEANSPP}, {300, FGMM_INIT_KMEANS_PARALLEL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fgmm_model *automatic = first_centres(cases[i].k, FGMM_INIT_AUTO, 0);
        fgmm_model *named = first_centres(cases[i].k, cases[i].init, 0);
        ck_assert_mem_eq(fgmm_model_means(automatic), fgmm_model_means(named), cases[i].k * D * sizeof(double));
        fgmm_model_free(automatic);
        fgmm_model_free(named);
    }
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_init__parallel_takes_different_rows,
        test_init__parallel_does_not_depend_on_the_cut,
        test_init__parallel_is_as_good_as_plus_plus,
        test_init__parallel_is_as_good_on_descriptors,
        test_init__parallel_on_few_distinct_rows,
        test_init__auto_takes_parallel_for_many_components_or_rows,
        test_init__auto_is_what_it_stands_for,
        test_init__swaps_spread_centres,
        test_init__parallel_fits_the_memory_that_was_planned,
    };
    Suite *s = suite_create("init");
    ADD_CASE(s, "init", setup, teardown, 120, tests);
    return s;
}
