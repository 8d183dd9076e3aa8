/* cpu/candidates.cl - from upper bounds of a block's log-densities to its rows' lists: what the kernels with bounds of
 * the vector and the matrix family share, behind cpu/sweep.cl. Exact log-densities, in the difference form, are taken
 * of those components only that the bounds leave over, so that results do not depend on the bounds as long as these are
 * true. Spherical covariances.
 */
#include "cpu/sweep.cl"

/* What the exact log-density of a component needs. */
typedef struct exact_t {
    __global const float *means;      /* (strips STRIP, ROW_STRIDE) */
    __global const float *scale;      /* h */
    __global const float *normaliser; /* log-density at distance 0 */
} exact_t;

enum { EXACT = 4 }; /* components that a row meets together */

/* l = - h |y - m|^2 + normaliser of `count` components; values has room for whole groups of EXACT. */
static inline void exact_log_densities(__global float *values, __global const uint *components, uint count,
                                       __global const float *a, const exact_t *e)
{
    for (uint q = 0; q < count; q += EXACT) {
        uint k[EXACT];
        floatv sums[EXACT];
#pragma unroll
        for (int j = 0; j < EXACT; j++) {
            k[j] = components[min(q + j, count - 1)];
            sums[j] = 0.0f;
        }
        for (int v = 0; v < ROW_VECTORS; v++) {
            const floatv y = LOADV(a + v * VW);
#pragma unroll
            for (int j = 0; j < EXACT; j++) {
                const floatv t = y - LOADV(e->means + (size_t)k[j] * ROW_STRIDE + v * VW);
                sums[j] = fma(t, t, sums[j]);
            }
        }
#pragma unroll
        for (int j = 0; j < EXACT; j++) {
            const float value = fma(-e->scale[k[j]], sum_lanes(sums[j]), e->normaliser[k[j]]);
            values[q + j] = value > FLOOR ? value : FLOOR;
        }
    }
}

typedef struct candidates_t {
    __global float *values; /* (l_stride) log-densities of a row's candidates */
    exact_t exact;
} candidates_t;

/* What a component must reach to matter where one has the log-density `known`, less what rounding may do to that: a
 * lane sums DIMS / VW squares, each addition off by 2^-24. */
static inline float threshold_of(float known, float spread)
{
    return known - spread - (0x1p-18f + DIMS / VW * 0x1p-24f) * fabs(known);
}

/* A chunk's candidates of row i, their exact log-densities in c->values, and the largest log-density so far, in *best.
 * Candidates' numbers take the place of the bounds l: they are never more than what has been read. */
static inline uint find_candidates(float *best, const scratch_t *s, const candidates_t *c, uint i, __global float *l,
                                   uint vectors, uint first_component, float spread)
{
    const list_t found = {c->values, (__global uint *)l};
    __global const float *a = row_place(s->a, i);
    const uint groups = (vectors + SWEEP_VECTORS - 1) / SWEEP_VECTORS;
    const float highest = max_lanes(LOADV(s->maxima + i * VW));
    if (highest < threshold_of(*best, spread)) return 0;
    for (uint v = vectors; v < groups * SWEEP_VECTORS; v++) STOREV((floatv)PADDING, l + v * VW);

    /* the component with the highest bound is mostly the nearest: its exact log-density makes the threshold */
    const uint first = first_component + first_at(l, vectors, highest);
    s->list.components[0] = first;
    exact_log_densities(c->values, s->list.components, 1, a, &c->exact);
    const float value = c->values[0], known = value > *best ? value : *best;
    const uint count = append(found, 0, OVERFLOWED, l, groups, first_component, threshold_of(known, spread));
    if (count == 1 && found.components[0] == first) /* of k-means nearly always */
        c->values[0] = value;
    else
        exact_log_densities(c->values, found.components, count, a, &c->exact);
    floatv largest = *best;
    for (uint q = count; q % VW; q++) c->values[q] = PADDING;
    for (uint q = 0; q < count; q += VW) largest = larger(LOADV(c->values + q), largest);
    *best = max_lanes(largest);
    return count;
}

#if KEEP_BEST
static inline void sweep_bounds(const scratch_t *s, const candidates_t *c, list_t row_list, uint i, __global float *l,
                                uint vectors, uint first_component)
{
    const float before = s->best[i];
    float best = before;
    const uint count = find_candidates(&best, s, c, i, l, vectors, first_component, 0.0f);
    if (best <= before) return;
    s->best[i] = best;
    uint q = 0;
    while (q + 1 < count && c->values[q] < best) q++;
    row_list.components[0] = ((__global uint *)l)[q];
    row_list.values[0] = 1.0f;
}
#else
static inline void sweep_bounds(const scratch_t *s, const candidates_t *c, list_t row_list, uint i, __global float *l,
                                uint vectors, uint first_component, float spread, uint capacity, int is_last)
{
    float best = s->best[i];
    const uint found = find_candidates(&best, s, c, i, l, vectors, first_component, spread);
    const uint before = entries_before(s->counts[i], s->best[i], best, spread);
    if (before == OVERFLOWED) {
        s->best[i] = best;
        return;
    }
    const float threshold = best - spread;
    uint count = compact(s->list, row_list, before, threshold);
    for (uint q = 0; q < found && count <= capacity; q++) {
        s->list.values[count] = c->values[q];
        s->list.components[count] = ((__global uint *)l)[q];
        count += c->values[q] >= threshold;
    }
    end_sweep(s, row_list, i, count <= capacity ? count : OVERFLOWED, best, spread, is_last);
}
#endif

/* Rows row0 .. row0+block-1 after `chunk` of the `strips` from strip0 on, as sweep_chunk; l holds upper bounds. */
static inline void sweep_chunk_of_bounds(const scratch_t *s, const candidates_t *c, const results_t *r, uint l_stride,
                                         uint row0, uint block, uint strip0, uint chunk, uint strips, float spread)
{
    for (uint i = 0; i < block; i++) {
        const list_t list = list_of_row(r, row0 + i);
        __global float *l = s->l + i * l_stride;
#if KEEP_BEST
        sweep_bounds(s, c, list, i, l, chunk * TILE_VECTORS, strip0 * STRIP);
#else
        sweep_bounds(s, c, list, i, l, chunk * TILE_VECTORS, strip0 * STRIP, spread, r->capacity,
                     strip0 + chunk == strips);
#endif
    }
}
