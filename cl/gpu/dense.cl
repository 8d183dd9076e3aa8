/* gpu/dense.cl - the path for rows whose responsibilities are not sparse: a tile of rows is normalised over all
 * components, then multiplied with its responsibilities. GPUs.
 *
 *     r_ik = exp(l_ik - logz_i) for all k;   S1 = sum_i r_ik y_i (or r_ik (y_i - m_k)),  N = sum_i r_ik,  S2
 *
 * A tile is as many rows as keep (rows x K) floats within some MiB: the N x K matrix never exists.
 *
 *   y (tile rows, ROW_STRIDE)         r (panels, tile rows, PANEL): a row's responsibilities in one panel are adjacent
 *   block_sums (blocks, 2, padded K)  per block of TILE_BLOCK rows: N, and S2 for spherical covariances
 *
 *   a work-group of         has                                      and writes
 *   dense_densities         TILE_ROWS rows x a panel                 y, and l in place of r
 *   dense_responsibilities  TILE_BLOCK rows x all components         l -> r, logz, block_sums; TEAM items share a row
 *   dense_accumulate        a panel x TILE_ROWS dimensions x the     products, for panels of the product form
 *                           rows of a split
 *   dense_differences       the same                                 the same, for all other panels
 *
 *   TILE_BLOCK  divides TILE_ITEMS or equals it
 * Local memory of the last two: 8 DENSE_DEPTH (PANEL + TILE_ROWS) bytes.
 * Within a tile sums are float; common/combine.cl joins them in a wider type.
 */
#include "common/arguments.cl"
#include "arguments/dense.h"
#include "gpu/distances.cl"
#include "common/partial_sums.cl"

#ifndef TILE_BLOCK
#error "TILE_BLOCK is not set"
#endif
#define TEAM (TILE_ITEMS / TILE_BLOCK)
#if TEAM * TILE_BLOCK != TILE_ITEMS
#error "TILE_BLOCK does not divide TILE_ITEMS"
#endif

/* Row `at` of the tile, in the batch: listed, or counted from list_first. */
static inline uint batch_row(__global const uint *row_list, uint list_first, uint use_list, uint at)
{
    return use_list ? row_list[list_first + at] : list_first + at;
}

SUBGROUPS_OF_16 __kernel void dense_densities(ARGUMENTS(GPU_DENSITY_ARGUMENTS))
{
    const uint panels = get_num_groups(1);
    __local float4 staging[STAGING_VECTORS];
    __local float norms[TILE_ROWS];
    const uint item = get_local_id(0), row0 = get_group_id(0) * TILE_ROWS, panel = get_group_id(1);
    const components_t c = {packed, scale, offset, is_exact, panels};
    float l[ITEM_ROWS][ITEM_COMPONENTS];
    tile_rows_t tile;
    tile.rows = rows;
    tile.shift = shift;
#pragma unroll
    for (int load = 0; load < ROW_LOADS; load++) {
        const uint at = min(row0 + loaded_row(item, load), n - 1);
        tile.starts[load] = first_element + (ulong)batch_row(row_list, list_first, use_list, at) * DIMS;
    }
    if (panel == 0)
        for (uint v = item; v < min((uint)TILE_ROWS, n - row0) * ROW_VECTORS; v += TILE_ITEMS) {
            const uint at = row0 + v / ROW_VECTORS;
            const ulong start = first_element + (ulong)batch_row(row_list, list_first, use_list, at) * DIMS;
            STOREV(shifted_vector(rows, start, shift, v % ROW_VECTORS), y + ((size_t)row0 * ROW_VECTORS + v) * VW);
        }

    row_norms(norms, staging, &tile, item);
    tile_log_densities(l, staging, norms, &tile, &c, panel, item);
#pragma unroll
    for (int i = 0; i < ITEM_ROWS; i++) {
        const size_t row = row0 + row_of(item, i);
        __global float *to = r + ((size_t)panel * tile_rows + row) * PANEL;
#pragma unroll
        for (int j = 0; j < ITEM_COMPONENTS; j += 4)
            if (row < n) STOREV((float4)(l[i][j], l[i][j + 1], l[i][j + 2], l[i][j + 3]), to + component_of(item, j));
    }
}

/* ---- normalisation ---- */

/* exp without denormals, which some devices compute slowly */
static inline float exp_or_zero(float x)
{
    return x < -87.0f ? 0.0f : exp(x);
}

/* For each row, what each of its items found, then what they found together. */
typedef struct row_sums_t {
    __local float *highest; /* (TILE_BLOCK, TEAM), then (TILE_BLOCK, 0) */
    __local float *sums;    /* likewise sum of exponentials, then its reciprocal */
    __local uint *near;     /* components within `cutoff` of the maximum */
} row_sums_t;

/* Maximum, sum of exponentials and log-normaliser of the block's rows. Ends with a barrier. */
static inline void find_row_sums(const row_sums_t *s, __global const float *l, size_t panel_stride, uint panels,
                                 float cutoff, uint item)
{
    const uint i = item / TEAM, member = item % TEAM;
    __global const float *row = l + i * PANEL;
    float highest = PADDING, sum = 0.0f;
    uint near = 0;
    for (uint panel = 0; panel < panels; panel++)
        for (uint j = member; j < PANEL; j += TEAM) highest = fmax(highest, row[panel * panel_stride + j]);
    s->highest[item] = highest;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint other = 0; other < TEAM; other++) highest = fmax(highest, s->highest[i * TEAM + other]);
    for (uint panel = 0; panel < panels; panel++)
        for (uint j = member; j < PANEL; j += TEAM) {
            const float x = row[panel * panel_stride + j] - highest;
            sum += exp_or_zero(x);
            near += x >= -cutoff;
        }
    s->sums[item] = sum;
    s->near[item] = near;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (member == 0) {
        sum = 0.0f;
        near = 0;
        for (uint other = 0; other < TEAM; other++) {
            sum += s->sums[item + other];
            near += s->near[item + other];
        }
        s->highest[item] = highest;
        s->sums[item] = sum;
        s->near[item] = near;
    }
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE); /* l is read, and may be overwritten */
}

/* Listed rows of the batch (row_list, or all of them from list_first where use_list is 0) as one tile; r times the
 * rows' weights where they have some. */
__kernel void dense_responsibilities(ARGUMENTS(GPU_DENSE_ARGUMENTS))
{
    __local float highest[TILE_ITEMS], sums[TILE_ITEMS];
    __local uint near[TILE_ITEMS];
    const row_sums_t s = {highest, sums, near};
    const uint item = get_local_id(0), row0 = get_group_id(0) * TILE_BLOCK, block = min((uint)TILE_BLOCK, n - row0);
    const size_t panel_stride = (size_t)tile_rows * PANEL;
    __global float *tile = r + (size_t)row0 * PANEL;
    /* items beyond the last row repeat it */
    find_row_sums(&s, tile - (size_t)(item / TEAM - min(item / TEAM, block - 1)) * PANEL, panel_stride, panels, cutoff,
                  item);

    if (item < block) {
        const uint row = batch_row(row_list, list_first, use_list, row0 + item);
        logz[row] = highest[item * TEAM] + log(sums[item * TEAM]);
        /* exponentials are divided by it; weight 0 makes it infinite, and r 0 */
        if (has_weights) sums[item * TEAM] /= weights[first_weight + row];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    if (item == 0) {
        uint survivors = 0;
        for (uint i = 0; i < block; i++) survivors += near[i * TEAM];
        block_survivors[get_group_id(0)] = survivors;
    }
    __global float *out = block_sums + (size_t)get_group_id(0) * 2 * panels * PANEL;
    for (uint c = item; c < panels * PANEL; c += TILE_ITEMS) {
        __global float *column = tile + c / PANEL * panel_stride + c % PANEL;
        const float at_mean = normaliser[c]; /* l where the distance is 0 */
        float weight = 0.0f, squares = 0.0f;
        for (uint i = 0; i < block; i++) {
            const float l = column[i * PANEL], value = exp_or_zero(l - highest[i * TEAM]) / sums[i * TEAM];
            column[i * PANEL] = value;
            weight += value;
            squares = mad(value, at_mean - l, squares);
        }
        out[c] = weight;
        out[panels * PANEL + c] = squares * width[c]; /* diag: not used */
    }
}

/* ---- the product ---- */

/* Rows of a slab, so that a slab of either matrix gives each of 256 items a vector. */
#define DENSE_DEPTH (TILE_ROWS + PANEL >= 256 ? 8 : 16)
#define R_VECTORS   (DENSE_DEPTH * PANEL / 4)
#define Y_VECTORS   (DENSE_DEPTH * TILE_ROWS / 4)
#define R_LOADS     ((R_VECTORS + TILE_ITEMS - 1) / TILE_ITEMS)
#define Y_LOADS     ((Y_VECTORS + TILE_ITEMS - 1) / TILE_ITEMS)

/* The operands of a group's product: rows first .. end-1 of a panel's responsibilities with dimensions from vector0 on.
 */
typedef struct product_t {
    __global const float4 *r; /* (tile rows, PANEL) */
    __global const float4 *y; /* (tile rows, ROW_STRIDE) */
    uint first, end, vector0;
} product_t;

static inline void fetch_product(float4 r[R_LOADS], float4 y[Y_LOADS], const product_t *p, uint row0, uint item)
{
#pragma unroll
    for (int load = 0; load < R_LOADS; load++) {
        const uint v = item + load * TILE_ITEMS, row = row0 + v / (PANEL / 4);
        r[load] = row < p->end ? p->r[(size_t)row * (PANEL / 4) + v % (PANEL / 4)] : (float4)0.0f;
    }
#pragma unroll
    for (int load = 0; load < Y_LOADS; load++) {
        const uint v = item + load * TILE_ITEMS, row = row0 + v / (TILE_ROWS / 4);
        const uint column = p->vector0 + v % (TILE_ROWS / 4);
        y[load] = row < p->end && column < ROW_VECTORS ? p->y[(size_t)row * ROW_VECTORS + column] : (float4)0.0f;
    }
}

static inline void stage_product(__local float4 *slab, const float4 r[R_LOADS], const float4 y[Y_LOADS], uint item)
{
#pragma unroll
    for (int load = 0; load < R_LOADS; load++)
        if (item + load * TILE_ITEMS < R_VECTORS) slab[item + load * TILE_ITEMS] = r[load];
#pragma unroll
    for (int load = 0; load < Y_LOADS; load++)
        if (item + load * TILE_ITEMS < Y_VECTORS) slab[R_VECTORS + item + load * TILE_ITEMS] = y[load];
}

static inline void read_weights(float *w, int count, __local const float4 *slab, int row, int first, uint item)
{
#pragma unroll
    for (int j = 0; j < count; j += 4)
        unpack(w + j, slab[row * (PANEL / 4) + (first + j) / 4 * ACROSS + item % ACROSS]);
}

static inline void read_dims(float y[ITEM_ROWS], __local const float4 *slab, int row, uint item)
{
#pragma unroll
    for (int i = 0; i < ITEM_ROWS; i += 4)
        unpack(y + i, slab[R_VECTORS + row * (TILE_ROWS / 4) + i / 4 * DOWN + item / ACROSS]);
}

/* Sums S1 as products: sum r y. */
static inline void sum_products(__global float *out, __local float4 *staging, const product_t *p, uint item)
{
    float sums[ITEM_COMPONENTS][ITEM_ROWS];
    float4 r[R_LOADS], y[Y_LOADS];
#pragma unroll
    for (int j = 0; j < ITEM_COMPONENTS; j++)
#pragma unroll
        for (int i = 0; i < ITEM_ROWS; i++) sums[j][i] = 0.0f;
    fetch_product(r, y, p, p->first, item);
    for (uint row0 = p->first, parity = 0; row0 < p->end; row0 += DENSE_DEPTH, parity ^= 1) {
        __local float4 *slab = staging + parity * (R_VECTORS + Y_VECTORS);
        stage_product(slab, r, y, item);
        barrier(CLK_LOCAL_MEM_FENCE);
        fetch_product(r, y, p, row0 + DENSE_DEPTH, item);
#pragma unroll 2
        for (int row = 0; row < DENSE_DEPTH; row++) {
            float w[ITEM_COMPONENTS], x[ITEM_ROWS];
            read_weights(w, ITEM_COMPONENTS, slab, row, 0, item);
            read_dims(x, slab, row, item);
#pragma unroll
            for (int j = 0; j < ITEM_COMPONENTS; j++)
#pragma unroll
                for (int i = 0; i < ITEM_ROWS; i++) sums[j][i] = mad(w[j], x[i], sums[j][i]);
        }
    }
#pragma unroll
    for (int j = 0; j < ITEM_COMPONENTS; j++)
#pragma unroll
        for (int i = 0; i < ITEM_ROWS; i += 4) {
            const uint v = p->vector0 + row_of(item, i) / 4;
            if (v < ROW_VECTORS)
                STOREV((float4)(sums[j][i], sums[j][i + 1], sums[j][i + 2], sums[j][i + 3]),
                       out + (size_t)component_of(item, j) * DENSE_STRIDE + v * VW);
        }
}

/* S1 and, for diag, S2 by differences, sum r (y - m) and r (y - m)^2, for four of the item's components: their means
 * and sums fit registers. */
static inline void sum_differences(__global float *out, __local float4 *staging, const product_t *p,
                                   __global const float *means, int first, uint item)
{
    float s1[4][ITEM_ROWS], s2[4][ITEM_ROWS], m[4][ITEM_ROWS];
    float4 r[R_LOADS], y[Y_LOADS];
#pragma unroll
    for (int j = 0; j < 4; j++)
#pragma unroll
        for (int i = 0; i < ITEM_ROWS; i++) {
            const uint v = min(p->vector0 + row_of(item, i) / 4, (uint)ROW_VECTORS - 1);
            m[j][i] = means[(size_t)component_of(item, first + j) * ROW_STRIDE + v * VW + i % 4];
            s1[j][i] = 0.0f;
            s2[j][i] = 0.0f;
        }
    barrier(CLK_LOCAL_MEM_FENCE); /* the last four are no longer needed */
    fetch_product(r, y, p, p->first, item);
    for (uint row0 = p->first, parity = 0; row0 < p->end; row0 += DENSE_DEPTH, parity ^= 1) {
        __local float4 *slab = staging + parity * (R_VECTORS + Y_VECTORS);
        stage_product(slab, r, y, item);
        barrier(CLK_LOCAL_MEM_FENCE);
        fetch_product(r, y, p, row0 + DENSE_DEPTH, item);
#pragma unroll 1
        for (int row = 0; row < DENSE_DEPTH; row++) {
            float w[4], x[ITEM_ROWS];
            read_weights(w, 4, slab, row, first, item);
            read_dims(x, slab, row, item);
#pragma unroll
            for (int j = 0; j < 4; j++)
#pragma unroll
                for (int i = 0; i < ITEM_ROWS; i++) {
                    const float t = x[i] - m[j][i], weighted = w[j] * t;
                    s1[j][i] += weighted;
#if COV_DIAG
                    s2[j][i] = mad(weighted, t, s2[j][i]);
#endif
                }
        }
    }
#pragma unroll
    for (int j = 0; j < 4; j++)
#pragma unroll
        for (int i = 0; i < ITEM_ROWS; i += 4) {
            const uint v = p->vector0 + row_of(item, i) / 4;
            __global float *to = out + (size_t)component_of(item, first + j) * DENSE_STRIDE + v * VW;
            if (v < ROW_VECTORS) {
                STOREV((float4)(s1[j][i], s1[j][i + 1], s1[j][i + 2], s1[j][i + 3]), to);
#if COV_DIAG
                STOREV((float4)(s2[j][i], s2[j][i + 1], s2[j][i + 2], s2[j][i + 3]), to + ROW_STRIDE);
#endif
            }
        }
}

/* Where a group stands in the product of a split's rows. */
static inline product_t product_of(__global const float *y, __global const float *r, uint n, uint tile_rows,
                                   uint split_rows)
{
    const uint panel = get_group_id(0), split = get_group_id(2);
    const product_t p = {(__global const float4 *)r + (size_t)panel * tile_rows * (PANEL / 4),
                         (__global const float4 *)y, split * split_rows, min(n, (split + 1) * split_rows),
                         get_group_id(1) * (TILE_ROWS / 4)};
    return p;
}

static inline __global float *product_place(__global float *partials, uint padded_components)
{
    return partials + ((size_t)get_group_id(2) * padded_components + get_group_id(0) * PANEL) * DENSE_STRIDE;
}

/* partials (splits, padded K, DENSE_STRIDE). Groups (panels, tiles of dimensions, splits of split_rows rows). Two
 * kernels, each for the panels of its form: one with a branch for either, and barriers in both, is computed wrongly by
 * PoCL. */
#if !COV_DIAG
SUBGROUPS_OF_16 __kernel void dense_accumulate(ARGUMENTS(GPU_PRODUCT_ARGUMENTS))
{
    __local float4 staging[2 * (R_VECTORS + Y_VECTORS)];
    const product_t p = product_of(y, r, n, tile_rows, split_rows);
    if (is_exact[get_group_id(0)]) return;
    sum_products(product_place(partials, padded_components), staging, &p, get_local_id(0));
}
#endif

__kernel void dense_differences(ARGUMENTS(GPU_PRODUCT_ARGUMENTS))
{
    __local float4 staging[2 * (R_VECTORS + Y_VECTORS)];
    const product_t p = product_of(y, r, n, tile_rows, split_rows);
    __global const float *panel_means = means + (size_t)get_group_id(0) * PANEL * ROW_STRIDE;
    __global float *out = product_place(partials, padded_components);
    if (!COV_DIAG && !is_exact[get_group_id(0)]) return;
#pragma unroll
    for (int first = 0; first < ITEM_COMPONENTS; first += 4)
        sum_differences(out, staging, &p, panel_means, first, get_local_id(0));
}
