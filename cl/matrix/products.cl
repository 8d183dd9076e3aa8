/* matrix/products.cl - products of a block's rows with panels of components on a matrix unit, from sums of bf16 terms,
 * and log-densities from them: what matrix/responsibilities.cl and matrix/responsibilities_pruned.cl share. Matrix
 * units of CPUs.
 *
 *     l_ik = h_k (y_i.2m_k - |y_i|^2) + c_k,   y.2m = sum over terms s, t of  y^(s) . 2m^(t)
 *
 * (docs/math.md, equations 1 and 7 and "Split operands"). Rows and means are sums of bf16 terms, each the rounding of
 * the residual that the terms before it leave. Of `terms` terms, the products (s, t) with s + t < terms are taken; rows
 * that are whole numbers up to 256 have one term.
 *
 * The headers matrix/plain.h and matrix/amx.h hide a matrix unit behind these functions on a tile of 32 rows by 32
 * components of float sums, which the unit holds. The leaf includes one of them before this file:
 *   matrix_begin, matrix_end    take and release the unit
 *   matrix_zero                 sums = 0
 *   matrix_load_a               32 rows x 32 dimensions of bf16, [32][32]
 *   matrix_load_b               32 dimensions x 32 components of bf16, pairs of dimensions together: [2][16][16][2]
 *   matrix_multiply             sums += a b
 *   matrix_store                sums to memory, rows `stride` floats apart
 *
 *   split rows    (terms, TILE_BLOCK / 32, SLABS, 32, 32) bf16, after the other scratch of a worker
 *   split means   (panels, SLABS, MATRIX_TERMS, 2, 16, 16, 2) bf16: of 2 m
 *   A panel of means stays in the L1 cache while the block's rows pass.
 *
 *   TILE_BLOCK  a multiple of 32;  PANEL  32
 * Sums run over slabs of 32 dimensions in order, in float, as cpu/distances.cl's.
 */
#include "cpu/distances.cl"

enum { MATRIX_TERMS = 3, MATRIX_TILE = MATRIX_ROWS * MATRIX_DEPTH };
#if PANEL != MATRIX_COLUMNS || TILE_BLOCK % MATRIX_ROWS
#error "the tile does not fit the matrix unit"
#endif
#define SLABS ((DIMS + MATRIX_DEPTH - 1) / MATRIX_DEPTH)

typedef PASTE(uint, VW) uintv;
#define AS_UINTV PASTE(as_uint, VW)

/* Where dimension d of row i lies in a term of the split rows. */
static inline size_t split_place(uint i, uint d)
{
    return ((size_t)(i / MATRIX_ROWS) * SLABS + d / MATRIX_DEPTH) * MATRIX_TILE + i % MATRIX_ROWS * MATRIX_DEPTH +
           d % MATRIX_DEPTH;
}

/* The nearest bf16, ties to even, as float bits. */
static inline uintv to_bf16(floatv x)
{
    const uintv bits = AS_UINTV(x);
    return (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
}

/* A row's terms, from its floats. */
static inline void split_row(__global ushort *split, __global const float *a, uint i, uint terms)
{
    for (uint v = 0; v < ROW_VECTORS; v++) {
        floatv residual = LOADV(a + v * VW);
        __global ushort *to = split + split_place(i, v * VW);
        for (uint term = 0; term < terms; term++) {
            const uintv bits = to_bf16(residual);
            residual -= AS_FLOATV(bits);
            PASTE(vstore, VW)(PASTE(convert_ushort, VW)(bits >> 16), 0, to);
            to += (size_t)TILE_BLOCK * SLABS * MATRIX_DEPTH;
        }
    }
}

/* Products of 32 rows with a panel, summed over the dimensions. */
static inline void matrix_products(matrix_t *m, __global const ushort *a, __global const ushort *b, uint row_terms,
                                   uint terms)
{
    matrix_zero(m);
    for (int slab = 0; slab < SLABS; slab++) {
        for (uint s = 0; s < min(row_terms, terms); s++) {
            matrix_load_a(m, a + (size_t)s * TILE_BLOCK * SLABS * MATRIX_DEPTH + slab * MATRIX_TILE);
            for (uint t = 0; s + t < terms; t++) {
                matrix_load_b(m, b + (slab * MATRIX_TERMS + t) * MATRIX_TILE);
                matrix_multiply(m);
            }
        }
    }
}

/* y.2m of 32 rows under a panel -> l, in place, and the rows' maxima by lane. */
static inline void products_to_log_densities(__global float *l, uint l_stride, __global float *maxima,
                                             __global const float *norms, const components_t *c, uint panel)
{
    floatv h[TILE_VECTORS], offset[TILE_VECTORS], lowest[TILE_VECTORS];
#pragma unroll
    for (int v = 0; v < TILE_VECTORS; v++) {
        h[v] = LOADV(c->scale + panel * PANEL + v * VW);
        offset[v] = LOADV(c->offset + panel * PANEL + v * VW);
        lowest[v] = offset[v] < FLOOR ? offset[v] : FLOOR; /* padding keeps its place below the floor */
    }
    for (uint i = 0; i < MATRIX_ROWS; i++) {
        floatv highest = LOADV(maxima + i * VW);
        const floatv norm = norms[i];
#pragma unroll
        for (int v = 0; v < TILE_VECTORS; v++) {
            __global float *place = l + i * l_stride + v * VW;
            const floatv value = larger(fma(h[v], LOADV(place) - norm, offset[v]), lowest[v]);
            highest = larger(value, highest);
            STOREV(value, place);
        }
        STOREV(highest, maxima + i * VW);
    }
}
