/* cpu/dense.cl - the path for rows whose responsibilities are not sparse: a tile of rows is normalised over all
 * components, then multiplied with its responsibilities. CPUs; the functions are those of cpu/blocks.cl.
 *
 * A tile is as many rows as keep (rows x K) floats within a few MiB: the N x K matrix never exists. The product walks
 * PRODUCT_ROWS rows at a time, so that these rows of a panel of r and of a group of y stay in the L1 cache while all
 * their products are taken.
 *
 *   y (groups, tile rows, GROUP)      the rows, shifted; a group is DENSE_V vectors, zeros behind the last
 *   r (panels, tile rows, PANEL)      the responsibilities of a row in one panel are adjacent
 *   block_sums (blocks, 2, padded K)  per block of TILE_BLOCK rows: N, and S2 for spherical covariances
 *
 * dense_responsibilities: a work-item takes blocks of rows. dense_accumulate: it takes a panel and a range of rows.
 * Sums of a tile, or of a few tiles in a row (dense.c), are float; common/combine.cl joins them in a wider type.
 */
#include "common/arguments.cl"
#include "arguments/dense.h"
#include "cpu/blocks.cl"

#define PRODUCT_ROWS 96

/* Listed rows of the batch (row_list, or all of them from list_first where use_list is 0) as one tile; r times the
 * rows' weights where they have some. */
__kernel void dense_responsibilities(ARGUMENTS(CPU_DENSE_ARGUMENTS))
{
    const uint workers = get_global_size(0), worker = get_global_id(0);
    const size_t end_element = first_element + (size_t)batch_rows * dims;
    block_t b = block_of_worker(scratch + (size_t)worker * scratch_floats, dims);
    const components_t c = {packed, scale, offset, is_exact};
    const size_t r_stride = (size_t)tile_rows * PANEL;
    const uint padded = panels * PANEL;

    for (uint row0 = worker * TILE_BLOCK; row0 < n; row0 += workers * TILE_BLOCK) {
        b.rows = min((uint)TILE_BLOCK, n - row0);
        for (uint i = 0; i < padded_rows(&b); i++) {
            const uint at = list_first + row0 + min(i, b.rows - 1);
            const size_t row = use_list ? row_list[at] : at;
            load_block_row(&b, i, rows, first_element + row * dims, end_element, shift);
        }
        for (uint i = 0; i < b.rows; i++)
            for (uint v = 0; v < GROUPS * DENSE_V; v++)
                STOREV(v < ROW_VECTORS ? LOADV(b.a + i * ROW_PITCH + v * VW) : (floatv)0.0f,
                       y + (v / DENSE_V * (size_t)tile_rows + row0 + i) * GROUP + v % DENSE_V * VW);

        block_log_densities(&b, &c, panels);
        __global float *block_r = r + row0 * (size_t)PANEL;
        block_survivors[row0 / TILE_BLOCK] = exponentials(&b, block_r, r_stride, panels, cutoff);
        for (uint i = 0; i < b.rows; i++) {
            const uint at = list_first + row0 + i;
            const size_t row = use_list ? row_list[at] : at;
            logz[row] = b.logz[i];
            if (has_weights) b.norms[i] *= weights[first_weight + row];
        }
        __global float *sums = block_sums + (size_t)(row0 / TILE_BLOCK) * 2 * padded;
        add_weights(&b, block_r, r_stride, panels, normaliser, width, sums);
    }
}

/* Adds to partials (splits, padded K, ROW_STRIDE; diag 2 ROW_STRIDE). Work-items (panels, 1, splits of split_rows
 * rows). */
__kernel void dense_accumulate(ARGUMENTS(CPU_PRODUCT_ARGUMENTS))
{
    const uint panel = get_global_id(0), split = get_global_id(2);
    const uint end = min(n, (split + 1) * split_rows);
    __global float *out = partials + (split * (size_t)padded_components + panel * PANEL) * DENSE_STRIDE;
    for (uint row = split * split_rows; row < end; row += PRODUCT_ROWS) {
        const factors_t f = {y + row * (size_t)GROUP,
                             r + (panel * (size_t)tile_rows + row) * PANEL,
                             means + panel * (size_t)PANEL * ROW_STRIDE,
                             GROUP,
                             min((uint)PRODUCT_ROWS, end - row),
                             is_exact[panel],
                             dims};
        add_panel_products(out, f, (size_t)tile_rows * GROUP);
    }
}
