/* gpu/densities_full.cl - log-densities of a batch under components with full covariances. GPUs: a work-group has
 * TRIANGLE_ROWS rows and one component.
 *
 *     l_ik = c_k - |W_k (y_i - m_k)|^2           W_k = L_k^-1 / sqrt 2, S_k = L_k L_k^T     (docs/math.md, equation 4)
 *
 *   packed (padded K, COMPONENT_FLOATS): mean and W of each component         offset: c (padded K)
 *   densities (n, padded K): read by gpu/distances_full.cl; components that only fill up the last panel are left out
 * Groups (components, tiles of rows from first_row on): components are the first dimension, since there may be more of
 * them than a second dimension takes on some devices (65,535); neighbouring groups then have the same rows.
 * Local memory: gpu/triangle.cl's, and 4 TRIANGLE_ROWS SIDE bytes.
 */
#include "common/arguments.cl"
#include "arguments/densities_full.h"
#include "gpu/triangle.cl"

__kernel void full_densities(ARGUMENTS(FULL_DENSITY_ARGUMENTS))
{
    __local float t[TRIANGLE_DEPTH * TRIANGLE_ROWS], w[TRIANGLE_DEPTH * TRIANGLE_COLUMNS], parts[TRIANGLE_ROWS * SIDE];
    const uint item = get_local_id(0), c = get_group_id(0), row0 = first_row + get_group_id(1) * TRIANGLE_ROWS;
    const triangle_t p = {rows, first_element, shift, packed + c * COMPONENT_FLOATS, row0, n, t, w};
    float squares[ITEM_SQUARE];
#pragma unroll
    for (int i = 0; i < ITEM_SQUARE; i++) squares[i] = 0.0f;
    for (uint j0 = 0; j0 < DIMS; j0 += TRIANGLE_COLUMNS) {
        float z[ITEM_SQUARE][ITEM_SQUARE];
        triangle_outputs(z, &p, j0, item);
#pragma unroll
        for (int i = 0; i < ITEM_SQUARE; i++)
#pragma unroll
            for (int j = 0; j < ITEM_SQUARE; j++) squares[i] = mad(z[i][j], z[i][j], squares[i]);
    }
#pragma unroll
    for (int i = 0; i < ITEM_SQUARE; i++) parts[(item / SIDE + i * SIDE) * SIDE + item % SIDE] = squares[i];
    barrier(CLK_LOCAL_MEM_FENCE);
    if (item < TRIANGLE_ROWS && row0 + item < n) {
        float sum = 0.0f;
        for (int x = 0; x < SIDE; x++) sum += parts[item * SIDE + x];
        densities[(size_t)(row0 + item) * padded_components + c] = fmax(offset[c] - sum, fmin(offset[c], FLOOR));
    }
}
