/* gpu/transpose.cl - transposes sparse responsibilities from row order to component order, by a stable counting sort,
 * so that every sum has a fixed order. GPUs: the sort of cpu/transpose.cl, with many work-groups at once.
 *
 *   sparse rows of a batch, by blocks of          columns: components 0..K-1, then column K = rows for the dense path
 *   block_rows                                    transposed: (row, r) of component 0, of component 1, ...
 *     row 0: (3, .9) (7, .1)                      a component is cut into segments of at most SEGMENT nonzeros, which
 *     row 1: (3, 1.)                              are summed apart and joined in order
 *
 * A row holds a component at most once, and components ascend. So a work-group takes TILE_ITEMS rows, one per item, and
 * walks a range of components at a time: each item marks its row's components in a bitmap (row, component) in local
 * memory, and the rank of a nonzero among those of its component is the number of bits before its own. The order of
 * atomics does not matter. A word has 32 rows of a component, and words of neighbouring components are adjacent, so
 * that items use different banks where their components differ.
 *
 *   SEGMENT     nonzeros summed in float before the sum is carried into a wider one
 *   TILE_ITEMS  a multiple of 32
 * Local memory: 16 KiB and an eighth of a byte an item.
 */
#include "common/arguments.cl"
#include "arguments/transpose.h"
#include "common/prelude.cl"

#ifndef SEGMENT
#error "SEGMENT is not set"
#endif
#define ROW_WORDS (TILE_ITEMS / 32)
enum {
    COUNTS = 4096,                  /* components that count_nonzeros counts at a time */
    RANGE = COUNTS / ROW_WORDS + 1, /* components of a bitmap: a power of two of them, and the column of dense rows */
    MAP_WORDS = RANGE * ROW_WORDS,
    SCAN_ACROSS = 8, /* components that a group of scan_blocks has side by side: 32 bytes */
    SCAN_DOWN = TILE_ITEMS / SCAN_ACROSS
};

/* An item's sparse row and how far it has been walked. */
typedef struct cursor_t {
    __global const uint *components; /* (row_capacity) */
    uint count, next;
} cursor_t;

static inline cursor_t cursor_of_row(uint row, uint end, uint row_capacity, __global const uint *counts,
                                     __global const uint *nonzero_components)
{
    cursor_t c;
    c.components = nonzero_components + (size_t)row * row_capacity;
    c.count = row < end ? counts[row] : 0;
    c.next = 0;
    return c;
}

/* Counts the nonzeros of each component in a block of rows: column_counts (blocks, K+1). */
__kernel void count_nonzeros(uint n, uint block_rows, uint components, uint row_capacity, __global const uint *counts,
                             __global const uint *nonzero_components, __global uint *column_counts)
{
    __local uint count[COUNTS];
    const uint item = get_local_id(0);
    const uint first = get_group_id(0) * block_rows, end = min(n, first + block_rows);
    __global uint *own_counts = column_counts + get_group_id(0) * (size_t)(components + 1);
    for (uint range = 0; range <= components; range += COUNTS) {
        const uint here = min((uint)COUNTS, components + 1 - range);
        for (uint c = item; c < here; c += TILE_ITEMS) count[c] = 0;
        barrier(CLK_LOCAL_MEM_FENCE);
        for (uint row = first + item; row < end; row += TILE_ITEMS)
            for (uint q = 0; q < counts[row]; q++) {
                const uint c = nonzero_components[(size_t)row * row_capacity + q] - range;
                if (c < here) atomic_inc(&count[c]);
            }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (uint c = item; c < here; c += TILE_ITEMS) own_counts[range + c] = count[c];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
}

/* column_counts become the number of a component's nonzeros in the blocks before; component_first (K+1): its nonzeros
 * in all. A group has SCAN_ACROSS components; its items share the blocks. */
__kernel void scan_blocks(uint blocks, uint components, __global uint *column_counts, __global uint *component_first)
{
    __local uint sums[SCAN_DOWN][SCAN_ACROSS];
    const uint x = get_local_id(0) % SCAN_ACROSS, y = get_local_id(0) / SCAN_ACROSS;
    const uint c = get_group_id(0) * SCAN_ACROSS + x, share = (blocks + SCAN_DOWN - 1) / SCAN_DOWN;
    const uint first = min(blocks, y * share), end = c <= components ? min(blocks, first + share) : first;
    __global uint *own_counts = column_counts + c;
    const size_t pitch = (size_t)components + 1;
    uint sum = 0;
    for (uint block = first; block < end; block++) sum += own_counts[block * pitch];
    sums[y][x] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    uint place = 0;
    for (uint before = 0; before < y; before++) place += sums[before][x];
    for (uint block = first; block < end; block++) {
        const uint count = own_counts[block * pitch];
        own_counts[block * pitch] = place;
        place += count;
    }
    if (y == SCAN_DOWN - 1 && c <= components) component_first[c] = place;
}

/* Sum of the items before this one, and of all; ends with a barrier. */
static inline uint2 scan_items(__local uint2 *sums, uint2 *all, uint2 mine)
{
    const uint item = get_local_id(0);
    uint2 before = 0;
    sums[item] = mine;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint step = 1; step < TILE_ITEMS; step *= 2) {
        const uint2 earlier = item >= step ? sums[item - step] : (uint2)0;
        barrier(CLK_LOCAL_MEM_FENCE);
        sums[item] += earlier;
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    *all = sums[TILE_ITEMS - 1];
    if (item > 0) before = sums[item - 1];
    barrier(CLK_LOCAL_MEM_FENCE);
    return before;
}

/* component_first becomes the first place of each component; segments of all components are laid out. One work-group.
 * totals: nonzeros of components, segments, rows for the dense path, nonzeros in all. */
__kernel void scan_nonzeros(uint components, __global uint *component_first, __global uint *segment_component,
                            __global uint *segment_first, __global uint *segment_end, __global uint *component_segment,
                            __global uint *totals)
{
    __local uint2 sums[TILE_ITEMS];
    const uint share = (components + TILE_ITEMS - 1) / TILE_ITEMS;
    const uint first = min(components, (uint)get_local_id(0) * share), end = min(components, first + share);
    uint2 mine = 0, all; /* nonzeros, segments */
    for (uint c = first; c < end; c++)
        mine += (uint2)(component_first[c], (component_first[c] + SEGMENT - 1) / SEGMENT);
    uint2 place = scan_items(sums, &all, mine);
    for (uint c = first; c < end; c++) {
        const uint last = place.x + component_first[c];
        component_first[c] = place.x;
        component_segment[c] = place.y;
        for (; place.x < last; place.x = min(last, place.x + SEGMENT), place.y++) {
            segment_component[place.y] = c;
            segment_first[place.y] = place.x;
            segment_end[place.y] = min(last, place.x + SEGMENT);
        }
    }
    if (get_local_id(0) == 0) {
        const uint dense_rows = component_first[components];
        component_first[components] = all.x;
        component_segment[components] = all.y;
        totals[0] = all.x;
        totals[1] = all.y;
        totals[2] = dense_rows;
        totals[3] = all.x + dense_rows;
    }
}

/* Bits of the map before this row's, in one component, whose first word is given. */
static inline uint rank_of_row(__local const uint *words, uint item)
{
    uint rank = popcount(words[item / 32 * RANGE] & ((1u << item % 32) - 1));
    for (uint word = 0; word < item / 32; word++) rank += popcount(words[word * RANGE]);
    return rank;
}

/* Moves nonzeros to their places, rows ascending within a component. */
__kernel void scatter_nonzeros(ARGUMENTS(GPU_SCATTER_ARGUMENTS))
{
    __local uint map[MAP_WORDS]; /* (ROW_WORDS, RANGE) */
    const uint item = get_local_id(0);
    const uint first = get_group_id(0) * block_rows, end = min(n, first + block_rows);
    __global uint *own_counts = column_counts + get_group_id(0) * (size_t)(components + 1);
    for (uint w = item; w < MAP_WORDS; w += TILE_ITEMS) map[w] = 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint row0 = first; row0 < end; row0 += TILE_ITEMS) {
        const uint row = row0 + item;
        cursor_t marks = cursor_of_row(row, end, row_capacity, counts, nonzero_components), places = marks;
        for (uint range = 0; range <= components; range += RANGE) {
            const uint behind = range + RANGE;
            for (; marks.next < marks.count && marks.components[marks.next] < behind; marks.next++)
                atomic_or(&map[item / 32 * RANGE + marks.components[marks.next] - range], 1u << item % 32);
            barrier(CLK_LOCAL_MEM_FENCE);
            for (; places.next < marks.next; places.next++) {
                const uint c = places.components[places.next];
                const uint place = component_first[c] + own_counts[c] + rank_of_row(map + (c - range), item);
                transposed_rows[place] = row;
                transposed_values[place] = nonzero_values[(size_t)row * row_capacity + places.next];
            }
            barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
            /* the next rows of the block follow these; the map is cleared */
            for (uint c = item; c < min((uint)RANGE, components + 1 - range); c += TILE_ITEMS) {
                uint count = 0;
                for (int word = 0; word < ROW_WORDS; word++) {
                    count += popcount(map[word * RANGE + c]);
                    map[word * RANGE + c] = 0;
                }
                own_counts[range + c] += count;
            }
            barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
        }
    }
}
