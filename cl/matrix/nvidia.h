/* matrix/nvidia.h - what matrix/warp_responsibilities.cl needs of a warp that owns a matrix unit, for NVIDIA's
 * processors from compute capability 8.0 on: PTX instructions, with which fragments stay in registers. matrix/warp.h is
 * the same in plain OpenCL C; matrix/warp_responsibilities.cl describes the functions. */
#include "matrix/warp_tile.cl"

#define WARP_UNROLL   _Pragma("unroll")
#define WARP_EXCHANGE 1 /* nothing is exchanged through local memory */

typedef struct warp_t {
    uint lane;
} warp_t;

typedef uint4 columns_t;

static inline warp_t warp_begin(__local uint4 *exchange, uint item)
{
    warp_t w;
    w.lane = item % 32;
    return w;
}

static inline uint warp_pack(float low, float high)
{
    uint pair;
    __asm__("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
}

static inline float2 warp_unpack(uint pair)
{
    float low, high;
    __asm__("{.reg .b16 low, high; mov.b32 {low, high}, %2; cvt.f32.f16 %0, low; cvt.f32.f16 %1, high;}"
            : "=f"(low), "=f"(high)
            : "r"(pair));
    return (float2)(low, high);
}

static inline void warp_publish(const warp_t *w, uint fragment, const uint a[4])
{
}

static inline columns_t warp_columns(const warp_t *w, __local const uint4 *fragments)
{
    return fragments[w->lane];
}

static inline void warp_multiply(float c[4], const warp_t *w, const uint a[4], uint fragment, columns_t b,
                                 int is_second)
{
    __asm__ volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
                     "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                     : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(is_second ? b.z : b.x),
                       "r"(is_second ? b.w : b.y));
}

static inline uint warp_swap(const warp_t *w, uint value, uint mask)
{
    uint other;
    __asm__ volatile("shfl.sync.bfly.b32 %0, %1, %2, 31, 0xffffffff;" : "=r"(other) : "r"(value), "r"(mask));
    return other;
}

static inline void warp_copy(__local uint4 *to, __global const uint4 *from)
{
    __asm__ volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"((uint)(size_t)to), "l"((ulong)from) : "memory");
}

static inline void warp_copy_commit(void)
{
    __asm__ volatile("cp.async.commit_group;" ::: "memory");
}

static inline void warp_copy_wait(void)
{
    __asm__ volatile("cp.async.wait_group 0;" ::: "memory");
}
