/* test_device.c - opening, listing, buffers within a budget, launches, errors as text. */
#include "support.h"

#include "handle.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static fgmm_device *device;

static void setup(void)
{
    fgmm_device_options options = FGMM_DEVICE_OPTIONS_INIT;
    options.cache_dir = "";
    ck_ok(fgmm_device_open(&device, &options));
}

static void teardown(void)
{
    fgmm_device_close(device);
}

static const char twice_source[] = "#line 1 \"twice.cl\"\n"
                                   "kernel void twice(global const float *in, global float *out, local float *l,\n"
                                   "                  const float scale)\n"
                                   "{\n"
                                   "    const size_t i = get_global_id(0);\n"
                                   "    l[get_local_id(0)] = in[i];\n"
                                   "    barrier(CLK_LOCAL_MEM_FENCE);\n"
                                   "    out[i] = scale * l[get_local_id(0)];\n"
                                   "}\n";

START_TEST(test_device__describes_what_it_lists)
{
    fgmm_device_info info = FGMM_DEVICE_INFO_INIT, infos[8];
    size_t count, defaults = 0;
    for (int i = 0; i < 8; i++) infos[i].size = sizeof infos[i];
    ck_ok(fgmm_device_describe(device, &info));
    ck_ok(fgmm_devices_list(infos, 8, &count));
    ck_assert_uint_ge(count, 1);
    for (size_t i = 0; i < count && i < 8; i++) {
        ck_assert_uint_eq(infos[i].index, i);
        ck_assert_uint_gt(strlen(infos[i].name), 0);
        ck_assert_uint_gt(strlen(infos[i].reason), 0);
        defaults += infos[i].is_default != 0;
        if (infos[i].is_default) ck_assert_str_eq(infos[i].name, info.name);
    }
    ck_assert_uint_eq(defaults, 1);
    ck_assert_uint_gt(info.max_alloc_bytes, 0);
    ck_assert_int_eq(info.family, fg_device_family(device));
    ck_assert_int_eq(info.family, info.kind == FGMM_DEVICE_CPU ? FGMM_KERNEL_VECTOR : FGMM_KERNEL_GROUP);
    const uint32_t width = fg_device_facts_of(device)->vector_width;
    ck_assert(width == 4 || width == 8 || width == 16);
}
END_TEST

START_TEST(test_buffer__round_trip)
{
    enum { COUNT = 1000 };
    fg_buffer *staging, *buffer;
    float values[COUNT], back[COUNT];
    void *mapped;
    for (int i = 0; i < COUNT; i++) values[i] = (float)i;
    ck_ok(fg_buffer_create(&staging, device, sizeof values, FG_BUFFER_STAGING, "staging"));
    ck_ok(fg_buffer_create(&buffer, device, sizeof values, FG_BUFFER_DEVICE, "rows"));
    ck_assert_uint_eq(fg_buffer_bytes(buffer), sizeof values);
    ck_assert_uint_eq(fgmm_device_bytes(device), 2 * sizeof values);
    ck_ok(fg_buffer_map(staging, &mapped));
    memcpy(mapped, values, sizeof values);
    ck_ok(fg_buffer_unmap(staging, mapped));
    ck_ok(fg_buffer_zero(buffer, 0, sizeof values));
    ck_ok(fg_buffer_copy(buffer, 4, staging, 8, 400));
    ck_ok(fg_buffer_write(buffer, 800, values, 40));
    ck_ok(fg_buffer_read(buffer, 0, back, sizeof back));
    for (int i = 0; i < COUNT; i++)
        ck_assert(back[i] == (i >= 1 && i < 101 ? (float)(i + 1) : i >= 200 && i < 210 ? (float)(i - 200) : 0.0f));
    ck_fails(fg_buffer_read(buffer, 1, back, sizeof back), FGMM_INTERNAL, "rows");
    fg_buffer_free(buffer);
    fg_buffer_free(staging);
    fg_buffer_free(NULL);
    ck_assert_uint_eq(fgmm_device_bytes(device), 0);
    ck_assert_uint_eq(fgmm_device_peak_bytes(device), 2 * sizeof values);
}
END_TEST

/* Doubles 64 numbers. */
static fgmm_status run_twice(cl_kernel kernel, float *out)
{
    enum { COUNT = 64 };
    const size_t global[] = {COUNT}, local[] = {16};
    const float scale = 2;
    float values[COUNT];
    fg_buffer *in, *result;
    for (int i = 0; i < COUNT; i++) values[i] = (float)i;
    ck_ok(fg_buffer_create(&in, device, sizeof values, FG_BUFFER_DEVICE, "in"));
    ck_ok(fg_buffer_create(&result, device, sizeof values, FG_BUFFER_DEVICE, "out"));
    ck_ok(fg_buffer_write(in, 0, values, sizeof values));
    const fg_argument arguments[] = {FG_ARG_BUFFER(in), FG_ARG_BUFFER(result), FG_ARG_LOCAL(16 * sizeof(float)),
                                     FG_ARG_VALUE(scale)};
    const fgmm_status status = fg_kernel_launch(device, kernel, arguments, 4, 1, global, local);
    if (status == FGMM_OK) {
        ck_ok(fg_device_finish(device));
        ck_ok(fg_buffer_read(result, 0, out, sizeof values));
    }
    fg_buffer_free(result);
    fg_buffer_free(in);
    return status;
}

START_TEST(test_kernel__runs)
{
    cl_kernel kernel, again;
    float out[64];
    ck_ok(fg_kernel_from_source(&kernel, device, "twice.cl", twice_source, "", "twice"));
    ck_ok(fg_kernel_from_source(&again, device, "twice.cl", twice_source, "", "twice"));
    ck_assert_ptr_eq(kernel, again);
    ck_ok(run_twice(kernel, out));
    for (int i = 0; i < 64; i++) ck_assert(out[i] == 2.0f * (float)i);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_device__describes_what_it_lists,
        test_buffer__round_trip,
        test_kernel__runs,
    };
    Suite *s = suite_create("device");
    ADD_CASE(s, "device", setup, teardown, 120, tests);
    return s;
}
