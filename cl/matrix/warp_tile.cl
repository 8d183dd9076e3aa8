/* matrix/warp_tile.cl - how the warps of a work-group divide rows and components, for matrix/warp_responsibilities.cl
 * and the headers of its units.
 *
 *   WARPS      of a work-group: each has rows of its own, all share a panel of components
 *   DOWN       fragments of 16 rows that a warp has, 1 or 2: what it keeps of them fills some 64 registers
 *   ROW_TERMS  f16 terms of a row
 *   Means have MEAN_TERMS. A warp takes ACROSS fragments of 8 components at a time; dimensions come in slices of 16,
 *   two of which make a pair.
 */
#include "common/rows.cl"

enum { MEAN_TERMS = 2, ACROSS = 2 };
#define PAIRS           ((DIMS + 31) / 32)
#define SLICES          (2 * PAIRS)
#define LANE_ROWS       (2 * DOWN)
#define ROW_FRAGMENTS   (ROW_TERMS * DOWN * SLICES)
#define WARP_TILE_ROWS  (WARPS * DOWN * 16)
#define WARP_PANEL      32
#define PANEL_CONSTANTS (WARP_PANEL / 8 * MEAN_TERMS * PAIRS * 32)
#define PANEL_WORDS     (PANEL_CONSTANTS + WARP_PANEL)
#if DIMS > 128 || VW != 4
#error "the registers do not hold such rows"
#endif
