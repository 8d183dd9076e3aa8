/* combine.cl - partial sums of a batch or tile into the running statistics, in a fixed order, wider than float.
 * Both families. totals are sum_t: [ log-likelihood, N (K), S1 (K,D), S2 (K, diag K,D) ], about the means.
 *
 *   S2_DIAG     1: second moments per dimension
 *   S2_MATRIX   1: second moments are summed apart (moments_{vector,group}.cl); totals have none. A chunk's sums have a
 *               second, low part then, in the place of S2 and behind N
 *   ROW_STRIDE  D rounded up to the vector width: the rows of partial sums
 *   SUM_BLOCK   rows whose log-normalisers one work-group adds
 *   SUM_ITEMS   its work-items, a power of two: 1 in the vector family
 */
#if S2_DIAG
#define S2_COUNT   DIMS
#define PARTIAL_S2 ROW_STRIDE
#elif S2_MATRIX
#define S2_COUNT   0
#define PARTIAL_S2 ROW_STRIDE
#else
#define S2_COUNT   1
#define PARTIAL_S2 1
#endif
#define PARTIAL       ((ROW_STRIDE + PARTIAL_S2 + 1 + S2_MATRIX + VW - 1) / VW * VW) /* whole vectors */
#define PER_COMPONENT (DIMS + S2_COUNT + 1)

/* Place of element e of component k in totals; e: 0..D-1 S1, then S2, then N. */
static inline size_t total_place(uint e, uint k, uint components)
{
    const size_t s1 = 1 + (size_t)components, s2 = s1 + (size_t)components * DIMS;
    if (e < DIMS) return s1 + (size_t)k * DIMS + e;
    if (e < DIMS + S2_COUNT) return s2 + (size_t)k * S2_COUNT + (e - DIMS);
    return 1 + k;
}

static inline uint partial_place(uint e)
{
    if (e < DIMS) return e;
    return e < DIMS + S2_COUNT ? ROW_STRIDE + (e - DIMS) : ROW_STRIDE + PARTIAL_S2;
}

/* Chunks of a component, in order. A work-group per component: its sums are neighbours in memory. */
__kernel void combine_chunks(uint components, __global const uint *component_chunk, __global const float *partials,
                             __global sum_t *totals)
{
    const uint k = get_group_id(0), first = component_chunk[k], end = component_chunk[k + 1];
    if (first == end) return;
    for (uint e = get_local_id(0); e < PER_COMPONENT; e += get_local_size(0)) {
        const uint place = partial_place(e);
        sum_t sum = SUM_ZERO;
        for (uint chunk = first; chunk < end; chunk++) {
            __global const float *partial = partials + (size_t)chunk * PARTIAL + place;
            sum = sum_add(sum, partial[0]);
#if S2_MATRIX
            sum = sum_add(sum, partial[e < DIMS ? ROW_STRIDE : 1]); /* the low part */
#endif
        }
        const size_t total = total_place(e, k, components);
        totals[total] = sum_join(totals[total], sum);
    }
}

/* Sum over the items of a group, in a fixed tree; parts[0] has it. */
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

/* Sums of SUM_BLOCK log-normalisers each. */
__kernel void sum_rows(uint n, __global const float *logz, __global sum_t *sums)
{
    __local sum_t parts[SUM_ITEMS];
    const uint block = get_group_id(0), item = get_local_id(0), end = min(n, (block + 1) * SUM_BLOCK);
    sum_t sum = SUM_ZERO;
    for (uint row = block * SUM_BLOCK + item; row < end; row += SUM_ITEMS) sum = sum_add(sum, logz[row]);
    join_sums(parts, sum);
    if (item == 0) sums[block] = parts[0];
}

/* Their sum into totals[0]. One work-group. */
__kernel void combine_rows(uint blocks, __global const sum_t *sums, __global sum_t *totals)
{
    __local sum_t parts[SUM_ITEMS];
    const uint item = get_local_id(0);
    sum_t sum = SUM_ZERO;
    for (uint block = item; block < blocks; block += SUM_ITEMS) sum = sum_join(sum, sums[block]);
    join_sums(parts, sum);
    if (item == 0) totals[0] = sum_join(totals[0], parts[0]);
}

/* Dense path: N, and S2 of spherical covariances, from sums over blocks of rows. One work-item per component,
 * more are idle.
 * block_sums (blocks, 2, padded_components): N then S2. tile_weights (K): N of this tile, for combine_dense. */
__kernel void combine_dense_weights(uint components, uint padded_components, uint blocks,
                                    __global const float *block_sums, __global sum_t *tile_weights,
                                    __global sum_t *totals)
{
    const uint k = get_global_id(0);
    if (k >= components) return;
    sum_t weight = SUM_ZERO, spread = SUM_ZERO;
    for (uint block = 0; block < blocks; block++) {
        __global const float *sums = block_sums + (size_t)block * 2 * padded_components;
        weight = sum_add(weight, sums[k]);
        spread = sum_add(spread, sums[padded_components + k]);
    }
    tile_weights[k] = weight;
    totals[1 + k] = sum_join(totals[1 + k], weight);
#if !S2_DIAG
    const size_t place = total_place(DIMS, k, components);
    totals[place] = sum_join(totals[place], spread);
#endif
}

/* Dense path: S1 (and S2 of diag) from `splits` partial products (splits, K, DENSE_STRIDE). Where a strip was summed as
 * products, sum r y becomes sum r (y - m) here. Groups (K, parts of DENSE_STRIDE). */
#if S2_DIAG
#define DENSE_STRIDE   (2 * ROW_STRIDE)
#define DENSE_ELEMENTS (2 * DIMS)
#else
#define DENSE_STRIDE   ROW_STRIDE
#define DENSE_ELEMENTS DIMS
#endif

/* A work-item takes ELEMENTS adjacent places: a vector in the vector family, whose sums wait for one addition after the
 * other; host: range_sums.c. */
#if HAS_FP64 && SUM_ITEMS == 1 && VW >= 8
#define ELEMENTS VW
typedef PASTE(double, VW) sums_t;
#define SUMS_ADD(s, p) ((s) + PASTE(convert_double, VW)(LOADV(p)))
#define SUMS_STORE(s, p) PASTE(vstore, VW)(s, 0, p)
#else
#define ELEMENTS 1
typedef sum_t sums_t;
#define SUMS_ADD(s, p) sum_add(s, *(p))
#define SUMS_STORE(s, p) (*(p) = (s))
#endif

__kernel void combine_dense(uint components, uint padded_components, uint splits, __global const float *partials,
                            __global const uint *is_exact, uint strip, __global const float *means,
                            __global const sum_t *tile_weights, __global sum_t *totals)
{
    const uint k = get_group_id(0), place = (get_group_id(1) * get_local_size(0) + get_local_id(0)) * ELEMENTS;
    if (place >= DENSE_STRIDE) return;
    sums_t sums = SUM_ZERO;
    for (uint split = 0; split < splits; split++)
        sums = SUMS_ADD(sums, partials + ((size_t)split * padded_components + k) * DENSE_STRIDE + place);
    const uint e0 = place < ROW_STRIDE ? place : place - ROW_STRIDE + DIMS;
    const uint end = place < ROW_STRIDE ? DIMS : DENSE_ELEMENTS;
    sum_t lanes[ELEMENTS];
    SUMS_STORE(sums, lanes);
    for (uint e = e0; e < min(e0 + ELEMENTS, end); e++) {
        sum_t sum = lanes[e - e0];
#if !S2_DIAG && !KEEP_BEST
        if (!is_exact[k / strip]) sum = sum_subtract_product(sum, tile_weights[k], means[(size_t)k * ROW_STRIDE + e]);
#endif
        const size_t total = total_place(e, k, components);
        totals[total] = sum_join(totals[total], sum);
    }
}
