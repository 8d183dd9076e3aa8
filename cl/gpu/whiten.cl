/* gpu/whiten.cl - whitens the rows of a batch by the tied covariance, z = W (x - shift), as cpu/whiten.cl does. GPUs: a
 * work-group has the tile of gpu/triangle.cl.
 *
 *   factor (COMPONENT_FLOATS): zeros instead of a mean, then W          white (n, D)
 * Groups (tiles of columns, tiles of rows from first_row on).
 */
#include "gpu/triangle.cl"

__kernel void whiten(__global const row_t *rows, ulong first_element, uint first_row, uint n,
                     __global const float *shift, __global const float *factor, __global float *white)
{
    __local float t[TRIANGLE_DEPTH * TRIANGLE_ROWS], w[TRIANGLE_DEPTH * TRIANGLE_COLUMNS];
    const uint item = get_local_id(0), j0 = get_group_id(0) * TRIANGLE_COLUMNS;
    const uint row0 = first_row + get_group_id(1) * TRIANGLE_ROWS;
    const triangle_t p = {rows, first_element, shift, factor, row0, n, t, w};
    float z[ITEM_SQUARE][ITEM_SQUARE];
    triangle_outputs(z, &p, j0, item);
#pragma unroll
    for (int i = 0; i < ITEM_SQUARE; i++)
#pragma unroll
        for (int j = 0; j < ITEM_SQUARE; j++) {
            const uint row = row0 + item / SIDE + i * SIDE, column = j0 + item % SIDE + j * SIDE;
            if (row < n && column < DIMS) white[(size_t)row * DIMS + column] = z[i][j];
        }
}
