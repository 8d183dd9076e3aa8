/* test_m_step.c - statistics and the M-step on the host: exactness, merging, and the repair of what EM can break. The
 * E-step here is the double-precision reference. */
#include "covariances.h"
#include "support.h"

#include "cholesky.h"
#include "reference.h"
#include "rng.h"
#include "sklearn_values.h"
#include "statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Sums of a few hundred doubles in different orders. */
static const double ROUNDING = 1e-11;

/* Statistics of n rows under the model, from the reference. */
static fgmm_statistics *accumulate_statistics(const fgmm_model *model, const double *x, uint64_t n)
{
    const fg_parameters p = fg_model_parameters(model);
    fgmm_statistics *statistics;
    ck_ok(fgmm_statistics_create(&statistics, model));
    double *l = malloc(n * p.k * sizeof *l), *logz = malloc(n * sizeof *logz);
    fg_reference_log_density(l, &p, x, n);
    fg_reference_responsibilities(logz, l, l, n, p.k);
    fg_reference_statistics(fgmm_statistics_values(statistics, NULL), &p, x, logz, l, n);
    free(logz);
    free(l);
    return statistics;
}

static fgmm_model *run_step(fgmm_statistics *statistics, double reg_covar, uint64_t *reseeded)
{
    fgmm_m_step_options options = fgmm_m_step_options_init();
    options.reg_covar = reg_covar;
    fgmm_model *next;
    ck_ok(fgmm_m_step(&next, statistics, &options, reseeded));
    return next;
}

static void check_values(const double *actual, const double *expected, size_t count, double tolerance)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(fabs(actual[i] - expected[i]) <= tolerance * fmax(1, fabs(expected[i])), "%zu: %.17g, not %.17g",
                      i, actual[i], expected[i]);
}

static double sum_of(const double *values, uint64_t count)
{
    double sum = 0;
    for (uint64_t i = 0; i < count; i++) sum += values[i];
    return sum;
}

/* Everything finite, variances positive, weights a distribution, no two means equal. */
static void check_usable(const fgmm_model *model)
{
    const fg_parameters p = fg_model_parameters(model);
    for (uint64_t i = 0; i < fg_covariance_count(p.covariance, p.k, p.d); i++) ck_assert(isfinite(p.covariances[i]));
    for (uint64_t i = 0; i < p.k * p.d; i++)
        ck_assert_double_gt(p.covariances[fg_variance_place(p.covariance, p.d, i / p.d, i % p.d)], 0);
    for (uint64_t i = 0; i < p.k * p.d; i++) ck_assert(isfinite(p.means[i]));
    for (uint64_t k = 0; k < p.k; k++) ck_assert(p.weights[k] > 0);
    ck_assert_double_eq_tol(sum_of(p.weights, p.k), 1, ROUNDING);
    for (uint64_t a = 0; a < p.k; a++)
        for (uint64_t b = 0; b < a; b++)
            ck_assert_msg(memcmp(p.means + a * p.d, p.means + b * p.d, p.d * sizeof(double)) != 0,
                          "means %d and %d are equal", (int)a, (int)b);
}

/* n rows around k centres, `offset` away from the origin. */
static void fill(double *x, uint64_t n, uint64_t d, double offset, double spread)
{
    fg_rng rng;
    fg_rng_init(&rng, 3, 99, 0);
    for (uint64_t i = 0; i < n * d; i++) x[i] = offset + 4.0 * (double)(i / d % 3) + spread * fg_rng_normal(&rng);
}

static void check_sklearn(fgmm_covariance covariance, const double *variances, const double *weights,
                          const double *means, const double *next)
{
    fgmm_model *model;
    uint64_t reseeded;
    ck_ok(fgmm_model_create(&model, covariance, SK_K, SK_D, sk_weights, sk_means, variances));
    fgmm_statistics *statistics = accumulate_statistics(model, sk_x, SK_N);
    fgmm_model *after = run_step(statistics, SK_REG_COVAR, &reseeded);
    ck_assert_uint_eq(reseeded, 0);
    check_values(fgmm_model_weights(after), weights, SK_K, ROUNDING);
    check_values(fgmm_model_means(after), means, SK_K * SK_D, ROUNDING);
    check_values(fgmm_model_covariances(after), next, fg_covariance_count(covariance, SK_K, SK_D), ROUNDING);
    fgmm_model_info info = fgmm_model_info_init();
    ck_ok(fgmm_model_describe(after, &info));
    ck_assert_uint_eq(info.rows, SK_N);
    ck_assert_uint_eq(info.iterations, 1);
    fgmm_model_free(after);
    fgmm_statistics_free(statistics);
    fgmm_model_free(model);
}

START_TEST(test_m_step__matches_sklearn)
{
    check_sklearn(FGMM_SPHERICAL, sk_spherical, sk_spherical_next_weights, sk_spherical_next_means,
                  sk_spherical_next_covariances);
    check_sklearn(FGMM_DIAG, sk_diag, sk_diag_next_weights, sk_diag_next_means, sk_diag_next_covariances);
    check_sklearn(FGMM_TIED, sk_tied, sk_tied_next_weights, sk_tied_next_means, sk_tied_next_covariances);
    check_sklearn(FGMM_FULL, sk_full, sk_full_next_weights, sk_full_next_means, sk_full_next_covariances);
}
END_TEST

/* Weighted mean and variance in two passes about the new mean, from the responsibilities themselves. */
static void direct_step(double *mean, double *variance, const double *x, const double *r, uint64_t n, uint64_t k,
                        uint64_t d)
{
    double count = 0;
    memset(mean, 0, d * sizeof *mean);
    memset(variance, 0, d * sizeof *variance);
    for (uint64_t i = 0; i < n; i++) count += r[i * k];
    for (uint64_t i = 0; i < n; i++)
        for (uint64_t c = 0; c < d; c++) mean[c] += r[i * k] / count * (x[i * d + c] - x[c]);
    for (uint64_t c = 0; c < d; c++) mean[c] += x[c];
    for (uint64_t i = 0; i < n; i++)
        for (uint64_t c = 0; c < d; c++)
            variance[c] += r[i * k] / count * (x[i * d + c] - mean[c]) * (x[i * d + c] - mean[c]);
}

/* Rows a million deviations from the origin: the variance must not suffer. Doubles there are 1e-10 of a deviation
 * apart, which a difference of rows and means inherits. */
START_TEST(test_m_step__is_exact_far_from_the_origin)
{
    enum { N = 300, K = 3, D = 5 };
    const double offset = 1e6, far_rounding = 1e-8;
    static double x[N * D], r[N * K], logz[N];
    fill(x, N, D, offset, 1);
    double weights[K] = {0.2, 0.3, 0.5}, means[K * D], variances[K * D];
    for (int i = 0; i < K * D; i++) means[i] = offset + 3 * (i / D) + 0.5;
    for (int i = 0; i < K * D; i++) variances[i] = 2 + 0.1 * i;
    fgmm_model *model;
    ck_ok(fgmm_model_create(&model, FGMM_DIAG, K, D, weights, means, variances));
    const fg_parameters p = fg_model_parameters(model);
    fg_reference_log_density(r, &p, x, N);
    fg_reference_responsibilities(logz, r, r, N, K);
    fgmm_statistics *statistics = accumulate_statistics(model, x, N);
    fgmm_model *next = run_step(statistics, 0, NULL);
    for (int k = 0; k < K; k++) {
        double mean[D], variance[D];
        direct_step(mean, variance, x, r + k, N, K, D);
        check_values(fgmm_model_means(next) + k * D, mean, D, 1e-15);
        check_values(fgmm_model_covariances(next) + k * D, variance, D, far_rounding);
    }
    fgmm_model_free(next);
    fgmm_statistics_free(statistics);
    fgmm_model_free(model);
}
END_TEST

START_TEST(test_m_step__log_likelihood_never_falls)
{
    enum { N = 200, K = 4, D = 2, STEPS = 40 };
    static double x[N * D];
    fill(x, N, D, 0, 1);
    for (int kind = 0; kind < 2; kind++) {
        const double weights[K] = {0.25, 0.25, 0.25, 0.25}, ones[K * D] = {1, 1, 1, 1, 1, 1, 1, 1};
        fgmm_model *model;
        ck_ok(fgmm_model_create(&model, (fgmm_covariance)kind, K, D, weights, x, ones));
        double last = -INFINITY;
        for (int step = 0; step < STEPS; step++) {
            uint64_t reseeded;
            fgmm_statistics *statistics = accumulate_statistics(model, x, N);
            const double present = fgmm_statistics_values(statistics, NULL)[1] / N;
            ck_assert_double_ge(present, last - ROUNDING);
            last = present;
            fgmm_model *next = run_step(statistics, 0, &reseeded);
            ck_assert_uint_eq(reseeded, 0);
            fgmm_statistics_free(statistics);
            fgmm_model_free(model);
            model = next;
        }
        fgmm_model_free(model);
    }
}
END_TEST

START_TEST(test_m_step__one_component_is_mean_and_variance)
{
    const double x[] = {1, 2, 6, 7}, start[] = {-5};
    for (int kind = 0; kind < 2; kind++) {
        fgmm_model *model;
        const double one = 1;
        ck_ok(fgmm_model_create(&model, (fgmm_covariance)kind, 1, 1, &one, start, &one));
        fgmm_statistics *statistics = accumulate_statistics(model, x, 4);
        fgmm_model *next = run_step(statistics, 0.125, NULL);
        ck_assert_double_eq(fgmm_model_weights(next)[0], 1);
        ck_assert_double_eq_tol(fgmm_model_means(next)[0], 4, ROUNDING);
        ck_assert_double_eq_tol(fgmm_model_covariances(next)[0], 6.5 + 0.125, ROUNDING);
        fgmm_model_free(next);
        fgmm_statistics_free(statistics);
        fgmm_model_free(model);
    }
}
END_TEST

START_TEST(test_statistics__merged_parts_are_the_whole)
{
    enum { N = 60, K = 3, D = 2, CUT = 23 };
    static double x[N * D];
    fill(x, N, D, 0, 1);
    fgmm_model *model, *other;
    ck_ok(fgmm_model_create(&model, FGMM_DIAG, K, D, sk_weights, sk_means, sk_diag));
    fgmm_statistics *whole = accumulate_statistics(model, x, N), *part = accumulate_statistics(model, x, CUT);
    fgmm_statistics *rest = accumulate_statistics(model, x + CUT * D, N - CUT);
    size_t count;
    const double *expected = fgmm_statistics_values(whole, &count);
    ck_assert_uint_eq(count, 2 + K + K * D + K * D);
    ck_ok(fgmm_statistics_merge(part, rest));
    check_values(fgmm_statistics_values(part, NULL), expected, count, ROUNDING);
    ck_assert_double_eq(expected[0], N);
    ck_assert_double_eq_tol(sum_of(expected + 2, K), N, ROUNDING * N);

    double moved[K * D];
    memcpy(moved, sk_means, sizeof moved);
    moved[K * D - 1] += 1e-9;
    ck_ok(fgmm_model_create(&other, FGMM_DIAG, K, D, sk_weights, moved, sk_diag));
    fgmm_statistics *foreign = accumulate_statistics(other, x, CUT);
    const double before = fgmm_statistics_values(part, NULL)[0];
    ck_fails(fgmm_statistics_merge(part, foreign), FGMM_ARGUMENT, "two different models");
    ck_assert_double_eq(fgmm_statistics_values(part, NULL)[0], before);
    ck_fails(fgmm_statistics_merge(part, NULL), FGMM_ARGUMENT, "from is NULL");
    fgmm_statistics_free(foreign);
    fgmm_model_free(other);
    fgmm_statistics_free(rest);
    fgmm_statistics_free(part);
    fgmm_statistics_free(whole);
    fgmm_model_free(model);
    fgmm_statistics_free(NULL);
}
END_TEST

START_TEST(test_m_step__refuses_what_cannot_be_statistics)
{
    const double nan = (double)NAN;
    const double one = 1, x[] = {1, 2};
    fgmm_model *model, *next;
    fgmm_m_step_options options = fgmm_m_step_options_init();
    ck_ok(fgmm_model_create(&model, FGMM_SPHERICAL, 1, 1, &one, &one, &one));
    fgmm_statistics *empty = accumulate_statistics(model, x, 0), *some = accumulate_statistics(model, x, 2);
    ck_fails(fgmm_m_step(&next, empty, &options, NULL), FGMM_DATA, "no rows");
    ck_assert_ptr_null(next);
    ck_fails(fgmm_m_step(&next, NULL, &options, NULL), FGMM_ARGUMENT, "statistics is NULL");
    ck_fails(fgmm_m_step(NULL, NULL, &options, NULL), FGMM_ARGUMENT, "next is NULL");
    options.reg_covar = -1;
    ck_fails(fgmm_m_step(&next, some, &options, NULL), FGMM_ARGUMENT, "reg_covar = -1");
    options.reg_covar = nan;
    ck_fails(fgmm_m_step(&next, some, &options, NULL), FGMM_ARGUMENT, "reg_covar = nan");
    double *values = fgmm_statistics_values(some, NULL);
    values[3] = nan;
    ck_fails(fgmm_m_step(&next, some, NULL, NULL), FGMM_DATA, "value 3 = nan");
    values[3] = 0;
    values[2] = -1;
    ck_fails(fgmm_m_step(&next, some, NULL, NULL), FGMM_DATA, "N[0] = -1");
    values[2] = 1;
    values[0] = -1;
    ck_fails(fgmm_m_step(&next, some, NULL, NULL), FGMM_DATA, "rows = -1");
    fgmm_statistics_free(some);
    fgmm_statistics_free(empty);
    fgmm_model_free(model);
}
END_TEST

/* Components far from every row have nothing; each gets half of what is largest then. */
static void check_repair(fgmm_covariance covariance, uint64_t d)
{
    enum { N = 90, K = 6, MAX_D = 3 };
    static double x[N * MAX_D];
    double weights[K], means[K * MAX_D], variances[K * MAX_D];
    fill(x, N, d, 0, 1);
    for (uint64_t i = 0; i < K * d; i++) {
        means[i] = i / d < 2 ? 8.0 * (double)(i / d) : 1e5 + (double)i; /* only 0 and 1 are near */
        variances[i] = 1;
        weights[i / d] = 1.0 / K;
    }
    fgmm_model *model;
    uint64_t reseeded;
    ck_ok(fgmm_model_create(&model, covariance, K, d, weights, means, variances));
    fgmm_statistics *statistics = accumulate_statistics(model, x, N);
    fgmm_model *next = run_step(statistics, 1e-6, &reseeded), *again = run_step(statistics, 1e-6, NULL);
    ck_assert_uint_eq(reseeded, K - 2);
    check_usable(next);
    ck_assert_mem_eq(fgmm_model_means(next), fgmm_model_means(again), K * d * sizeof(double));
    /* Splitting moves a donor's halves symmetrically: the mean of all stays the mean of the rows. */
    for (uint64_t c = 0; c < d; c++) {
        double of_model = 0, of_rows = 0;
        for (uint64_t k = 0; k < K; k++) of_model += fgmm_model_weights(next)[k] * fgmm_model_means(next)[k * d + c];
        for (uint64_t i = 0; i < N; i++) of_rows += x[i * d + c] / N;
        ck_assert_double_eq_tol(of_model, of_rows, ROUNDING);
    }
    /* The re-seeded components take part: after one more step every one holds rows. */
    fgmm_statistics *later = accumulate_statistics(next, x, N);
    fgmm_model *after = run_step(later, 1e-6, &reseeded);
    ck_assert_uint_eq(reseeded, 0);
    fgmm_model_free(after);
    fgmm_statistics_free(later);
    fgmm_model_free(again);
    fgmm_model_free(next);
    fgmm_statistics_free(statistics);
    fgmm_model_free(model);
}

START_TEST(test_m_step__empty_components_are_reseeded)
{
    check_repair(FGMM_SPHERICAL, 1);
    check_repair(FGMM_SPHERICAL, 3);
    check_repair(FGMM_DIAG, 1);
    check_repair(FGMM_DIAG, 3);
}
END_TEST

/* A component with very little, but more than the kept-components rule may drop, is left to EM. */
START_TEST(test_m_step__light_components_are_kept)
{
    const double ones[] = {1, 1}, halves[] = {0.5, 0.5}, means[] = {0, 5};
    fgmm_model *model;
    uint64_t reseeded;
    ck_ok(fgmm_model_create(&model, FGMM_SPHERICAL, 2, 1, halves, means, ones));
    fgmm_statistics *statistics;
    ck_ok(fgmm_statistics_create(&statistics, model));
    double *values = fgmm_statistics_values(statistics, NULL);
    const double light = 100 * 0x1p-24; /* of 100 rows; what may be dropped is half of that */
    const double given[] = {100, 0, 100 - light, light, 0, light / 2, 100, light};
    memcpy(values, given, sizeof given);
    fgmm_model *next = run_step(statistics, 0, &reseeded);
    ck_assert_uint_eq(reseeded, 0);
    ck_assert_double_eq(fgmm_model_means(next)[1], 5.5);
    ck_assert_double_eq(fgmm_model_covariances(next)[1], 0.75);
    fgmm_model_free(next);
    values[3] = light / 4;
    next = run_step(statistics, 0, &reseeded);
    ck_assert_uint_eq(reseeded, 1);
    fgmm_model_free(next);
    fgmm_statistics_free(statistics);
    fgmm_model_free(model);
}
END_TEST

static void check_equal_rows(fgmm_covariance covariance, double value, double reg_covar, uint64_t k)
{
    enum { N = 10, D = 2, MAX_K = 4 };
    double x[N * D], means[MAX_K * D], variances[MAX_K * D], weights[MAX_K];
    for (int i = 0; i < N * D; i++) x[i] = value;
    for (uint64_t i = 0; i < k * D; i++) {
        means[i] = value + (double)(i / D);
        variances[i] = 1;
        weights[i / D] = 1.0 / (double)k;
    }
    fgmm_model *model;
    ck_ok(fgmm_model_create(&model, covariance, k, D, weights, means, variances));
    for (int step = 0; step < 20; step++) {
        fgmm_statistics *statistics = accumulate_statistics(model, x, N);
        fgmm_model *next = run_step(statistics, reg_covar, NULL);
        const fg_parameters p = fg_model_parameters(next);
        for (uint64_t i = 0; i < fg_covariance_count(covariance, k, D); i++) {
            ck_assert(isfinite(p.covariances[i]));
            ck_assert(p.covariances[i] > 0 && p.covariances[i] >= reg_covar);
        }
        for (uint64_t i = 0; i < k * D; i++) ck_assert(isfinite(p.means[i]));
        ck_assert_double_eq_tol(sum_of(p.weights, k), 1, ROUNDING);
        fgmm_statistics_free(statistics);
        fgmm_model_free(model);
        model = next;
    }
    fgmm_model_free(model);
}

START_TEST(test_m_step__equal_rows_give_a_model)
{
    const double values[] = {0, 5, 1e6}, regs[] = {0, 1e-6};
    for (int v = 0; v < 3; v++)
        for (int g = 0; g < 2; g++)
            for (uint64_t k = 1; k <= 4; k += 3) {
                check_equal_rows(FGMM_SPHERICAL, values[v], regs[g], k);
                check_equal_rows(FGMM_DIAG, values[v], regs[g], k);
            }
}
END_TEST

/* What no matrix of full rank comes from: each gives a model (which fgmm_model_create has checked: symmetric, positive
 * definite), again and again, with and without regularisation. */
static void check_singular(fgmm_covariance covariance, const double *x, uint64_t n, double reg_covar)
{
    enum { D = 4, K = 2 };
    double means[K * D], covariances[K * D * D] = {0};
    const double weights[K] = {0.5, 0.5};
    for (int i = 0; i < K * D; i++) {
        means[i] = x[i % D] + (double)(i / D);
        covariances[fg_variance_place(covariance, D, (uint64_t)i / D, (uint64_t)i % D)] = 1;
    }
    fgmm_model *model;
    ck_ok(fgmm_model_create(&model, covariance, K, D, weights, means, covariances));
    for (int step = 0; step < 10; step++) {
        fgmm_statistics *statistics = accumulate_statistics(model, x, n);
        fgmm_model *next = run_step(statistics, reg_covar, NULL);
        ck_assert_double_eq_tol(sum_of(fgmm_model_weights(next), K), 1, ROUNDING);
        fgmm_statistics_free(statistics);
        fgmm_model_free(model);
        model = next;
    }
    fgmm_model_free(model);
}

START_TEST(test_m_step__singular_matrices_give_a_model)
{
    enum { N = 12, D = 4 };
    double repeated[N * D], constant[N * D], equal[N * D], scaled[N * D];
    fg_rng rng;
    fg_rng_init(&rng, 5, 99, 0);
    for (int i = 0; i < N; i++) {
        double *const rows[] = {repeated + i * D, constant + i * D, equal + i * D, scaled + i * D};
        for (int c = 0; c < D; c++) {
            rows[0][c] = c < 2 ? 100 + fg_rng_normal(&rng) : rows[0][c - 2] * 3;
            rows[1][c] = c == 1 ? 7 : fg_rng_normal(&rng);
            rows[2][c] = 5;
            rows[3][c] = fg_rng_normal(&rng) * pow(10, 6 * (c - 2));
        }
    }
    const struct {
        const double *x;
        uint64_t n;
    } sets[] = {{repeated, N}, {constant, N}, {equal, N},    {scaled, N},  {repeated, 3},
                {repeated, 1}, {scaled, 3},   {constant, 3}, {constant, 2}};
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        for (int covariance = covariance_from(0, 1); covariance < COVARIANCES;
             covariance = covariance_from(covariance + 1, 1)) {
            now_testing("%s", fgmm_covariance_name((fgmm_covariance)covariance));
            check_singular((fgmm_covariance)covariance, sets[i].x, sets[i].n, 0);
            check_singular((fgmm_covariance)covariance, sets[i].x, sets[i].n, 1e-6);
        }
}
END_TEST

/* A donor's half lies a fraction of its own deviations away in the metric of its matrix, however narrow that is. */
START_TEST(test_m_step__splits_along_the_donors_matrix)
{
    enum { K = 2, D = 2 };
    const double weights[] = {0.5, 0.5}, means[] = {0, 0, 100, 0};
    double narrow[K * D * D] = {1, 0.9999, 0.9999, 1, 1, 0.9999, 0.9999, 1};
    for (int covariance = covariance_from(0, 1); covariance < COVARIANCES;
         covariance = covariance_from(covariance + 1, 1)) {
        now_testing("%s", fgmm_covariance_name((fgmm_covariance)covariance));
        fgmm_model *model;
        fgmm_statistics *statistics;
        size_t count;
        uint64_t reseeded;
        ck_ok(fgmm_model_create(&model, (fgmm_covariance)covariance, K, D, weights, means, narrow));
        ck_ok(fgmm_statistics_create(&statistics, model));
        double *values = fgmm_statistics_values(statistics, &count);
        values[0] = values[2] = 100; /* rows, N[0]; N[1] stays 0 */
        double *s2 = values + 2 + K + K * D;
        for (int i = 0; i < D * D; i++) s2[i] = 100 * narrow[i];
        fgmm_model *next = run_step(statistics, 0, &reseeded);
        ck_assert_uint_eq(reseeded, 1);
        const double *m = fgmm_model_means(next), step[] = {(m[0] - m[2]) / 2, (m[1] - m[3]) / 2};
        const double det = 1 - 0.9999 * 0.9999;
        const double squared = (step[0] * step[0] - 2 * 0.9999 * step[0] * step[1] + step[1] * step[1]) / det;
        ck_assert_double_ge(squared, 0.1 * 0.1 * (1 - 1e-6));
        ck_assert_double_le(squared, 0.2 * 0.2 * (1 + 1e-6));
        fgmm_model_free(next);
        fgmm_statistics_free(statistics);
        fgmm_model_free(model);
    }
}
END_TEST

/* One dimension never varies: its variance is a tiny part of the others', and theirs are untouched. */
START_TEST(test_m_step__constant_dimension_gets_the_floor)
{
    enum { N = 4, D = 2 };
    const double x[N * D] = {1, 7, 2, 7, 3, 7, 6, 7}, mean[] = {0, 7}, ones[] = {1, 1};
    fgmm_model *model;
    ck_ok(fgmm_model_create(&model, FGMM_DIAG, 1, D, ones, mean, ones));
    fgmm_statistics *statistics = accumulate_statistics(model, x, N);
    fgmm_model *next = run_step(statistics, 0, NULL);
    ck_assert_double_eq_tol(fgmm_model_covariances(next)[0], 3.5, ROUNDING);
    ck_assert_double_eq_tol(fgmm_model_covariances(next)[1] / (0x1p-52 * 1.75), 1, ROUNDING);
    fgmm_model_free(next);
    fgmm_statistics_free(statistics);
    fgmm_model_free(model);
}
END_TEST

/* Rounding in the statistics can make S2 / N less than delta^2. */
START_TEST(test_m_step__negative_variance_becomes_the_regularisation)
{
    const double one = 1, zero = 0;
    fgmm_model *model;
    ck_ok(fgmm_model_create(&model, FGMM_DIAG, 1, 1, &one, &zero, &one));
    fgmm_statistics *statistics;
    ck_ok(fgmm_statistics_create(&statistics, model));
    const double given[] = {10, 0, 10, 30, 89.9999};
    memcpy(fgmm_statistics_values(statistics, NULL), given, sizeof given);
    fgmm_model *next = run_step(statistics, 1e-3, NULL);
    ck_assert_double_eq(fgmm_model_means(next)[0], 3);
    ck_assert_double_eq(fgmm_model_covariances(next)[0], 1e-3);
    fgmm_model_free(next);
    next = run_step(statistics, 0, NULL);
    ck_assert_double_gt(fgmm_model_covariances(next)[0], 0);
    fgmm_model_free(next);
    fgmm_statistics_free(statistics);
    fgmm_model_free(model);
}
END_TEST

/* Statistics of a k-means pass: the same call gives centroids, and fills the empty cluster. */
START_TEST(test_m_step__is_the_kmeans_update)
{
    enum { N = 6, K = 3 };
    const double x[N] = {0, 1, 2, 10, 11, 15};
    double weights[K] = {0}, means[K] = {1, 12, 99}, variances[K] = {0}, values[2 + 3 * K] = {0}, r[N * K] = {0};
    const fg_parameters p = {FGMM_SPHERICAL, K, 1, weights, means, variances};
    const fg_mixture mixture = {FGMM_SPHERICAL, K, 1, weights, means, variances};
    uint32_t nearest[N];
    double d2[N];
    fg_m_step_facts facts = {0};
    fg_reference_nearest(nearest, d2, &p, x, N);
    for (int i = 0; i < N; i++) r[i * K + (int)nearest[i]] = 1;
    fg_reference_statistics(values, &p, x, NULL, r, N);
    ck_ok(fg_m_step(&mixture, values, 0, &facts));
    ck_assert_uint_eq(facts.reseeded, 1);
    ck_assert_double_eq_tol(means[0], 1, ROUNDING);                   /* the mean of 0 1 2 */
    ck_assert_double_eq_tol((means[1] + means[2]) / 2, 12, ROUNDING); /* 10 11 15, split */
    ck_assert_double_ne(means[1], means[2]);
    ck_assert_double_eq_tol(weights[1], 0.25, ROUNDING);
    ck_assert_double_eq_tol(variances[2], 14.0 / 3, ROUNDING);
}
END_TEST

/* Two rows in three dimensions, statistics about a mean far off: no eigenvalue falls below reg_covar, and nothing else
 * is changed but the diagonal. */
START_TEST(test_m_step__singular_matrices_keep_reg_covar_as_least_eigenvalue)
{
    enum { D = 3 };
    const double x[2 * D] = {1, 2, 3, 3, 6, 9}, r[2] = {1, 1};
    double weights[1] = {1}, means[D] = {10, 10, 10}, covariance[D * D] = {0}, values[2 + 1 + D + D * D] = {0};
    const fg_parameters p = {FGMM_FULL, 1, D, weights, means, covariance};
    const fg_mixture mixture = {FGMM_FULL, 1, D, weights, means, covariance};
    double losses[1];
    fg_m_step_facts facts = {.losses = losses};
    fg_reference_statistics(values, &p, x, NULL, r, 2);
    ck_ok(fg_m_step(&mixture, values, 1e-6, &facts));
    for (int i = 0; i < D; i++) {
        ck_assert_double_eq_tol(covariance[i * D + (i + 1) % D], (i + 1) * ((i + 1) % D + 1), 1e-12);
        ck_assert_double_ge(covariance[i * D + i], (i + 1) * (i + 1) + 1e-6 - 1e-12);
        ck_assert_double_le(covariance[i * D + i], (i + 1) * (i + 1) + 2e-6);
    }
    ck_assert_double_gt(losses[0], 1e6);
    ck_assert_double_gt(facts.movement, 100);
}
END_TEST

/* What rounding leaves behind a first row may be larger off the diagonal than on it: raised pivots alone give no matrix
 * with a factor. */
START_TEST(test_m_step__matrices_of_rounding_can_be_factored)
{
    enum { D = 3 };
    double weights[1] = {1}, means[D] = {0}, covariance[D * D] = {0}, u[D * D];
    const double values[2 + 1 + D + D * D] = {1, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1 + 1e-14, 1 + 1e-5, 1, 1 + 1e-5, 1 + 1e-8};
    const fg_mixture mixture = {FGMM_FULL, 1, D, weights, means, covariance};
    ck_ok(fg_m_step(&mixture, values, 0, NULL));
    memcpy(u, covariance, sizeof u);
    ck_assert_uint_eq(fg_cholesky(u, D), D);
    for (int i = 0; i < D; i++) ck_assert_double_eq_tol(covariance[i * D + i], 1, 1e-7);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_m_step__matches_sklearn,
        test_m_step__is_exact_far_from_the_origin,
        test_m_step__log_likelihood_never_falls,
        test_m_step__one_component_is_mean_and_variance,
        test_statistics__merged_parts_are_the_whole,
        test_m_step__refuses_what_cannot_be_statistics,
        test_m_step__empty_components_are_reseeded,
        test_m_step__light_components_are_kept,
        test_m_step__equal_rows_give_a_model,
        test_m_step__constant_dimension_gets_the_floor,
        test_m_step__singular_matrices_give_a_model,
        test_m_step__singular_matrices_keep_reg_covar_as_least_eigenvalue,
        test_m_step__matrices_of_rounding_can_be_factored,
        test_m_step__splits_along_the_donors_matrix,
        test_m_step__negative_variance_becomes_the_regularisation,
        test_m_step__is_the_kmeans_update,
    };
    Suite *s = suite_create("m_step");
    ADD_CASE(s, "m_step", NULL, NULL, 60, tests);
    return s;
}
