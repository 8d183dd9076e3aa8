/* test_kept.c - what a row's list leaves out: less than 2^-24 of the row's mass, whatever the data (docs/math.md,
 * equation 6), and rows that keep more than a list holds are done exactly by the dense path. On data made to be hard.
 */
#include "support.h"

#include "parts.h"
#include "reference.h"
#include "self_check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { K = 8192, D = 3, N = 40 };

/* The promise, and what float rounding of log-densities near the threshold may add to it. */
static const double dropped_mass = 0x1p-24;
static const double rounding = 1.01;

static fgmm_device *device;
static float *rows;       /* (N,D) */
static double *weights;   /* (K) */
static double *means;     /* (K,D) */
static double *variances; /* (K) */

static void setup(void)
{
    rows = calloc(N * D, sizeof *rows);
    weights = calloc(K, sizeof *weights);
    means = calloc((size_t)K * D, sizeof *means);
    variances = calloc(K, sizeof *variances);
    for (size_t k = 0; k < K; k++) {
        weights[k] = 1.0 / K;
        variances[k] = 1;
    }
}

static void teardown(void)
{
    fgmm_device_close(device);
    device = NULL;
    free(rows);
    free(weights);
    free(means);
    free(variances);
}

/* Kernels that make lists: of a backend, with upper bounds or without; of GPUs' matrix units the stand-in, and the
 * unit where the device has it. */
typedef struct kernels {
    fgmm_backend backend;
    fg_pruning_use pruning;
    const fg_backend *unit;
} kernels;

static const kernels all_kernels[] = {
    {FGMM_BACKEND_CPU_SIMD, FG_PRUNING_NEVER, NULL},
    {FGMM_BACKEND_GPU_WORKGROUP, FG_PRUNING_NEVER, NULL},
    {FGMM_BACKEND_MATRIX_UNIT, FG_PRUNING_NEVER, NULL},
    {FGMM_BACKEND_CPU_SIMD, FG_PRUNING_ALWAYS, NULL},
    {FGMM_BACKEND_MATRIX_UNIT, FG_PRUNING_ALWAYS, NULL},
    {FGMM_BACKEND_GPU_WORKGROUP, FG_PRUNING_NEVER, &fg_matrix_warp},
    {FGMM_BACKEND_GPU_WORKGROUP, FG_PRUNING_NEVER, &fg_matrix_nvidia},
};
enum { KERNELS = sizeof all_kernels / sizeof all_kernels[0] };

/* Opens the device. Returns whether it has the unit. */
static int open_device(const kernels *of)
{
    const fgmm_device_options options = fgmm_device_options_init();
    ck_ok(fgmm_device_open(&device, &options));
    ck_ok(fgmm_device_force_backend(device, of->backend));
    const int is_there = of->unit != &fg_matrix_nvidia || fg_device_facts_of(device)->matrix_unit == of->unit->unit;
    if (!is_there) printf("skipped: this device lacks%s\n", of->unit->unit_text);
    return is_there;
}

/* Lists of a batch, read back. */
typedef struct found_t {
    float logz[N];
    cl_uint counts[N];
    cl_uint *components;
    float *values;
    uint32_t capacity;
} found_t;

static found_t find_lists(const kernels *of, const fg_parameters *p)
{
    found_t f = {0};
    const float shift[D] = {0};
    const fg_pass_options options = {.covariance = FGMM_SPHERICAL,
                                     .assignment = FG_ASSIGN_SOFT,
                                     .k = K,
                                     .d = D,
                                     .type = FGMM_F32,
                                     .batch_rows = N,
                                     .path = FGMM_PATH_SPARSE,
                                     .backend = of->unit,
                                     .pruning = of->pruning};
    fg_pass *pass;
    fg_buffer *buffer;
    now_testing("%s kernels%s%s", fgmm_backend_name(of->backend), of->unit ? of->unit->unit_text : "",
                of->pruning == FG_PRUNING_ALWAYS ? ", pruning" : "");
    ck_ok(fg_pass_create(&pass, device, &options));
    ck_ok(fg_buffer_create(&buffer, device, sizeof(float) * N * D, FG_BUFFER_DEVICE, "rows"));
    ck_ok(fg_buffer_write(buffer, 0, rows, sizeof(float) * N * D));
    const fg_rows batch = {buffer, 0, N};
    ck_ok(fg_pass_load(pass, p, shift));
    ck_ok(fg_pass_responsibilities(pass, &batch, pass->shape.cutoff));
    f.capacity = pass->shape.capacity;
    f.components = calloc((size_t)N * f.capacity, sizeof *f.components);
    f.values = calloc((size_t)N * f.capacity, sizeof *f.values);
    ck_ok(fg_buffer_read(pass->sparse.counts, 0, f.counts, sizeof f.counts));
    ck_ok(fg_buffer_read(pass->sparse.components, 0, f.components, sizeof(cl_uint) * N * f.capacity));
    ck_ok(fg_buffer_read(pass->sparse.values, 0, f.values, sizeof(float) * N * f.capacity));
    fg_buffer_free(buffer);
    fg_pass_free(pass);
    return f;
}

/* Every row's list: ascending, sums to 1, leaves out less than dropped_mass and holds nothing that may be left out; so
 * many rows overflow. */
static void check_lists(const kernels *of, size_t least_overflowed, size_t most_overflowed)
{
    const fg_parameters p = {FGMM_SPHERICAL, K, D, weights, means, variances};
    if (!open_device(of)) return;
    found_t f = find_lists(of, &p);
    double *x = calloc(N * D, sizeof *x), *r = calloc((size_t)N * K, sizeof *r), logz[N];
    const double least = dropped_mass / K / 2; /* of a row's largest: half of what may be dropped, for rounding */
    size_t overflowed = 0;
    for (size_t i = 0; i < N * D; i++) x[i] = (double)rows[i];
    fg_reference_log_density(r, &p, x, N);
    fg_reference_responsibilities(logz, r, r, N, K);
    for (size_t i = 0; i < N; i++) {
        const cl_uint *component = f.components + i * f.capacity;
        double kept = 0, sum = 0, largest = 0;
        ck_assert_uint_ge(f.counts[i], 1);
        if (component[0] == K) {
            overflowed++;
            continue;
        }
        for (size_t k = 0; k < K; k++) largest = fmax(largest, r[i * K + k]);
        for (cl_uint q = 0; q < f.counts[i]; q++) {
            if (q > 0) ck_assert_uint_lt(component[q - 1], component[q]);
            ck_assert_uint_lt(component[q], K);
            ck_assert_double_ge(r[i * K + component[q]], least * largest);
            kept += r[i * K + component[q]];
            sum += (double)f.values[i * f.capacity + q];
        }
        ck_assert_double_eq_tol(sum, 1, 1e-5); /* up to 64 floats */
        ck_assert_msg(1 - kept <= dropped_mass * rounding, "row %zu drops %g of its mass", i, 1 - kept);
    }
    free(x);
    free(r);
    free(f.components);
    free(f.values);
    ck_assert_uint_ge(overflowed, least_overflowed);
    ck_assert_uint_le(overflowed, most_overflowed);
}

/* Nothing tells the components apart: no list can hold them. */
START_TEST(test_kept__equal_components_overflow)
{
    for (size_t i = 0; i < N * D; i++) rows[i] = (float)i * 0.01f;
    check_lists(&all_kernels[_i], N, N);
}
END_TEST

/* The hardest case for the threshold: one component near the rows and all others just beyond it, each of them too
 * little to be kept, together as much as can be lost. */
START_TEST(test_kept__all_others_just_beyond_the_threshold)
{
    const double spread = log(2.0) * (24 + log2(K)); /* nats */
    for (size_t k = 1; k < K; k++) means[k * D] = sqrt(2 * (spread + 1e-3));
    check_lists(&all_kernels[_i], 0, 0);
}
END_TEST

/* Components at every level about the threshold: 40 are kept, thousands are not. */
START_TEST(test_kept__components_at_every_level)
{
    for (size_t k = 0; k < K; k++) {
        means[((k * 5) % K) * D + 1] = sqrt(2 * 0.7 * (double)k);
        for (size_t i = 0; i < N; i++) rows[i * D + 1] = 0;
    }
    check_lists(&all_kernels[_i], 0, 0);
}
END_TEST

/* Far more components than a list holds, all equally far away, before the near one: none of them matters in the end. */
START_TEST(test_kept__the_nearest_comes_last)
{
    for (size_t k = 0; k + 1 < K; k++) means[k * D] = 100;
    check_lists(&all_kernels[_i], 0, 0);
}
END_TEST

/* Distance from a row at the origin of a component whose log-density is so many cutoffs lower than at its mean. */
static double distance_of(double cutoffs)
{
    return sqrt(2 * cutoffs * log(2.0) * (24 + log2(K)));
}

/* Eight times as many as no list holds, each lot nearer than the one before but not so near that it makes that
 * negligible, before one that makes all of them so. */
START_TEST(test_kept__far_ones_come_in_steps)
{
    enum { LOTS = 8 };
    for (size_t k = 0; k + 1 < K; k++) means[k * D] = distance_of(1.5 + 0.75 * (double)(LOTS - 1 - k * LOTS / K));
    check_lists(&all_kernels[_i], 0, 0);
}
END_TEST

/* More than a list holds, which the nearest one does not make negligible; those behind them would fit. */
START_TEST(test_kept__more_than_fit_before_the_nearest)
{
    enum { MANY = 140 };
    for (size_t k = 0; k + 1 < K; k++) means[k * D] = distance_of(k < MANY ? 0.5 : 10);
    check_lists(&all_kernels[_i], N, N);
}
END_TEST

/* A few that the list has room for, alike among themselves, before the near one: they are dropped when it comes. */
START_TEST(test_kept__the_first_ones_are_dropped)
{
    enum { FEW = 10 };
    for (size_t k = 0; k + 1 < K; k++) means[k * D] = k < FEW ? 100 : 10000;
    check_lists(&all_kernels[_i], 0, 0);
}
END_TEST

/* A row 10,000 deviations from everything: its densities are 5e7 nats down and still some component is nearest. */
START_TEST(test_kept__one_far_outlier)
{
    for (size_t k = 0; k < K; k++) means[k * D + 2] = 20 * (double)k;
    for (size_t i = 0; i < N; i++) rows[i * D + 2] = (float)(20 * 7 * i);
    rows[5 * D] = 1e4f;
    check_lists(&all_kernels[_i], 0,
                1); /* float cannot tell the outlier's components apart: the dense path may take it */
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("kept");
    TCase *cases = tcase_create("hard");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 300);
    tcase_add_loop_test(cases, test_kept__equal_components_overflow, 0, KERNELS);
    tcase_add_loop_test(cases, test_kept__all_others_just_beyond_the_threshold, 0, KERNELS);
    tcase_add_loop_test(cases, test_kept__components_at_every_level, 0, KERNELS);
    tcase_add_loop_test(cases, test_kept__the_nearest_comes_last, 0, KERNELS);
    tcase_add_loop_test(cases, test_kept__far_ones_come_in_steps, 0, KERNELS);
    tcase_add_loop_test(cases, test_kept__more_than_fit_before_the_nearest, 0, KERNELS);
    tcase_add_loop_test(cases, test_kept__the_first_ones_are_dropped, 0, KERNELS);
    tcase_add_loop_test(cases, test_kept__one_far_outlier, 0, KERNELS);
    suite_add_tcase(s, cases);
    return s;
}
