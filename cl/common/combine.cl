/* common/combine.cl - adds the partial sums of a batch or a tile to the running statistics: in a fixed order, in a type
 * wider than float. All backends; one program serves every D and covariance.
 *
 *   totals       sum_t [log-likelihood | N (K) | S1 (K, D) | S2], about the means
 *   s2_kind      S2 in totals: 2 (K, D), 1 (K), 0 none: second moments are then summed by {cpu,gpu}/moments.cl, and the
 *                sums of a segment have a low part
 *   SUM_BLOCK    rows whose log-normalisers one work-group adds
 *   SUM_ITEMS    its work-items, a power of two; 1 on CPUs
 * Local memory: SUM_ITEMS sum_t.
 */
#include "common/arguments.cl"
#include "arguments/combine.h"
#include "common/prelude.cl"

#ifndef SUM_ITEMS
#error "SUM_ITEMS is not set"
#endif

/* How totals and partial sums (common/partial_sums.cl) are laid out. */
typedef struct layout_t {
    uint dims, s2;   /* numbers of S1 and S2 of a component in totals */
    uint stride;     /* D rounded up to VW: floats of S1 in partial sums */
    uint partial_s2; /* floats between S1 and N there */
} layout_t;

static inline layout_t layout_of(uint dims, uint s2_kind)
{
    const uint stride = (dims + VW - 1) / VW * VW;
    const layout_t t = {dims, s2_kind == 2 ? dims : s2_kind, stride, s2_kind == 1 ? 1 : stride};
    return t;
}

/* Place of element e of component c in totals; e: 0..D-1 S1, then S2, then N. */
static inline size_t total_place(const layout_t *t, uint e, uint c, uint components)
{
    const size_t s1 = 1 + (size_t)components, s2 = s1 + (size_t)components * t->dims;
    if (e < t->dims) return s1 + (size_t)c * t->dims + e;
    if (e < t->dims + t->s2) return s2 + (size_t)c * t->s2 + (e - t->dims);
    return 1 + c;
}

static inline uint partial_place(const layout_t *t, uint e)
{
    if (e < t->dims) return e;
    return e < t->dims + t->s2 ? t->stride + (e - t->dims) : t->stride + t->partial_s2;
}

/* Adds the segments of a component, in order. A work-group per component: its sums are neighbours in memory. */
__kernel void combine_segments(uint components, __global const uint *component_segment, __global const float *partials,
                               __global sum_t *totals, uint dims, uint s2_kind)
{
    const layout_t t = layout_of(dims, s2_kind);
    const uint partial = (t.stride + t.partial_s2 + 1 + (s2_kind == 0) + VW - 1) / VW * VW; /* whole vectors */
    const uint c = get_group_id(0), first = component_segment[c], end = component_segment[c + 1];
    if (first == end) return;
    for (uint e = get_local_id(0); e <= t.dims + t.s2; e += get_local_size(0)) {
        const uint place = partial_place(&t, e);
        sum_t sum = SUM_ZERO;
        for (uint segment = first; segment < end; segment++) {
            __global const float *sums = partials + (size_t)segment * partial + place;
            sum = sum_add(sum, sums[0]);
            if (s2_kind == 0) sum = sum_add(sum, sums[e < dims ? t.stride : 1]); /* the low part */
        }
        const size_t total = total_place(&t, e, c, components);
        totals[total] = sum_join(totals[total], sum);
    }
}

/* Adds the values of a group's items in a fixed tree; parts[0] becomes the sum. */
static inline void join_sums(__local sum_t *parts, sum_t mine)
{
    const uint item = get_local_id(0);
    parts[item] = mine;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint count = SUM_ITEMS / 2; count > 0; count /= 2) {
        if (item < count) parts[item] = sum_join(parts[item], parts[item + count]);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
}

/* Adds SUM_BLOCK log-normalisers. */
__kernel void sum_rows(uint n, __global const float *logz, __global sum_t *sums)
{
    __local sum_t parts[SUM_ITEMS];
    const uint block = get_group_id(0), item = get_local_id(0), end = min(n, (block + 1) * SUM_BLOCK);
    sum_t sum = SUM_ZERO;
    for (uint row = block * SUM_BLOCK + item; row < end; row += SUM_ITEMS) sum = sum_add(sum, logz[row]);
    join_sums(parts, sum);
    if (item == 0) sums[block] = parts[0];
}

/* Adds these sums to totals[0]. One work-group. */
__kernel void combine_rows(uint blocks, __global const sum_t *sums, __global sum_t *totals)
{
    __local sum_t parts[SUM_ITEMS];
    const uint item = get_local_id(0);
    sum_t sum = SUM_ZERO;
    for (uint block = item; block < blocks; block += SUM_ITEMS) sum = sum_join(sum, sums[block]);
    join_sums(parts, sum);
    if (item == 0) totals[0] = sum_join(totals[0], parts[0]);
}

/* Dense and fused path: adds N, and S2 of spherical covariances, from sums over blocks of rows. One work-item per
 * component, more are idle. block_sums (blocks, 2, padded_components): N then S2. tile_weights (K): N of this tile, for
 * combine_dense. */
__kernel void combine_dense_weights(uint components, uint padded_components, uint blocks,
                                    __global const float *block_sums, __global sum_t *tile_weights,
                                    __global sum_t *totals, uint dims, uint s2_kind)
{
    const layout_t t = layout_of(dims, s2_kind);
    const uint c = get_global_id(0);
    if (c >= components) return;
    sum_t weight = SUM_ZERO, squares = SUM_ZERO;
    for (uint block = 0; block < blocks; block++) {
        __global const float *sums = block_sums + (size_t)block * 2 * padded_components;
        weight = sum_add(weight, sums[c]);
        squares = sum_add(squares, sums[padded_components + c]);
    }
    tile_weights[c] = weight;
    totals[1 + c] = sum_join(totals[1 + c], weight);
    if (s2_kind != 1) return;
    const size_t place = total_place(&t, dims, c, components);
    totals[place] = sum_join(totals[place], squares);
}

/* Dense and fused path: adds S1 (and S2 of diag) from `splits` partial products (splits, K, stride; diag 2 stride).
 * Where a panel was summed as products, sum r y becomes sum r (y - m) here, but for c-means (are_differences). Groups
 * (K, parts of the products of a component). */

/* A work-item takes ELEMENTS adjacent places: a vector on CPUs, where each sum waits for the addition before it;
 * partial_sums.c has the same number. */
#if HAS_FP64 && SUM_ITEMS == 1 && VW >= 8
#define ELEMENTS VW
typedef PASTE(double, VW) sums_t;
#define SUMS_ADD(s, p)   ((s) + PASTE(convert_double, VW)(LOADV(p)))
#define SUMS_STORE(s, p) PASTE(vstore, VW)(s, 0, p)
#else
#define ELEMENTS         1
typedef sum_t sums_t;
#define SUMS_ADD(s, p)   sum_add(s, *(p))
#define SUMS_STORE(s, p) (*(p) = (s))
#endif

__kernel void combine_dense(ARGUMENTS(COMBINE_DENSE_ARGUMENTS))
{
    const layout_t t = layout_of(dims, s2_kind);
    const uint products = s2_kind == 2 ? 2 * t.stride : t.stride;
    const uint c = get_group_id(0), place = (get_group_id(1) * get_local_size(0) + get_local_id(0)) * ELEMENTS;
    if (place >= products) return;
    sums_t sums = SUM_ZERO;
    for (uint split = 0; split < splits; split++)
        sums = SUMS_ADD(sums, partials + ((size_t)split * padded_components + c) * products + place);
    const uint e0 = place < t.stride ? place : place - t.stride + dims;
    const uint end = place < t.stride ? dims : 2 * dims;
    const int is_product = s2_kind != 2 && !are_differences && !is_exact[c / panel];
    sum_t lanes[ELEMENTS];
    SUMS_STORE(sums, lanes);
    for (uint e = e0; e < min(e0 + ELEMENTS, end); e++) {
        sum_t sum = lanes[e - e0];
        if (is_product) sum = sum_subtract_product(sum, tile_weights[c], means[(size_t)c * t.stride + e]);
        const size_t total = total_place(&t, e, c, components);
        totals[total] = sum_join(totals[total], sum);
    }
}
