/* cpu/projection_bound.cl - upper bounds of log-densities from a projection to few coordinates. CPUs, spherical
 * covariances; cpu/responsibilities_pruned.cl takes exact log-densities of the components that these bounds do not rule
 * out.
 *
 *     y.m <= (A y).(A m) + |y - A'A y| |m - A'A m|                    A (BOUND_DIMS - 1, DIMS) orthonormal rows
 *
 * (docs/math.md, "The projection bound"). So with z = (A y, the length of the residual) for rows and means,
 *
 *     l_ik <= u_ik = h_k (z_i.2z_k - |y_i|^2) + c_k
 *
 * which is the product form of cpu/distances.cl in BOUND_DIMS coordinates; the host has included in c_k what rounding
 * may do. Where a panel's components are far away, 48 coordinates of 128 show it.
 *
 *   axes   [BOUND_DIMS / VW][DIMS][VW]: A transposed, in panels; the last column is zero
 *   z      (TILE_BLOCK, BOUND_DIMS)
 *
 *   BOUND_DIMS         a multiple of VW
 *   RESIDUAL_ROUNDING  is added to the squared length of a residual, as a share of the row's: where little is left, it
 *                      is the rounding of what was subtracted
 */
#include "common/rows.cl"

#define BOUND_VECTORS     (BOUND_DIMS / VW)
#define RESIDUAL_ROUNDING 0x1p-18f

/* z of TILE_ROWS rows. norms: their |y|^2. */
static inline void project_rows(__global float *z, __global const float *a, __global const float *norms,
                                __global const float *axes)
{
    for (int v = 0; v < BOUND_VECTORS; v++) {
        floatv sums[TILE_ROWS];
#pragma unroll
        for (int i = 0; i < TILE_ROWS; i++) sums[i] = 0.0f;
        for (int d = 0; d < DIMS; d++) {
            const floatv axis = LOADV(axes + (v * DIMS + d) * VW);
#pragma unroll
            for (int i = 0; i < TILE_ROWS; i++) sums[i] = fma((floatv)a[i * ROW_STRIDE + d], axis, sums[i]);
        }
#pragma unroll
        for (int i = 0; i < TILE_ROWS; i++) STOREV(sums[i], z + i * BOUND_DIMS + v * VW);
    }
    for (int i = 0; i < TILE_ROWS; i++) {
        __global float *row = z + i * BOUND_DIMS;
        floatv squares = 0.0f;
        for (int v = 0; v < BOUND_VECTORS; v++) squares = fma(LOADV(row + v * VW), LOADV(row + v * VW), squares);
        const float residual = fma(RESIDUAL_ROUNDING, norms[i], norms[i] - sum_lanes(squares));
        row[BOUND_DIMS - 1] = residual > 0.0f ? sqrt(residual) : 0.0f;
    }
}
