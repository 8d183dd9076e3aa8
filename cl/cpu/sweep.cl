/* cpu/sweep.cl - from a block's log-densities to the sparse responsibilities of its rows: what the kernels of CPUs
 * share, with and without a matrix unit. A worker (one work-item) owns a block of rows; no barriers, no local memory.
 * The leaf includes the file with load_row, row_place and PANEL (cpu/distances.cl, cpu/distances_full.cl) before this
 * one.
 *
 * Log-densities of a block under a chunk of panels lie in a scratch that stays in the L2 cache. Then each row is swept
 * once against its exact maximum so far, so that little is kept that is dropped later, and exponentials are taken only
 * of what is kept. A row that keeps more than row_capacity components gives the single nonzero (component = K): it then
 * takes the dense path.
 *
 *   scratch of a worker: a | maxima | l | norms | best | sums | counts | row
 *
 *   TILE_BLOCK       rows that pass over all components together
 *   HARD_ASSIGNMENT  1: only the nearest component, responsibility 1, logz = - squared distance (k-means)
 */
#include "cpu/lanes.cl"
#include "common/rows.cl"

enum { SWEEP_VECTORS = 4 }; /* vectors that are tested together before single lanes are */
#define SWEEP         (SWEEP_VECTORS * VW)
#define BLOCK_VECTORS ((TILE_BLOCK + VW - 1) / VW)
#define PADDED_CAPACITY(row_capacity)                                                                                  \
    (((row_capacity) + VW - 1) / VW * VW + VW) /* a whole vector may be stored at the end */

typedef struct sparse_row_t {
    __global float *values;    /* (row_capacity) log-densities, at the end responsibilities */
    __global uint *components; /* (row_capacity) */
} sparse_row_t;

typedef struct scratch_t {
    __global float *a;      /* (TILE_BLOCK, ROW_STRIDE) rows minus the shift */
    __global float *maxima; /* (TILE_BLOCK, VW) largest log-density of this chunk, by lane */
    __global float *l;      /* (TILE_BLOCK, l_stride) */
    __global float *norms;  /* (TILE_BLOCK, as the next three to whole vectors) */
    __global float *best;   /* largest log-density so far, then log-normalisers */
    __global float *sums;   /* of exponentials */
    __global uint *counts;  /* nonzeros kept */
    sparse_row_t row;       /* (PADDED_CAPACITY) the row at hand */
} scratch_t;

static inline scratch_t scratch_of_worker(__global float *base, uint l_stride, uint row_capacity)
{
    scratch_t s;
    s.a = base;
    s.maxima = s.a + (size_t)TILE_BLOCK * ROW_STRIDE;
    s.l = s.maxima + TILE_BLOCK * VW;
    s.norms = s.l + (size_t)TILE_BLOCK * l_stride;
    s.best = s.norms + BLOCK_VECTORS * VW;
    s.sums = s.best + BLOCK_VECTORS * VW;
    s.counts = (__global uint *)(s.sums + BLOCK_VECTORS * VW);
    s.row.values = (__global float *)(s.counts + BLOCK_VECTORS * VW);
    s.row.components = (__global uint *)(s.row.values + PADDED_CAPACITY(row_capacity));
    return s;
}

#define OVERFLOWED 0xffffffffu

/* How many nonzeros a row has before a chunk whose largest log-density is `highest`: an overflowed row begins with none
 * again when that maximum makes all it had negligible. Components far away may be many before the near ones come. */
static inline uint nonzeros_before(uint count, float best, float highest, float cutoff)
{
    return count == OVERFLOWED && highest > best + cutoff ? 0 : count;
}

/* Copies a row's nonzeros of earlier chunks but those that a larger maximum has made negligible; keeps the order. */
static inline uint compact(sparse_row_t to, sparse_row_t from, uint count, float threshold)
{
    uint kept = 0;
    for (uint q = 0; q < count; q++) {
        const float value = from.values[q];
        if (value < threshold) continue;
        to.values[kept] = value;
        to.components[kept] = from.components[q];
        kept++;
    }
    return kept;
}

/* Appends the components of one chunk that reach the threshold; l: `groups` sweeps. First one bit for each of up to 32
 * sweeps that has such a component, then these sweeps only: nearly all have none, and which ones do is hard to predict.
 */
static inline uint append(sparse_row_t list, uint count, uint row_capacity, __global const float *l, uint groups,
                          uint first_component, float threshold)
{
    for (uint group0 = 0; group0 < groups; group0 += 32) {
        const uint end = min(32u, groups - group0);
        uint found = 0;
        for (uint g = 0; g < end; g++) {
            __global const float *at = l + (group0 + g) * SWEEP;
            floatv highest = LOADV(at);
#pragma unroll
            for (int j = 1; j < SWEEP_VECTORS; j++) highest = larger(LOADV(at + j * VW), highest);
            found |= (uint)(lanes_from(highest, threshold) != 0) << g;
        }
        for (; found; found &= found - 1) {
            const uint place = (group0 + lowest_bit(found)) * SWEEP;
#pragma unroll
            for (int j = 0; j < SWEEP_VECTORS; j++) {
                const floatv v = LOADV(l + place + j * VW);
                count += append_lanes(list.values + count, list.components + count, v, first_component + place + j * VW,
                                      lanes_from(v, threshold));
                if (count > row_capacity) return OVERFLOWED;
            }
        }
    }
    return count;
}

/* First component of the chunk that has the value of the maximum. */
static inline uint first_at(__global const float *l, uint vectors, float highest)
{
    for (uint v = 0; v < vectors; v++) {
        const uint bits = lanes_from(LOADV(l + v * VW), highest);
        if (bits) return v * VW + lowest_bit(bits);
    }
    return 0;
}

/* Turns log-densities in the scratch row into responsibilities in the stored one; returns the sum of exponentials. The
 * stored row's capacity is a multiple of VW, and the scratch row has a vector more. */
static inline float normalise(sparse_row_t to, sparse_row_t list, uint count, float highest)
{
    for (uint q = count; q % VW; q++) list.values[q] = PADDING;
    floatv sums = 0.0f;
    for (uint q = 0; q < count; q += VW) {
        const floatv e = exp_below(LOADV(list.values + q) - highest);
        STOREV(e, list.values + q);
        sums += e;
    }
    const float sum = sum_lanes(sums), factor = 1.0f / sum;
    for (uint q = 0; q < count; q += VW) {
        STOREV(LOADV(list.values + q) * factor, to.values + q);
        STOREV(LOADV((__global float *)list.components + q), (__global float *)to.components + q);
    }
    return sum;
}

/* Where a worker's scratch ends: kernels that need more begin here. */
static inline __global float *scratch_end(const scratch_t *s, uint row_capacity)
{
    return (__global float *)(s->row.components + PADDED_CAPACITY(row_capacity));
}

/* Where a batch's results go. */
typedef struct results_t {
    __global float *logz;      /* (n) */
    __global uint *counts;     /* (n) */
    __global uint *components; /* (n, row_capacity) */
    __global float *values;    /* (n, row_capacity) */
    uint row_capacity;
    __global uint *own_counts; /* (K+1) the worker's: nonzeros of each component, rows for the dense path */
} results_t;

/* A worker's results; before the first rows of a batch its counts are set to 0. */
static inline results_t results_of_worker(__global float *logz, __global uint *counts, __global uint *components,
                                          __global float *values, uint row_capacity, __global uint *column_counts,
                                          uint k, int is_first)
{
    const results_t r = {logz, counts, components, values, row_capacity, column_counts + get_global_id(0) * (k + 1)};
    for (uint i = 0; is_first && i <= k; i++) r.own_counts[i] = 0;
    return r;
}

static inline sparse_row_t stored_row(const results_t *r, size_t row)
{
    const sparse_row_t list = {r->values + row * r->row_capacity, r->components + row * r->row_capacity};
    return list;
}

/* Loads row i of the block, minus the shift, before the first chunk. */
static inline void begin_row(const scratch_t *s, uint i, __global const row_t *rows, size_t row_start,
                             __global const float *shift)
{
    s->norms[i] = load_row(row_place(s->a, i), rows, row_start, shift);
    s->best[i] = PADDING;
    s->counts[i] = HARD_ASSIGNMENT;
}

#if HARD_ASSIGNMENT
/* Takes a chunk of components into row i of the block. */
static inline void sweep_row(const scratch_t *s, sparse_row_t stored, uint i, __global float *l, uint vectors,
                             uint first_component)
{
    const float highest = max_lanes(LOADV(s->maxima + i * VW));
    if (highest <= s->best[i]) return;
    s->best[i] = highest;
    stored.components[0] = first_component + first_at(l, vectors, highest);
    stored.values[0] = 1.0f;
}
#else
/* Ends a chunk for row i, which now has the `count` nonzeros of s->row and the largest log-density `best`. is_last: of
 * the chunks. */
static inline void end_sweep(const scratch_t *s, sparse_row_t stored, uint i, uint count, float best, float cutoff,
                             int is_last)
{
    s->counts[i] = count;
    s->best[i] = best;
    if (count == OVERFLOWED)
        s->sums[i] = 1.0f;
    else if (is_last)
        s->sums[i] = normalise(stored, s->row, count, best);
    else
        compact(stored, s->row, count, best - cutoff);
}

/* Takes a chunk of components into row i of the block; l is first filled up to whole sweeps. */
static inline void sweep_row(const scratch_t *s, sparse_row_t stored, uint i, __global float *l, uint vectors,
                             uint first_component, float cutoff, uint row_capacity, int is_last)
{
    const uint groups = (vectors + SWEEP_VECTORS - 1) / SWEEP_VECTORS;
    const float highest = max_lanes(LOADV(s->maxima + i * VW)), best = highest > s->best[i] ? highest : s->best[i];
    const uint before = nonzeros_before(s->counts[i], s->best[i], highest, cutoff);
    if (before == OVERFLOWED) {
        s->best[i] = best;
        return;
    }
    for (uint v = vectors; v < groups * SWEEP_VECTORS; v++) STOREV((floatv)PADDING, l + v * VW);
    const float threshold = best - cutoff;
    uint count = compact(s->row, stored, before, threshold);
    count = append(s->row, count, row_capacity, l, groups, first_component, threshold);
    end_sweep(s, stored, i, count, best, cutoff, is_last);
}
#endif

/* Rows row0 .. row0+block-1 after `chunk` of the `panels` from panel0 on: what reaches a row's maximum so far is
 * appended; after the last chunk the sparse rows hold responsibilities. */
static inline void sweep_chunk(const scratch_t *s, const results_t *r, uint l_stride, uint row0, uint block,
                               uint panel0, uint chunk, uint panels, float cutoff)
{
    for (uint i = 0; i < block; i++) {
        const sparse_row_t list = stored_row(r, row0 + i);
        __global float *l = s->l + i * l_stride;
#if HARD_ASSIGNMENT
        sweep_row(s, list, i, l, chunk * TILE_VECTORS, panel0 * PANEL);
#else
        sweep_row(s, list, i, l, chunk * TILE_VECTORS, panel0 * PANEL, cutoff, r->row_capacity,
                  panel0 + chunk == panels);
#endif
    }
}

/* Writes log-normalisers and counts of rows row0 .. row0+block-1, after the last chunk. */
static inline void finish_rows(const scratch_t *s, const results_t *r, uint row0, uint block, uint components)
{
#if !HARD_ASSIGNMENT
    for (uint i = 0; i < block; i += VW) STOREV(LOADV(s->best + i) + log(LOADV(s->sums + i)), s->best + i);
#endif
    for (uint i = 0; i < block; i++) {
        const size_t row = row0 + i;
        const sparse_row_t list = stored_row(r, row);
        const int is_sparse = s->counts[i] != OVERFLOWED;
        const uint count = is_sparse ? s->counts[i] : 1;
        r->logz[row] = is_sparse ? s->best[i] : 0.0f;
        r->counts[row] = count;
        if (!is_sparse) list.components[0] = components;
        for (uint q = 0; q < count; q++) r->own_counts[list.components[q]]++;
    }
}
