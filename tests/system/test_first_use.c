/* test_first_use.c - the first contact of a process with OpenCL: from several threads at once, in the child of a
 * process that was there before, with floating-point exceptions that trap; and what is compiled then. Nothing here
 * opens a device in a fixture: each test, or each process that it forks, is its own first use. */
#define _GNU_SOURCE /* feenableexcept */
#include "support.h"

#include "flashgmm/flashgmm.h"
#include "flashgmm/opencl.h"
#include "handle.h"
#include "thread.h"

#include <fenv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, ROWS = 4000, DIMS = 3, MOST_S = 120 };
enum { RUNS = 5, ALL_RUNS = 20 }; /* of 20 first uses by threads without a lock, 17 crashed */

static float rows[ROWS][DIMS];

static void make_rows(void)
{
    for (unsigned i = 0; i < ROWS; i++)
        for (unsigned j = 0; j < DIMS; j++)
            rows[i][j] = (float)((i * DIMS + j) * 7919u % 1000u) / 100 + (float)(i % 4) * 30;
}

/* Lists, opens, trains, closes. */
static fgmm_status use(double *mean)
{
    fgmm_status status = FGMM_OK;
    fgmm_device *device = NULL;
    fgmm_source *source = NULL;
    fgmm_model *model = NULL;
    fgmm_fit_options options = fgmm_fit_options_init();
    size_t count;
    options.components = 4;
    FG_TRY(fgmm_devices_list(NULL, 0, &count));
    FG_TRY(fgmm_device_open(&device, NULL));
    FG_TRY(fgmm_source_from_memory(&source, rows, FGMM_F32, ROWS, DIMS, 0));
    FG_TRY(fgmm_fit(&model, device, source, &options, NULL));
    *mean = fgmm_model_means(model)[0];
done:
    fgmm_model_free(model);
    fgmm_source_close(source);
    fgmm_device_close(device);
    return status;
}

/* Runs body in a child, which a hang does not outlive; returns what it returned, or minus the signal that ended it. */
static int in_child(int (*body)(void))
{
    int result;
    fflush(stdout);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        alarm(MOST_S);
        _exit(body());
    }
    ck_assert_int_eq(waitpid(child, &result, 0), child);
    return WIFEXITED(result) ? WEXITSTATUS(result) : -WTERMSIG(result);
}

/* ---- threads ---- */

typedef struct user {
    fgmm_status status;
    double mean;
    char text[FG_ERROR_TEXT_BYTES];
} user;

static void use_in_thread(void *argument)
{
    user *u = argument;
    u->status = use(&u->mean);
    if (u->status != FGMM_OK) fg_error_save(u->text);
}

static int use_in_threads(void)
{
    user users[THREADS] = {{FGMM_OK, 0, ""}};
    fg_thread *threads[THREADS];
    int failed = 0;
    for (int i = 0; i < THREADS; i++)
        if (fg_thread_start(&threads[i], use_in_thread, &users[i]) != FGMM_OK) return 2;
    for (int i = 0; i < THREADS; i++) fg_thread_join(threads[i]);
    for (int i = 0; i < THREADS; i++) {
        if (users[i].status != FGMM_OK) fprintf(stderr, "thread %d: %s\n", i, users[i].text);
        if (users[i].status != FGMM_OK || users[i].mean != users[0].mean) failed = 1;
    }
    return failed;
}

START_TEST(test_first_use__by_four_threads_at_once)
{
    const int runs = getenv("FG_TEST_ALL") ? ALL_RUNS : RUNS;
    make_rows();
    for (int i = 0; i < runs; i++) ck_assert_int_eq(in_child(use_in_threads), 0);
}
END_TEST

/* ---- fork ---- */

static int is_refused(fgmm_status status)
{
    const int is_right = status == FGMM_DEVICE && strstr(fgmm_last_error(), "fork") != NULL;
    if (!is_right) fprintf(stderr, "status %d instead of a refusal: %s\n", (int)status, fgmm_last_error());
    return is_right;
}

static int first_calls_are_refused(void)
{
    fgmm_device *device = NULL;
    size_t count = 1;
    if (!is_refused(fgmm_device_open(&device, NULL)) || device) return 1;
    if (!is_refused(fgmm_devices_list(NULL, 0, &count)) || count != 0) return 2;
    return 0;
}

START_TEST(test_first_use__is_refused_after_a_parent_that_listed)
{
    size_t count;
    ck_ok(fgmm_devices_list(NULL, 0, &count));
    ck_assert_int_eq(in_child(first_calls_are_refused), 0);
    ck_ok(fgmm_devices_list(NULL, 0, &count)); /* the parent goes on */
}
END_TEST

START_TEST(test_first_use__is_refused_after_a_parent_that_closed_its_device)
{
    double mean;
    make_rows();
    ck_ok(use(&mean));
    ck_assert_int_eq(in_child(first_calls_are_refused), 0);
    ck_ok(use(&mean));
}
END_TEST

static int use_once(void)
{
    double mean;
    return use(&mean) != FGMM_OK;
}

START_TEST(test_first_use__is_free_in_the_child_of_a_parent_without)
{
    make_rows();
    ck_assert_int_eq(in_child(use_once), 0);
    ck_assert_int_eq(in_child(use_once), 0); /* what one child did is not its sibling's */
}
END_TEST

/* What a parent had open. */
static struct {
    fgmm_device *device;
    cl_mem memory;
    fgmm_source *lent, *source;
    fgmm_model *model;
    fgmm_statistics *statistics;
    fgmm_index *index;
    fgmm_searcher *searcher;
} held;

static void hold(void)
{
    fgmm_fit_options options = fgmm_fit_options_init();
    fgmm_index_options index_options = fgmm_index_options_init();
    const char *path = temporary_path("held.index");
    cl_int error;
    options.components = 4;
    ck_ok(fgmm_device_open(&held.device, NULL));
    held.memory =
        clCreateBuffer(held.device->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, sizeof rows, rows, &error);
    ck_assert_int_eq(error, CL_SUCCESS);
    ck_ok(fgmm_source_from_cl_mem(&held.lent, held.device, held.memory, FGMM_F32, ROWS, DIMS, 0));
    ck_ok(fgmm_source_rewind(held.lent));
    ck_ok(fgmm_source_from_memory(&held.source, rows, FGMM_F32, ROWS, DIMS, 0));
    ck_ok(fgmm_fit(&held.model, held.device, held.source, &options, NULL));
    ck_ok(fgmm_statistics_create(&held.statistics, held.model));
    index_options.quantizer = held.model;
    index_options.for_top = 0;
    ck_ok(fgmm_index_build(held.device, held.source, path, &index_options, NULL));
    ck_ok(fgmm_index_open(&held.index, path));
    ck_ok(fgmm_searcher_open(&held.searcher, held.index, held.device, NULL));
}

static void release(void)
{
    fgmm_searcher_close(held.searcher);
    fgmm_index_close(held.index);
    fgmm_statistics_free(held.statistics);
    fgmm_model_free(held.model);
    fgmm_source_close(held.source);
    fgmm_source_close(held.lent);
    fgmm_device_close(held.device);
}

/* Every call that takes a device, or something that lives on one. */
static int held_handles_are_refused(void)
{
    fgmm_fit_options fit = fgmm_fit_options_init();
    fgmm_kmeans_options kmeans = fgmm_kmeans_options_init();
    fgmm_search_options search = fgmm_search_options_init();
    fgmm_index_options index = fgmm_index_options_init();
    fgmm_tune_options tune = fgmm_tune_options_init();
    fgmm_criteria criteria = fgmm_criteria_init();
    fgmm_device_info info = fgmm_device_info_init();
    fgmm_model *model = NULL;
    fgmm_source *lent = NULL;
    fgmm_searcher *searcher = NULL;
    static int32_t labels[ROWS];
    static double densities[ROWS];
    static float out[ROWS][DIMS];
    float encoded[2 * 4 * DIMS];
    int64_t ids[10];
    double mean;
    uint64_t count;
    const fgmm_rows all = fgmm_rows_init(rows, FGMM_F32, ROWS), first = fgmm_rows_init(rows, FGMM_F32, 1);
    fit.components = kmeans.components = 4;
    search.nprobe = 1;
    index.quantizer = held.model;
    tune.components = 4;
    tune.dims = DIMS;
    const fgmm_status statuses[] = {
        fgmm_fit(&model, held.device, held.source, &fit, NULL),
        fgmm_kmeans(&model, held.device, held.source, &kmeans, NULL),
        fgmm_predict(held.device, held.model, held.source, labels),
        fgmm_score(held.device, held.model, held.source, &mean, NULL),
        fgmm_criteria_evaluate(&criteria, held.device, held.model, held.source, NULL),
        fgmm_kde(densities, held.device, held.source, held.source, 1, NULL),
        fgmm_encode(&encoded[0], held.device, held.model, &all, NULL),
        fgmm_statistics_accumulate(held.statistics, held.device, held.source),
        fgmm_source_from_cl_mem(&lent, held.device, held.memory, FGMM_F32, ROWS, DIMS, 0),
        fgmm_source_next(held.lent, out, ROWS, &count),
        fgmm_index_build(held.device, held.source, temporary_path("child.index"), &index, NULL),
        fgmm_index_add(held.device, temporary_path("held.index"), held.source, NULL),
        fgmm_searcher_open(&searcher, held.index, held.device, NULL),
        fgmm_searcher_search(held.searcher, &first, &search, ids, NULL, NULL),
        fgmm_tune(held.device, &tune, NULL),
    };
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (statuses[i] != FGMM_DEVICE) {
            fprintf(stderr, "call %zu gave %d: %s\n", i, (int)statuses[i], fgmm_last_error());
            return 1 + (int)i;
        }
    if (fgmm_device_describe(held.device, &info) != FGMM_OK) return 100; /* reaches no driver */
    if (first_calls_are_refused()) return 101;
    release();
    return 0;
}

START_TEST(test_first_use__handles_of_a_parent_are_refused_and_can_be_closed)
{
    make_rows();
    hold();
    ck_assert_int_eq(in_child(held_handles_are_refused), 0);
    double mean;
    ck_ok(fgmm_score(held.device, held.model, held.source, &mean, NULL));
    release();
    clReleaseMemObject(held.memory);
}
END_TEST

/* ---- what is compiled ---- */

enum { MOST_LINES = 32 };
static char lines[MOST_LINES][256];
static int line_count;

static void keep_line(void *unused, const char *line)
{
    (void)unused;
    ck_assert_int_lt(line_count, MOST_LINES);
    snprintf(lines[line_count++], sizeof lines[0], "%s", line);
}

/* A fit of D = dims; returns report.compile_s. */
static double fit_dims(fgmm_device *device, uint64_t dims)
{
    fgmm_source *source;
    fgmm_model *model;
    fgmm_fit_options options = fgmm_fit_options_init();
    fgmm_fit_report report = fgmm_fit_report_init();
    options.components = 4;
    ck_ok(fgmm_source_from_memory(&source, rows, FGMM_F32, ROWS * DIMS / dims, dims, 0));
    ck_ok(fgmm_fit(&model, device, source, &options, &report));
    const double compile_s = report.compile_s;
    ck_assert(report.init_s >= 0 && report.em_s >= 0 && compile_s <= report.total_s);
    fgmm_fit_report_clear(&report);
    fgmm_model_free(model);
    fgmm_source_close(source);
    return compile_s;
}

START_TEST(test_first_use__compiles_each_program_once_and_says_so)
{
    fgmm_device_options options = fgmm_device_options_init();
    fgmm_device *device;
    options.cache_dir = temporary_path("kernels");
    options.log = keep_line;
    make_rows();
    ck_ok(fgmm_device_open(&device, &options));
    ck_assert(fit_dims(device, 3) > 0);
    ck_assert_int_gt(line_count, 0);
    for (int i = 0; i < line_count; i++) {
        ck_assert_msg(strstr(lines[i], "(once for this device") != NULL, "%s", lines[i]);
        for (int j = 0; j < i; j++) ck_assert_str_ne(lines[i], lines[j]);
    }
    /* small mixtures share their programs whatever D is, k-means and EM too */
    const int of_first = line_count;
    fit_dims(device, 2);
    fit_dims(device, 40);
    if (fg_device_backend(device) == FGMM_BACKEND_CPU_SIMD) ck_assert_int_eq(line_count, of_first);
    fgmm_device_close(device);
    line_count = 0;
    ck_ok(fgmm_device_open(&device, &options));
    fit_dims(device, 3);
    ck_assert_int_eq(line_count, 0);
    fgmm_device_close(device);
}
END_TEST

/* ---- floating-point exceptions that trap ---- */

static int use_with_traps(void)
{
    const int traps = FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW;
    double mean;
    if (feenableexcept(traps) < 0) return 0; /* this processor cannot */
    if (use(&mean) != FGMM_OK) {
        fprintf(stderr, "%s\n", fgmm_last_error());
        return 1;
    }
    return (fegetexcept() & traps) == traps ? 0 : 2; /* the caller's again */
}

START_TEST(test_first_use__traps_of_the_caller_do_not_reach_the_driver)
{
    make_rows();
    ck_assert_int_eq(in_child(use_with_traps), 0);
}
END_TEST

Suite *suite(void)
{
    enum { TIMEOUT_S = 900 };
    const TTest *const threads[] = {test_first_use__by_four_threads_at_once};
    const TTest *const forks[] = {
        test_first_use__is_refused_after_a_parent_that_listed,
        test_first_use__is_refused_after_a_parent_that_closed_its_device,
        test_first_use__is_free_in_the_child_of_a_parent_without,
        test_first_use__handles_of_a_parent_are_refused_and_can_be_closed,
    };
    const TTest *const programs[] = {test_first_use__compiles_each_program_once_and_says_so};
    const TTest *const traps[] = {test_first_use__traps_of_the_caller_do_not_reach_the_driver};
    Suite *s = suite_create("first use");
    ADD_CASE(s, "threads", NULL, NULL, TIMEOUT_S, threads);
    ADD_CASE(s, "fork", NULL, NULL, TIMEOUT_S, forks);
    ADD_CASE(s, "programs", NULL, NULL, TIMEOUT_S, programs);
    ADD_CASE(s, "traps", NULL, NULL, TIMEOUT_S, traps);
    return s;
}
