/* cpu/triangle.cl - z = W (y - m) for a tile of rows, W lower triangular: the product that whitens rows. CPUs. A lane
 * is a row, so that short rows fill vectors as well as long ones; elements of W are broadcast.
 *
 *   a tile of rows, transposed in groups of VW rows      W of a component, packed behind its mean
 *     group 0: y_0,0 y_1,0 .. y_VW-1,0 | y_0,1 y_1,1 ..    m_0 .. m_D-1 0 0 (ROW_STRIDE)
 *     group 1: y_VW,0 ..                                   outputs 0..O-1: [O], [d = 0..O-1][O]
 *                                                          outputs O..2O-1: [O], [d = 0..2O-1][O] ..
 * The first [O] of each block is where the sums begin: W times what rounding took from the mean, so that z is that of
 * the exact mean.
 *
 *   ROW_GROUPS  groups of VW rows in registers
 *   OUTPUTS     elements of z in registers; OUTPUTS x ROW_GROUPS + ROW_GROUPS + 1 vectors must fit
 * Differences y - m are rounded once, sums run over d in order, in float: the error of z_j is some 2^-24 times the root
 * of sum_d (W_jd t_d)^2 (docs/math.md, "Rounding").
 */
#include "common/rows.cl"

#if !defined(ROW_GROUPS) || !defined(OUTPUTS)
#error "ROW_GROUPS or OUTPUTS is not set"
#endif
#define TRIANGLE_BLOCKS     ((DIMS + OUTPUTS - 1) / OUTPUTS)
#define TRIANGLE_FLOATS     (OUTPUTS * (OUTPUTS * (TRIANGLE_BLOCKS * (TRIANGLE_BLOCKS - 1) / 2) + TRIANGLE_BLOCKS + DIMS))
#define BLOCK_FLOATS(depth) (((depth) + 1) * OUTPUTS)
#define COMPONENT_FLOATS    ((size_t)ROW_STRIDE + TRIANGLE_FLOATS)

/* Where row i of a block goes: with its group, its elements VW apart. */
static inline __global float *row_place(__global float *a, uint i)
{
    return a + (i - i % VW) * (size_t)ROW_STRIDE + i % VW;
}

/* y = x - shift into its place. The norm that other forms need is not used here. */
static inline float load_row(__global float *a, __global const row_t *rows, size_t row_start,
                             __global const float *shift)
{
    for (int d = 0; d < DIMS; d++) a[d * VW] = shifted_element(rows, row_start, shift, d);
    return 0.0f;
}

/* OUTPUTS elements of z, which need the first `depth` of y; w: their block. */
static inline void triangle_outputs(floatv z[OUTPUTS][ROW_GROUPS], __global const float *y, __global const float *mean,
                                    __global const float *w, int depth)
{
#pragma unroll
    for (int o = 0; o < OUTPUTS; o++)
#pragma unroll
        for (int g = 0; g < ROW_GROUPS; g++) z[o][g] = (floatv)w[o];
    w += OUTPUTS;
    for (int d = 0; d < depth; d++) {
        floatv t[ROW_GROUPS];
#pragma unroll
        for (int g = 0; g < ROW_GROUPS; g++) t[g] = LOADV(y + g * VW * ROW_STRIDE + d * VW) - (floatv)mean[d];
#pragma unroll
        for (int o = 0; o < OUTPUTS; o++)
#pragma unroll
            for (int g = 0; g < ROW_GROUPS; g++) z[o][g] = fma((floatv)w[d * OUTPUTS + o], t[g], z[o][g]);
    }
}
