/* cpu/responsibilities_pruned.cl - the results of cpu/responsibilities.cl in fewer operations, where few coordinates
 * show that nearly all components are too far from a row to matter: first bounds of all log-densities
 * (cpu/projection_bound.cl), then exact ones of the components that the bounds do not rule out (cpu/candidates.cl).
 * Results do not depend on the bounds, as long as these are true: each kept log-density is the exact one, in the
 * difference form. CPUs, spherical covariances.
 *
 *   scratch of a worker: that of cpu/sweep.cl | z | values
 *   worker g of G: rows first_row + g B .. , (g+G) B .. before n (B = TILE_BLOCK)
 */
#include "common/arguments.cl"
#include "arguments/responsibilities.h"
#include "cpu/distances.cl"
#include "cpu/projection_bound.cl"
#include "cpu/candidates.cl"

__kernel void responsibilities(ARGUMENTS(CPU_PRUNED_ARGUMENTS))
{
    const uint workers = get_global_size(0), worker = get_global_id(0);
    const scratch_t s = scratch_of_worker(scratch + (size_t)worker * scratch_floats, l_stride, row_capacity);
    const components_t c = {packed, scale, offset, 0};
    const results_t results = results_of_worker(logz, counts, nonzero_components, nonzero_values, row_capacity,
                                                column_counts, components, first_row == 0);
    __global float *z = scratch_end(&s, row_capacity);
    const candidates_t candidates = {z + TILE_BLOCK * BOUND_DIMS, {means, scale, normaliser}};

    for (uint row0 = first_row + worker * TILE_BLOCK; row0 < n; row0 += workers * TILE_BLOCK) {
        const uint block = min((uint)TILE_BLOCK, n - row0);
        for (uint i = 0; i < TILE_BLOCK; i++) {
            const size_t row = row0 + min(i, block - 1);
            begin_row(&s, i, rows, first_element + row * DIMS, shift);
        }
        const uint used = (block + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS;
        for (uint i = 0; i < used; i += TILE_ROWS)
            project_rows(z + i * BOUND_DIMS, s.a + i * ROW_STRIDE, s.norms + i, axes);
        for (uint panel0 = 0; panel0 < panels; panel0 += chunk_panels) {
            const uint chunk = min(chunk_panels, panels - panel0);
            for (uint i = 0; i < used; i++) STOREV((floatv)PADDING, s.maxima + i * VW);
            for (uint panel = 0; panel < chunk; panel++)
                for (uint i = 0; i < used; i += TILE_ROWS)
                    tile_log_densities(s.l + i * l_stride + panel * PANEL, l_stride, s.maxima + i * VW,
                                       z + i * BOUND_DIMS, s.norms + i, &c, panel0 + panel);
            sweep_chunk_of_bounds(&s, &candidates, &results, l_stride, row0, block, panel0, chunk, panels, cutoff);
        }
        finish_rows(&s, &results, row0, block, components);
    }
}
