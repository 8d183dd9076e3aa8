/* cpu/transpose.cl - lists by row -> lists by component: a stable counting sort, so that every sum has a fixed order.
 * Vector and matrix families. The workers that made the lists have counted their entries (cpu/sweep.cl).
 *
 *   rows of a batch, by their worker                bins: components 0..K-1, then bin K = rows for the dense path
 *     row 0: (3, .9) (7, .1)                        sorted: (row, r) of component 0, of component 1, ...
 *     row 1: (3, 1.)                                each component is cut into chunks of at most CHUNK entries, which
 *                                                   are summed apart and joined in order
 *   CHUNK  entries summed in float before the sum is carried into a wider one
 */
#include "cpu/lanes.cl"

#ifndef CHUNK
#error "CHUNK is not set"
#endif
enum { LISTS_AHEAD = 8 }; /* lists are short and far apart, and another core may have written them */

/* bins (workers, K+1), counts, become the first places of (component, worker); chunks of all components are laid out.
 * One work-item. totals: entries of components, chunks, rows for the dense path, entries in all. */
__kernel void scan_entries(uint workers, uint components, __global uint *bins, __global uint *chunk_component,
                           __global uint *chunk_first, __global uint *chunk_end, __global uint *component_chunk,
                           __global uint *totals)
{
    uint place = 0, chunk = 0, entries = 0;
    for (uint k = 0; k <= components; k++) {
        const uint first = place;
        for (uint worker = 0; worker < workers; worker++) {
            __global uint *bin = bins + (size_t)worker * (components + 1) + k;
            const uint count = *bin;
            *bin = place;
            place += count;
        }
        if (k == components) {
            entries = first;
            break;
        }
        component_chunk[k] = chunk;
        for (uint at = first; at < place; at += CHUNK) {
            chunk_component[chunk] = k;
            chunk_first[chunk] = at;
            chunk_end[chunk] = min(place, at + CHUNK);
            chunk++;
        }
    }
    component_chunk[components] = chunk;
    totals[0] = entries;
    totals[1] = chunk;
    totals[2] = place - entries;
    totals[3] = place;
}

/* Entries to their places, a worker's rows ascending within a component. A work-item is a worker, with the rows that it
 * had before. */
__kernel void scatter_entries(uint n, uint components, uint capacity, __global const uint *counts,
                              __global const uint *list_components, __global const float *list_values,
                              __global uint *bins, __global uint *sorted_rows, __global float *sorted_values)
{
    const uint workers = get_global_size(0), worker = get_global_id(0);
    __global uint *bin = bins + (size_t)worker * (components + 1);
    for (uint row0 = worker * TILE_BLOCK; row0 < n; row0 += workers * TILE_BLOCK)
        for (uint row = row0; row < min(n, row0 + TILE_BLOCK); row++) {
            const size_t ahead = (size_t)min(row + LISTS_AHEAD, n - 1) * capacity;
            WANT_LINE(list_components + ahead);
            WANT_LINE(list_values + ahead);
            for (uint q = 0; q < counts[row]; q++) {
                const size_t entry = (size_t)row * capacity + q;
                const uint place = bin[list_components[entry]]++;
                sorted_rows[place] = row;
                sorted_values[place] = list_values[entry];
            }
        }
}
