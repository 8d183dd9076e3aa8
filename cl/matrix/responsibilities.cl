/* matrix/responsibilities.cl - for each row of a batch: its log-normaliser and its sparse responsibilities, components
 * ascending. Matrix units of CPUs: a work-item is a worker that owns a matrix unit and walks blocks of TILE_BLOCK rows;
 * no barriers, no local memory. Log-densities are those of matrix/products.cl; panels whose `terms` are 0 take the
 * differences of cpu/distances.cl, the form that narrow components far from the origin need. cpu/sweep.cl selects the
 * components.
 *
 *   scratch of a worker: that of cpu/sweep.cl | split rows
 *   worker g of G: rows first_row + g B .. , (g+G) B .. before n (B = TILE_BLOCK)
 */
#include "common/arguments.cl"
#include "arguments/responsibilities.h"
#include "cpu/distances.cl"
#include "cpu/sweep.cl"
#include "matrix/products.cl"

__kernel void responsibilities(ARGUMENTS(MATRIX_SPARSE_ARGUMENTS))
{
    const uint workers = get_global_size(0), worker = get_global_id(0);
    const scratch_t s = scratch_of_worker(scratch + (size_t)worker * scratch_floats, l_stride, row_capacity);
    const components_t c = {packed, scale, offset, is_exact};
    const results_t results = results_of_worker(logz, counts, nonzero_components, nonzero_values, row_capacity,
                                                column_counts, components, first_row == 0);
    __global ushort *split = (__global ushort *)scratch_end(&s, row_capacity);
    matrix_t m;
    for (size_t e = 0; e < (size_t)MATRIX_TERMS * TILE_BLOCK * SLABS * MATRIX_DEPTH; e++) split[e] = 0;
    matrix_begin();

    for (uint row0 = first_row + worker * TILE_BLOCK; row0 < n; row0 += workers * TILE_BLOCK) {
        const uint block = min((uint)TILE_BLOCK, n - row0);
        for (uint i = 0; i < TILE_BLOCK; i++) {
            const size_t row = row0 + min(i, block - 1);
            begin_row(&s, i, rows, first_element + row * DIMS, shift);
            split_row(split, row_place(s.a, i), i, row_terms);
        }
        for (uint panel0 = 0; panel0 < panels; panel0 += chunk_panels) {
            const uint chunk = min(chunk_panels, panels - panel0);
            for (uint i = 0; i < TILE_BLOCK; i++) STOREV((floatv)PADDING, s.maxima + i * VW);
            for (uint panel = 0; panel < chunk; panel++) {
                const uint terms = panel_terms[panel0 + panel];
                __global const ushort *b = split_means + (size_t)(panel0 + panel) * SLABS * MATRIX_TERMS * MATRIX_TILE;
                __global float *l = s.l + panel * PANEL;
                for (uint i = 0; terms == 0 && i < block; i += TILE_ROWS)
                    tile_log_densities(l + i * l_stride, l_stride, s.maxima + i * VW, s.a + i * ROW_STRIDE, s.norms + i,
                                       &c, panel0 + panel);
                for (uint i = 0; terms > 0 && i < block; i += MATRIX_ROWS) {
                    matrix_products(&m, split + (size_t)i * SLABS * MATRIX_DEPTH, b, row_terms, terms);
                    matrix_store(&m, l + i * l_stride, l_stride);
                    products_to_log_densities(l + i * l_stride, l_stride, s.maxima + i * VW, s.norms + i, &c,
                                              panel0 + panel);
                }
            }
            sweep_chunk(&s, &results, l_stride, row0, block, panel0, chunk, panels, cutoff);
        }
        finish_rows(&s, &results, row0, block, components);
    }
    matrix_end();
}
