/* test_self_check.c - checks of kernel backends: done once per program, by a program of their own, remembered on disk;
 * what fails is replaced, and what befalls a check is not taken for a failure. */
#define _POSIX_C_SOURCE 200809L

#include "support.h"

#include "check_process.h"
#include "e_step.h"
#include "parts.h"
#include "pretend.h"
#include "self_check.h"
#include "wrong_driver.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static fgmm_device *device;
static char folder[512], script[600];
static const char *check_program = ""; /* of devices that are opened */
static double check_silence_s;         /* and how long it may be silent; 0: as usual */

/* A folder for each test, which has a process of its own: what one of them spoils is remembered in it. */
static void setup(void)
{
    char name[32];
    snprintf(name, sizeof name, "cache-%ld", (long)getpid());
    snprintf(folder, sizeof folder, "%s", temporary_path(name));
    snprintf(script, sizeof script, "%s-program", folder);
}

static void teardown(void)
{
    fgmm_device_close(device);
    device = NULL;
}

static void reopen(fgmm_backend backend)
{
    fgmm_device_options options = fgmm_device_options_init();
    fgmm_device_close(device);
    options.cache_dir = folder;
    options.check_program = check_program;
    ck_ok(fgmm_device_open(&device, &options));
    use_backend(device, backend);
    fg_device_set_check_silence_s(device, check_silence_s);
}

static fgmm_device_info described(void)
{
    fgmm_device_info info = fgmm_device_info_init();
    ck_ok(fgmm_device_describe(device, &info));
    return info;
}

/* A check has run before the pass exists, and none does where the folder remembers it: it takes more memory. */
START_TEST(test_self_check__a_program_is_checked_once)
{
    const fg_pass_options options = {FGMM_SPHERICAL, FG_ASSIGN_SOFT, 3, 2, FGMM_F32, 64, FGMM_PATH_SPARSE, NULL};
    fg_pass *pass;
    reopen(FGMM_BACKEND_CPU_SIMD);
    const uint64_t before = fgmm_device_peak_bytes(device);
    ck_ok(fg_pass_create(&pass, device, &options));
    fg_pass_free(pass);
    const uint64_t checked = fgmm_device_peak_bytes(device);
    reopen(FGMM_BACKEND_CPU_SIMD);
    ck_ok(fg_pass_create(&pass, device, &options));
    fg_pass_free(pass);
    ck_assert_uint_eq(before, 0);
    ck_assert_uint_ne(checked, fgmm_device_peak_bytes(device)); /* 33 components of the check, 3 of the pass */
}
END_TEST

/* Rounding of long rows is no failure: it would replace the backend for all later runs. */
START_TEST(test_self_check__long_rows_pass)
{
    static const uint64_t dims[] = {6000, 10000};
    for (size_t i = 0; i < sizeof dims / sizeof dims[0]; i++) {
        const fg_pass_options options = {
            FGMM_SPHERICAL, FG_ASSIGN_SOFT, 33, dims[i], FGMM_F32, 64, FGMM_PATH_SPARSE, NULL};
        reopen(FGMM_BACKEND_CPU_SIMD);
        fg_pass *pass = NULL;
        ck_ok(fg_pass_create(&pass, device, &options));
        fg_pass_free(pass);
    }
}
END_TEST

/* As on an NVIDIA GPU, with a warp's unit in OpenCL C: the check passes, and the pass is what was checked. Rows
 * of two terms and of one, and k-means; with tile and dimensions of test_pass_units.c, whose compiled kernels
 * serve here too. */
START_TEST(test_self_check__warps_of_a_gpu_pass)
{
    static const struct {
        fgmm_type type;
        fg_assignment assignment;
        uint64_t d;
    } cases[] = {{FGMM_F32, FG_ASSIGN_SOFT, 33}, {FGMM_U8, FG_ASSIGN_SOFT, 100}, {FGMM_F32, FG_ASSIGN_HARD, 33}};
    const char *tile = "group rows=32 components=32 items=64 across=8 depth=8 block=64 chunk=256 registers=255";
    /* PoCL 6.0 compiles the same source and options now to one program, now to another, of which one in thirty loses
     * rows, where it makes vectors of work-items; as loops they have always been right. Read when a kernel is compiled.
     */
    ck_assert_int_eq(setenv("POCL_WORK_GROUP_METHOD", "loops", 1), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const fg_pass_options options = {.assignment = cases[i].assignment,
                                         .k = 100,
                                         .d = cases[i].d,
                                         .type = cases[i].type,
                                         .batch_rows = 64,
                                         .tile_text = tile};
        fg_pass *pass;
        fg_pass_facts facts;
        reopen(FGMM_BACKEND_AUTO);
        skip_unless_cpu(device, "a warp's stand-in"); /* takes more local memory than GPUs have */
        pretend_warps(device);
        ck_ok(fg_pass_create(&pass, device, &options));
        fg_pass_describe(pass, &facts);
        ck_assert_msg(facts.backend == FGMM_BACKEND_MATRIX_UNIT, "%s", described().reason);
        ck_assert_ptr_nonnull(strstr(facts.tile, "unit=warp"));
        fg_pass_free(pass);
    }
}
END_TEST

/* What fails is said, remembered, and not tried again; a backend that is asked for is an error instead. */
START_TEST(test_self_check__a_failing_backend_is_replaced)
{
    reopen(FGMM_BACKEND_AUTO);
    const fgmm_device_info first = described();
    ck_backend_ne(first.backend, FGMM_BACKEND_GPU_WORKGROUP);
    ck_ok(fg_backend_fail(device, "p", "the moon is full", 1));
    const fgmm_device_info second = described();
    ck_backend_eq(second.backend,
                  first.backend == FGMM_BACKEND_MATRIX_UNIT ? fg_device_backend(device) : FGMM_BACKEND_GPU_WORKGROUP);
    ck_assert_ptr_nonnull(strstr(second.reason, "the moon is full"));
    reopen(FGMM_BACKEND_AUTO);
    ck_backend_eq(described().backend, second.backend);
    ck_assert_int_eq(strncmp(described().reason, second.reason, strlen(second.reason)), 0); /* and the date */
    reopen(first.backend);
    ck_backend_eq(described().backend, first.backend);
    ck_fails(fg_backend_fail(device, "p", "again", 1), FGMM_UNSUPPORTED, "again");
}
END_TEST

/* A kernel that takes the device along fails those behind it too. The next process begins with what has not failed. */
START_TEST(test_self_check__the_last_failing_backend_says_run_again)
{
    reopen(FGMM_BACKEND_AUTO);
    while (described().backend != FGMM_BACKEND_GPU_WORKGROUP)
        ck_ok(fg_backend_fail(device, "p", "out of resources", 1));
    ck_fails(fg_backend_fail(device, "p", "invalid queue", 1), FGMM_UNSUPPORTED, "run again");
    reopen(FGMM_BACKEND_AUTO);
    ck_backend_eq(described().backend, FGMM_BACKEND_GPU_WORKGROUP);
    ck_fails(fg_backend_fail(device, "p", "wrong sums", 1), FGMM_UNSUPPORTED, "wrong sums");
    ck_assert_ptr_null(strstr(fgmm_last_error(), "run again"));
}
END_TEST

/* A process of its own, which must not meet with a driver that this one has called. */
static void in_another_process(void (*run)(void))
{
    int state;
    const pid_t child = fork();
    if (child == 0) {
        run();
        _exit(0);
    }
    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(waitpid(child, &state, 0), child);
    ck_assert(WIFEXITED(state) && WEXITSTATUS(state) == 0);
}

/* A check within the application, which is killed while it compiles `what`. */
static void end_in_check(const char *what)
{
    reopen(FGMM_BACKEND_AUTO);
    fg_backend_begin_check(device);
    fg_backend_stage(device, "compiling", what);
    _exit(0);
}
static void end_in_a(void)
{
    end_in_check("a.cl");
}
static void end_in_b(void)
{
    end_in_check("b.cl");
}
static void expect_first_backend(void)
{
    fgmm_device_info info = fgmm_device_info_init();
    reopen(FGMM_BACKEND_AUTO);
    info = described();
    if (info.backend == FGMM_BACKEND_GPU_WORKGROUP || strstr(info.marks, "left out")) _exit(1);
}
static void expect_other_backend(void)
{
    reopen(FGMM_BACKEND_AUTO);
    if (!strstr(described().reason, "2 processes") || !strstr(described().marks, "are left out")) _exit(1);
    if (!strstr(described().marks, described().driver)) _exit(2);
}

/* Ending once in the midst of a check is nobody's fault, and ending elsewhere the next time is not either. Twice at the
 * same place is. */
START_TEST(test_self_check__unfinished_checks_count_once_they_end_alike)
{
    in_another_process(end_in_a);
    in_another_process(expect_first_backend);
    in_another_process(end_in_b);
    in_another_process(expect_first_backend);
    in_another_process(end_in_a);
    in_another_process(end_in_a);
    in_another_process(expect_other_backend);
}
END_TEST

/* A check that is finished makes good for those that were not. */
START_TEST(test_self_check__a_finished_check_clears_unfinished_ones)
{
    in_another_process(end_in_a);
    reopen(FGMM_BACKEND_AUTO);
    ck_assert_ptr_nonnull(strstr(described().marks, "will be checked again"));
    fg_backend_begin_check(device);
    fg_backend_end_check(device);
    fg_backend_record_passed(device, "p");
    reopen(FGMM_BACKEND_AUTO);
    ck_assert_str_eq(described().marks, "");
}
END_TEST

/* ---- a program of its own ---- */

/* The check program is a script. $7: the backend that it is to check. */
static void write_script(const char *text)
{
    FILE *stream = fopen(script, "w");
    ck_assert_ptr_nonnull(stream);
    fprintf(stream, "#!/bin/sh\n%s\n", text);
    ck_assert_int_eq(fclose(stream), 0);
    ck_assert_int_eq(chmod(script, 0700), 0);
    check_program = script;
}

static fg_check_outcome ask_script(void)
{
    const fg_pass_options options = {.k = 3, .d = 2, .type = FGMM_F32, .batch_rows = 64};
    char program[FG_CHECK_NAME_BYTES];
    fg_check_outcome outcome;
    reopen(FGMM_BACKEND_AUTO);
    ck_ok(fg_check_backend(&outcome, program, device, &options, 1));
    if (outcome.kind == FG_CHECK_ERROR || outcome.kind == FG_CHECK_WRONG)
        ck_ok(fg_backend_fail(device, program, outcome.why, outcome.kind == FG_CHECK_WRONG));
    return outcome;
}

static void crash_in_script(void)
{
    if (ask_script().kind != FG_CHECK_ERROR) _exit(1);
}

/* A driver that crashes ends the program only. It is believed when another process has met with the same. */
START_TEST(test_self_check__a_crash_is_the_drivers_and_believed_the_second_time)
{
    write_script("echo 'flashgmm-check: stage running responsibilities'; kill -SEGV $$");
    in_another_process(crash_in_script);
    in_another_process(expect_first_backend);
    const fg_check_outcome outcome = ask_script();
    ck_assert_int_eq(outcome.kind, FG_CHECK_ERROR);
    ck_assert_ptr_nonnull(strstr(outcome.why, "SIGSEGV"));
    ck_assert_ptr_nonnull(strstr(outcome.why, "running responsibilities"));
    reopen(FGMM_BACKEND_AUTO);
    ck_assert_ptr_nonnull(strstr(described().marks, "are left out"));
    ck_assert_ptr_nonnull(strstr(described().marks, "SIGSEGV"));
    ck_assert_ptr_nonnull(strstr(described().reason, "SIGSEGV"));
}
END_TEST

/* What befalls the process is nothing against the device: it is checked again, however often. */
START_TEST(test_self_check__a_check_that_somebody_ends_leaves_no_mark)
{
    static const char *const texts[] = {"kill -KILL $$", "kill -TERM $$", "kill -INT $$; sleep 9", "kill -HUP $$",
                                        "echo 'flashgmm-check: answer unsure no memory'"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_script(texts[i]);
        ck_assert_int_eq(ask_script().kind, FG_CHECK_UNSURE);
        ck_assert_str_eq(described().marks, "");
    }
}
END_TEST

/* A driver that hangs does not take the application along either; it is believed when that happens again. One that is
 * slow, and says what it does, is waited for. */
START_TEST(test_self_check__a_check_that_hangs_is_ended)
{
    check_silence_s = 3;
    write_script("for i in 1 2 3 4 5; do echo 'flashgmm-check: stage compiling lists'; sleep 1; done\n"
                 "echo 'flashgmm-check: answer passed'");
    ck_assert_int_eq(ask_script().kind, FG_CHECK_PASSED);
    snprintf(folder + strlen(folder), sizeof folder - strlen(folder), "-hanging");
    write_script("echo 'flashgmm-check: stage compiling responsibilities'; exec sleep 1000");
    const fg_check_outcome outcome = ask_script();
    ck_assert_int_eq(outcome.kind, FG_CHECK_ERROR);
    ck_assert_str_eq(outcome.why,
                     "the check was not finished: nothing came of it for 3 s while compiling responsibilities");
    ck_assert_ptr_nonnull(strstr(described().reason, "the check was not finished"));
    reopen(FGMM_BACKEND_AUTO);
    ck_assert_ptr_null(strstr(described().reason, "the check was not finished"));
    ck_assert_ptr_nonnull(strstr(described().marks, "will be checked again: the check was not finished"));
}
END_TEST

/* Wrong results are believed at once, until they are forgotten. */
START_TEST(test_self_check__wrong_results_are_remembered_until_forgotten)
{
    size_t count;
    write_script("echo 'flashgmm-check: answer wrong sum 7 is 8'");
    ck_assert_int_eq(ask_script().kind, FG_CHECK_WRONG);
    reopen(FGMM_BACKEND_AUTO);
    ck_assert_ptr_nonnull(strstr(described().marks, "are left out: sum 7 is 8"));
    ck_ok(fgmm_devices_forget(folder, &count));
    ck_assert_uint_eq(count, 1);
    reopen(FGMM_BACKEND_AUTO);
    ck_assert_str_eq(described().marks, "");
    ck_backend_ne(described().backend, FGMM_BACKEND_GPU_WORKGROUP);
    ck_ok(fgmm_devices_forget(folder, &count));
    ck_assert_uint_eq(count, 0);
}
END_TEST

/* A driver may end the process in other ways than by a signal. */
START_TEST(test_self_check__a_program_without_an_answer_has_failed)
{
    write_script("exit 3");
    const fg_check_outcome outcome = ask_script();
    ck_assert_int_eq(outcome.kind, FG_CHECK_ERROR);
    ck_assert_ptr_nonnull(strstr(outcome.why, "exit status 3"));
}
END_TEST

/* The real one, and its answer is the library's own. Where it cannot be started, or says that it cannot tell, the check
 * runs in the process. */
START_TEST(test_self_check__the_installed_program_checks)
{
    static const char *const programs[] = {FG_TEST_CHECK_PROGRAM, "/nonexistent/flashgmm-check"};
    for (size_t i = 0; i <= sizeof programs / sizeof programs[0]; i++) {
        if (i < sizeof programs / sizeof programs[0])
            check_program = programs[i];
        else
            write_script("exit 75");
        const fg_check_outcome outcome = ask_script();
        ck_assert_msg(outcome.kind == FG_CHECK_PASSED, "%s: %s", check_program, outcome.why);
        ck_assert_str_eq(described().marks, "");
        snprintf(folder + strlen(folder), sizeof folder - strlen(folder), "-%zu", i);
    }
}
END_TEST

/* Memory that ran out is the host's. */
START_TEST(test_self_check__memory_that_runs_out_leaves_no_mark)
{
    const fg_pass_options pass_options = {.k = 3, .d = 2, .type = FGMM_F32, .batch_rows = 64};
    fgmm_device_options options = fgmm_device_options_init();
    fg_pass *pass;
    options.cache_dir = folder;
    options.check_program = "";
    options.memory_limit_bytes = 1000;
    ck_ok(fgmm_device_open(&device, &options));
    ck_fails(fg_pass_create(&pass, device, &pass_options), FGMM_MEMORY, "limit");
    reopen(FGMM_BACKEND_AUTO);
    ck_assert_str_eq(described().marks, "");
}
END_TEST

/* A crash says nothing against a device where the process may not take what a compiler needs, however often. */
START_TEST(test_self_check__limits_of_the_process_leave_no_mark)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return; /* the sanitizer itself takes terabytes of addresses */
#endif
    static const int limits[] = {RLIMIT_AS, RLIMIT_NPROC};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct rlimit whole, tight;
        if (limits[i] == RLIMIT_NPROC && geteuid() == 0) continue; /* it does not bind root */
        reopen(FGMM_BACKEND_AUTO);
        ck_assert_int_eq(getrlimit(limits[i], &whole), 0);
        tight = whole;
        tight.rlim_cur = limits[i] == RLIMIT_AS ? 512 << 20 : 1;
        for (int again = 0; again < 3; again++) {
            ck_assert_int_eq(setrlimit(limits[i], &tight), 0);
            ck_ok(fg_backend_fail(device, "p", "CL_OUT_OF_HOST_MEMORY", 0));
            ck_assert_int_eq(setrlimit(limits[i], &whole), 0);
            reopen(FGMM_BACKEND_AUTO);
            ck_assert_str_eq(described().marks, "");
        }
    }
    ck_ok(fg_backend_fail(device, "p", "CL_OUT_OF_HOST_MEMORY", 0));
    reopen(FGMM_BACKEND_AUTO);
    ck_assert_ptr_nonnull(strstr(described().marks, "will be checked again: CL_OUT_OF_HOST_MEMORY"));
}
END_TEST

/* ---- wrong results ---- */

enum { CHECK_K = 33, CHECK_D = 2, CHECK_ROWS = 61 }; /* self_check.c: components of a check, and its rows at least */

/* The outcome of a check in this process. */
static fg_check_outcome check_here(fgmm_covariance covariance, fg_assignment assignment)
{
    const fg_pass_options options = {.covariance = covariance,
                                     .assignment = assignment,
                                     .k = CHECK_K,
                                     .d = CHECK_D,
                                     .type = FGMM_F32,
                                     .batch_rows = 64,
                                     .path = FGMM_PATH_SPARSE};
    char program[FG_CHECK_NAME_BYTES];
    fg_check_outcome outcome;
    reopen(FGMM_BACKEND_CPU_SIMD);
    ck_ok(fg_check_backend(&outcome, program, device, &options, 1));
    return outcome;
}

static void expect_wrong(const fg_check_outcome *outcome, const char *part)
{
    ck_assert_msg(outcome->kind == FG_CHECK_WRONG && strstr(outcome->why, part), "kind %d: \"%s\" lacks \"%s\"",
                  (int)outcome->kind, outcome->why, part);
}

/* One wrong number of the statistics of a mixture: the sum of log-normalisers; N, a row too many, and a row that
 * another component has; S1; S2. Then of k-means, which has no log-normalisers to go by. */
START_TEST(test_self_check__wrong_statistics_are_found)
{
    enum { S1 = 1 + CHECK_K, S2 = S1 + CHECK_K * CHECK_D, DIAG_END = S2 + CHECK_K * CHECK_D, END = S2 + CHECK_K };
    static const struct {
        fgmm_covariance covariance;
        fg_assignment assignment;
        size_t index, other; /* gains 1 and, unless it is 0, loses 1 */
        const char *text;
    } cases[] = {
        {FGMM_DIAG, FG_ASSIGN_SOFT, 0, 0, "log-normalisers sum to"},
        {FGMM_DIAG, FG_ASSIGN_SOFT, 5, 0, "responsibilities of"},
        {FGMM_DIAG, FG_ASSIGN_SOFT, 5, 9, "statistic 6 "},
        {FGMM_DIAG, FG_ASSIGN_SOFT, S1 + 3, 0, "statistic "},
        {FGMM_DIAG, FG_ASSIGN_SOFT, DIAG_END - 1, 0, "statistic "},
        {FGMM_SPHERICAL, FG_ASSIGN_HARD, 5, 9, "statistic "},
        {FGMM_SPHERICAL, FG_ASSIGN_HARD, S2 - 1, 0, "statistic "},
        {FGMM_SPHERICAL, FG_ASSIGN_HARD, END - 1, 0, "statistic "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t bytes = sizeof(double) * (cases[i].covariance == FGMM_DIAG ? DIAG_END : END);
        spoil_double(bytes, cases[i].index, 1);
        if (cases[i].other) spoil_double(bytes, cases[i].other, -1);
        const fg_check_outcome outcome = check_here(cases[i].covariance, cases[i].assignment);
        expect_wrong(&outcome, cases[i].text);
        spoil_nothing();
    }
    ck_assert_int_eq(check_here(FGMM_DIAG, FG_ASSIGN_SOFT).kind, FG_CHECK_PASSED);
    ck_assert_int_eq(check_here(FGMM_SPHERICAL, FG_ASSIGN_HARD).kind, FG_CHECK_PASSED);
}
END_TEST

/* As much as a matrix unit errs that leaves out a low term. */
START_TEST(test_self_check__a_wrong_log_normaliser_is_found)
{
    static const float low_term = 0.01f;
    spoil_float(CHECK_ROWS * sizeof(float), CHECK_ROWS - 1, low_term);
    const fg_check_outcome outcome = check_here(FGMM_SPHERICAL, FG_ASSIGN_SOFT);
    expect_wrong(&outcome, "log-normaliser of row 60 ");
}
END_TEST

/* ---- in the midst of a run ---- */

enum { ROWS = 64, K = 3, D = 2 };

/* An E-step over some rows; values as after its first pass. */
static void open_e_step(fg_e_step *e, double *values, fgmm_source **source)
{
    static float rows[ROWS * D];
    static const double weights[K] = {0.2, 0.3, 0.5}, means[K * D] = {0, 0, 5, 5, 9, 0}, variances[K] = {1, 1, 1};
    const fg_parameters parameters = {FGMM_SPHERICAL, K, D, weights, means, variances};
    static double centre[D];
    const fg_range range = {centre, 1};
    for (size_t i = 0; i < ROWS * D; i++) rows[i] = (float)(i * 37 % 10);
    ck_ok(fgmm_source_from_memory(source, rows, FGMM_F32, ROWS, D, 0));
    reopen(FGMM_BACKEND_AUTO);
    const fg_memory_plan_request request = {
        .device = device, .source = *source, .pass = {.covariance = FGMM_SPHERICAL, .k = K, .d = D}};
    ck_ok(fg_e_step_open(e, &request, &range, 1));
    ck_ok(fg_e_step_set_pass(e, FG_ASSIGN_SOFT));
    ck_ok(fg_e_step_run(values, e, &parameters, NULL));
    ck_assert_double_eq(values[0], ROWS);
}

/* Sums that are no numbers, or lack rows, are taken again with the next backend; if that does better, the first is left
 * out. If none does, it is the data. */
START_TEST(test_self_check__a_backend_that_goes_wrong_in_a_run_is_replaced)
{
    double values[2 + K + K * D + K], good[2 + K + K * D + K];
    fg_e_step e = {0};
    fgmm_source *source;
    int is_again;
    open_e_step(&e, good, &source);
    const fgmm_backend first = fg_backend_in_use(device);

    fg_fall_back fall = fg_fall_back_begin(&e);
    memcpy(values, good, sizeof values);
    ck_ok(fg_fall_back_look(&is_again, &fall, &e, values));
    ck_assert(!is_again);
    values[1] = (double)NAN;
    do { /* none does better */
        ck_ok(fg_fall_back_look(&is_again, &fall, &e, values));
    } while (is_again);
    ck_backend_eq(fg_backend_in_use(device), first);
    ck_assert_str_eq(described().marks, "");

    fall = fg_fall_back_begin(&e);
    memcpy(values, good, sizeof values);
    values[2] -= 1; /* a row is missing */
    ck_ok(fg_fall_back_look(&is_again, &fall, &e, values));
    ck_assert(is_again);
    ck_ok(fg_fall_back_look(&is_again, &fall, &e, good));
    ck_assert(!is_again);
    ck_backend_ne(fg_backend_in_use(device), first);
    ck_assert_msg(strstr(described().reason, "rows of weight 64 summed to") != NULL, "%s", described().reason);
    /* the sums of the next mini-batch condemn nobody a second time */
    ck_backend_eq(fall.first, fg_backend_in_use(device));
    ck_assert_str_eq(fall.why, "");
    fg_e_step_close(&e);
    fgmm_source_close(source);
    reopen(FGMM_BACKEND_AUTO);
    ck_backend_ne(described().backend, first);
    ck_assert_ptr_nonnull(strstr(described().marks, "are left out"));
}
END_TEST

/* Second moments of components that are nearly flat are summed by a kernel of their own, which no other components
 * need: it is checked too. */
START_TEST(test_self_check__wrong_wide_sums_are_found)
{
    static const fgmm_covariance covariances[] = {FGMM_TIED, FGMM_FULL};
    for (size_t i = 0; i < sizeof covariances / sizeof covariances[0]; i++) {
        const fg_pass_options options = {
            .covariance = covariances[i], .k = 3, .d = 2, .type = FGMM_F32, .batch_rows = 64, .row_scale = 1};
        char program[FG_CHECK_NAME_BYTES];
        fg_check_outcome outcome;
        reopen(FGMM_BACKEND_GPU_WORKGROUP);
        leave_out_kernel("wide_moments");
        ck_ok(fg_check_backend(&outcome, program, device, &options, 1));
        leave_out_kernel(NULL);
        expect_wrong(&outcome, "statistic ");
        ck_ok(fg_check_backend(&outcome, program, device, &options, 1));
        ck_assert_msg(outcome.kind == FG_CHECK_PASSED, "%s", outcome.why);
    }
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("probe");
    const TTest *const tests[] = {
        test_self_check__a_program_is_checked_once,
        test_self_check__long_rows_pass,
        test_self_check__warps_of_a_gpu_pass,
        test_self_check__a_failing_backend_is_replaced,
        test_self_check__the_last_failing_backend_says_run_again,
        test_self_check__unfinished_checks_count_once_they_end_alike,
        test_self_check__a_finished_check_clears_unfinished_ones,
        test_self_check__a_crash_is_the_drivers_and_believed_the_second_time,
        test_self_check__a_check_that_somebody_ends_leaves_no_mark,
        test_self_check__a_check_that_hangs_is_ended,
        test_self_check__wrong_results_are_remembered_until_forgotten,
        test_self_check__a_program_without_an_answer_has_failed,
        test_self_check__the_installed_program_checks,
        test_self_check__memory_that_runs_out_leaves_no_mark,
        test_self_check__limits_of_the_process_leave_no_mark,
        test_self_check__a_backend_that_goes_wrong_in_a_run_is_replaced,
    };
    const TTest *const wrong[] = {
        test_self_check__wrong_statistics_are_found,
        test_self_check__a_wrong_log_normaliser_is_found,
        test_self_check__wrong_wide_sums_are_found,
    };
    ADD_CASE(s, "probe", setup, teardown, 300, tests);
    ADD_CASE(s, "wrong", setup, teardown, 300, wrong);
    return s;
}
