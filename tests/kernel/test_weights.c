/* test_weights.c - rows with weights: a pass against the double-precision twin, and weights of 1 against none, to the
 * bit. Both families, all covariances, lists, rows that overflow them, the dense path, small mixtures. */
#include "mixtures.h"
#include "support.h"

#include "ops.h"
#include "pass.h"
#include "reference.h"
#include "rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As test_pass.c: sums of N rows, each with a responsibility whose exponent is off by 4e-6 |log p|. */
static const double sum_tolerance = 2e-4;

/* D as test_pass.c has it, so that what one test has compiled the other finds. */
enum { D = 17, MOST_K = 130 };

typedef struct variant {
    fgmm_covariance covariance;
    fg_keep keep;
    fgmm_path path; /* AUTO: small mixtures go straight into sums, where the family can */
    uint64_t n, k;
    double overlap; /* deviation of the components; their means lie 10 apart */
} variant;

/* Rows around the edges of the sum's blocks (256) and of dense blocks, and components that fill a list or overflow it.
 */
static const variant variants[] = {
    {FGMM_SPHERICAL, FG_KEEP_MIXTURE, FGMM_PATH_SPARSE, 257, 33, 2}, /* lists */
    {FGMM_SPHERICAL, FG_KEEP_MIXTURE, FGMM_PATH_SPARSE, 97, MOST_K, 60},
    {FGMM_SPHERICAL, FG_KEEP_MIXTURE, FGMM_PATH_DENSE, 255, 33, 5},
    {FGMM_SPHERICAL, FG_KEEP_MIXTURE, FGMM_PATH_AUTO, 1, 1, 1},
    {FGMM_SPHERICAL, FG_KEEP_MIXTURE, FGMM_PATH_AUTO, 600, 5, 5},
    {FGMM_SPHERICAL, FG_KEEP_BEST, FGMM_PATH_SPARSE, 256, 33, 5},
    {FGMM_SPHERICAL, FG_KEEP_BEST, FGMM_PATH_AUTO, 600, 5, 5},
    {FGMM_DIAG, FG_KEEP_MIXTURE, FGMM_PATH_SPARSE, 49, 33, 2},
    {FGMM_DIAG, FG_KEEP_MIXTURE, FGMM_PATH_DENSE, 49, 33, 5},
    {FGMM_DIAG, FG_KEEP_MIXTURE, FGMM_PATH_AUTO, 65, 5, 5},
    {FGMM_DIAG, FG_KEEP_BEST, FGMM_PATH_AUTO, 65, 5, 5},
    {FGMM_TIED, FG_KEEP_MIXTURE, FGMM_PATH_AUTO, 65, 5, 5},
    {FGMM_FULL, FG_KEEP_MIXTURE, FGMM_PATH_AUTO, 65, 5, 5},
};
enum { VARIANTS = sizeof variants / sizeof variants[0] };

static const fgmm_kernel_family families[] = {FGMM_KERNEL_VECTOR, FGMM_KERNEL_GROUP};

typedef struct problem {
    fg_parameters parameters;
    double *x;                       /* (n,D) */
    float *rows, *weights, shift[D]; /* (n,D), (n) */
    size_t count;                    /* statistics */
} problem;

static problem make_problem(const variant *v)
{
    const uint64_t variances = fg_covariance_count(v->covariance, v->k, D);
    double *pi = calloc(v->k, sizeof *pi), *means = calloc(v->k * D, sizeof *means);
    double *covariances = calloc(variances, sizeof *covariances);
    problem p = {.x = calloc(v->n * D, sizeof *p.x),
                 .rows = calloc(v->n * D, sizeof *p.rows),
                 .weights = calloc(v->n, sizeof *p.weights),
                 .count = (size_t)(2 + v->k * (1 + D) + variances)};
    fg_rng rng;
    fg_rng_init(&rng, v->n + 1000 * v->k, 78, 0);
    for (uint64_t i = 0; i < v->k * D; i++) {
        means[i] = 10 * fg_rng_normal(&rng);
        covariances[fg_variance_place(v->covariance, D, i / D, i % D)] = v->overlap * v->overlap;
    }
    for (uint64_t k = 0; k < v->k; k++) pi[k] = 1.0 / (double)v->k;
    for (uint64_t i = 0; i < v->n; i++) {
        const double *mean = means + fg_rng_below(&rng, v->k) * D;
        p.weights[i] = i % 5 == 3 ? 0.0f : (float)fg_rng_uniform(&rng);
        for (int j = 0; j < D; j++) p.rows[i * D + j] = (float)(mean[j] + v->overlap * fg_rng_normal(&rng));
    }
    for (uint64_t i = 0; i < v->n * D; i++) p.x[i] = (double)p.rows[i];
    for (int j = 0; j < D; j++) p.shift[j] = (float)(j % 3);
    p.parameters = (fg_parameters){v->covariance, v->k, D, pi, means, covariances};
    return p;
}

static void free_problem(problem *p)
{
    free((void *)(uintptr_t)p->parameters.weights);
    free((void *)(uintptr_t)p->parameters.means);
    free((void *)(uintptr_t)p->parameters.covariances);
    free(p->x);
    free(p->rows);
    free(p->weights);
}

/* Statistics of all rows in two batches, whose weights lie behind the rows; weights NULL: none. */
static void run_pass(double *values, fgmm_device *device, const variant *v, const problem *p, const float *weights)
{
    fg_pass *pass;
    fg_buffer *buffer;
    const size_t n = (size_t)v->n, half = n - n / 3, rows_bytes = n * D * sizeof(float);
    const fg_pass_options options = {v->covariance, v->keep, v->k, D, FGMM_F32, half, v->path};
    ck_ok(fg_pass_create(&pass, device, &options));
    ck_ok(fg_buffer_create(&buffer, device, rows_bytes + n * sizeof(float), FG_BUFFER_DEVICE, "rows"));
    ck_ok(fg_buffer_write(buffer, 0, p->rows, rows_bytes));
    if (weights) ck_ok(fg_buffer_write(buffer, rows_bytes, weights, n * sizeof(float)));
    ck_ok(fg_pass_load(pass, &p->parameters, p->shift));
    for (size_t first = 0; first < n; first += half) {
        fg_rows rows = {buffer, first * D * sizeof(float), n - first < half ? n - first : half};
        if (weights) {
            rows.weights = buffer;
            rows.weights_bytes = rows_bytes + first * sizeof(float);
            for (size_t i = 0; i < rows.n; i++) rows.weight += (double)weights[first + i];
        }
        ck_ok(fg_pass_accumulate(pass, &rows));
    }
    ck_ok(fg_pass_statistics(pass, values));
    fg_buffer_free(buffer);
    fg_pass_free(pass);
}

static void run_twin(double *values, const variant *v, const problem *p)
{
    double *r = calloc((size_t)(v->n * v->k), sizeof *r), *logz = calloc((size_t)v->n, sizeof *logz);
    double *weights = calloc((size_t)v->n, sizeof *weights);
    uint32_t *nearest = calloc((size_t)v->n, sizeof *nearest);
    if (v->keep == FG_KEEP_BEST) {
        fg_reference_nearest(nearest, logz, &p->parameters, p->x, v->n);
        for (uint64_t i = 0; i < v->n; i++) {
            r[i * v->k + nearest[i]] = 1;
            logz[i] = -logz[i];
        }
    } else {
        fg_reference_log_density(r, &p->parameters, p->x, v->n);
        fg_reference_responsibilities(logz, r, r, v->n, v->k);
    }
    for (uint64_t i = 0; i < v->n; i++) weights[i] = (double)p->weights[i];
    const double total = fg_reference_weigh(logz, r, weights, v->n, v->k);
    fg_reference_statistics(values, &p->parameters, p->x, logz, r, v->n);
    values[0] = total;
    free(nearest);
    free(weights);
    free(logz);
    free(r);
}

/* Largest difference of the elements first..end-1, relative to the largest expected one. */
static void check_part(const double *found, const double *expected, size_t first, size_t end, const char *what)
{
    double scale = 1e-30;
    for (size_t i = first; i < end; i++) scale = fmax(scale, fabs(expected[i]));
    for (size_t i = first; i < end; i++)
        ck_assert_msg(fabs(found[i] - expected[i]) <= sum_tolerance * scale, "%s[%zu]: %.9g and %.9g", what, i - first,
                      found[i], expected[i]);
}

/* With weights against the twin; with weights of 1 against none, to the bit. */
static void check_variant(fgmm_device *device, size_t at)
{
    static const char *const names[] = {"weight", "log-likelihood", "N", "S1", "S2"};
    const variant *v = &variants[at];
    problem p = make_problem(v);
    const size_t s1 = 2 + (size_t)v->k, s2 = s1 + (size_t)v->k * D;
    const size_t ends[] = {1, 2, s1, s2, p.count};
    double *found = calloc(p.count, sizeof *found), *expected = calloc(p.count, sizeof *expected);
    run_pass(found, device, v, &p, p.weights);
    run_twin(expected, v, &p);
    for (size_t i = 0, first = 0; i < sizeof ends / sizeof ends[0]; first = ends[i++]) {
        char what[64];
        snprintf(what, sizeof what, "variant %zu: %s", at, names[i]);
        check_part(found, expected, first, ends[i], what);
    }
    for (uint64_t i = 0; i < v->n; i++) p.weights[i] = 1;
    run_pass(found, device, v, &p, p.weights);
    run_pass(expected, device, v, &p, NULL);
    ck_assert_mem_eq(found, expected, p.count * sizeof *found);
    free(found);
    free(expected);
    free_problem(&p);
}

START_TEST(test_weights__pass_equals_the_twin_and_ones_equal_none)
{
    fgmm_device *device;
    fgmm_device_options options = FGMM_DEVICE_OPTIONS_INIT;
    options.family = families[_i];
    ck_ok(fgmm_device_open(&device, &options));
    fg_device_poison_buffers(device);
    for (size_t at = 0; at < VARIANTS; at++) check_variant(device, at);
    fgmm_device_close(device);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("weights");
    TCase *tests = tcase_create("weights");
    tcase_add_loop_test(tests, test_weights__pass_equals_the_twin_and_ones_equal_none, 0, 2);
    tcase_set_timeout(tests, 600);
    suite_add_tcase(s, tests);
    return s;
}
