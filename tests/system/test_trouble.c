/* test_trouble.c - what happens to other people's devices in the midst of a run: other programs hold the memory, the
 * driver ends a launch, the device goes away. Results that were finished stay, and texts say what to do. */
#include "mixtures.h"
#include "support.h"

#include "handle.h"
#include "pass.h"
#include "pretend.h"
#include "wrong_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 6000, D = 7, K = 6, BATCH = 2048 };

/* Smaller batches are summed in another order, in float32. */
static const double tolerance = 1e-4;

static fgmm_device *device;
static float *rows;
static char logged[512];

static void listen(void *user, const char *line)
{
    (void)user;
    if (strstr(line, "other programs")) snprintf(logged, sizeof logged, "%s", line);
}

static void setup(void)
{
    fgmm_device_options options = fgmm_device_options_init();
    options.cache_dir = options.check_program = "";
    options.log = listen;
    ck_ok(fgmm_device_open(&device, &options));
    rows = draw_rows(N, D, K, 31);
}

static void teardown(void)
{
    lose_device(0);
    leave_memory(UINT64_MAX);
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
    options.batch_rows = BATCH;
    return options;
}

static fgmm_status fit(fgmm_model **model, const fgmm_fit_options *options, fgmm_fit_report *report)
{
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
    const fgmm_status status = fgmm_fit(model, device, source, options, report);
    fgmm_source_close(source);
    return status;
}

/* ---- memory ---- */

/* As any device whose memory is not the host's. */
static void pretend_own_memory(void)
{
    const fg_device_facts *facts = fg_device_facts_of(device);
    const pretended_gpu gpu = {.local_bytes = 32 * 1024, .max_work_group = 256, .has_fp64 = facts->has_fp64};
    pretend_gpu(device, &gpu);
}

/* First all rows stay there, then not all, in smaller batches; then too little is left, which the text counts. The
 * budget was as large every time: what is really there decides. */
START_TEST(test_trouble__other_programs_hold_memory)
{
    fgmm_fit_report report = fgmm_fit_report_init();
    fgmm_model *model, *other;
    pretend_own_memory();
    const fgmm_fit_options options = fit_options();
    const fg_pass_options pass = {.k = K, .d = D, .type = FGMM_F32, .batch_rows = BATCH / 4};
    const uint64_t budget = device->memory_limit, little = fg_pass_bytes(device, &pass) + 2 * BATCH * D * sizeof(float);
    ck_ok(fit(&model, &options, &report));
    ck_assert_int_eq(report.rows_resident, 1);
    ck_assert_uint_eq(report.batch_rows, BATCH);
    ck_assert_str_eq(logged, "");
    leave_memory(little);
    ck_ok(fit(&other, &options, &report));
    ck_assert_int_eq(report.rows_resident, 0);
    ck_assert_uint_lt(report.batch_rows, BATCH);
    ck_assert_msg(strstr(logged, "bytes are there"), "\"%s\"", logged);
    ck_assert_uint_le(device->memory_limit, little);
    fgmm_model_info info = fgmm_model_info_init(), smaller = fgmm_model_info_init();
    ck_ok(fgmm_model_describe(model, &info));
    ck_ok(fgmm_model_describe(other, &smaller));
    ck_assert_double_eq_tol(info.log_likelihood, smaller.log_likelihood, tolerance);
    fgmm_model_free(model);
    fgmm_model_free(other);
    device->memory_limit = budget;
    leave_memory(1 << 16);
    ck_fails(fit(&model, &options, &report), FGMM_MEMORY, "bytes are all that other programs leave");
    ck_assert_ptr_null(model);
    ck_assert_uint_eq(fgmm_device_bytes(device), 0);
    fgmm_fit_report_clear(&report);
}
END_TEST

START_TEST(test_trouble__a_buffer_that_does_not_fit_has_figures)
{
    fg_buffer *buffer;
    ck_ok(fg_buffer_create(&buffer, device, 1000, FG_BUFFER_DEVICE, "means"));
    leave_memory(999);
    fg_buffer *second;
    ck_fails(fg_buffer_create(&second, device, 1000, FG_BUFFER_DEVICE, "rows"), FGMM_MEMORY,
             "rows, 1000 bytes beside 1000 that are held, of ");
    ck_assert_ptr_nonnull(strstr(fgmm_last_error(), "other programs may hold"));
    fg_buffer_free(buffer);
}
END_TEST

/* ---- a launch that was cut off ---- */

START_TEST(test_trouble__a_watchdog_is_told_from_a_lost_device)
{
    static const cl_int codes[] = {CL_OUT_OF_RESOURCES, CL_DEVICE_NOT_AVAILABLE, CL_INVALID_COMMAND_QUEUE,
                                   CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        ck_fails(fg_cl_fail_waiting(FGMM_DEVICE, codes[i], 2.13, "clFinish", "%s", "a device"), FGMM_DEVICE,
                 "after 2.1 s: a launch was cut off");
        ck_assert_ptr_nonnull(strstr(fgmm_last_error(), "--batch-rows"));
        ck_fails(fg_cl_fail_waiting(FGMM_DEVICE, codes[i], 0.01, "clFinish", "%s", "a device"), FGMM_DEVICE,
                 "reset, switched off or taken away");
        ck_assert_ptr_null(strstr(fgmm_last_error(), "cut off"));
    }
    ck_fails(fg_cl_fail_waiting(FGMM_DEVICE, CL_INVALID_VALUE, 9, "clFinish", "%s", "a device"), FGMM_DEVICE,
             "a device: clFinish gave CL_INVALID_VALUE (-30)");
    ck_assert_ptr_null(strstr(fgmm_last_error(), "launch"));
}
END_TEST

/* ---- a device that goes away ---- */

typedef struct loss {
    fgmm_phase phase;
    uint64_t iteration;
} loss;

static int lose(void *user, const fgmm_progress *p)
{
    const loss *at = user;
    if (p->phase == at->phase && p->iteration == at->iteration && !p->iteration_finished) lose_device(1);
    return 0;
}

/* For good, in the third iteration of EM: two are kept, in the model and in the checkpoint; a device that is opened
 * again goes on from there to the bytes of a run that nothing has happened to. */
START_TEST(test_trouble__a_lost_device_leaves_the_last_iteration)
{
    char checkpoint[256];
    fgmm_fit_report report = fgmm_fit_report_init();
    fgmm_fit_options options = fit_options();
    fgmm_model *whole, *kept, *two, *resumed;
    loss at = {FGMM_PHASE_EM, 3};
    snprintf(checkpoint, sizeof checkpoint, "%s", temporary_path("checkpoint.safetensors"));
    ck_ok(fit(&whole, &options, NULL));
    options.max_iterations = 2;
    ck_ok(fit(&two, &options, NULL));
    options = fit_options();
    options.checkpoint = checkpoint;
    options.progress = lose;
    options.progress_user = &at;
    ck_fails(fit(&kept, &options, &report), FGMM_DEVICE, "reset, switched off or taken away");
    ck_assert_int_eq(report.stop_reason, FGMM_STOP_FAILED);
    ck_assert_uint_eq(report.iterations, 2);
    ck_assert_ptr_nonnull(kept);
    ck_assert_mem_eq(fgmm_model_means(kept), fgmm_model_means(two), K * D * sizeof(double));
    fgmm_model *none;
    options.progress = NULL;
    ck_fails(fit(&none, &options, NULL), FGMM_DEVICE, "CL_DEVICE_NOT_AVAILABLE");
    ck_assert_ptr_null(none);
    free(rows);
    fgmm_device_close(device); /* neither hangs nor crashes */
    lose_device(0);
    setup();
    options.checkpoint = NULL;
    options.resume = checkpoint;
    ck_ok(fit(&resumed, &options, NULL));
    ck_assert(is_same_model(whole, resumed));
    fgmm_model_free(whole);
    fgmm_model_free(two);
    fgmm_model_free(kept);
    fgmm_model_free(resumed);
    fgmm_fit_report_clear(&report);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_trouble__other_programs_hold_memory,
        test_trouble__a_buffer_that_does_not_fit_has_figures,
        test_trouble__a_watchdog_is_told_from_a_lost_device,
        test_trouble__a_lost_device_leaves_the_last_iteration,
    };
    Suite *s = suite_create("trouble");
    ADD_CASE(s, "trouble", setup, teardown, 120, tests);
    return s;
}
