/* gpu/distances_full.cl - log-densities of a tile of rows under a strip of components, in registers, as
 * gpu/densities_full.cl has left them in memory. Group family; takes the place of gpu/distances.cl where covariances
 * are full. The tile is cut among work-items as gpu/tile.cl says; local memory only serves to exchange values.
 */
#include "common/rows.cl"
#include "gpu/tile.cl"

#define STAGING_VECTORS (TILE_ROWS * ACROSS / 4)

typedef struct components_t {
    __global const float *packed; /* log-densities (n, strips STRIP) */
    __global const float *scale;  /* not used */
    __global const float *offset; /* (strips STRIP); padding: below every log-density */
    __global const uint *is_exact; /* not used */
    uint strips;
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
                                      uint strip, uint item)
{
#pragma unroll
    for (int i = 0; i < ITEM_ROWS; i++) {
        __global const float *row = c->packed + (size_t)(tile->starts[i] / DIMS) * c->strips * STRIP;
#pragma unroll
        for (int j = 0; j < ITEM_COMPONENTS; j++) {
            const uint k = strip * STRIP + component_of(item, j);
            l[i][j] = c->offset[k] > PADDING ? row[k] : PADDING;
        }
    }
}
