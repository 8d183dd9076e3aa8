/* Every covariance type has a row in each table that asks for one, and the rows fit together. */
#include "covariances.h"
#include "density.h"
#include "packing.h"
#include "statistics.h"
#include "support.h"

#include <stdlib.h>

enum { K = 3, D = 2 };

START_TEST(test_covariances__have_a_name_and_a_shape)
{
    const fgmm_covariance covariance = (fgmm_covariance)_i;
    now_testing("%s", fgmm_covariance_name(covariance));
    ck_assert(fg_covariance_is_known(_i));
    const fg_array_shape array = fg_covariance_shape(covariance, K, D);
    uint64_t count = 1;
    ck_assert_uint_ge(array.rank, 1);
    for (uint64_t i = 0; i < array.rank; i++) count *= array.shape[i];
    ck_assert_uint_eq(count, fg_covariance_count(covariance, K, D));
    for (uint64_t c = 0; c < K; c++)
        for (uint64_t j = 0; j < D; j++) ck_assert_uint_lt(fg_variance_place(covariance, D, c, j), count);
    for (int other = 0; other < _i; other++)
        ck_assert_str_ne(fgmm_covariance_name((fgmm_covariance)other), fgmm_covariance_name(covariance));
}
END_TEST

START_TEST(test_covariances__are_described)
{
    fgmm_covariance_info info = fgmm_covariance_info_init();
    const fgmm_covariance covariance = (fgmm_covariance)_i;
    now_testing("%s", fgmm_covariance_name(covariance));
    ck_ok(fgmm_covariance_describe(covariance, &info));
    const uint64_t elements = info.has_matrices ? D * D : info.is_spherical ? 1 : D;
    ck_assert_uint_eq(fg_covariance_count(covariance, K, D), (info.is_shared ? 1 : K) * elements);
    ck_assert(!(info.has_matrices && info.is_spherical));
}
END_TEST

START_TEST(test_covariances__unknown_ones_are_refused)
{
    fgmm_covariance_info info = fgmm_covariance_info_init();
    ck_assert(!fg_covariance_is_known(COVARIANCES) && !fg_covariance_is_known(-1));
    ck_assert_str_eq(fgmm_covariance_name((fgmm_covariance)COVARIANCES), "unknown");
    ck_fails(fgmm_covariance_describe((fgmm_covariance)COVARIANCES, &info), FGMM_ARGUMENT, "need spherical (0), diag");
    ck_fails(fgmm_covariance_describe(FGMM_DIAG, NULL), FGMM_ARGUMENT, "info is NULL");
    info.size = 0;
    ck_fails(fgmm_covariance_describe(FGMM_DIAG, &info), FGMM_ARGUMENT, "fgmm_covariance_info.size = 0");
}
END_TEST

START_TEST(test_covariances__have_kernels_and_a_packing)
{
    const fgmm_covariance covariance = (fgmm_covariance)_i;
    now_testing("%s", fgmm_covariance_name(covariance));
    const char *missing = fg_density_missing(covariance);
    ck_assert_msg(!missing, "no %s", missing);
    const fg_packing_method *packing = fg_density_of(covariance)->packing;
    ck_assert(packing->floats && packing->determine && packing->scale && packing->pack);
    const int has_products = packing->squares != NULL;
    ck_assert_int_eq(packing->product_error != NULL, has_products);
    ck_assert_int_eq(packing->add_product_error != NULL, has_products);
    ck_assert_int_eq(fg_density_of(covariance)->has_factors, !has_products);
    ck_assert_str_eq(fg_density_missing((fgmm_covariance)COVARIANCES), "row");
}
END_TEST

/* Rows to both sides of each mean: a step keeps the means, and every variance is positive. */
START_TEST(test_covariances__have_an_m_step)
{
    const fgmm_covariance covariance = (fgmm_covariance)_i;
    double weights[K], means[K * D], *covariances = calloc(K * D * D, sizeof *covariances);
    fg_statistics_layout layout;
    now_testing("%s", fgmm_covariance_name(covariance));
    ck_ok(fg_statistics_layout_of(&layout, covariance, K, D));
    double *values = calloc(layout.count, sizeof *values);
    for (uint64_t c = 0; c < K; c++) weights[c] = 1.0 / K;
    for (uint64_t i = 0; i < K * D; i++) means[i] = (double)i;
    values[0] = 2 * K;
    for (uint64_t c = 0; c < K; c++) {
        values[layout.counts + c] = 2;
        for (uint64_t j = 0; j < D; j++) {
            covariances[fg_variance_place(covariance, D, c, j)] = 1;
            values[layout.s2 + fg_variance_place(covariance, D, c, j)] += 2 * 4; /* rows at a distance of 2 */
        }
    }
    const fg_mixture mixture = {covariance, K, D, weights, means, covariances, 1};
    ck_ok(fg_m_step(&mixture, values, 0, NULL));
    for (uint64_t i = 0; i < K * D; i++) {
        ck_assert_double_eq_tol(means[i], (double)i, 1e-12);
        ck_assert_double_eq_tol(covariances[fg_variance_place(covariance, D, i / D, i % D)], 4, 1e-12);
    }
    free(values);
    free(covariances);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("covariances");
    TCase *each = tcase_create("each");
    tcase_add_loop_test(each, test_covariances__have_a_name_and_a_shape, 0, COVARIANCES);
    tcase_add_loop_test(each, test_covariances__are_described, 0, COVARIANCES);
    tcase_add_test(each, test_covariances__unknown_ones_are_refused);
    tcase_add_loop_test(each, test_covariances__have_kernels_and_a_packing, 0, COVARIANCES);
    tcase_add_loop_test(each, test_covariances__have_an_m_step, 0, COVARIANCES);
    suite_add_tcase(s, each);
    return s;
}
