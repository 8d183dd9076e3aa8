/* cpu/accumulate.cl - statistics of one chunk of a component's entries, rows gathered and summed in registers.
 * Vector family: a work-item is a chunk, from first_chunk on.
 *
 *     N = sum r,  S1 = sum r (y - m),  S2 = sum r |y - m|^2 (diag: per dimension)       docs/math.md, equations 15-17
 *
 * about the component's mean: nothing cancels, however far it lies from the origin. At most CHUNK entries are summed in
 * float (relative error about sqrt(CHUNK) 2^-24); chunks are joined in a wider type. Where the matrix of second moments
 * is summed wide, N and S1 are as well, from the same rounded roots and products s = sqrt(r) (y - m) (docs/math.md,
 * "Wide sums").
 *
 *   partial (chunks, PARTIAL):  S1 (ROW_STRIDE) | S2 (diag ROW_STRIDE, else 1) | N        (common/partial_sums.cl)
 *                matrices:      S1 (ROW_STRIDE) | its low part (ROW_STRIDE) | N | its low part
 *   is_wide (K)  matrices: 1 where sums are wide
 *   TILE_PIECE  vectors of a row that are summed together; the entries are walked once per piece
 */
#include "cpu/lanes.cl"
#include "common/partial_sums.cl"

enum { ROWS_AHEAD = 12 }; /* gathered rows come from the last cache: so many are under way */

typedef struct entries_t {
    __global const row_t *rows;
    ulong first_element;
    __global const float *shift;
    __global const uint *sorted_rows;
    __global const float *sorted_values;
    uint first, end;
} entries_t;

/* First element of the row of entry q. */
static inline size_t row_of_entry(const entries_t *e, uint q)
{
    return e->first_element + (size_t)e->sorted_rows[q] * DIMS;
}

/* Vectors v0 .. v0+count-1 of the row. count is a constant where this is inlined; the loops have a constant bound of
 * their own, since a compiler unrolls before it inlines. */
static inline void accumulate_piece(const entries_t *e, __global const float *mean, __global float *partial, int v0,
                                    int count, floatv *spread)
{
    floatv m[TILE_PIECE], s1[TILE_PIECE], s2[TILE_PIECE]; /* s2 with matrices: not used */
#pragma unroll
    for (int j = 0; j < TILE_PIECE; j++) {
        if (j < count) m[j] = LOADV(mean + (v0 + j) * VW);
        s1[j] = 0.0f;
        s2[j] = 0.0f;
    }
    for (uint q = e->first; q < e->end; q++) {
        const float r = e->sorted_values[q];
        const size_t row_start = row_of_entry(e, q);
        __global const row_t *ahead = e->rows + row_of_entry(e, min(q + ROWS_AHEAD, e->end - 1)) + v0 * VW;
        for (int i = 0; i < count * VW; i += LINE_BYTES / (int)sizeof(row_t)) WANT_LINE(ahead + i);
#pragma unroll
        for (int j = 0; j < TILE_PIECE; j++) {
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
    for (int j = 0; j < TILE_PIECE; j++) {
        if (j >= count) continue;
        STOREV(s1[j], partial + (v0 + j) * VW);
#if S2_DIAG
        STOREV(s2[j], partial + ROW_STRIDE + (v0 + j) * VW);
#elif S2_MATRIX
        STOREV((floatv)0.0f, partial + ROW_STRIDE + (v0 + j) * VW);
#else
        *spread += s2[j];
#endif
    }
}

#if S2_MATRIX
/* Vector v of the row in wide sums. */
static inline void accumulate_wide(const entries_t *e, __global const float *mean, __global float *partial, int v)
{
    const floatv m = LOADV(mean + v * VW);
    floatv high = 0.0f, low = 0.0f;
    for (uint q = e->first; q < e->end; q++) {
        const float root = sqrt(e->sorted_values[q]);
        const floatv t = shifted_vector(e->rows, row_of_entry(e, q), e->shift, v) - m;
        add_exactly(&high, &low, root, root * t);
    }
    STOREV(high, partial + v * VW);
    STOREV(low, partial + ROW_STRIDE + v * VW);
}

/* N and its low part. */
static inline void accumulate_wide_weights(const entries_t *e, __global float *weight)
{
    floatv high = 0.0f, low = 0.0f;
    for (uint q = e->first; q < e->end; q++) {
        const floatv root = sqrt(e->sorted_values[q]);
        add_exactly(&high, &low, root, root);
    }
    weight[0] = max_lanes(high);
    weight[1] = max_lanes(low);
}
#endif

__kernel void accumulate(__global const row_t *rows, ulong first_element, __global const float *shift,
                         __global const float *means, __global const uint *chunk_component,
                         __global const uint *chunk_first, __global const uint *chunk_end,
                         __global const uint *sorted_rows, __global const float *sorted_values,
                         uint first_chunk, __global const uint *is_wide, __global float *partials,
                         __global const uint *counters) /* not read: the host launches just the chunks that there are */
{
    const size_t chunk = first_chunk + get_global_id(0);
    const entries_t e = {rows, first_element, shift, sorted_rows, sorted_values, chunk_first[chunk], chunk_end[chunk]};
    __global const float *mean = means + (size_t)chunk_component[chunk] * ROW_STRIDE;
    __global float *partial = partials + chunk * PARTIAL;
    floatv spread = 0.0f;
    int v = 0;
#if S2_MATRIX
    if (is_wide[chunk_component[chunk]]) {
        for (; v < ROW_VECTORS; v++) accumulate_wide(&e, mean, partial, v);
        accumulate_wide_weights(&e, partial + 2 * ROW_STRIDE);
        return;
    }
    partial[2 * ROW_STRIDE + 1] = 0.0f;
#endif
    for (; v + TILE_PIECE <= ROW_VECTORS; v += TILE_PIECE) accumulate_piece(&e, mean, partial, v, TILE_PIECE, &spread);
    if (ROW_VECTORS % TILE_PIECE) accumulate_piece(&e, mean, partial, v, ROW_VECTORS % TILE_PIECE, &spread);
    float sum = 0.0f;
    for (uint q = e.first; q < e.end; q++) sum += sorted_values[q];
#if !S2_DIAG && !S2_MATRIX
    partial[ROW_STRIDE] = sum_lanes(spread);
#endif
    partial[ROW_STRIDE + PARTIAL_S2] = sum;
}
