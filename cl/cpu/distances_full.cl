/* cpu/distances_full.cl - log-densities of a block of rows under VW components with full covariances. CPUs; replaces
 * cpu/distances.cl.
 *
 *     l_ik = c_k - |W_k (y_i - m_k)|^2           W_k = L_k^-1 / sqrt 2, S_k = L_k L_k^T     (docs/math.md, equation 4)
 *
 * in nats, y = x - shift, m the mean in shifted coordinates, c the logarithm of weight and normaliser.
 *
 *   packed (padded K, COMPONENT_FLOATS): mean and W of each component, as cpu/triangle.cl reads them
 *   TILE_ROWS   ROW_GROUPS x VW          TILE_VECTORS  1          TILE_BLOCK  a multiple of TILE_ROWS
 */
#include "cpu/triangle.cl"

#if TILE_ROWS != ROW_GROUPS * VW || TILE_VECTORS != 1
#error "the tile is not made of whole groups of rows and one vector of components"
#endif
#define PANEL VW

typedef struct components_t {
    __global const float *packed;  /* (panels PANEL, COMPONENT_FLOATS) */
    __global const float *scale;   /* not used */
    __global const float *offset;  /* c (panels PANEL) */
    __global const uint *is_exact; /* not used: rows are always taken about the mean */
} components_t;

/* |W (y - m)|^2 of TILE_ROWS rows. */
static inline void tile_squares(floatv squares[ROW_GROUPS], __global const float *y, __global const float *component)
{
    __global const float *w = component + ROW_STRIDE;
#pragma unroll
    for (int g = 0; g < ROW_GROUPS; g++) squares[g] = 0.0f;
    for (int first = 0; first < DIMS; first += OUTPUTS) {
        const int depth = min(first + OUTPUTS, DIMS);
        floatv z[OUTPUTS][ROW_GROUPS];
        triangle_outputs(z, y, component, w, depth);
#pragma unroll
        for (int o = 0; o < OUTPUTS; o++)
#pragma unroll
            for (int g = 0; g < ROW_GROUPS; g++) squares[g] = fma(z[o][g], z[o][g], squares[g]);
        w += BLOCK_FLOATS(depth);
    }
}

/* Log-densities of TILE_ROWS rows under one panel: l (TILE_ROWS rows, l_stride apart), and the rows' maxima by lane. */
static inline void tile_log_densities(__global float *l, size_t l_stride, __global float *maxima,
                                      __global const float *y, __global const float *norms, const components_t *c,
                                      uint panel)
{
    for (int j = 0; j < PANEL; j++) {
        const float offset = c->offset[panel * PANEL + j], lowest = fmin(offset, FLOOR);
        floatv squares[ROW_GROUPS];
        if (offset > PADDING) /* padding of the panel costs nothing */
            tile_squares(squares, y, c->packed + (size_t)(panel * PANEL + j) * COMPONENT_FLOATS);
        else
#pragma unroll
            for (int g = 0; g < ROW_GROUPS; g++) squares[g] = 0.0f;
#pragma unroll
        for (int g = 0; g < ROW_GROUPS; g++) {
            float lanes[VW];
            PASTE(vstore, VW)(larger((floatv)offset - squares[g], (floatv)lowest), 0, lanes);
            for (int i = 0; i < VW; i++) l[(g * VW + i) * l_stride + j] = lanes[i];
        }
    }
    for (int i = 0; i < TILE_ROWS; i++)
        STOREV(larger(LOADV(l + i * l_stride), LOADV(maxima + i * VW)), maxima + i * VW);
}
