/* test_em_fit.c - the properties of training: what EM guarantees, agreement with EM in plain double precision, the same
 * bytes for the same seed, and the corners of N, K and D. */
#include "covariances.h"
#include "mixtures.h"
#include "support.h"

#include "reference.h"
#include "statistics.h"
#include "thread.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Here |x - m|^2 / (2 sigma^2) is up to 500, in float32: 3e-5 nats for a far row, for most a tenth; a difference of two
 * means over rows is below that. */
static const double LIKELIHOOD_ROUNDING = 5e-6;
/* Parameters after a few iterations against double precision; the data have deviations near 1 and spread over 20. */
static const double PARAMETER_ROUNDING = 2e-5;

static fgmm_device *device;

static void setup(void)
{
    device = open_test_device();
}

static void teardown(void)
{
    fgmm_device_close(device);
}

static void check_largest_difference(const double *a, const double *b, uint64_t count, double allowed)
{
    for (uint64_t i = 0; i < count; i++)
        ck_assert_msg(fabs(a[i] - b[i]) <= allowed, "element %llu: %.9g and %.9g", (unsigned long long)i, a[i], b[i]);
}

/* EM ends as soon as two log-likelihoods that follow each other differ by less than the tolerance, and not before. */
START_TEST(test_fit__ends_by_the_tolerance)
{
    enum { N = 3000, D = 5, K = 7 };
    float *rows = draw_rows(N, D, K, 3);
    fgmm_fit_options options = fgmm_fit_options_init();
    fgmm_fit_report report = fgmm_fit_report_init();
    options.components = K;
    options.init = FGMM_INIT_RANDOM;
    options.kmeans_iterations = 1;
    options.max_iterations = 200;
    options.tolerance = 1e-3;
    fgmm_model_free(fit_rows(device, rows, N, D, &options, &report));
    const uint64_t count = report.history_count;
    ck_assert_int_eq(report.stop_reason, FGMM_STOP_CONVERGED);
    ck_assert_uint_ge(count, 4);
    for (uint64_t i = 1; i < count; i++)
        ck_assert_int_eq(fabs(report.history[i] - report.history[i - 1]) < options.tolerance, i == count - 1);
    fgmm_fit_report_clear(&report);
    free(rows);
}
END_TEST

START_TEST(test_fit__log_likelihood_never_falls)
{
    enum { N = 3000, D = 5, K = 7 };
    float *rows = draw_rows(N, D, K, 3);
    for (int covariance = 0; covariance < COVARIANCES; covariance++) {
        fgmm_fit_options options = fgmm_fit_options_init();
        fgmm_fit_report report = fgmm_fit_report_init();
        options.components = K;
        options.covariance = (fgmm_covariance)covariance;
        options.init = FGMM_INIT_RANDOM;
        options.kmeans_iterations = 1;
        options.max_iterations = 40;
        options.tolerance = 0;
        options.reg_covar = 0;
        fgmm_model *model = fit_rows(device, rows, N, D, &options, &report);
        ck_assert_uint_eq(report.history_count, 40);
        ck_assert_int_eq(report.stop_reason, FGMM_STOP_MAX_ITERATIONS);
        for (uint64_t i = 1; i < report.history_count; i++)
            ck_assert_double_ge(report.history[i], report.history[i - 1] - LIKELIHOOD_ROUNDING);
        ck_assert_double_ge(report.log_likelihood, report.history[39] - LIKELIHOOD_ROUNDING);
        ck_assert_double_gt(report.log_likelihood, report.history[0]);
        fgmm_model_free(model);
        fgmm_fit_report_clear(&report);
    }
    free(rows);
}
END_TEST

/* EM as the textbook has it. */
static double plain_em(fg_mixture *m, const double *x, uint64_t n, unsigned iterations)
{
    fg_statistics_layout layout;
    ck_ok(fg_statistics_layout_of(&layout, m->covariance, m->k, m->d));
    double *l = malloc(n * m->k * sizeof *l), *logz = malloc(n * sizeof *logz);
    double *values = malloc(layout.count * sizeof *values), log_likelihood = 0;
    const fg_parameters p = {m->covariance, m->k, m->d, m->weights, m->means, m->covariances};
    for (unsigned i = 0; i <= iterations; i++) {
        memset(values, 0, layout.count * sizeof *values);
        fg_reference_log_density(l, &p, x, n);
        fg_reference_responsibilities(logz, l, l, n, m->k);
        fg_reference_statistics(values, &p, x, logz, l, n);
        log_likelihood = values[1] / values[0];
        if (i < iterations) ck_ok(fg_m_step(m, values, 1e-6, NULL));
    }
    free(l);
    free(logz);
    free(values);
    return log_likelihood;
}

START_TEST(test_fit__agrees_with_plain_double_precision)
{
    enum { N = 2000, D = 3, K = 5, ITERATIONS = 6 };
    float *rows = draw_rows(N, D, K, 11);
    double x[N * D], weights[K], means[K * D], covariances[K * D * D];
    for (int i = 0; i < N * D; i++) x[i] = (double)rows[i];
    for (int covariance = 0; covariance < COVARIANCES; covariance++) {
        now_testing("%s", fgmm_covariance_name((fgmm_covariance)covariance));
        const uint64_t variances = fg_covariance_count((fgmm_covariance)covariance, K, D);
        fgmm_model *start;
        for (int i = 0; i < K; i++) weights[i] = 1.0 / K;
        memset(covariances, 0, sizeof covariances);
        for (int i = 0; i < K * D; i++) {
            means[i] = x[i];
            covariances[fg_variance_place((fgmm_covariance)covariance, D, (uint64_t)i / D, (uint64_t)i % D)] = 4;
        }
        ck_ok(fgmm_model_create(&start, (fgmm_covariance)covariance, K, D, weights, means, covariances));
        fg_mixture plain = {(fgmm_covariance)covariance, K, D, weights, means, covariances};
        const double expected = plain_em(&plain, x, N, ITERATIONS);
        fgmm_fit_options options = fgmm_fit_options_init();
        fgmm_fit_report report = fgmm_fit_report_init();
        options.init = FGMM_INIT_MODEL;
        options.start = start;
        options.kmeans_iterations = 0;
        options.max_iterations = ITERATIONS;
        options.tolerance = 0;
        fgmm_model *model = fit_rows(device, rows, N, D, &options, &report);
        ck_assert_double_le(fabs(report.log_likelihood - expected), 10 * LIKELIHOOD_ROUNDING);
        check_largest_difference(fgmm_model_weights(model), weights, K, PARAMETER_ROUNDING);
        check_largest_difference(fgmm_model_means(model), means, K * D, PARAMETER_ROUNDING);
        check_largest_difference(fgmm_model_covariances(model), covariances, variances, PARAMETER_ROUNDING);
        fgmm_model_free(start);
        fgmm_model_free(model);
        fgmm_fit_report_clear(&report);
    }
    free(rows);
}
END_TEST

START_TEST(test_fit__same_seed_same_bytes)
{
    enum { N = 5000, D = 8, K = 12 };
    float *rows = draw_rows(N, D, K, 5);
    fgmm_model *models[3];
    for (int i = 0; i < 3; i++) {
        fgmm_fit_options options = fgmm_fit_options_init();
        options.components = K;
        options.seed = i < 2 ? 42 : 43;
        options.max_iterations = 5;
        models[i] = fit_rows(device, rows, N, D, &options, NULL);
    }
    ck_assert(is_same_model(models[0], models[1]));
    ck_assert(memcmp(fgmm_model_means(models[0]), fgmm_model_means(models[2]), K * D * sizeof(double)) != 0);
    for (int i = 0; i < 3; i++) fgmm_model_free(models[i]);
    free(rows);
}
END_TEST

START_TEST(test_fit__batch_size_changes_rounding_only)
{
    enum { N = 4001, D = 6, K = 8 };
    static const uint64_t batches[] = {0, 4001, 1000, 37};
    float *rows = draw_rows(N, D, K, 6);
    fgmm_model *start = make_mixture(K, D, 6), *first = NULL;
    double log_likelihood = 0;
    for (int i = 0; i < 4; i++) {
        fgmm_fit_options options = fgmm_fit_options_init();
        fgmm_fit_report report = fgmm_fit_report_init();
        options.init = FGMM_INIT_MODEL;
        options.start = start;
        options.max_iterations = 4;
        options.tolerance = 0;
        options.batch_rows = batches[i];
        fgmm_model *model = fit_rows(device, rows, N, D, &options, &report);
        if (batches[i]) ck_assert_uint_eq(report.batch_rows, batches[i]);
        if (i == 0) {
            first = model;
            log_likelihood = report.log_likelihood;
        } else {
            ck_assert_double_le(fabs(report.log_likelihood - log_likelihood), LIKELIHOOD_ROUNDING);
            check_largest_difference(fgmm_model_means(model), fgmm_model_means(first), K * D, PARAMETER_ROUNDING);
            fgmm_model_free(model);
        }
        fgmm_fit_report_clear(&report);
    }
    fgmm_model_free(first);
    fgmm_model_free(start);
    free(rows);
}
END_TEST

/* Data near the origin and the same data far away: only the means move. */
START_TEST(test_fit__far_from_the_origin)
{
    enum { N = 3000, D = 4, K = 5 };
    const double offset = 1e9;
    float *rows = draw_rows(N, D, K, 8);
    double *wide = malloc(N * D * sizeof *wide);
    double log_likelihood[2];
    fgmm_model *models[2];
    for (int far = 0; far < 2; far++) {
        fgmm_fit_options options = fgmm_fit_options_init();
        fgmm_fit_report report = fgmm_fit_report_init();
        options.components = K;
        options.max_iterations = 10;
        options.tolerance = 0;
        for (int i = 0; i < N * D; i++) wide[i] = rint((double)rows[i] * 4096) / 4096 + (far ? offset : 0);
        fgmm_source *source = memory_source(wide, FGMM_F64, N, D);
        ck_ok(fgmm_fit(&models[far], device, source, &options, &report));
        fgmm_source_close(source);
        log_likelihood[far] = report.log_likelihood;
        fgmm_fit_report_clear(&report);
    }
    ck_assert_double_le(fabs(log_likelihood[1] - log_likelihood[0]), 10 * LIKELIHOOD_ROUNDING);
    for (int i = 0; i < K * D; i++)
        ck_assert_double_le(fabs(fgmm_model_means(models[1])[i] - offset - fgmm_model_means(models[0])[i]),
                            PARAMETER_ROUNDING);
    check_largest_difference(fgmm_model_covariances(models[0]), fgmm_model_covariances(models[1]), K,
                             PARAMETER_ROUNDING);
    fgmm_model_free(models[0]);
    fgmm_model_free(models[1]);
    free(rows);
    free(wide);
}
END_TEST

static void check_finite(const fgmm_model *model, uint64_t k, uint64_t d)
{
    for (uint64_t i = 0; i < k * d; i++) ck_assert_double_finite(fgmm_model_means(model)[i]);
    for (uint64_t i = 0; i < k; i++) {
        ck_assert_double_finite(fgmm_model_weights(model)[i]);
        ck_assert_double_finite(fgmm_model_covariances(model)[i]);
        ck_assert_double_gt(fgmm_model_covariances(model)[i], 0);
    }
}

START_TEST(test_fit__corners)
{
    static const struct {
        uint64_t n, d, k;
    } shapes[] = {{1, 1, 1}, {1, 5, 1}, {2, 1, 2}, {100, 1, 3}, {100, 4, 1}, {7, 3, 7}, {257, 33, 17}, {300, 2, 100}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        float *rows = draw_rows(shapes[s].n, shapes[s].d, 3, s);
        for (int init = FGMM_INIT_KMEANSPP; init <= FGMM_INIT_RANDOM; init++) {
            fgmm_fit_options options = fgmm_fit_options_init();
            fgmm_fit_report report = fgmm_fit_report_init();
            options.components = shapes[s].k;
            options.init = (fgmm_init)init;
            fgmm_model *model = fit_rows(device, rows, shapes[s].n, shapes[s].d, &options, &report);
            check_finite(model, shapes[s].k, shapes[s].d);
            ck_assert_double_finite(report.log_likelihood);
            fgmm_model_free(model);
            fgmm_fit_report_clear(&report);
        }
        free(rows);
    }
}
END_TEST

START_TEST(test_fit__one_component_is_the_sample_moments)
{
    enum { N = 1000, D = 3 };
    float *rows = draw_rows(N, D, 4, 2);
    fgmm_fit_options options = fgmm_fit_options_init();
    options.components = 1;
    options.covariance = FGMM_DIAG;
    options.reg_covar = 0;
    fgmm_model *model = fit_rows(device, rows, N, D, &options, NULL);
    for (int j = 0; j < D; j++) {
        double mean = 0, variance = 0;
        for (int i = 0; i < N; i++) mean += (double)rows[i * D + j] / N;
        for (int i = 0; i < N; i++) variance += pow((double)rows[i * D + j] - mean, 2) / N;
        ck_assert_double_le(fabs(fgmm_model_means(model)[j] - mean), PARAMETER_ROUNDING);
        ck_assert_double_le(fabs(fgmm_model_covariances(model)[j] - variance), PARAMETER_ROUNDING * variance);
    }
    fgmm_model_free(model);
    free(rows);
}
END_TEST

START_TEST(test_fit__equal_rows_and_few_distinct_rows)
{
    enum { N = 50, D = 2, K = 5 };
    float rows[N * D];
    for (int distinct = 1; distinct <= 3; distinct += 2)
        for (int init = FGMM_INIT_KMEANSPP; init <= FGMM_INIT_RANDOM; init++)
            for (int regularised = 0; regularised < 2; regularised++) {
                for (int i = 0; i < N * D; i++) rows[i] = 3 + (float)(i / D % distinct);
                fgmm_fit_options options = fgmm_fit_options_init();
                options.components = K;
                options.init = (fgmm_init)init;
                options.max_iterations = 10;
                if (!regularised) options.reg_covar = 0;
                fgmm_model *model = fit_rows(device, rows, N, D, &options, NULL);
                check_finite(model, K, D);
                fgmm_model_free(model);
            }
}
END_TEST

START_TEST(test_fit__without_iterations_gives_the_centres)
{
    enum { N = 500, D = 2, K = 4 };
    float *rows = draw_rows(N, D, K, 1);
    fgmm_fit_options options = fgmm_fit_options_init();
    options.components = K;
    options.kmeans_iterations = 0;
    options.max_iterations = 0;
    fgmm_fit_report report = fgmm_fit_report_init();
    fgmm_model *model = fit_rows(device, rows, N, D, &options, &report);
    for (int c = 0; c < K; c++) {
        int found = 0;
        for (int i = 0; i < N && !found; i++)
            found = (double)rows[i * D] == fgmm_model_means(model)[c * D] &&
                    (double)rows[i * D + 1] == fgmm_model_means(model)[c * D + 1];
        ck_assert_int_eq(found, 1);
        ck_assert_double_eq(fgmm_model_weights(model)[c], 1.0 / K);
    }
    ck_assert_uint_eq(report.iterations + report.kmeans_iterations + report.history_count, 0);
    fgmm_model_free(model);
    free(rows);
}
END_TEST

START_TEST(test_fit__kmeanspp_finds_separated_clusters)
{
    enum { N = 4000, D = 16, K = 20 };
    float *rows = draw_rows(N, D, K, 77);
    fgmm_model *truth = make_mixture(K, D, 77);
    fgmm_fit_options options = fgmm_fit_options_init();
    options.components = K;
    fgmm_fit_report report = fgmm_fit_report_init();
    fgmm_model *model = fit_rows(device, rows, N, D, &options, &report);
    ck_assert_int_eq(report.stop_reason, FGMM_STOP_CONVERGED);
    ck_assert_uint_eq(report.reseeded, 0);
    for (int c = 0; c < K; c++) { /* each true mean has a found one within a deviation's part */
        double nearest = (double)INFINITY;
        for (int f = 0; f < K; f++) {
            double d2 = 0;
            for (int j = 0; j < D; j++)
                d2 += pow(fgmm_model_means(truth)[c * D + j] - fgmm_model_means(model)[f * D + j], 2);
            nearest = fmin(nearest, d2);
        }
        ck_assert_double_lt(nearest, 1); /* D sigma^2 / N_k = 16 * 2 / 100 at most, thrice */
    }
    fgmm_model_free(truth);
    fgmm_model_free(model);
    fgmm_fit_report_clear(&report);
    free(rows);
}
END_TEST

START_TEST(test_fit__report_is_filled)
{
    enum { N = 1000, D = 3, K = 4 };
    float *rows = draw_rows(N, D, K, 4);
    fgmm_fit_options options = fgmm_fit_options_init();
    fgmm_fit_report report = fgmm_fit_report_init();
    options.components = K;
    options.seed = 17;
    options.batch_rows = 300;
    fgmm_model *model = fit_rows(device, rows, N, D, &options, &report);
    fgmm_model_info info = fgmm_model_info_init();
    ck_ok(fgmm_model_describe(model, &info));
    ck_assert_uint_eq(report.rows, N);
    ck_assert_uint_eq(report.dims, D);
    ck_assert_uint_eq(report.components, K);
    ck_assert_uint_eq(report.kmeans_iterations, 10);
    ck_assert_uint_eq(report.iterations, report.history_count);
    ck_assert_uint_eq(report.batch_rows, 300);
    ck_assert_uint_eq(report.sparse_batches + report.dense_batches, 4 * (report.iterations + 1));
    ck_assert_double_gt(report.inertia, 0);
    ck_assert_double_gt(report.error_bound_nats, 0);
    ck_assert_double_ge(report.total_s, report.init_s + report.em_s);
    ck_assert_uint_gt(report.peak_device_bytes, 0);
    ck_assert_int_eq(report.rows_resident, 1);
    ck_assert_uint_gt(strlen(report.tile), 0);
    ck_assert_uint_eq(info.rows, N);
    ck_assert_uint_eq(info.iterations, report.iterations);
    ck_assert_uint_eq(info.seed, 17);
    ck_assert_double_eq(info.log_likelihood, report.log_likelihood);
    fgmm_model_free(model);
    fgmm_fit_report_clear(&report);
    free(rows);
}
END_TEST

START_TEST(test_fit__refuses_what_cannot_be)
{
    enum { N = 10, D = 2 };
    float rows[N * D];
    for (int i = 0; i < N * D; i++) rows[i] = (float)(i * i % 7);
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
    fgmm_model *model, *start = make_mixture(2, 3, 1);
    fgmm_fit_options options = fgmm_fit_options_init();
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_ARGUMENT, "components = 0");
    options.components = 11;
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_DATA, "components = 11");
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_DATA, "10 rows");
    ck_assert_ptr_null(model);
    rows_feed feed = {.rows = rows, .type = FGMM_F32, .n = N, .d = D};
    fgmm_source *unknown = feed_source(&feed, FGMM_ROWS_UNKNOWN);
    ck_fails(fgmm_fit(&model, device, unknown, &options, NULL), FGMM_DATA, "10 rows");
    fgmm_source_close(unknown);
    options.components = 2;
    options.init = FGMM_INIT_MODEL;
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_ARGUMENT, "start is NULL");
    options.start = start;
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_DATA, "start: D = 3, but the data has D = 2");
    options.init = FGMM_INIT_RANDOM;
    options.tolerance = NAN;
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_ARGUMENT, "tolerance");
    options.tolerance = 0;
    options.reg_covar = -1;
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_ARGUMENT, "reg_covar = -1");
    options.reg_covar = 1e300;
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_ARGUMENT, "reg_covar = 1e+300; need 0 to 1e+200");
    options.reg_covar = 0;
    ck_fails(fgmm_fit(&model, NULL, source, &options, NULL), FGMM_ARGUMENT, "device is NULL");
    ck_fails(fgmm_fit(&model, device, source, NULL, NULL), FGMM_ARGUMENT, "options is NULL");
    rows[9 * D + 1] = NAN;
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_DATA, "row 9, column 1: value is nan");
    fgmm_source_close(source);
    fgmm_model_free(start);
}
END_TEST

/* Lloyd's algorithm as the textbook has it. */
static double plain_kmeans(double *means, const double *x, uint64_t n, uint64_t d, uint64_t k, unsigned iterations)
{
    double *sums = malloc(k * d * sizeof *sums), *d2 = malloc(n * sizeof *d2), inertia = 0;
    uint64_t *counts = malloc(k * sizeof *counts);
    uint32_t *nearest = malloc(n * sizeof *nearest);
    const fg_parameters p = {FGMM_SPHERICAL, k, d, NULL, means, NULL};
    for (unsigned iteration = 0; iteration < iterations; iteration++) {
        memset(sums, 0, k * d * sizeof *sums);
        memset(counts, 0, k * sizeof *counts);
        fg_reference_nearest(nearest, d2, &p, x, n);
        inertia = 0;
        for (uint64_t i = 0; i < n; i++) {
            inertia += d2[i];
            counts[nearest[i]]++;
            for (uint64_t j = 0; j < d; j++) sums[nearest[i] * d + j] += x[i * d + j];
        }
        for (uint64_t i = 0; i < k * d; i++) means[i] = sums[i] / (double)counts[i / d];
    }
    free(sums);
    free(d2);
    free(counts);
    free(nearest);
    return inertia;
}

START_TEST(test_kmeans__agrees_with_plain_lloyd)
{
    enum { N = 3000, D = 4, K = 6, ITERATIONS = 5 };
    /* With this seed no row lies within 4e-3 of being as near to two means: rounding cannot change an assignment. */
    float *rows = draw_rows(N, D, K, 24);
    double *x = malloc(N * D * sizeof *x), means[K * D];
    for (int i = 0; i < N * D; i++) x[i] = (double)rows[i];
    memcpy(means, x, sizeof means);
    fgmm_model *start, *model;
    ck_ok(fgmm_model_from_centroids(&start, K, D, means));
    const double inertia = plain_kmeans(means, x, N, D, K, ITERATIONS);
    fgmm_kmeans_options options = fgmm_kmeans_options_init();
    fgmm_fit_report report = fgmm_fit_report_init();
    options.init = FGMM_INIT_MODEL;
    options.start = start;
    options.max_iterations = ITERATIONS;
    options.tolerance = 0;
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
    ck_ok(fgmm_kmeans(&model, device, source, &options, &report));
    check_largest_difference(fgmm_model_means(model), means, K * D, PARAMETER_ROUNDING);
    ck_assert_double_le(fabs(report.inertia - inertia), PARAMETER_ROUNDING * inertia);
    ck_assert_uint_eq(report.kmeans_iterations, ITERATIONS);
    for (int c = 0; c < K; c++) {
        ck_assert_double_eq(fgmm_model_weights(model)[c], 1.0 / K);
        ck_assert_double_eq(fgmm_model_covariances(model)[c], 1);
    }
    fgmm_model_free(model);
    options.init = FGMM_INIT_KMEANSPP;
    options.components = K;
    options.max_iterations = 100;
    options.tolerance = 1e-4;
    ck_ok(fgmm_kmeans(&model, device, source, &options, &report));
    ck_assert_int_eq(report.stop_reason, FGMM_STOP_CONVERGED);
    ck_assert_uint_lt(report.kmeans_iterations, 100);
    fgmm_model_free(model);
    fgmm_model_free(start);
    fgmm_source_close(source);
    fgmm_fit_report_clear(&report);
    free(rows);
    free(x);
}
END_TEST

/* Real descriptors: bytes in floats, 10000 x 128. */
START_TEST(test_fit__sift_descriptors)
{
    const char *path = FG_TEST_SOURCE_DIR "/../shared/data/siftsmall/siftsmall_base.fvecs";
    FILE *file = fopen(path, "rb");
    if (!file) {
        printf("skipped: no data\n");
        return;
    }
    fclose(file);
    fgmm_source *source;
    fgmm_model *model;
    fgmm_fit_options options = fgmm_fit_options_init();
    fgmm_fit_report report = fgmm_fit_report_init();
    options.components = 64;
    options.max_iterations = 20;
    options.reg_covar = 0;
    ck_ok(fgmm_source_open(&source, path, NULL));
    ck_ok(fgmm_fit(&model, device, source, &options, &report));
    ck_assert_uint_eq(report.rows, 10000);
    for (uint64_t i = 1; i < report.history_count; i++) /* |log p| is near 600 here: ten times the rounding */
        ck_assert_double_ge(report.history[i], report.history[i - 1] - 10 * LIKELIHOOD_ROUNDING);
    fgmm_model_free(model);
    fgmm_source_close(source);
    fgmm_fit_report_clear(&report);
}
END_TEST

/* Re-seeding moves centroids for ever when there are fewer distinct rows than centroids; that must not keep it
 * going. */
START_TEST(test_kmeans__stops_on_few_distinct_rows)
{
    enum { N = 300, D = 3, K = 6, DISTINCT = 2 };
    float rows[N * D];
    for (int distinct = 1; distinct <= DISTINCT; distinct++) {
        for (int i = 0; i < N * D; i++) rows[i] = 0.1f + (float)(i / D % distinct);
        fgmm_kmeans_options options = fgmm_kmeans_options_init();
        fgmm_fit_report report = fgmm_fit_report_init();
        fgmm_model *model;
        options.components = K;
        options.max_iterations = 100;
        fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
        ck_ok(fgmm_kmeans(&model, device, source, &options, &report));
        ck_assert_int_eq(report.stop_reason, FGMM_STOP_CONVERGED);
        ck_assert_uint_lt(report.kmeans_iterations, 10);
        ck_assert_double_lt(report.inertia, N * 1e-12); /* split by the least variance, far below one step of float32 */
        fgmm_model_free(model);
        fgmm_source_close(source);
        fgmm_fit_report_clear(&report);
    }
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_fit__ends_by_the_tolerance,
        test_fit__log_likelihood_never_falls,
        test_fit__agrees_with_plain_double_precision,
        test_fit__same_seed_same_bytes,
        test_fit__batch_size_changes_rounding_only,
        test_fit__far_from_the_origin,
        test_fit__corners,
        test_fit__one_component_is_the_sample_moments,
        test_fit__equal_rows_and_few_distinct_rows,
        test_fit__without_iterations_gives_the_centres,
        test_fit__kmeanspp_finds_separated_clusters,
        test_fit__report_is_filled,
        test_fit__refuses_what_cannot_be,
        test_fit__sift_descriptors,
        test_kmeans__agrees_with_plain_lloyd,
        test_kmeans__stops_on_few_distinct_rows,
    };
    Suite *s = suite_create("em fit");
    ADD_CASE(s, "em fit", setup, teardown, 300, tests);
    return s;
}
