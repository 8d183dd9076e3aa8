/* cpu/distances.cl - log-densities of a block of rows under a panel of components, in registers. CPUs.
 *
 * Product form (spherical):     l_ik = h_k (y_i.2m_k - |y_i|^2) + c_k           c_k holds - h_k |m_k|^2
 * Difference form (spherical):  l_ik = - h_k |y_i - m_k|^2 + c_k                 for panels where products lose digits
 * Scaled differences (diag):    l_ik = - sum_d (s_kd y_id + o_kd)^2 + c_k        s = sqrt(h_kd), o = - s m
 * the same where o is too large: l_ik = - sum_d (s_kd (y_id - m_kd))^2 + c_k      m stands in place of o
 * in nats, y = x - shift, m the mean in shifted coordinates, h = 1/(2 sigma^2), c the logarithm of weight and
 * normaliser (docs/math.md, equations 1, 5 and 7). With HARD_ASSIGNMENT: h = 1, c = 0, so that l = -|y - m|^2.
 *
 *   components, packed: panels of PANEL = VW x TILE_VECTORS          rows of a block: a (TILE_BLOCK, ROW_STRIDE)
 *        panel 0          panel 1                                        y_00 y_01 ... y_0D 0 0
 *     d=0 m_0 .. m_31     m_32 .. m_63                                   y_10 ...
 *     d=1 m_0 .. m_31     ...                                        one scalar is broadcast to all lanes of a panel
 *
 *   TILE_ROWS     rows whose sums stay in registers; TILE_ROWS x TILE_VECTORS + TILE_VECTORS + 1 vectors must fit
 *   TILE_VECTORS  vectors of components
 *   TILE_BLOCK    rows that pass over all components together; a multiple of TILE_ROWS
 * Sums run over d in order, in float: relative error at most D 2^-24, in practice sqrt(D) 2^-24.
 */
#include "common/rows.cl"

#ifndef TILE_ROWS
#error "TILE_ROWS is not set"
#endif
#define PANEL (VW * TILE_VECTORS)

/* The sums run over a row's DIMS coordinates, in rows ROW_STRIDE apart, or the fewer ones that bound them
 * (cpu/projection_bound.cl). Where a program serves every D, rows are ROW_PITCH apart (cpu/dense.cl). */
#ifdef BOUND_DIMS
#define DISTANCE_DIMS   BOUND_DIMS
#define DISTANCE_STRIDE BOUND_DIMS
#define IS_BOUND        1
#elif defined(DIMS)
#define DISTANCE_DIMS   DIMS
#define DISTANCE_STRIDE ROW_STRIDE
#define IS_BOUND        0
#else
#define DISTANCE_STRIDE ROW_PITCH
#define IS_BOUND        0
#endif

#ifdef DIMS
/* Where row i of a block goes. */
static inline __global float *row_place(__global float *a, uint i)
{
    return a + i * ROW_STRIDE;
}

/* y = x - shift into a (ROW_STRIDE); returns |y|^2. */
static inline float load_row(__global float *a, __global const row_t *rows, size_t row_start,
                             __global const float *shift)
{
    floatv squares = 0.0f;
    for (int v = 0; v < ROW_VECTORS; v++) {
        floatv y = shifted_vector(rows, row_start, shift, v);
        squares = fma(y, y, squares);
        STOREV(y, a + v * VW);
    }
    return sum_lanes(squares);
}
#endif

/* How an element enters the sum: the four forms of this file's header, in the same order. */
enum { FORM_PRODUCT, FORM_DIFFERENCE, FORM_SCALED, FORM_EXACT_SCALED };

static inline __attribute__((always_inline)) floatv add_term(floatv sum, floatv y, floatv first, floatv second,
                                                             const int form)
{
    if (form == FORM_PRODUCT) return fma(y, first, sum);
    const floatv t = form == FORM_DIFFERENCE ? y - first
                     : form == FORM_SCALED   ? fma(y, first, second)
                                             : (y - second) * first;
    return fma(t, t, sum);
}

#define PER_ELEMENT (COV_DIAG ? 2 : 1) /* packed numbers: what add_term calls first and second */

/* Adds one panel's sums over dims coordinates for TILE_ROWS rows. form is a constant where this is inlined, so that no
 * test is left. */
static inline __attribute__((always_inline)) void add_terms(floatv sums[TILE_ROWS][TILE_VECTORS],
                                                            __global const float *a, __global const float *panel,
                                                            const int dims, const int form)
{
    for (int d = 0; d < dims; d++) {
        floatv first[TILE_VECTORS], second[TILE_VECTORS];
#pragma unroll
        for (int v = 0; v < TILE_VECTORS; v++) {
            first[v] = LOADV(panel + (d * PER_ELEMENT * TILE_VECTORS + v) * VW);
            second[v] = COV_DIAG ? LOADV(panel + ((d * PER_ELEMENT + 1) * TILE_VECTORS + v) * VW) : first[v];
        }
#pragma unroll
        for (int i = 0; i < TILE_ROWS; i++) {
            const floatv y = a[i * DISTANCE_STRIDE + d];
#pragma unroll
            for (int v = 0; v < TILE_VECTORS; v++) sums[i][v] = add_term(sums[i][v], y, first[v], second[v], form);
        }
    }
}

/* The packed components. */
typedef struct components_t {
    __global const float *packed;  /* [panels][DIMS][1, diag 2][PANEL] */
    __global const float *scale;   /* h (panels PANEL) */
    __global const float *offset;  /* c (panels PANEL) */
    __global const uint *is_exact; /* (panels): 1 where the exact form, with y - m, is needed */
} components_t;

/* Log-densities of TILE_ROWS rows of dims coordinates under one panel: l (TILE_ROWS rows, l_stride apart), and the
 * rows' maxima by lane. */
static inline void log_densities_in(__global float *l, size_t l_stride, __global float *maxima, __global const float *a,
                                    __global const float *norms, const components_t *c, uint panel, const uint dims)
{
    floatv sums[TILE_ROWS][TILE_VECTORS];
#pragma unroll
    for (int i = 0; i < TILE_ROWS; i++)
#pragma unroll
        for (int v = 0; v < TILE_VECTORS; v++) sums[i][v] = 0.0f;

    __global const float *packed = c->packed + panel * ((size_t)dims * PER_ELEMENT * PANEL);
    floatv h[TILE_VECTORS], offset[TILE_VECTORS], lowest[TILE_VECTORS];
#pragma unroll
    for (int v = 0; v < TILE_VECTORS; v++) {
        h[v] = LOADV(c->scale + panel * PANEL + v * VW);
        offset[v] = LOADV(c->offset + panel * PANEL + v * VW);
        lowest[v] = offset[v] < FLOOR ? offset[v] : FLOOR; /* padding keeps its place below the floor */
    }
#if COV_DIAG
    const float norm_factor = 0.0f;
    if (c->is_exact[panel])
        add_terms(sums, a, packed, dims, FORM_EXACT_SCALED);
    else
        add_terms(sums, a, packed, dims, FORM_SCALED);
#pragma unroll
    for (int v = 0; v < TILE_VECTORS; v++) h[v] = -1.0f;
#else
    float norm_factor = 1.0f;
    if (!IS_BOUND && c->is_exact[panel]) {
        add_terms(sums, a, packed, dims, FORM_DIFFERENCE);
        norm_factor = 0.0f;
#pragma unroll
        for (int v = 0; v < TILE_VECTORS; v++) h[v] = -h[v];
    } else {
        add_terms(sums, a, packed, dims, FORM_PRODUCT);
    }
#endif
#pragma unroll
    for (int i = 0; i < TILE_ROWS; i++) {
        floatv highest = LOADV(maxima + i * VW);
        const floatv norm = norm_factor * norms[i];
#pragma unroll
        for (int v = 0; v < TILE_VECTORS; v++) {
            const floatv value = larger(fma(h[v], sums[i][v] - norm, offset[v]), lowest[v]);
            highest = larger(value, highest);
            STOREV(value, l + i * l_stride + v * VW);
        }
        STOREV(highest, maxima + i * VW);
    }
}

#ifdef DISTANCE_DIMS
static inline void tile_log_densities(__global float *l, size_t l_stride, __global float *maxima,
                                      __global const float *a, __global const float *norms, const components_t *c,
                                      uint panel)
{
    log_densities_in(l, l_stride, maxima, a, norms, c, panel, DISTANCE_DIMS);
}
#endif
