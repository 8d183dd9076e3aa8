/* search/select_gpu.cl - keeps the k nearest rows of each query among the distances that search/scan_gpu.cl has written
 * (search/select.cl). GPUs: a work-group owns a query. Its items compare TILE_ITEMS rows at a time with the k-th
 * distance so far. Rows that reach it wait in local memory, in any order, until MET_MOST of them have come; then
 *
 *     drop     copies among them, and of results
 *     order    each takes as its rank the number of those before it
 *     move     results go right by the number of new ones before them, from the end, a row of items at a time
 *     put      the new ones go into the gaps
 *
 * A row beyond the k-th distance of some moment is not among the k nearest of all, so the result does not depend on the
 * order in which items find rows.
 *
 *   TILE_ITEMS  items of a group
 * Local memory: 25 bytes times MET_EACH TILE_ITEMS, and 8: 13 KiB with 128 items.
 */
#include "common/arguments.cl"
#include "arguments/search.h"
#include "search/select.cl"

#ifndef TILE_ITEMS
#error "TILE_ITEMS is not set"
#endif
enum { MET_EACH = 4, MET_MOST = (MET_EACH - 1) * TILE_ITEMS };

DEFINE_PLACE(place_in_fresh, __local)

/* Local memory of a group. */
typedef struct met_t {
    __local dist_t *d; /* (MET_EACH TILE_ITEMS) in any order */
    __local long *ids;
    __local uchar *is_new;
    __local dist_t *fresh_d; /* the new ones in order */
    __local long *fresh_ids;
    __local uint *count, *fresh_count;
} met_t;

static inline void drop_copies(const met_t *met, uint met_count, __global const dist_t *best_d,
                               __global const long *best_ids, uint count)
{
    for (uint i = get_local_id(0); i < met_count; i += TILE_ITEMS) {
        const dist_t d = met->d[i];
        const long id = met->ids[i];
        const uint at = place_in_results(best_d, best_ids, count, d, id);
        int is_copy = at < count && best_d[at] == d && best_ids[at] == id;
        for (uint j = 0; j < i; j++) is_copy |= met->d[j] == d && met->ids[j] == id;
        met->is_new[i] = !is_copy;
    }
}

static inline void order_new(const met_t *met, uint met_count)
{
    for (uint i = get_local_id(0); i < met_count; i += TILE_ITEMS) {
        const dist_t d = met->d[i];
        const long id = met->ids[i];
        uint rank = 0;
        if (!met->is_new[i]) continue;
        for (uint j = 0; j < met_count; j++)
            rank += met->is_new[j] && (met->d[j] < d || (met->d[j] == d && met->ids[j] < id));
        met->fresh_d[rank] = d;
        met->fresh_ids[rank] = id;
        atomic_inc(met->fresh_count);
    }
}

/* Results from place `first` on to where they belong among the fresh. */
static inline void move_results(const met_t *met, uint fresh, __global dist_t *best_d, __global long *best_ids,
                                uint count, uint k, uint first)
{
    for (uint done = 0; done < count - first; done += TILE_ITEMS) {
        const uint back = done + get_local_id(0);
        const int is_there = back < count - first;
        const uint i = is_there ? count - 1 - back : first;
        const dist_t d = best_d[i];
        const long id = best_ids[i];
        const uint to = i + place_in_fresh(met->fresh_d, met->fresh_ids, fresh, d, id);
        barrier(CLK_GLOBAL_MEM_FENCE);
        if (is_there && to < k) {
            best_d[to] = d;
            best_ids[to] = id;
        }
        barrier(CLK_GLOBAL_MEM_FENCE);
    }
}

/* Takes what was met into the results; returns how many these are then. All items of the group come here together. */
static inline uint merge(const met_t *met, uint met_count, __global dist_t *best_d, __global long *best_ids, uint count,
                         uint k)
{
    uint places[MET_EACH];
    drop_copies(met, met_count, best_d, best_ids, count);
    if (get_local_id(0) == 0) *met->fresh_count = 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    order_new(met, met_count);
    barrier(CLK_LOCAL_MEM_FENCE);
    const uint fresh = *met->fresh_count;
    for (uint i = 0; i < MET_EACH; i++) {
        const uint r = get_local_id(0) + i * TILE_ITEMS;
        places[i] = r < fresh ? r + place_in_results(best_d, best_ids, count, met->fresh_d[r], met->fresh_ids[r]) : k;
    }
    if (fresh) {
        const uint first = place_in_results(best_d, best_ids, count, met->fresh_d[0], met->fresh_ids[0]);
        barrier(CLK_GLOBAL_MEM_FENCE);
        move_results(met, fresh, best_d, best_ids, count, k, first);
    }
    for (uint i = 0; i < MET_EACH; i++) {
        const uint r = get_local_id(0) + i * TILE_ITEMS;
        if (places[i] >= k) continue;
        best_d[places[i]] = met->fresh_d[r];
        best_ids[places[i]] = met->fresh_ids[r];
    }
    if (get_local_id(0) == 0) *met->count = 0;
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    return min(count + fresh, k);
}

__kernel void select_nearest(ARGUMENTS(SELECT_ARGUMENTS))
{
    __local dist_t met_d[MET_EACH * TILE_ITEMS], fresh_d[MET_EACH * TILE_ITEMS];
    __local long met_ids[MET_EACH * TILE_ITEMS], fresh_ids[MET_EACH * TILE_ITEMS];
    __local uchar is_new[MET_EACH * TILE_ITEMS];
    __local uint met_count, fresh_count;
    const met_t met = {met_d, met_ids, is_new, fresh_d, fresh_ids, &met_count, &fresh_count};
    const size_t q = get_group_id(0);
    best_d += q * k;
    best_ids += q * k;
    const long excluded = exclude[q];
    uint count = counts[q];
    dist_t threshold = count == k ? best_d[k - 1] : DISTANCE_MAX;
    if (get_local_id(0) == 0) met_count = 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint f = ranges[2 * q]; f < ranges[2 * q + 1]; f++) {
        __global const dist_t *d = out + (size_t)finds[FIND * f] * BLOCK;
        __global const long *id = ids + (size_t)finds[FIND * f + 1] * BLOCK;
        const uint rows = finds[FIND * f + 2] * BLOCK;
        for (uint first = 0; first < rows; first += TILE_ITEMS) {
            const uint row = first + get_local_id(0);
            if (row < rows && d[row] <= threshold && id[row] >= 0 && id[row] != excluded) {
                const uint at = atomic_inc(&met_count);
                met_d[at] = d[row];
                met_ids[at] = id[row];
            }
            barrier(CLK_LOCAL_MEM_FENCE);
            const uint waiting = met_count;
            barrier(CLK_LOCAL_MEM_FENCE); /* all have read it before it grows */
            if (waiting <= MET_MOST) continue;
            count = merge(&met, waiting, best_d, best_ids, count, k);
            if (count == k) threshold = best_d[k - 1];
        }
    }
    count = merge(&met, met_count, best_d, best_ids, count, k);
    if (get_local_id(0) == 0) counts[q] = count;
}
