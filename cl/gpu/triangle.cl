/* gpu/triangle.cl - z = W (y - m), W lower triangular: the product that whitens rows. GPUs: a work-group has a tile of
 * TRIANGLE_ROWS rows x TRIANGLE_COLUMNS elements of z; rows and W pass through local memory, TRIANGLE_DEPTH dimensions
 * at a time. W is packed as cpu/triangle.cl shows it.
 *
 *   TRIANGLE_ITEMS work-items in a square of side SIDE: item (x, y) has rows y, y + SIDE .. and columns x, x + SIDE ..;
 *   neighbours read neighbouring numbers
 *   OUTPUTS  width of the packed blocks of W
 * Local memory: 4 TRIANGLE_DEPTH (TRIANGLE_ROWS + TRIANGLE_COLUMNS) bytes. Precision: as cpu/triangle.cl.
 */
#include "common/rows.cl"

#ifndef OUTPUTS
#error "OUTPUTS is not set"
#endif
enum { TRIANGLE_ROWS = 32, TRIANGLE_COLUMNS = 32, TRIANGLE_DEPTH = 16, TRIANGLE_ITEMS = 64, SIDE = 8 };
enum { ITEM_SQUARE = 4 }; /* sums of an item: 4 x 4 */
#define TRIANGLE_BLOCKS  ((DIMS + OUTPUTS - 1) / OUTPUTS)
#define TRIANGLE_FLOATS  (OUTPUTS * (OUTPUTS * (TRIANGLE_BLOCKS * (TRIANGLE_BLOCKS - 1) / 2) + TRIANGLE_BLOCKS + DIMS))
#define COMPONENT_FLOATS ((size_t)ROW_STRIDE + TRIANGLE_FLOATS)

/* Where the sum z_j begins, j < D; behind it, OUTPUTS apart, are W_jd, d <= j. */
static inline __global const float *triangle_row(__global const float *w, uint j)
{
    const uint block = j / OUTPUTS;
    return w + (size_t)OUTPUTS * (OUTPUTS * (block * (block + 1) / 2) + block) + j % OUTPUTS;
}

typedef struct triangle_t {
    __global const row_t *rows;
    ulong first_element;
    __global const float *shift, *component; /* mean, then W */
    uint row0, n;                            /* rows row0 .. of the batch's n; those beyond the last repeat it */
    __local float *t;                        /* (TRIANGLE_DEPTH, TRIANGLE_ROWS) */
    __local float *w;                        /* (TRIANGLE_DEPTH, TRIANGLE_COLUMNS) */
} triangle_t;

/* Dimensions d0 .. of the tile's rows about the mean, and of columns j0 .. of W. */
static inline void stage_triangle(const triangle_t *p, uint j0, uint d0, uint item)
{
    for (uint e = item; e < TRIANGLE_ROWS * TRIANGLE_DEPTH; e += TRIANGLE_ITEMS) {
        const uint i = e / TRIANGLE_DEPTH, d = d0 + e % TRIANGLE_DEPTH;
        const ulong start = p->first_element + (ulong)min(p->row0 + i, p->n - 1) * DIMS;
        p->t[e % TRIANGLE_DEPTH * TRIANGLE_ROWS + i] =
            d < DIMS ? shifted_element(p->rows, start, p->shift, d) - p->component[d] : 0.0f;
    }
    for (uint e = item; e < TRIANGLE_COLUMNS * TRIANGLE_DEPTH; e += TRIANGLE_ITEMS) {
        const uint j = j0 + e % TRIANGLE_COLUMNS, d = d0 + e / TRIANGLE_COLUMNS;
        p->w[e] = j < DIMS && d <= j ? triangle_row(p->component + ROW_STRIDE, j)[(d + 1) * OUTPUTS] : 0.0f;
    }
}

/* z of the item's rows (first index) and columns j0 + ..; ends with a barrier. */
static inline void triangle_outputs(float z[ITEM_SQUARE][ITEM_SQUARE], const triangle_t *p, uint j0, uint item)
{
    const uint x = item % SIDE, y = item / SIDE, depth = min(j0 + TRIANGLE_COLUMNS, (uint)DIMS);
#pragma unroll
    for (int j = 0; j < ITEM_SQUARE; j++) {
        const uint column = j0 + x + j * SIDE;
        const float start = column < DIMS ? *triangle_row(p->component + ROW_STRIDE, column) : 0.0f;
#pragma unroll
        for (int i = 0; i < ITEM_SQUARE; i++) z[i][j] = start;
    }
    for (uint d0 = 0; d0 < depth; d0 += TRIANGLE_DEPTH) {
        stage_triangle(p, j0, d0, item);
        barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll 2
        for (int d = 0; d < TRIANGLE_DEPTH; d++)
#pragma unroll
            for (int i = 0; i < ITEM_SQUARE; i++)
#pragma unroll
                for (int j = 0; j < ITEM_SQUARE; j++)
                    z[i][j] =
                        mad(p->t[d * TRIANGLE_ROWS + y + i * SIDE], p->w[d * TRIANGLE_COLUMNS + x + j * SIDE], z[i][j]);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
}
