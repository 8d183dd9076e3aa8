/* test_em_stream.c - where rows come from and where they stay does not matter; failures on the way leave the model of
 * the last finished iteration; memory limits are kept or refused. */
#include "mixtures.h"
#include "support.h"

#include "device.h"
#include "feed.h"
#include "handle.h"
#include "lent.h"
#include "memory_plan.h"
#include "pass.h"
#include "thread.h"

#include "flashgmm/opencl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 6000, D = 7, K = 6, BATCH = 500, BATCHES = N / BATCH };

static fgmm_device *device;
static float *rows;

static void setup(void)
{
    device = open_test_device();
    rows = draw_rows(N, D, K, 31);
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
    options.kmeans_iterations = 2;
    options.max_iterations = 4;
    options.tolerance = 0;
    options.batch_rows = BATCH;
    return options;
}

static fgmm_model *fit_source(fgmm_device *on, fgmm_source *source, fgmm_fit_report *report)
{
    fgmm_model *model;
    const fgmm_fit_options options = fit_options();
    ck_ok(fgmm_fit(&model, on, source, &options, report));
    fgmm_source_close(source);
    return model;
}

/* A device whose budget has room for the pass and some batches, but not for all rows. */
static fgmm_device *open_device_for(int batches)
{
    fgmm_device *small;
    fgmm_device_options options = fgmm_device_options_init();
    const fg_pass_options pass = {.k = K, .d = D, .type = FGMM_F32, .batch_rows = BATCH};
    options.cache_dir = "";
    options.memory_limit_bytes = fg_pass_bytes(device, &pass) + (size_t)batches * BATCH * D * sizeof(float);
    ck_ok(fgmm_device_open(&small, &options));
    return small;
}

static fgmm_device *open_small_device(void)
{
    return open_device_for(6);
}

static fgmm_source *lent_source(fg_buffer **buffer)
{
    fgmm_source *source;
    ck_ok(fg_buffer_create(buffer, device, 8 + N * D * sizeof(float), FG_BUFFER_DEVICE, "test rows"));
    ck_ok(fg_buffer_write(*buffer, 8, rows, N * D * sizeof(float)));
    ck_ok(fgmm_source_from_cl_mem(&source, device, fg_buffer_memory(*buffer), FGMM_F32, N, D, 8));
    return source;
}

START_TEST(test_stream__every_kind_of_source_gives_the_same_bytes)
{
    fgmm_fit_report report = fgmm_fit_report_init();
    fgmm_model *resident = fit_source(device, memory_source(rows, FGMM_F32, N, D), &report), *other;
    ck_assert_int_eq(report.rows_resident, 1);
    rows_feed feed = {.rows = rows, .type = FGMM_F32, .n = N, .d = D, .chunk = 77};
    other = fit_source(device, feed_source(&feed, N), &report);
    ck_assert(is_same_model(resident, other));
    ck_assert_uint_eq(feed.pass, 2); /* the first pass, and the pass that fills the device */
    fgmm_model_free(other);
    feed.pass = 0;
    other = fit_source(device, feed_source(&feed, FGMM_ROWS_UNKNOWN), &report);
    ck_assert(is_same_model(resident, other));
    fgmm_model_free(other);
    fg_buffer *buffer;
    other = fit_source(device, lent_source(&buffer), &report);
    ck_assert(is_same_model(resident, other));
    ck_assert_int_eq(report.rows_resident, 1);
    fgmm_model_free(other);
    fg_buffer_free(buffer);
    fgmm_model_free(resident);
    fgmm_fit_report_clear(&report);
}
END_TEST

/* Kernels of GPUs load four elements at once where D is a multiple of four. */
START_TEST(test_stream__rows_lent_between_vectors_are_moved)
{
    enum { EVEN_D = 8, EVEN_N = N * D / EVEN_D, CAPACITY = 10, FIRST = 3, COUNT = 7 };
    const size_t row_bytes = EVEN_D * sizeof(float), skipped = sizeof(float);
    const fg_batch_layout layout = {.row_bytes = row_bytes, .capacity = CAPACITY};
    fg_buffer *buffer;
    fgmm_source *source;
    fg_lent lent;
    fg_rows batch;
    float found[COUNT * EVEN_D];
    ck_ok(fg_buffer_create(&buffer, device, skipped + EVEN_N * row_bytes, FG_BUFFER_DEVICE, "test rows"));
    ck_ok(fg_buffer_write(buffer, skipped, rows, EVEN_N * row_bytes));
    ck_ok(fgmm_source_from_cl_mem(&source, device, fg_buffer_memory(buffer), FGMM_F32, EVEN_N, EVEN_D, skipped));
    ck_ok(fg_lent_open(&lent, device, source, &layout));
    ck_ok(fg_lent_batch(&batch, &lent, &layout, NULL, FIRST, COUNT));
    ck_assert_uint_eq(batch.offset_bytes % (4 * sizeof(float)), 0);
    ck_ok(fg_buffer_read(batch.buffer, batch.offset_bytes, found, sizeof found));
    ck_assert_mem_eq(found, rows + FIRST * EVEN_D, sizeof found);
    fg_lent_clear(&lent);
    fgmm_model *expected = fit_source(device, memory_source(rows, FGMM_F32, EVEN_N, EVEN_D), NULL);
    fgmm_model *other = fit_source(device, source, NULL);
    ck_assert(is_same_model(expected, other));
    fgmm_model_free(expected);
    fgmm_model_free(other);
    fg_buffer_free(buffer);
}
END_TEST

START_TEST(test_stream__streamed_is_in_memory)
{
    fgmm_fit_report report = fgmm_fit_report_init();
    fgmm_model *resident = fit_source(device, memory_source(rows, FGMM_F32, N, D), &report);
    fgmm_device *small = open_small_device();
    fgmm_fit_options options = fit_options();
    rows_feed feed = {.rows = rows, .type = FGMM_F32, .n = N, .d = D};
    fgmm_source *source = feed_source(&feed, N);
    fgmm_model *streamed, *start = make_mixture(K, D, 31);
    options.init = FGMM_INIT_MODEL; /* the sample would not fit this device */
    options.start = start;
    ck_ok(fgmm_fit(&streamed, small, source, &options, &report));
    ck_assert_int_eq(report.rows_resident, 0);
    ck_assert_uint_eq(report.batch_rows, BATCH);
    ck_assert_uint_eq(feed.pass, 1 + 2 + 4 + 1);
    fgmm_model_free(resident);
    resident = fit_rows(device, rows, N, D, &options, &report);
    ck_assert_int_eq(report.rows_resident, 1);
    ck_assert(is_same_model(resident, streamed));
    fgmm_source_close(source);
    fgmm_model_free(start);
    fgmm_model_free(resident);
    fgmm_model_free(streamed);
    fgmm_device_close(small);
    fgmm_fit_report_clear(&report);
}
END_TEST

/* A part of the batches stays, the others are read in every pass, with weights and without. */
START_TEST(test_stream__partly_resident_is_in_memory)
{
    fgmm_fit_report report = fgmm_fit_report_init();
    fgmm_fit_options options = fit_options();
    fgmm_model *start = make_mixture(K, D, 31), *partly;
    float weights[N];
    for (int i = 0; i < N; i++) weights[i] = (float)(1 + i % 5);
    options.init = FGMM_INIT_MODEL;
    options.start = start;
    for (int variant = 0; variant < 4; variant++) {
        const int is_apart = variant % 2;
        options.weights = variant < 2 ? NULL : memory_source(weights, FGMM_F32, N, 1);
        fgmm_model *resident = fit_rows(device, rows, N, D, &options, &report);
        ck_assert_uint_eq(report.resident_rows, N);
        fgmm_device *small = open_device_for(11);
        if (is_apart) small->facts.has_unified_memory = 0;
        partly = fit_rows(small, rows, N, D, &options, &report);
        ck_assert_int_eq(report.rows_resident, 0);
        ck_assert_uint_gt(report.resident_rows, 0);
        ck_assert_uint_lt(report.resident_rows, N);
        ck_assert_uint_eq(report.resident_rows % BATCH, 0);
        ck_assert(is_same_model(resident, partly));
        fgmm_source_close(options.weights);
        fgmm_model_free(resident);
        fgmm_model_free(partly);
        fgmm_device_close(small);
    }
    fgmm_model_free(start);
    fgmm_fit_report_clear(&report);
}
END_TEST

/* A device apart from the host, as the stream sees it: rows go through staging buffers. */
START_TEST(test_stream__staged_is_direct)
{
    fgmm_fit_report report = fgmm_fit_report_init();
    fgmm_fit_options options = fit_options();
    fgmm_model *start = make_mixture(K, D, 31), *staged;
    options.init = FGMM_INIT_MODEL;
    options.start = start;
    fgmm_model *direct = fit_rows(device, rows, N, D, &options, NULL);
    for (int is_resident = 0; is_resident < 2; is_resident++) {
        fgmm_device *apart = is_resident ? open_test_device() : open_small_device();
        apart->facts.has_unified_memory = 0;
        staged = fit_rows(apart, rows, N, D, &options, &report);
        ck_assert_int_eq(report.rows_resident, is_resident);
        ck_assert(is_same_model(direct, staged));
        fgmm_model_free(staged);
        fgmm_device_close(apart);
    }
    fgmm_model_free(start);
    fgmm_model_free(direct);
    fgmm_fit_report_clear(&report);
}
END_TEST

/* Batches of more bytes than go to the device, or are copied, at once; the last one is short. */
START_TEST(test_stream__batches_travel_in_chunks)
{
    enum { LONG_N = 170000, LONG_D = 128, LONG_BATCH = 160000 };
    uint8_t *bytes = malloc((size_t)LONG_N * LONG_D);
    for (size_t i = 0; i < (size_t)LONG_N * LONG_D; i++) bytes[i] = (uint8_t)(i * 2654435761u >> 24);
    fgmm_model *models[2];
    for (int is_apart = 0; is_apart < 2; is_apart++) {
        fgmm_device *on = open_test_device();
        fgmm_source *source = memory_source(bytes, FGMM_U8, LONG_N, LONG_D);
        fgmm_fit_options options = fit_options();
        options.components = 2;
        options.kmeans_iterations = 0;
        options.max_iterations = 1;
        options.init = FGMM_INIT_RANDOM;
        options.batch_rows = LONG_BATCH;
        if (is_apart) on->facts.has_unified_memory = 0;
        ck_ok(fgmm_fit(&models[is_apart], on, source, &options, NULL));
        fgmm_source_close(source);
        fgmm_device_close(on);
    }
    ck_assert(is_same_model(models[0], models[1]));
    for (int i = 0; i < 2; i++) fgmm_model_free(models[i]);
    free(bytes);
}
END_TEST

START_TEST(test_stream__types_agree)
{
    /* Whole numbers are exact in every type; the shift is not a whole number for float types: rounding differs. */
    const double allowed = 1e-4;
    uint8_t *u8 = malloc(N * D);
    int8_t *i8 = malloc(N * D);
    float *f32 = malloc(N * D * sizeof *f32);
    double *f64 = malloc(N * D * sizeof *f64);
    for (int i = 0; i < N * D; i++) {
        const float x = rintf(4 * rows[i] + 64);
        u8[i] = (uint8_t)(x < 0 ? 0 : x > 127 ? 127 : x);
        i8[i] = (int8_t)u8[i];
        f64[i] = u8[i];
        f32[i] = u8[i];
    }
    const void *const all[] = {u8, i8, NULL, f32, f64};
    fgmm_fit_report report = fgmm_fit_report_init();
    fgmm_model *first = fit_source(device, memory_source(u8, FGMM_U8, N, D), &report);
    for (int type = FGMM_I8; type <= FGMM_F64; type++) {
        if (!all[type]) continue;
        fgmm_model *model = fit_source(device, memory_source(all[type], (fgmm_type)type, N, D), &report);
        for (int i = 0; i < K * D; i++)
            ck_assert_double_le(fabs(fgmm_model_means(model)[i] - fgmm_model_means(first)[i]), allowed);
        fgmm_model_free(model);
    }
    fgmm_model_free(first);
    fgmm_fit_report_clear(&report);
    free(u8);
    free(i8);
    free(f32);
    free(f64);
}
END_TEST

/* ---- failures ---- */

/* What an interrupted run should deliver: the parameters after so many iterations. */
static void check_stopped_at(const fgmm_model *model, uint32_t kmeans_iterations, uint32_t iterations)
{
    fgmm_fit_options options = fit_options();
    fgmm_model_info info = fgmm_model_info_init();
    ck_assert_ptr_nonnull(model);
    options.kmeans_iterations = kmeans_iterations;
    options.max_iterations = iterations;
    fgmm_model *expected = fit_rows(device, rows, N, D, &options, NULL);
    ck_ok(fgmm_model_describe(model, &info));
    ck_assert_uint_eq(info.iterations, iterations);
    ck_assert_mem_eq(fgmm_model_means(model), fgmm_model_means(expected), K * D * sizeof(double));
    ck_assert_mem_eq(fgmm_model_weights(model), fgmm_model_weights(expected), K * sizeof(double));
    ck_assert_mem_eq(fgmm_model_covariances(model), fgmm_model_covariances(expected), K * sizeof(double));
    fgmm_model_free(expected);
}

/* Cancels, or makes the device fail, at a moment. */
typedef struct interruption {
    fgmm_phase phase;
    uint64_t iteration;
    int at_finish; /* 1: when the iteration is finished; 0: after its third batch */
    int fail_device;
    int calls_after;
    int is_done;
} interruption;

static int interrupt(void *user, const fgmm_progress *p)
{
    interruption *at = user;
    if (at->is_done) at->calls_after++;
    if (p->phase != at->phase || p->iteration != at->iteration || p->iteration_finished != at->at_finish) return 0;
    if (!at->at_finish && p->rows_done < 3 * BATCH) return 0;
    at->is_done = 1;
    if (!at->fail_device) return 9;
    fg_device_fail_launch(device, 1);
    return 0;
}

static fgmm_status fit_interrupted(fgmm_model **model, interruption *at, fgmm_fit_report *report)
{
    fgmm_fit_options options = fit_options();
    options.progress = interrupt;
    options.progress_user = at;
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
    fgmm_status status = fgmm_fit(model, device, source, &options, report);
    fgmm_source_close(source);
    return status;
}

START_TEST(test_stream__cancelled_runs_keep_the_last_iteration)
{
    static const struct {
        fgmm_phase phase;
        uint64_t iteration;
        int at_finish;
        int has_model;
        uint32_t kmeans_iterations, iterations;
    } cases[] = {
        {FGMM_PHASE_FIRST_PASS, 1, 0, 0, 0, 0}, {FGMM_PHASE_INIT, 3, 1, 0, 0, 0},  {FGMM_PHASE_KMEANS, 1, 0, 0, 0, 0},
        {FGMM_PHASE_KMEANS, 1, 1, 1, 1, 0},     {FGMM_PHASE_EM, 1, 0, 1, 2, 0},    {FGMM_PHASE_EM, 3, 0, 1, 2, 2},
        {FGMM_PHASE_EM, 3, 1, 1, 2, 3},         {FGMM_PHASE_FINAL, 1, 0, 1, 2, 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fgmm_fit_report report = fgmm_fit_report_init();
        fgmm_model *model;
        interruption at = {.phase = cases[i].phase, .iteration = cases[i].iteration, .at_finish = cases[i].at_finish};
        ck_fails(fit_interrupted(&model, &at, &report), FGMM_CANCELLED, "returned 9");
        ck_assert_int_eq(at.calls_after, 0);
        ck_assert_int_eq(report.stop_reason, FGMM_STOP_CANCELLED);
        if (cases[i].has_model)
            check_stopped_at(model, cases[i].kmeans_iterations, cases[i].iterations);
        else
            ck_assert_ptr_null(model);
        fgmm_model_free(model);
        fgmm_fit_report_clear(&report);
    }
}
END_TEST

START_TEST(test_stream__failing_device_keeps_the_last_iteration)
{
    interruption at = {.phase = FGMM_PHASE_EM, .iteration = 3, .fail_device = 1};
    fgmm_fit_report report = fgmm_fit_report_init();
    fgmm_model *model;
    ck_fails(fit_interrupted(&model, &at, &report), FGMM_DEVICE, "CL_OUT_OF_RESOURCES");
    ck_assert_int_eq(report.stop_reason, FGMM_STOP_FAILED);
    ck_assert_uint_eq(report.iterations, 2);
    ck_assert_uint_eq(report.history_count, 2);
    check_stopped_at(model, 2, 2);
    fgmm_model_free(model);
    at = (interruption){.phase = FGMM_PHASE_INIT, .iteration = 2, .at_finish = 1, .fail_device = 1};
    ck_fails(fit_interrupted(&model, &at, &report), FGMM_DEVICE, "CL_OUT_OF_RESOURCES");
    ck_assert_ptr_null(model);
    fgmm_fit_report_clear(&report);
}
END_TEST

START_TEST(test_stream__failing_callback_keeps_the_last_iteration)
{
    fgmm_device *small = open_small_device();
    const fgmm_fit_options options = fit_options();
    fgmm_fit_report report = fgmm_fit_report_init();
    fgmm_model *model;
    rows_feed feed = {.rows = rows, .type = FGMM_F32, .n = N, .d = D};
    for (unsigned pass = 1; pass <= 8; pass++) { /* first pass, two of k-means, four of EM, the final one */
        feed.pass = 0;
        feed.fail_pass = pass;
        feed.fail_row = pass % 2 ? N / 2 : 0;
        fgmm_fit_options streamed = options;
        streamed.init = FGMM_INIT_RANDOM;
        fgmm_source *source = feed_source(&feed, N);
        ck_fails(fgmm_fit(&model, small, source, &streamed, &report), FGMM_CALLBACK, "the well has run dry");
        ck_assert_uint_eq(report.kmeans_iterations + report.iterations, pass <= 2 ? 0 : pass - 2);
        if (pass <= 2)
            ck_assert_ptr_null(model);
        else
            ck_assert_ptr_nonnull(model);
        fgmm_model_free(model);
        fgmm_source_close(source);
    }
    fgmm_fit_report_clear(&report);
    fgmm_device_close(small);
}
END_TEST

static fgmm_status use_batch(void *user, const fg_rows *batch)
{
    (void)user;
    ck_assert_uint_gt(batch->n, 0);
    return FGMM_OK;
}

START_TEST(test_stream__changed_row_count_is_noticed)
{
    /* A feed that has another row in its second pass. */
    for (int resident = 0; resident < 2; resident++)
        for (int more = 0; more < 2; more++) {
            rows_feed feed = {.rows = rows, .type = FGMM_F32, .n = 4 * BATCH, .d = D};
            fgmm_source *source = feed_source(&feed, FGMM_ROWS_UNKNOWN);
            double mean[D] = {0};
            const fg_shift shift = {.host = mean, .unit = 1, .row_unit = 1};
            fgmm_device *small = open_small_device();
            fg_feed_options options = {.device = small, .source = source, .batch_rows = BATCH, .shift = &shift};
            fg_feed *stream;
            fg_progress progress;
            float one[D];
            uint64_t count = 1;
            ck_ok(fgmm_source_rewind(source));
            while (count) ck_ok(fgmm_source_next(source, one, 1, &count));
            feed.n += more ? 1 : (uint64_t)-1;
            options.rows = 4 * BATCH;
            options.resident_rows = resident ? options.rows : 0;
            ck_ok(fg_feed_open(&stream, &options));
            ck_ok(fg_feed_begin(stream));
            fg_progress_begin(&progress, small, NULL, NULL);
            ck_assert_int_eq(fg_feed_each(stream, &progress, use_batch, NULL), FGMM_DATA);
            ck_assert_ptr_nonnull(strstr(fgmm_last_error(), "2000"));
            fg_feed_close(stream);
            fgmm_source_close(source);
            fgmm_device_close(small);
        }
}
END_TEST

/* ---- memory ---- */

enum { WIDE_D = 256, WIDE_N = 200000 }; /* 51 MB of bytes, made on the way */

typedef struct made_rows {
    uint64_t position;
} made_rows;

static int made_rewind(void *user)
{
    ((made_rows *)user)->position = 0;
    return 0;
}

static int made_next(void *user, void *out, uint64_t capacity, uint64_t *count, char *message, size_t message_bytes)
{
    made_rows *made = user;
    (void)message, (void)message_bytes;
    *count = WIDE_N - made->position < capacity ? WIDE_N - made->position : capacity;
    for (uint64_t i = 0; i < *count; i++)
        memset((char *)out + i * WIDE_D, (int)((made->position + i) % 2 ? 10 : 200) + (int)((made->position + i) % 5),
               WIDE_D);
    made->position += *count;
    return 0;
}

static fgmm_status fit_made(fgmm_model **model, uint64_t limit, fgmm_fit_report *report)
{
    made_rows made = {0};
    fgmm_source *source;
    fgmm_callback_source callbacks = fgmm_callback_source_init();
    fgmm_fit_options options = fgmm_fit_options_init();
    callbacks.rows = WIDE_N;
    callbacks.dims = WIDE_D;
    callbacks.type = FGMM_U8;
    callbacks.rewind = made_rewind;
    callbacks.next = made_next;
    callbacks.user = &made;
    ck_ok(fgmm_source_from_callback(&source, &callbacks));
    options.components = 4;
    options.init = FGMM_INIT_RANDOM;
    options.kmeans_iterations = 1;
    options.max_iterations = 1;
    options.memory_limit_bytes = limit;
    fgmm_status status = fgmm_fit(model, device, source, &options, report);
    fgmm_source_close(source);
    return status;
}

START_TEST(test_stream__memory_limit_forces_streaming)
{
    /* What the allocator and the OpenCL compiler keep between the decision and the end. */
    const uint64_t slack = 24u << 20;
    fgmm_device_info info = fgmm_device_info_init();
    fgmm_fit_report report = fgmm_fit_report_init();
    fgmm_model *model;
    ck_ok(fgmm_device_describe(device, &info));
    if (info.kind != FGMM_DEVICE_CPU) return;
    ck_ok(fit_made(&model, (uint64_t)1 << 40, &report)); /* compiles, too */
    ck_assert_int_eq(report.rows_resident, 1);
    fgmm_model_free(model);
    const uint64_t limit = fg_memory_plan_held_bytes() + (40u << 20);
    ck_ok(fit_made(&model, limit, &report));
    ck_assert_int_eq(report.rows_resident, 0);
    ck_assert_uint_lt(fg_resident_bytes(), limit + slack);
    fgmm_model_free(model);
    ck_fails(fit_made(&model, fg_resident_bytes() / 2, &report), FGMM_MEMORY, "need at least");
    ck_assert_ptr_null(model);
    fgmm_fit_report_clear(&report);
}
END_TEST

START_TEST(test_stream__host_memory_counts_the_copies)
{
    const fg_pass_options pass = {.k = 100, .d = 40, .type = FGMM_F32, .batch_rows = 512};
    const uint64_t parameters = fg_pass_host_bytes(device, &pass, 0), all = fg_pass_host_bytes(device, &pass, 1);
    /* images of the means and their transposed form, and their rounding in double */
    ck_assert_uint_ge(parameters, 100 * 40 * (2 * sizeof(float) + sizeof(double)));
    /* a row's log-normaliser and count, and a dense tile of at least one row */
    ck_assert_uint_ge(all, parameters + 512 * 2 * sizeof(float) + 100 * sizeof(float));
}
END_TEST

START_TEST(test_stream__small_limit_makes_small_batches)
{
    fgmm_device_info info = fgmm_device_info_init();
    fgmm_fit_report report = fgmm_fit_report_init();
    fgmm_model *model;
    ck_ok(fgmm_device_describe(device, &info));
    if (info.kind != FGMM_DEVICE_CPU) return;
    ck_ok(fit_made(&model, (uint64_t)1 << 40, &report));
    const uint64_t usual = report.batch_rows;
    fgmm_model_free(model);
    const fg_pass_options least = {.k = 4, .d = WIDE_D, .type = FGMM_U8, .batch_rows = 1024};
    ck_ok(fit_made(&model, fg_memory_plan_held_bytes() + fg_pass_bytes(device, &least) + (2u << 20), &report));
    ck_assert_uint_lt(report.batch_rows, usual);
    ck_assert_uint_ge(report.batch_rows, 256);
    fgmm_model_free(model);
    fgmm_fit_report_clear(&report);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_stream__every_kind_of_source_gives_the_same_bytes,
        test_stream__rows_lent_between_vectors_are_moved,
        test_stream__streamed_is_in_memory,
        test_stream__partly_resident_is_in_memory,
        test_stream__staged_is_direct,
        test_stream__batches_travel_in_chunks,
        test_stream__types_agree,
        test_stream__host_memory_counts_the_copies,
        test_stream__cancelled_runs_keep_the_last_iteration,
        test_stream__failing_device_keeps_the_last_iteration,
        test_stream__failing_callback_keeps_the_last_iteration,
        test_stream__changed_row_count_is_noticed,
        test_stream__memory_limit_forces_streaming,
        test_stream__small_limit_makes_small_batches,
    };
    Suite *s = suite_create("em stream");
    ADD_CASE(s, "em stream", setup, teardown, 300, tests);
    return s;
}
