/* cpu/sweep.cl - from a block's log-densities to its rows' lists: what the responsibilities of the vector and the
 * matrix family share. A worker (work-item) owns a block of rows; no barriers, no local memory.
 *
 * Log-densities of a block under a chunk of components lie in a scratch that stays in the L2 cache; then each row is
 * swept once against its exact maximum so far, so that almost nothing is kept in vain and exponentials are taken of the
 * kept ones only. A row that keeps more than `capacity` gives the single entry (component = K) instead: the dense path
 * does it.
 *
 *   scratch of a worker: a | maxima | l | norms | best | sums | counts | list
 *
 *   TILE_BLOCK  rows that pass over all components together
 *   KEEP_BEST   1: only the nearest component, responsibility 1, logz = - squared distance (k-means)
 */
#include "cpu/lanes.cl"
#include "common/rows.cl"

enum { SWEEP_VECTORS = 4 }; /* vectors looked at together before single lanes are */
#define SWEEP         (SWEEP_VECTORS * VW)
#define BLOCK_VECTORS ((TILE_BLOCK + VW - 1) / VW)
#define LIST_ROOM(capacity) (((capacity) + VW - 1) / VW * VW + VW) /* a whole vector may be stored at the end */

typedef struct list_t {
    __global float *values;    /* (capacity) log-densities, at the end responsibilities */
    __global uint *components; /* (capacity) */
} list_t;

typedef struct scratch_t {
    __global float *a;      /* (TILE_BLOCK, ROW_STRIDE) rows minus the shift */
    __global float *maxima; /* (TILE_BLOCK, VW) largest of this chunk, by lane */
    __global float *l;      /* (TILE_BLOCK, l_stride) */
    __global float *norms;  /* (TILE_BLOCK, as the next three to whole vectors) */
    __global float *best;   /* largest log-density so far, then log-normalisers */
    __global float *sums;   /* of exponentials */
    __global uint *counts;  /* entries kept */
    list_t list;            /* (LIST_ROOM) of the row at hand */
} scratch_t;

static inline scratch_t scratch_of_worker(__global float *base, uint l_stride, uint capacity)
{
    scratch_t s;
    s.a = base;
    s.maxima = s.a + (size_t)TILE_BLOCK * ROW_STRIDE;
    s.l = s.maxima + TILE_BLOCK * VW;
    s.norms = s.l + (size_t)TILE_BLOCK * l_stride;
    s.best = s.norms + BLOCK_VECTORS * VW;
    s.sums = s.best + BLOCK_VECTORS * VW;
    s.counts = (__global uint *)(s.sums + BLOCK_VECTORS * VW);
    s.list.values = (__global float *)(s.counts + BLOCK_VECTORS * VW);
    s.list.components = (__global uint *)(s.list.values + LIST_ROOM(capacity));
    return s;
}

#define OVERFLOWED 0xffffffffu

/* Entries that a row brings into a chunk whose largest log-density is `highest`: of an overflowed row none, as soon as
 * a maximum makes all that was too much negligible. Components far away may be many before the near ones come. */
static inline uint entries_before(uint count, float best, float highest, float spread)
{
    return count == OVERFLOWED && highest > best + spread ? 0 : count;
}

/* A row's list of the chunks before, without what a larger maximum has made negligible; keeps the order. */
static inline uint compact(list_t to, list_t from, uint count, float threshold)
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
 * sweeps that has such a component, then these sweeps only: nearly all have none, and which have is hard to foretell.
 */
static inline uint append(list_t list, uint count, uint capacity, __global const float *l, uint groups,
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
                if (count > capacity) return OVERFLOWED;
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

/* The scratch list's log-densities -> responsibilities in the row's list; returns the sum of exponentials. The list's
 * room is a multiple of VW, and scratch has a vector more. */
static inline float normalise(list_t to, list_t list, uint count, float highest)
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

/* Where a worker's scratch ends, for what a family has besides. */
static inline __global float *scratch_end(const scratch_t *s, uint capacity)
{
    return (__global float *)(s->list.components + LIST_ROOM(capacity));
}

/* Where a batch's results go. */
typedef struct results_t {
    __global float *logz;      /* (n) */
    __global uint *counts;     /* (n) */
    __global uint *components; /* (n, capacity) */
    __global float *values;    /* (n, capacity) */
    uint capacity;
    __global uint *bin; /* (K+1) the worker's: entries by component, rows for the dense path */
} results_t;

/* A worker's results; before the first rows of a batch its bin is emptied. */
static inline results_t results_of_worker(__global float *logz, __global uint *counts, __global uint *components,
                                          __global float *values, uint capacity, __global uint *bins, uint k,
                                          int is_first)
{
    const results_t r = {logz, counts, components, values, capacity, bins + get_global_id(0) * (k + 1)};
    for (uint i = 0; is_first && i <= k; i++) r.bin[i] = 0;
    return r;
}

static inline list_t list_of_row(const results_t *r, size_t row)
{
    const list_t list = {r->values + row * r->capacity, r->components + row * r->capacity};
    return list;
}

/* Row i of the block, minus the shift, before the first chunk. */
static inline void begin_row(const scratch_t *s, uint i, __global const row_t *rows, size_t row_start,
                             __global const float *shift)
{
    s->norms[i] = load_row(row_place(s->a, i), rows, row_start, shift);
    s->best[i] = PADDING;
    s->counts[i] = KEEP_BEST;
}

#if KEEP_BEST
/* Row i of the block under one chunk of components. */
static inline void sweep_row(const scratch_t *s, list_t row_list, uint i, __global float *l, uint vectors,
                             uint first_component)
{
    const float highest = max_lanes(LOADV(s->maxima + i * VW));
    if (highest <= s->best[i]) return;
    s->best[i] = highest;
    row_list.components[0] = first_component + first_at(l, vectors, highest);
    row_list.values[0] = 1.0f;
}
#else
/* Row i after a chunk: its list so far, `count` entries of s->list and the largest log-density. is_last: of the chunks.
 */
static inline void end_sweep(const scratch_t *s, list_t row_list, uint i, uint count, float best, float spread,
                             int is_last)
{
    s->counts[i] = count;
    s->best[i] = best;
    if (count == OVERFLOWED)
        s->sums[i] = 1.0f;
    else if (is_last)
        s->sums[i] = normalise(row_list, s->list, count, best);
    else
        compact(row_list, s->list, count, best - spread);
}

/* Row i of the block under one chunk of components; l is filled up to whole sweeps first. */
static inline void sweep_row(const scratch_t *s, list_t row_list, uint i, __global float *l, uint vectors,
                             uint first_component, float spread, uint capacity, int is_last)
{
    const uint groups = (vectors + SWEEP_VECTORS - 1) / SWEEP_VECTORS;
    const float highest = max_lanes(LOADV(s->maxima + i * VW)), best = highest > s->best[i] ? highest : s->best[i];
    const uint before = entries_before(s->counts[i], s->best[i], highest, spread);
    if (before == OVERFLOWED) {
        s->best[i] = best;
        return;
    }
    for (uint v = vectors; v < groups * SWEEP_VECTORS; v++) STOREV((floatv)PADDING, l + v * VW);
    const float threshold = best - spread;
    uint count = compact(s->list, row_list, before, threshold);
    count = append(s->list, count, capacity, l, groups, first_component, threshold);
    end_sweep(s, row_list, i, count, best, spread, is_last);
}
#endif

/* Rows row0 .. row0+block-1 after `chunk` of the `strips` from strip0 on: what reaches a row's maximum so far is
 * appended; after the last chunk, lists hold responsibilities. */
static inline void sweep_chunk(const scratch_t *s, const results_t *r, uint l_stride, uint row0, uint block,
                               uint strip0, uint chunk, uint strips, float spread)
{
    for (uint i = 0; i < block; i++) {
        const list_t list = list_of_row(r, row0 + i);
        __global float *l = s->l + i * l_stride;
#if KEEP_BEST
        sweep_row(s, list, i, l, chunk * TILE_VECTORS, strip0 * STRIP);
#else
        sweep_row(s, list, i, l, chunk * TILE_VECTORS, strip0 * STRIP, spread, r->capacity, strip0 + chunk == strips);
#endif
    }
}

/* Log-normalisers and counts of rows row0 .. row0+block-1, after the last chunk. */
static inline void finish_rows(const scratch_t *s, const results_t *r, uint row0, uint block, uint components)
{
#if !KEEP_BEST
    for (uint i = 0; i < block; i += VW) STOREV(LOADV(s->best + i) + log(LOADV(s->sums + i)), s->best + i);
#endif
    for (uint i = 0; i < block; i++) {
        const size_t row = row0 + i;
        const list_t list = list_of_row(r, row);
        const int is_listed = s->counts[i] != OVERFLOWED;
        const uint count = is_listed ? s->counts[i] : 1;
        r->logz[row] = is_listed ? s->best[i] : 0.0f;
        r->counts[row] = count;
        if (!is_listed) list.components[0] = components;
        for (uint q = 0; q < count; q++) r->bin[list.components[q]]++;
    }
}
