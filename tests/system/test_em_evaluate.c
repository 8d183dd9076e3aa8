/* test_em_evaluate.c - evaluation of rows under a model, and statistics by hand: values against double precision, the
 * same bytes for a reloaded model, whatever the source; what is refused. */
#include "mixtures.h"
#include "support.h"

#include "device.h"
#include "reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 2500, D = 6, K = 9 };

/* |x - m|^2 / (2 sigma^2) up to 2000 for the far components, about 3 for the near ones that count: float32 rounding of
 * the latter, and of products of size 10^2 D before they cancel. */
static const double ROW_TOLERANCE = 2e-4;
/* float32 responsibilities from log-densities of that precision. */
static const double RESPONSIBILITY_TOLERANCE = 2e-4;
/* Statistics are sums of N such rows. */
static const double SUM_TOLERANCE = 2e-5;

static fgmm_device *device;
static fgmm_model *model;
static float *rows;
static double x[N * D], l[N * K], logz[N];

static void setup(void)
{
    device = open_test_device();
    model = make_mixture(K, D, 90);
    rows = draw_rows(N, D, K, 90);
    for (int i = 0; i < N * D; i++) x[i] = (double)rows[i];
    const fg_parameters p = fg_model_parameters(model);
    fg_reference_log_density(l, &p, x, N);
    fg_reference_responsibilities(logz, l, l, N, K);
}

static void teardown(void)
{
    free(rows);
    fgmm_model_free(model);
    fgmm_device_close(device);
}

typedef struct collected {
    double log_likelihood[N];
    int32_t labels[N], ids[N * K];
    float responsibilities[N * K];
    uint64_t rows, batches;
    uint32_t top;
    int cancel_at; /* batch; 0: never */
} collected;

static int collect(void *user, const fgmm_evaluation *b)
{
    collected *c = user;
    ck_assert_uint_eq(b->first_row, c->rows);
    memcpy(c->log_likelihood + b->first_row, b->log_likelihood, b->rows * sizeof(double));
    memcpy(c->labels + b->first_row, b->labels, b->rows * sizeof(int32_t));
    memcpy(c->ids + b->first_row * c->top, b->ids, b->rows * c->top * sizeof(int32_t));
    memcpy(c->responsibilities + b->first_row * c->top, b->responsibilities, b->rows * c->top * sizeof(float));
    c->rows += b->rows;
    return ++c->batches == (uint64_t)c->cancel_at ? 4 : 0;
}

static collected *evaluate(fgmm_source *source, const fgmm_model *under, uint64_t batch_rows, fgmm_path path)
{
    collected *c = calloc(1, sizeof *c);
    fgmm_evaluate_options options = fgmm_evaluate_options_init();
    fgmm_evaluate_report report = fgmm_evaluate_report_init();
    double expected = 0;
    options.want_labels = 1;
    options.top = c->top = 4;
    options.sink = collect;
    options.sink_user = c;
    options.batch_rows = batch_rows;
    ck_ok(fgmm_device_force_path(device, path));
    ck_ok(fgmm_evaluate(device, under, source, &options, &report));
    fgmm_source_close(source);
    ck_assert_uint_eq(report.rows, N);
    ck_assert_double_eq(report.total_weight, N);
    ck_assert_uint_eq(c->rows, N);
    for (int i = 0; i < N; i++) expected += c->log_likelihood[i];
    ck_assert_double_eq(report.mean_log_likelihood, expected / N);
    return c;
}

static void check_row(const collected *c, int i)
{
    const double *r = l + i * K;
    int best = 0;
    for (int k = 1; k < K; k++)
        if (r[k] > r[best]) best = k;
    ck_assert_double_le(fabs(c->log_likelihood[i] - logz[i]), ROW_TOLERANCE);
    ck_assert_double_ge(r[c->labels[i]], r[best] - RESPONSIBILITY_TOLERANCE);
    ck_assert_int_eq(c->ids[i * 4], c->labels[i]);
    for (int t = 0; t < 4; t++) {
        const float given = c->responsibilities[i * 4 + t];
        ck_assert_double_le(fabs((double)given - r[c->ids[i * 4 + t]]), RESPONSIBILITY_TOLERANCE);
        if (t > 0) ck_assert(given <= c->responsibilities[i * 4 + t - 1]);
    }
}

START_TEST(test_evaluate__agrees_with_plain_double_precision)
{
    for (int path = FGMM_PATH_AUTO; path <= FGMM_PATH_DENSE; path++) {
        collected *c = evaluate(memory_source(rows, FGMM_F32, N, D), model, 999, (fgmm_path)path);
        for (int i = 0; i < N; i++) check_row(c, i);
        free(c);
    }
}
END_TEST

START_TEST(test_evaluate__same_bytes_from_every_source_and_a_reloaded_model)
{
    fgmm_model *reloaded;
    char path[256];
    snprintf(path, sizeof path, "%s", temporary_path("model.safetensors"));
    ck_ok(fgmm_model_save(model, path));
    ck_ok(fgmm_model_load(&reloaded, path));
    collected *a = evaluate(memory_source(rows, FGMM_F32, N, D), model, 400, FGMM_PATH_AUTO);
    rows_feed feed = {.rows = rows, .type = FGMM_F32, .n = N, .d = D, .chunk = 33};
    collected *b = evaluate(feed_source(&feed, FGMM_ROWS_UNKNOWN), reloaded, 400, FGMM_PATH_AUTO);
    ck_assert_uint_eq(feed.pass, 1);
    ck_assert_mem_eq(a, b, sizeof *a);
    fgmm_model_free(reloaded);
    free(a);
    free(b);
}
END_TEST

/* With a folder of its own, since what it meets with is remembered there. */
static void reopen(fgmm_backend backend)
{
    fgmm_device_options options = fgmm_device_options_init();
    fgmm_device_close(device);
    options.cache_dir = temporary_path("spoiled");
    ck_ok(fgmm_device_open(&device, &options));
    use_backend(device, backend);
}

/* Rows that kernels give no log-likelihood are taken again by the next backend, which goes on; where it may not, they
 * are named. */
START_TEST(test_evaluate__kernels_that_go_wrong_are_replaced)
{
    fgmm_device_info info = fgmm_device_info_init();
    fgmm_evaluate_options options = fgmm_evaluate_options_init();
    uint64_t count;
    reopen(FGMM_BACKEND_AUTO);
    ck_ok(fgmm_device_describe(device, &info));
    const fgmm_backend first = info.backend;
    if (first != FGMM_BACKEND_GPU_WORKGROUP) {
        fg_device_spoil(device, first);
        collected *c = evaluate(memory_source(rows, FGMM_F32, N, D), model, 999, FGMM_PATH_AUTO);
        for (int i = 0; i < N; i++) check_row(c, i);
        free(c);
        reopen(FGMM_BACKEND_AUTO);
        ck_ok(fgmm_device_describe(device, &info));
        ck_backend_ne(info.backend, first);
        ck_assert_ptr_nonnull(strstr(info.marks, "are left out: row 998 has no log-likelihood"));
        ck_ok(fgmm_devices_forget(temporary_path("spoiled"), &count));
    }
    reopen(first);
    fg_device_spoil(device, first);
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
    options.batch_rows = 999;
    ck_fails(fgmm_evaluate(device, model, source, &options, NULL), FGMM_DEVICE, "row 998");
    fgmm_source_close(source);
}
END_TEST

START_TEST(test_evaluate__score_and_predict)
{
    double mean, per_row[N], sum = 0;
    int32_t labels[N];
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
    ck_ok(fgmm_score(device, model, source, &mean, per_row));
    ck_ok(fgmm_score(device, model, source, NULL, NULL));
    ck_ok(fgmm_predict(device, model, source, labels));
    for (int i = 0; i < N; i++) {
        sum += logz[i] / N;
        ck_assert_double_le(fabs(per_row[i] - logz[i]), ROW_TOLERANCE);
        for (int k = 0; k < K; k++) ck_assert_double_ge(l[i * K + labels[i]], l[i * K + k] - RESPONSIBILITY_TOLERANCE);
    }
    ck_assert_double_le(fabs(mean - sum), SUM_TOLERANCE);
    fgmm_source_close(source);
}
END_TEST

START_TEST(test_evaluate__centroids_give_the_nearest)
{
    uint32_t nearest[N];
    double d2[N];
    int32_t labels[N];
    fgmm_model *centroids;
    ck_ok(fgmm_model_from_centroids(&centroids, K, D, fgmm_model_means(model)));
    const fg_parameters p = fg_model_parameters(centroids);
    fg_reference_nearest(nearest, d2, &p, x, N);
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
    ck_ok(fgmm_predict(device, centroids, source, labels));
    for (int i = 0; i < N; i++) ck_assert_int_eq(labels[i], (int32_t)nearest[i]);
    fgmm_source_close(source);
    fgmm_model_free(centroids);
}
END_TEST

START_TEST(test_evaluate__variances_beyond_float32_are_refused)
{
    const double variances[] = {1e-300, 0x1p-120, 1e33};
    double covariances[K], mean;
    for (int i = 0; i < 3; i++) {
        fgmm_model *odd;
        fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
        for (int k = 0; k < K; k++) covariances[k] = k == 2 ? variances[i] : 1;
        ck_ok(fgmm_model_create(&odd, FGMM_SPHERICAL, K, D, fgmm_model_weights(model), fgmm_model_means(model),
                                covariances));
        /* beside a very large one the others are too small */
        ck_fails(fgmm_score(device, odd, source, &mean, NULL), FGMM_DATA,
                 i == 2 ? "model: covariances[0,0] = 1;" : "model: covariances[2,0] = ");
        fgmm_source_close(source);
        fgmm_model_free(odd);
    }
}
END_TEST

/* 1e16 deviations away: the log-density is some -1e32 nats, which kernels cut off. */
START_TEST(test_evaluate__rows_too_far_for_float32_are_refused)
{
    const double weights[] = {1}, means[] = {0, 0}, variances[] = {1};
    const float far_rows[3][2] = {{1, 2}, {0, 0}, {1e16f, 0}};
    double per_row[3];
    fgmm_model *unit;
    fgmm_source *source;
    ck_ok(fgmm_model_create(&unit, FGMM_SPHERICAL, 1, 2, weights, means, variances));
    ck_ok(fgmm_source_from_memory(&source, far_rows, FGMM_F32, 3, 2, 0));
    ck_fails(fgmm_score(device, unit, source, NULL, per_row), FGMM_DATA, "row 2");
    fgmm_source_close(source);
    fgmm_model_free(unit);
}
END_TEST

START_TEST(test_evaluate__refuses_and_cancels)
{
    collected c = {.top = 4, .cancel_at = 2};
    fgmm_evaluate_options options = fgmm_evaluate_options_init();
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D), *narrow = memory_source(rows, FGMM_F32, N, D - 1);
    double mean;
    fgmm_evaluate_report unset = {.size = 0};
    options.want_labels = 1;
    options.top = 4;
    options.sink = collect;
    options.sink_user = &c;
    options.batch_rows = 100;
    ck_fails(fgmm_evaluate(device, model, source, &options, NULL), FGMM_CANCELLED, "returned 4");
    ck_assert_uint_eq(c.batches, 2);
    options.top = K + 1;
    ck_fails(fgmm_evaluate(device, model, source, &options, NULL), FGMM_ARGUMENT, "top = 10");
    ck_fails(fgmm_evaluate(device, model, source, NULL, &unset), FGMM_ARGUMENT, "evaluate report: size = 0");
    ck_fails(fgmm_score(device, model, narrow, &mean, NULL), FGMM_DATA, "D = 6, but the data has D = 5");
    ck_fails(fgmm_score(device, NULL, source, &mean, NULL), FGMM_ARGUMENT, "model is NULL");
    ck_fails(fgmm_predict(device, model, source, NULL), FGMM_ARGUMENT, "labels is NULL");
    rows[2100 * D + 5] = (float)INFINITY;
    options.top = 4;
    c = (collected){.top = 4};
    ck_fails(fgmm_evaluate(device, model, source, &options, NULL), FGMM_DATA, "row 2100, column 5: value is inf");
    ck_assert_uint_eq(c.rows, 2100); /* what came before has been delivered */
    fgmm_source_close(source);
    fgmm_source_close(narrow);
}
END_TEST

/* ---- statistics by hand ---- */

START_TEST(test_statistics__agree_with_plain_double_precision)
{
    fgmm_statistics *statistics;
    size_t count;
    const fg_parameters p = fg_model_parameters(model);
    ck_ok(fgmm_statistics_create(&statistics, model));
    double *values = fgmm_statistics_values(statistics, &count), *expected = calloc(count, sizeof *expected);
    fg_reference_statistics(expected, &p, x, logz, l, N);
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
    ck_ok(fgmm_statistics_accumulate(statistics, device, source));
    ck_assert_double_eq(values[0], N);
    for (size_t i = 1; i < count; i++) ck_assert_double_le(fabs(values[i] - expected[i]), N * SUM_TOLERANCE);
    ck_ok(fgmm_statistics_accumulate(statistics, device, source));
    ck_assert_double_eq(values[0], 2 * N);
    for (size_t i = 1; i < count; i++) ck_assert_double_le(fabs(values[i] - 2 * expected[i]), 2 * N * SUM_TOLERANCE);
    fgmm_source_close(source);
    fgmm_statistics_free(statistics);
    free(expected);
}
END_TEST

START_TEST(test_statistics__unchanged_by_failures)
{
    fgmm_statistics *statistics;
    size_t count;
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D), *narrow = memory_source(rows, FGMM_F32, N, D - 1);
    ck_ok(fgmm_statistics_create(&statistics, model));
    double *values = fgmm_statistics_values(statistics, &count);
    ck_ok(fgmm_statistics_accumulate(statistics, device, source));
    double *before = malloc(count * sizeof *before);
    memcpy(before, values, count * sizeof *before);
    rows[N * D - 1] = NAN;
    ck_fails(fgmm_statistics_accumulate(statistics, device, source), FGMM_DATA, "row 2499, column 5: value is nan");
    ck_fails(fgmm_statistics_accumulate(statistics, device, narrow), FGMM_DATA, "D = 6");
    rows_feed feed = {.rows = rows, .type = FGMM_F32, .n = N - 1, .d = D, .fail_pass = 1, .fail_row = 2000};
    fgmm_source *failing = feed_source(&feed, N - 1);
    ck_fails(fgmm_statistics_accumulate(statistics, device, failing), FGMM_CALLBACK, "the well has run dry");
    ck_assert_mem_eq(before, values, count * sizeof *before);
    fgmm_source_close(failing);
    fgmm_source_close(source);
    fgmm_source_close(narrow);
    fgmm_statistics_free(statistics);
    free(before);
}
END_TEST

START_TEST(test_criteria__agree_with_their_definition)
{
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
    fgmm_criteria criteria = fgmm_criteria_init(), known = fgmm_criteria_init();
    const double parameters = K - 1 + K * D + K;
    double likelihood = 0, largest = 0, wide_variances[K];
    fgmm_model *wide; /* its components overlap */
    for (int k = 0; k < K; k++) wide_variances[k] = 100;
    ck_ok(fgmm_model_create(&wide, FGMM_SPHERICAL, K, D, fgmm_model_weights(model), fgmm_model_means(model),
                            wide_variances));
    const fg_parameters p = fg_model_parameters(wide);
    fg_reference_log_density(l, &p, x, N);
    fg_reference_responsibilities(logz, l, l, N, K);
    for (int i = 0; i < N; i++) {
        double most = 0;
        for (int k = 0; k < K; k++) most = fmax(most, l[i * K + k]);
        likelihood += logz[i];
        largest += log(most);
    }
    ck_ok(fgmm_criteria_evaluate(&criteria, device, wide, source, NULL));
    ck_assert_uint_eq(criteria.parameters, (uint64_t)parameters);
    ck_assert_uint_eq(criteria.rows, N);
    ck_assert_double_le(fabs(criteria.aic - (2 * parameters - 2 * likelihood)), 2 * N * SUM_TOLERANCE);
    ck_assert_double_le(fabs(criteria.bic - (parameters * log(N) - 2 * likelihood)), 2 * N * SUM_TOLERANCE);
    ck_assert_double_le(fabs(criteria.icl - criteria.bic + 2 * largest), 2 * N * SUM_TOLERANCE);
    ck_assert_double_gt(-2 * largest, 100 * N * SUM_TOLERANCE); /* some rows do lie between components */
    ck_ok(fgmm_criteria_from(&known, wide, criteria.log_likelihood, N));
    ck_assert_double_eq(known.bic, criteria.bic);
    ck_assert(isnan(known.icl));
    ck_fails(fgmm_criteria_from(&known, wide, 0, 0), FGMM_ARGUMENT, "rows = 0");
    fgmm_model_free(wide);
    fgmm_source_close(source);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_criteria__agree_with_their_definition,
        test_evaluate__agrees_with_plain_double_precision,
        test_evaluate__same_bytes_from_every_source_and_a_reloaded_model,
        test_evaluate__kernels_that_go_wrong_are_replaced,
        test_evaluate__score_and_predict,
        test_evaluate__centroids_give_the_nearest,
        test_evaluate__variances_beyond_float32_are_refused,
        test_evaluate__rows_too_far_for_float32_are_refused,
        test_evaluate__refuses_and_cancels,
        test_statistics__agree_with_plain_double_precision,
        test_statistics__unchanged_by_failures,
    };
    Suite *s = suite_create("em evaluate");
    ADD_CASE(s, "em evaluate", setup, teardown, 300, tests);
    return s;
}
