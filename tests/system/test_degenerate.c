/* test_degenerate.c - data without spread in some direction, with every covariance type: the fit ends in a mixture that
 * can be saved, read and evaluated, with finite numbers; docs/math.md, "Degenerate data". */
#include "covariances.h"
#include "mixtures.h"
#include "support.h"

#include "model.h"
#include "rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { D = 5, MOST_ROWS = 300, TYPES = COVARIANCES };

static fgmm_device *device;

static void setup(void)
{
    ck_ok(fgmm_device_open(&device, NULL));
}

static void teardown(void)
{
    fgmm_device_close(device);
}

/* One element: z is standard normal. */
typedef double element(uint64_t i, size_t j, const double z[D]);

static double constant_column(uint64_t i, size_t j, const double z[D])
{
    (void)i;
    return j == 2 ? 7.25 : z[j];
}

static double repeated_column(uint64_t i, size_t j, const double z[D])
{
    (void)i;
    return j == 4 ? z[1] : z[j];
}

/* Deviations from 1e-4 to 1e4, a thousand deviations and more from the origin. */
static double ill_conditioned(uint64_t i, size_t j, const double z[D])
{
    const double deviation = pow(10, 2 * (double)j - 4);
    (void)i;
    return deviation * (z[j] + z[0] + 1000);
}

static double plain(uint64_t i, size_t j, const double z[D])
{
    (void)i;
    return z[j];
}

static double equal_rows(uint64_t i, size_t j, const double z[D])
{
    (void)i, (void)z;
    return 1 + (double)j;
}

static double zeros(uint64_t i, size_t j, const double z[D])
{
    (void)i, (void)j, (void)z;
    return 0;
}

static double two_distinct_rows(uint64_t i, size_t j, const double z[D])
{
    (void)z;
    return i % 2 ? 100 : (double)j;
}

static const struct {
    const char *name;
    element *of;
    uint64_t n, k;
} kinds[] = {
    {"a constant column", constant_column, MOST_ROWS, 2},
    {"a repeated column", repeated_column, MOST_ROWS, 2},
    {"ill-conditioned", ill_conditioned, MOST_ROWS, 2},
    {"fewer rows than dimensions", plain, D - 2, 2},
    {"as many rows as components", plain, 3, 3},
    {"one row", plain, 1, 1},
    {"equal rows", equal_rows, 64, 3},
    {"zeros", zeros, 64, 3},
    {"two distinct rows", two_distinct_rows, 64, 5},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static fgmm_source *make_source(double *rows, int kind)
{
    fgmm_source *source;
    fg_rng rng;
    fg_rng_init(&rng, 3, 17, 0);
    for (uint64_t i = 0; i < kinds[kind].n; i++) {
        double z[D];
        for (size_t j = 0; j < D; j++) z[j] = fg_rng_normal(&rng);
        for (size_t j = 0; j < D; j++) rows[i * D + j] = kinds[kind].of(i, j, z);
    }
    ck_ok(fgmm_source_from_memory(&source, rows, FGMM_F64, kinds[kind].n, D, 0));
    return source;
}

/* Saving checks nothing; reading checks that it is a mixture, with positive definite covariances. */
static void check_model(const fgmm_model *model)
{
    fgmm_model *again;
    const char *path = temporary_path("model.safetensors");
    ck_ok(fgmm_model_save(model, path));
    ck_ok(fgmm_model_load(&again, path));
    ck_assert(is_same_model(model, again));
    fgmm_model_free(again);
}

static void check_fit(int kind, fgmm_covariance covariance, double reg_covar)
{
    double rows[MOST_ROWS * D], logs[MOST_ROWS];
    int32_t labels[MOST_ROWS];
    fgmm_source *source = make_source(rows, kind);
    fgmm_fit_options options = fgmm_fit_options_init();
    fgmm_fit_report report = fgmm_fit_report_init();
    fgmm_model *model;
    options.components = kinds[kind].k;
    options.covariance = covariance;
    options.reg_covar = reg_covar;
    options.max_iterations = 20;
    ck_ok(fgmm_fit(&model, device, source, &options, &report));
    const char *type = fgmm_covariance_name(covariance);
    ck_assert_msg(isfinite(report.log_likelihood), "%s, %s: log-likelihood %g", kinds[kind].name, type,
                  report.log_likelihood);
    check_model(model);
    ck_ok(fgmm_score(device, model, source, NULL, logs));
    ck_ok(fgmm_predict(device, model, source, labels));
    for (uint64_t i = 0; i < kinds[kind].n; i++) {
        ck_assert_msg(isfinite(logs[i]), "%s, %s: row %d has log-likelihood %g", kinds[kind].name, type, (int)i,
                      logs[i]);
        ck_assert_int_ge(labels[i], 0);
        ck_assert_int_lt(labels[i], (int32_t)kinds[kind].k);
    }
    fgmm_fit_report_clear(&report);
    fgmm_model_free(model);
    fgmm_source_close(source);
}

/* With the default regularisation, and without any. */
START_TEST(test_degenerate__every_type_ends_in_a_mixture)
{
    for (int kind = 0; kind < KINDS; kind++) {
        now_testing("%s, kind %d of rows", fgmm_covariance_name((fgmm_covariance)_i), kind);
        check_fit(kind, (fgmm_covariance)_i, 1e-6);
        check_fit(kind, (fgmm_covariance)_i, 0);
    }
}
END_TEST

/* More components than rows cannot be. */
START_TEST(test_degenerate__fewer_rows_than_components_are_refused)
{
    double rows[2 * D] = {0};
    fgmm_source *source;
    fgmm_model *model;
    fgmm_fit_options options = fgmm_fit_options_init();
    options.components = 3;
    options.covariance = (fgmm_covariance)_i;
    now_testing("%s", fgmm_covariance_name(options.covariance));
    ck_ok(fgmm_source_from_memory(&source, rows, FGMM_F64, 2, D, 0));
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_DATA, "components = 3");
    ck_assert_ptr_null(model);
    fgmm_source_close(source);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("degenerate");
    TCase *cases = tcase_create("degenerate");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, test_degenerate__every_type_ends_in_a_mixture, 0, TYPES);
    tcase_add_loop_test(cases, test_degenerate__fewer_rows_than_components_are_refused, 0, TYPES);
    suite_add_tcase(s, cases);
    return s;
}
