/* search/select_cpu.cl - keeps the k nearest rows of each query among the distances that search/scan_cpu.cl has written
 * (search/select.cl). CPUs: a work-item owns a query. It compares LOOK blocks of distances at a time with the k-th
 * distance so far; a distance that reaches it is inserted into the ordered results. Nearly all are only compared. */
#include "common/arguments.cl"
#include "arguments/search.h"
#include "search/select.cl"

enum { LOOK = 4, MOVE = 16 }; /* blocks looked at together; results moved together */

static inline dist_t lowest_lane(distv v)
{
#if WIDE_SUMS
    uint8 a = min(v.lo, v.hi);
    uint4 b = min(a.lo, a.hi);
    uint2 c = min(b.lo, b.hi);
    return min(c.x, c.y);
#else
    float8 a = v.lo < v.hi ? v.lo : v.hi;
    float4 b = a.lo < a.hi ? a.lo : a.hi;
    float2 c = b.lo < b.hi ? b.lo : b.hi;
    return c.x < c.y ? c.x : c.y;
#endif
}

static inline uint insert(__global dist_t *best_d, __global long *best_ids, uint count, uint k, dist_t d, long id)
{
    const uint low = place_in_results(best_d, best_ids, count, d, id);
    if (low == k || (low < count && best_d[low] == d && best_ids[low] == id)) return count;
    /* from the end, whole vectors first: each is read before anything is written over it */
    uint i = min(count, k - 1);
    for (; i >= low + MOVE; i -= MOVE) {
        const distv d_moved = vload16(0, best_d + i - MOVE);
        const long16 ids_moved = vload16(0, best_ids + i - MOVE);
        vstore16(d_moved, 0, best_d + i - MOVE + 1);
        vstore16(ids_moved, 0, best_ids + i - MOVE + 1);
    }
    for (; i > low; i--) {
        best_d[i] = best_d[i - 1];
        best_ids[i] = best_ids[i - 1];
    }
    best_d[low] = d;
    best_ids[low] = id;
    return min(count + 1, k);
}

__kernel void select_nearest(ARGUMENTS(SELECT_ARGUMENTS))
{
    const size_t q = get_global_id(0);
    best_d += q * k;
    best_ids += q * k;
    const long excluded = exclude[q];
    uint count = counts[q];
    dist_t threshold = count == k ? best_d[k - 1] : DISTANCE_MAX;
    for (uint f = ranges[2 * q]; f < ranges[2 * q + 1]; f++) {
        __global const dist_t *d = out + (size_t)finds[FIND * f] * BLOCK;
        __global const long *id = ids + (size_t)finds[FIND * f + 1] * BLOCK;
        const uint blocks = finds[FIND * f + 2];
        for (uint b = 0; b < blocks; b += LOOK) {
            const uint used = min((uint)LOOK, blocks - b);
            distv lowest = ((__global const distv *)d)[b];
            for (uint i = 1; i < used; i++) {
                const distv other = ((__global const distv *)d)[b + i];
                lowest = other < lowest ? other : lowest;
            }
            if (!(lowest_lane(lowest) <= threshold)) continue;
            for (uint i = b * BLOCK; i < (b + used) * BLOCK; i++) {
                if (!(d[i] <= threshold) || id[i] < 0 || id[i] == excluded) continue;
                count = insert(best_d, best_ids, count, k, d[i], id[i]);
                if (count == k) threshold = best_d[k - 1];
            }
        }
    }
    counts[q] = count;
}
