/* test_em_weights.c - training with weights: a weight is how often a row counts, in every step from the first pass to
 * the criteria, from every kind of source. */
#include "covariances.h"
#include "mixtures.h"
#include "support.h"

#include "device.h"
#include "flashgmm/opencl.h"
#include "handle.h"
#include "reference.h"
#include "rng.h"
#include "rows.h"
#include "statistics.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Sums in another order, in float32 within a batch, through a few iterations; data of deviations near 1 over +-10. */
static const double PARAMETER_ROUNDING = 5e-5;
static const double LIKELIHOOD_ROUNDING = 1e-5;

enum { N = 1500, D = 3, K = 4, MOST_WEIGHT = 4 };

static fgmm_device *device;
static float *rows;
static float weights[N]; /* 0 .. MOST_WEIGHT */

/* Row i as often as its weight says. */
static float *repeated;
static uint64_t repeated_count;

static void setup(void)
{
    fg_rng rng;
    device = open_test_device();
    rows = draw_rows(N, D, K, 9);
    repeated = malloc(N * MOST_WEIGHT * D * sizeof *repeated);
    repeated_count = 0;
    fg_rng_init(&rng, 5, 5, 0);
    for (int i = 0; i < N; i++) {
        const uint64_t weight = fg_rng_below(&rng, MOST_WEIGHT + 1);
        weights[i] = (float)weight;
        for (uint64_t j = 0; j < weight; j++) memcpy(repeated + repeated_count++ * D, rows + i * D, D * sizeof *rows);
    }
}

static void teardown(void)
{
    free(rows);
    free(repeated);
    fgmm_device_close(device);
}

/* A start near nothing in particular, of any covariance type. */
static fgmm_model *make_start(fgmm_covariance covariance)
{
    double pi[K], means[K * D], covariances[K * D * D] = {0};
    fgmm_model *model;
    for (int k = 0; k < K; k++) pi[k] = 1.0 / K;
    for (int i = 0; i < K * D; i++) {
        means[i] = (double)rows[i];
        covariances[fg_variance_place(covariance, D, (uint64_t)i / D, (uint64_t)i % D)] = 4;
    }
    ck_ok(fgmm_model_create(&model, covariance, K, D, pi, means, covariances));
    return model;
}

static fgmm_fit_options options_from(const fgmm_model *start)
{
    fgmm_fit_options options = fgmm_fit_options_init();
    options.init = FGMM_INIT_MODEL;
    options.start = start;
    options.kmeans_iterations = 2;
    options.max_iterations = 4;
    options.tolerance = 0;
    return options;
}

static fgmm_fit_options options_with(fgmm_init init)
{
    fgmm_fit_options options = fgmm_fit_options_init();
    options.components = K;
    options.init = init;
    options.max_iterations = 3;
    options.tolerance = 0;
    return options;
}

/* fit_rows with weights of N rows, float32; NULL: none. */
static fgmm_model *fit_weighted(const float *with, const fgmm_fit_options *options, fgmm_fit_report *report)
{
    fgmm_fit_options used = *options;
    if (with) used.weights = memory_source(with, FGMM_F32, N, 1);
    fgmm_model *model = fit_rows(device, rows, N, D, &used, report);
    fgmm_source_close(used.weights);
    return model;
}

static void check_near(const double *a, const double *b, uint64_t count, double allowed)
{
    for (uint64_t i = 0; i < count; i++)
        ck_assert_msg(fabs(a[i] - b[i]) <= allowed, "element %llu: %.9g and %.9g", (unsigned long long)i, a[i], b[i]);
}

static void check_near_models(const fgmm_model *a, const fgmm_model *b)
{
    fgmm_model_info info = fgmm_model_info_init();
    ck_ok(fgmm_model_describe(a, &info));
    check_near(fgmm_model_weights(a), fgmm_model_weights(b), K, PARAMETER_ROUNDING);
    check_near(fgmm_model_means(a), fgmm_model_means(b), K * D, PARAMETER_ROUNDING);
    check_near(fgmm_model_covariances(a), fgmm_model_covariances(b), fg_covariance_count(info.covariance, K, D),
               4 * PARAMETER_ROUNDING); /* squares */
}

/* ---- a weight is how often a row counts ---- */

START_TEST(test_weights__whole_numbers_equal_repeated_rows)
{
    for (int covariance = 0; covariance < COVARIANCES; covariance++)
        for (int path = FGMM_PATH_AUTO; path <= FGMM_PATH_DENSE; path++) {
            fgmm_model *start = make_start((fgmm_covariance)covariance);
            fgmm_fit_options options = options_from(start);
            fgmm_fit_report report = fgmm_fit_report_init(), expected = fgmm_fit_report_init();
            ck_ok(fgmm_device_force_path(device, (fgmm_path)path));
            fgmm_model *a = fit_weighted(weights, &options, &report);
            fgmm_model *b = fit_rows(device, repeated, repeated_count, D, &options, &expected);
            check_near_models(a, b);
            ck_assert_double_le(fabs(report.log_likelihood - expected.log_likelihood), LIKELIHOOD_ROUNDING);
            ck_assert_double_le(fabs(report.inertia / expected.inertia - 1), LIKELIHOOD_ROUNDING);
            ck_assert_double_eq(report.total_weight, (double)repeated_count);
            ck_assert_uint_eq(report.rows, N);
            if (path == FGMM_PATH_SPARSE) ck_assert_uint_eq(report.dense_batches, 0);
            if (path == FGMM_PATH_DENSE && !fg_covariance_types[covariance].has_matrices) {
                ck_assert_uint_gt(report.dense_batches, 0);
                ck_assert_uint_eq(report.sparse_batches, 0);
            }
            fgmm_model_free(a);
            fgmm_model_free(b);
            fgmm_model_free(start);
            fgmm_fit_report_clear(&report);
            fgmm_fit_report_clear(&expected);
        }
}
END_TEST

START_TEST(test_weights__agree_with_plain_double_precision)
{
    enum { ITERATIONS = 3 };
    double x[N * D], w[N];
    for (int i = 0; i < N * D; i++) x[i] = (double)rows[i];
    for (int i = 0; i < N; i++) w[i] = (double)weights[i];
    for (int covariance = 0; covariance < COVARIANCES; covariance++) {
        now_testing("%s", fgmm_covariance_name((fgmm_covariance)covariance));
        const uint64_t variances = fg_covariance_count((fgmm_covariance)covariance, K, D);
        double pi[K], means[K * D], covariances[K * D * D];
        double *r = malloc(N * K * sizeof *r), *logz = malloc(N * sizeof *logz);
        double *values = malloc((2 + K + K * D + variances) * sizeof *values);
        fgmm_model *start = make_start((fgmm_covariance)covariance);
        fg_mixture plain = {(fgmm_covariance)covariance, K, D, pi, means, covariances};
        const fg_parameters p = {plain.covariance, K, D, pi, means, covariances};
        memcpy(pi, fgmm_model_weights(start), sizeof pi);
        memcpy(means, fgmm_model_means(start), sizeof means);
        memcpy(covariances, fgmm_model_covariances(start), variances * sizeof *covariances);
        for (int i = 0; i < ITERATIONS; i++) {
            memset(values, 0, (2 + K + K * D + variances) * sizeof *values);
            fg_reference_log_density(r, &p, x, N);
            fg_reference_responsibilities(logz, r, r, N, K);
            fg_reference_weigh(logz, r, w, N, K);
            fg_reference_statistics(values, &p, x, logz, r, N);
            ck_ok(fg_m_step(&plain, values, 1e-6, NULL));
        }
        fgmm_fit_options options = options_from(start);
        options.kmeans_iterations = 0;
        options.max_iterations = ITERATIONS;
        fgmm_model *model = fit_weighted(weights, &options, NULL), *expected;
        ck_ok(fgmm_model_create(&expected, plain.covariance, K, D, pi, means, covariances));
        check_near_models(model, expected);
        fgmm_model_free(expected);
        fgmm_model_free(model);
        fgmm_model_free(start);
        free(r);
        free(logz);
        free(values);
    }
}
END_TEST

/* A row of weight 0 counts for nothing: neither as a first centre nor in the first pass, though it lies far away. */
START_TEST(test_weights__zero_equals_no_row)
{
    static const fgmm_init inits[] = {FGMM_INIT_KMEANSPP, FGMM_INIT_RANDOM, FGMM_INIT_KMEANS_PARALLEL};
    float *more = malloc(2 * N * D * sizeof *more), *masks = malloc(2 * N * sizeof *masks);
    for (int i = 0; i < 2 * N; i++) {
        masks[i] = i % 2 ? 0.5f + 0.25f * (float)(i % 3) : 0;
        for (int j = 0; j < D; j++) more[i * D + j] = i % 2 ? rows[i / 2 * D + j] : 1e6f * (float)(1 + i % 7);
    }
    for (size_t i = 0; i < sizeof inits / sizeof inits[0]; i++) {
        fgmm_fit_options options = options_with(inits[i]);
        options.kmeans_iterations = options.max_iterations = 0;
        options.weights = memory_source(masks, FGMM_F32, 2 * N, 1);
        fgmm_model *model = fit_rows(device, more, 2 * N, D, &options, NULL);
        for (int k = 0; k < K * D; k++) ck_assert_double_le(fabs(fgmm_model_means(model)[k]), 100);
        for (int k = 0; k < K; k++) ck_assert_double_le(fgmm_model_covariances(model)[k], 1e4);
        fgmm_model_free(model);
        fgmm_source_close(options.weights);
    }
    /* And from the same start as without these rows. */
    float *shares = malloc(N * sizeof *shares);
    for (int i = 0; i < N; i++) shares[i] = masks[2 * i + 1];
    fgmm_model *start = make_start(FGMM_DIAG);
    fgmm_fit_options options = options_from(start);
    fgmm_model *expected = fit_weighted(shares, &options, NULL);
    options.weights = memory_source(masks, FGMM_F32, 2 * N, 1);
    fgmm_model *model = fit_rows(device, more, 2 * N, D, &options, NULL);
    check_near_models(model, expected);
    fgmm_source_close(options.weights);
    fgmm_model_free(model);
    fgmm_model_free(expected);
    fgmm_model_free(start);
    free(shares);
    free(more);
    free(masks);
}
END_TEST

/* Rows at 0, 1 and 10, of which the last ones weigh next to nothing: no start takes one of them, though they lie far
 * out, and of one centre alone the heavier rows are the more likely ones. */
START_TEST(test_weights__first_centres_are_drawn_by_them)
{
    static const fgmm_init inits[] = {FGMM_INIT_KMEANSPP, FGMM_INIT_RANDOM, FGMM_INIT_KMEANS_PARALLEL};
    enum { SEEDS = 40, POINTS = 300 };
    float points[POINTS], masses[POINTS];
    int heavy = 0;
    for (int i = 0; i < POINTS; i++) {
        points[i] = (float)(i % 3 == 2 ? 10 : i % 3);
        masses[i] = i % 3 == 2 ? 1e-7f : i % 3 == 1 ? 1 : 0.125f;
    }
    fgmm_fit_options options = options_with(FGMM_INIT_AUTO);
    options.kmeans_iterations = options.max_iterations = 0;
    options.weights = memory_source(masses, FGMM_F32, POINTS, 1);
    for (options.components = 1; options.components <= 2; options.components++)
        for (size_t i = 0; i < sizeof inits / sizeof inits[0]; i++)
            for (options.seed = 0; options.seed < SEEDS; options.seed++) {
                options.init = inits[i];
                fgmm_model *model = fit_rows(device, points, POINTS, 1, &options, NULL);
                for (uint64_t k = 0; k < options.components; k++) ck_assert(fgmm_model_means(model)[k] < 2);
                heavy += options.components == 1 && fgmm_model_means(model)[0] == 1;
                fgmm_model_free(model);
            }
    /* Of 120 draws 8/9 are expected, 107, with a deviation of 3.4; without weights 60 would be. */
    ck_assert_int_ge(heavy, 90);
    fgmm_source_close(options.weights);
}
END_TEST

START_TEST(test_weights__equal_ones_give_the_bytes_of_none)
{
    static const float values[] = {1, 3, 1e30f};
    float equal[N];
    for (int covariance = 0; covariance < COVARIANCES; covariance++) {
        fgmm_fit_options options = options_with(FGMM_INIT_AUTO);
        fgmm_fit_report plain = fgmm_fit_report_init();
        options.covariance = (fgmm_covariance)covariance;
        fgmm_model *expected = fit_weighted(NULL, &options, &plain);
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            fgmm_fit_report report = fgmm_fit_report_init();
            for (int i = 0; i < N; i++) equal[i] = values[v];
            fgmm_model *model = fit_weighted(equal, &options, &report);
            ck_assert(is_same_model(model, expected));
            ck_assert_double_le(fabs(report.inertia / (double)values[v] / plain.inertia - 1), DBL_EPSILON);
            ck_assert_double_le(fabs(report.total_weight / (double)values[v] / N - 1), 1e-12);
            fgmm_model_free(model);
            fgmm_fit_report_clear(&report);
        }
        fgmm_model_free(expected);
        fgmm_fit_report_clear(&plain);
    }
}
END_TEST

/* Only ratios matter to a model: times a power of two, all bytes are the same, at the ends of float32 too. Also where
 * mini-batches are counted by them. */
START_TEST(test_weights__of_any_size)
{
    static const int exponents[] = {100, 125, -100};
    float scaled[N];
    fgmm_fit_options options = options_with(FGMM_INIT_AUTO);
    options.mini_batch = _i;
    options.batch_rows = 100;
    fgmm_model *expected = fit_weighted(weights, &options, NULL);
    for (size_t e = 0; e < sizeof exponents / sizeof exponents[0]; e++) {
        fgmm_fit_report report = fgmm_fit_report_init();
        for (int i = 0; i < N; i++) scaled[i] = ldexpf(weights[i], exponents[e]);
        fgmm_model *model = fit_weighted(scaled, &options, &report);
        ck_assert(is_same_model(model, expected));
        ck_assert_double_eq(report.total_weight, ldexp((double)repeated_count, exponents[e]));
        ck_assert(isfinite(report.inertia) && report.inertia > 0);
        fgmm_model_free(model);
        fgmm_fit_report_clear(&report);
    }
    fgmm_model_free(expected);
}
END_TEST

/* ---- from every kind of source ---- */

/* In memory as every type, from a file, from a callback in pieces; rows in memory, streamed in small batches under a
 * limit, from a callback that does not know N, in a cl_mem. */
START_TEST(test_weights__travel_with_any_rows)
{
    fgmm_fit_options options = options_with(FGMM_INIT_KMEANS_PARALLEL);
    uint8_t bytes[N];
    double wide[N];
    rows_feed weight_feed = {.rows = weights, .type = FGMM_F32, .n = N, .d = 1, .chunk = 77};
    rows_feed row_feed = {.rows = rows, .type = FGMM_F32, .n = N, .d = D, .chunk = 100};
    fgmm_writer *writer;
    options.batch_rows = 256;
    fgmm_model *expected = fit_weighted(weights, &options, NULL);
    for (int i = 0; i < N; i++) wide[i] = (double)(bytes[i] = (uint8_t)weights[i]);
    const char *path = temporary_path("weights.npy");
    ck_ok(fgmm_writer_open(&writer, path, "<f8", 0));
    ck_ok(fgmm_writer_append(writer, wide, N));
    ck_ok(fgmm_writer_commit(writer));
    for (int kind = 0; kind < 4; kind++)
        for (int is_fed = 0; is_fed < 2; is_fed++) {
            fgmm_source *source =
                is_fed ? feed_source(&row_feed, FGMM_ROWS_UNKNOWN) : memory_source(rows, FGMM_F32, N, D);
            fgmm_model *model;
            if (kind == 0) options.weights = memory_source(bytes, FGMM_U8, N, 1);
            if (kind == 1) options.weights = memory_source(wide, FGMM_F64, N, 1);
            if (kind == 2) options.weights = feed_source(&weight_feed, FGMM_ROWS_UNKNOWN);
            if (kind == 3) ck_ok(fgmm_source_open(&options.weights, path, NULL));
            fgmm_fit_report report = fgmm_fit_report_init();
            ck_ok(fgmm_fit(&model, device, source, &options, &report));
            ck_assert(is_same_model(model, expected));
            fgmm_model_free(model);
            fgmm_source_close(source);
            fgmm_source_close(options.weights);
            fgmm_fit_report_clear(&report);
        }
    fg_buffer *buffer;
    fgmm_source *lent;
    fgmm_model *model;
    ck_ok(fg_buffer_create(&buffer, device, N * D * sizeof(float), FG_BUFFER_DEVICE, "test rows"));
    ck_ok(fg_buffer_write(buffer, 0, rows, N * D * sizeof(float)));
    ck_ok(fgmm_source_from_cl_mem(&lent, device, fg_buffer_memory(buffer), FGMM_F32, N, D, 0));
    options.weights = memory_source(weights, FGMM_F32, N, 1);
    ck_ok(fgmm_fit(&model, device, lent, &options, NULL));
    ck_assert(is_same_model(model, expected));
    fgmm_model_free(model);
    fgmm_source_close(lent);
    fgmm_source_close(options.weights);
    fg_buffer_free(buffer);
    fgmm_model_free(expected);
}
END_TEST

/* A device that has no room to keep rows. */
START_TEST(test_weights__are_read_again_with_rows_that_do_not_stay)
{
    fgmm_device_options small = fgmm_device_options_init();
    fgmm_device *streaming;
    fgmm_fit_options options = options_with(FGMM_INIT_RANDOM);
    fgmm_fit_report kept = fgmm_fit_report_init(), read = fgmm_fit_report_init();
    enum { MANY = 60000 };
    float *many = draw_rows(MANY, D, K, 10), *shares = malloc(MANY * sizeof *shares);
    fgmm_model *model;
    for (int i = 0; i < MANY; i++) shares[i] = (float)(i % 7) / 8;
    options.batch_rows = 512;
    options.weights = memory_source(shares, FGMM_F32, MANY, 1);
    fgmm_model *expected = fit_rows(device, many, MANY, D, &options, &kept);
    small.cache_dir = "";
    small.memory_limit_bytes = 1 << 20;
    ck_ok(fgmm_device_open(&streaming, &small));
    fgmm_source *source = memory_source(many, FGMM_F32, MANY, D);
    ck_ok(fgmm_fit(&model, streaming, source, &options, &read));
    ck_assert_int_eq(kept.rows_resident, 1);
    ck_assert_int_eq(read.rows_resident, 0);
    ck_assert(is_same_model(model, expected));
    fgmm_model_free(model);
    fgmm_model_free(expected);
    fgmm_source_close(source);
    fgmm_source_close(options.weights);
    fgmm_fit_report_clear(&kept);
    fgmm_fit_report_clear(&read);
    fgmm_device_close(streaming);
    free(many);
    free(shares);
}
END_TEST

/* ---- the rest of a training ---- */

START_TEST(test_weights__kmeans_counts_them)
{
    fgmm_model *start = make_start(FGMM_SPHERICAL), *a, *b;
    fgmm_kmeans_options options = fgmm_kmeans_options_init();
    fgmm_fit_report report = fgmm_fit_report_init(), expected = fgmm_fit_report_init();
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
    fgmm_source *all = memory_source(repeated, FGMM_F32, repeated_count, D);
    options.init = FGMM_INIT_MODEL;
    options.start = start;
    ck_ok(fgmm_kmeans(&b, device, all, &options, &expected));
    options.weights = memory_source(weights, FGMM_F32, N, 1);
    ck_ok(fgmm_kmeans(&a, device, source, &options, &report));
    check_near(fgmm_model_means(a), fgmm_model_means(b), K * D, PARAMETER_ROUNDING);
    ck_assert_double_le(fabs(report.inertia / expected.inertia - 1), LIKELIHOOD_ROUNDING);
    ck_assert_uint_eq(report.kmeans_iterations, expected.kmeans_iterations);
    fgmm_model_free(a);
    fgmm_model_free(b);
    fgmm_model_free(start);
    fgmm_source_close(source);
    fgmm_source_close(all);
    fgmm_source_close(options.weights);
    fgmm_fit_report_clear(&report);
    fgmm_fit_report_clear(&expected);
}
END_TEST

/* Stepwise EM, also where whole batches weigh nothing. */
START_TEST(test_weights__mini_batches_count_them)
{
    enum { MANY = 20000 };
    float *many = draw_rows(MANY, D, K, 11), *shares = malloc(MANY * sizeof *shares);
    fgmm_fit_options options = options_with(FGMM_INIT_AUTO);
    fgmm_fit_report stepwise = fgmm_fit_report_init(), full = fgmm_fit_report_init();
    for (int i = 0; i < MANY; i++) shares[i] = i / 2500 % 2 ? 0 : 0.25f * (float)(1 + i % 4);
    options.weights = memory_source(shares, FGMM_F32, MANY, 1);
    options.batch_rows = 500;
    options.kmeans_iterations = 1;
    options.max_iterations = 20;
    fgmm_model *expected = fit_rows(device, many, MANY, D, &options, &full);
    options.mini_batch = 1;
    options.max_iterations = 3;
    fgmm_model *model = fit_rows(device, many, MANY, D, &options, &stepwise);
    /* the noise of the last pass, which averages 10,000 rows */
    ck_assert_double_ge(stepwise.log_likelihood, full.log_likelihood - 0.01);
    fgmm_model_free(model);
    fgmm_model_free(expected);
    fgmm_source_close(options.weights);
    fgmm_fit_report_clear(&stepwise);
    fgmm_fit_report_clear(&full);
    free(many);
    free(shares);
}
END_TEST

static int stop_in_em(void *user, const fgmm_progress *progress)
{
    (void)user;
    return progress->phase == FGMM_PHASE_EM && progress->iteration == 2 && progress->iteration_finished;
}

START_TEST(test_weights__resuming_asks_for_the_same)
{
    char checkpoint[512];
    snprintf(checkpoint, sizeof checkpoint, "%s", temporary_path("weights.checkpoint.safetensors"));
    fgmm_fit_options options = options_with(FGMM_INIT_AUTO);
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
    fgmm_model *expected = fit_weighted(weights, &options, NULL), *model;
    float others[N];
    memcpy(others, weights, sizeof others);
    others[N - 1] += 1;
    fgmm_source *right = memory_source(weights, FGMM_F32, N, 1), *wrong = memory_source(others, FGMM_F32, N, 1);
    options.checkpoint = checkpoint;
    options.progress = stop_in_em;
    options.weights = right;
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_CANCELLED, "cancelled");
    fgmm_model_free(model);
    options.progress = NULL;
    options.resume = checkpoint;
    options.weights = wrong;
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_DATA, "made with other weights");
    options.weights = NULL;
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_DATA, "made with weights, but there are none now");
    options.weights = right;
    ck_ok(fgmm_fit(&model, device, source, &options, NULL));
    ck_assert(is_same_model(model, expected));
    fgmm_model_free(model);
    options.weights = NULL;
    options.resume = NULL;
    options.progress = stop_in_em;
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_CANCELLED, "cancelled");
    fgmm_model_free(model);
    options.resume = checkpoint;
    options.weights = right;
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_DATA, "made with no weights");
    fgmm_model_free(expected);
    fgmm_source_close(source);
    fgmm_source_close(right);
    fgmm_source_close(wrong);
}
END_TEST

/* ---- beside training ---- */

/* The same sums from the rows as often as their weights say; and of equal weights. */
START_TEST(test_weights__statistics_and_criteria_count_them)
{
    fgmm_model *model = make_start(FGMM_DIAG);
    fgmm_statistics *a, *b, *c;
    fgmm_criteria weighted = fgmm_criteria_init(), expected = fgmm_criteria_init();
    fgmm_evaluate_options evaluate = fgmm_evaluate_options_init();
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D), *w = memory_source(weights, FGMM_F32, N, 1);
    fgmm_source *all = memory_source(repeated, FGMM_F32, repeated_count, D);
    float twos[N];
    size_t count;
    for (int i = 0; i < N; i++) twos[i] = 2;
    fgmm_source *two = memory_source(twos, FGMM_F32, N, 1);
    ck_ok(fgmm_statistics_create(&a, model));
    ck_ok(fgmm_statistics_create(&b, model));
    ck_ok(fgmm_statistics_create(&c, model));
    ck_ok(fgmm_statistics_accumulate_weighted(a, device, source, w));
    ck_ok(fgmm_statistics_accumulate(b, device, all));
    const double *found = fgmm_statistics_values(a, &count), *wanted = fgmm_statistics_values(b, NULL);
    ck_assert_double_eq(found[0], (double)repeated_count);
    for (size_t i = 1; i < count; i++)
        ck_assert_double_le(fabs(found[i] - wanted[i]), 1e-6 * (fabs(wanted[i]) + (double)repeated_count));
    ck_ok(fgmm_statistics_accumulate_weighted(c, device, source, two));
    fgmm_statistics_free(a);
    ck_ok(fgmm_statistics_create(&a, model));
    ck_ok(fgmm_statistics_accumulate(a, device, source));
    for (size_t i = 0; i < count; i++)
        ck_assert_double_eq(fgmm_statistics_values(c, NULL)[i], 2 * fgmm_statistics_values(a, NULL)[i]);
    ck_ok(fgmm_criteria_evaluate(&expected, device, model, all, NULL));
    evaluate.weights = w;
    ck_ok(fgmm_criteria_evaluate(&weighted, device, model, source, &evaluate));
    ck_assert_uint_eq(weighted.rows, N);
    ck_assert_double_le(fabs(weighted.log_likelihood - expected.log_likelihood), LIKELIHOOD_ROUNDING);
    ck_assert_double_le(fabs(weighted.aic / expected.aic - 1), LIKELIHOOD_ROUNDING);
    ck_assert_double_le(fabs(weighted.bic / expected.bic - 1), LIKELIHOOD_ROUNDING);
    ck_assert_double_le(fabs(weighted.icl / expected.icl - 1), LIKELIHOOD_ROUNDING);
    fgmm_statistics_free(a);
    fgmm_statistics_free(b);
    fgmm_statistics_free(c);
    fgmm_model_free(model);
    fgmm_source_close(source);
    fgmm_source_close(w);
    fgmm_source_close(all);
    fgmm_source_close(two);
}
END_TEST

/* Lloyd's algorithm as scikit-learn runs it with sample_weight, from the same start: rows evenly spaced. */
START_TEST(test_weights__kmeans_agrees_with_scikit_learn)
{
    enum { CENTRES = 16, ITERATIONS = 20 };
    /* float32 moves centres by some 1e-6 of a deviation; a row that lies as near to two of them may go to the other,
     * which moves the mean of 300 rows by up to 1/300 of its distance. */
    const double tolerance = 1e-3;
    static const char name[] = FG_TEST_SOURCE_DIR "/../shared/data/siftsmall/siftsmall_base.fvecs";
    fgmm_source *source;
    fgmm_source_info info = fgmm_source_info_init();
    fgmm_kmeans_options options = fgmm_kmeans_options_init();
    fgmm_model *start, *model, *expected;
    uint64_t count;
    if (access(name, R_OK) != 0) {
        printf("skipped: no data (siftsmall_base.fvecs)\n");
        return;
    }
    ck_ok(fgmm_source_open(&source, name, NULL));
    ck_ok(fgmm_source_describe(source, &info));
    const size_t n = (size_t)info.rows, d = (size_t)info.dims;
    float *all = read_rows(source, n, &count), *halves = malloc(n * sizeof *halves);
    double *means = malloc(CENTRES * d * sizeof *means), variance = 0;
    for (size_t i = 0; i < n; i++) halves[i] = 0.5f * (float)(i % 5);
    for (size_t i = 0; i < CENTRES * d; i++) means[i] = (double)all[i / d * (n / CENTRES) * d + i % d];
    for (size_t i = 0; i < n * d; i++) variance += (double)all[i] * (double)all[i] / (double)(n * d); /* at least */
    ck_ok(fgmm_model_from_centroids(&start, CENTRES, d, means));
    ck_ok(fgmm_model_load(&expected, FG_TEST_SOURCE_DIR "/tests/reference/siftsmall.kmeans-weighted.safetensors"));
    options.init = FGMM_INIT_MODEL;
    options.start = start;
    options.max_iterations = ITERATIONS;
    options.tolerance = 0;
    options.weights = memory_source(halves, FGMM_F32, n, 1);
    ck_ok(fgmm_kmeans(&model, device, source, &options, NULL));
    check_near(fgmm_model_means(model), fgmm_model_means(expected), CENTRES * d, tolerance * sqrt(variance));
    fgmm_model_free(start);
    fgmm_model_free(model);
    fgmm_model_free(expected);
    fgmm_source_close(options.weights);
    fgmm_source_close(source);
    free(means);
    free(halves);
    free(all);
}
END_TEST

START_TEST(test_weights__bad_ones_are_named)
{
    const struct {
        int row;
        float value;
        const char *text;
    } cases[] = {{17, (float)NAN, "weights: row 17 has nan"},
                 {0, (float)INFINITY, "weights: row 0 has inf"},
                 {N - 1, -1, "weights: row 1499 has -1; need a number from 0"}};
    fgmm_fit_options options = options_with(FGMM_INIT_AUTO);
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
    rows_feed feed = {.rows = rows, .type = FGMM_F32, .n = N, .d = D};
    fgmm_source *fed = feed_source(&feed, FGMM_ROWS_UNKNOWN);
    fgmm_model *model;
    float bad[N];
    double wide[N] = {1, 1e300};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memcpy(bad, weights, sizeof bad);
        bad[cases[i].row] = cases[i].value;
        options.weights = memory_source(bad, FGMM_F32, N, 1);
        ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_DATA, cases[i].text);
        fgmm_source_close(options.weights);
    }
    options.weights = memory_source(wide, FGMM_F64, N, 1);
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_DATA, "row 1 has 1e+300");
    fgmm_source_close(options.weights);
    memset(bad, 0, sizeof bad);
    options.weights = memory_source(bad, FGMM_F32, N, 1);
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_DATA, "weights: all 1500 are 0");
    for (int k = 0; k < K - 1; k++) bad[k] = 1;
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_DATA,
             "components = 4, but only 3 rows have a weight above 0");
    fgmm_source_close(options.weights);
    options.weights = memory_source(weights, FGMM_F32, N - 1, 1);
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_DATA, "1499 values, but the data has 1500 rows");
    ck_fails(fgmm_fit(&model, device, fed, &options, NULL), FGMM_DATA, "1499 values, but the data has more rows");
    fgmm_source_close(options.weights);
    options.weights = memory_source(rows, FGMM_F32, N + 1, 1);
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_DATA, "1501 values, but the data has 1500 rows");
    fgmm_source_close(options.weights);
    options.weights = memory_source(rows, FGMM_F32, N, D);
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_DATA, "weights: 3 columns; need 1");
    fgmm_source_close(options.weights);
    options.weights = source;
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_ARGUMENT, "need another source");
    fgmm_source_close(source);
    fgmm_source_close(fed);
}
END_TEST

Suite *suite(void)
{
    const TTest *const counting[] = {test_weights__whole_numbers_equal_repeated_rows,
                                     test_weights__agree_with_plain_double_precision, test_weights__zero_equals_no_row,
                                     test_weights__first_centres_are_drawn_by_them,
                                     test_weights__equal_ones_give_the_bytes_of_none};
    const TTest *const sources[] = {test_weights__travel_with_any_rows,
                                    test_weights__are_read_again_with_rows_that_do_not_stay};
    const TTest *const rest[] = {test_weights__kmeans_counts_them,
                                 test_weights__mini_batches_count_them,
                                 test_weights__kmeans_agrees_with_scikit_learn,
                                 test_weights__resuming_asks_for_the_same,
                                 test_weights__statistics_and_criteria_count_them,
                                 test_weights__bad_ones_are_named};
    Suite *s = suite_create("em_weights");
    ADD_CASE(s, "counting", setup, teardown, 300, counting);
    TCase *sizes = tcase_create("sizes");
    tcase_add_loop_test(sizes, test_weights__of_any_size, 0, 2);
    tcase_add_checked_fixture(sizes, setup, teardown);
    tcase_set_timeout(sizes, 300);
    suite_add_tcase(s, sizes);
    ADD_CASE(s, "sources", setup, teardown, 300, sources);
    ADD_CASE(s, "rest", setup, teardown, 300, rest);
    return s;
}
