/* lanes.cl - which lanes of a vector reach a threshold, as bits. Vector family.
 * LANES_AVX512 (VW 16), LANES_AVX (VW 8): compiler builtins, used where the host has compiled and checked them; any()
 * and its like compile badly on CPUs, and this test stands in the inner loop of the sweep.
 */
/* A compiler that lacks the builtin gets the portable form, and fails the probe without failing to compile. */
#ifdef __has_builtin
#if LANES_AVX512
#define HAS_LANE_BUILTIN __has_builtin(__builtin_ia32_cmpps512_mask)
#elif LANES_AVX
#define HAS_LANE_BUILTIN __has_builtin(__builtin_ia32_movmskps256)
#endif
#endif
#ifndef HAS_LANE_BUILTIN
#define HAS_LANE_BUILTIN 0
#endif

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

/* What the host checks before it trusts the builtins: bits (n) of n vectors against n thresholds; all bits where there
 * is no builtin. */
__kernel void probe_lanes(__global const float *values, __global const float *thresholds, __global uint *bits)
{
    const size_t i = get_global_id(0);
    bits[i] = HAS_LANE_BUILTIN ? lanes_from(LOADV(values + i * VW), thresholds[i]) : 0xffffffffu;
}
