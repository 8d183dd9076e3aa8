/* cpu/transpose.cl - transposes sparse responsibilities from row order to component order, by a stable counting sort,
 * so that every sum has a fixed order. CPUs, with and without a matrix unit. The workers that made the rows have
 * counted the nonzeros of each component (cpu/sweep.cl); a work-item moves the rows of one worker.
 *
 *   sparse rows of a batch, by their worker       columns: components 0..K-1, then column K = rows for the dense path
 *     row 0: (3, .9) (7, .1)                      transposed: (row, r) of component 0, of component 1, ...
 *     row 1: (3, 1.)                              a component is cut into segments of at most SEGMENT nonzeros, which
 *                                                 are summed apart and joined in order
 *   SEGMENT  nonzeros summed in float before the sum is carried into a wider one
 */
#include "common/arguments.cl"
#include "arguments/transpose.h"
#include "cpu/lanes.cl"

#ifndef SEGMENT
#error "SEGMENT is not set"
#endif
enum { SPARSE_ROWS_AHEAD = 8 }; /* they are short and far apart, and another core may have written them */

/* column_counts (workers, K+1), counts, become the first places of (component, worker); segments of all components are
 * laid out. One work-item. totals: nonzeros of components, segments, rows for the dense path, nonzeros in all. */
__kernel void scan_nonzeros(uint workers, uint components, __global uint *column_counts,
                            __global uint *segment_component, __global uint *segment_first, __global uint *segment_end,
                            __global uint *component_segment, __global uint *totals)
{
    uint place = 0, segment = 0, nonzeros = 0;
    for (uint c = 0; c <= components; c++) {
        const uint first = place;
        for (uint worker = 0; worker < workers; worker++) {
            __global uint *column_count = column_counts + (size_t)worker * (components + 1) + c;
            const uint count = *column_count;
            *column_count = place;
            place += count;
        }
        if (c == components) {
            nonzeros = first;
            break;
        }
        component_segment[c] = segment;
        for (uint at = first; at < place; at += SEGMENT) {
            segment_component[segment] = c;
            segment_first[segment] = at;
            segment_end[segment] = min(place, at + SEGMENT);
            segment++;
        }
    }
    component_segment[components] = segment;
    totals[0] = nonzeros;
    totals[1] = segment;
    totals[2] = place - nonzeros;
    totals[3] = place;
}

/* Moves nonzeros to their places, a worker's rows ascending within a component. A work-item is a worker, with the rows
 * that it had before. */
__kernel void scatter_nonzeros(ARGUMENTS(CPU_SCATTER_ARGUMENTS))
{
    const uint workers = get_global_size(0), worker = get_global_id(0);
    __global uint *column_count = column_counts + (size_t)worker * (components + 1);
    for (uint row0 = worker * TILE_BLOCK; row0 < n; row0 += workers * TILE_BLOCK)
        for (uint row = row0; row < min(n, row0 + TILE_BLOCK); row++) {
            const size_t ahead = (size_t)min(row + SPARSE_ROWS_AHEAD, n - 1) * row_capacity;
            WANT_LINE(nonzero_components + ahead);
            WANT_LINE(nonzero_values + ahead);
            for (uint q = 0; q < counts[row]; q++) {
                const size_t nonzero = (size_t)row * row_capacity + q;
                const uint place = column_count[nonzero_components[nonzero]]++;
                transposed_rows[place] = row;
                transposed_values[place] = nonzero_values[nonzero];
            }
        }
}
