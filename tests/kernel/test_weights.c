/* test_weights.c - rows with weights: a pass against the double-precision reference, and weights of 1 against none, to
 * the bit. Both backends: lists, rows that overflow them, the dense path, small mixtures. What weights do to a list or
 * a dense tile does not depend on the covariance, so that few of them are compiled; tests/system has all. */
#include "passes.h"
#include "support.h"

#include <stdlib.h>

/* D as test_pass.c has it, so that what one test has compiled the other finds. N about the blocks of sums (256) and of
 * the dense path; K that fills a list or overflows it, in all rows of a batch or in a few, which are deferred. Path
 * AUTO: small mixtures go straight into sums where the backend can. */
static const shape_case cases[] = {
    {.assignment = FG_ASSIGN_SOFT, .path = FGMM_PATH_SPARSE, .n = 257, .k = 33, .overlap = 0.5},
    {.assignment = FG_ASSIGN_SOFT, .path = FGMM_PATH_SPARSE, .n = 97, .k = 130, .overlap = 3},
    {.path = FGMM_PATH_SPARSE, .n = 250, .k = 200, .overlap = 0.2, .dense_every = 17, .batch_rows = 100},
    {.assignment = FG_ASSIGN_SOFT, .path = FGMM_PATH_DENSE, .n = 255, .k = 33, .overlap = 0.5},
    {.assignment = FG_ASSIGN_SOFT, .path = FGMM_PATH_AUTO, .n = 1, .k = 1, .overlap = 0.5},
    {.assignment = FG_ASSIGN_SOFT, .path = FGMM_PATH_AUTO, .n = 600, .k = 5, .overlap = 0.5},
    {.assignment = FG_ASSIGN_HARD, .path = FGMM_PATH_SPARSE, .n = 256, .k = 33, .overlap = 0.5},
    {.assignment = FG_ASSIGN_HARD, .path = FGMM_PATH_AUTO, .n = 600, .k = 5, .overlap = 0.5},
    {.covariance = FGMM_DIAG, .assignment = FG_ASSIGN_HARD, .path = FGMM_PATH_AUTO, .n = 65, .k = 5, .overlap = 0.5},
};
enum { CASES = sizeof cases / sizeof cases[0] };

static const fgmm_backend backends[] = {FGMM_BACKEND_CPU_SIMD, FGMM_BACKEND_GPU_WORKGROUP};
enum { BACKENDS = sizeof backends / sizeof backends[0] };

static shape_case case_of(size_t i, fgmm_backend backend)
{
    shape_case c = cases[i];
    c.backend = backend;
    c.type = FGMM_F32;
    c.d = 17;
    c.tile = quick_tile(backend);
    c.has_weights = 1;
    return c;
}

START_TEST(test_weights__pass_equals_the_reference)
{
    for (size_t i = 0; i < CASES; i++) {
        const shape_case c = case_of(i, backends[_i]);
        check_case(&c);
    }
}
END_TEST

START_TEST(test_weights__ones_give_the_bytes_of_none)
{
    for (size_t i = 0; i < CASES; i++) {
        const shape_case c = case_of(i, backends[_i]);
        const size_t count = statistics_of(&c), batch_rows = (size_t)(c.batch_rows ? c.batch_rows : c.n);
        double *with = calloc(count, sizeof *with), *without = calloc(count, sizeof *without);
        double *logz = calloc((size_t)c.n, sizeof *logz);
        device_of_backend(c.backend);
        problem p = make_problem(&c);
        for (uint64_t row = 0; row < c.n; row++) p.row_weights[row] = 1;
        run_pass(&c, &p, batch_rows, with, logz);
        free(p.row_weights);
        p.row_weights = NULL;
        run_pass(&c, &p, batch_rows, without, logz);
        ck_assert_mem_eq(with, without, count * sizeof *with);
        free(with);
        free(without);
        free(logz);
        free_problem(&p);
    }
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("weights");
    TCase *tests = tcase_create("weights");
    tcase_add_loop_test(tests, test_weights__pass_equals_the_reference, 0, BACKENDS);
    tcase_add_loop_test(tests, test_weights__ones_give_the_bytes_of_none, 0, BACKENDS);
    tcase_add_checked_fixture(tests, NULL, close_device);
    tcase_set_timeout(tests, 600);
    suite_add_tcase(s, tests);
    return s;
}
