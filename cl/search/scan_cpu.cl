/* search/scan_cpu.cl - distances between the queries that probe an inverted list and the rows of the list
 * (search/scan.cl). CPUs: a work-item owns a task, some queries and some blocks of one list. TILE_QUERIES x TILE_BLOCKS
 * vectors of sums stay in registers, so that a row is converted once for TILE_QUERIES queries. No barriers, no local
 * memory.
 *
 *   VW            16: a vector is a block (narrower devices split it)
 *   TILE_QUERIES  queries in registers, >= 1
 *   TILE_BLOCKS   blocks in registers, >= 1; (TILE_QUERIES + 1) TILE_BLOCKS + 1 vectors must fit
 */
#include "search/scan.cl"

#if !defined(TILE_QUERIES) || !defined(TILE_BLOCKS) || VW != 16
#error "TILE_QUERIES or TILE_BLOCKS is not set, or VW is not 16"
#endif

/* Distances of `queries` queries to `blocks` blocks; q[i] points to a query, to[i] to where its distances go. */
#define DEFINE_TILE(name, queries, blocks)                                                                             \
    static inline void name(__global const row_t *x, __global const float *const *q, __global dist_t *const *to,       \
                            uint d)                                                                                    \
    {                                                                                                                  \
        distv total[queries][blocks];                                                                                  \
        _Pragma("unroll") for (int i = 0; i < queries; i++) _Pragma("unroll") for (int b = 0; b < blocks; b++)         \
            total[i][b] = 0;                                                                                           \
        for (uint first = 0; first < d; first += SUM_DIMS(d)) {                                                        \
            float16 sum[queries][blocks];                                                                              \
            _Pragma("unroll") for (int i = 0; i < queries; i++) _Pragma("unroll") for (int b = 0; b < blocks; b++)     \
                sum[i][b] = 0.0f;                                                                                      \
            const uint end = min(first + SUM_DIMS(d), d);                                                              \
            for (uint j = first; j < end; j++) {                                                                       \
                float16 row[blocks];                                                                                   \
                _Pragma("unroll") for (int b = 0; b < blocks; b++) row[b] =                                            \
                    row_vector(x, ((size_t)b * d + j) * BLOCK);                                                        \
                _Pragma("unroll") for (int i = 0; i < queries; i++)                                                    \
                {                                                                                                      \
                    const float16 y = q[i][j];                                                                         \
                    _Pragma("unroll") for (int b = 0; b < blocks; b++)                                                 \
                    {                                                                                                  \
                        const float16 t = y - row[b];                                                                  \
                        sum[i][b] = fma(t, t, sum[i][b]);                                                              \
                    }                                                                                                  \
                }                                                                                                      \
            }                                                                                                          \
            _Pragma("unroll") for (int i = 0; i < queries; i++) _Pragma("unroll") for (int b = 0; b < blocks; b++)     \
                total[i][b] = ADD_SUM(total[i][b], sum[i][b]);                                                         \
        }                                                                                                              \
        _Pragma("unroll") for (int i = 0; i < queries; i++) _Pragma("unroll") for (int b = 0; b < blocks; b++) *       \
            (__global distv *)(to[i] + b * BLOCK) = total[i][b];                                                       \
    }

#if WIDE_SUMS
#define SUM_DIMS(d)         CHUNK
#define ADD_SUM(total, sum) ((total) + convert_uint16(sum))
#else
#define SUM_DIMS(d)         (d)
#define ADD_SUM(total, sum) (sum)
#endif

DEFINE_TILE(tile_full, TILE_QUERIES, TILE_BLOCKS)
DEFINE_TILE(tile_short, TILE_QUERIES, 1)
DEFINE_TILE(single_full, 1, TILE_BLOCKS)
DEFINE_TILE(single_short, 1, 1)

__kernel void scan(__global const row_t *rows, __global const float *queries, uint d, __global const uint *tasks,
                   __global const uint *pairs, __global dist_t *out)
{
    __global const uint *task = tasks + get_global_id(0) * TASK;
    const uint first_pair = task[0], count = task[1], first_block = task[2], blocks = task[3], skip = task[4];
    for (uint block = 0; block < blocks; block += TILE_BLOCKS) {
        const uint used = min((uint)TILE_BLOCKS, blocks - block);
        __global const row_t *x = rows + (size_t)(first_block + block) * d * BLOCK;
        for (uint p = 0; p < count; p += TILE_QUERIES) {
            __global const float *q[TILE_QUERIES];
            __global dist_t *to[TILE_QUERIES];
            /* a tile that is not full does its last query again, with the same result */
            for (uint i = 0; i < TILE_QUERIES; i++) {
                __global const uint *pair = pairs + 2 * (first_pair + min(p + i, count - 1));
                q[i] = queries + (size_t)pair[0] * d;
                to[i] = out + ((size_t)pair[1] + skip + block) * BLOCK;
            }
            const int is_single = p + 1 == count;
            if (used == TILE_BLOCKS) {
                if (is_single)
                    single_full(x, q, to, d);
                else
                    tile_full(x, q, to, d);
                continue;
            }
            for (uint b = 0; b < used; b++) {
                if (is_single)
                    single_short(x + (size_t)b * d * BLOCK, q, to, d);
                else
                    tile_short(x + (size_t)b * d * BLOCK, q, to, d);
                for (uint i = 0; i < TILE_QUERIES; i++) to[i] += BLOCK;
            }
        }
    }
}
