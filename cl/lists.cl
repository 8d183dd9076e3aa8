/* lists.cl - lists by row -> lists by component: a stable counting sort, so that every sum has a fixed order. Both
 * families use the scan; the vector family counts and scatters with one work-item per block of rows.
 *
 *   rows of a batch, in blocks of block_rows        bins: components 0..K-1, then bin K = rows for the dense path
 *     row 0: (3, .9) (7, .1)                        sorted: (row, r) of component 0, of component 1, ...
 *     row 1: (3, 1.)                                each component is cut into chunks of at most CHUNK entries, which
 *                                                   are summed apart and joined in order
 *   CHUNK  entries summed in float before the sum is carried into a wider one
 */
#ifndef CHUNK
#error "CHUNK is not set"
#endif

/* bins (blocks, K+1): how many entries of the block's rows each component has. One work-item per block. */
__kernel void count_entries(uint n, uint block_rows, uint components, uint capacity, __global const uint *counts,
                            __global const uint *list_components, __global uint *bins)
{
    const size_t block = get_global_id(0);
    __global uint *bin = bins + block * (components + 1);
    for (uint k = 0; k <= components; k++) bin[k] = 0;
    const uint first = block * block_rows, end = min(n, first + block_rows);
    for (uint row = first; row < end; row++)
        for (uint q = 0; q < counts[row]; q++) bin[list_components[(size_t)row * capacity + q]]++;
}

/* bins become the first places of (component, block); chunks of all components are laid out. One work-item.
 * totals: entries of components, chunks, rows for the dense path, entries in all. */
__kernel void scan_entries(uint blocks, uint components, __global uint *bins, __global uint *chunk_component,
                           __global uint *chunk_first, __global uint *chunk_end, __global uint *component_chunk,
                           __global uint *totals)
{
    uint place = 0, chunk = 0, entries = 0;
    for (uint k = 0; k <= components; k++) {
        const uint first = place;
        for (uint block = 0; block < blocks; block++) {
            __global uint *bin = bins + (size_t)block * (components + 1) + k;
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

/* Entries to their places, rows ascending within a component. One work-item per block. */
__kernel void scatter_entries(uint n, uint block_rows, uint components, uint capacity, __global const uint *counts,
                              __global const uint *list_components, __global const float *list_values,
                              __global uint *bins, __global uint *sorted_rows, __global float *sorted_values)
{
    const size_t block = get_global_id(0);
    __global uint *bin = bins + block * (components + 1);
    const uint first = block * block_rows, end = min(n, first + block_rows);
    for (uint row = first; row < end; row++)
        for (uint q = 0; q < counts[row]; q++) {
            const size_t entry = (size_t)row * capacity + q;
            const uint place = bin[list_components[entry]]++;
            sorted_rows[place] = row;
            sorted_values[place] = list_values[entry];
        }
}
