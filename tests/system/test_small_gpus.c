/* test_small_gpus.c - what the least of GPUs offer: 32 KiB of local memory, work-groups of 64 or 128 work-items, no
 * double precision, memory shared with the host or not, one queue. Each combination trains, evaluates and searches as
 * the device does otherwise, and no kernel takes more than there is. */
#include "mixtures.h"
#include "support.h"

#include "handle.h"
#include "pass.h"
#include "pretend.h"
#include "wrong_driver.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 1500, D = 7, K = 5, BATCH = 128, LOCAL_BYTES = 32 * 1024 };

/* Both devices round differently, in float32; the data is of clusters that are well apart. */
static const double tolerance = 1e-4;

static float *rows;

/* What is compared. */
typedef struct result {
    fgmm_model *spherical, *full;
    int32_t labels[N];
    int64_t ids[N];
} result;

static fgmm_model *train(fgmm_device *device, fgmm_covariance covariance, fgmm_init init, uint32_t batch_rows,
                         fgmm_fit_report *report)
{
    fgmm_fit_options options = fgmm_fit_options_init();
    options.components = K;
    options.covariance = covariance;
    options.init = init;
    options.kmeans_iterations = 2;
    options.max_iterations = 3;
    options.tolerance = 0;
    options.batch_rows = batch_rows;
    return fit_rows(device, rows, N, D, &options, report);
}

/* Each row's nearest row but one, itself: an index of all, and a search of all of its lists. */
static void search(int64_t *ids, fgmm_device *device, const fgmm_model *quantizer)
{
    fgmm_index_options build = fgmm_index_options_init();
    fgmm_search_options options = fgmm_search_options_init();
    const fgmm_rows queries = fgmm_rows_init(rows, FGMM_F32, N);
    const char *path = temporary_path("all.ivf");
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
    fgmm_index *index;
    fgmm_searcher *searcher;
    int64_t *both = malloc(2 * N * sizeof *both);
    build.quantizer = quantizer;
    ck_ok(fgmm_index_build(device, source, path, &build, NULL));
    ck_ok(fgmm_index_open(&index, path));
    ck_ok(fgmm_searcher_open(&searcher, index, device, NULL));
    options.top = 2;
    options.nprobe = K;
    ck_ok(fgmm_searcher_search(searcher, &queries, &options, both, NULL, NULL));
    for (size_t i = 0; i < N; i++) ids[i] = both[2 * i + 1];
    fgmm_searcher_close(searcher);
    fgmm_index_close(index);
    fgmm_source_close(source);
    free(both);
}

static void run_all(result *r, fgmm_device *device, int is_streamed)
{
    fgmm_fit_report report = fgmm_fit_report_init();
    const uint64_t limit = device->memory_limit;
    const fg_pass_options pass = {.k = K, .d = D, .type = FGMM_F32, .batch_rows = BATCH};
    if (is_streamed) device->memory_limit = fg_pass_bytes(device, &pass) + (uint64_t)6 * BATCH * D * sizeof(float);
    r->spherical = train(device, FGMM_SPHERICAL, FGMM_INIT_RANDOM, is_streamed ? BATCH : 0, &report);
    ck_assert_int_eq(report.rows_resident, !is_streamed);
    device->memory_limit = limit;
    r->full = train(device, FGMM_FULL, FGMM_INIT_RANDOM, 0, NULL);
    fgmm_model_free(train(device, FGMM_DIAG, FGMM_INIT_KMEANSPP, 0, NULL)); /* whose centres are in another order */
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
    ck_ok(fgmm_predict(device, r->full, source, r->labels));
    fgmm_source_close(source);
    search(r->ids, device, r->spherical);
    fgmm_fit_report_clear(&report);
}

static void check_models(const fgmm_model *a, const fgmm_model *b)
{
    fgmm_model_info info = fgmm_model_info_init(), other = fgmm_model_info_init();
    ck_ok(fgmm_model_describe(a, &info));
    ck_ok(fgmm_model_describe(b, &other));
    ck_assert_double_eq_tol(info.log_likelihood, other.log_likelihood, tolerance);
    for (size_t i = 0; i < K * D; i++)
        ck_assert_double_eq_tol(fgmm_model_means(a)[i], fgmm_model_means(b)[i], 10 * tolerance);
}

static void free_result(result *r)
{
    fgmm_model_free(r->spherical);
    fgmm_model_free(r->full);
}

static void setup(void)
{
    rows = draw_rows(N, D, K, 31);
}

static void teardown(void)
{
    refuse_queues(0);
    free(rows);
}

enum { HAS_UNIFIED_MEMORY = 1, HAS_LARGER_GROUPS = 2, HAS_FP64 = 4, HAS_SECOND_QUEUE = 8, COMBINATIONS = 16 };

static int has_said_so;

static void listen(void *user, const char *line)
{
    (void)user;
    if (strstr(line, "no second queue")) has_said_so = 1;
}

START_TEST(test_small_gpus__do_what_others_do)
{
    static result expected, found;
    const pretended_gpu gpu = {.has_unified_memory = (_i & HAS_UNIFIED_MEMORY) != 0,
                               .local_bytes = LOCAL_BYTES,
                               .max_work_group = _i & HAS_LARGER_GROUPS ? 128 : 64,
                               .has_fp64 = (_i & HAS_FP64) != 0};
    fgmm_device_options options = fgmm_device_options_init();
    fgmm_device *device;
    options.cache_dir = temporary_path("cache"); /* each program is checked once */
    options.check_program = "";
    options.log = listen;
    ck_ok(fgmm_device_open(&device, &options));
    run_all(&expected, device, 0);
    fgmm_device_close(device);
    ck_ok(fgmm_device_open(&device, &options));
    if (gpu.has_unified_memory && !device->facts.has_unified_memory) skip_test("memory is not shared here");
    if (gpu.has_fp64 && !device->facts.has_fp64) skip_test("no doubles here");
    pretend_gpu(device, &gpu);
    fg_device_poison_buffers(device);
    refuse_queues(!(_i & HAS_SECOND_QUEUE));
    most_local_bytes();
    most_group_items();
    has_said_so = 0;
    now_testing("groups of %zu%s%s%s", gpu.max_work_group, gpu.has_unified_memory ? ", shared memory" : "",
                gpu.has_fp64 ? ", doubles" : "", _i & HAS_SECOND_QUEUE ? "" : ", one queue");
    run_all(&found, device, 1);
    ck_assert_uint_le(most_group_items(), gpu.max_work_group);
    ck_assert_uint_le(most_local_bytes(), LOCAL_BYTES);
    ck_assert_int_eq(has_said_so, !(_i & HAS_SECOND_QUEUE));
    check_models(found.spherical, expected.spherical);
    check_models(found.full, expected.full);
    ck_assert_mem_eq(found.labels, expected.labels, sizeof found.labels);
    ck_assert_mem_eq(found.ids, expected.ids, sizeof found.ids);
    free_result(&expected);
    free_result(&found);
    fgmm_device_close(device);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("small GPUs");
    TCase *cases = tcase_create("small GPUs");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 300);
    tcase_add_loop_test(cases, test_small_gpus__do_what_others_do, 0, COMBINATIONS);
    suite_add_tcase(s, cases);
    return s;
}
