/* cpu/responsibilities.cl - for each row of a batch: its log-normaliser and the few components that matter,
 * ascending. Vector family: a work-item is a worker that walks blocks of TILE_BLOCK rows; no barriers, no local memory.
 *
 *     logz_i = log sum_k exp l_ik,   r_ik = exp(l_ik - logz_i)          for the k with l_ik >= max_k l_ik - SPREAD
 *
 * (docs/math.md, equations 2, 3, 5). Distances are cpu/distances.cl's; lists are made by cpu/sweep.cl.
 *
 *   worker g of G: rows first_row + g B .. , (g+G) B .. before n (B = TILE_BLOCK)
 */
#include "cpu/sweep.cl"

__kernel void responsibilities(__global const row_t *rows, ulong first_element, uint first_row, uint n,
                               __global const float *shift, __global const float *packed, __global const float *scale,
                               __global const float *offset, __global const uint *is_exact, uint strips,
                               uint chunk_strips, uint components, float spread, __global float *scratch,
                               ulong scratch_floats, uint l_stride, uint capacity, __global float *logz,
                               __global uint *counts, __global uint *list_components, __global float *list_values,
                               __global uint *bins)
{
    const uint workers = get_global_size(0), worker = get_global_id(0);
    const scratch_t s = scratch_of_worker(scratch + (size_t)worker * scratch_floats, l_stride, capacity);
    const components_t c = {packed, scale, offset, is_exact};
    const results_t results = results_of_worker(logz, counts, list_components, list_values, capacity, bins, components,
                                                first_row == 0);

    for (uint row0 = first_row + worker * TILE_BLOCK; row0 < n; row0 += workers * TILE_BLOCK) {
        const uint block = min((uint)TILE_BLOCK, n - row0);
        for (uint i = 0; i < TILE_BLOCK; i++) {
            const size_t row = row0 + min(i, block - 1);
            begin_row(&s, i, rows, first_element + row * DIMS, shift);
        }
        const uint used = (block + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS;
        for (uint strip0 = 0; strip0 < strips; strip0 += chunk_strips) {
            const uint chunk = min(chunk_strips, strips - strip0);
            for (uint i = 0; i < used; i++) STOREV((floatv)PADDING, s.maxima + i * VW);
            for (uint strip = 0; strip < chunk; strip++)
                for (uint i = 0; i < used; i += TILE_ROWS)
                    tile_log_densities(s.l + i * l_stride + strip * STRIP, l_stride, s.maxima + i * VW,
                                       s.a + i * ROW_STRIDE, s.norms + i, &c, strip0 + strip);
            sweep_chunk(&s, &results, l_stride, row0, block, strip0, chunk, strips, spread);
        }
        finish_rows(&s, &results, row0, block, components);
    }
}
