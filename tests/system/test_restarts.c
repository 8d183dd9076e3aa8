/* test_restarts.c - several runs of training: the best is kept, each is what it would be alone, and an interruption
 * changes nothing. */
#include "mixtures.h"
#include "support.h"

#include "training.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N = 1200, D = 3, K = 8, RUNS = 4 };

static fgmm_device *device;
static float *rows;

static void setup(void)
{
    device = open_test_device();
    rows = draw_rows(N, D, K, 21);
}

static void teardown(void)
{
    free(rows);
    fgmm_device_close(device);
}

static fgmm_fit_options fit_options(void)
{
    fgmm_fit_options options = fgmm_fit_options_init();
    options.components = K;
    options.init = FGMM_INIT_RANDOM;
    options.kmeans_iterations = 2;
    options.max_iterations = 4;
    options.tolerance = 0;
    options.batch_rows = 500;
    options.seed = 9;
    return options;
}

static void check_same_parameters(const fgmm_model *a, const fgmm_model *b)
{
    ck_assert_mem_eq(fgmm_model_weights(a), fgmm_model_weights(b), K * sizeof(double));
    ck_assert_mem_eq(fgmm_model_means(a), fgmm_model_means(b), K * D * sizeof(double));
    ck_assert_mem_eq(fgmm_model_covariances(a), fgmm_model_covariances(b), K * sizeof(double));
}

START_TEST(test_restarts__the_best_run_is_kept)
{
    fgmm_fit_options options = fit_options();
    fgmm_fit_report report = fgmm_fit_report_init();
    uint64_t best = 0;
    options.n_init = RUNS;
    fgmm_model *kept = fit_rows(device, rows, N, D, &options, &report);
    ck_assert_uint_eq(report.run_count, RUNS);
    for (uint64_t i = 0; i < RUNS; i++)
        if (report.run_objectives[i] > report.run_objectives[best]) best = i;
    ck_assert_uint_eq(report.best_run, best);
    ck_assert_double_eq(report.log_likelihood, report.run_objectives[best]);
    ck_assert_uint_eq(report.history_count, 4);
    options.n_init = 1;
    for (uint64_t i = 0; i < RUNS; i++) {
        options.seed = fg_run_seed(9, i);
        fgmm_fit_report alone = fgmm_fit_report_init();
        fgmm_model *model = fit_rows(device, rows, N, D, &options, &alone);
        ck_assert_double_eq(alone.log_likelihood, report.run_objectives[i]);
        ck_assert_uint_eq(alone.run_count, 1);
        if (i == best) {
            check_same_parameters(kept, model);
            ck_assert_mem_eq(alone.history, report.history, 4 * sizeof(double));
        }
        fgmm_model_free(model);
        fgmm_fit_report_clear(&alone);
    }
    ck_assert_double_ne(report.run_objectives[0], report.run_objectives[1]); /* other seeds, other starts */
    fgmm_model_free(kept);
    fgmm_fit_report_clear(&report);
}
END_TEST

START_TEST(test_restarts__kmeans_keeps_the_least_inertia)
{
    fgmm_kmeans_options options = fgmm_kmeans_options_init();
    fgmm_fit_report report = fgmm_fit_report_init();
    fgmm_model *model;
    options.components = K;
    options.init = FGMM_INIT_RANDOM;
    options.max_iterations = 3;
    options.n_init = RUNS;
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
    ck_ok(fgmm_kmeans(&model, device, source, &options, &report));
    ck_assert_uint_eq(report.run_count, RUNS);
    for (uint64_t i = 0; i < RUNS; i++) ck_assert_double_le(report.inertia, report.run_objectives[i]);
    ck_assert_double_eq(report.inertia, report.run_objectives[report.best_run]);
    fgmm_model_free(model);
    fgmm_source_close(source);
    fgmm_fit_report_clear(&report);
}
END_TEST

/* Cancels in an EM iteration of run `run`. */
static int stop_in_run(void *user, const fgmm_progress *p)
{
    const uint64_t *run = user;
    return p->run == *run && p->phase == FGMM_PHASE_EM && p->iteration == 2 && !p->iteration_finished;
}

START_TEST(test_restarts__resumed_run_gives_the_same_bytes)
{
    fgmm_fit_options options = fit_options();
    options.n_init = RUNS;
    fgmm_fit_report expected_report = fgmm_fit_report_init();
    fgmm_model *expected = fit_rows(device, rows, N, D, &options, &expected_report);
    const char *checkpoint = temporary_path("checkpoint.safetensors");
    for (uint64_t run = 1; run <= RUNS; run++) {
        fgmm_model *model;
        fgmm_fit_report report = fgmm_fit_report_init();
        fgmm_fit_options first = options, second = options;
        first.checkpoint = checkpoint;
        first.progress = stop_in_run;
        first.progress_user = &run;
        second.resume = checkpoint;
        fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
        ck_fails(fgmm_fit(&model, device, source, &first, &report), FGMM_CANCELLED, "cancelled");
        ck_assert_ptr_nonnull(model);
        ck_assert_uint_eq(report.run_count, run - 1);
        ck_assert_int_eq(report.stop_reason, FGMM_STOP_CANCELLED);
        fgmm_model_free(model);
        ck_ok(fgmm_fit(&model, device, source, &second, &report));
        ck_assert(is_same_model(model, expected));
        ck_assert_uint_eq(report.run_count, RUNS);
        ck_assert_uint_eq(report.best_run, expected_report.best_run);
        ck_assert_mem_eq(report.run_objectives, expected_report.run_objectives, RUNS * sizeof(double));
        ck_assert_double_eq(report.log_likelihood, expected_report.log_likelihood);
        ck_assert_uint_eq(report.iterations, expected_report.iterations);
        fgmm_model_free(model);
        fgmm_source_close(source);
        fgmm_fit_report_clear(&report);
    }
    fgmm_model_free(expected);
    fgmm_fit_report_clear(&expected_report);
}
END_TEST

START_TEST(test_restarts__refuses_what_makes_no_sense)
{
    fgmm_fit_options options = fit_options();
    fgmm_model *model = NULL, *start = make_mixture(K, D, 1);
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
    options.n_init = 0;
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_ARGUMENT, "n_init = 0");
    options.n_init = 2;
    options.init = FGMM_INIT_MODEL;
    options.start = start;
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_ARGUMENT, "n_init = 2; need 1");
    /* an application built before there were several runs: one run, and its report is left as long as it was */
    options = fit_options();
    options.size = offsetof(fgmm_fit_options, n_init);
    fgmm_fit_report report = fgmm_fit_report_init();
    report.size = offsetof(fgmm_fit_report, run_count);
    report.run_count = 77;
    ck_ok(fgmm_fit(&model, device, source, &options, &report));
    ck_assert_uint_eq(report.run_count, 77);
    fgmm_fit_report_clear(&report);
    fgmm_model_free(model);
    fgmm_model_free(start);
    fgmm_source_close(source);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_restarts__the_best_run_is_kept,
        test_restarts__kmeans_keeps_the_least_inertia,
        test_restarts__resumed_run_gives_the_same_bytes,
        test_restarts__refuses_what_makes_no_sense,
    };
    Suite *s = suite_create("restarts");
    ADD_CASE(s, "restarts", setup, teardown, 120, tests);
    return s;
}
