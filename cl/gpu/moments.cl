/* gpu/moments.cl - second moments as matrices, from a batch's nonzeros in component order. GPUs.
 *
 *     S2_k += sum_i r_ik (y_i - m_k) (y_i - m_k)^T          full; tied: summed over k      (docs/math.md, equation 18)
 *
 * A work-group has a tile of MOMENT_TILE x MOMENT_TILE elements on or below the diagonal of one matrix, for one split:
 * a share of the nonzeros of each of the matrix's components. Nonzeros pass through local memory, MOMENT_DEPTH at a
 * time, as s = sqrt(r) (y - m). Products of ill-conditioned matrices are exact, and their sums are wide from the first
 * on (docs/math.md, "Wide sums"): a kernel of its own takes these, so that no barrier stands in one of two branches,
 * where PoCL's compiler goes wrong, and each kernel has the registers that its sums need.
 *
 *   out (splits, matrices, D, ROW_STRIDE): element (i, j), j <= i, at row i; numbers right of the diagonal mean nothing
 *   groups: jobs (splits, matrices, tiles of the lower triangle) from first_job on, in one dimension
 *   is_wide (K)  1 where the component's sums are wide; tied: alike for all
 *   MOMENT_ROWS  nonzeros summed in float before the sum is carried into a wider one, a multiple of MOMENT_DEPTH
 * Local memory: 8 MOMENT_DEPTH MOMENT_TILE bytes.
 */
#include "common/arguments.cl"
#include "arguments/moments.h"
#include "common/rows.cl"
#include "common/combine_moments.cl"

#ifndef MOMENT_ROWS
#error "MOMENT_ROWS is not set"
#endif
enum { MOMENT_TILE = 32, MOMENT_DEPTH = 16, MOMENT_ITEMS = 64, MOMENT_SIDE = 8, MOMENT_SQUARE = 4 };

typedef struct moments_t {
    __global const row_t *rows;
    ulong first_element;
    __global const float *shift;
    __global const uint *transposed_rows;
    __global const float *transposed_values;
    __local float *a, *b; /* (MOMENT_DEPTH, MOMENT_TILE): rows and columns of the tile */
    uint i0, j0;
} moments_t;

/* Dimensions `first` .. of up to MOMENT_DEPTH nonzeros from q on; behind the last, zeros. */
static inline void stage_moments(__local float *to, const moments_t *p, __global const float *mean, uint first, uint q,
                                 uint end, uint item)
{
    for (uint e = item; e < MOMENT_DEPTH * MOMENT_TILE; e += MOMENT_ITEMS) {
        const uint nonzero = q + e / MOMENT_TILE, d = first + e % MOMENT_TILE;
        float s = 0.0f;
        if (nonzero < end && d < DIMS) {
            const ulong start = p->first_element + (ulong)p->transposed_rows[nonzero] * DIMS;
            s = sqrt(p->transposed_values[nonzero]) * (shifted_element(p->rows, start, p->shift, d) - mean[d]);
        }
        to[e] = s;
    }
}

static inline void add_nonzeros(float sums[MOMENT_SQUARE][MOMENT_SQUARE], const moments_t *p, uint item)
{
    const uint x = item % MOMENT_SIDE, y = item / MOMENT_SIDE;
#pragma unroll 2
    for (int q = 0; q < MOMENT_DEPTH; q++)
#pragma unroll
        for (int i = 0; i < MOMENT_SQUARE; i++)
#pragma unroll
            for (int j = 0; j < MOMENT_SQUARE; j++)
                sums[i][j] = mad(p->a[q * MOMENT_TILE + y + i * MOMENT_SIDE],
                                 p->b[q * MOMENT_TILE + x + j * MOMENT_SIDE], sums[i][j]);
}

/* The same, summed wide. */
static inline void add_wide_nonzeros(sum_t sums[MOMENT_SQUARE][MOMENT_SQUARE], const moments_t *p, uint item)
{
    const uint x = item % MOMENT_SIDE, y = item / MOMENT_SIDE;
    for (int q = 0; q < MOMENT_DEPTH; q++)
#pragma unroll
        for (int i = 0; i < MOMENT_SQUARE; i++)
#pragma unroll
            for (int j = 0; j < MOMENT_SQUARE; j++)
                sums[i][j] = sum_add_product(sums[i][j], p->a[q * MOMENT_TILE + y + i * MOMENT_SIDE],
                                             p->b[q * MOMENT_TILE + x + j * MOMENT_SIDE]);
}

/* Where the item's sum (i, j) goes; NULL: beyond the matrix. */
static inline __global sum_t *place_of(__global sum_t *out, const moments_t *p, int i, int j, uint item)
{
    const uint row = p->i0 + item / MOMENT_SIDE + i * MOMENT_SIDE;
    const uint column = p->j0 + item % MOMENT_SIDE + j * MOMENT_SIDE;
    return row < DIMS && column < DIMS ? out + (size_t)row * ROW_STRIDE + column : 0;
}

/* Adds the item's sums to the running ones and sets them to 0. */
static inline void carry(__global sum_t *out, float sums[MOMENT_SQUARE][MOMENT_SQUARE], const moments_t *p, uint item)
{
#pragma unroll
    for (int i = 0; i < MOMENT_SQUARE; i++)
#pragma unroll
        for (int j = 0; j < MOMENT_SQUARE; j++) {
            __global sum_t *place = place_of(out, p, i, j, item);
            if (place) *place = sum_add(*place, sums[i][j]);
            sums[i][j] = 0.0f;
        }
}

/* The nonzeros of a job: a share of those of each of the matrix's components. */
typedef struct nonzeros_t {
    __global const float *means;
    __global const uint *component_segment, *segment_first, *segment_end;
    uint per_matrix; /* components: all when tied, one when full */
    uint matrix, split, splits;
} nonzeros_t;

static inline uint2 share_of(const nonzeros_t *e, uint c)
{
    return share_of_nonzeros(e->component_segment, e->segment_first, e->segment_end, c, e->split, e->splits);
}

/* Nonzeros q .. of component c into local memory; ends with a barrier. */
static inline void stage_nonzeros(const moments_t *p, const nonzeros_t *e, uint c, uint q, uint end, uint item)
{
    __global const float *mean = e->means + (size_t)c * ROW_STRIDE;
    barrier(CLK_LOCAL_MEM_FENCE); /* the last ones are no longer needed */
    stage_moments(p->a, p, mean, p->i0, q, end, item);
    stage_moments(p->b, p, mean, p->j0, q, end, item);
    barrier(CLK_LOCAL_MEM_FENCE);
}

static inline void add_job(__global sum_t *to, const moments_t *p, const nonzeros_t *e, uint item)
{
    float sums[MOMENT_SQUARE][MOMENT_SQUARE];
#pragma unroll
    for (int y = 0; y < MOMENT_SQUARE; y++)
#pragma unroll
        for (int x = 0; x < MOMENT_SQUARE; x++) sums[y][x] = 0.0f;
    uint filled = 0;
    for (uint c = e->matrix * e->per_matrix; c < (e->matrix + 1) * e->per_matrix; c++) {
        const uint2 share = share_of(e, c);
        for (uint q = share.x; q < share.y; q += MOMENT_DEPTH) {
            stage_nonzeros(p, e, c, q, share.y, item);
            add_nonzeros(sums, p, item);
            filled += MOMENT_DEPTH;
            if (filled >= MOMENT_ROWS) {
                carry(to, sums, p, item);
                filled = 0;
            }
        }
    }
    if (filled) carry(to, sums, p, item);
}

static inline void add_wide_job(__global sum_t *to, const moments_t *p, const nonzeros_t *e, uint item)
{
    sum_t sums[MOMENT_SQUARE][MOMENT_SQUARE];
#pragma unroll
    for (int y = 0; y < MOMENT_SQUARE; y++)
#pragma unroll
        for (int x = 0; x < MOMENT_SQUARE; x++) sums[y][x] = SUM_ZERO;
    for (uint c = e->matrix * e->per_matrix; c < (e->matrix + 1) * e->per_matrix; c++) {
        const uint2 share = share_of(e, c);
        for (uint q = share.x; q < share.y; q += MOMENT_DEPTH) {
            stage_nonzeros(p, e, c, q, share.y, item);
            add_wide_nonzeros(sums, p, item);
        }
    }
#pragma unroll
    for (int i = 0; i < MOMENT_SQUARE; i++)
#pragma unroll
        for (int j = 0; j < MOMENT_SQUARE; j++) {
            __global sum_t *place = place_of(to, p, i, j, item);
            if (place) *place = sum_join(*place, sums[i][j]);
        }
}

/* First row and column of tile t: row i of tiles begins with number i (i + 1) / 2. */
static inline uint2 origin_of_tile(uint t)
{
    uint i = 0, first_of_row = 0;
    for (; first_of_row + i + 1 <= t; i++) first_of_row += i + 1;
    return (uint2)(i, t - first_of_row) * MOMENT_TILE;
}

/* The job of a work-group, for both kernels. */
#define DECLARE_JOB                                                                                                    \
    __local float a[MOMENT_DEPTH * MOMENT_TILE], b[MOMENT_DEPTH * MOMENT_TILE];                                        \
    const uint item = get_local_id(0), job = first_job + get_group_id(0);                                              \
    const uint matrix = job / tiles % matrices, split = job / tiles / matrices;                                        \
    const uint2 origin = origin_of_tile(job % tiles);                                                                  \
    const moments_t p = {rows, first_element, shift,    transposed_rows, transposed_values, a,                         \
                         b,    origin.x,      origin.y};                                                               \
    const nonzeros_t e = {means, component_segment, segment_first, segment_end, components / matrices, matrix, split,  \
                          splits};                                                                                     \
    __global sum_t *to = out + (size_t)(split * matrices + matrix) * DIMS * ROW_STRIDE

__kernel void moments(ARGUMENTS(GPU_MOMENT_ARGUMENTS))
{
    DECLARE_JOB;
    if (!is_wide[matrix * e.per_matrix]) add_job(to, &p, &e, item);
}

__kernel void wide_moments(ARGUMENTS(GPU_MOMENT_ARGUMENTS))
{
    DECLARE_JOB;
    if (is_wide[matrix * e.per_matrix]) add_wide_job(to, &p, &e, item);
}
