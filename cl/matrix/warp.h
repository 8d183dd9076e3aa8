/* matrix/warp.h - what matrix/warp_responsibilities.cl needs of a warp that owns a matrix unit, in plain OpenCL C, so
 * that the kernel runs on any device: lanes read each other's operands in local memory. For tests; not fast.
 * matrix/warp_responsibilities.cl describes the functions. */
#include "matrix/warp_tile.cl"

#define WARP_UNROLL
/* 16-byte words of local memory that a work-group of the kernel provides. */
#define WARP_EXCHANGE (WARPS * (32 * ROW_FRAGMENTS + 32 / 4))

typedef struct warp_t {
    __local uint4 *rows; /* (ROW_FRAGMENTS, 32) of this warp, then a number per lane */
    uint lane;
} warp_t;

typedef __local const uint4 *columns_t;

static inline warp_t warp_begin(__local uint4 *exchange, uint item)
{
    warp_t w;
    w.lane = item % 32;
    w.rows = exchange + item / 32 * (WARP_EXCHANGE / WARPS);
    return w;
}

static inline uint warp_pack(float low, float high)
{
    ushort halves[2];
    vstore_half_rte(low, 0, (half *)halves);
    vstore_half_rte(high, 1, (half *)halves);
    return halves[0] | (uint)halves[1] << 16;
}

static inline float2 warp_unpack(uint pair)
{
    const ushort halves[2] = {(ushort)(pair & 0xffff), (ushort)(pair >> 16)};
    return (float2)(vload_half(0, (const half *)halves), vload_half(1, (const half *)halves));
}

static inline void warp_publish(const warp_t *w, uint fragment, const uint a[4])
{
    w->rows[fragment * 32 + w->lane] = (uint4)(a[0], a[1], a[2], a[3]);
}

static inline columns_t warp_columns(const warp_t *w, __local const uint4 *fragments)
{
    return fragments;
}

static inline float warp_product(uint a, uint b)
{
    const float2 x = warp_unpack(a), y = warp_unpack(b);
    return fma(x.y, y.y, x.x * y.x);
}

static inline void warp_multiply(float c[4], const warp_t *w, const uint a[4], uint fragment, columns_t b,
                                 int is_second)
{
    for (uint i = 0; i < 4; i++) {
        const uint row = w->lane / 4 + i / 2 * 8, column = w->lane % 4 * 2 + i % 2;
        for (uint t = 0; t < 4; t++) {
            const uint4 of_row = w->rows[fragment * 32 + row % 8 * 4 + t], of_column = b[column * 4 + t];
            c[i] += warp_product(row < 8 ? of_row.x : of_row.y, is_second ? of_column.z : of_column.x);
            c[i] += warp_product(row < 8 ? of_row.z : of_row.w, is_second ? of_column.w : of_column.y);
        }
    }
}

static inline uint warp_swap(const warp_t *w, uint value, uint mask)
{
    __local uint *numbers = (__local uint *)(w->rows + 32 * ROW_FRAGMENTS);
    numbers[w->lane] = value;
    barrier(CLK_LOCAL_MEM_FENCE);
    const uint other = numbers[w->lane ^ mask];
    barrier(CLK_LOCAL_MEM_FENCE);
    return other;
}

static inline void warp_copy(__local uint4 *to, __global const uint4 *from)
{
    *to = *from;
}

static inline void warp_copy_commit(void)
{
}

static inline void warp_copy_wait(void)
{
}
