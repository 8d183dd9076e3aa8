/* gpu/transpose.cl - lists by row -> lists by component: a stable counting sort, so that every sum has a fixed order.
 * Group family: what cpu/transpose.cl does, side by side.
 *
 *   rows of a batch, in blocks of block_rows        bins: components 0..K-1, then bin K = rows for the dense path
 *     row 0: (3, .9) (7, .1)                        sorted: (row, r) of component 0, of component 1, ...
 *     row 1: (3, 1.)                                each component is cut into chunks of at most CHUNK entries, which
 *                                                   are summed apart and joined in order
 *
 * A row holds a component at most once, and ascending. So a work-group takes TILE_ITEMS rows, one per item, and walks a
 * range of components at a time: each item marks its row's components in a bitmap (component, row) in local memory, and
 * an entry's rank among the entries of its component is the number of bits before its own. No atomic's order matters.
 *
 *   CHUNK       entries summed in float before the sum is carried into a wider one
 *   TILE_ITEMS  a multiple of 32
 * Local memory: 16 KiB.
 */
#include "common/prelude.cl"

#ifndef CHUNK
#error "CHUNK is not set"
#endif
#define ROW_WORDS (TILE_ITEMS / 32)
enum {
    MAP_WORDS = 4096,
    RANGE = MAP_WORDS / ROW_WORDS, /* components of a bitmap */
    SCAN_ACROSS = 16,              /* components that a group of scan_blocks has side by side */
    SCAN_DOWN = TILE_ITEMS / SCAN_ACROSS
};

/* An item's row and how far its list has been walked. */
typedef struct cursor_t {
    __global const uint *components; /* (capacity) */
    uint count, next;
} cursor_t;

static inline cursor_t cursor_of_row(uint row, uint end, uint capacity, __global const uint *counts,
                                     __global const uint *list_components)
{
    cursor_t c;
    c.components = list_components + (size_t)row * capacity;
    c.count = row < end ? counts[row] : 0;
    c.next = 0;
    return c;
}

/* bins (blocks, K+1): how many entries of the block's rows each component has. */
__kernel void count_entries(uint n, uint block_rows, uint components, uint capacity, __global const uint *counts,
                            __global const uint *list_components, __global uint *bins)
{
    __local uint count[MAP_WORDS];
    const uint item = get_local_id(0);
    const uint first = get_group_id(0) * block_rows, end = min(n, first + block_rows);
    __global uint *bin = bins + get_group_id(0) * (size_t)(components + 1);
    for (uint range = 0; range <= components; range += MAP_WORDS) {
        const uint here = min((uint)MAP_WORDS, components + 1 - range);
        for (uint k = item; k < here; k += TILE_ITEMS) count[k] = 0;
        barrier(CLK_LOCAL_MEM_FENCE);
        for (uint row = first + item; row < end; row += TILE_ITEMS)
            for (uint q = 0; q < counts[row]; q++) {
                const uint k = list_components[(size_t)row * capacity + q] - range;
                if (k < here) atomic_inc(&count[k]);
            }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (uint k = item; k < here; k += TILE_ITEMS) bin[range + k] = count[k];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
}

/* bins become the number of a component's entries in the blocks before; component_first (K+1): its entries in all.
 * A group has SCAN_ACROSS components; its items share the blocks. */
__kernel void scan_blocks(uint blocks, uint components, __global uint *bins, __global uint *component_first)
{
    __local uint sums[SCAN_DOWN][SCAN_ACROSS];
    const uint x = get_local_id(0) % SCAN_ACROSS, y = get_local_id(0) / SCAN_ACROSS;
    const uint k = get_group_id(0) * SCAN_ACROSS + x, share = (blocks + SCAN_DOWN - 1) / SCAN_DOWN;
    const uint first = min(blocks, y * share), end = k <= components ? min(blocks, first + share) : first;
    __global uint *bin = bins + k;
    const size_t pitch = (size_t)components + 1;
    uint sum = 0;
    for (uint block = first; block < end; block++) sum += bin[block * pitch];
    sums[y][x] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    uint place = 0;
    for (uint before = 0; before < y; before++) place += sums[before][x];
    for (uint block = first; block < end; block++) {
        const uint count = bin[block * pitch];
        bin[block * pitch] = place;
        place += count;
    }
    if (y == SCAN_DOWN - 1 && k <= components) component_first[k] = place;
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

/* component_first becomes the first place of each component; chunks of all components are laid out. One work-group.
 * totals: entries of components, chunks, rows for the dense path, entries in all. */
__kernel void scan_entries(uint components, __global uint *component_first, __global uint *chunk_component,
                           __global uint *chunk_first, __global uint *chunk_end, __global uint *component_chunk,
                           __global uint *totals)
{
    __local uint2 sums[TILE_ITEMS];
    const uint share = (components + TILE_ITEMS - 1) / TILE_ITEMS;
    const uint first = min(components, (uint)get_local_id(0) * share), end = min(components, first + share);
    uint2 mine = 0, all; /* entries, chunks */
    for (uint k = first; k < end; k++)
        mine += (uint2)(component_first[k], (component_first[k] + CHUNK - 1) / CHUNK);
    uint2 place = scan_items(sums, &all, mine);
    for (uint k = first; k < end; k++) {
        const uint last = place.x + component_first[k];
        component_first[k] = place.x;
        component_chunk[k] = place.y;
        for (; place.x < last; place.x = min(last, place.x + CHUNK), place.y++) {
            chunk_component[place.y] = k;
            chunk_first[place.y] = place.x;
            chunk_end[place.y] = min(last, place.x + CHUNK);
        }
    }
    if (get_local_id(0) == 0) {
        const uint dense_rows = component_first[components];
        component_first[components] = all.x;
        component_chunk[components] = all.y;
        totals[0] = all.x;
        totals[1] = all.y;
        totals[2] = dense_rows;
        totals[3] = all.x + dense_rows;
    }
}

/* Bits of the map before this row's, in one component. */
static inline uint rank_of_row(__local const uint *words, uint item)
{
    uint rank = popcount(words[item / 32] & ((1u << item % 32) - 1));
    for (uint word = 0; word < item / 32; word++) rank += popcount(words[word]);
    return rank;
}

/* Entries to their places, rows ascending within a component. */
__kernel void scatter_entries(uint n, uint block_rows, uint components, uint capacity, __global const uint *counts,
                              __global const uint *list_components, __global const float *list_values,
                              __global uint *bins, __global const uint *component_first, __global uint *sorted_rows,
                              __global float *sorted_values)
{
    __local uint map[MAP_WORDS]; /* (RANGE, ROW_WORDS) */
    const uint item = get_local_id(0);
    const uint first = get_group_id(0) * block_rows, end = min(n, first + block_rows);
    __global uint *bin = bins + get_group_id(0) * (size_t)(components + 1);
    for (uint w = item; w < MAP_WORDS; w += TILE_ITEMS) map[w] = 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint row0 = first; row0 < end; row0 += TILE_ITEMS) {
        const uint row = row0 + item;
        cursor_t marks = cursor_of_row(row, end, capacity, counts, list_components), places = marks;
        for (uint range = 0; range <= components; range += RANGE) {
            const uint behind = range + RANGE;
            for (; marks.next < marks.count && marks.components[marks.next] < behind; marks.next++)
                atomic_or(&map[(marks.components[marks.next] - range) * ROW_WORDS + item / 32], 1u << item % 32);
            barrier(CLK_LOCAL_MEM_FENCE);
            for (; places.next < marks.next; places.next++) {
                const uint k = places.components[places.next];
                const uint place = component_first[k] + bin[k] + rank_of_row(map + (k - range) * ROW_WORDS, item);
                sorted_rows[place] = row;
                sorted_values[place] = list_values[(size_t)row * capacity + places.next];
            }
            barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
            /* the next rows of the block come behind these; the map is emptied */
            for (uint k = item; k < min((uint)RANGE, components + 1 - range); k += TILE_ITEMS) {
                uint count = 0;
                for (int word = 0; word < ROW_WORDS; word++) {
                    count += popcount(map[k * ROW_WORDS + word]);
                    map[k * ROW_WORDS + word] = 0;
                }
                bin[range + k] += count;
            }
            barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
        }
    }
}
