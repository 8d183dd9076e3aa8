/* cpu/responsibilities.cl - for each row of a batch: its log-normaliser and its sparse responsibilities, components
 * ascending. CPUs: a work-item is a worker that walks blocks of TILE_BLOCK rows; no barriers, no local memory.
 *
 *     logz_i = log sum_k exp l_ik,   r_ik = exp(l_ik - logz_i)          for the k with l_ik >= max_k l_ik - cutoff
 *
 * (docs/math.md, equations 2, 3, 6). The leaf includes the log-densities, tile_log_densities of cpu/distances.cl or
 * cpu/distances_full.cl, before this file; cpu/sweep.cl selects the components.
 *
 *   worker g of G: rows first_row + g B .. , (g+G) B .. before n (B = TILE_BLOCK)
 */
#include "common/arguments.cl"
#include "arguments/responsibilities.h"
#include "cpu/sweep.cl"

/* A batch as its workers see it. */
typedef struct batch_t {
    __global const row_t *rows;
    size_t first_element;
    __global const float *shift;
    components_t components;
    uint k, panels, chunk_panels, l_stride;
    float cutoff;
    uint n, step; /* rows; from one block of a worker to its next */
} batch_t;

/* Takes the blocks of a worker, from row `first` on. */
static KERNEL_BODY void sweep_blocks(const batch_t *batch, const scratch_t *scratch, const results_t *of_worker,
                                     uint first)
{
    const batch_t t = *batch; /* copies that no pointer leads to, so that they stay in registers */
    const scratch_t s = *scratch;
    const results_t results = *of_worker;
    for (uint row0 = first; row0 < t.n; row0 += t.step) {
        const uint block = min((uint)TILE_BLOCK, t.n - row0);
        for (uint i = 0; i < TILE_BLOCK; i++) {
            const size_t row = row0 + min(i, block - 1);
            begin_row(&s, i, t.rows, t.first_element + row * DIMS, t.shift);
        }
        const uint used = (block + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS;
        for (uint panel0 = 0; panel0 < t.panels; panel0 += t.chunk_panels) {
            const uint chunk = min(t.chunk_panels, t.panels - panel0);
            for (uint i = 0; i < used; i++) STOREV((floatv)PADDING, s.maxima + i * VW);
            for (uint panel = 0; panel < chunk; panel++)
                for (uint i = 0; i < used; i += TILE_ROWS)
                    tile_log_densities(s.l + i * t.l_stride + panel * PANEL, t.l_stride, s.maxima + i * VW,
                                       s.a + i * ROW_STRIDE, s.norms + i, &t.components, panel0 + panel);
            sweep_chunk(&s, &results, t.l_stride, row0, block, panel0, chunk, t.panels, t.cutoff);
        }
        finish_rows(&s, &results, row0, block, t.k);
    }
}

__kernel void responsibilities(ARGUMENTS(CPU_SPARSE_ARGUMENTS))
{
    const uint workers = get_global_size(0), worker = get_global_id(0);
    const scratch_t s = scratch_of_worker(scratch + (size_t)worker * scratch_floats, l_stride, row_capacity);
    const results_t results = results_of_worker(logz, counts, nonzero_components, nonzero_values, row_capacity,
                                                column_counts, components, first_row == 0);
    const batch_t batch = {rows,
                           first_element,
                           shift,
                           {packed, scale, offset, is_exact},
                           components,
                           panels,
                           chunk_panels,
                           l_stride,
                           cutoff,
                           n,
                           workers * TILE_BLOCK};
    sweep_blocks(&batch, &s, &results, first_row + worker * TILE_BLOCK);
}
