/* dense_vector.cl - the path for rows whose responsibilities are not sparse: a tile of rows is normalised over all
 * components, then multiplied with its responsibilities. Vector family.
 *
 *     r_ik = exp(l_ik - logz_i) for all k;   S1 = sum_i r_ik y_i (or r_ik (y_i - m_k)),  N = sum_i r_ik,  S2
 *
 * A tile is as many rows as keep (rows x K) floats within a few MiB: the N x K matrix never exists.
 *
 *   y (tile rows, ROW_STRIDE)         the rows, shifted
 *   r (strips, tile rows, STRIP)      a strip's responsibilities of a row are adjacent
 *   block_sums (blocks, 2, padded K)  per block of TILE_BLOCK rows: N, and S2 for spherical covariances
 *
 *   TILE_DENSE_K     components in registers in the product; divides STRIP
 *   TILE_DENSE_V     vectors of the row in registers
 * Within a tile sums are float; they are joined in a wider type by combine.cl.
 */
#ifndef TILE_DENSE_K
#error "TILE_DENSE_K is not set"
#endif

typedef struct dense_scratch_t {
    __global float *maxima; /* (TILE_BLOCK, VW) */
    __global float *norms;  /* (TILE_BLOCK) */
    __global float *l;      /* (TILE_BLOCK, l_stride) */
} dense_scratch_t;

/* e = exp(l - max) of one row into r; returns their sum and counts components within `spread` of the maximum. */
static inline float exponentials(__global float *r, size_t r_stride, __global const float *l, uint strips,
                                 float highest, float spread, uint *survivors)
{
    floatv sums = 0.0f;
    intv near = 0;
    for (uint strip = 0; strip < strips; strip++)
#pragma unroll
        for (int v = 0; v < TILE_VECTORS; v++) {
            floatv x = LOADV(l + strip * STRIP + v * VW) - highest;
            floatv e = exp(larger(x, (floatv)-87.0f)); /* below, exp would be denormal */
            e = x < (floatv)-87.0f ? (floatv)0.0f : e;
            near -= x >= (floatv)-spread;
            sums += e;
            STOREV(e, r + strip * r_stride + v * VW);
        }
    int lanes[VW];
    uint count = 0;
    PASTE(vstore, VW)(near, 0, lanes);
    for (int j = 0; j < VW; j++) count += lanes[j];
    *survivors += count;
    return sum_lanes(sums);
}

/* Listed rows of the batch (row_list, or all of them from first_row where use_list is 0) as one tile. */
__kernel void dense_responsibilities(__global const row_t *rows, ulong first_element, __global const float *shift,
                                     __global const uint *row_list, uint list_first, uint use_list, uint n,
                                     uint tile_rows, __global const float *packed, __global const float *scale,
                                     __global const float *offset, __global const uint *is_exact,
                                     __global const float *normaliser, __global const float *width, uint strips,
                                     float spread, __global float *scratch, uint scratch_floats, uint l_stride,
                                     __global float *y, __global float *r, __global float *logz,
                                     __global float *block_sums, __global uint *block_survivors)
{
    const uint workers = get_global_size(0), worker = get_global_id(0);
    __global float *base = scratch + (size_t)worker * scratch_floats;
    const dense_scratch_t s = {base, base + TILE_BLOCK * (VW + l_stride), base + TILE_BLOCK * VW};
    const components_t c = {packed, scale, offset, is_exact};
    const size_t r_stride = (size_t)tile_rows * STRIP;
    const uint padded = strips * STRIP;

    for (uint row0 = worker * TILE_BLOCK; row0 < n; row0 += workers * TILE_BLOCK) {
        const uint block = min((uint)TILE_BLOCK, n - row0);
        const uint used = (block + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS;
        __global float *a = y + (size_t)row0 * ROW_STRIDE;
        for (uint i = 0; i < used; i++) {
            const uint at = list_first + row0 + min(i, block - 1);
            const size_t row = use_list ? row_list[at] : at;
            s.norms[i] = load_row(a + i * ROW_STRIDE, rows, first_element + row * DIMS, shift);
            STOREV((floatv)PADDING, s.maxima + i * VW);
        }
        for (uint strip = 0; strip < strips; strip++)
            for (uint i = 0; i < used; i += TILE_ROWS)
                tile_log_densities(s.l + i * l_stride + strip * STRIP, l_stride, s.maxima + i * VW, a + i * ROW_STRIDE,
                                   s.norms + i, &c, strip);

        uint survivors = 0;
        for (uint i = 0; i < block; i++) {
            const uint at = list_first + row0 + i;
            const float highest = max_lanes(LOADV(s.maxima + i * VW));
            const float sum = exponentials(r + (row0 + i) * (size_t)STRIP, r_stride, s.l + i * l_stride, strips,
                                           highest, spread, &survivors);
            logz[use_list ? row_list[at] : at] = highest + log(sum);
            s.norms[i] = 1.0f / sum; /* the norm has done its work */
        }
        block_survivors[row0 / TILE_BLOCK] = survivors;

        __global float *sums = block_sums + (size_t)(row0 / TILE_BLOCK) * 2 * padded;
        for (uint strip = 0; strip < strips; strip++)
#pragma unroll
            for (int v = 0; v < TILE_VECTORS; v++) {
                const uint k = strip * STRIP + v * VW;
                floatv weight = 0.0f, spread_sum = 0.0f;
                const floatv highest = LOADV(normaliser + k); /* l where the distance is 0 */
                for (uint i = 0; i < block; i++) {
                    __global float *place = r + strip * r_stride + (row0 + i) * (size_t)STRIP + v * VW;
                    floatv value = LOADV(place) * s.norms[i];
                    STOREV(value, place);
                    weight += value;
#if !COV_DIAG
                    spread_sum = fma(value, highest - LOADV(s.l + i * l_stride + k), spread_sum);
#endif
                }
                STOREV(weight, sums + k);
                STOREV(spread_sum * LOADV(width + k), sums + padded + k);
            }
    }
}

#if !COV_DIAG
/* Sum of r (y - m) or of r y for TILE_DENSE_K components and TILE_DENSE_V vectors over rows first..end-1. */
static inline void dense_sums(__global float *out, __global const float *y, __global const float *r,
                              __global const float *means, uint first, uint end, const int vector[TILE_DENSE_V],
                              int is_exact)
{
    floatv sums[TILE_DENSE_K][TILE_DENSE_V];
#pragma unroll
    for (int k = 0; k < TILE_DENSE_K; k++)
#pragma unroll
        for (int v = 0; v < TILE_DENSE_V; v++) sums[k][v] = 0.0f;

    if (is_exact) {
        for (uint row = first; row < end; row++) {
            __global const float *w = r + (size_t)row * STRIP, *a = y + (size_t)row * ROW_STRIDE;
#pragma unroll
            for (int v = 0; v < TILE_DENSE_V; v++) {
                floatv x = LOADV(a + vector[v] * VW);
#pragma unroll
                for (int k = 0; k < TILE_DENSE_K; k++)
                    sums[k][v] = fma((floatv)w[k], x - LOADV(means + k * ROW_STRIDE + vector[v] * VW), sums[k][v]);
            }
        }
    } else {
        for (uint row = first; row < end; row++) {
            __global const float *w = r + (size_t)row * STRIP, *a = y + (size_t)row * ROW_STRIDE;
            floatv x[TILE_DENSE_V];
#pragma unroll
            for (int v = 0; v < TILE_DENSE_V; v++) x[v] = LOADV(a + vector[v] * VW);
#pragma unroll
            for (int k = 0; k < TILE_DENSE_K; k++)
#pragma unroll
                for (int v = 0; v < TILE_DENSE_V; v++) sums[k][v] = fma((floatv)w[k], x[v], sums[k][v]);
        }
    }
#pragma unroll
    for (int k = 0; k < TILE_DENSE_K; k++)
#pragma unroll
        for (int v = 0; v < TILE_DENSE_V; v++) STOREV(sums[k][v], out + k * ROW_STRIDE + vector[v] * VW);
}
#else
/* Sums of r t and r t^2, t = y - m, for TILE_DENSE_K components and one vector. */
static inline void dense_moments(__global float *out, __global const float *y, __global const float *r,
                                 __global const float *means, uint first, uint end, int vector)
{
    floatv s1[TILE_DENSE_K], s2[TILE_DENSE_K], m[TILE_DENSE_K];
#pragma unroll
    for (int k = 0; k < TILE_DENSE_K; k++) {
        s1[k] = 0.0f;
        s2[k] = 0.0f;
        m[k] = LOADV(means + k * ROW_STRIDE + vector * VW);
    }
    for (uint row = first; row < end; row++) {
        __global const float *w = r + (size_t)row * STRIP;
        const floatv x = LOADV(y + (size_t)row * ROW_STRIDE + vector * VW);
#pragma unroll
        for (int k = 0; k < TILE_DENSE_K; k++) {
            floatv t = x - m[k], weighted = w[k] * t;
            s1[k] += weighted;
            s2[k] = fma(weighted, t, s2[k]);
        }
    }
#pragma unroll
    for (int k = 0; k < TILE_DENSE_K; k++) {
        STOREV(s1[k], out + k * 2 * ROW_STRIDE + vector * VW);
        STOREV(s2[k], out + k * 2 * ROW_STRIDE + ROW_STRIDE + vector * VW);
    }
}
#endif

/* partials (splits, padded K, ROW_STRIDE; diag 2 ROW_STRIDE). Work-items (padded K / TILE_DENSE_K, groups of vectors,
 * splits of split_rows rows). */
__kernel void dense_accumulate(__global const float *y, __global const float *r, __global const float *means,
                               __global const uint *is_exact, uint n, uint tile_rows, uint split_rows,
                               uint padded_components, __global float *partials)
{
    const uint k0 = get_global_id(0) * TILE_DENSE_K, strip = k0 / STRIP, split = get_global_id(2);
    const uint first = split * split_rows, end = min(n, first + split_rows);
    __global const float *weights = r + (size_t)strip * tile_rows * STRIP + k0 % STRIP;
    __global const float *m = means + (size_t)k0 * ROW_STRIDE;
#if COV_DIAG
    __global float *out = partials + ((size_t)split * padded_components + k0) * 2 * ROW_STRIDE;
    const int v0 = get_global_id(1) * TILE_DENSE_V;
    for (int v = v0; v < min(v0 + TILE_DENSE_V, ROW_VECTORS); v++) dense_moments(out, y, weights, m, first, end, v);
#else
    __global float *out = partials + ((size_t)split * padded_components + k0) * ROW_STRIDE;
    int vector[TILE_DENSE_V];
#pragma unroll
    for (int v = 0; v < TILE_DENSE_V; v++) vector[v] = min((int)get_global_id(1) * TILE_DENSE_V + v, ROW_VECTORS - 1);
    dense_sums(out, y, weights, m, first, end, vector, is_exact[strip]);
#endif
}
