/* common/rows.cl - loads a row as kernels use it, y = x scale - shift, in whole vectors filled up with zeros. Nothing
 * behind the row is read. All backends.
 *
 *   DIMS        D; not set where a program serves every D (cpu/dense.cl)
 *   ROW_STRIDE  D rounded up to VW: the length of means and of rows that kernels store
 *
 *   shift (ROW_STRIDE + 1)  the shift, in the unit of y; then the scale, a power of two that brings rows to that unit.
 *                           The product is exact, so y is x - shift rounded once. Bytes have the scale 1, which is not
 *                           applied
 */
#include "common/prelude.cl"

#ifdef DIMS
#define ROW_VECTORS ((DIMS + VW - 1) / VW)
#define ROW_STRIDE  (ROW_VECTORS * VW)
#define ROW_TAIL    (DIMS % VW)
#endif

/* No real log-density is below FLOOR; components that only fill up the last panel lie below it. */
#define FLOOR   (-1e30f)
#define PADDING (-2e30f)

#if ROW_TYPE > 1
#define SCALED(x, shift) ((x) * (shift)[ROW_STRIDE])
#else
#define SCALED(x, shift) (x)
#endif

#ifdef DIMS
/* The last, incomplete vector of a row, zero-filled; nothing behind the row is read. */
static inline floatv row_vector_tail(__global const row_t *rows, size_t i)
{
    float lanes[VW];
#pragma unroll
    for (int j = 0; j < VW; j++) lanes[j] = j < ROW_TAIL ? row_element(rows, i + j) : 0.0f;
    return LOADV_PRIVATE(lanes);
}

/* Element d of a row. */
static inline float shifted_element(__global const row_t *rows, size_t row_start, __global const float *shift, uint d)
{
    return SCALED(row_element(rows, row_start + d), shift) - shift[d];
}

static inline floatv shifted_vector(__global const row_t *rows, size_t row_start, __global const float *shift, int v)
{
    floatv x = (ROW_TAIL != 0 && v == ROW_VECTORS - 1) ? row_vector_tail(rows, row_start + (size_t)v * VW)
                                                       : row_vector(rows, row_start + (size_t)v * VW);
    return SCALED(x, shift) - LOADV_ALIGNED(shift + v * VW);
}
#endif
