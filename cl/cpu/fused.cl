/* cpu/fused.cl - rows straight into sums, without lists of a batch: mixtures whose sums stay in the L2 cache. Vector
 * family; behind cpu/blocks.cl, whose functions it uses.
 *
 *   mixture     a block whose rows keep few components: its entries (row, k) with l_ik >= max_k l_ik - spread, and
 *               N_k += r_ik, S1_k += r_ik y_i, S2_k += r_ik |y_i - m_k|^2 for each; other blocks: r_ik of all k, and the
 *               sums as products, while the block lies in the L1 cache
 *   is_best     the nearest mean k of each row: N_k += 1, S1_k += y - m_k, S2_k += |y - m_k|^2 (diag: per dimension)
 *   weights     r_ik, and the 1, times the weight of row i where rows have some
 *
 * A range of range_rows rows has sums of its own, so that their order does not depend on scheduling; a worker g of G
 * does the ranges first_range + g, + g + G, ... before end_range and reuses its scratch. Sums of a range are float,
 * joined in a wider type by common/combine.cl. A block is taken as entries where there are at most most_entries of
 * them. After one with more, the next are taken as products, which count what entries there would have been.
 *
 *   HAS_BEST, HAS_MIXTURE  1: the program does this one; k-means and spherical mixtures share one that does both
 *
 *   range_sums (ranges, 2, padded K)                            N, S2 (spherical)
 *   partials (ranges, padded K, ROW_STRIDE; diag 2 ROW_STRIDE)  S1, S2 (diag)
 *   survivors (ranges)                                          l within `spread` of their row's maximum
 *   scratch of a worker: block_t | r (strips, TILE_BLOCK, STRIP), or entries: l | exponentials | places
 */
#include "cpu/lanes.cl"
#include "cpu/blocks.cl"

/* What a range's sums are taken from and go to. */
typedef struct range_t {
    __global const float *normaliser, *width; /* (padded K) as add_weights takes them */
    __global const float *means;              /* (K, ROW_STRIDE) */
    __global const uint *is_exact;            /* (strips) */
    __global float *sums;                     /* (2, padded K) of range_sums */
    __global float *out;                      /* (padded K, DENSE_STRIDE) of partials */
    uint strips, dims;
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
static inline uint nearest(const block_t *b, uint i, uint strips)
{
    const float highest = max_lanes(LOADV(b->maxima + i * VW));
    b->peaks[i] = highest;
    for (uint strip = 0; strip < strips; strip++)
        for (uint v = 0; v < TILE_VECTORS; v++) {
            const uint bits = lanes_from(LOADV(b->l + strip * BLOCK_STRIP + i * STRIP + v * VW), highest);
            if (bits) return strip * STRIP + v * VW + lowest_bit(bits);
        }
    return 0;
}

/* weights: of the block's rows; NULL: 1 each. */
static inline void add_nearest(const block_t *b, __global const float *weights, const range_t *range)
{
    const uint dims = range->dims;
    for (uint i = 0; i < b->rows; i++) {
        const uint k = nearest(b, i, range->strips);
        const float weight = weights ? weights[i] : 1.0f;
        const floatv squares = add_difference(range->out + k * (size_t)DENSE_STRIDE, b->a + i * ROW_PITCH,
                                              range->means + k * (size_t)ROW_STRIDE, weight, dims);
        range->sums[k] += weight;
#if !S2_DIAG
        range->sums[range->strips * STRIP + k] += sum_lanes(squares);
#endif
    }
}

/* Strips that are compressed without a look, up to these: which of them hold an entry cannot be foretold. */
enum { FEW_STRIPS = 2, STRIPS_TOGETHER = 32 };

typedef struct entries_t {
    __global float *l;            /* (room) log-density minus its row's largest; ascending rows and components */
    __global float *exponentials; /* (room) */
    __global uint *places;        /* (room) row of the block << 16 | component */
} entries_t;

/* room: whole vectors; most_entries, one row more and a vector. */
static inline entries_t entries_of_worker(__global float *base, uint room)
{
    const entries_t e = {base, base + room, (__global uint *)(base + 2 * (size_t)room)};
    return e;
}

/* One bit for each of `count` strips, l of a row under the first, that has a component which reaches the threshold. */
static inline uint strips_from(__global const float *l, uint count, float threshold)
{
    uint found = 0;
    for (uint strip = 0; strip < count; strip++) {
        floatv highest = LOADV(l + strip * BLOCK_STRIP);
#pragma unroll
        for (int v = 1; v < TILE_VECTORS; v++) highest = larger(LOADV(l + strip * BLOCK_STRIP + v * VW), highest);
        found |= (uint)(lanes_from(highest, threshold) != 0) << strip;
    }
    return found;
}

/* Lists the block's entries; returns their number, or one above `most` as soon as there are too many. peaks become the
 * rows' largest log-densities. */
static inline uint list_entries(const block_t *b, const entries_t *e, uint most, uint strips, float spread)
{
    uint count = 0;
    for (uint i = 0; i < b->rows && count <= most; i++) {
        __global const float *row = b->l + i * STRIP;
        const float highest = max_lanes(LOADV(b->maxima + i * VW)), threshold = highest - spread;
        b->peaks[i] = highest;
        for (uint strip0 = 0; strip0 < strips; strip0 += STRIPS_TOGETHER) {
            const uint some = min((uint)STRIPS_TOGETHER, strips - strip0);
            uint found = strips <= FEW_STRIPS ? (1u << strips) - 1
                                              : strips_from(row + strip0 * BLOCK_STRIP, some, threshold);
            for (; found; found &= found - 1) {
                const uint strip = strip0 + lowest_bit(found);
#pragma unroll
                for (int v = 0; v < TILE_VECTORS; v++) {
                    const floatv l = LOADV(row + strip * BLOCK_STRIP + v * VW);
                    count += append_lanes(e->l + count, e->places + count, l - highest,
                                          (i << 16) + strip * STRIP + v * VW, lanes_from(l, threshold));
                }
            }
        }
    }
    return count;
}

/* Exponentials of the entries; norms become 1 / their sum for each row, peaks log-normalisers; the rows' largest
 * log-densities go to `highest`. */
static inline void normalise_entries(const block_t *b, const entries_t *e, uint count, __global float *highest)
{
    for (uint q = 0; q < count; q += VW) STOREV(exp_below(LOADV(e->l + q)), e->exponentials + q);
    for (uint i = 0; i < b->rows; i += VW) {
        STOREV(LOADV(b->peaks + i), highest + i);
        STOREV((floatv)0.0f, b->norms + i);
    }
    for (uint q = 0; q < count; q++) b->norms[e->places[q] >> 16] += e->exponentials[q];
    for (uint i = 0; i < b->rows; i += VW) {
        const floatv sums = LOADV(b->norms + i);
        STOREV(LOADV(b->peaks + i) + log(sums), b->peaks + i);
        STOREV(1.0f / sums, b->norms + i);
    }
}

/* Entries one after the other: their rows lie in the L1 cache, and no branch depends on how many a row has. */
static inline void add_entries(const block_t *b, const entries_t *e, uint count, __global const float *highest,
                               const range_t *range)
{
    const uint padded = range->strips * STRIP, dims = range->dims;
    for (uint q = 0; q < count; q++) {
        const uint i = e->places[q] >> 16, k = e->places[q] & 0xffff;
        const float r = e->exponentials[q] * b->norms[i];
        __global const float *y = b->a + i * ROW_PITCH;
        __global float *s1 = range->out + k * (size_t)DENSE_STRIDE;
        range->sums[k] += r;
#if S2_DIAG
        add_difference(s1, y, range->means + k * (size_t)ROW_STRIDE, r, dims);
#else
        const float exponent = range->normaliser[k] - highest[i] - e->l[q];
        range->sums[padded + k] = fma(r * exponent, range->width[k], range->sums[padded + k]);
        if (range->is_exact[k / STRIP])
            add_difference(s1, y, range->means + k * (size_t)ROW_STRIDE, r, dims);
        else
            for (uint v = 0; v < ROW_VECTORS; v++)
                STOREV(fma((floatv)r, LOADV(y + v * VW), LOADV(s1 + v * VW)), s1 + v * VW);
#endif
    }
}

/* Takes the block as entries where it has at most `most`; returns their number, or one above `most` with nothing
 * done. */
static inline uint add_sparse(const block_t *b, uint most, __global const float *weights, float spread,
                              const range_t *range)
{
    const entries_t e = entries_of_worker(b->l + range->strips * BLOCK_STRIP,
                                          (most + range->strips * STRIP + 2 * VW - 1) / VW * VW);
    const uint count = list_entries(b, &e, most, range->strips, spread);
    if (count > most) return count;
    normalise_entries(b, &e, count, b->maxima);
    for (uint i = 0; weights && i < b->rows; i++) b->norms[i] *= weights[i];
    add_entries(b, &e, count, b->maxima, range);
    return count;
}

/* Takes the block as products; returns how many entries it would have been. */
static inline uint add_dense(const block_t *b, __global const float *weights, float spread, const range_t *range)
{
    const uint dims = range->dims;
    __global float *r = b->l + range->strips * BLOCK_STRIP;
    const uint count = exponentials(b, r, BLOCK_STRIP, range->strips, spread);
    for (uint i = 0; weights && i < b->rows; i++) b->norms[i] *= weights[i];
    add_weights(b, r, BLOCK_STRIP, range->strips, range->normaliser, range->width, range->sums);
    for (uint strip = 0; strip < range->strips; strip++) {
        const factors_t f = {b->a,    r + strip * BLOCK_STRIP, range->means + strip * STRIP * ROW_STRIDE, ROW_PITCH,
                             b->rows, range->is_exact[strip], dims};
        add_strip_products(range->out + strip * STRIP * DENSE_STRIDE, f, GROUP);
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
    float spread;
    uint most_entries;
    int is_best;
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
            load_block_row(&b, i, t.rows, t.first_element + (row0 + min(i, b.rows - 1)) * (size_t)b.dims,
                           t.end_element, t.shift);
        block_log_densities(&b, &t.components, range.strips);
        __global const float *weights = t.weights ? t.weights + row0 : 0;
        if (HAS_BEST && t.is_best) {
            add_nearest(&b, weights, &range);
        } else if (HAS_MIXTURE) {
            const int is_sparse = count <= t.most_entries;
            if (is_sparse) count = add_sparse(&b, t.most_entries, weights, t.spread, &range);
            if (!is_sparse || count > t.most_entries) count = add_dense(&b, weights, t.spread, &range);
            near += count;
        }
        for (uint i = 0; i < b.rows; i++) t.logz[row0 + i] = b.peaks[i];
    }
    return near;
}

__kernel void direct_accumulate(__global const row_t *rows, ulong first_element, __global const float *weights,
                                ulong first_weight, uint has_weights, uint n, uint range_rows, uint first_range,
                                uint end_range, __global const float *shift, __global const float *packed,
                                __global const float *scale, __global const float *offset,
                                __global const uint *is_exact,
                                __global const float *normaliser, __global const float *width,
                                __global const float *means, uint strips, float spread, uint most_entries,
                                __global float *scratch, ulong scratch_floats, __global float *logz,
                                __global float *range_sums, __global float *partials, __global uint *survivors,
                                uint dims, uint is_best)
{
    const uint padded = strips * STRIP;
    const block_t b = block_of_worker(scratch + get_global_id(0) * (size_t)scratch_floats, dims);
    const batch_t batch = {rows,
                           first_element,
                           first_element + n * (size_t)dims,
                           has_weights ? weights + first_weight : 0,
                           shift,
                           logz,
                           {packed, scale, offset, is_exact},
                           spread,
                           most_entries,
                           is_best};

    for (uint at = first_range + get_global_id(0); at < end_range; at += get_global_size(0)) {
        const range_t range = {normaliser,
                               width,
                               means,
                               is_exact,
                               range_sums + at * (size_t)(2 * padded),
                               partials + at * (size_t)padded * DENSE_STRIDE,
                               strips,
                               dims};
        for (uint e = 0; e < 2 * padded; e += VW) STOREV((floatv)0.0f, range.sums + e);
        for (uint e = 0; e < padded * DENSE_STRIDE; e += VW) STOREV((floatv)0.0f, range.out + e);
        survivors[at] = add_rows(&batch, &b, &range, at * range_rows, min(n, (at + 1) * range_rows));
    }
}
