/* cpu/blocks.cl - normalises blocks of rows over all components and multiplies them with their responsibilities: what
 * cpu/dense.cl and cpu/fused.cl share. D is an argument, so that one program serves many D: only the distance between
 * the rows of a block in memory is compiled in.
 *
 *     r_ik = exp(l_ik - logz_i) for all k;   S1 = sum_i r_ik y_i (or r_ik (y_i - m_k)),  N = sum_i r_ik,  S2
 *
 * A worker (one work-item) takes blocks of TILE_BLOCK rows, whose log-densities stay in the L2 cache.
 *
 *   scratch of a worker: a (TILE_BLOCK, ROW_PITCH) | maxima | norms | logz | l (panels, TILE_BLOCK, PANEL)
 *
 *   ROW_PITCH        floats from a row of a block to the next; at least ROW_STRIDE
 *   TILE_DENSE_K     components in registers in the product; divides PANEL
 *   DENSE_V          vectors of the row in registers, no more than a row has; TILE_DENSE_K x DENSE_V + DENSE_V + 1
 *                    vectors must fit
 */
#include "cpu/distances.cl"
#include "common/partial_sums.cl"

#ifndef TILE_DENSE_K
#error "TILE_DENSE_K is not set"
#endif
/* In functions where `dims` is D. */
#define ROW_VECTORS ((dims + VW - 1) / VW)
#define ROW_STRIDE  (ROW_VECTORS * VW)

#define GROUPS      ((ROW_VECTORS + DENSE_V - 1) / DENSE_V)
#define GROUP       (DENSE_V * VW)
#define BLOCK_PANEL (TILE_BLOCK * PANEL) /* l of a block under one panel */

typedef struct block_t {
    __global float *a;      /* (TILE_BLOCK, ROW_PITCH) rows minus the shift */
    __global float *maxima; /* (TILE_BLOCK, VW) largest log-density by lane, then sums of exponentials */
    __global float *norms;  /* (TILE_BLOCK, to whole vectors) |y|^2, then 1 / sum of exponentials */
    __global float *logz;   /* (the same) a row's largest log-density, then its log-normaliser */
    __global float *l;      /* (panels, TILE_BLOCK, PANEL) */
    uint rows;              /* of the block that are real */
    uint dims;
} block_t;

#define BLOCK_VECTORS ((TILE_BLOCK + VW - 1) / VW)

static inline block_t block_of_worker(__global float *base, uint dims)
{
    block_t b;
    b.a = base;
    b.maxima = b.a + (size_t)TILE_BLOCK * ROW_PITCH;
    b.norms = b.maxima + TILE_BLOCK * VW;
    b.logz = b.norms + BLOCK_VECTORS * VW;
    b.l = b.logz + BLOCK_VECTORS * VW;
    b.rows = 0;
    b.dims = dims;
    return b;
}

/* The last, incomplete vector of a row, zero-filled. Nothing from `end` on is read. */
static inline floatv row_tail(__global const row_t *rows, size_t i, uint count, size_t end)
{
    float lanes[VW];
    if (i + VW <= end) {
        const intv numbers = LANE_NUMBERS;
        return numbers < (intv)count ? row_vector(rows, i) : (floatv)0.0f;
    }
    for (uint j = 0; j < VW; j++) lanes[j] = j < count ? row_element(rows, i + j) : 0.0f;
    return LOADV_PRIVATE(lanes);
}

/* Loads row i of the block, y = x scale - shift, and its |y|^2; the remainder of the last register tile repeats the
 * last row. end: of the rows. */
static inline void load_block_row(const block_t *b, uint i, __global const row_t *rows, size_t row_start, size_t end,
                                  __global const float *shift)
{
    const uint dims = b->dims, tail = dims % VW;
    __global float *a = b->a + i * ROW_PITCH;
    floatv squares = 0.0f;
    for (uint v = 0; v < dims / VW; v++) {
        const floatv y = SCALED(row_vector(rows, row_start + v * VW), shift) - LOADV(shift + v * VW);
        squares = fma(y, y, squares);
        STOREV(y, a + v * VW);
    }
    if (tail) {
        const floatv x = row_tail(rows, row_start + dims - tail, tail, end);
        const floatv y = SCALED(x, shift) - LOADV(shift + dims - tail);
        squares = fma(y, y, squares);
        STOREV(y, a + dims - tail);
    }
    b->norms[i] = sum_lanes(squares);
    STOREV((floatv)PADDING, b->maxima + i * VW);
}

static inline uint padded_rows(const block_t *b)
{
    return (b->rows + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS;
}

/* Computes l and maxima of the block. */
static inline void block_log_densities(const block_t *b, const components_t *c, uint panels)
{
    const uint used = padded_rows(b);
    for (uint panel = 0; panel < panels; panel++)
        for (uint i = 0; i < used; i += TILE_ROWS)
            log_densities_in(b->l + panel * BLOCK_PANEL + i * PANEL, PANEL, b->maxima + i * VW, b->a + i * ROW_PITCH,
                             b->norms + i, c, panel, b->dims);
}

/* r = exp(l - max), (panels, r_stride) with PANEL floats a row; norms become 1 / sum, logz log-normalisers. Returns
 * how many l are within `cutoff` of their row's maximum. */
static inline uint exponentials(const block_t *b, __global float *r, size_t r_stride, uint panels, float cutoff)
{
    intv near = 0;
    for (uint i = 0; i < b->rows; i++) {
        b->logz[i] = max_lanes(LOADV(b->maxima + i * VW));
        STOREV((floatv)0.0f, b->maxima + i * VW);
    }
    for (uint panel = 0; panel < panels; panel++)
        for (uint i = 0; i < b->rows; i++) {
            const floatv highest = b->logz[i];
            floatv sums = LOADV(b->maxima + i * VW);
#pragma unroll
            for (int v = 0; v < TILE_VECTORS; v++) {
                const floatv x = LOADV(b->l + panel * BLOCK_PANEL + i * PANEL + v * VW) - highest;
                const floatv e = exp_below(x);
                near = x >= (floatv)-cutoff ? near + 1 : near;
                sums += e;
                STOREV(e, r + panel * r_stride + i * PANEL + v * VW);
            }
            STOREV(sums, b->maxima + i * VW);
        }
    for (uint i = 0; i < b->rows; i++) b->norms[i] = sum_lanes(LOADV(b->maxima + i * VW));
    for (uint i = 0; i < b->rows; i += VW) {
        const floatv sums = LOADV(b->norms + i);
        STOREV(LOADV(b->logz + i) + log(sums), b->logz + i);
        STOREV(1.0f / sums, b->norms + i);
    }
    int lanes[VW];
    uint count = 0;
    PASTE(vstore, VW)(near, 0, lanes);
    for (int j = 0; j < VW; j++) count += lanes[j];
    return count;
}

/* Divides r by the rows' sums; adds N (padded K) and, for spherical covariances, S2 (padded K) of the block to sums. */
static inline void add_weights(const block_t *b, __global float *r, size_t r_stride, uint panels,
                               __global const float *normaliser, __global const float *width, __global float *sums)
{
    const uint padded = panels * PANEL;
    for (uint panel = 0; panel < panels; panel++) {
        floatv weight[TILE_VECTORS], squares[TILE_VECTORS], highest[TILE_VECTORS];
#pragma unroll
        for (int v = 0; v < TILE_VECTORS; v++) {
            weight[v] = 0.0f;
            squares[v] = 0.0f;
            highest[v] = LOADV(normaliser + panel * PANEL + v * VW); /* l where the distance is 0 */
        }
        for (uint i = 0; i < b->rows; i++)
#pragma unroll
            for (int v = 0; v < TILE_VECTORS; v++) {
                __global float *place = r + panel * r_stride + i * PANEL + v * VW;
                const floatv value = LOADV(place) * b->norms[i];
                STOREV(value, place);
                weight[v] += value;
#if !COV_DIAG
                squares[v] =
                    fma(value, highest[v] - LOADV(b->l + panel * BLOCK_PANEL + i * PANEL + v * VW), squares[v]);
#endif
            }
#pragma unroll
        for (int v = 0; v < TILE_VECTORS; v++) {
            const uint c = panel * PANEL + v * VW;
            STOREV(LOADV(sums + c) + weight[v], sums + c);
            STOREV(fma(squares[v], LOADV(width + c), LOADV(sums + padded + c)), sums + padded + c);
        }
    }
}

/* The operands of a product: y (rows, y_stride), r (rows, PANEL), means (K, ROW_STRIDE), from its first component and
 * its first vector on. */
typedef struct factors_t {
    __global const float *y, *r, *means;
    uint y_stride, rows;
    int is_exact;
    uint dims;
} factors_t;

#if !COV_DIAG
/* Adds r (y - m) or r y for TILE_DENSE_K components and DENSE_V vectors, of which `vectors` are real, to
 * out (K, ROW_STRIDE). */
static inline void add_product(__global float *out, const factors_t *f, int vectors)
{
    const uint dims = f->dims;
    floatv sums[TILE_DENSE_K][DENSE_V];
#pragma unroll
    for (int c = 0; c < TILE_DENSE_K; c++)
#pragma unroll
        for (int v = 0; v < DENSE_V; v++) sums[c][v] = 0.0f;

    if (f->is_exact) {
        for (uint row = 0; row < f->rows; row++) {
            __global const float *w = f->r + row * PANEL, *a = f->y + row * f->y_stride;
#pragma unroll
            for (int v = 0; v < DENSE_V; v++) {
                const floatv x = LOADV(a + v * VW);
#pragma unroll
                for (int c = 0; c < TILE_DENSE_K; c++)
                    sums[c][v] =
                        fma((floatv)w[c], x - LOADV(f->means + c * ROW_STRIDE + min(v, vectors - 1) * VW), sums[c][v]);
            }
        }
    } else {
        for (uint row = 0; row < f->rows; row++) {
            __global const float *w = f->r + row * PANEL, *a = f->y + row * f->y_stride;
            floatv x[DENSE_V];
#pragma unroll
            for (int v = 0; v < DENSE_V; v++) x[v] = LOADV(a + v * VW);
#pragma unroll
            for (int c = 0; c < TILE_DENSE_K; c++)
#pragma unroll
                for (int v = 0; v < DENSE_V; v++) sums[c][v] = fma((floatv)w[c], x[v], sums[c][v]);
        }
    }
#pragma unroll
    for (int c = 0; c < TILE_DENSE_K; c++)
#pragma unroll
        for (int v = 0; v < DENSE_V; v++) {
            __global float *place = out + c * ROW_STRIDE + v * VW;
            if (v < vectors) STOREV(LOADV(place) + sums[c][v], place);
        }
}
#else
/* Adds r t and r t^2, t = y - m, for TILE_DENSE_K components and `vectors` vectors to out (K, 2, ROW_STRIDE). */
static inline void add_product(__global float *out, const factors_t *f, int vectors)
{
    const uint dims = f->dims;
    for (int v = 0; v < vectors; v++) {
        floatv s1[TILE_DENSE_K], s2[TILE_DENSE_K], m[TILE_DENSE_K];
#pragma unroll
        for (int c = 0; c < TILE_DENSE_K; c++) {
            s1[c] = 0.0f;
            s2[c] = 0.0f;
            m[c] = LOADV(f->means + c * ROW_STRIDE + v * VW);
        }
        for (uint row = 0; row < f->rows; row++) {
            __global const float *w = f->r + row * PANEL;
            const floatv x = LOADV(f->y + row * f->y_stride + v * VW);
#pragma unroll
            for (int c = 0; c < TILE_DENSE_K; c++) {
                const floatv t = x - m[c], weighted = w[c] * t;
                s1[c] += weighted;
                s2[c] = fma(weighted, t, s2[c]);
            }
        }
#pragma unroll
        for (int c = 0; c < TILE_DENSE_K; c++) {
            __global float *place = out + c * 2 * ROW_STRIDE + v * VW;
            STOREV(LOADV(place) + s1[c], place);
            STOREV(LOADV(place + ROW_STRIDE) + s2[c], place + ROW_STRIDE);
        }
    }
}
#endif

/* Adds the products of one panel: f at the panel's first component and at group 0, groups of y y_group floats apart. */
static inline void add_panel_products(__global float *out, factors_t f, size_t y_group)
{
    const factors_t panel = f;
    const uint dims = f.dims;
    for (uint group = 0; group < GROUPS; group++)
        for (uint c = 0; c < PANEL; c += TILE_DENSE_K) {
            f.y = panel.y + group * y_group;
            f.r = panel.r + c;
            f.means = panel.means + c * ROW_STRIDE + group * GROUP;
            add_product(out + c * DENSE_STRIDE + group * GROUP, &f, min(DENSE_V, (int)(ROW_VECTORS - group * DENSE_V)));
        }
}
