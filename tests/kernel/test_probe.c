/* test_probe.c - checks of kernel families: done once per program, remembered on disk, and what fails is replaced. */
#include "support.h"

#include "ops.h"
#include "pretend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static fgmm_device *device;
static char folder[512];

/* A folder for each test, which has a process of its own: what one of them spoils is remembered in it. */
static void setup(void)
{
    char name[32];
    snprintf(name, sizeof name, "cache-%ld", (long)getpid());
    snprintf(folder, sizeof folder, "%s", temporary_path(name));
}

static void teardown(void)
{
    fgmm_device_close(device);
    device = NULL;
}

static void reopen(fgmm_kernel_family family)
{
    fgmm_device_options options = FGMM_DEVICE_OPTIONS_INIT;
    fgmm_device_close(device);
    options.cache_dir = folder;
    options.family = family;
    ck_ok(fgmm_device_open(&device, &options));
}

static fgmm_device_info described(void)
{
    fgmm_device_info info = FGMM_DEVICE_INFO_INIT;
    ck_ok(fgmm_device_describe(device, &info));
    return info;
}

/* A check has run before the pass exists, and none does where the folder remembers it: it takes more memory. */
START_TEST(test_probe__a_program_is_checked_once)
{
    const fg_pass_options options = {FGMM_SPHERICAL, FG_KEEP_MIXTURE, 3, 2, FGMM_F32, 64, FGMM_PATH_SPARSE, NULL};
    fg_pass *pass;
    reopen(FGMM_KERNEL_VECTOR);
    const uint64_t before = fgmm_device_peak_bytes(device);
    ck_ok(fg_pass_create(&pass, device, &options));
    fg_pass_free(pass);
    const uint64_t checked = fgmm_device_peak_bytes(device);
    reopen(FGMM_KERNEL_VECTOR);
    ck_ok(fg_pass_create(&pass, device, &options));
    fg_pass_free(pass);
    ck_assert_uint_eq(before, 0);
    ck_assert_uint_ne(checked, fgmm_device_peak_bytes(device)); /* 33 components of the check, 3 of the pass */
}
END_TEST

/* Rounding of long rows is no failure: it would replace the family for all later runs. */
START_TEST(test_probe__long_rows_pass)
{
    static const uint64_t dims[] = {6000, 10000};
    for (size_t i = 0; i < sizeof dims / sizeof dims[0]; i++) {
        const fg_pass_options options = {
            FGMM_SPHERICAL, FG_KEEP_MIXTURE, 33, dims[i], FGMM_F32, 64, FGMM_PATH_SPARSE, NULL};
        reopen(FGMM_KERNEL_VECTOR);
        fg_pass *pass = NULL;
        ck_ok(fg_pass_create(&pass, device, &options));
        fg_pass_free(pass);
    }
}
END_TEST

/* As on an NVIDIA GPU, with a warp's unit in OpenCL C: the check passes, and the pass is what was checked. Rows of two
 * terms and of one, and k-means; with tile and dimensions of test_pass_units.c, whose compiled kernels serve here too.
 */
START_TEST(test_probe__warps_of_a_gpu_pass)
{
    static const struct {
        fgmm_type type;
        fg_keep keep;
        uint64_t d;
    } cases[] = {{FGMM_F32, FG_KEEP_MIXTURE, 33}, {FGMM_U8, FG_KEEP_MIXTURE, 100}, {FGMM_F32, FG_KEEP_BEST, 33}};
    const char *tile = "group rows=32 components=32 items=64 across=8 depth=8 block=64 chunk=256 registers=255";
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const fg_pass_options options = {.keep = cases[i].keep,
                                         .k = 100,
                                         .d = cases[i].d,
                                         .type = cases[i].type,
                                         .batch_rows = 64,
                                         .tile_text = tile};
        fg_pass *pass;
        fg_pass_facts facts;
        reopen(FGMM_KERNEL_AUTO);
        pretend_warps(device);
        ck_ok(fg_pass_create(&pass, device, &options));
        fg_pass_describe(pass, &facts);
        ck_assert_msg(facts.family == FGMM_KERNEL_MATRIX, "%s", described().reason);
        ck_assert_ptr_nonnull(strstr(facts.tile, "unit=warp"));
        fg_pass_free(pass);
    }
}
END_TEST

/* What fails is said, remembered, and not tried again; a family that is asked for is an error instead. */
START_TEST(test_probe__a_failing_family_is_replaced)
{
    reopen(FGMM_KERNEL_AUTO);
    const fgmm_device_info first = described();
    ck_assert_int_ne(first.family, FGMM_KERNEL_GROUP);
    ck_ok(fg_family_fail(device, "the moon is full"));
    const fgmm_device_info second = described();
    ck_assert_int_eq(second.family, first.family == FGMM_KERNEL_MATRIX ? fg_device_family(device) : FGMM_KERNEL_GROUP);
    ck_assert_ptr_nonnull(strstr(second.reason, "the moon is full"));
    reopen(FGMM_KERNEL_AUTO);
    ck_assert_int_eq(described().family, second.family);
    ck_assert_str_eq(described().reason, second.reason);
    reopen(first.family);
    ck_assert_int_eq(described().family, first.family);
    ck_fails(fg_family_fail(device, "again"), FGMM_UNSUPPORTED, "again");
}
END_TEST

/* A kernel that takes the device along fails those behind it too. The next process begins with what has not failed. */
START_TEST(test_probe__the_last_failing_family_says_run_again)
{
    reopen(FGMM_KERNEL_AUTO);
    while (described().family != FGMM_KERNEL_GROUP) ck_ok(fg_family_fail(device, "out of resources"));
    ck_fails(fg_family_fail(device, "invalid queue"), FGMM_UNSUPPORTED, "run again");
    reopen(FGMM_KERNEL_AUTO);
    ck_assert_int_eq(described().family, FGMM_KERNEL_GROUP);
    ck_fails(fg_family_fail(device, "wrong sums"), FGMM_UNSUPPORTED, "wrong sums");
    ck_assert_ptr_null(strstr(fgmm_last_error(), "run again"));
}
END_TEST

/* A process that ends within a check leaves a mark; while it lives, others do not mind. */
START_TEST(test_probe__a_check_that_ends_the_process_is_remembered)
{
    reopen(FGMM_KERNEL_AUTO);
    const fgmm_kernel_family first = described().family;
    fg_family_begin_check(device);
    reopen(FGMM_KERNEL_AUTO);
    ck_assert_int_eq(described().family, first); /* this process lives */

    const pid_t child = fork();
    if (child == 0) {
        fg_family_begin_check(device); /* asks the driver for names only: more would hang in a child */
        _exit(0);
    }
    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    reopen(FGMM_KERNEL_AUTO);
    ck_assert_int_ne(described().family, first);
    ck_assert_ptr_nonnull(strstr(described().reason, "ended in the midst"));
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("probe");
    const TTest *const tests[] = {
        test_probe__a_program_is_checked_once,
        test_probe__long_rows_pass,
        test_probe__warps_of_a_gpu_pass,
        test_probe__a_failing_family_is_replaced,
        test_probe__the_last_failing_family_says_run_again,
        test_probe__a_check_that_ends_the_process_is_remembered,
    };
    ADD_CASE(s, "probe", setup, teardown, 300, tests);
    return s;
}
