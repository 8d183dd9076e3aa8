/* gpu/accumulate.cl - statistics of one segment of a component's nonzeros. GPUs: a work-group has one segment.
 *
 *     N = sum r,  S1 = sum r (y - m),  S2 = sum r |y - m|^2 (diag: per dimension)       docs/math.md, equations 15-17
 *
 * about the component's mean, as in cpu/accumulate.cl. Items run along the vectors of a row (UNITS of them; the
 * nonzeros are walked once for each chunk of a long row). Where a row is shorter than the group, TEAMS of items share
 * the nonzeros and are joined in a fixed tree. At most SEGMENT nonzeros are summed in float; segments are joined in a
 * wider type. Where the matrix of second moments is summed wide, so are N and S1, from the same rounded roots and
 * products s = sqrt(r) (y - m) (docs/math.md, "Wide sums").
 *
 *   partial (segments, PARTIAL):  S1 (ROW_STRIDE) | S2 (diag ROW_STRIDE, else 1) | N        (common/partial_sums.cl)
 *                   matrices:     S1 (ROW_STRIDE) | its low part (ROW_STRIDE) | N | its low part
 *   is_wide (K)  matrices: 1 where sums are wide
 *   team 0: | v0 v1 v2 .. | nonzeros first, first + TEAMS, ..        team 1: | v0 v1 v2 .. | first + 1, ..
 *
 *   counters   counters[1]: how many segments there are; more groups may be launched, as the host does not know it yet
 *   SUM_ITEMS  work-items of the group, a power of two
 * Local memory: 16 SUM_ITEMS bytes, with matrices twice that.
 */
#include "common/arguments.cl"
#include "arguments/accumulate.h"
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

/* An item's nonzeros of a segment: first, first + TEAMS, .. before end. */
typedef struct share_t {
    __global const row_t *rows;
    ulong first_element;
    __global const float *shift, *mean;
    __global const uint *transposed_rows;
    __global const float *transposed_values;
    uint first, end, team, unit;
} share_t;

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

/* Adds an item's nonzeros to vector v of S1 and, with v == 0, to N: narrow, or wide. N is then summed as S1 is, in all
 * elements of a vector. */
static inline void add_share(float4 *high, float4 *low, float4 *weight, float4 *weight_low, const share_t *e, int v,
                             int is_wide)
{
    const float4 m = LOADV_ALIGNED(e->mean + v * VW);
    for (uint q = e->first; q < e->end; q += TEAMS) {
        const float r = e->transposed_values[q];
        const ulong start = e->first_element + (ulong)e->transposed_rows[q] * DIMS;
        const float4 t = shifted_vector(e->rows, start, e->shift, v) - m;
        if (is_wide) {
            const float4 root = sqrt(r);
            add_exactly(high, low, root, root * t);
            if (v == 0) add_exactly(weight, weight_low, root, root);
        } else {
            const float4 weighted = r * t;
            *high += weighted;
            if (v == 0) weight->x += r;
        }
    }
}

/* A segment. Narrow and wide sums are joined by the same steps, so that all items meet the same barriers: PoCL's
 * compiler goes wrong where one of two branches has some. */
static inline void accumulate_pairs(__global float *partial, __local float4 *values, const share_t *e, int is_wide,
                                    uint item)
{
    const uint team = e->team, unit = e->unit;
    float4 weight = 0.0f, weight_low = 0.0f;
    for (uint chunk = 0; chunk < ROW_VECTORS; chunk += UNITS) {
        const int v = min(chunk + unit, (uint)ROW_VECTORS - 1);
        const int is_mine = team < TEAMS && chunk + unit < ROW_VECTORS;
        float4 high = 0.0f, low = 0.0f;
        if (is_mine) add_share(&high, &low, &weight, &weight_low, e, v, is_wide);
        join_pairs(values, &high, &low, team, unit);
        if (is_mine && team == 0) {
            STOREV(high, partial + v * VW);
            STOREV(is_wide ? low : (float4)0.0f, partial + ROW_STRIDE + v * VW);
        }
    }
    const float narrow = join_items(values, weight, item).x;
    barrier(CLK_LOCAL_MEM_FENCE);
    join_pairs(values, &weight, &weight_low, team, unit);
    if (item == 0) {
        partial[2 * ROW_STRIDE] = is_wide ? weight.x : narrow;
        partial[2 * ROW_STRIDE + 1] = is_wide ? weight_low.x : 0.0f;
    }
}
#else
/* A segment. */
static inline void accumulate_segment(__global float *partial, __local float4 *values, const share_t *e, uint item)
{
    const uint team = e->team, unit = e->unit;
    float weight = 0.0f;
    float4 squares = 0.0f;
    for (uint chunk = 0; chunk < ROW_VECTORS; chunk += UNITS) {
        const int v = min(chunk + unit, (uint)ROW_VECTORS - 1);
        const int is_mine = team < TEAMS && chunk + unit < ROW_VECTORS;
        const float4 m = LOADV_ALIGNED(e->mean + v * VW);
        float4 s1 = 0.0f, s2 = 0.0f;
        for (uint q = e->first; is_mine && q < e->end; q += TEAMS) {
            const float r = e->transposed_values[q];
            const ulong start = e->first_element + (ulong)e->transposed_rows[q] * DIMS;
            const float4 t = shifted_vector(e->rows, start, e->shift, v) - m;
            const float4 weighted = r * t;
            s1 += weighted;
            s2 = mad(weighted, t, s2);
            if (v == 0) weight += r;
        }
        s1 = join_teams(values, s1, team, unit);
        if (is_mine && team == 0) STOREV(s1, partial + v * VW);
#if S2_DIAG
        s2 = join_teams(values, s2, team, unit);
        if (is_mine && team == 0) STOREV(s2, partial + ROW_STRIDE + v * VW);
#else
        squares += s2;
#endif
    }
    const float4 sums = join_items(values, (float4)(sum_lanes(squares), weight, 0.0f, 0.0f), item);
    if (item == 0) {
#if !S2_DIAG
        partial[ROW_STRIDE] = sums.x;
#endif
        partial[ROW_STRIDE + PARTIAL_S2] = sums.y;
    }
}
#endif

__kernel void accumulate(ARGUMENTS(ACCUMULATE_ARGUMENTS))
{
    __local float4 values[(1 + S2_MATRIX) * SUM_ITEMS];
    const uint item = get_local_id(0), team = item / UNITS, unit = item % UNITS;
    const size_t segment = first_segment + get_group_id(0);
    if (segment >= counters[1]) return;
    const uint component = segment_component[segment];
    /* items that are left over have no nonzeros */
    const uint first = segment_first[segment] + team, end = team < TEAMS ? segment_end[segment] : 0;
    __global const float *mean = means + (size_t)component * ROW_STRIDE;
    const share_t e = {rows,  first_element, shift, mean, transposed_rows, transposed_values,
                       first, end,           team,  unit};
    __global float *partial = partials + segment * PARTIAL;
#if S2_MATRIX
    /* By way of local memory, which Intel's compiler for CPUs needs: it reads is_wide again behind each barrier, and does
     * so before it has seen that there is such a segment. */
    __local int is_wide_here;
    if (item == 0) is_wide_here = is_wide[component] != 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    accumulate_pairs(partial, values, &e, is_wide_here, item);
#else
    accumulate_segment(partial, values, &e, item);
#endif
}
