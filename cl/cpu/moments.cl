/* cpu/moments.cl - second moments as matrices, from a batch's nonzeros in component order. CPUs: a work-item is a
 * worker that walks jobs.
 *
 *     S2_k += sum_i r_ik (y_i - m_k) (y_i - m_k)^T          full; tied: summed over k      (docs/math.md, equation 18)
 *
 * A job is (split, matrix, band): the split-th share of the nonzeros of each of the matrix's components, and every
 * BANDS-th block of MOMENT_BLOCK rows of the lower triangle. This launch has jobs first_job .. end_job - 1. Rows are
 * gathered, MOMENT_ROWS at a time, as s = sqrt(r) (y - m); then blocks of the product s^T s are summed in registers and
 * added to the running sums, which are wider than float. Products of ill-conditioned matrices are exact, and their sums
 * are wide from the first on (docs/math.md, "Wide sums").
 *
 *   out (splits, matrices, D, ROW_STRIDE)         scratch of a worker: s (MOMENT_ROWS, ROW_STRIDE)
 *          x
 *          x x           element (i, j), j <= i, at row i, in whole vectors; numbers right of the diagonal mean nothing
 *          x x x
 *   is_wide (K)   1 where the component's sums are wide; tied: alike for all
 *   MOMENT_ROWS   nonzeros summed in float before the sum is carried into a wider one
 *   MOMENT_BLOCK  rows of the triangle in registers, even
 */
#include "common/arguments.cl"
#include "arguments/moments.h"
#include "common/rows.cl"
#include "common/combine_moments.cl"

#if !defined(MOMENT_ROWS) || !defined(MOMENT_BLOCK)
#error "MOMENT_ROWS or MOMENT_BLOCK is not set"
#endif

/* The type of a gathered element where sums are wide. */
#if HAS_FP64
typedef double wide_t;
#else
typedef float wide_t;
#endif
#define WORKER_BYTES ((size_t)MOMENT_ROWS * ROW_STRIDE * sizeof(wide_t))

/* Adds a vector of sums to the running ones. */
static inline void carry(__global sum_t *out, floatv sums)
{
#if HAS_FP64
    PASTE(vstore, VW)(PASTE(vload, VW)(0, out) + PASTE(convert_double, VW)(sums), 0, out);
#else
    float lanes[VW];
    PASTE(vstore, VW)(sums, 0, lanes);
    for (int j = 0; j < VW; j++) out[j] = sum_add(out[j], lanes[j]);
#endif
}

/* Adds s^T s of `count` rows, rows i0 .. i0+MOMENT_BLOCK-1 of the triangle. */
static inline void add_block(__global sum_t *out, __global const float *s, uint count, int i0)
{
    const int last = min(i0 + MOMENT_BLOCK, DIMS) - 1;
    for (int v = 0; v <= last / VW; v++) {
        floatv sums[MOMENT_BLOCK];
        __global const float *row = s;
#pragma unroll
        for (int i = 0; i < MOMENT_BLOCK; i++) sums[i] = 0.0f;
        for (uint q = 0; q < count; q++, row += ROW_STRIDE) {
            const floatv x = LOADV(row + v * VW);
#pragma unroll
            for (int i = 0; i < MOMENT_BLOCK; i++) sums[i] = fma((floatv)row[min(i0 + i, DIMS - 1)], x, sums[i]);
        }
#pragma unroll
        for (int i = 0; i < MOMENT_BLOCK; i++)
            if (i0 + i < DIMS) carry(out + (size_t)(i0 + i) * ROW_STRIDE + v * VW, sums[i]);
    }
}

/* The same, summed wide. */
#if HAS_FP64
typedef PASTE(double, VW) doublev;
typedef doublev __attribute__((aligned(8))) unaligned_doublev;
#define WIDE_BLOCK (MOMENT_BLOCK / 2) /* vectors are twice as long */

static inline void store_wide(__global wide_t *to, floatv values)
{
    *(__global unaligned_doublev *)to = PASTE(convert_double, VW)(values);
}

static inline void add_wide_rows(__global double *out, __global const double *s, uint count, int i0)
{
    const int last = min(i0 + WIDE_BLOCK, DIMS) - 1;
    for (int v = 0; v <= last / VW; v++) {
        doublev sums[WIDE_BLOCK];
        __global const double *row = s;
#pragma unroll
        for (int i = 0; i < WIDE_BLOCK; i++) sums[i] = 0.0;
        for (uint q = 0; q < count; q++, row += ROW_STRIDE) {
            const doublev x = *(__global const unaligned_doublev *)(row + v * VW);
#pragma unroll
            for (int i = 0; i < WIDE_BLOCK; i++) sums[i] = fma((doublev)row[min(i0 + i, DIMS - 1)], x, sums[i]);
        }
#pragma unroll
        for (int i = 0; i < WIDE_BLOCK; i++) {
            __global unaligned_doublev *to =
                (__global unaligned_doublev *)(out + (size_t)(i0 + i) * ROW_STRIDE + v * VW);
            if (i0 + i < DIMS) *to += sums[i];
        }
    }
}

static inline void add_wide_block(__global sum_t *out, __global const wide_t *s, uint count, int i0)
{
    add_wide_rows(out, s, count, i0);
    if (i0 + WIDE_BLOCK < DIMS) add_wide_rows(out, s, count, i0 + WIDE_BLOCK);
}
#else
static inline void store_wide(__global wide_t *to, floatv values)
{
    STOREV(values, to);
}

static inline void add_wide_block(__global sum_t *out, __global const wide_t *s, uint count, int i0)
{
    for (int i = i0; i < min(i0 + MOMENT_BLOCK, DIMS); i++)
        for (int j = 0; j <= i; j++) {
            sum_t sum = out[(size_t)i * ROW_STRIDE + j];
            for (uint q = 0; q < count; q++) sum = sum_add_product(sum, s[q * ROW_STRIDE + i], s[q * ROW_STRIDE + j]);
            out[(size_t)i * ROW_STRIDE + j] = sum;
        }
}
#endif

/* scratch: a worker's `count` rows, wide_t where is_wide. */
static inline void add_band(__global sum_t *out, __global const float *scratch, uint count, uint band, uint bands,
                            uint is_wide)
{
    for (uint i0 = band * MOMENT_BLOCK; i0 < DIMS; i0 += bands * MOMENT_BLOCK)
        if (is_wide)
            add_wide_block(out, (__global const wide_t *)scratch, count, i0);
        else
            add_block(out, scratch, count, i0);
}

__kernel void moments(ARGUMENTS(CPU_MOMENT_ARGUMENTS))
{
    __global float *s = (__global float *)((__global char *)scratch + get_global_id(0) * WORKER_BYTES);
    const uint per_matrix = components / matrices; /* all when tied, one when full */
    for (uint job = first_job + get_global_id(0); job < end_job; job += get_global_size(0)) {
        const uint band = job % bands, matrix = job / bands % matrices, split = job / bands / matrices;
        const uint wide = is_wide[matrix * per_matrix];
        __global sum_t *to = out + (size_t)(split * matrices + matrix) * DIMS * ROW_STRIDE;
        uint filled = 0;
        for (uint c = matrix * per_matrix; c < (matrix + 1) * per_matrix; c++) {
            const uint2 share = share_of_nonzeros(component_segment, segment_first, segment_end, c, split, splits);
            for (uint q = share.x; q < share.y; q++) {
                const float root = sqrt(transposed_values[q]);
                const size_t start = first_element + (size_t)transposed_rows[q] * DIMS;
                for (int v = 0; v < ROW_VECTORS; v++) {
                    const floatv t =
                        shifted_vector(rows, start, shift, v) - LOADV(means + (size_t)c * ROW_STRIDE + v * VW);
                    const size_t place = (size_t)filled * ROW_STRIDE + v * VW;
                    if (wide)
                        store_wide((__global wide_t *)s + place, root * t);
                    else
                        STOREV(root * t, s + place);
                }
                if (++filled == MOMENT_ROWS) {
                    add_band(to, s, filled, band, bands, wide);
                    filled = 0;
                }
            }
        }
        if (filled) add_band(to, s, filled, band, bands, wide);
    }
}
