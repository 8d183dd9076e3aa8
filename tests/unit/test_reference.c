/* test_reference.c - the double-precision twins against scikit-learn's values and closed forms. */
#include "support.h"

#include "reference.h"
#include "sklearn_values.h"

#include <math.h>
#include <string.h>

/* Both sides sum a handful of doubles in different orders. */
static const double ROUNDING = 1e-12;

static void check_values(const double *actual, const double *expected, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(fabs(actual[i] - expected[i]) <= ROUNDING * fmax(1, fabs(expected[i])), "%zu: %.17g, not %.17g",
                      i, actual[i], expected[i]);
}

static void check_against_sklearn(const fg_parameters *p, const double *density, const double *logz, const double *r)
{
    double l[SK_N * SK_K], z[SK_N], own_r[SK_N * SK_K];
    fg_reference_log_density(l, p, sk_x, SK_N);
    check_values(l, density, SK_N * SK_K);
    fg_reference_responsibilities(z, own_r, l, SK_N, SK_K);
    check_values(z, logz, SK_N);
    check_values(own_r, r, SK_N * SK_K);
    fg_reference_responsibilities(z, l, l, SK_N, SK_K); /* in place */
    check_values(l, r, SK_N * SK_K);
}

START_TEST(test_reference__matches_sklearn)
{
    const fg_parameters spherical = {FGMM_SPHERICAL, SK_K, SK_D, sk_weights, sk_means, sk_spherical};
    const fg_parameters diag = {FGMM_DIAG, SK_K, SK_D, sk_weights, sk_means, sk_diag};
    check_against_sklearn(&spherical, sk_spherical_log_density, sk_spherical_logz, sk_spherical_r);
    check_against_sklearn(&diag, sk_diag_log_density, sk_diag_logz, sk_diag_r);
    const fg_parameters tied = {FGMM_TIED, SK_K, SK_D, sk_weights, sk_means, sk_tied};
    const fg_parameters full = {FGMM_FULL, SK_K, SK_D, sk_weights, sk_means, sk_full};
    check_against_sklearn(&tied, sk_tied_log_density, sk_tied_logz, sk_tied_r);
    check_against_sklearn(&full, sk_full_log_density, sk_full_logz, sk_full_r);
}
END_TEST

START_TEST(test_reference__standard_normal_in_closed_form)
{
    const double weight = 1, mean[] = {0, 0, 0}, variance = 1, x[] = {0, 0, 0, 1, 2, 3};
    const fg_parameters p = {FGMM_SPHERICAL, 1, 3, &weight, mean, &variance};
    double l[2];
    fg_reference_log_density(l, &p, x, 2);
    ck_assert_double_eq_tol(l[0], -1.5 * log(2 * acos(-1)), ROUNDING);
    ck_assert_double_eq_tol(l[0] - l[1], 7, ROUNDING);
}
END_TEST

START_TEST(test_reference__far_rows_and_unused_components_stay_finite)
{
    const double weights[] = {1, 0}, means[] = {0, 5}, variances[] = {1, 1}, x[] = {1e6};
    const fg_parameters p = {FGMM_DIAG, 2, 1, weights, means, variances};
    double l[2], r[2], logz;
    fg_reference_log_density(l, &p, x, 1);
    fg_reference_responsibilities(&logz, r, l, 1, 2);
    ck_assert_double_eq_tol(logz, -5e11, 10);
    ck_assert_double_eq(r[0], 1);
    ck_assert_double_eq(r[1], 0);
}
END_TEST

START_TEST(test_reference__nearest_takes_the_lower_of_equals)
{
    const double weights[] = {0.25, 0.25, 0.25, 0.25}, means[] = {9, 1, -1, 1}, variances[] = {1, 1, 1, 1};
    const double x[] = {0, 2, 8};
    const fg_parameters p = {FGMM_SPHERICAL, 4, 1, weights, means, variances};
    const uint32_t expected[] = {1, 1, 0};
    uint32_t nearest[3];
    double d2[3];
    fg_reference_nearest(nearest, d2, &p, x, 3);
    for (int i = 0; i < 3; i++) ck_assert_uint_eq(nearest[i], expected[i]);
    for (int i = 0; i < 3; i++) ck_assert_double_eq(d2[i], 1);
}
END_TEST

START_TEST(test_reference__distances)
{
    const double x[] = {0, 0, 3, 4}, candidates[] = {0, 0, 3, 4, 6, 8}, expected[] = {0, 25, 100, 25, 0, 25};
    double d2[6];
    fg_reference_squared_distances(d2, x, 2, candidates, 3, 2);
    check_values(d2, expected, 6);
}
END_TEST

START_TEST(test_reference__statistics_add_up)
{
    const double weights[] = {0.5, 0.5}, means[] = {0, 0, 1, 1}, variances[] = {1, 1, 1, 1};
    const double x[] = {1, 2, 3, 4}, r[] = {1, 0, 0.5, 0.5}, logz[] = {-1, -2};
    fg_parameters p = {FGMM_SPHERICAL, 2, 2, weights, means, variances};
    /* rows, log-likelihood; N; S1; S2 */
    const double spherical[] = {2, -3, 1.5, 0.5, 2.5, 4, 1, 1.5, 17.5, 6.5};
    const double diag[] = {2, -3, 1.5, 0.5, 2.5, 4, 1, 1.5, 5.5, 12, 2, 4.5};
    double values[12] = {0};
    fg_reference_statistics(values, &p, x, logz, r, 1);
    fg_reference_statistics(values, &p, x + 2, logz + 1, r + 2, 1);
    check_values(values, spherical, 10);
    memset(values, 0, sizeof values);
    p.covariance = FGMM_DIAG;
    fg_reference_statistics(values, &p, x, logz, r, 2);
    check_values(values, diag, 12);
    fg_reference_statistics(values, &p, x, NULL, r, 2);
    ck_assert_double_eq(values[0], 4);
    ck_assert_double_eq(values[1], -3);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_reference__matches_sklearn,
        test_reference__standard_normal_in_closed_form,
        test_reference__far_rows_and_unused_components_stay_finite,
        test_reference__nearest_takes_the_lower_of_equals,
        test_reference__distances,
        test_reference__statistics_add_up,
    };
    Suite *s = suite_create("reference");
    ADD_CASE(s, "reference", NULL, NULL, 60, tests);
    return s;
}
