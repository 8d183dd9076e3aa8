/* gpu/tile.cl - how a work-group divides a tile of rows and components among its items. GPUs.
 *
 *   work-items (ACROSS x DOWN), each with ITEM_ROWS x ITEM_COMPONENTS sums in fours: item (x, y) has rows
 *   4 y .. 4 y + 3, 4 (DOWN + y) .. and components 4 x .. 4 x + 3, 4 (ACROSS + x) ..: neighbours read adjacent fours
 *
 *   TILE_ITEMS       work-items of the group (one dimension)
 *   TILE_ACROSS      of them along components; divides TILE_ITEMS
 *   TILE_ROWS        4 x TILE_ITEMS / TILE_ACROSS, or a multiple: registers hold (TILE_ROWS x TILE_COMPONENTS) /
 *   TILE_COMPONENTS  4 x TILE_ACROSS, or a multiple:              TILE_ITEMS sums
 */
#include "common/prelude.cl"

#if !defined(TILE_ROWS) || !defined(TILE_COMPONENTS) || !defined(TILE_ITEMS) || !defined(TILE_ACROSS)
#error "a tile parameter is not set"
#endif
#define PANEL           TILE_COMPONENTS
#define ACROSS          TILE_ACROSS
#define DOWN            (TILE_ITEMS / TILE_ACROSS)
#define ITEM_ROWS       (TILE_ROWS / DOWN)
#define ITEM_COMPONENTS (TILE_COMPONENTS / ACROSS)
#if VW != 4 || ITEM_ROWS % 4 || ITEM_COMPONENTS % 4
#error "the tile cannot be moved in fours"
#endif
#if ITEM_ROWS * DOWN != TILE_ROWS || ITEM_COMPONENTS * ACROSS != TILE_COMPONENTS || DOWN * ACROSS != TILE_ITEMS
#error "work-items do not cover the tile"
#endif

/* Row and component, within the tile, of an item's results. */
static inline uint row_of(uint item, int i)
{
    return (i / 4 * DOWN + item / ACROSS) * 4 + i % 4;
}

static inline uint component_of(uint item, int j)
{
    return (j / 4 * ACROSS + item % ACROSS) * 4 + j % 4;
}
