/* gpu/distances.cl - log-densities of a tile of rows under a panel of components, in registers. GPUs: a
 * work-group owns the tile; rows and components pass through local memory, a slab of TILE_DEPTH dimensions at a time.
 *
 * Product form (spherical):     l_ik = h_k (y_i.2m_k - |y_i|^2) + c_k           c_k holds - h_k |m_k|^2
 * Difference form (spherical):  l_ik = - h_k |y_i - m_k|^2 + c_k                 for panels where products lose digits
 * Scaled differences (diag):    l_ik = - sum_d (s_kd y_id + o_kd)^2 + c_k        s = sqrt(h_kd), o = - s m
 * the same where o is too large: l_ik = - sum_d (s_kd (y_id - m_kd))^2 + c_k      m stands in place of o
 * as in cpu/distances.cl (docs/math.md, equations 1, 5 and 7). With HARD_ASSIGNMENT: h = 1, c = 0, l = -|y - m|^2.
 *
 *   a slab in local memory, twice, so that one is filled while the other is used
 *        rows:        [TILE_DEPTH][ROW_PITCH]              y_00 y_10 y_20 ...   a dimension's rows are adjacent
 *        components:  [TILE_DEPTH][1, diag 2][PANEL]       as they are packed
 *   work-items, TILE_ROWS and TILE_COMPONENTS: gpu/tile.cl
 *   TILE_DEPTH       a multiple of 4
 * Local memory: 8 TILE_DEPTH (TILE_ROWS + 4 + TILE_COMPONENTS (diag twice)) bytes, and 16 to 32 a row.
 * Sums run over d in order, in float: relative error at most D 2^-24, in practice sqrt(D) 2^-24.
 */
#include "common/rows.cl"
#include "gpu/tile.cl"

#ifndef TILE_DEPTH
#error "TILE_DEPTH is not set"
#endif
#if VW != 4 || TILE_DEPTH % 4
#error "the slab cannot be moved in fours"
#endif

#if COV_DIAG
#define PER_DIM 2
#else
#define PER_DIM 1
#endif
#define PANEL_FLOATS ((size_t)DIMS * PER_DIM * PANEL)
#define SLABS        ((DIMS + TILE_DEPTH - 1) / TILE_DEPTH)

/* In vectors of four. Four floats more than a tile has rows, so that items that store a row's dimensions use different
 * banks. */
#define ROW_PITCH              (TILE_ROWS / 4 + 1)
#define COMPONENT_PITCH        (PER_DIM * PANEL / 4)
#define ROW_PARTS              (TILE_DEPTH / 4)
#define SLAB_ROW_VECTORS       (TILE_ROWS * ROW_PARTS)
#define SLAB_COMPONENT_VECTORS (TILE_DEPTH * COMPONENT_PITCH)
#define SLAB_VECTORS           (TILE_DEPTH * (ROW_PITCH + COMPONENT_PITCH))
/* How much an item moves. */
#define ROW_LOADS       ((SLAB_ROW_VECTORS + TILE_ITEMS - 1) / TILE_ITEMS)
#define COMPONENT_LOADS ((SLAB_COMPONENT_VECTORS + TILE_ITEMS - 1) / TILE_ITEMS)
/* The slabs' place also serves to exchange a value between the items of a row. */
#define EXCHANGE_VECTORS (TILE_ROWS * ACROSS / 4)
#if 2 * SLAB_VECTORS > EXCHANGE_VECTORS
#define STAGING_VECTORS (2 * SLAB_VECTORS)
#else
#define STAGING_VECTORS EXCHANGE_VECTORS
#endif

/* The packed components. */
typedef struct components_t {
    __global const float *packed;  /* [panels][DIMS][1, diag 2][PANEL] */
    __global const float *scale;   /* h (panels PANEL) */
    __global const float *offset;  /* c (panels PANEL) */
    __global const uint *is_exact; /* (panels): 1 where the exact form, with y - m, is needed */
    uint panels;
} components_t;

/* The rows of a tile: where they are, and the shift. */
typedef struct tile_rows_t {
    __global const row_t *rows;
    __global const float *shift;
    ulong starts[ROW_LOADS]; /* first elements of the rows that this item loads */
} tile_rows_t;

/* The row that an item loads first, second ...; part of it. */
static inline uint loaded_row(uint item, int load)
{
    return min((item + load * TILE_ITEMS) / ROW_PARTS, (uint)TILE_ROWS - 1);
}

static inline uint loaded_part(uint item, int load)
{
    return (item + load * TILE_ITEMS) % ROW_PARTS;
}

/* ---- global memory -> registers ---- */

static inline void fetch_rows(float4 y[ROW_LOADS], const tile_rows_t *tile, uint slab, uint item)
{
#pragma unroll
    for (int load = 0; load < ROW_LOADS; load++) {
        const int v = slab * ROW_PARTS + loaded_part(item, load);
        y[load] = v < ROW_VECTORS ? shifted_vector(tile->rows, tile->starts[load], tile->shift, v) : (float4)0.0f;
    }
}

static inline void fetch_components(float4 m[COMPONENT_LOADS], __global const float *panel, uint slab, uint item)
{
    __global const float4 *from = (__global const float4 *)panel + (size_t)slab * SLAB_COMPONENT_VECTORS;
#pragma unroll
    for (int load = 0; load < COMPONENT_LOADS; load++) {
        const uint v = item + load * TILE_ITEMS;
        m[load] = slab * TILE_DEPTH + v / COMPONENT_PITCH < DIMS ? from[v] : (float4)0.0f;
    }
}

/* ---- registers -> local memory ---- */

static inline void stage_rows(__local float4 *slab, const float4 y[ROW_LOADS], uint item)
{
    __local float *to = (__local float *)slab;
#pragma unroll
    for (int load = 0; load < ROW_LOADS; load++) {
        const uint row = loaded_row(item, load), d = loaded_part(item, load) * 4;
        if (item + load * TILE_ITEMS < SLAB_ROW_VECTORS) {
            to[(d + 0) * 4 * ROW_PITCH + row] = y[load].x;
            to[(d + 1) * 4 * ROW_PITCH + row] = y[load].y;
            to[(d + 2) * 4 * ROW_PITCH + row] = y[load].z;
            to[(d + 3) * 4 * ROW_PITCH + row] = y[load].w;
        }
    }
}

static inline void stage_components(__local float4 *slab, const float4 m[COMPONENT_LOADS], uint item)
{
    __local float4 *to = slab + TILE_DEPTH * ROW_PITCH;
#pragma unroll
    for (int load = 0; load < COMPONENT_LOADS; load++) {
        const uint v = item + load * TILE_ITEMS;
        if (v < SLAB_COMPONENT_VECTORS) to[v] = m[load];
    }
}

/* ---- local memory -> sums ---- */

static inline void unpack(float to[4], float4 v)
{
    to[0] = v.x;
    to[1] = v.y;
    to[2] = v.z;
    to[3] = v.w;
}

static inline void read_rows(float y[ITEM_ROWS], __local const float4 *slab, int d, uint item)
{
#pragma unroll
    for (int i = 0; i < ITEM_ROWS; i += 4) unpack(y + i, slab[d * ROW_PITCH + i / 4 * DOWN + item / ACROSS]);
}

/* part: 0, or with diag 0 and 1 */
static inline void read_components(float m[ITEM_COMPONENTS], __local const float4 *slab, int d, int part, uint item)
{
    __local const float4 *from = slab + TILE_DEPTH * ROW_PITCH + d * COMPONENT_PITCH + part * (PANEL / 4);
#pragma unroll
    for (int j = 0; j < ITEM_COMPONENTS; j += 4) unpack(m + j, from[j / 4 * ACROSS + item % ACROSS]);
}

/* mad, not fma: one instruction everywhere, while devices without a fused one emulate fma. Two dimensions at a time are
 * enough to hide local memory's latency; with all of them unrolled compilers fill the registers with what they read
 * ahead. */
static inline void add_products(float sums[ITEM_ROWS][ITEM_COMPONENTS], __local const float4 *slab, uint item)
{
#pragma unroll 2
    for (int d = 0; d < TILE_DEPTH; d++) {
        float y[ITEM_ROWS], m[ITEM_COMPONENTS];
        read_rows(y, slab, d, item);
        read_components(m, slab, d, 0, item);
#pragma unroll
        for (int i = 0; i < ITEM_ROWS; i++)
#pragma unroll
            for (int j = 0; j < ITEM_COMPONENTS; j++) sums[i][j] = mad(y[i], m[j], sums[i][j]);
    }
}

static inline void add_differences(float sums[ITEM_ROWS][ITEM_COMPONENTS], __local const float4 *slab, uint item)
{
#pragma unroll 1
    for (int d = 0; d < TILE_DEPTH; d++) {
        float y[ITEM_ROWS], m[ITEM_COMPONENTS];
        read_rows(y, slab, d, item);
        read_components(m, slab, d, 0, item);
#pragma unroll
        for (int i = 0; i < ITEM_ROWS; i++)
#pragma unroll
            for (int j = 0; j < ITEM_COMPONENTS; j++) {
                const float t = y[i] - m[j];
                sums[i][j] = mad(t, t, sums[i][j]);
            }
    }
}

#if IS_CPU_TARGET
/* Either form by values alone: PoCL 3.1 goes wrong where a large tile branches here, PoCL 6.0 where it branches about
 * the loop with its barriers. */
static inline void add_either(float sums[ITEM_ROWS][ITEM_COMPONENTS], __local const float4 *slab, int is_exact,
                              uint item)
{
#pragma unroll 1
    for (int d = 0; d < TILE_DEPTH; d++) {
        float y[ITEM_ROWS], m[ITEM_COMPONENTS];
        read_rows(y, slab, d, item);
        read_components(m, slab, d, 0, item);
#pragma unroll
        for (int i = 0; i < ITEM_ROWS; i++)
#pragma unroll
            for (int j = 0; j < ITEM_COMPONENTS; j++) {
                const float t = is_exact ? y[i] - m[j] : y[i];
                sums[i][j] = mad(t, is_exact ? t : m[j], sums[i][j]);
            }
    }
}
#endif

#if COV_DIAG
/* s (y - m) with is_exact, else s y + o. */
static inline void add_scaled_differences(float sums[ITEM_ROWS][ITEM_COMPONENTS], __local const float4 *slab,
                                          int is_exact, uint item)
{
#pragma unroll 2
    for (int d = 0; d < TILE_DEPTH; d++) {
        float y[ITEM_ROWS], s[ITEM_COMPONENTS], o[ITEM_COMPONENTS];
        read_rows(y, slab, d, item);
        read_components(s, slab, d, 0, item);
        read_components(o, slab, d, 1, item);
#pragma unroll
        for (int i = 0; i < ITEM_ROWS; i++)
#pragma unroll
            for (int j = 0; j < ITEM_COMPONENTS; j++) {
                const float t = is_exact ? s[j] * (y[i] - o[j]) : mad(y[i], s[j], o[j]);
                sums[i][j] = mad(t, t, sums[i][j]);
            }
    }
}
#endif

/* ---- the whole tile ---- */

/* |y|^2 of the tile's rows into norms (TILE_ROWS), where a form needs it; partial sums pass through staging. Ends with
 * a barrier. */
static inline void row_norms(__local float *norms, __local float4 *staging, const tile_rows_t *tile, uint item)
{
#if !COV_DIAG
    __local float *parts = (__local float *)staging;
    float4 y[ROW_LOADS], squares[ROW_LOADS];
#pragma unroll
    for (int load = 0; load < ROW_LOADS; load++) squares[load] = 0.0f;
    for (uint slab = 0; slab < SLABS; slab++) {
        fetch_rows(y, tile, slab, item);
#pragma unroll
        for (int load = 0; load < ROW_LOADS; load++) squares[load] = mad(y[load], y[load], squares[load]);
    }
#pragma unroll
    for (int load = 0; load < ROW_LOADS; load++)
        if (item + load * TILE_ITEMS < SLAB_ROW_VECTORS) parts[item + load * TILE_ITEMS] = sum_lanes(squares[load]);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint row = item; row < TILE_ROWS; row += TILE_ITEMS) {
        float sum = 0.0f;
        for (int part = 0; part < ROW_PARTS; part++) sum += parts[row * ROW_PARTS + part];
        norms[row] = sum;
    }
#endif
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* Sums over all slabs in one form. On GPUs is_exact is a constant where this is inlined, since a choice between two
 * forms within the loop makes compilers keep the sums twice, or compute both forms. They do so too where they make one
 * call of the two, which they cannot where each must be inlined. */
#if IS_CPU_TARGET
#define IN_EACH_FORM
#else
#define IN_EACH_FORM __attribute__((always_inline))
#endif
static inline IN_EACH_FORM void add_slabs(float sums[ITEM_ROWS][ITEM_COMPONENTS], __local float4 *staging,
                                          const tile_rows_t *tile, __global const float *packed, int is_exact,
                                          uint item)
{
    float4 y[ROW_LOADS], m[COMPONENT_LOADS];
#pragma unroll
    for (int i = 0; i < ITEM_ROWS; i++)
#pragma unroll
        for (int j = 0; j < ITEM_COMPONENTS; j++) sums[i][j] = 0.0f;

    fetch_rows(y, tile, 0, item);
    fetch_components(m, packed, 0, item);
    for (uint slab = 0; slab < SLABS; slab++) {
        __local float4 *now = staging + slab % 2 * SLAB_VECTORS;
        stage_rows(now, y, item);
        stage_components(now, m, item);
        barrier(CLK_LOCAL_MEM_FENCE);
        if (slab + 1 < SLABS) {
            fetch_rows(y, tile, slab + 1, item);
            fetch_components(m, packed, slab + 1, item);
        }
#if COV_DIAG
        add_scaled_differences(sums, now, is_exact, item);
#elif IS_CPU_TARGET
        add_either(sums, now, is_exact, item);
#else
        if (is_exact)
            add_differences(sums, now, item);
        else
            add_products(sums, now, item);
#endif
    }
}

/* Log-densities of the tile's rows under one panel. Ends without a barrier: staging may still be in use. */
static inline void tile_log_densities(float l[ITEM_ROWS][ITEM_COMPONENTS], __local float4 *staging,
                                      __local const float *norms, const tile_rows_t *tile, const components_t *c,
                                      uint panel, uint item)
{
    __global const float *packed = c->packed + panel * PANEL_FLOATS;
    const int is_exact = c->is_exact[panel];
#if IS_CPU_TARGET
    add_slabs(l, staging, tile, packed, is_exact, item); /* PoCL 6.0: the wrong one of two branches with barriers */
#else
    if (is_exact)
        add_slabs(l, staging, tile, packed, 1, item);
    else
        add_slabs(l, staging, tile, packed, 0, item);
#endif

    const int has_products = !COV_DIAG && !is_exact;
#pragma unroll
    for (int j = 0; j < ITEM_COMPONENTS; j++) {
        const uint component = panel * PANEL + component_of(item, j);
        const float h = COV_DIAG ? -1.0f : has_products ? c->scale[component] : -c->scale[component];
        const float offset = c->offset[component],
                    lowest = fmin(offset, FLOOR); /* padding keeps its place below the floor */
#pragma unroll
        for (int i = 0; i < ITEM_ROWS; i++) {
            const float norm = has_products ? norms[row_of(item, i)] : 0.0f;
            l[i][j] = fmax(mad(h, l[i][j] - norm, offset), lowest);
        }
    }
}
