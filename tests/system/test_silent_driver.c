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
    answer_truly();
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

/* ---- what only some drivers tell ---- */

static const char *pci_address_of_first(void)
{
    static fgmm_device_info info;
    size_t count;
    info = fgmm_device_info_init();
    ck_ok(fgmm_devices_list(&info, 1, &count));
    ck_assert_uint_ge(count, 1);
    return info.pci_address;
}

/* Three vendors, three ways to say where a device is plugged in; a driver without the extension is not asked. */
START_TEST(test_silent_driver__tells_the_pci_address)
{
    static const char khronos[] = "cl_khr_fp64 cl_khr_pci_bus_info", nvidia[] = "cl_nv_device_attribute_query",
                      amd[] = "cl_amd_device_attribute_query", none[] = "cl_khr_fp64";
    static const uint32_t places[] = {0, 0x65, 0x1f, 7}, domain = 0x10000, bus = 0xc1, place = 2 << 3 | 1;
    static const unsigned char topology[24] = {1, 0, 0, 0, [21] = 0xe3, 4, 1};
    enum { KHRONOS = 0x410F, BUS_NV = 0x4008, PLACE_NV, DOMAIN_NV, TOPOLOGY_AMD = 0x4037 };
    answer_query(CL_DEVICE_EXTENSIONS, khronos, sizeof khronos);
    answer_query(KHRONOS, places, sizeof places);
    answer_query(BUS_NV, &bus, sizeof bus);
    answer_query(PLACE_NV, &place, sizeof place);
    answer_query(TOPOLOGY_AMD, topology, sizeof topology);
    ck_assert_str_eq(pci_address_of_first(), "0000:65:1f.7");
    silence_query(KHRONOS);
    ck_assert_str_eq(pci_address_of_first(), "");
    answer_truly();
    answer_query(CL_DEVICE_EXTENSIONS, nvidia, sizeof nvidia);
    answer_query(BUS_NV, &bus, sizeof bus);
    answer_query(PLACE_NV, &place, sizeof place);
    ck_assert_str_eq(pci_address_of_first(), "0000:c1:02.1");
    answer_query(DOMAIN_NV, &domain, sizeof domain);
    ck_assert_str_eq(pci_address_of_first(), "10000:c1:02.1");
    answer_truly();
    answer_query(CL_DEVICE_EXTENSIONS, amd, sizeof amd);
    answer_query(TOPOLOGY_AMD, topology, sizeof topology);
    ck_assert_str_eq(pci_address_of_first(), "0000:e3:04.1");
    answer_truly();
    answer_query(CL_DEVICE_EXTENSIONS, none, sizeof none);
    answer_query(TOPOLOGY_AMD, topology, sizeof topology);
    ck_assert_str_eq(pci_address_of_first(), "");
}
END_TEST

/* Memory of its own is what a GPU has unless its driver says that the host's is shared; a CPU has none in any case. */
START_TEST(test_silent_driver__tells_whose_the_memory_is)
{
    static const struct {
        cl_device_type type;
        cl_bool is_unified;
        int has_own;
    } cases[] = {{CL_DEVICE_TYPE_GPU, CL_FALSE, 1},
                 {CL_DEVICE_TYPE_GPU, CL_TRUE, 0},
                 {CL_DEVICE_TYPE_ACCELERATOR, CL_FALSE, 1},
                 {CL_DEVICE_TYPE_CPU, CL_FALSE, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fgmm_device_info info = fgmm_device_info_init();
        size_t count;
        answer_truly();
        answer_query(CL_DEVICE_TYPE, &cases[i].type, sizeof cases[i].type);
        answer_query(CL_DEVICE_HOST_UNIFIED_MEMORY, &cases[i].is_unified, sizeof cases[i].is_unified);
        ck_ok(fgmm_devices_list(&info, 1, &count));
        ck_assert_int_eq(info.has_own_memory, cases[i].has_own);
    }
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
        test_silent_driver__a_zero_is_no_answer,        test_silent_driver__a_lent_context_is_refused_by_name,
        test_silent_driver__other_facts_are_not_needed, test_silent_driver__nothing_is_kept_under_half_a_name,
        test_silent_driver__tells_the_pci_address,      test_silent_driver__tells_whose_the_memory_is,
    };
    Suite *s = suite_create("silent driver");
    TCase *cases = tcase_create("needed");
    tcase_add_checked_fixture(cases, NULL, teardown);
    tcase_add_loop_test(cases, test_silent_driver__a_needed_fact_is_missed_by_name, 0, NEEDED);
    suite_add_tcase(s, cases);
    ADD_CASE(s, "facts", NULL, teardown, 60, tests);
    return s;
}
