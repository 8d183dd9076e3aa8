/* cpu/accumulate.cl - statistics of one segment of a component's nonzeros: their rows are gathered and summed in
 * registers. CPUs: a work-item has one segment, from first_segment on.
 *
 *     N = sum r,  S1 = sum r (y - m),  S2 = sum r |y - m|^2 (diag: per dimension)       docs/math.md, equations 15-17
 *
 * These are sums about the component's mean, so nothing cancels however far it lies from the origin. At most SEGMENT
 * nonzeros are summed in float (relative error about sqrt(SEGMENT) 2^-24); segments are joined in a wider type. Where
 * the matrix of second moments is summed wide, so are N and S1, from the same rounded roots and products s = sqrt(r) (y
 * - m) (docs/math.md, "Wide sums").
 *
 *   partial (segments, PARTIAL):  S1 (ROW_STRIDE) | S2 (diag ROW_STRIDE, else 1) | N        (common/partial_sums.cl)
 *                   matrices:     S1 (ROW_STRIDE) | its low part (ROW_STRIDE) | N | its low part
 *   is_wide (K)  matrices: 1 where sums are wide
 *   TILE_CHUNK   vectors of a row that are summed together; the nonzeros are walked once for each such chunk of a row
 */
#include "common/arguments.cl"
#include "arguments/accumulate.h"
#include "cpu/lanes.cl"
#include "common/partial_sums.cl"

enum { ROWS_AHEAD = 12 }; /* gathered rows come from the last-level cache: so many are fetched ahead */

typedef struct nonzeros_t {
    __global const row_t *rows;
    ulong first_element;
    __global const float *shift;
    __global const uint *transposed_rows;
    __global const float *transposed_values;
    uint first, end;
} nonzeros_t;

/* First element of the row of nonzero q. */
static inline size_t row_of_nonzero(const nonzeros_t *e, uint q)
{
    return e->first_element + (size_t)e->transposed_rows[q] * DIMS;
}

/* Vectors v0 .. v0+count-1 of the row. count is a constant where this is inlined; the loops have a constant bound of
 * their own, since a compiler unrolls before it inlines. */
static inline void accumulate_chunk(const nonzeros_t *e, __global const float *mean, __global float *partial, int v0,
                                    int count, floatv *squares)
{
    floatv m[TILE_CHUNK], s1[TILE_CHUNK], s2[TILE_CHUNK]; /* s2 with matrices: not used */
#pragma unroll
    for (int j = 0; j < TILE_CHUNK; j++) {
        if (j < count) m[j] = LOADV(mean + (v0 + j) * VW);
        s1[j] = 0.0f;
        s2[j] = 0.0f;
    }
    for (uint q = e->first; q < e->end; q++) {
        const float r = e->transposed_values[q];
        const size_t row_start = row_of_nonzero(e, q);
        __global const row_t *ahead = e->rows + row_of_nonzero(e, min(q + ROWS_AHEAD, e->end - 1)) + v0 * VW;
        for (int i = 0; i < count * VW; i += LINE_BYTES / (int)sizeof(row_t)) WANT_LINE(ahead + i);
#pragma unroll
        for (int j = 0; j < TILE_CHUNK; j++) {
            if (j >= count) continue;
            floatv t = shifted_vector(e->rows, row_start, e->shift, v0 + j) - m[j];
            floatv weighted = r * t;
            s1[j] += weighted;
#if !S2_MATRIX
            s2[j] = fma(weighted, t, s2[j]);
#endif
        }
    }
#pragma unroll
    for (int j = 0; j < TILE_CHUNK; j++) {
        if (j >= count) continue;
        STOREV(s1[j], partial + (v0 + j) * VW);
#if S2_DIAG
        STOREV(s2[j], partial + ROW_STRIDE + (v0 + j) * VW);
#elif S2_MATRIX
        STOREV((floatv)0.0f, partial + ROW_STRIDE + (v0 + j) * VW);
#else
        *squares += s2[j];
#endif
    }
}

#if S2_MATRIX
/* Sums vector v of the rows wide. */
static inline void accumulate_wide(const nonzeros_t *e, __global const float *mean, __global float *partial, int v)
{
    const floatv m = LOADV(mean + v * VW);
    floatv high = 0.0f, low = 0.0f;
    for (uint q = e->first; q < e->end; q++) {
        const float root = sqrt(e->transposed_values[q]);
        const floatv t = shifted_vector(e->rows, row_of_nonzero(e, q), e->shift, v) - m;
        add_exactly(&high, &low, root, root * t);
    }
    STOREV(high, partial + v * VW);
    STOREV(low, partial + ROW_STRIDE + v * VW);
}

/* Sums N wide, with its low part. */
static inline void accumulate_wide_weights(const nonzeros_t *e, __global float *weight)
{
    floatv high = 0.0f, low = 0.0f;
    for (uint q = e->first; q < e->end; q++) {
        const floatv root = sqrt(e->transposed_values[q]);
        add_exactly(&high, &low, root, root);
    }
    weight[0] = max_lanes(high);
    weight[1] = max_lanes(low);
}
#endif

__kernel void accumulate(ARGUMENTS(ACCUMULATE_ARGUMENTS))
{
    const size_t segment = first_segment + get_global_id(0);
    const nonzeros_t e = {
        rows, first_element, shift, transposed_rows, transposed_values, segment_first[segment], segment_end[segment]};
    __global const float *mean = means + (size_t)segment_component[segment] * ROW_STRIDE;
    __global float *partial = partials + segment * PARTIAL;
    floatv squares = 0.0f;
    int v = 0;
#if S2_MATRIX
    if (is_wide[segment_component[segment]]) {
        for (; v < ROW_VECTORS; v++) accumulate_wide(&e, mean, partial, v);
        accumulate_wide_weights(&e, partial + 2 * ROW_STRIDE);
        return;
    }
    partial[2 * ROW_STRIDE + 1] = 0.0f;
#endif
    for (; v + TILE_CHUNK <= ROW_VECTORS; v += TILE_CHUNK) accumulate_chunk(&e, mean, partial, v, TILE_CHUNK, &squares);
    if (ROW_VECTORS % TILE_CHUNK) accumulate_chunk(&e, mean, partial, v, ROW_VECTORS % TILE_CHUNK, &squares);
    float sum = 0.0f;
    for (uint q = e.first; q < e.end; q++) sum += transposed_values[q];
#if !S2_DIAG && !S2_MATRIX
    partial[ROW_STRIDE] = sum_lanes(squares);
#endif
    partial[ROW_STRIDE + PARTIAL_S2] = sum;
}
