/* search/assign.cl - from the distances of rows to all centroids: the nearest one, and the one that errs in another
 * direction.
 *
 *     r = x - c_1,  r' = x - c:   cost_c = |r'|^2 + (r.r')^2 / |r|^2,   r.r' = (|r|^2 + |r'|^2 - |c_1 - c|^2) / 2
 *
 * (docs/math.md, equations 28, 29). Ties go to the lower number. All backends: a work-item owns a row.
 *
 *     distances  float [rows][stride]: |x - c|^2, stride is K rounded up to 16
 *     between    float [K][stride]: |c_i - c_j|^2, all of them; or [rows][stride]: row i's |c_1 - c_j|^2, computed for
 *                these rows, where the table would be too large
 *     first, second  uint [rows];  ratio  float [rows]: the second's cost / |r|^2; infinite where K = 1 or r = 0
 */
#include "common/arguments.cl"
#include "arguments/search.h"
typedef struct least_t {
    float16 value;
    uint16 index;
} least_t;

static inline void look(least_t *least, float16 value, uint first, uint k)
{
    const uint16 index = first + (uint16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const int16 is_less = (value < least->value) & (index < k);
    least->value = is_less ? value : least->value;
    least->index = is_less ? index : least->index;
}

static inline uint lowest_index(const least_t *least, float *value)
{
    float values[16];
    uint indices[16];
    vstore16(least->value, 0, values);
    vstore16(least->index, 0, indices);
    uint best = 0;
    for (uint i = 1; i < 16; i++)
        if (values[i] < values[best] || (values[i] == values[best] && indices[i] < indices[best])) best = i;
    *value = values[best];
    return indices[best];
}

__kernel void assign_first(__global const float *distances, uint stride, uint k, uint rows, __global uint *first)
{
    const size_t row = get_global_id(0);
    if (row >= rows) return;
    __global const float16 *d = (__global const float16 *)(distances + row * stride);
    least_t least = {(float16)INFINITY, (uint16)0xffffffffu};
    for (uint v = 0; v < stride / 16; v++) look(&least, d[v], v * 16, k);
    float d1;
    const uint c1 = lowest_index(&least, &d1);
    first[row] = c1 < k ? c1 : 0; /* no distance is a number: the first list */
}

__kernel void assign_second(ARGUMENTS(ASSIGN_SECOND_ARGUMENTS))
{
    const size_t row = get_global_id(0);
    if (row >= rows) return;
    const uint c1 = first[row];
    const float d1 = distances[row * stride + c1];
    __global const float16 *d = (__global const float16 *)(distances + row * stride);
    __global const float16 *g = (__global const float16 *)(between + (is_table ? c1 : row) * stride);
    least_t least = {(float16)INFINITY, (uint16)0xffffffffu};
    const float inverse = d1 > 0.0f ? 1.0f / d1 : 0.0f;
    for (uint v = 0; v < stride / 16; v++) {
        const float16 product = 0.5f * (d1 + d[v] - g[v]);
        const uint16 index = v * 16 + (uint16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        const float16 value = d[v] + product * product * inverse;
        look(&least, index == c1 ? (float16)INFINITY : value, v * 16, k);
    }
    float cost;
    const uint c2 = lowest_index(&least, &cost);
    second[row] = c2 < k ? c2 : c1;
    ratio[row] = c2 < k && d1 > 0.0f ? cost * inverse : INFINITY;
}
