/* test_em_resume.c - a run that was interrupted and resumed ends in the same bytes as one that was not. */
#include "mixtures.h"
#include "support.h"

#include "device.h"
#include "file.h"
#include "rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N = 3000, D = 5, K = 6, BATCH = 700, KMEANS = 3, EM = 5 };

static fgmm_device *device;
static float *rows;
static char checkpoint[256], result[256];

static void setup(void)
{
    device = open_test_device();
    rows = draw_rows(N, D, K, 55);
    snprintf(checkpoint, sizeof checkpoint, "%s", temporary_path("run.ckpt"));
    snprintf(result, sizeof result, "%s", temporary_path("model.safetensors"));
    remove(checkpoint);
}

static void teardown(void)
{
    free(rows);
    fgmm_device_close(device);
}

/* Stops at (phase, iteration): when it is finished, or after a batch of it. */
typedef struct stop {
    fgmm_phase phase;
    uint64_t iteration;
    int at_finish;
} stop;

static int stop_there(void *user, const fgmm_progress *p)
{
    const stop *at = user;
    return p->phase == at->phase && p->iteration == at->iteration && p->iteration_finished == at->at_finish;
}

static fgmm_fit_options fit_options(fgmm_covariance covariance)
{
    fgmm_fit_options options = fgmm_fit_options_init();
    options.components = K;
    options.covariance = covariance;
    options.kmeans_iterations = KMEANS;
    options.max_iterations = EM;
    options.tolerance = 0;
    options.batch_rows = BATCH;
    options.seed = 5;
    return options;
}

static fgmm_status fit_with(fgmm_model **model, const fgmm_fit_options *options, fgmm_fit_report *report)
{
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
    fgmm_status status = fgmm_fit(model, device, source, options, report);
    fgmm_source_close(source);
    return status;
}

/* The bytes of the model's file. */
static unsigned char *file_bytes(const fgmm_model *model, size_t *count)
{
    unsigned char *bytes;
    ck_ok(fgmm_model_save(model, result));
    ck_ok(fg_file_read_all(&bytes, count, result, 1 << 20));
    return bytes;
}

static void check_resumed(const fgmm_model *expected, const fgmm_fit_report *expected_report,
                          fgmm_covariance covariance)
{
    fgmm_fit_options options = fit_options(covariance);
    fgmm_fit_report report = fgmm_fit_report_init();
    fgmm_model *model;
    size_t count, expected_count;
    options.resume = checkpoint;
    options.batch_rows = 0; /* the checkpoint knows */
    ck_ok(fit_with(&model, &options, &report));
    unsigned char *bytes = file_bytes(model, &count), *expected_bytes = file_bytes(expected, &expected_count);
    ck_assert_uint_eq(count, expected_count);
    ck_assert_mem_eq(bytes, expected_bytes, count);
    ck_assert_uint_eq(report.history_count, expected_report->history_count);
    ck_assert_mem_eq(report.history, expected_report->history, report.history_count * sizeof(double));
    ck_assert_uint_eq(report.kmeans_iterations, expected_report->kmeans_iterations);
    ck_assert_uint_eq(report.iterations, expected_report->iterations);
    ck_assert_uint_eq(report.reseeded, expected_report->reseeded);
    ck_assert_uint_eq(report.batch_rows, expected_report->batch_rows);
    ck_assert_mem_eq(&report.inertia, &expected_report->inertia, sizeof report.inertia);
    free(bytes);
    free(expected_bytes);
    fgmm_model_free(model);
    fgmm_fit_report_clear(&report);
}

static void interrupt_everywhere(fgmm_covariance covariance, int is_dense)
{
    fgmm_fit_report report = fgmm_fit_report_init();
    fgmm_model *expected, *model;
    fgmm_fit_options options = fit_options(covariance);
    ck_ok(fit_with(&expected, &options, &report));
    if (is_dense) ck_assert_uint_gt(report.dense_batches, 0);
    for (unsigned i = 0; i < KMEANS + EM + 1; i++)
        for (int at_finish = 0; at_finish < 2; at_finish++) {
            const int is_final = i == KMEANS + EM;
            stop at = {.phase = is_final     ? FGMM_PHASE_FINAL
                                : i < KMEANS ? FGMM_PHASE_KMEANS
                                             : FGMM_PHASE_EM,
                       .iteration = is_final     ? 1
                                    : i < KMEANS ? i + 1
                                                 : i - KMEANS + 1,
                       .at_finish = at_finish};
            if (is_final && at_finish) continue; /* nothing comes after it */
            options.checkpoint = checkpoint;
            options.progress = stop_there;
            options.progress_user = &at;
            remove(checkpoint);
            ck_fails(fit_with(&model, &options, NULL), FGMM_CANCELLED, "cancelled");
            fgmm_model_free(model);
            if (i == 0 && !at_finish)
                ck_assert_int_ne(access(checkpoint, F_OK), 0); /* before the first one there is none */
            else
                check_resumed(expected, &report, covariance);
        }
    fgmm_model_free(expected);
    fgmm_fit_report_clear(&report);
}

START_TEST(test_resume__spherical_to_the_same_bytes)
{
    interrupt_everywhere(FGMM_SPHERICAL, 0);
}
END_TEST

START_TEST(test_resume__diag_to_the_same_bytes)
{
    interrupt_everywhere(FGMM_DIAG, 0);
}
END_TEST

START_TEST(test_resume__full_to_the_same_bytes)
{
    interrupt_everywhere(FGMM_FULL, 0);
}
END_TEST

/* One cloud for all components: every row belongs to all of them. */
START_TEST(test_resume__on_the_dense_path_to_the_same_bytes)
{
    fg_rng rng;
    fg_rng_init(&rng, 1, 1, 0);
    for (int i = 0; i < N * D; i++) rows[i] = (float)fg_rng_normal(&rng);
    interrupt_everywhere(FGMM_SPHERICAL, 1);
}
END_TEST

START_TEST(test_resume__of_a_finished_run_changes_nothing)
{
    fgmm_fit_report report = fgmm_fit_report_init();
    fgmm_model *expected;
    fgmm_fit_options options = fit_options(FGMM_SPHERICAL);
    options.checkpoint = checkpoint;
    ck_ok(fit_with(&expected, &options, &report));
    check_resumed(expected, &report, FGMM_SPHERICAL);
    fgmm_model_free(expected);
    fgmm_fit_report_clear(&report);
}
END_TEST

/* Interrupted, resumed with a checkpoint of its own, interrupted again: the chain ends in the same bytes. */
START_TEST(test_resume__twice)
{
    fgmm_fit_report report = fgmm_fit_report_init();
    fgmm_model *expected, *model;
    fgmm_fit_options options = fit_options(FGMM_SPHERICAL);
    ck_ok(fit_with(&expected, &options, &report));
    stop at = {FGMM_PHASE_KMEANS, 2, 1};
    options.checkpoint = checkpoint;
    options.progress = stop_there;
    options.progress_user = &at;
    ck_fails(fit_with(&model, &options, NULL), FGMM_CANCELLED, "cancelled");
    fgmm_model_free(model);
    at = (stop){FGMM_PHASE_EM, 3, 0};
    options.resume = checkpoint;
    ck_fails(fit_with(&model, &options, NULL), FGMM_CANCELLED, "cancelled");
    fgmm_model_free(model);
    check_resumed(expected, &report, FGMM_SPHERICAL);
    fgmm_model_free(expected);
    fgmm_fit_report_clear(&report);
}
END_TEST

START_TEST(test_resume__refuses_another_run)
{
    fgmm_model *model;
    fgmm_fit_options options = fit_options(FGMM_SPHERICAL);
    stop at = {FGMM_PHASE_EM, 2, 1};
    options.checkpoint = checkpoint;
    options.progress = stop_there;
    options.progress_user = &at;
    ck_fails(fit_with(&model, &options, NULL), FGMM_CANCELLED, "cancelled");
    ck_ok(fgmm_model_save(model, result));
    fgmm_model_free(model);
    options = fit_options(FGMM_SPHERICAL);
    options.resume = checkpoint;
    options.components = K + 1;
    ck_fails(fit_with(&model, &options, NULL), FGMM_ARGUMENT, "K = 6, but components = 7");
    options = fit_options(FGMM_DIAG);
    options.resume = checkpoint;
    ck_fails(fit_with(&model, &options, NULL), FGMM_ARGUMENT, "covariance is spherical");
    options = fit_options(FGMM_SPHERICAL);
    options.resume = checkpoint;
    options.seed = 6;
    ck_fails(fit_with(&model, &options, NULL), FGMM_ARGUMENT, "seed = 5");
    options.seed = 5;
    options.mini_batch = 1;
    ck_fails(fit_with(&model, &options, NULL), FGMM_ARGUMENT, "made without mini-batches");
    options.mini_batch = 0;
    fgmm_source *fewer = memory_source(rows, FGMM_F32, N - 1, D), *narrower = memory_source(rows, FGMM_F32, N, D - 1);
    ck_fails(fgmm_fit(&model, device, fewer, &options, NULL), FGMM_DATA, "made of 3000 rows, but the data has 2999");
    ck_fails(fgmm_fit(&model, device, narrower, &options, NULL), FGMM_DATA, "D = 5, but the data has D = 4");
    fgmm_source_close(fewer);
    fgmm_source_close(narrower);
    options.resume = result;
    ck_fails(fit_with(&model, &options, NULL), FGMM_FORMAT, "not a checkpoint");
    options.resume = "/nonexistent/checkpoint";
    ck_fails(fit_with(&model, &options, NULL), FGMM_IO, "/nonexistent/checkpoint");
}
END_TEST

START_TEST(test_resume__a_checkpoint_is_a_model)
{
    fgmm_model *model, *loaded;
    fgmm_fit_options options = fit_options(FGMM_SPHERICAL);
    stop at = {FGMM_PHASE_EM, 2, 1};
    options.checkpoint = checkpoint;
    options.progress = stop_there;
    options.progress_user = &at;
    ck_fails(fit_with(&model, &options, NULL), FGMM_CANCELLED, "cancelled");
    ck_ok(fgmm_model_load(&loaded, checkpoint));
    ck_assert_mem_eq(fgmm_model_means(model), fgmm_model_means(loaded), K * D * sizeof(double));
    fgmm_model_free(model);
    fgmm_model_free(loaded);
}
END_TEST

START_TEST(test_resume__checkpoint_that_cannot_be_written)
{
    fgmm_model *model;
    fgmm_fit_report report = fgmm_fit_report_init();
    fgmm_fit_options options = fit_options(FGMM_SPHERICAL);
    options.checkpoint = "/nonexistent/folder/run.ckpt";
    ck_fails(fit_with(&model, &options, &report), FGMM_IO, "/nonexistent/folder/run.ckpt");
    ck_assert_ptr_nonnull(model); /* the iteration itself was finished */
    ck_assert_int_eq(report.stop_reason, FGMM_STOP_FAILED);
    ck_assert_uint_eq(report.kmeans_iterations, 1);
    fgmm_model_free(model);
    fgmm_fit_report_clear(&report);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_resume__on_the_dense_path_to_the_same_bytes,
        test_resume__spherical_to_the_same_bytes,
        test_resume__diag_to_the_same_bytes,
        test_resume__full_to_the_same_bytes,
        test_resume__of_a_finished_run_changes_nothing,
        test_resume__twice,
        test_resume__refuses_another_run,
        test_resume__a_checkpoint_is_a_model,
        test_resume__checkpoint_that_cannot_be_written,
    };
    Suite *s = suite_create("em resume");
    ADD_CASE(s, "em resume", setup, teardown, 300, tests);
    return s;
}
