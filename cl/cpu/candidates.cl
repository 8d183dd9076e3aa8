/* cpu/candidates.cl - from upper bounds of a block's log-densities to the sparse responsibilities of its rows: what
 * both kernels that prune share ({cpu,matrix}/responsibilities_pruned.cl). Exact log-densities, in the difference form,
 * are taken only of the components that the bounds do not rule out. Results therefore do not depend on the bounds, as
 * long as these are true. Spherical covariances. */
#include "cpu/sweep.cl"

/* Parameters for exact log-densities. */
typedef struct exact_t {
    __global const float *means;      /* (panels PANEL, ROW_STRIDE) */
    __global const float *scale;      /* h */
    __global const float *normaliser; /* log-density at distance 0 */
} exact_t;

enum { EXACT = 4 }; /* components that are taken together */

/* l = - h |y - m|^2 + normaliser of `count` components; values holds whole groups of EXACT. */
static inline void exact_log_densities(__global float *values, __global const uint *components, uint count,
                                       __global const float *a, const exact_t *e)
{
    for (uint q = 0; q < count; q += EXACT) {
        uint c[EXACT];
        floatv sums[EXACT];
#pragma unroll
        for (int j = 0; j < EXACT; j++) {
            c[j] = components[min(q + j, count - 1)];
            sums[j] = 0.0f;
        }
        for (int v = 0; v < ROW_VECTORS; v++) {
            const floatv y = LOADV(a + v * VW);
#pragma unroll
            for (int j = 0; j < EXACT; j++) {
                const floatv t = y - LOADV(e->means + (size_t)c[j] * ROW_STRIDE + v * VW);
                sums[j] = fma(t, t, sums[j]);
            }
        }
#pragma unroll
        for (int j = 0; j < EXACT; j++) {
            const float value = fma(-e->scale[c[j]], sum_lanes(sums[j]), e->normaliser[c[j]]);
            values[q + j] = value > FLOOR ? value : FLOOR;
        }
    }
}

typedef struct candidates_t {
    __global float *values; /* (l_stride) log-densities of a row's candidates */
    exact_t exact;
} candidates_t;

/* The log-density that a component must reach to matter when another has `known`, less the rounding of that: a
 * lane sums DIMS / VW squares, each addition off by 2^-24. */
static inline float threshold_of(float known, float cutoff)
{
    return known - cutoff - (0x1p-18f + DIMS / VW * 0x1p-24f) * fabs(known);
}

/* A chunk's candidates of row i, their exact log-densities in c->values, and the largest log-density so far, in *best.
 * Candidates' numbers overwrite the bounds l: there are never more of them than bounds already read. */
static inline uint find_candidates(float *best, const scratch_t *s, const candidates_t *c, uint i, __global float *l,
                                   uint vectors, uint first_component, float cutoff)
{
    const sparse_row_t found = {c->values, (__global uint *)l};
    __global const float *a = row_place(s->a, i);
    const uint groups = (vectors + SWEEP_VECTORS - 1) / SWEEP_VECTORS;
    const float highest = max_lanes(LOADV(s->maxima + i * VW));
    if (highest < threshold_of(*best, cutoff)) return 0;
    for (uint v = vectors; v < groups * SWEEP_VECTORS; v++) STOREV((floatv)PADDING, l + v * VW);

    /* the component with the highest bound is mostly the nearest: its exact log-density gives the threshold */
    const uint first = first_component + first_at(l, vectors, highest);
    s->row.components[0] = first;
    exact_log_densities(c->values, s->row.components, 1, a, &c->exact);
    const float value = c->values[0], known = value > *best ? value : *best;
    const uint count = append(found, 0, OVERFLOWED, l, groups, first_component, threshold_of(known, cutoff));
    if (count == 1 && found.components[0] == first) /* of c-means nearly always */
        c->values[0] = value;
    else
        exact_log_densities(c->values, found.components, count, a, &c->exact);
    floatv largest = *best;
    for (uint q = count; q % VW; q++) c->values[q] = PADDING;
    for (uint q = 0; q < count; q += VW) largest = larger(LOADV(c->values + q), largest);
    *best = max_lanes(largest);
    return count;
}

#if HARD_ASSIGNMENT
static inline void sweep_bounds(const scratch_t *s, const candidates_t *c, sparse_row_t stored, uint i,
                                __global float *l, uint vectors, uint first_component)
{
    const float before = s->best[i];
    float best = before;
    const uint count = find_candidates(&best, s, c, i, l, vectors, first_component, 0.0f);
    if (best <= before) return;
    s->best[i] = best;
    uint q = 0;
    while (q + 1 < count && c->values[q] < best) q++;
    stored.components[0] = ((__global uint *)l)[q];
    stored.values[0] = 1.0f;
}
#else
static inline void sweep_bounds(const scratch_t *s, const candidates_t *c, sparse_row_t stored, uint i,
                                __global float *l, uint vectors, uint first_component, float cutoff, uint row_capacity,
                                int is_last)
{
    float best = s->best[i];
    const uint found = find_candidates(&best, s, c, i, l, vectors, first_component, cutoff);
    const uint before = nonzeros_before(s->counts[i], s->best[i], best, cutoff);
    if (before == OVERFLOWED) {
        s->best[i] = best;
        return;
    }
    const float threshold = best - cutoff;
    uint count = compact(s->row, stored, before, threshold);
    for (uint q = 0; q < found && count <= row_capacity; q++) {
        s->row.values[count] = c->values[q];
        s->row.components[count] = ((__global uint *)l)[q];
        count += c->values[q] >= threshold;
    }
    end_sweep(s, stored, i, count <= row_capacity ? count : OVERFLOWED, best, cutoff, is_last);
}
#endif

/* Rows row0 .. row0+block-1 after `chunk` of the `panels` from panel0 on, as sweep_chunk; l holds upper bounds. */
static inline void sweep_chunk_of_bounds(const scratch_t *s, const candidates_t *c, const results_t *r, uint l_stride,
                                         uint row0, uint block, uint panel0, uint chunk, uint panels, float cutoff)
{
    for (uint i = 0; i < block; i++) {
        const sparse_row_t list = stored_row(r, row0 + i);
        __global float *l = s->l + i * l_stride;
#if HARD_ASSIGNMENT
        sweep_bounds(s, c, list, i, l, chunk * TILE_VECTORS, panel0 * PANEL);
#else
        sweep_bounds(s, c, list, i, l, chunk * TILE_VECTORS, panel0 * PANEL, cutoff, r->row_capacity,
                     panel0 + chunk == panels);
#endif
    }
}
