/* gpu/accumulate.cl - statistics of one chunk of a component's entries. Group family: a work-group is a chunk.
 *
 *     N = sum r,  S1 = sum r (y - m),  S2 = sum r |y - m|^2 (diag: per dimension)       docs/math.md, equations 15-17
 *
 * about the component's mean, as in cpu/accumulate.cl. Items run along the vectors of a row (UNITS of them, walking the
 * entries once per piece of a long row); where a row is shorter than the group, TEAMS of items share the entries and
 * are joined in a fixed tree. At most CHUNK entries are summed in float; chunks are joined in a wider type. Where the
 * matrix of second moments is summed wide, N and S1 are as well, from the same rounded roots and products s = sqrt(r)
 * (y - m) (docs/math.md, "Wide sums").
 *
 *   partial (chunks, PARTIAL):  S1 (ROW_STRIDE) | S2 (diag ROW_STRIDE, else 1) | N        (common/partial_sums.cl)
 *                matrices:      S1 (ROW_STRIDE) | its low part (ROW_STRIDE) | N | its low part
 *   is_wide (K)  matrices: 1 where sums are wide
 *   team 0: | v0 v1 v2 .. | entries first, first + TEAMS, ..        team 1: | v0 v1 v2 .. | first + 1, ..
 *
 *   counters   counters[1]: how many chunks there are; groups may be more, as the host does not know it yet
 *   SUM_ITEMS  work-items of the group, a power of two
 * Local memory: 16 SUM_ITEMS bytes, with matrices twice that.
 */
#include "common/partial_sums.cl"

#ifndef SUM_ITEMS
#error "SUM_ITEMS is not set"
#endif
#if ROW_VECTORS < SUM_ITEMS
#define UNITS ROW_VECTORS
#else
#define UNITS SUM_ITEMS
#endif
#define TEAMS (SUM_ITEMS / UNITS)

/* Sum over the teams' values at the same unit, for team 0; ends with a barrier. */
static inline float4 join_teams(__local float4 *values, float4 mine, uint team, uint unit)
{
    if (TEAMS == 1) return mine;
    if (team < TEAMS) values[team * UNITS + unit] = mine;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint count = TEAMS; count > 1;) {
        const uint half_count = (count + 1) / 2;
        if (team + half_count < count) values[team * UNITS + unit] += values[(team + half_count) * UNITS + unit];
        barrier(CLK_LOCAL_MEM_FENCE);
        count = half_count;
    }
    const float4 sum = values[unit];
    barrier(CLK_LOCAL_MEM_FENCE);
    return sum;
}

/* Sum over all items; ends with a barrier. */
static inline float4 join_items(__local float4 *values, float4 mine, uint item)
{
    values[item] = mine;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint count = SUM_ITEMS / 2; count > 0; count /= 2) {
        if (item < count) values[item] += values[item + count];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    return values[0];
}

#if S2_MATRIX
/* As join_teams, of pairs: values (2, SUM_ITEMS). */
static inline void join_pairs(__local float4 *values, float4 *high, float4 *low, uint team, uint unit)
{
    for (uint count = TEAMS; count > 1; count = (count + 1) / 2) {
        const uint half_count = (count + 1) / 2;
        if (team < count) {
            values[team * UNITS + unit] = *high;
            values[SUM_ITEMS + team * UNITS + unit] = *low;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        const uint other = (team + half_count) * UNITS + unit;
        if (team + half_count < count) add_pair(high, low, values[other], values[SUM_ITEMS + other]);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
}

/* An item's entries of a chunk: first, first + TEAMS, .. before end. */
typedef struct share_t {
    __global const row_t *rows;
    ulong first_element;
    __global const float *shift, *mean;
    __global const uint *sorted_rows;
    __global const float *sorted_values;
    uint first, end, team, unit;
} share_t;

/* s = sqrt(r) (y - m) of entry q, vector v. */
static inline float4 scaled_vector(const share_t *e, uint q, float root, int v)
{
    const ulong start = e->first_element + (ulong)e->sorted_rows[q] * DIMS;
    return root * (shifted_vector(e->rows, start, e->shift, v) - LOADV(e->mean + v * VW));
}

/* A chunk in wide sums. N is summed as S1 is, in all elements of a vector. */
static inline void accumulate_wide(__global float *partial, __local float4 *values, const share_t *e)
{
    const uint team = e->team, unit = e->unit;
    for (uint piece = 0; piece < ROW_VECTORS; piece += UNITS) {
        const int v = min(piece + unit, (uint)ROW_VECTORS - 1);
        const int is_mine = team < TEAMS && piece + unit < ROW_VECTORS;
        float4 high = 0.0f, low = 0.0f, weight = 0.0f, weight_low = 0.0f;
        for (uint q = e->first; is_mine && q < e->end; q += TEAMS) {
            const float4 root = sqrt(e->sorted_values[q]), s = scaled_vector(e, q, root.x, v);
            add_exactly(&high, &low, root, s);
            if (v == 0) add_exactly(&weight, &weight_low, root, root);
        }
        join_pairs(values, &high, &low, team, unit);
        if (piece == 0) join_pairs(values, &weight, &weight_low, team, unit);
        if (is_mine && team == 0) {
            STOREV(high, partial + v * VW);
            STOREV(low, partial + ROW_STRIDE + v * VW);
        }
        if (is_mine && team == 0 && v == 0) {
            partial[2 * ROW_STRIDE] = weight.x;
            partial[2 * ROW_STRIDE + 1] = weight_low.x;
        }
    }
}
#endif

__kernel void accumulate(__global const row_t *rows, ulong first_element, __global const float *shift,
                         __global const float *means, __global const uint *chunk_component,
                         __global const uint *chunk_first, __global const uint *chunk_end,
                         __global const uint *sorted_rows, __global const float *sorted_values,
                         uint first_chunk, __global const uint *is_wide, __global float *partials,
                         __global const uint *counters)
{
    __local float4 values[(1 + S2_MATRIX) * SUM_ITEMS];
    const uint item = get_local_id(0), team = item / UNITS, unit = item % UNITS;
    const size_t chunk = first_chunk + get_group_id(0);
    if (chunk >= counters[1]) return;
    /* items that are left over have no entries */
    const uint first = chunk_first[chunk] + team, end = team < TEAMS ? chunk_end[chunk] : 0;
    __global const float *mean = means + (size_t)chunk_component[chunk] * ROW_STRIDE;
    __global float *partial = partials + chunk * PARTIAL;
    float weight = 0.0f;
    float4 spread = 0.0f;
#if S2_MATRIX
    if (is_wide[chunk_component[chunk]]) {
        const share_t e = {rows, first_element, shift, mean, sorted_rows, sorted_values, first, end, team, unit};
        accumulate_wide(partial, values, &e);
        return;
    }
#endif
    for (uint piece = 0; piece < ROW_VECTORS; piece += UNITS) {
        const int v = min(piece + unit, (uint)ROW_VECTORS - 1);
        const int is_mine = team < TEAMS && piece + unit < ROW_VECTORS;
        const float4 m = LOADV(mean + v * VW);
        float4 s1 = 0.0f, s2 = 0.0f;
        for (uint q = first; is_mine && q < end; q += TEAMS) {
            const float r = sorted_values[q];
            const float4 t = shifted_vector(rows, first_element + (ulong)sorted_rows[q] * DIMS, shift, v) - m;
            const float4 weighted = r * t;
            s1 += weighted;
            s2 = mad(weighted, t, s2);
            if (v == 0) weight += r;
        }
        s1 = join_teams(values, s1, team, unit);
        if (is_mine && team == 0) STOREV(s1, partial + v * VW);
#if S2_MATRIX
        if (is_mine && team == 0) STOREV((float4)0.0f, partial + ROW_STRIDE + v * VW);
#elif S2_DIAG
        s2 = join_teams(values, s2, team, unit);
        if (is_mine && team == 0) STOREV(s2, partial + ROW_STRIDE + v * VW);
#else
        spread += s2;
#endif
    }
    const float4 sums = join_items(values, (float4)(sum_lanes(spread), weight, 0.0f, 0.0f), item);
    if (item == 0) {
#if !S2_DIAG && !S2_MATRIX
        partial[ROW_STRIDE] = sums.x;
#endif
        partial[ROW_STRIDE + PARTIAL_S2] = sums.y;
#if S2_MATRIX
        partial[ROW_STRIDE + PARTIAL_S2 + 1] = 0.0f;
#endif
    }
}
