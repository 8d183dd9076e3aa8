/* gpu/blas.cl - what surrounds the products of a BLAS where it takes the place of gpu/whiten.cl, gpu/densities_full.cl
 * and gpu/moments.cl: it puts together the matrices that are multiplied, and adds up what comes out. GPUs.
 *
 *   component (COMPONENT_FLOATS)  mean and W of a component, as gpu/triangle.cl reads them
 *   staged (rows, D)              rows of a batch about a mean
 *   factor (D, D)                 W as a whole matrix, zeros above the diagonal
 *   gathered (segments, SEGMENT_ROWS, D)  nonzeros of each segment as sqrt(r) (y - m), zeros behind its end
 *   products (segments, D, D)     gathered' gathered
 */
#include "common/arguments.cl"
#include "arguments/blas.h"
#include "gpu/triangle.cl"

enum { DENSITY_ROWS = 8, DENSITY_SIDE = 8 };

/* Rows first_row .. of the batch; one work-item per element, more are idle. */
__kernel void blas_stage_rows(__global const row_t *rows, ulong first_element, uint first_row, uint count,
                              __global const float *shift, __global const float *packed, uint c,
                              __global float *staged)
{
    const size_t e = get_global_id(0);
    const uint d = e % DIMS;
    if (e >= (size_t)count * DIMS) return;
    __global const float *component = packed + c * COMPONENT_FLOATS;
    staged[e] = shifted_element(rows, first_element + (ulong)first_row * DIMS + e - d, shift, d) - component[d];
}

/* One work-item per element, more are idle. */
__kernel void blas_stage_factor(__global const float *packed, uint c, __global float *factor)
{
    const uint e = get_global_id(0), j = e / DIMS, d = e % DIMS;
    if (j >= DIMS) return;
    __global const float *component = packed + c * COMPONENT_FLOATS;
    factor[e] = d <= j ? triangle_row(component + ROW_STRIDE, j)[(d + 1) * OUTPUTS] : 0.0f;
}

/* l = c_k - |z|^2, z = transformed + W off, of DENSITY_ROWS rows a work-group, DENSITY_SIDE work-items for each. */
__kernel void blas_densities(ARGUMENTS(BLAS_DENSITY_ARGUMENTS))
{
    __local float parts[DENSITY_ROWS * DENSITY_SIDE];
    const uint item = get_local_id(0), x = item % DENSITY_SIDE;
    const uint row = get_group_id(0) * DENSITY_ROWS + item / DENSITY_SIDE;
    __global const float *component = packed + c * COMPONENT_FLOATS;
    float squares = 0.0f;
    for (uint d = x; row < count && d < DIMS; d += DENSITY_SIDE) {
        const float z = transformed[(size_t)row * DIMS + d] + *triangle_row(component + ROW_STRIDE, d);
        squares = mad(z, z, squares);
    }
    parts[item] = squares;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (x == 0 && row < count) {
        float sum = 0.0f;
        for (int i = 0; i < DENSITY_SIDE; i++) sum += parts[item + i];
        densities[(size_t)(first_row + row) * padded_components + c] = fmax(offset[c] - sum, fmin(offset[c], FLOOR));
    }
}

/* Segments first_segment ..; a work-group has one place for a nonzero. */
__kernel void blas_gather(ARGUMENTS(BLAS_GATHER_ARGUMENTS))
{
    const uint place = get_group_id(0), segment = first_segment + place / segment_rows;
    const uint nonzero = segment_first[segment] + place % segment_rows;
    __global const float *mean = means + (size_t)segment_component[segment] * ROW_STRIDE;
    const int is_one = nonzero < segment_end[segment];
    const float root = is_one ? sqrt(transposed_values[nonzero]) : 0.0f;
    const ulong start = first_element + (is_one ? (ulong)transposed_rows[nonzero] * DIMS : 0);
    for (uint d = get_local_id(0); d < DIMS; d += get_local_size(0))
        gathered[(size_t)place * DIMS + d] = is_one ? root * (shifted_element(rows, start, shift, d) - mean[d]) : 0.0f;
}

/* out (matrices, D, ROW_STRIDE) += products of segments first_segment .. end_segment - 1, in order. One work-item per
 * element, more are idle. */
__kernel void blas_add_products(ARGUMENTS(BLAS_ADD_ARGUMENTS))
{
    const size_t e = get_global_id(0);
    const uint matrix = e / (DIMS * DIMS), i = e / DIMS % DIMS, j = e % DIMS, per_matrix = components / matrices;
    if (matrix >= matrices || j > i) return;
    const uint first = max(component_segment[matrix * per_matrix], first_segment);
    const uint end = min(component_segment[(matrix + 1) * per_matrix], end_segment);
    if (first >= end) return;
    __global sum_t *place = out + ((size_t)matrix * DIMS + i) * ROW_STRIDE + j;
    sum_t sum = *place;
    for (uint s = first; s < end; s++)
        sum = sum_add(sum, products[((size_t)(s - first_segment) * DIMS + i) * DIMS + j]);
    *place = sum;
}
