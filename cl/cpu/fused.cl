/* cpu/fused.cl - sums rows straight away, without sparse responsibilities in memory: for mixtures whose sums stay in
 * the L2 cache. CPUs; the functions for blocks of rows are those of cpu/blocks.cl.
 *
 *   mixture     a block whose rows keep few components: its nonzeros (row, k) with l_ik >= max_k l_ik - cutoff, and for
 *               each of them N_k += r_ik, S1_k += r_ik y_i, S2_k += r_ik |y_i - m_k|^2; other blocks: r_ik of all k,
 *               and the sums as products, while the block lies in the L1 cache
 *   is_hard     the nearest mean k of each row: N_k += 1, S1_k += y - m_k, S2_k += |y - m_k|^2 (diag: per dimension)
 *   weights     r_ik, and the 1, times the weight of row i where rows have weights
 *
 * A range of range_rows rows has sums of its own, so that their order does not depend on scheduling. Worker g of G
 * takes the ranges first_range + g, + g + G, ... before end_range and reuses its scratch. Sums of a range are float;
 * common/combine.cl joins them in a wider type. A block is summed by nonzeros where there are at most most_nonzeros of
 * them. After a block with more, the next ones are summed as products, which count what nonzeros there would have been.
 *
 *   HAS_HARD, HAS_SOFT  1: the program has this case; k-means and spherical mixtures share a program that has both
 *
 *   partial_weights (ranges, 2, padded K)                       N, S2 (spherical)
 *   partials (ranges, padded K, ROW_STRIDE; diag 2 ROW_STRIDE)  S1, S2 (diag)
 *   survivors (ranges)                                          how many l are within `cutoff` of their row's maximum
 *   scratch of a worker: block_t | r (panels, TILE_BLOCK, PANEL), or nonzeros: l | exponentials | places
 */
#include "common/arguments.cl"
#include "arguments/fused.h"
#include "cpu/lanes.cl"
#include "cpu/blocks.cl"

/* Parameters of a range, and its sums. */
typedef struct range_t {
    __global const float *normaliser, *width; /* (padded K) as add_weights takes them */
    __global const float *means;              /* (K, ROW_STRIDE) */
    __global const uint *is_exact;            /* (panels) */
    __global float *sums;                     /* (2, padded K) of partial_weights */
    __global float *out;                      /* (padded K, DENSE_STRIDE) of partials */
    uint panels, dims;
} range_t;

/* s1 += weight (y - m), diag: s2 += weight (y - m)^2 behind it; returns weight |y - m|^2 by lane. */
static inline floatv add_difference(__global float *s1, __global const float *y, __global const float *m, float weight,
                                    uint dims)
{
    floatv squares = 0.0f;
    for (uint v = 0; v < ROW_VECTORS; v++) {
        const floatv t = LOADV(y + v * VW) - LOADV(m + v * VW);
        const floatv weighted = weight * t;
        STOREV(LOADV(s1 + v * VW) + weighted, s1 + v * VW);
#if S2_DIAG
        STOREV(fma(weighted, t, LOADV(s1 + ROW_STRIDE + v * VW)), s1 + ROW_STRIDE + v * VW);
#else
        squares = fma(weighted, t, squares);
#endif
    }
    return squares;
}

/* The lowest component that has row i's largest log-density. */
static inline uint nearest(const block_t *b, uint i, uint panels)
{
    const float highest = max_lanes(LOADV(b->maxima + i * VW));
    b->logz[i] = highest;
    for (uint panel = 0; panel < panels; panel++)
        for (uint v = 0; v < TILE_VECTORS; v++) {
            const uint bits = lanes_from(LOADV(b->l + panel * BLOCK_PANEL + i * PANEL + v * VW), highest);
            if (bits) return panel * PANEL + v * VW + lowest_bit(bits);
        }
    return 0;
}

/* weights: of the block's rows; NULL: 1 each. */
static inline void add_nearest(const block_t *b, __global const float *weights, const range_t *range)
{
    const uint dims = range->dims;
    for (uint i = 0; i < b->rows; i++) {
        const uint c = nearest(b, i, range->panels);
        const float weight = weights ? weights[i] : 1.0f;
        const floatv squares = add_difference(range->out + c * (size_t)DENSE_STRIDE, b->a + i * ROW_PITCH,
                                              range->means + c * (size_t)ROW_STRIDE, weight, dims);
        range->sums[c] += weight;
#if !S2_DIAG
        range->sums[range->panels * PANEL + c] += sum_lanes(squares);
#endif
    }
}

/* With at most FEW_PANELS panels all are compressed without a test: which hold a nonzero cannot be predicted. */
enum { FEW_PANELS = 2, PANELS_TOGETHER = 32 };

typedef struct nonzeros_t {
    __global float *l;            /* (capacity) log-density minus its row's largest; ascending rows and components */
    __global float *exponentials; /* (capacity) */
    __global uint *places;        /* (capacity) row of the block << 16 | component */
} nonzeros_t;

/* capacity: most_nonzeros, one row more and a vector, in whole vectors. */
static inline nonzeros_t nonzeros_of_worker(__global float *base, uint capacity)
{
    const nonzeros_t e = {base, base + capacity, (__global uint *)(base + 2 * (size_t)capacity)};
    return e;
}

/* One bit for each of `count` panels, l of a row under the first, that has a component which reaches the threshold. */
static inline uint panels_from(__global const float *l, uint count, float threshold)
{
    uint found = 0;
    for (uint panel = 0; panel < count; panel++) {
        floatv highest = LOADV(l + panel * BLOCK_PANEL);
#pragma unroll
        for (int v = 1; v < TILE_VECTORS; v++) highest = larger(LOADV(l + panel * BLOCK_PANEL + v * VW), highest);
        found |= (uint)(lanes_from(highest, threshold) != 0) << panel;
    }
    return found;
}

/* Collects the block's nonzeros; returns their number, or one above `most` as soon as there are too many. logz become
 * the rows' largest log-densities. */
static inline uint list_nonzeros(const block_t *b, const nonzeros_t *e, uint most, uint panels, float cutoff)
{
    uint count = 0;
    for (uint i = 0; i < b->rows && count <= most; i++) {
        __global const float *row = b->l + i * PANEL;
        const float highest = max_lanes(LOADV(b->maxima + i * VW)), threshold = highest - cutoff;
        b->logz[i] = highest;
        for (uint panel0 = 0; panel0 < panels; panel0 += PANELS_TOGETHER) {
            const uint some = min((uint)PANELS_TOGETHER, panels - panel0);
            uint found =
                panels <= FEW_PANELS ? (1u << panels) - 1 : panels_from(row + panel0 * BLOCK_PANEL, some, threshold);
            for (; found; found &= found - 1) {
                const uint panel = panel0 + lowest_bit(found);
#pragma unroll
                for (int v = 0; v < TILE_VECTORS; v++) {
                    const floatv l = LOADV(row + panel * BLOCK_PANEL + v * VW);
                    count += append_lanes(e->l + count, e->places + count, l - highest,
                                          (i << 16) + panel * PANEL + v * VW, lanes_from(l, threshold));
                }
            }
        }
    }
    return count;
}

/* Takes exponentials of the nonzeros; norms become 1 / their sum for each row, logz log-normalisers; the rows' largest
 * log-densities go to `highest`. */
static inline void normalise_nonzeros(const block_t *b, const nonzeros_t *e, uint count, __global float *highest)
{
    for (uint q = 0; q < count; q += VW) STOREV(exp_below(LOADV(e->l + q)), e->exponentials + q);
    for (uint i = 0; i < b->rows; i += VW) {
        STOREV(LOADV(b->logz + i), highest + i);
        STOREV((floatv)0.0f, b->norms + i);
    }
    for (uint q = 0; q < count; q++) b->norms[e->places[q] >> 16] += e->exponentials[q];
    for (uint i = 0; i < b->rows; i += VW) {
        const floatv sums = LOADV(b->norms + i);
        STOREV(LOADV(b->logz + i) + log(sums), b->logz + i);
        STOREV(1.0f / sums, b->norms + i);
    }
}

/* Adds nonzeros one after the other: their rows lie in the L1 cache, and no branch depends on how many a row has. */
static inline void add_nonzeros(const block_t *b, const nonzeros_t *e, uint count, __global const float *highest,
                                const range_t *range)
{
    const uint padded = range->panels * PANEL, dims = range->dims;
    for (uint q = 0; q < count; q++) {
        const uint i = e->places[q] >> 16, c = e->places[q] & 0xffff;
        const float r = e->exponentials[q] * b->norms[i];
        __global const float *y = b->a + i * ROW_PITCH;
        __global float *s1 = range->out + c * (size_t)DENSE_STRIDE;
        range->sums[c] += r;
#if S2_DIAG
        add_difference(s1, y, range->means + c * (size_t)ROW_STRIDE, r, dims);
#else
        const float exponent = range->normaliser[c] - highest[i] - e->l[q];
        range->sums[padded + c] = fma(r * exponent, range->width[c], range->sums[padded + c]);
        if (range->is_exact[c / PANEL])
            add_difference(s1, y, range->means + c * (size_t)ROW_STRIDE, r, dims);
        else
            for (uint v = 0; v < ROW_VECTORS; v++)
                STOREV(fma((floatv)r, LOADV(y + v * VW), LOADV(s1 + v * VW)), s1 + v * VW);
#endif
    }
}

/* Sums the block by nonzeros where it has at most `most`; returns their number, or one above `most` with nothing
 * done. */
static inline uint add_sparse(const block_t *b, uint most, __global const float *weights, float cutoff,
                              const range_t *range)
{
    const nonzeros_t e =
        nonzeros_of_worker(b->l + range->panels * BLOCK_PANEL, (most + range->panels * PANEL + 2 * VW - 1) / VW * VW);
    const uint count = list_nonzeros(b, &e, most, range->panels, cutoff);
    if (count > most) return count;
    normalise_nonzeros(b, &e, count, b->maxima);
    for (uint i = 0; weights && i < b->rows; i++) b->norms[i] *= weights[i];
    add_nonzeros(b, &e, count, b->maxima, range);
    return count;
}

/* Sums the block as products; returns how many nonzeros it has. */
static inline uint add_dense(const block_t *b, __global const float *weights, float cutoff, const range_t *range)
{
    const uint dims = range->dims;
    __global float *r = b->l + range->panels * BLOCK_PANEL;
    const uint count = exponentials(b, r, BLOCK_PANEL, range->panels, cutoff);
    for (uint i = 0; weights && i < b->rows; i++) b->norms[i] *= weights[i];
    add_weights(b, r, BLOCK_PANEL, range->panels, range->normaliser, range->width, range->sums);
    for (uint panel = 0; panel < range->panels; panel++) {
        const factors_t f = {b->a,
                             r + panel * BLOCK_PANEL,
                             range->means + panel * PANEL * ROW_STRIDE,
                             ROW_PITCH,
                             b->rows,
                             range->is_exact[panel],
                             dims};
        add_panel_products(range->out + panel * PANEL * DENSE_STRIDE, f, GROUP);
    }
    return count;
}

/* Where a batch's rows are, and how they become sums. */
typedef struct batch_t {
    __global const row_t *rows;
    size_t first_element, end_element;
    __global const float *weights; /* (n); NULL: 1 each */
    __global const float *shift;
    __global float *logz; /* (n) */
    components_t components;
    float cutoff;
    uint most_nonzeros;
    int is_hard;
} batch_t;

/* Rows first .. end-1 into the sums of a range; returns their survivors. */
static KERNEL_BODY uint add_rows(const batch_t *batch, const block_t *block, const range_t *of_range, uint first,
                                 uint end)
{
    const batch_t t = *batch; /* copies that no pointer leads to, so that they stay in registers */
    const range_t range = *of_range;
    block_t b = *block;
    uint near = 0, count = 0;
    for (uint row0 = first; row0 < end; row0 += TILE_BLOCK) {
        b.rows = min((uint)TILE_BLOCK, end - row0);
        for (uint i = 0; i < padded_rows(&b); i++)
            load_block_row(&b, i, t.rows, t.first_element + (row0 + min(i, b.rows - 1)) * (size_t)b.dims, t.end_element,
                           t.shift);
        block_log_densities(&b, &t.components, range.panels);
        __global const float *weights = t.weights ? t.weights + row0 : 0;
        if (HAS_HARD && t.is_hard) {
            add_nearest(&b, weights, &range);
        } else if (HAS_SOFT) {
            const int is_sparse = count <= t.most_nonzeros;
            if (is_sparse) count = add_sparse(&b, t.most_nonzeros, weights, t.cutoff, &range);
            if (!is_sparse || count > t.most_nonzeros) count = add_dense(&b, weights, t.cutoff, &range);
            near += count;
        }
        for (uint i = 0; i < b.rows; i++) t.logz[row0 + i] = b.logz[i];
    }
    return near;
}

__kernel void fused_accumulate(ARGUMENTS(FUSED_ARGUMENTS))
{
    const uint padded = panels * PANEL;
    const block_t b = block_of_worker(scratch + get_global_id(0) * (size_t)scratch_floats, dims);
    const batch_t batch = {
        rows,          first_element, first_element + n * (size_t)dims,  has_weights ? weights + first_weight : 0,
        shift,         logz,          {packed, scale, offset, is_exact}, cutoff,
        most_nonzeros, is_hard};

    for (uint at = first_range + get_global_id(0); at < end_range; at += get_global_size(0)) {
        const range_t range = {normaliser,
                               width,
                               means,
                               is_exact,
                               partial_weights + at * (size_t)(2 * padded),
                               partials + at * (size_t)padded * DENSE_STRIDE,
                               panels,
                               dims};
        for (uint e = 0; e < 2 * padded; e += VW) STOREV((floatv)0.0f, range.sums + e);
        for (uint e = 0; e < padded * DENSE_STRIDE; e += VW) STOREV((floatv)0.0f, range.out + e);
        survivors[at] = add_rows(&batch, &b, &range, at * range_rows, min(n, (at + 1) * range_rows));
    }
}
