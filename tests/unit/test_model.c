/* test_model.c - models in memory: what is refused, what is kept, drawing rows. No device. */
#include "support.h"

#include "model.h"
#include "sklearn_values.h"

#include <math.h>
#include <string.h>

static fgmm_model *make(fgmm_covariance covariance)
{
    fgmm_model *model;
    static const double *const kinds[] = {sk_spherical, sk_diag, sk_tied, sk_full};
    const double *covariances = kinds[covariance];
    ck_ok(fgmm_model_create(&model, covariance, SK_K, SK_D, sk_weights, sk_means, covariances));
    return model;
}

START_TEST(test_model__keeps_what_it_was_given)
{
    fgmm_model *model = make(FGMM_DIAG);
    fgmm_model_info info = fgmm_model_info_init();
    ck_ok(fgmm_model_describe(model, &info));
    ck_assert_uint_eq(info.size, sizeof info);
    ck_assert_uint_eq(info.components, SK_K);
    ck_assert_uint_eq(info.dims, SK_D);
    ck_covariance_eq(info.covariance, FGMM_DIAG);
    ck_assert_uint_eq(info.rows, 0);
    ck_assert(isnan(info.log_likelihood));
    ck_assert_str_eq(info.library_version, "");
    ck_assert_mem_eq(fgmm_model_weights(model), sk_weights, sizeof sk_weights);
    ck_assert_mem_eq(fgmm_model_means(model), sk_means, sizeof sk_means);
    ck_assert_mem_eq(fgmm_model_covariances(model), sk_diag, sizeof sk_diag);
    ck_assert_ptr_ne(fgmm_model_means(model), sk_means);
    fgmm_model_free(model);
    fgmm_model_free(NULL);
}
END_TEST

/* A program built against an earlier, shorter struct gets the fields it knows, and nothing is written behind them. */
START_TEST(test_model__describes_into_a_shorter_struct)
{
    fgmm_model *model = make(FGMM_SPHERICAL);
    fgmm_model_info info = fgmm_model_info_init();
    info.size = offsetof(fgmm_model_info, rows);
    info.rows = 77;
    ck_ok(fgmm_model_describe(model, &info));
    ck_assert_uint_eq(info.components, SK_K);
    ck_assert_uint_eq(info.rows, 77);
    info.size = 0;
    ck_fails(fgmm_model_describe(model, &info), FGMM_ARGUMENT, "fgmm_model_info_init()");
    ck_fails(fgmm_model_describe(NULL, &info), FGMM_ARGUMENT, "model");
    fgmm_model_free(model);
}
END_TEST

START_TEST(test_model__counts_free_parameters_as_sklearn)
{
    fgmm_model *spherical = make(FGMM_SPHERICAL), *diag = make(FGMM_DIAG);
    fgmm_model *tied = make(FGMM_TIED), *full = make(FGMM_FULL);
    ck_assert_uint_eq(fgmm_model_free_parameters(tied), SK_TIED_FREE_PARAMETERS);
    ck_assert_uint_eq(fgmm_model_free_parameters(full), SK_FULL_FREE_PARAMETERS);
    ck_assert_uint_eq(fgmm_model_free_parameters(spherical), SK_SPHERICAL_FREE_PARAMETERS);
    ck_assert_uint_eq(fgmm_model_free_parameters(diag), SK_DIAG_FREE_PARAMETERS);
    ck_assert_str_eq(fgmm_covariance_name(FGMM_SPHERICAL), "spherical");
    ck_assert_str_eq(fgmm_covariance_name(FGMM_DIAG), "diag");
    ck_assert_str_eq(fgmm_covariance_name(FGMM_TIED), "tied");
    ck_assert_str_eq(fgmm_covariance_name(FGMM_FULL), "full");
    ck_assert_str_eq(fgmm_covariance_name((fgmm_covariance)9), "unknown");
    fgmm_model_free(tied);
    fgmm_model_free(full);
    fgmm_model_free(spherical);
    fgmm_model_free(diag);
}
END_TEST

/* One wrong value at a time. */
static void refuse(const char *part, double w0, double w1, double mean, double variance)
{
    const double weights[] = {w0, w1}, means[] = {0, 0, 0, mean}, variances[] = {1, 1, 1, variance};
    fgmm_model *other = make(FGMM_DIAG), *model = other; /* not NULL before the call */
    ck_fails(fgmm_model_create(&model, FGMM_DIAG, 2, 2, weights, means, variances), FGMM_ARGUMENT, part);
    ck_assert_ptr_null(model);
    fgmm_model_free(other);
}

START_TEST(test_model__refuses_bad_values)
{
    const double nan = (double)NAN, inf = (double)INFINITY;
    refuse("weights[1] = -0.5", 1.5, -0.5, 0, 1);
    refuse("weights[0] = nan", nan, 0.5, 0, 1);
    refuse("sum is 0.99", 0.5, 0.49, 0, 1);
    refuse("sum is 1.00001", 0.5, 0.50001, 0, 1);
    refuse("means[1,1] = inf", 0.5, 0.5, inf, 1);
    refuse("covariances[1,1] = 0", 0.5, 0.5, 0, 0);
    refuse("covariances[1,1] = -1", 0.5, 0.5, 0, -1);
    refuse("covariances[1,1] = nan", 0.5, 0.5, 0, nan);
    fgmm_model *model;
    const double one = 1;
    ck_fails(fgmm_model_create(&model, FGMM_DIAG, 0, 1, &one, &one, &one), FGMM_ARGUMENT, "components = 0");
    ck_fails(fgmm_model_create(&model, FGMM_DIAG, 1, 0, &one, &one, &one), FGMM_ARGUMENT, "dims = 0");
    ck_fails(fgmm_model_create(&model, FGMM_DIAG, 1, UINT64_MAX, &one, &one, &one), FGMM_ARGUMENT, "dims = 1844");
    ck_fails(fgmm_model_create(&model, (fgmm_covariance)5, 1, 1, &one, &one, &one), FGMM_ARGUMENT, "covariance = 5");
    ck_fails(fgmm_model_create(&model, FGMM_DIAG, 1, 1, NULL, &one, &one), FGMM_ARGUMENT, "weights is NULL");
    ck_fails(fgmm_model_create(NULL, FGMM_DIAG, 1, 1, &one, &one, &one), FGMM_ARGUMENT, "model is NULL");
    ck_fails(fgmm_model_from_centroids(NULL, 1, 1, &one), FGMM_ARGUMENT, "model is NULL");
    ck_fails(fgmm_model_load(NULL, "x"), FGMM_ARGUMENT, "model is NULL");
}
END_TEST

START_TEST(test_model__from_centroids)
{
    fgmm_model *model;
    const double centroids[] = {1, 2, 3, 4, 5, 6};
    ck_ok(fgmm_model_from_centroids(&model, 3, 2, centroids));
    for (int k = 0; k < 3; k++) {
        ck_assert_double_eq(fgmm_model_weights(model)[k], 1.0 / 3);
        ck_assert_double_eq(fgmm_model_covariances(model)[k], 1);
    }
    ck_assert_mem_eq(fgmm_model_means(model), centroids, sizeof centroids);
    fgmm_model_free(model);
    ck_fails(fgmm_model_from_centroids(&model, 0, 2, centroids), FGMM_ARGUMENT, "components = 0");
    ck_fails(fgmm_model_from_centroids(&model, UINT64_MAX, 2, centroids), FGMM_ARGUMENT, "components = 1844");
    ck_assert_ptr_null(model);
}
END_TEST

START_TEST(test_model__sample_has_the_mixtures_moments)
{
    enum { N = 60000 };
    static float rows[N * SK_D];
    static int32_t components[N];
    fgmm_model *model = make(FGMM_DIAG);
    ck_ok(fgmm_model_sample(model, 5, 0, N, rows, components));
    double count[SK_K] = {0}, sum[SK_K][SK_D] = {{0}}, square[SK_K][SK_D] = {{0}};
    for (int i = 0; i < N; i++) {
        const int k = components[i];
        count[k]++;
        for (int c = 0; c < SK_D; c++) {
            const double delta = (double)rows[i * SK_D + c] - sk_means[k * SK_D + c];
            sum[k][c] += delta;
            square[k][c] += delta * delta;
        }
    }
    for (int k = 0; k < SK_K; k++) { /* within five standard errors */
        ck_assert_double_eq_tol(count[k] / N, sk_weights[k], 5 * sqrt(sk_weights[k] / N));
        for (int c = 0; c < SK_D; c++) {
            const double variance = sk_diag[k * SK_D + c];
            ck_assert_double_eq_tol(sum[k][c] / count[k], 0, 5 * sqrt(variance / count[k]));
            ck_assert_double_eq_tol(square[k][c] / count[k], variance, 5 * variance * sqrt(2 / count[k]));
        }
    }
    fgmm_model_free(model);
}
END_TEST

/* Covariances of what full and tied mixtures draw, within five standard errors. */
static void check_drawn_matrices(fgmm_covariance covariance, const double *matrices)
{
    enum { N = 60000 };
    static float rows[N * SK_D];
    static int32_t components[N];
    fgmm_model *model = make(covariance);
    ck_ok(fgmm_model_sample(model, 6, 0, N, rows, components));
    for (int k = 0; k < SK_K; k++) {
        const double *matrix = matrices + (covariance == FGMM_FULL ? k * SK_D * SK_D : 0);
        double sum[SK_D][SK_D] = {{0}}, count = 0;
        for (int i = 0; i < N; i++) {
            if (components[i] != k) continue;
            count++;
            for (int a = 0; a < SK_D; a++)
                for (int b = 0; b < SK_D; b++)
                    sum[a][b] += ((double)rows[i * SK_D + a] - sk_means[k * SK_D + a]) *
                                 ((double)rows[i * SK_D + b] - sk_means[k * SK_D + b]);
        }
        for (int a = 0; a < SK_D; a++)
            for (int b = 0; b < SK_D; b++) {
                const double deviation = sqrt(2 * matrix[a * SK_D + a] * matrix[b * SK_D + b] / count);
                ck_assert_double_eq_tol(sum[a][b] / count, matrix[a * SK_D + b], 5 * deviation);
            }
    }
    fgmm_model_free(model);
}

START_TEST(test_model__sample_has_the_matrices)
{
    check_drawn_matrices(FGMM_TIED, sk_tied);
    check_drawn_matrices(FGMM_FULL, sk_full);
}
END_TEST

START_TEST(test_model__sample_in_chunks_gives_the_same_rows)
{
    enum { N = 50, FIRST = 17 };
    float whole[N * SK_D], chunk[N * SK_D], other[N * SK_D];
    int32_t whole_k[N], chunk_k[N];
    fgmm_model *model = make(FGMM_SPHERICAL);
    ck_ok(fgmm_model_sample(model, 9, 0, N, whole, whole_k));
    ck_ok(fgmm_model_sample(model, 9, FIRST, N - FIRST, chunk, chunk_k));
    ck_assert_mem_eq(whole + FIRST * SK_D, chunk, (N - FIRST) * SK_D * sizeof *chunk);
    ck_assert_mem_eq(whole_k + FIRST, chunk_k, (N - FIRST) * sizeof *chunk_k);
    ck_ok(fgmm_model_sample(model, 10, 0, N, other, NULL));
    ck_assert_mem_ne(whole, other, sizeof whole);
    ck_ok(fgmm_model_sample(model, 9, 0, 0, NULL, NULL));
    ck_fails(fgmm_model_sample(model, 9, UINT64_MAX, 1, chunk, NULL), FGMM_ARGUMENT, "first_row");
    ck_fails(fgmm_model_sample(model, 9, 0, 1, NULL, NULL), FGMM_ARGUMENT, "data is NULL");
    fgmm_model_free(model);
}
END_TEST

START_TEST(test_model__sample_never_draws_weight_zero)
{
    enum { N = 2000 };
    static float rows[N];
    static int32_t components[N];
    const double weights[] = {0, 0.5, 0, 0.5, 0}, means[] = {0, 1, 2, 3, 1e300}, variances[] = {1, 1, 1, 1, 1};
    fgmm_model *model;
    ck_ok(fgmm_model_create(&model, FGMM_SPHERICAL, 5, 1, weights, means, variances));
    ck_ok(fgmm_model_sample(model, 0, 0, N, rows, components));
    for (int i = 0; i < N; i++) ck_assert(components[i] == 1 || components[i] == 3);
    fgmm_model_free(model);
    const double one = 1, far = 1e39;
    ck_ok(fgmm_model_create(&model, FGMM_SPHERICAL, 1, 1, &one, &far, &one));
    ck_fails(fgmm_model_sample(model, 0, 0, 1, rows, NULL), FGMM_DATA, "1e+39");
    fgmm_model_free(model);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_model__keeps_what_it_was_given,
        test_model__describes_into_a_shorter_struct,
        test_model__counts_free_parameters_as_sklearn,
        test_model__refuses_bad_values,
        test_model__from_centroids,
        test_model__sample_has_the_mixtures_moments,
        test_model__sample_has_the_matrices,
        test_model__sample_in_chunks_gives_the_same_rows,
        test_model__sample_never_draws_weight_zero,
    };
    Suite *s = suite_create("model");
    ADD_CASE(s, "model", NULL, NULL, 60, tests);
    return s;
}
