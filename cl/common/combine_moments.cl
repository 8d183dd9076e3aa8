/* common/combine_moments.cl - what {cpu,gpu}/moments.cl share: how the nonzeros of a component are divided into shares,
 * and a kernel that adds the sums of the shares to the running ones, in order. */
#include "common/prelude.cl"

/* Returns first and end of the split-th of `splits` equal shares of a component's nonzeros. */
static inline uint2 share_of_nonzeros(__global const uint *component_segment, __global const uint *segment_first,
                                      __global const uint *segment_end, uint c, uint split, uint splits)
{
    const uint segment = component_segment[c], next = component_segment[c + 1];
    if (segment == next) return (uint2)(0, 0);
    const uint first = segment_first[segment], end = segment_end[next - 1], share = (end - first + splits - 1) / splits;
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
