/* test_pass_matrices.c - a pass with tied and full covariances against the double-precision reference, in both
 * backends. The case "tiny" is small enough for a simulator. */
#include "blas.h"
#include "covariances.h"
#include "passes.h"
#include "support.h"

#include <stdlib.h>

static const fgmm_backend backends[] = {FGMM_BACKEND_CPU_SIMD, FGMM_BACKEND_GPU_WORKGROUP};
enum { BACKENDS = sizeof backends / sizeof backends[0] };

/* Covariance, kept components and path; the dense path is the sparse one that drops nothing. */
typedef struct variant {
    fgmm_covariance covariance;
    fg_assignment assignment;
    fgmm_path path;
} variant;

#define SOFT(type) {FGMM_##type, FG_ASSIGN_SOFT, FGMM_PATH_SPARSE},
#define HARD(type) {FGMM_##type, FG_ASSIGN_HARD, FGMM_PATH_AUTO},
static const variant matrix_variants[] = {MATRIX_TYPES(SOFT) MATRIX_TYPES(HARD)};
enum { MATRIX_VARIANTS = sizeof matrix_variants / sizeof matrix_variants[0] };

/* 1, tile - 1, tile, tile + 1 of rows (48, group 32), of components (a panel of 16, group 32) and of dimensions (blocks
 * of 8 outputs, vectors of 16, group 32 columns). Few different D: each is four programs, which take seconds; k-means,
 * which has only the moments of its own, runs one size. */
enum { MATRIX_SIZES = 5, KMEANS_SIZE = 3 };
static const uint64_t matrix_sizes[BACKENDS][MATRIX_SIZES][3] = {
    {{1, 8, 1}, {47, 8, 15}, {48, 8, 16}, {49, 9, 17}, {300, 17, 40}},
    {{1, 9, 1}, {31, 9, 31}, {32, 9, 32}, {33, 9, 33}, {300, 33, 65}},
};

START_TEST(test_pass__matrices_equal_the_reference_at_tile_edges)
{
    const int backend = _i % BACKENDS;
    const variant *v = &matrix_variants[_i / BACKENDS];
    for (size_t i = 0; i < MATRIX_SIZES; i++) {
        const uint64_t *size = matrix_sizes[backend][i];
        const shape_case c = {.backend = backends[backend],
                              .covariance = v->covariance,
                              .assignment = v->assignment,
                              .type = FGMM_F32,
                              .path = v->path,
                              .n = size[0],
                              .d = size[1],
                              .k = size[2],
                              .overlap = 0.5,
                              .tile = quick_tile(backends[backend])};
        if (v->assignment == FG_ASSIGN_SOFT || i == KMEANS_SIZE) check_case(&c);
    }
}
END_TEST

/* Of tied and full mixtures; k-means sums wide by itself. Then of the other types. */
START_TEST(test_pass__wide_sums_and_sums_about_other_centres_equal_the_reference)
{
    const int backend = _i % BACKENDS;
    const variant *v = &matrix_variants[_i / BACKENDS];
    shape_case c = {.backend = backends[backend],
                    .covariance = v->covariance,
                    .assignment = v->assignment,
                    .type = FGMM_F32,
                    .path = v->path,
                    .n = 300,
                    .d = 9,
                    .k = 33,
                    .overlap = 0.5,
                    .has_weights = 1,
                    .has_wide_sums = 1,
                    .tile = quick_tile(backends[backend])};
    check_case(&c);
    c.is_recentred = 1;
    check_case(&c);
    for (int covariance = covariance_from(0, 0); covariance < COVARIANCES;
         covariance = covariance_from(covariance + 1, 0)) {
        now_testing("%s", fgmm_covariance_name((fgmm_covariance)covariance));
        c.covariance = (fgmm_covariance)covariance;
        check_case(&c);
    }
}
END_TEST

/* Pairs of floats stand for doubles. */
START_TEST(test_pass__wide_sums_without_doubles)
{
    const shape_case c = {.backend = backends[_i],
                          .covariance = FGMM_FULL,
                          .assignment = FG_ASSIGN_SOFT,
                          .type = FGMM_F32,
                          .path = FGMM_PATH_SPARSE,
                          .n = 13,
                          .d = 3,
                          .k = 34,
                          .overlap = 1,
                          .has_wide_sums = 1,
                          .has_no_doubles = 1,
                          .tile = quick_tile(backends[_i])};
    check_case(&c);
}
END_TEST

/* Products by CLBlast, in pieces of one row and one segment as in few pieces. Segments of 16 nonzeros, so that a
 * component has several. */
START_TEST(test_pass__matrices_by_a_blas_equal_the_reference)
{
    static const fg_tile tile = {.vw = 4,
                                 .rows = 32,
                                 .vectors = 32,
                                 .block = 64,
                                 .chunk = 16,
                                 .depth = 8,
                                 .local = 64,
                                 .across = 8,
                                 .blas = FG_BLAS_CLBLAST};
    static const fgmm_type types[] = {FGMM_F32, FGMM_U8};
    const fgmm_covariance covariance = _i % 2 ? FGMM_FULL : FGMM_TIED;
    if (!fg_blas_is_built()) return;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const shape_case c = {.backend = FGMM_BACKEND_GPU_WORKGROUP,
                              .covariance = covariance,
                              .assignment = FG_ASSIGN_SOFT,
                              .type = types[i],
                              .path = FGMM_PATH_SPARSE,
                              .n = 200,
                              .d = 19,
                              .k = 5,
                              .overlap = 0.5,
                              .launch_work = _i / 2,
                              .tile = &tile};
        check_case(&c);
    }
}
END_TEST

/* Where the shape is one lane or one row of outputs more than a vector: D 3 of 4 lanes, rows and components beyond a
 * panel. */
START_TEST(test_pass__tiny_matrices)
{
    static const uint64_t sizes[][3] = {{5, 3, 2}, {13, 3, 34}};
    const int backend = _i % BACKENDS;
    const variant *v = &matrix_variants[_i / BACKENDS];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const shape_case c = {.backend = backends[backend],
                              .covariance = v->covariance,
                              .assignment = v->assignment,
                              .type = FGMM_F32,
                              .path = v->path,
                              .n = sizes[i][0],
                              .d = sizes[i][1],
                              .k = sizes[i][2],
                              .overlap = 1,
                              .tile = quick_tile(backends[backend])};
        check_case(&c);
    }
}
END_TEST

/* Work is cut in as many launches as there can be: rows by blocks of all workers, moments by jobs. To the same bits. */
START_TEST(test_pass__matrices_do_not_depend_on_launches)
{
    enum { ROWS = 1000, D = 17, K = 40, VALUES = 2 + K + K * D + K * D * D };
    const int backend = _i % BACKENDS;
    const variant *v = &matrix_variants[_i / BACKENDS];
    double *values = calloc(2 * VALUES, sizeof *values), logz[2][ROWS];
    shape_case c = {.backend = backends[backend],
                    .covariance = v->covariance,
                    .assignment = v->assignment,
                    .type = FGMM_F32,
                    .path = v->path,
                    .n = ROWS,
                    .d = D,
                    .k = K,
                    .overlap = 1,
                    .tile = quick_tile(backends[backend])};
    device_of_backend(c.backend);
    problem p = make_problem(&c);
    run_pass(&c, &p, ROWS, values, logz[0]);
    c.launch_work = 1;
    run_pass(&c, &p, ROWS, values + VALUES, logz[1]);
    ck_assert_mem_eq(logz[0], logz[1], sizeof logz[0]);
    ck_assert_mem_eq(values, values + VALUES, VALUES * sizeof *values);
    free_problem(&p);
    free(values);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pass_matrices");
    TCase *matrices = tcase_create("matrices");
    TCase *blas = tcase_create("blas");
    TCase *tiny = tcase_create("tiny");
    TCase *const cases[] = {matrices, blas, tiny};
    tcase_add_loop_test(matrices, test_pass__matrices_equal_the_reference_at_tile_edges, 0, MATRIX_VARIANTS * BACKENDS);
    tcase_add_loop_test(matrices, test_pass__matrices_do_not_depend_on_launches, 0, MATRIX_VARIANTS * BACKENDS);
    tcase_add_loop_test(matrices, test_pass__wide_sums_and_sums_about_other_centres_equal_the_reference, 0,
                        2 * BACKENDS);
    tcase_add_loop_test(matrices, test_pass__wide_sums_without_doubles, 0, BACKENDS);
    tcase_add_loop_test(blas, test_pass__matrices_by_a_blas_equal_the_reference, 0, 2 * 2);
    tcase_add_loop_test(tiny, test_pass__tiny_matrices, 0, MATRIX_VARIANTS * BACKENDS);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tcase_add_checked_fixture(cases[i], NULL, close_device);
        tcase_set_timeout(cases[i], 600);
        suite_add_tcase(s, cases[i]);
    }
    return s;
}
