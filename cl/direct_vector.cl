/* direct_vector.cl - small mixtures, and dense batches of those whose sums stay in the L2 cache: rows straight into
 * sums, without lists. Vector family; behind dense_vector.cl, whose block functions it uses.
 *
 *   mixture     r_ik of all k, N, S1, S2 (dense_vector.cl's equations) of a block while it lies in the L1 cache
 *   KEEP_BEST   the nearest mean k of each row: N_k += 1, S1_k += y - m_k, S2_k += |y - m_k|^2 (diag: per dimension)
 *   weights     r_ik, and the 1, times the weight of row i where rows have some
 *
 * A range of range_rows rows has sums of its own, so that their order does not depend on scheduling; a worker g of G
 * does the ranges first_range + g, + g + G, ... before end_range and reuses its scratch. Sums of a range are float,
 * joined in a wider type by combine.cl.
 *
 *   range_sums (ranges, 2, padded K)                            N, S2 (spherical)
 *   partials (ranges, padded K, ROW_STRIDE; diag 2 ROW_STRIDE)  S1, S2 (diag)
 *   survivors (ranges)                                          l within `spread` of their row's maximum
 *   scratch of a worker: block_t | r (strips, TILE_BLOCK, STRIP)
 */
#if KEEP_BEST
/* The lowest component that has row i's largest log-density. */
static inline uint nearest(const block_t *b, uint i, uint strips)
{
    const float highest = max_lanes(LOADV(b->maxima + i * VW));
    b->peaks[i] = highest;
    for (uint strip = 0; strip < strips; strip++)
        for (uint v = 0; v < TILE_VECTORS; v++) {
            const uint bits = lanes_from(LOADV(b->l + strip * BLOCK_STRIP + i * STRIP + v * VW), highest);
            if (bits) return strip * STRIP + v * VW + lowest_bit(bits);
        }
    return 0;
}

/* weights: of the block's rows; NULL: 1 each. */
static inline void add_nearest(const block_t *b, __global const float *weights, uint strips,
                               __global const float *means, __global float *sums, __global float *out)
{
    for (uint i = 0; i < b->rows; i++) {
        const uint k = nearest(b, i, strips);
        const float weight = weights ? weights[i] : 1.0f;
        __global const float *a = b->a + i * ROW_STRIDE, *m = means + k * (size_t)ROW_STRIDE;
        __global float *s1 = out + k * (size_t)DENSE_STRIDE;
        sums[k] += weight;
        floatv squares = 0.0f;
        for (int v = 0; v < ROW_VECTORS; v++) {
            const floatv t = LOADV(a + v * VW) - LOADV(m + v * VW);
            const floatv weighted = weight * t;
            STOREV(LOADV(s1 + v * VW) + weighted, s1 + v * VW);
#if S2_DIAG
            STOREV(fma(weighted, t, LOADV(s1 + ROW_STRIDE + v * VW)), s1 + ROW_STRIDE + v * VW);
#else
            squares = fma(weighted, t, squares);
#endif
        }
#if !S2_DIAG
        sums[strips * STRIP + k] += sum_lanes(squares);
#endif
    }
}
#endif

__kernel void direct_accumulate(__global const row_t *rows, ulong first_element, __global const float *weights,
                                ulong first_weight, uint has_weights, uint n, uint range_rows, uint first_range,
                                uint end_range, __global const float *shift, __global const float *packed,
                                __global const float *scale, __global const float *offset,
                                __global const uint *is_exact,
                                __global const float *normaliser, __global const float *width,
                                __global const float *means, uint strips, float spread, __global float *scratch,
                                ulong scratch_floats, __global float *logz, __global float *range_sums,
                                __global float *partials, __global uint *survivors)
{
    const uint padded = strips * STRIP;
    block_t b = block_of_worker(scratch + get_global_id(0) * (size_t)scratch_floats);
    const components_t c = {packed, scale, offset, is_exact};

    for (uint range = first_range + get_global_id(0); range < end_range; range += get_global_size(0)) {
        const uint end = min(n, (range + 1) * range_rows);
        __global float *sums = range_sums + range * (size_t)(2 * padded);
        __global float *out = partials + range * (size_t)padded * DENSE_STRIDE;
        uint near = 0;
        for (uint e = 0; e < 2 * padded; e += VW) STOREV((floatv)0.0f, sums + e);
        for (uint e = 0; e < padded * DENSE_STRIDE; e += VW) STOREV((floatv)0.0f, out + e);
        for (uint row0 = range * range_rows; row0 < end; row0 += TILE_BLOCK) {
            b.rows = min((uint)TILE_BLOCK, end - row0);
            for (uint i = 0; i < padded_rows(&b); i++)
                load_block_row(&b, i, rows, first_element + (row0 + min(i, b.rows - 1)) * (size_t)DIMS, shift);
            block_log_densities(&b, &c, strips);
            __global const float *block_weights = has_weights ? weights + first_weight + row0 : 0;
#if KEEP_BEST
            add_nearest(&b, block_weights, strips, means, sums, out);
#else
            __global float *r = b.l + strips * BLOCK_STRIP;
            near += exponentials(&b, r, BLOCK_STRIP, strips, spread);
            for (uint i = 0; block_weights && i < b.rows; i++) b.norms[i] *= block_weights[i];
            add_weights(&b, r, BLOCK_STRIP, strips, normaliser, width, sums);
            for (uint strip = 0; strip < strips; strip++) {
                const factors_t f = {b.a,    r + strip * BLOCK_STRIP, means + strip * STRIP * ROW_STRIDE, ROW_STRIDE,
                                     b.rows, is_exact[strip]};
                add_strip_products(out + strip * STRIP * DENSE_STRIDE, f, GROUP);
            }
#endif
            for (uint i = 0; i < b.rows; i++) logz[row0 + i] = b.peaks[i];
        }
        survivors[range] = near;
    }
}
