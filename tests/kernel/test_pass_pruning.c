/* test_pass_pruning.c - a pass whose responsibilities leave out what upper bounds show to be irrelevant, against the
 * double-precision reference; and when such bounds are used. */
#include "passes.h"
#include "rng.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>

static shape_case pruning_case(fg_assignment assignment, fgmm_type type, uint64_t n, uint64_t d, uint64_t k)
{
    return (shape_case){.backend = FGMM_BACKEND_CPU_SIMD,
                        .covariance = FGMM_SPHERICAL,
                        .assignment = assignment,
                        .type = type,
                        .path = FGMM_PATH_SPARSE,
                        .n = n,
                        .d = d,
                        .k = k,
                        .overlap = 0.4,
                        .nats = promised_nats,
                        .pruning = FG_PRUNING_ALWAYS};
}

/* D above the number of coordinates, and where these are fewer (below: further down); K and N about panels and
 * blocks. */
START_TEST(test_pass__bounds_equal_the_reference_at_tile_edges)
{
    static const uint64_t dims[] = {100, 300};
    static const uint64_t sizes[][2] = {{1, 1}, {11, 31}, {12, 32}, {13, 33}, {25, 1}, {49, 1000}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const shape_case c = pruning_case(FG_ASSIGN_SOFT, FGMM_F32, sizes[i][0], dims[_i], sizes[i][1]);
        check_case(&c);
    }
}
END_TEST

START_TEST(test_pass__bounds_keep_the_nearest)
{
    static const uint64_t sizes[][2] = {{1, 1}, {13, 33}, {193, 5000}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const shape_case c = pruning_case(FG_ASSIGN_HARD, FGMM_U8, sizes[i][0], 100, sizes[i][1]);
        check_case(&c);
    }
}
END_TEST

/* More panels than a block has room for at a time, so that lists are carried over; panels that are tight and far out;
 * lists of many entries and lists that overflow. */
START_TEST(test_pass__bounds_in_hard_cases)
{
    static const double overlaps[] = {1e-3, 0.9, 1.1, 3};
    shape_case c = pruning_case(FG_ASSIGN_SOFT, FGMM_F32, 97, 47, 5000);
    check_case(&c);
    c.k = 200;
    for (size_t i = 0; i < sizeof overlaps / sizeof overlaps[0]; i++) {
        c.overlap = overlaps[i];
        check_case(&c);
    }
}
END_TEST

/* ---- rows of which next to nothing is left beside the axes ---- */

/* All axes lie in the first AXES dimensions, where BASE means are. Each of the PAIRS has a dimension of its own
 * besides: two means far out in it, one to each side so that no axis bends there, and one mean nearly as near to their
 * row. */
enum { AXES = 47, BASE = 150, PAIRS = 16, REST_D = 64, REST_K = BASE + 3 * PAIRS };

typedef struct rest_case {
    double means[REST_K * REST_D], weights[REST_K], variances[REST_K];
    float rows[PAIRS * REST_D]; /* row j is nearest to mean BASE + j */
} rest_case;

/* A row's part beside the axes is lost in the rounding of its squared length; times a mean's part it decides. */
static void make_residuals(rest_case *c)
{
    fg_rng rng;
    fg_rng_init(&rng, 3, 77, 0);
    for (size_t k = 0; k < BASE + PAIRS; k++)
        for (size_t d = 0; d < AXES; d++) c->means[k * REST_D + d] = (float)(10 * fg_rng_normal(&rng));
    for (size_t j = 0; j < PAIRS; j++) {
        double *out = c->means + (BASE + j) * REST_D, *back = out + PAIRS * REST_D, *near = back + PAIRS * REST_D;
        double squares = 0;
        for (size_t d = 0; d < AXES; d++) squares += out[d] * out[d];
        const double deferred = 0.5 * sqrt(squares), rest = 0x1p-12 * sqrt(squares), margin = 0x1p-14 * squares;
        for (size_t d = 0; d < AXES; d++) {
            back[d] = near[d] = out[d];
            c->rows[j * REST_D + d] = (float)out[d];
        }
        out[AXES + j] = deferred;
        back[AXES + j] = -deferred;
        c->rows[j * REST_D + AXES + j] = (float)rest;
        near[j] += sqrt((deferred - rest) * (deferred - rest) - rest * rest + margin);
    }
    for (size_t k = 0; k < REST_K; k++) c->weights[k] = c->variances[k] = 1.0 / REST_K;
}

START_TEST(test_pass__bounds_are_true_where_residuals_are_rounding)
{
    static rest_case c;
    static const float shift[REST_D];
    int32_t labels[PAIRS];
    fgmm_device *device = device_of_backend(FGMM_BACKEND_CPU_SIMD);
    fg_pass *pass;
    fg_buffer *buffer;
    const fg_pass_options options = {.assignment = FG_ASSIGN_HARD,
                                     .k = REST_K,
                                     .d = REST_D,
                                     .type = FGMM_F32,
                                     .batch_rows = PAIRS,
                                     .path = FGMM_PATH_SPARSE,
                                     .pruning = FG_PRUNING_ALWAYS};
    make_residuals(&c);
    const fg_parameters p = {FGMM_SPHERICAL, REST_K, REST_D, c.weights, c.means, c.variances};
    ck_ok(fg_pass_create(&pass, device, &options));
    ck_ok(fg_buffer_create(&buffer, device, sizeof c.rows, FG_BUFFER_DEVICE, "rows"));
    ck_ok(fg_buffer_write(buffer, 0, c.rows, sizeof c.rows));
    ck_ok(fg_pass_load(pass, &p, shift));
    const fg_rows rows = {.buffer = buffer, .n = PAIRS};
    const fg_evaluation_rows out = {.labels = labels};
    ck_ok(fg_pass_evaluate(pass, &rows, &out));
    for (int j = 0; j < PAIRS; j++) ck_assert_int_eq(labels[j], BASE + j);
    fg_buffer_free(buffer);
    fg_pass_free(pass);
}
END_TEST

/* ---- when they are used ---- */

enum { K = 256, D = 100, MANY = 1 << 24 };

/* Means whose first `spread_dims` coordinates have a deviation of 10, the others of 0.1. variance 0: not known. */
static void load_with(fg_pass *pass, uint64_t spread_dims, double variance)
{
    static double weights[K], means[K * D], variances[K];
    static const float shift[D];
    fg_rng rng;
    fg_rng_init(&rng, 1, 77, 0);
    for (size_t k = 0; k < K; k++) {
        weights[k] = 1.0 / K;
        variances[k] = variance;
        for (size_t d = 0; d < D; d++) means[k * D + d] = (d < spread_dims ? 10 : 0.1) * fg_rng_normal(&rng);
    }
    const fg_parameters p = {FGMM_SPHERICAL, K, D, weights, means, variance > 0 ? variances : NULL};
    ck_ok(fg_pass_load(pass, &p, shift));
}

static void load(fg_pass *pass, uint64_t spread_dims)
{
    load_with(pass, spread_dims, 1);
}

static fg_pass *pass_for(fgmm_backend backend, fg_assignment assignment, uint64_t rows)
{
    fg_pass *pass;
    const fg_pass_options options = {.assignment = assignment,
                                     .k = K,
                                     .d = D,
                                     .type = FGMM_F32,
                                     .batch_rows = 256,
                                     .rows = rows,
                                     .path = backend == FGMM_BACKEND_MATRIX_UNIT ? FGMM_PATH_SPARSE : FGMM_PATH_AUTO};
    skip_unless_cpu(device_of_backend(backend), "pruning");
    ck_ok(fg_pass_create(&pass, device_of_backend(backend), &options));
    return pass;
}

static fg_pass_facts facts_of(const fg_pass *pass)
{
    fg_pass_facts facts;
    fg_pass_describe(pass, &facts);
    return facts;
}

/* Whether it prunes; it then does so by what its backend has. */
static int prunes(const fg_pass *pass)
{
    const fg_pass_facts facts = facts_of(pass);
    if (!facts.pruning) return 0;
    ck_assert_str_eq(facts.pruning, facts.backend == FGMM_BACKEND_MATRIX_UNIT ? "first term" : "projection");
    return 1;
}

START_TEST(test_pass__bounds_are_used_where_they_tell_components_apart)
{
    static const fgmm_backend backends[] = {FGMM_BACKEND_CPU_SIMD, FGMM_BACKEND_MATRIX_UNIT};
    for (int assignment = FG_ASSIGN_SOFT; assignment <= FG_ASSIGN_HARD; assignment++) {
        fg_pass *pass = pass_for(backends[_i], (fg_assignment)assignment, MANY);
        load(pass, 20);
        ck_assert(prunes(pass));
        load(pass, 0); /* near each other: all are candidates */
        ck_assert(!prunes(pass));
        load(pass, 20);
        ck_assert(prunes(pass));
        fg_pass_free(pass);
    }
}
END_TEST

/* k-means: rows far from their centres, in all dimensions, are near many in few coordinates. */
START_TEST(test_pass__bounds_of_kmeans_are_chosen_by_the_variances)
{
    fg_pass *pass = pass_for(FGMM_BACKEND_CPU_SIMD, FG_ASSIGN_HARD, MANY);
    load_with(pass, 20, 0);
    ck_assert(prunes(pass));
    load_with(pass, 20, 400);
    ck_assert(!prunes(pass));
    fg_pass_free(pass);
}
END_TEST

START_TEST(test_pass__bounds_are_not_used_for_few_rows)
{
    fg_pass *pass = pass_for(FGMM_BACKEND_CPU_SIMD, FG_ASSIGN_SOFT, 1000);
    load(pass, 20);
    ck_assert(!prunes(pass));
    fg_pass_free(pass);
}
END_TEST

START_TEST(test_pass__pruning_by_products_is_reported)
{
    fg_pass *pass = pass_for(FGMM_BACKEND_MATRIX_UNIT, FG_ASSIGN_SOFT, MANY);
    load(pass, 20);
    const fg_pass_facts pruned = facts_of(pass);
    load(pass, 0);
    ck_assert_str_eq(pruned.pruning, "first term");
    ck_assert_uint_eq(pruned.terms, 1);
    ck_assert_uint_gt(facts_of(pass).terms, 1);
    fg_pass_free(pass);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pass that prunes");
    TCase *edges = tcase_create("bounds"), *use = tcase_create("use");
    tcase_add_checked_fixture(edges, NULL, close_device);
    tcase_add_checked_fixture(use, NULL, close_device);
    tcase_set_timeout(edges, 900);
    tcase_set_timeout(use, 300);
    tcase_add_loop_test(edges, test_pass__bounds_equal_the_reference_at_tile_edges, 0, 2);
    tcase_add_test(edges, test_pass__bounds_keep_the_nearest);
    tcase_add_test(edges, test_pass__bounds_in_hard_cases);
    tcase_add_test(edges, test_pass__bounds_are_true_where_residuals_are_rounding);
    tcase_add_loop_test(use, test_pass__bounds_are_used_where_they_tell_components_apart, 0, 2);
    tcase_add_test(use, test_pass__bounds_of_kmeans_are_chosen_by_the_variances);
    tcase_add_test(use, test_pass__bounds_are_not_used_for_few_rows);
    tcase_add_test(use, test_pass__pruning_by_products_is_reported);
    suite_add_tcase(s, edges);
    suite_add_tcase(s, use);
    return s;
}
