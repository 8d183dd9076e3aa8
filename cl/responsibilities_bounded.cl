/* responsibilities_bounded.cl - what responsibilities_vector.cl computes, in fewer operations where few coordinates show
 * that nearly all components are too far from a row to matter: bounds of all log-densities (bounds_vector.cl), then
 * exact ones of those components only that the bounds leave over. Results do not depend on the bounds, as long as these
 * are true: each kept log-density is the exact one, in the difference form. Vector family, spherical covariances.
 *
 *   scratch of a worker: sweep.cl's | z | values
 *   worker g of G: rows first_row + g B .. , (g+G) B .. before n (B = TILE_BLOCK)
 */
typedef struct bounds_t {
    __global float *z;      /* (TILE_BLOCK, BOUND_DIMS) */
    __global float *values; /* (l_stride) log-densities of a row's candidates */
    exact_t exact;
} bounds_t;

/* What a component must reach to matter where one has the log-density `known`, less what rounding may do to that. */
static inline float threshold_of(float known, float spread)
{
    return known - spread - 0x1p-18f * fabs(known);
}

/* A chunk's candidates of row i, their exact log-densities in b->values, and the largest log-density so far, in *best.
 * Candidates' numbers take the place of the bounds l: they are never more than what has been read. */
static inline uint find_candidates(float *best, const scratch_t *s, const bounds_t *b, uint i, __global float *l,
                                   uint vectors, uint first_component, float spread)
{
    const list_t candidates = {b->values, (__global uint *)l};
    __global const float *a = row_place(s->a, i);
    const uint groups = (vectors + SWEEP_VECTORS - 1) / SWEEP_VECTORS;
    const float highest = max_lanes(LOADV(s->maxima + i * VW));
    if (highest < threshold_of(*best, spread)) return 0;
    for (uint v = vectors; v < groups * SWEEP_VECTORS; v++) STOREV((floatv)PADDING, l + v * VW);

    /* the component with the highest bound is mostly the nearest: its exact log-density makes the threshold */
    s->list.components[0] = first_component + first_at(l, vectors, highest);
    exact_log_densities(b->values, s->list.components, 1, a, &b->exact);
    const float known = b->values[0] > *best ? b->values[0] : *best;
    const uint count =
        append(candidates, 0, OVERFLOWED, l, groups, first_component, threshold_of(known, spread));
    exact_log_densities(b->values, candidates.components, count, a, &b->exact);
    floatv largest = *best;
    for (uint q = count; q % VW; q++) b->values[q] = PADDING;
    for (uint q = 0; q < count; q += VW) largest = larger(LOADV(b->values + q), largest);
    *best = max_lanes(largest);
    return count;
}

#if KEEP_BEST
static inline void sweep_bounds(const scratch_t *s, const bounds_t *b, list_t row_list, uint i, __global float *l,
                                uint vectors, uint first_component)
{
    const float before = s->best[i];
    float best = before;
    const uint count = find_candidates(&best, s, b, i, l, vectors, first_component, 0.0f);
    if (best <= before) return;
    s->best[i] = best;
    uint q = 0;
    while (q + 1 < count && b->values[q] < best) q++;
    row_list.components[0] = ((__global uint *)l)[q];
    row_list.values[0] = 1.0f;
}
#else
static inline void sweep_bounds(const scratch_t *s, const bounds_t *b, list_t row_list, uint i, __global float *l,
                                uint vectors, uint first_component, float spread, uint capacity, int is_last)
{
    float best = s->best[i];
    const uint found = find_candidates(&best, s, b, i, l, vectors, first_component, spread);
    const uint before = entries_before(s->counts[i], s->best[i], best, spread);
    if (before == OVERFLOWED) {
        s->best[i] = best;
        return;
    }
    const float threshold = best - spread;
    uint count = compact(s->list, row_list, before, threshold);
    for (uint q = 0; q < found && count <= capacity; q++) {
        s->list.values[count] = b->values[q];
        s->list.components[count] = ((__global uint *)l)[q];
        count += b->values[q] >= threshold;
    }
    end_sweep(s, row_list, i, count <= capacity ? count : OVERFLOWED, best, spread, is_last);
}
#endif

__kernel void responsibilities(__global const row_t *rows, ulong first_element, uint first_row, uint n,
                               __global const float *shift, __global const float *packed, __global const float *scale,
                               __global const float *offset, __global const float *axes, __global const float *means,
                               __global const float *normaliser, uint strips, uint chunk_strips, uint components,
                               float spread, __global float *scratch, ulong scratch_floats, uint l_stride,
                               uint capacity, __global float *logz, __global uint *counts,
                               __global uint *list_components, __global float *list_values, __global uint *bins)
{
    const uint workers = get_global_size(0), worker = get_global_id(0);
    const scratch_t s = scratch_of_worker(scratch + (size_t)worker * scratch_floats, l_stride, capacity);
    const components_t c = {packed, scale, offset, 0};
    const results_t results = results_of_worker(logz, counts, list_components, list_values, capacity, bins, components,
                                                first_row == 0);
    __global float *z = scratch_end(&s, capacity);
    const bounds_t b = {z, z + TILE_BLOCK * BOUND_DIMS, {means, scale, normaliser}};

    for (uint row0 = first_row + worker * TILE_BLOCK; row0 < n; row0 += workers * TILE_BLOCK) {
        const uint block = min((uint)TILE_BLOCK, n - row0);
        for (uint i = 0; i < TILE_BLOCK; i++) {
            const size_t row = row0 + min(i, block - 1);
            begin_row(&s, i, rows, first_element + row * DIMS, shift);
        }
        const uint used = (block + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS;
        for (uint i = 0; i < used; i += TILE_ROWS)
            project_rows(b.z + i * BOUND_DIMS, s.a + i * ROW_STRIDE, s.norms + i, axes);
        for (uint strip0 = 0; strip0 < strips; strip0 += chunk_strips) {
            const uint chunk = min(chunk_strips, strips - strip0);
            for (uint i = 0; i < used; i++) STOREV((floatv)PADDING, s.maxima + i * VW);
            for (uint strip = 0; strip < chunk; strip++)
                for (uint i = 0; i < used; i += TILE_ROWS)
                    tile_log_densities(s.l + i * l_stride + strip * STRIP, l_stride, s.maxima + i * VW,
                                       b.z + i * BOUND_DIMS, s.norms + i, &c, strip0 + strip);
            for (uint i = 0; i < block; i++) {
                const list_t list = list_of_row(&results, row0 + i);
                __global float *l = s.l + i * l_stride;
#if KEEP_BEST
                sweep_bounds(&s, &b, list, i, l, chunk * TILE_VECTORS, strip0 * STRIP);
#else
                sweep_bounds(&s, &b, list, i, l, chunk * TILE_VECTORS, strip0 * STRIP, spread, capacity,
                             strip0 + chunk == strips);
#endif
            }
        }
        finish_rows(&s, &results, row0, block, components);
    }
}
