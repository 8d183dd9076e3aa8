/* cpu/whiten.cl - whitens the rows of a batch by the tied covariance, z = W (x - shift), after which all components are
 * spheres of variance 1. CPUs: a work-item is a worker that walks tiles of ROW_GROUPS x VW rows.
 *
 *     |x - m|_S^2 = |z - W (m - shift)|^2           W = L^-1, S = L L^T                    (docs/math.md, equation 4)
 *
 *   factor (COMPONENT_FLOATS): zeros instead of a mean, then W, as cpu/triangle.cl reads them
 *   white (n, D): z in rows, which cpu/distances.cl then loads
 *   scratch of a worker: a tile of rows, transposed
 *   first_row, end  the rows of the batch that this launch has
 */
#include "cpu/triangle.cl"

#define WHITE_ROWS (ROW_GROUPS * VW)

__kernel void whiten(__global const row_t *rows, ulong first_element, uint first_row, uint end,
                     __global const float *shift, __global const float *factor, __global float *scratch,
                     __global float *white)
{
    __global float *y = scratch + get_global_id(0) * (size_t)WHITE_ROWS * ROW_STRIDE;
    for (uint row0 = first_row + get_global_id(0) * WHITE_ROWS; row0 < end; row0 += get_global_size(0) * WHITE_ROWS) {
        for (uint i = 0; i < WHITE_ROWS; i++) {
            const size_t row = min(row0 + i, end - 1);
            load_row(row_place(y, i), rows, first_element + row * DIMS, shift);
        }
        __global const float *w = factor + ROW_STRIDE;
        for (int first = 0; first < DIMS; first += OUTPUTS) {
            const int depth = min(first + OUTPUTS, DIMS);
            floatv z[OUTPUTS][ROW_GROUPS];
            float lanes[OUTPUTS][WHITE_ROWS];
            triangle_outputs(z, y, factor, w, depth);
#pragma unroll
            for (int o = 0; o < OUTPUTS; o++)
#pragma unroll
                for (int g = 0; g < ROW_GROUPS; g++) PASTE(vstore, VW)(z[o][g], g, lanes[o]);
            for (uint i = 0; i < min((uint)WHITE_ROWS, end - row0); i++)
                for (int o = 0; first + o < depth; o++) white[(size_t)(row0 + i) * DIMS + first + o] = lanes[o][i];
            w += BLOCK_FLOATS(depth);
        }
    }
}
