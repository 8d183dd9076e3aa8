/* test_pass_sums.c - how a pass joins its sums: about means that float32 rounds, in pairs of floats where the device
 * has no double. Against the double-precision reference, and against what the same device gives with doubles. */
#include "covariances.h"
#include "passes.h"
#include "pretend.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>

/* ---- rounded means ---- */

/* At 2^20 the floats are 1/8 apart: kernels lose FRACTION of the means, now upwards, now downwards. The rows lie AWAY
 * from the means on average, so that moving the sums back to the true means changes second moments by some percent. */
static const double far_out = 0x1p20, fraction = 0.05, away = 2;

static void move_far_out(problem *p, const shape_case *c)
{
    float *rows = p->rows;
    for (uint64_t i = 0; i < c->k * c->d; i++)
        p->means[i] = far_out * (1 + (double)(i / c->d)) + (i % c->d % 2 ? -fraction : fraction);
    for (uint64_t i = 0; i < c->n * c->d; i++) {
        const uint64_t row = i / c->d, k = row % c->k;
        rows[i] = (float)(far_out * (1 + (double)k) + away + (double)((row * 7 + i % c->d * 3) % 5) - 2);
        p->x[i] = (double)rows[i];
    }
    for (uint64_t d = 0; d < c->d; d++) p->shift[d] = 0;
}

START_TEST(test_pass_sums__are_about_the_true_means)
{
    static const struct {
        fg_assignment assignment;
        fgmm_path path;
    } variants[] = {
        {FG_ASSIGN_SOFT, FGMM_PATH_SPARSE}, {FG_ASSIGN_SOFT, FGMM_PATH_DENSE}, {FG_ASSIGN_HARD, FGMM_PATH_SPARSE}};
    for (size_t v = 0; v < sizeof variants / sizeof variants[0]; v++) {
        const shape_case c = {.backend = FGMM_BACKEND_CPU_SIMD,
                              .covariance = (fgmm_covariance)_i,
                              .assignment = variants[v].assignment,
                              .type = FGMM_F32,
                              .path = variants[v].path,
                              .n = 60,
                              .d = 9,
                              .k = 2,
                              .overlap = 4,
                              .nats = promised_nats};
        problem p = make_problem(&c);
        move_far_out(&p, &c);
        check_problem(&c, &p);
        free_problem(&p);
    }
}
END_TEST

/* ---- no doubles ---- */

/* A pair of floats holds 48 binary digits, and each sum of some hundred rounds the last of them. One float would err by
 * 2^-24. */
static const double pair_tolerance = 0x1p-36;

/* The largest difference, relative to the largest number. */
static double difference_of(const double *a, const double *b, size_t count)
{
    double largest = 0, error = 0;
    for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs(b[i]));
    for (size_t i = 0; i < count; i++)
        if (!(fabs(a[i] - b[i]) <= error)) error = fabs(a[i] - b[i]);
    return largest > 0 ? error / largest : error;
}

/* Every way into the totals: entries of lists by chunks, products of the dense path and their differences from means,
 * log-normalisers, and second moments as matrices, in float and wide; each in several batches. */
START_TEST(test_pass_sums__pairs_of_floats_are_as_good_as_doubles)
{
    static const struct {
        fgmm_covariance covariance;
        fgmm_path path;
        int has_wide_sums;
    } variants[] = {
        {FGMM_SPHERICAL, FGMM_PATH_SPARSE, 0}, {FGMM_SPHERICAL, FGMM_PATH_DENSE, 0}, {FGMM_DIAG, FGMM_PATH_DENSE, 0},
        {FGMM_FULL, FGMM_PATH_SPARSE, 0},      {FGMM_FULL, FGMM_PATH_SPARSE, 1},
    };
    static const fgmm_backend backends[] = {FGMM_BACKEND_CPU_SIMD, FGMM_BACKEND_GPU_WORKGROUP};
    for (size_t v = 0; v < sizeof variants / sizeof variants[0]; v++) {
        shape_case c = {.backend = backends[_i],
                        .covariance = variants[v].covariance,
                        .type = FGMM_F32,
                        .path = variants[v].path,
                        .n = 300,
                        .d = 3,
                        .k = 5,
                        .overlap = 1,
                        .has_wide_sums = variants[v].has_wide_sums,
                        .tile = quick_tile(backends[_i])};
        const size_t count = statistics_of(&c), s1 = 2 + (size_t)c.k, s2 = s1 + (size_t)(c.k * c.d);
        double *values = calloc(2 * count, sizeof *values), *logz = calloc((size_t)c.n, sizeof *logz);
        problem p = make_problem(&c);
        for (c.has_no_doubles = 0; c.has_no_doubles < 2; c.has_no_doubles++) {
            fgmm_device *device = device_of_backend(c.backend);
            if (c.has_no_doubles) pretend_no_doubles(device);
            run_pass(&c, &p, 50, values + (c.has_no_doubles ? count : 0), logz);
            close_device();
        }
        c.has_no_doubles = 1;
        const size_t parts[] = {1, 2, s1, s2, count};
        static const char *const names[] = {"log-likelihood", "N", "S1", "S2"};
        for (size_t i = 0; i < 4; i++) {
            const double error = difference_of(values + count + parts[i], values + parts[i], parts[i + 1] - parts[i]);
            check_error(names[i], error, pair_tolerance);
        }
        free(values);
        free(logz);
        free_problem(&p);
    }
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pass_sums");
    TCase *means = tcase_create("means"), *pairs = tcase_create("pairs");
    TCase *const cases[] = {means, pairs};
    tcase_add_loop_test(means, test_pass_sums__are_about_the_true_means, 0, COVARIANCES);
    tcase_add_loop_test(pairs, test_pass_sums__pairs_of_floats_are_as_good_as_doubles, 0, 2);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tcase_add_checked_fixture(cases[i], NULL, close_device);
        tcase_set_timeout(cases[i], 600);
        suite_add_tcase(s, cases[i]);
    }
    return s;
}
