/* test_exp.c - the exponential that the vector backend's kernels share, against the C library's. */
#include "handle.h"
#include "kernel_files.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What docs/math.md states, 2^-23.6, and the rounding of the comparison itself. */
static const double exp_tolerance = 8e-8;

enum { COUNT = 1 << 16, WIDTH = 4 };
static const char probe[] = "__kernel void probe_exp(__global const float *x, __global float *e)\n"
                            "{\n"
                            "    const size_t at = get_global_id(0) * VW;\n"
                            "    STOREV(exp_below(LOADV(x + at)), e + at);\n"
                            "}\n";

static fgmm_device *device;

static void setup(void)
{
    fgmm_device_options options = fgmm_device_options_init();
    ck_ok(fgmm_device_open(&device, &options));
}

static void teardown(void)
{
    fgmm_device_close(device);
}

/* common/prelude.cl and the probe, to be freed. */
static char *probe_source(void)
{
    const fg_kernel_file *file = fg_kernel_files;
    while (strcmp(file->name, "common/prelude.cl") != 0) file++;
    char *source = calloc(file->count + sizeof probe, 1);
    ck_assert_ptr_nonnull(source);
    memcpy(source, file->bytes, file->count);
    memcpy(source + file->count, probe, sizeof probe);
    return source;
}

/* Numbers over the whole range and below it, more of them near 0. */
START_TEST(test_exp__is_right_to_a_rounding_and_zero_far_below)
{
    static float x[COUNT], e[COUNT];
    fg_buffer *in, *out;
    cl_kernel kernel;
    char *source = probe_source();
    for (int i = 0; i < COUNT; i++) x[i] = i % 2 ? -100.0f * (float)i / COUNT : -(float)i / COUNT;
    ck_ok(fg_kernel_from_source(&kernel, device, "probe_exp", source, "-DROW_TYPE=3 -DVW=4", "probe_exp"));
    ck_ok(fg_buffer_create(&in, device, sizeof x, FG_BUFFER_DEVICE, "numbers"));
    ck_ok(fg_buffer_create(&out, device, sizeof e, FG_BUFFER_DEVICE, "exponentials"));
    ck_ok(fg_buffer_write(in, 0, x, sizeof x));
    const fg_argument arguments[] = {FG_ARG_BUFFER(in), FG_ARG_BUFFER(out)};
    const size_t global = COUNT / WIDTH, local = 1;
    ck_ok(fg_kernel_launch(device, kernel, arguments, 2, 1, &global, &local));
    ck_ok(fg_buffer_read(out, 0, e, sizeof e));
    for (int i = 0; i < COUNT; i++) {
        const double expected = x[i] < -87.0f ? 0.0 : exp((double)x[i]);
        ck_assert_double_le(fabs((double)e[i] - expected), exp_tolerance * expected);
    }
    fg_buffer_free(in);
    fg_buffer_free(out);
    free(source);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("exp");
    TCase *exponentials = tcase_create("exponentials");
    tcase_add_checked_fixture(exponentials, setup, teardown);
    tcase_set_timeout(exponentials, 60);
    tcase_add_test(exponentials, test_exp__is_right_to_a_rounding_and_zero_far_below);
    suite_add_tcase(s, exponentials);
    return s;
}
