/* search/scan_gpu.cl - distances between the queries that probe an inverted list and the rows of the list
 * (search/scan.cl). GPUs: a work-group owns a task; each work-item takes one row of it at a time and TILE_QUERIES
 * queries, so that a row is read once for them. Neighbouring items read neighbouring rows; all items of a group read
 * the same query. No local memory.
 *
 *   VW            1
 *   TILE_QUERIES  queries in registers, >= 1
 */
#include "search/scan.cl"

#if !defined(TILE_QUERIES) || VW != 1
#error "TILE_QUERIES is not set, or VW is not 1"
#endif

#if WIDE_SUMS
#define SUM_DIMS(d)         CHUNK
#define ADD_SUM(total, sum) ((total) + convert_uint(sum))
#else
#define SUM_DIMS(d)         (d)
#define ADD_SUM(total, sum) (sum)
#endif

static inline void measure(dist_t total[TILE_QUERIES], __global const row_t *x, __global const float *const *q, uint d)
{
#pragma unroll
    for (int i = 0; i < TILE_QUERIES; i++) total[i] = 0;
    for (uint first = 0; first < d; first += SUM_DIMS(d)) {
        float sum[TILE_QUERIES];
#pragma unroll
        for (int i = 0; i < TILE_QUERIES; i++) sum[i] = 0.0f;
        const uint end = min(first + SUM_DIMS(d), d);
        for (uint j = first; j < end; j++) {
            const float row = row_element(x, (size_t)j * BLOCK);
#pragma unroll
            for (int i = 0; i < TILE_QUERIES; i++) {
                const float t = q[i][j] - row;
                sum[i] = fma(t, t, sum[i]);
            }
        }
#pragma unroll
        for (int i = 0; i < TILE_QUERIES; i++) total[i] = ADD_SUM(total[i], sum[i]);
    }
}

__kernel void scan(__global const row_t *rows, __global const float *queries, uint d, __global const uint *tasks,
                   __global const uint *pairs, __global dist_t *out)
{
    __global const uint *task = tasks + get_group_id(0) * TASK;
    const uint first_pair = task[0], count = task[1], first_block = task[2], blocks = task[3], skip = task[4];
    for (uint row = get_local_id(0); row < blocks * BLOCK; row += get_local_size(0)) {
        __global const row_t *x = rows + (size_t)(first_block + row / BLOCK) * d * BLOCK + row % BLOCK;
        for (uint p = 0; p < count; p += TILE_QUERIES) {
            __global const float *q[TILE_QUERIES];
            dist_t total[TILE_QUERIES];
            for (uint i = 0; i < TILE_QUERIES; i++)
                q[i] = queries + (size_t)pairs[2 * (first_pair + min(p + i, count - 1))] * d;
            measure(total, x, q, d);
            for (uint i = 0; i < TILE_QUERIES && p + i < count; i++) {
                const uint begin = pairs[2 * (first_pair + p + i) + 1];
                out[((size_t)begin + skip) * BLOCK + row] = total[i];
            }
        }
    }
}
