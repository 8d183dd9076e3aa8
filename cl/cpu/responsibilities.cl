/* cpu/responsibilities.cl - for each row of a batch: its log-normaliser and the few components that matter,
 * ascending. Vector family: a work-item is a worker that walks blocks of TILE_BLOCK rows; no barriers, no local memory.
 *
 *     logz_i = log sum_k exp l_ik,   r_ik = exp(l_ik - logz_i)          for the k with l_ik >= max_k l_ik - SPREAD
 *
 * (docs/math.md, equations 2, 3, 6). Distances are cpu/distances.cl's; lists are made by cpu/sweep.cl.
 *
 *   worker g of G: rows first_row + g B .. , (g+G) B .. before n (B = TILE_BLOCK)
 */
#include "cpu/sweep.cl"

/* A batch as its workers see it. */
typedef struct batch_t {
    __global const row_t *rows;
    size_t first_element;
    __global const float *shift;
    components_t components;
    uint k, strips, chunk_strips, l_stride;
    float spread;
    uint n, step; /* rows; from one block of a worker to its next */
} batch_t;

/* The blocks of a worker, from row `first` on. */
static KERNEL_BODY void list_rows(const batch_t *batch, const scratch_t *scratch, const results_t *of_worker,
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
        for (uint strip0 = 0; strip0 < t.strips; strip0 += t.chunk_strips) {
            const uint chunk = min(t.chunk_strips, t.strips - strip0);
            for (uint i = 0; i < used; i++) STOREV((floatv)PADDING, s.maxima + i * VW);
            for (uint strip = 0; strip < chunk; strip++)
                for (uint i = 0; i < used; i += TILE_ROWS)
                    tile_log_densities(s.l + i * t.l_stride + strip * STRIP, t.l_stride, s.maxima + i * VW,
                                       s.a + i * ROW_STRIDE, s.norms + i, &t.components, strip0 + strip);
            sweep_chunk(&s, &results, t.l_stride, row0, block, strip0, chunk, t.strips, t.spread);
        }
        finish_rows(&s, &results, row0, block, t.k);
    }
}

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
    const results_t results = results_of_worker(logz, counts, list_components, list_values, capacity, bins, components,
                                                first_row == 0);
    const batch_t batch = {rows,
                           first_element,
                           shift,
                           {packed, scale, offset, is_exact},
                           components,
                           strips,
                           chunk_strips,
                           l_stride,
                           spread,
                           n,
                           workers * TILE_BLOCK};
    list_rows(&batch, &s, &results, first_row + worker * TILE_BLOCK);
}
