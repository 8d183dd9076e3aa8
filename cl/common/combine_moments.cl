/* common/combine_moments.cl - what both families' moments share: how a component's entries are split, and the splits'
 * sums into the running ones, in order. */
#include "common/prelude.cl"

/* Entries first..end-1 of a component, the split-th of `splits` equal shares. */
static inline uint2 share_of_entries(__global const uint *component_chunk, __global const uint *chunk_first,
                                     __global const uint *chunk_end, uint k, uint split, uint splits)
{
    const uint chunk = component_chunk[k], next = component_chunk[k + 1];
    if (chunk == next) return (uint2)(0, 0);
    const uint first = chunk_first[chunk], end = chunk_end[next - 1], share = (end - first + splits - 1) / splits;
    return (uint2)(min(first + split * share, end), min(first + (split + 1) * share, end));
}

/* moments (matrices, D, ROW_STRIDE) += partials (splits, same). One work-item per element; more are idle. */
__kernel void combine_moments(ulong elements, uint splits, __global const sum_t *partials, __global sum_t *moments)
{
    const size_t e = get_global_id(0);
    if (e >= elements) return;
    sum_t sum = moments[e];
    for (uint split = 0; split < splits; split++) sum = sum_join(sum, partials[split * (size_t)elements + e]);
    moments[e] = sum;
}
