/* matrix/responsibilities.cl - for each row of a batch: its log-normaliser and the few components that matter,
 * ascending. Matrix family on CPUs: a work-item is a worker that owns a matrix unit and walks blocks of TILE_BLOCK
 * rows; no barriers, no local memory. Log-densities are those of matrix/products.cl; strips whose terms are 0 take the
 * differences of cpu/distances.cl: the form that tight components far out need. Lists are made by cpu/sweep.cl.
 *
 *   scratch of a worker: cpu/sweep.cl's | split rows
 *   worker g of G: rows first_row + g B .. , (g+G) B .. before n (B = TILE_BLOCK)
 */
#include "cpu/distances.cl"
#include "cpu/sweep.cl"
#include "matrix/products.cl"

__kernel void responsibilities(__global const row_t *rows, ulong first_element, uint first_row, uint n,
                               __global const float *shift, __global const float *packed, __global const float *scale,
                               __global const float *offset, __global const uint *is_exact,
                               __global const ushort *split_means, __global const uint *strip_terms, uint row_terms,
                               uint strips, uint chunk_strips, uint components, float spread, __global float *scratch,
                               ulong scratch_floats, uint l_stride, uint capacity, __global float *logz,
                               __global uint *counts, __global uint *list_components, __global float *list_values,
                               __global uint *bins)
{
    const uint workers = get_global_size(0), worker = get_global_id(0);
    const scratch_t s = scratch_of_worker(scratch + (size_t)worker * scratch_floats, l_stride, capacity);
    const components_t c = {packed, scale, offset, is_exact};
    const results_t results =
        results_of_worker(logz, counts, list_components, list_values, capacity, bins, components, first_row == 0);
    __global ushort *split = (__global ushort *)scratch_end(&s, capacity);
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
        for (uint strip0 = 0; strip0 < strips; strip0 += chunk_strips) {
            const uint chunk = min(chunk_strips, strips - strip0);
            for (uint i = 0; i < TILE_BLOCK; i++) STOREV((floatv)PADDING, s.maxima + i * VW);
            for (uint strip = 0; strip < chunk; strip++) {
                const uint terms = strip_terms[strip0 + strip];
                __global const ushort *b = split_means + (size_t)(strip0 + strip) * SLABS * MATRIX_TERMS * MATRIX_TILE;
                __global float *l = s.l + strip * STRIP;
                for (uint i = 0; terms == 0 && i < block; i += TILE_ROWS)
                    tile_log_densities(l + i * l_stride, l_stride, s.maxima + i * VW, s.a + i * ROW_STRIDE, s.norms + i,
                                       &c, strip0 + strip);
                for (uint i = 0; terms > 0 && i < block; i += MATRIX_ROWS) {
                    matrix_products(&m, split + (size_t)i * SLABS * MATRIX_DEPTH, b, row_terms, terms);
                    matrix_store(&m, l + i * l_stride, l_stride);
                    products_to_log_densities(l + i * l_stride, l_stride, s.maxima + i * VW, s.norms + i, &c,
                                              strip0 + strip);
                }
            }
            sweep_chunk(&s, &results, l_stride, row0, block, strip0, chunk, strips, spread);
        }
        finish_rows(&s, &results, row0, block, components);
    }
    matrix_end();
}
