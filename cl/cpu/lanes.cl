/* cpu/lanes.cl - what only CPUs have: which lanes of a vector reach a threshold, as bits; those lanes appended to a
 * list; and cache lines that are fetched ahead. Two kernels let the host check the first two.
 *
 *   LANES_AVX512 (VW 16), LANES_AVX (VW 8)  1: compiler builtins are used, which the host has tried and checked; any()
 *                                           and the like compile badly on CPUs, and this is the inner loop of the sweep
 */
#include "common/prelude.cl"

/* A compiler that lacks the builtin gets the portable form: then it fails the check, not to compile. */
#ifdef __has_builtin
#if LANES_AVX512
#define HAS_LANE_BUILTIN                                                                                               \
    (__has_builtin(__builtin_ia32_cmpps512_mask) && __has_builtin(__builtin_ia32_compresssf512_mask))
#elif LANES_AVX
#define HAS_LANE_BUILTIN __has_builtin(__builtin_ia32_movmskps256)
#endif
#endif
#ifndef HAS_LANE_BUILTIN
#define HAS_LANE_BUILTIN 0
#endif

/* Fetches the cache line at `address` ahead. OpenCL's own prefetch() does nothing on CPUs. Only where the
 * compiler's target is a CPU: SPIR and SPIR-V have no such instruction, and Oclgrind and Mesa crash on it. */
#if IS_CPU_TARGET && defined(__has_builtin)
#if __has_builtin(__builtin_prefetch)
#define WANT_LINE(address) __builtin_prefetch((const void *)(size_t)(address))
#endif
#endif
#ifndef WANT_LINE
#define WANT_LINE(address)
#endif
enum { LINE_BYTES = 64 };

/* Bits of the lanes with v >= threshold. */
static inline uint lanes_from(floatv v, float threshold)
{
#if HAS_LANE_BUILTIN && LANES_AVX512
    return (ushort)__builtin_ia32_cmpps512_mask(v, (floatv)threshold, 29, (ushort)-1, 4);
#elif HAS_LANE_BUILTIN && LANES_AVX
    return (uint)__builtin_ia32_movmskps256(as_float8(v >= (floatv)threshold));
#else
    float lanes[VW];
    PASTE(vstore, VW)(v, 0, lanes);
    uint bits = 0;
#pragma unroll
    for (int j = 0; j < VW; j++) bits |= (uint)(lanes[j] >= threshold) << j;
    return bits;
#endif
}

static inline uint lowest_bit(uint bits)
{
    return 31 - clz(bits & (0u - bits));
}

/* The lanes of v named by bits to values, their numbers, from `first` on, to numbers; returns how many. Both need room
 * for a whole vector: what lies behind the appended lanes is undefined. */
static inline uint append_lanes(__global float *values, __global uint *numbers, floatv v, uint first, uint bits)
{
#if HAS_LANE_BUILTIN && LANES_AVX512
    const int16 all = (int)first + (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const floatv kept = __builtin_ia32_compresssf512_mask(v, v, (ushort)bits);
    const int16 names = __builtin_ia32_compresssi512_mask(all, all, (ushort)bits);
    *(__global unaligned_floatv *)values = kept;
    *(__global unaligned_floatv *)numbers = as_float16(names);
    return popcount(bits);
#else
    float lanes[VW];
    uint count = 0;
    PASTE(vstore, VW)(v, 0, lanes);
    for (; bits; bits &= bits - 1, count++) {
        const uint lane = lowest_bit(bits);
        values[count] = lanes[lane];
        numbers[count] = first + lane;
    }
    return count;
#endif
}

/* A loop that no compiler shortens, with which the host checks that all of it runs: a driver that ends loops after so
 * many rounds of a work-item (Mesa's llvmpipe before 23: 65,535 of all its loops together) leaves blocks of rows
 * undone. */
__kernel void check_loops(uint rounds, __global uint *result)
{
    uint x = rounds;
    for (uint i = 0; i < rounds; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
    }
    result[get_global_id(0)] = x;
}

/* For the host's check of the builtins, on n vectors and thresholds: bits (n), all set where there is no
 * builtin; kept and numbers (n, VW), of which the first, as many as there are bits, count. */
__kernel void check_lanes(__global const float *values, __global const float *thresholds, __global uint *bits,
                          __global float *kept, __global uint *numbers)
{
    const size_t i = get_global_id(0);
    const floatv v = LOADV(values + i * VW);
    const uint mine = lanes_from(v, thresholds[i]);
    append_lanes(kept + i * VW, numbers + i * VW, v, (uint)(i * VW), mine);
    bits[i] = HAS_LANE_BUILTIN ? mine : 0xffffffffu;
}
