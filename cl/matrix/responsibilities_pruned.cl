/* matrix/responsibilities_pruned.cl - the results of matrix/responsibilities.cl from one product instead of several.
 * The product of the first terms, y^(0).2m^(0), bounds log-densities from above; exact ones are taken of the components
 * that the bounds do not rule out (cpu/candidates.cl). Matrix units of CPUs, spherical covariances.
 *
 *     l_ik <= u_ik = h_k (y_i^(0).2m_k^(0) - q_i) + c_k,
 *     q_i = |y_i|^2 - row_share |y_i|^2 - residual_share |y_i - y_i^(0)|^2
 *
 * (docs/math.md, "The first-term bound"). The host has included in c_k what the component's own residual and rounding
 * may do. Results do not depend on the bounds: each kept log-density is the exact one, in the difference form.
 *
 *   scratch of a worker: that of cpu/sweep.cl | split rows, one term | values
 *   worker g of G: rows first_row + g B .. , (g+G) B .. before n (B = TILE_BLOCK)
 */
#include "common/arguments.cl"
#include "arguments/responsibilities.h"
#include "cpu/distances.cl"
#include "cpu/candidates.cl"
#include "matrix/products.cl"

/* Row i's first term; returns q_i. norm: |y|^2. */
static inline float begin_bounds(__global ushort *split, __global const float *a, uint i, float norm, float row_share,
                                 float residual_share)
{
    floatv squares = 0.0f;
    for (uint v = 0; v < ROW_VECTORS; v++) {
        const floatv y = LOADV(a + v * VW);
        const uintv bits = to_bf16(y);
        const floatv residual = y - AS_FLOATV(bits);
        squares = fma(residual, residual, squares);
        PASTE(vstore, VW)(PASTE(convert_ushort, VW)(bits >> 16), 0, split + split_place(i, v * VW));
    }
    return norm - norm * row_share - sum_lanes(squares) * residual_share;
}

__kernel void responsibilities(ARGUMENTS(MATRIX_PRUNED_ARGUMENTS))
{
    const uint workers = get_global_size(0), worker = get_global_id(0);
    const scratch_t s = scratch_of_worker(scratch + (size_t)worker * scratch_floats, l_stride, row_capacity);
    const components_t c = {0, scale, offset, 0};
    const results_t results = results_of_worker(logz, counts, nonzero_components, nonzero_values, row_capacity,
                                                column_counts, components, first_row == 0);
    __global ushort *split = (__global ushort *)scratch_end(&s, row_capacity);
    __global float *values = (__global float *)(split + (size_t)TILE_BLOCK * SLABS * MATRIX_DEPTH);
    const candidates_t candidates = {values, {means, scale, normaliser}};
    matrix_t m;
    for (size_t e = 0; e < (size_t)TILE_BLOCK * SLABS * MATRIX_DEPTH; e++) split[e] = 0;
    matrix_begin();

    for (uint row0 = first_row + worker * TILE_BLOCK; row0 < n; row0 += workers * TILE_BLOCK) {
        const uint block = min((uint)TILE_BLOCK, n - row0);
        for (uint i = 0; i < TILE_BLOCK; i++) {
            const size_t row = row0 + min(i, block - 1);
            begin_row(&s, i, rows, first_element + row * DIMS, shift);
            s.norms[i] = begin_bounds(split, row_place(s.a, i), i, s.norms[i], row_share, residual_share);
        }
        for (uint panel0 = 0; panel0 < panels; panel0 += chunk_panels) {
            const uint chunk = min(chunk_panels, panels - panel0);
            for (uint i = 0; i < TILE_BLOCK; i++) STOREV((floatv)PADDING, s.maxima + i * VW);
            for (uint panel = 0; panel < chunk; panel++) {
                __global const ushort *b = split_means + (size_t)(panel0 + panel) * SLABS * MATRIX_TERMS * MATRIX_TILE;
                __global float *l = s.l + panel * PANEL;
                for (uint i = 0; i < block; i += MATRIX_ROWS) {
                    matrix_products(&m, split + (size_t)i * SLABS * MATRIX_DEPTH, b, 1, 1);
                    matrix_store(&m, l + i * l_stride, l_stride);
                    products_to_log_densities(l + i * l_stride, l_stride, s.maxima + i * VW, s.norms + i, &c,
                                              panel0 + panel);
                }
            }
            sweep_chunk_of_bounds(&s, &candidates, &results, l_stride, row0, block, panel0, chunk, panels, cutoff);
        }
        finish_rows(&s, &results, row0, block, components);
    }
    matrix_end();
}
