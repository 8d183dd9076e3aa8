/* test_shapes.c - fits of every shape, from one dimension and one component to 4096 and 1000 (with matrices to 784 and
 * 7): they end, with parameters that are a mixture, and with the log-likelihood that the double-precision reference
 * gives them. */
#include "support.h"

#include "reference.h"
#include "rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t all_dims[] = {1, 2, 3, 17, 100, 784, 4096};
static const uint64_t all_components[] = {1, 2, 7, 1000};
enum { DIMS = sizeof all_dims / sizeof all_dims[0], COMPONENTS = sizeof all_components / sizeof all_components[0] };
enum { ROWS = 1100 };                                                    /* more than the most components */
enum { MATRIX_DIMS = 6, MATRIX_ROWS = 200, MOST_MATRIX_COMPONENTS = 7 }; /* 784: fewer rows than dimensions */
enum { CHECKED_ROWS = 20 };

/* Besides the bound that the report states: float's own resolution of a log-density and of the D terms in it. */
static const double tolerance = 1e-6;

static fgmm_device *device;

static void setup(void)
{
    ck_ok(fgmm_device_open(&device, NULL));
}

static void teardown(void)
{
    fgmm_device_close(device);
}

/* Each dimension is several programs to compile: 2, 3 and 100, which other tests have, with FG_TEST_ALL in the
 * environment only. */
static int is_left_out(uint64_t d)
{
    return (d == 2 || d == 3 || d == 100) && !getenv("FG_TEST_ALL");
}

/* Rows around 50 places. */
static float *make_rows(uint64_t d)
{
    float *rows = malloc(ROWS * d * sizeof *rows);
    fg_rng rng;
    fg_rng_init(&rng, d, 99, 0);
    for (uint64_t i = 0; i < ROWS; i++)
        for (uint64_t j = 0; j < d; j++)
            rows[i * d + j] = (float)(10 * sin((double)((i % 50) * (j + 3))) + fg_rng_normal(&rng));
    return rows;
}

static void check_log_likelihoods(const fgmm_model *model, fgmm_source *source, const float *rows, uint64_t d,
                                  double bound)
{
    const fg_parameters p = fg_model_parameters(model);
    double *found = malloc(ROWS * sizeof *found), *x = malloc(CHECKED_ROWS * d * sizeof *x), logz[CHECKED_ROWS];
    double *l = malloc(CHECKED_ROWS * p.k * sizeof *l);
    ck_ok(fgmm_score(device, model, source, NULL, found));
    for (size_t i = 0; i < CHECKED_ROWS * d; i++) x[i] = (double)rows[i];
    fg_reference_log_density(l, &p, x, CHECKED_ROWS);
    fg_reference_responsibilities(logz, l, l, CHECKED_ROWS, p.k);
    for (size_t i = 0; i < CHECKED_ROWS; i++)
        ck_assert_msg(fabs(found[i] - logz[i]) <= bound + tolerance * (fabs(logz[i]) + (double)d),
                      "D %llu K %llu row %zu: %.9g, in double %.9g", (unsigned long long)d, (unsigned long long)p.k, i,
                      found[i], logz[i]);
    free(found);
    free(x);
    free(l);
}

static void check_shape(fgmm_source *source, const float *rows, uint64_t d, uint64_t k, fgmm_covariance covariance)
{
    fgmm_model *model;
    fgmm_fit_options options = fgmm_fit_options_init();
    fgmm_fit_report report = fgmm_fit_report_init();
    options.components = k;
    options.covariance = covariance;
    if (covariance == FGMM_DIAG) options.init = FGMM_INIT_RANDOM; /* one type has shown that first centres are found */
    options.kmeans_iterations = 2;
    options.max_iterations = 3;
    options.tolerance = 0;
    options.reg_covar = 1e-2;
    ck_ok(fgmm_fit(&model, device, source, &options, &report));
    double sum = 0;
    for (uint64_t c = 0; c < k; c++) sum += fgmm_model_weights(model)[c];
    ck_assert_double_eq_tol(sum, 1, 1e-9);
    ck_assert_msg(isfinite(report.log_likelihood), "D %llu K %llu: log-likelihood %g", (unsigned long long)d,
                  (unsigned long long)k, report.log_likelihood);
    check_log_likelihoods(model, source, rows, d, report.error_bound_nats);
    fgmm_fit_report_clear(&report);
    fgmm_model_free(model);
}

START_TEST(test_shapes__every_dimension_and_component_count)
{
    const uint64_t d = all_dims[_i];
    if (is_left_out(d)) return;
    float *rows = make_rows(d);
    fgmm_source *source;
    ck_ok(fgmm_source_from_memory(&source, rows, FGMM_F32, ROWS, d, 0));
    for (size_t k = 0; k < COMPONENTS; k++) {
        check_shape(source, rows, d, all_components[k], FGMM_SPHERICAL);
        check_shape(source, rows, d, all_components[k], FGMM_DIAG);
    }
    fgmm_source_close(source);
    free(rows);
}
END_TEST

START_TEST(test_shapes__matrices_of_every_dimension)
{
    const uint64_t d = all_dims[_i];
    if (is_left_out(d)) return;
    float *rows = make_rows(d);
    fgmm_source *source;
    ck_ok(fgmm_source_from_memory(&source, rows, FGMM_F32, MATRIX_ROWS, d, 0));
    for (size_t k = 0; all_components[k] <= MOST_MATRIX_COMPONENTS; k++) {
        check_shape(source, rows, d, all_components[k], FGMM_TIED);
        check_shape(source, rows, d, all_components[k], FGMM_FULL);
    }
    fgmm_source_close(source);
    free(rows);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("shapes");
    TCase *shapes = tcase_create("shapes"), *matrices = tcase_create("matrices");
    TCase *const cases[] = {shapes, matrices};
    tcase_add_loop_test(shapes, test_shapes__every_dimension_and_component_count, 0, DIMS);
    tcase_add_loop_test(matrices, test_shapes__matrices_of_every_dimension, 0, MATRIX_DIMS);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tcase_add_checked_fixture(cases[i], setup, teardown);
        tcase_set_timeout(cases[i], 600);
        suite_add_tcase(s, cases[i]);
    }
    return s;
}
