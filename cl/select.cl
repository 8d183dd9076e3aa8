/* select.cl - keeps the k nearest rows of each query among the distances that scan.cl has written. Both families: a
 * work-item owns a query. Distances are looked at 4 blocks at a time against the k-th distance so far; what reaches it
 * is put in its place in an ordered list, so that almost everything is only compared.
 *
 *     finds    uint [finds][3]: begin in out (blocks), first block of its rows in ids, blocks
 *     ranges   uint [queries][2]: the finds of a query, first and one behind the last
 *     ids      long [blocks][BLOCK], -1: no row
 *     best_d   dist_t [queries][k]     best_ids  long [queries][k]     counts  uint [queries]
 *     exclude  long [queries]: an id that is not kept; -1: none
 *
 * The order is (distance, id): equal distances go by the lower id, whatever order lists come in. A row that lies in
 * several lists has the same distance in each, to the last bit, so that its copies meet in one place and one is kept.
 */
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
    uint low = 0, high = count;
    while (low < high) {
        const uint middle = (low + high) / 2;
        if (best_d[middle] < d || (best_d[middle] == d && best_ids[middle] < id))
            low = middle + 1;
        else
            high = middle;
    }
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

__kernel void select_nearest(__global const dist_t *out, __global const long *ids, __global const uint *finds,
                             __global const uint *ranges, __global const long *exclude, uint k, __global dist_t *best_d,
                             __global long *best_ids, __global uint *counts)
{
    const size_t q = get_global_id(0);
    best_d += q * k;
    best_ids += q * k;
    const long excluded = exclude[q];
    uint count = counts[q];
    dist_t threshold = count == k ? best_d[k - 1] : DISTANCE_MAX;
    for (uint f = ranges[2 * q]; f < ranges[2 * q + 1]; f++) {
        __global const dist_t *d = out + (size_t)finds[3 * f] * BLOCK;
        __global const long *id = ids + (size_t)finds[3 * f + 1] * BLOCK;
        const uint blocks = finds[3 * f + 2];
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
