/* gpu/distances_full.cl - loads the log-densities of a tile of rows under a panel of components into registers, from
 * where gpu/densities_full.cl has left them in memory. GPUs; replaces gpu/distances.cl where covariances are full. The
 * tile is divided among work-items as gpu/tile.cl says; local memory only serves to exchange values. */
#include "common/rows.cl"
#include "gpu/tile.cl"

#define STAGING_VECTORS (TILE_ROWS * ACROSS / 4)

typedef struct components_t {
    __global const float *packed;  /* log-densities (n, panels PANEL) */
    __global const float *scale;   /* not used */
    __global const float *offset;  /* (panels PANEL); padding: below every log-density */
    __global const uint *is_exact; /* not used */
    uint panels;
} components_t;

/* The rows of a tile: an item notes those that its results belong to. */
typedef struct tile_rows_t {
    __global const row_t *rows;
    __global const float *shift;
    ulong starts[ITEM_ROWS]; /* row number times DIMS */
} tile_rows_t;
#define ROW_LOADS ITEM_ROWS

static inline uint loaded_row(uint item, int load)
{
    return row_of(item, load);
}

/* No norms are needed. */
static inline void row_norms(__local float *norms, __local float4 *staging, const tile_rows_t *tile, uint item)
{
    barrier(CLK_LOCAL_MEM_FENCE);
}

static inline void tile_log_densities(float l[ITEM_ROWS][ITEM_COMPONENTS], __local float4 *staging,
                                      __local const float *norms, const tile_rows_t *tile, const components_t *c,
                                      uint panel, uint item)
{
#pragma unroll
    for (int i = 0; i < ITEM_ROWS; i++) {
        __global const float *row = c->packed + (size_t)(tile->starts[i] / DIMS) * c->panels * PANEL;
#pragma unroll
        for (int j = 0; j < ITEM_COMPONENTS; j++) {
            const uint component = panel * PANEL + component_of(item, j);
            l[i][j] = c->offset[component] > PADDING ? row[component] : PADDING;
        }
    }
}
