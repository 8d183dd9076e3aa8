/* test_scale.c - results that do not depend on the unit of the data: rows times a power of two give the same labels,
 * and numbers that are the same power of two apart. */
#include "mixtures.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static fgmm_device *device;

static void setup(void)
{
    device = open_test_device();
}

static void teardown(void)
{
    fgmm_device_close(device);
}

/* ---- nearest centroids ---- */

enum { N = 2000, D = 5, K = 40, GRID = 1024 };

/* Squares of differences of float32 numbers, each off by half a unit of rows and means that were shifted. */
static const double NEAREST_TOLERANCE = 1e-5;

static double squared_distance(const float *x, const double *m, uint64_t d)
{
    double sum = 0;
    for (uint64_t j = 0; j < d; j++) sum += ((double)x[j] - m[j]) * ((double)x[j] - m[j]);
    return sum;
}

static void check_nearest(const int32_t *labels, const float *x, uint64_t n, const double *means, uint64_t k,
                          uint64_t d)
{
    for (uint64_t i = 0; i < n; i++) {
        double least = (double)INFINITY;
        for (uint64_t c = 0; c < k; c++) least = fmin(least, squared_distance(x + i * d, means + c * d, d));
        const double found = squared_distance(x + i * d, means + (uint64_t)labels[i] * d, d);
        ck_assert_msg(found <= least * (1 + NEAREST_TOLERANCE), "row %d, label %d: %g instead of %g", (int)i,
                      (int)labels[i], found, least);
    }
}

/* Means of a mixture, and rows drawn from it, times 2^exponent. */
static void predict_scaled(int32_t *labels, int exponent)
{
    fgmm_model *mixture = make_mixture(K, D, 3), *centroids;
    double means[K * D];
    float *rows = draw_rows(N, D, K, 3);
    for (int i = 0; i < K * D; i++) means[i] = ldexp(fgmm_model_means(mixture)[i], exponent);
    for (int i = 0; i < N * D; i++) rows[i] = ldexpf(rows[i], exponent);
    ck_ok(fgmm_model_from_centroids(&centroids, K, D, means));
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
    ck_ok(fgmm_predict(device, centroids, source, labels));
    check_nearest(labels, rows, N, means, K, D);
    fgmm_source_close(source);
    fgmm_model_free(centroids);
    fgmm_model_free(mixture);
    free(rows);
}

START_TEST(test_scale__labels_of_centroids_are_the_same_in_any_unit)
{
    static int32_t expected[N], labels[N];
    predict_scaled(expected, 0);
    for (int exponent = -30; exponent <= 30; exponent += 15) {
        predict_scaled(labels, exponent);
        ck_assert_mem_eq(labels, expected, sizeof labels);
    }
}
END_TEST

/* Centroids 1/1024 apart: products of numbers near 1 cannot tell them apart. */
START_TEST(test_scale__many_centroids_in_little_room)
{
    static double means[GRID];
    static float rows[N];
    static int32_t labels[N];
    fgmm_model *centroids;
    for (int c = 0; c < GRID; c++) means[c] = (c + 0.5) / GRID;
    for (int i = 0; i < N; i++) rows[i] = (float)(i + 0.25) / N;
    ck_ok(fgmm_model_from_centroids(&centroids, GRID, 1, means));
    fgmm_source *source = memory_source(rows, FGMM_F32, N, 1);
    ck_ok(fgmm_predict(device, centroids, source, labels));
    check_nearest(labels, rows, N, means, GRID, 1);
    fgmm_source_close(source);
    fgmm_model_free(centroids);
}
END_TEST

/* The first assignment of k-means, which knows nothing of its clusters yet. */
START_TEST(test_scale__k_means_assigns_in_little_room)
{
    static double means[GRID];
    static float rows[N];
    fgmm_kmeans_options options = FGMM_KMEANS_OPTIONS_INIT;
    fgmm_fit_report report = FGMM_FIT_REPORT_INIT;
    fgmm_model *start, *centroids;
    double exact = 0;
    for (int c = 0; c < GRID; c++) means[c] = (c + 0.5) / GRID;
    for (int i = 0; i < N; i++) rows[i] = (float)(i + 0.25) / N;
    for (int i = 0; i < N; i++) {
        double least = (double)INFINITY;
        for (int c = 0; c < GRID; c++) least = fmin(least, squared_distance(rows + i, means + c, 1));
        exact += least;
    }
    ck_ok(fgmm_model_from_centroids(&start, GRID, 1, means));
    options.init = FGMM_INIT_MODEL;
    options.start = start;
    options.max_iterations = 1;
    fgmm_source *source = memory_source(rows, FGMM_F32, N, 1);
    ck_ok(fgmm_kmeans(&centroids, device, source, &options, &report));
    ck_assert_double_le(fabs(report.inertia - exact), NEAREST_TOLERANCE * exact);
    fgmm_source_close(source);
    fgmm_model_free(start);
    fgmm_model_free(centroids);
    fgmm_fit_report_clear(&report);
}
END_TEST

/* Labels beside densities, which are those of spheres of variance 1. */
static int take(void *user, const fgmm_evaluation *batch)
{
    memcpy((int32_t *)user + batch->first_row, batch->labels, batch->rows * sizeof(int32_t));
    for (uint64_t i = 0; i < batch->rows; i++)
        ck_assert_double_le(fabs(batch->log_likelihood[i] + 0.5 * log(2 * 3.14159265358979)), 1e-6);
    return 0;
}

START_TEST(test_scale__labels_beside_densities)
{
    static const double means[] = {-2e-9, 1e-9, 3e-9};
    static float rows[N];
    static int32_t labels[N];
    fgmm_model *centroids;
    fgmm_evaluate_options options = FGMM_EVALUATE_OPTIONS_INIT;
    double mean;
    for (int i = 0; i < N; i++) rows[i] = 1e-9f * (float)(i % 7 - 3);
    options.want_labels = 1;
    options.batch_rows = 300;
    ck_ok(fgmm_model_from_centroids(&centroids, 3, 1, means));
    fgmm_source *source = memory_source(rows, FGMM_F32, N, 1);
    ck_ok(fgmm_evaluate(device, centroids, source, &options, take, labels, &mean, NULL));
    check_nearest(labels, rows, N, means, 3, 1);
    ck_assert_double_le(fabs(mean + 0.5 * log(2 * 3.14159265358979)), 1e-6);
    fgmm_source_close(source);
    fgmm_model_free(centroids);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_scale__labels_of_centroids_are_the_same_in_any_unit,
        test_scale__many_centroids_in_little_room,
        test_scale__k_means_assigns_in_little_room,
        test_scale__labels_beside_densities,
    };
    Suite *s = suite_create("scale");
    ADD_CASE(s, "scale", setup, teardown, 300, tests);
    return s;
}
