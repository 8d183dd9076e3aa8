/* lanes.c - finds out, by compiling and comparing, whether kernels for CPUs may use the compiler's lane-mask builtins
 * on this device, and whether their loops, which are long, are run to the end. */
#include "programs.h"

#include "status.h"

#include <stdio.h>

enum { CHECK_VECTORS = 64 };

/* What check_lanes gives. */
typedef struct lanes_result {
    uint32_t bits[CHECK_VECTORS], numbers[CHECK_VECTORS * 16];
    float kept[CHECK_VECTORS * 16];
} lanes_result;

/* Bits that lanes_from must give. */
static uint32_t expected_bits(const float *values, uint32_t vw, float threshold)
{
    uint32_t bits = 0;
    for (uint32_t j = 0; j < vw; j++) bits |= (uint32_t)(values[j] >= threshold) << j;
    return bits;
}

/* Vector i as the kernel must leave it: its bits, and these lanes and their numbers in order. */
static int is_expected(const float *values, uint32_t i, uint32_t vw, float threshold, const lanes_result *found)
{
    const uint32_t bits = expected_bits(values + i * vw, vw, threshold);
    uint32_t count = 0;
    if (found->bits[i] != bits) return 0;
    for (uint32_t j = 0; j < vw; j++)
        if (bits >> j & 1) {
            const uint32_t place = i * vw + count++;
            if (found->kept[place] != values[i * vw + j] || found->numbers[place] != i * vw + j) return 0;
        }
    return 1;
}

static fgmm_status check_lanes(int *is_right, fgmm_device *device, uint32_t vw)
{
    fgmm_status status = FGMM_OK;
    fg_buffer *values = NULL, *thresholds = NULL, *bits = NULL, *kept = NULL, *numbers = NULL;
    float value[CHECK_VECTORS * 16], threshold[CHECK_VECTORS];
    lanes_result found;
    const size_t lanes_bytes = sizeof(float) * CHECK_VECTORS * vw;
    cl_kernel kernel;
    *is_right = 0;
    if (fg_common_kernel(&kernel, device, &fg_cpu_simd, vw, "check_lanes") != FGMM_OK)
        return FGMM_OK; /* not on this device */
    for (uint32_t i = 0; i < CHECK_VECTORS; i++) {
        threshold[i] = (float)((int)(i % 7) - 3);
        for (uint32_t j = 0; j < vw; j++) value[i * vw + j] = (float)((int)((i * 31 + j * 17) % 9) - 4);
    }
    FG_TRY(fg_buffer_create(&values, device, lanes_bytes, FG_BUFFER_DEVICE, "check of lanes"));
    FG_TRY(fg_buffer_create(&thresholds, device, sizeof threshold, FG_BUFFER_DEVICE, "check of lanes"));
    FG_TRY(fg_buffer_create(&bits, device, sizeof found.bits, FG_BUFFER_DEVICE, "check of lanes"));
    FG_TRY(fg_buffer_create(&kept, device, lanes_bytes, FG_BUFFER_DEVICE, "check of lanes"));
    FG_TRY(fg_buffer_create(&numbers, device, lanes_bytes, FG_BUFFER_DEVICE, "check of lanes"));
    FG_TRY(fg_buffer_write(values, 0, value, lanes_bytes));
    FG_TRY(fg_buffer_write(thresholds, 0, threshold, sizeof threshold));
    const fg_argument arguments[] = {FG_ARG_BUFFER(values), FG_ARG_BUFFER(thresholds), FG_ARG_BUFFER(bits),
                                     FG_ARG_BUFFER(kept), FG_ARG_BUFFER(numbers)};
    const size_t global = CHECK_VECTORS, local = 1;
    FG_TRY(fg_kernel_launch(device, kernel, arguments, 5, 1, &global, &local));
    FG_TRY(fg_buffer_read(bits, 0, found.bits, sizeof found.bits));
    FG_TRY(fg_buffer_read(kept, 0, found.kept, lanes_bytes));
    FG_TRY(fg_buffer_read(numbers, 0, found.numbers, lanes_bytes));
    *is_right = 1;
    for (uint32_t i = 0; i < CHECK_VECTORS; i++)
        if (!is_expected(value, i, vw, threshold[i], &found)) *is_right = 0;
done:
    fg_buffer_free(numbers);
    fg_buffer_free(kept);
    fg_buffer_free(bits);
    fg_buffer_free(thresholds);
    fg_buffer_free(values);
    return status;
}

fgmm_status fg_lanes_check(uint32_t *lanes, fgmm_device *device, uint32_t vw)
{
    fgmm_status status = FGMM_OK;
    int is_right = 0;
    *lanes = 0;
    if (vw == 4) return FGMM_OK;
    FG_TRY(check_lanes(&is_right, device, vw));
    if (is_right) *lanes = vw == 16 ? 2 : 1;
done:
    return status;
}

fgmm_status fg_loops_check(int *are_whole, fgmm_device *device)
{
    fgmm_status status = FGMM_OK;
    fg_buffer *result = NULL;
    const cl_uint rounds = 1 << 17; /* of a block of some hundred rows */
    cl_uint expected = rounds, found;
    const size_t one = 1;
    cl_kernel kernel;
    *are_whole = 0;
    FG_TRY(fg_common_kernel(&kernel, device, &fg_cpu_simd, fg_device_facts_of(device)->vector_width, "check_loops"));
    FG_TRY(fg_buffer_create(&result, device, sizeof found, FG_BUFFER_DEVICE, "check of loops"));
    const fg_argument arguments[] = {FG_ARG_VALUE(rounds), FG_ARG_BUFFER(result)};
    FG_TRY(fg_kernel_launch(device, kernel, arguments, 2, 1, &one, &one));
    FG_TRY(fg_buffer_read(result, 0, &found, sizeof found));
    for (cl_uint i = 0; i < rounds; i++) {
        expected ^= expected << 13;
        expected ^= expected >> 17;
        expected ^= expected << 5;
    }
    *are_whole = found == expected;
done:
    fg_buffer_free(result);
    return status;
}
