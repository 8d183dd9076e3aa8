/* test_silent_driver.c - a driver that does not answer a query: an error that names it, unless what it tells is not
 * needed; never a zero that is taken for the truth. */
#include "support.h"

#include "flashgmm/flashgmm.h"
#include "flashgmm/opencl.h"
#include "handle.h"
#include "silent_driver.h"

#include <string.h>

static void teardown(void)
{
    silence_query(0);
}

static const struct {
    unsigned what;
    const char *name;
} needed[] = {
    {CL_DEVICE_TYPE, "CL_DEVICE_TYPE"},
    {CL_DEVICE_MAX_COMPUTE_UNITS, "CL_DEVICE_MAX_COMPUTE_UNITS"},
    {CL_DEVICE_MAX_WORK_GROUP_SIZE, "CL_DEVICE_MAX_WORK_GROUP_SIZE"},
    {CL_DEVICE_LOCAL_MEM_SIZE, "CL_DEVICE_LOCAL_MEM_SIZE"},
    {CL_DEVICE_MAX_MEM_ALLOC_SIZE, "CL_DEVICE_MAX_MEM_ALLOC_SIZE"},
    {CL_DEVICE_GLOBAL_MEM_SIZE, "CL_DEVICE_GLOBAL_MEM_SIZE"},
    {CL_DEVICE_NAME, "CL_DEVICE_NAME"},
    {CL_DRIVER_VERSION, "CL_DRIVER_VERSION"},
    {CL_PLATFORM_NAME, "CL_PLATFORM_NAME"},
    {CL_DEVICE_AVAILABLE, "CL_DEVICE_AVAILABLE"},
    {CL_DEVICE_COMPILER_AVAILABLE, "CL_DEVICE_COMPILER_AVAILABLE"},
};
enum { NEEDED = sizeof needed / sizeof needed[0] };

START_TEST(test_silent_driver__a_needed_fact_is_missed_by_name)
{
    fgmm_device_info info = fgmm_device_info_init();
    fgmm_device *device;
    size_t count;
    silence_query(needed[_i].what);
    ck_fails(fgmm_device_open(&device, NULL), FGMM_NO_DEVICE, needed[_i].name);
    ck_assert_ptr_null(device);
    ck_fails(fgmm_device_open(&device, &(fgmm_device_options){.size = sizeof(fgmm_device_options), .match = "0"}),
             FGMM_NO_DEVICE, needed[_i].name);
    /* the list goes on, and says it too */
    ck_ok(fgmm_devices_list(&info, 1, &count));
    ck_assert_uint_ge(count, 1);
    ck_assert_msg(strstr(info.reason, needed[_i].name) != NULL, "%s", info.reason);
    ck_assert(!info.is_default);
}
END_TEST

START_TEST(test_silent_driver__a_zero_is_no_answer)
{
    static const struct {
        unsigned what;
        const char *text;
    } zeros[] = {{CL_DEVICE_MAX_COMPUTE_UNITS, "CL_DEVICE_MAX_COMPUTE_UNITS = 0"},
                 {CL_DEVICE_MAX_MEM_ALLOC_SIZE, "CL_DEVICE_MAX_MEM_ALLOC_SIZE = 0"}};
    fgmm_device *device;
    for (size_t i = 0; i < sizeof zeros / sizeof zeros[0]; i++) {
        zero_query(zeros[i].what);
        ck_fails(fgmm_device_open(&device, NULL), FGMM_NO_DEVICE, zeros[i].text);
    }
}
END_TEST

START_TEST(test_silent_driver__a_lent_context_is_refused_by_name)
{
    fgmm_device *device, *lent;
    ck_ok(fgmm_device_open(&device, NULL));
    for (size_t i = 0; i < NEEDED; i++) {
        if (needed[i].what == CL_DEVICE_AVAILABLE || needed[i].what == CL_DEVICE_COMPILER_AVAILABLE) continue;
        silence_query(needed[i].what);
        ck_fails(fgmm_device_from_opencl(&lent, device->context, device->id, NULL, NULL), FGMM_DEVICE, needed[i].name);
    }
    silence_query(CL_DEVICE_PLATFORM);
    ck_fails(fgmm_device_from_opencl(&lent, device->context, device->id, NULL, NULL),
             FGMM_ARGUMENT, /* it looks like no device */
             "CL_DEVICE_PLATFORM");
    fgmm_device_close(device);
}
END_TEST

/* What these tell decides about speed only. */
START_TEST(test_silent_driver__other_facts_are_not_needed)
{
    static const unsigned optional[] = {CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT,
                                        CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT,
                                        CL_DEVICE_VENDOR_ID,
                                        CL_DEVICE_EXTENSIONS,
                                        CL_DEVICE_DOUBLE_FP_CONFIG,
                                        CL_DEVICE_HOST_UNIFIED_MEMORY};
    fgmm_device *whole, *device;
    ck_ok(fgmm_device_open(&whole, NULL));
    for (size_t i = 0; i < sizeof optional / sizeof optional[0]; i++) {
        silence_query(optional[i]);
        ck_ok(fgmm_device_open(&device, NULL));
        const fg_device_facts *facts = fg_device_facts_of(device);
        ck_assert_int_eq(facts->kind, fg_device_facts_of(whole)->kind);
        ck_assert(facts->vector_width == 4 || facts->vector_width == 8 || facts->vector_width == 16);
        fgmm_device_close(device);
    }
    fgmm_device_close(whole);
}
END_TEST

/* Binaries and outcomes of checks are kept under the driver's version: without it nothing is. */
START_TEST(test_silent_driver__nothing_is_kept_under_half_a_name)
{
    fg_cache_entry entry;
    fgmm_device *device;
    ck_ok(fgmm_device_open(&device, NULL));
    fg_cache_key(&entry, device, "source", "options");
    ck_assert(entry.is_known);
    silence_query(CL_DEVICE_VERSION);
    fg_cache_key(&entry, device, "source", "options");
    ck_assert(!entry.is_known);
    fgmm_device_close(device);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_silent_driver__a_zero_is_no_answer,
        test_silent_driver__a_lent_context_is_refused_by_name,
        test_silent_driver__other_facts_are_not_needed,
        test_silent_driver__nothing_is_kept_under_half_a_name,
    };
    Suite *s = suite_create("silent driver");
    TCase *cases = tcase_create("needed");
    tcase_add_checked_fixture(cases, NULL, teardown);
    tcase_add_loop_test(cases, test_silent_driver__a_needed_fact_is_missed_by_name, 0, NEEDED);
    suite_add_tcase(s, cases);
    ADD_CASE(s, "facts", NULL, teardown, 60, tests);
    return s;
}
