/* common/prelude.cl - what every kernel shares: the vector type, loading of rows, sums wider than float.
 *
 * Macros from the host:
 *   VW         lanes of a vector: 1 (seeding on GPUs), 4 (GPUs, narrow CPUs), 8 or 16
 *   ROW_TYPE   how rows are stored: 0 u8, 1 i8, 2 f16, 3 f32 (fgmm_type)
 *   DIMS       D, where a kernel unrolls over it
 *   HAS_FP64   1 where the device has double
 */
#ifndef ROW_TYPE
#error "ROW_TYPE is not set"
#endif
#ifndef VW
#error "VW is not set"
#endif

/* Mesa's llvmpipe crashes on a call of a function that has a barrier in it: so there helper functions are always
 * inlined. On PoCL they must not be: with its work-item loops it then computes wrong results
 * where a barrier stands in one of two branches (tied covariances, GPU kernels). */
#if defined(__SPIR__) || defined(__SPIR64__) || defined(__SPIRV__) || defined(__SPIRV64__)
#define inline inline __attribute__((always_inline))
#endif

/* The compiler's target is a CPU. */
#if defined(__x86_64__) || defined(__i386__) || defined(__aarch64__) || defined(__arm__) || defined(__riscv) ||        \
    defined(__powerpc64__)
#define IS_CPU_TARGET 1
#else
#define IS_CPU_TARGET 0
#endif

/* What most of a large kernel does, as a function of its own: PoCL makes three functions of a kernel and compiles each,
 * but what all three call only once. It may neither ask for its work-item nor have a barrier. */
#if IS_CPU_TARGET
#define KERNEL_BODY __attribute__((noinline))
#else
#define KERNEL_BODY inline
#endif

/* A kernel whose work-items Intel's GPUs run sixteen at a time. Left to itself, their compiler takes eight where a kernel
 * has many registers, and these fill half of a unit. */
#ifdef cl_intel_required_subgroup_size
#define SUBGROUPS_OF_16 __attribute__((intel_reqd_sub_group_size(16)))
#else
#define SUBGROUPS_OF_16
#endif

#define PASTE_(a, b) a##b
#define PASTE(a, b)  PASTE_(a, b)

/* ---- vectors of VW floats; STOREV wants p aligned to a whole vector. Both are plain accesses for CPUs' widths, since
 * vload and vstore are split in four and more there. ---- */
#if VW == 1
typedef float floatv;
typedef int intv;
#define LOADV(p)         (*(p))
#define LOADV_PRIVATE(p) (*(p))
#define STOREV(v, p)     (*(p) = (v))
#else
typedef PASTE(float, VW) floatv;
typedef PASTE(int, VW) intv;
#define LANE_NUMBERS     PASTE(LANE_NUMBERS_, VW)
#define LANE_NUMBERS_4   ((int4)(0, 1, 2, 3))
#define LANE_NUMBERS_8   ((int8)(0, 1, 2, 3, 4, 5, 6, 7))
#define LANE_NUMBERS_16  ((int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
#define AS_FLOATV(v)     PASTE(as_float, VW)(v)
#define AS_INTV(v)       PASTE(as_int, VW)(v)
#define LOADV_PRIVATE(p) PASTE(vload, VW)(0, (p))
#if VW >= 8
typedef floatv __attribute__((aligned(4))) unaligned_floatv;
#define LOADV(p) (*(__global const unaligned_floatv *)(p))
#else
#define LOADV(p) PASTE(vload, VW)(0, (p))
#endif
#define STOREV(v, p) (*(__global floatv *)(p) = (v))
#endif
/* p aligned to a whole vector. */
#if IS_CPU_TARGET || VW == 1
#define LOADV_ALIGNED(p) LOADV(p)
#else
#define LOADV_ALIGNED(p) (*(__global const floatv *)(p))
#endif

/* The larger lane by lane; b where a is NaN. fmax treats NaN otherwise and costs five instructions on x86. */
static inline floatv larger(floatv a, floatv b)
{
    return a > b ? a : b;
}

#if VW > 1
/* exp x for x <= 0, zero below -87, where it would be denormal. x = n log 2 + t with a whole n and |t| <= log(2) / 2;
 * exp t by Cephes's polynomial, 2^n by adding n to the exponent. Relative error at most 2^-23.6 (7.5e-8) over the
 * range; half the instructions of the built-in one, which must serve infinities and denormals. */
static inline floatv exp_below(floatv x)
{
    const floatv shifted = fma(x, (floatv)1.44269504f, (floatv)0x1.8p23f); /* the low bits hold n */
    const floatv n = shifted - 0x1.8p23f;
    const floatv t = fma(n, (floatv)2.12194440e-4f, fma(n, (floatv)-0.693359375f, x));
    floatv p = fma(t, (floatv)1.9875691500e-4f, (floatv)1.3981999507e-3f);
    p = fma(p, t, (floatv)8.3334519073e-3f);
    p = fma(p, t, (floatv)4.1665795894e-2f);
    p = fma(p, t, (floatv)1.6666665459e-1f);
    p = fma(p, t, (floatv)5.0000001201e-1f);
    p = fma(p, t, (floatv)1.0f);
    p = fma(p, t, (floatv)1.0f);
    const floatv e = AS_FLOATV(AS_INTV(p) + (AS_INTV(shifted) << 23));
    return x < (floatv)-87.0f ? (floatv)0.0f : e;
}
#endif

/* Largest and sum of the lanes, in a fixed order. */
#if VW >= 4
static inline float max_of_four(float4 v)
{
    const float2 c = v.lo > v.hi ? v.lo : v.hi;
    return c.x > c.y ? c.x : c.y;
}
static inline float sum_of_four(float4 v)
{
    const float2 c = v.lo + v.hi;
    return c.x + c.y;
}
#endif
#if VW == 16
static inline float max_lanes(float16 v)
{
    const float8 a = v.lo > v.hi ? v.lo : v.hi;
    return max_of_four(a.lo > a.hi ? a.lo : a.hi);
}
static inline float sum_lanes(float16 v)
{
    const float8 a = v.lo + v.hi;
    return sum_of_four(a.lo + a.hi);
}
#elif VW == 8
static inline float max_lanes(float8 v)
{
    return max_of_four(v.lo > v.hi ? v.lo : v.hi);
}
static inline float sum_lanes(float8 v)
{
    return sum_of_four(v.lo + v.hi);
}
#elif VW == 4
#define max_lanes max_of_four
#define sum_lanes sum_of_four
#endif

/* ---- rows: stored as the file has them, float when loaded ---- */
#if ROW_TYPE == 0
#define ROW_NAME uchar
typedef uchar row_t;
#elif ROW_TYPE == 1
#define ROW_NAME char
typedef char row_t;
#elif ROW_TYPE == 2
typedef half row_t;
#elif ROW_TYPE == 3
typedef float row_t;
#else
#error "ROW_TYPE has no such value"
#endif

/* Element i of rows. vload_half is core OpenCL C; the half type itself is only pointed to. */
static inline float row_element(__global const row_t *rows, size_t i)
{
#if ROW_TYPE == 2
    return vload_half(i, rows);
#else
    return (float)rows[i];
#endif
}

#if VW > 1
/* On GPUs vload promises the alignment of an element and loads one by one. Rows of a batch are aligned to four elements
 * where D is a multiple of four (fg_rows). */
#if defined(DIMS) && VW == 4 && !IS_CPU_TARGET
#define ROWS_ARE_ALIGNED (DIMS % VW == 0)
#else
#define ROWS_ARE_ALIGNED 0
#endif

#if ROW_TYPE == 2 && IS_CPU_TARGET
/* By way of an aligned copy, of which the compiled kernel has no trace: PoCL 6.0 takes whatever vload_half16 reads to be
 * aligned, and a program ends where it is not. */
static inline floatv half_vector(__global const row_t *p)
{
    const PASTE(ushort, VW) copy = PASTE(vload, VW)(0, (__global const ushort *)p);
    return PASTE(vloada_half, VW)(0, (const half *)&copy);
}
#endif

/* Elements i .. i+VW-1, a vector of a row. */
static inline floatv row_vector(__global const row_t *rows, size_t i)
{
#if ROW_TYPE == 2 && ROWS_ARE_ALIGNED
    return vloada_half4(0, rows + i);
#elif ROW_TYPE == 2 && IS_CPU_TARGET
    return half_vector(rows + i);
#elif ROW_TYPE == 2
    return PASTE(vload_half, VW)(0, rows + i);
#elif ROW_TYPE == 3 && ROWS_ARE_ALIGNED
    return LOADV_ALIGNED(rows + i);
#elif ROW_TYPE == 3
    return LOADV(rows + i);
#elif ROWS_ARE_ALIGNED
    return convert_float4(*(__global const PASTE(ROW_NAME, 4) *)(rows + i));
#else
    return PASTE(convert_float, VW)(PASTE(vload, VW)(0, rows + i));
#endif
}
#endif

/* ---- sums over batches: double, or a pair of floats (high, low) where the device has no double ---- */
#if HAS_FP64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
typedef double sum_t;
static inline sum_t sum_add(sum_t s, float x)
{
    return s + (double)x;
}
/* s - a b, the product exact */
static inline sum_t sum_subtract_product(sum_t s, sum_t a, float b)
{
    return s - a * (double)b;
}
/* s + a b, likewise */
static inline sum_t sum_add_product(sum_t s, float a, float b)
{
    return fma((double)a, (double)b, s);
}
static inline sum_t sum_join(sum_t a, sum_t b)
{
    return a + b;
}
#define SUM_ZERO 0.0
#else
typedef float2 sum_t;
/* Knuth's two-sum, then renormalised: 48 bits. */
static inline sum_t sum_add(sum_t s, float x)
{
    float t = s.x + x;
    float z = t - s.x;
    float low = s.y + ((s.x - (t - z)) + (x - z));
    float high = t + low;
    return (float2)(high, low - (high - t));
}
static inline sum_t sum_join(sum_t a, sum_t b)
{
    return sum_add(sum_add(a, b.x), b.y);
}
static inline sum_t sum_subtract_product(sum_t s, sum_t a, float b)
{
    float high = a.x * b;
    float low = fma(a.x, b, -high) + a.y * b;
    return sum_add(sum_add(s, -high), -low);
}
static inline sum_t sum_add_product(sum_t s, float a, float b)
{
    float high = a * b;
    return sum_add(sum_add(s, high), fma(a, b, -high));
}
#define SUM_ZERO ((float2)(0.0f, 0.0f))
#endif
