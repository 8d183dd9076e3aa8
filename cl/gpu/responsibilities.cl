/* gpu/responsibilities.cl - for each row of a batch: its log-normaliser and the few components that matter, ascending.
 * Group family: a work-group owns a tile of rows and walks all components, a strip at a time.
 *
 *     logz_i = log sum_k exp l_ik,   r_ik = exp(l_ik - logz_i)          for the k with l_ik >= max_k l_ik - spread
 *
 * (docs/math.md, equations 2, 3, 6). After each strip the rows' running maxima are raised; components that reach
 * maximum - spread are appended to the row's list in global memory. A full list loses what a larger maximum has made
 * negligible; a row that still keeps more than `capacity` gives the single entry (component = K): the dense path does
 * it. Exponentials are taken of the kept ones only.
 *
 *   per row in local memory:  norm | best | count | place of the strip's first survivor | survivors, a bit per component
 *   Bits give each survivor its rank, so that items append side by side and lists ascend.
 *
 *   KEEP_BEST  1: only the nearest component, responsibility 1, logz = - squared distance (k-means)
 */
#include "common/rows.cl"
#include "gpu/tile.cl"

#define MASK_WORDS ((STRIP + 31) / 32)
#define OVERFLOWED 0xffffffffu
#define NEVER      0x7f800000u /* infinity, as the maximum of a row that stays overflowed */

typedef struct list_t {
    __global uint *components; /* (capacity) */
    __global float *values;    /* (capacity) log-densities, at the end responsibilities */
} list_t;

typedef struct row_state_t {
    __local float *norms; /* (TILE_ROWS) |y|^2 */
    __local float *best;  /* (TILE_ROWS) largest log-density so far */
#if KEEP_BEST
    __local uint *nearest; /* (TILE_ROWS) its component */
#else
    __local uint *counts; /* (TILE_ROWS) entries kept, or OVERFLOWED */
    __local uint *places; /* (TILE_ROWS) where the strip's survivors begin; of an overflowed row its maximum's bits */
    __local uint *masks;  /* (TILE_ROWS, MASK_WORDS) the strip's survivors */
#endif
} row_state_t;

/* Where value x of a row lies while items exchange values: rotated, so that items that read a row each use different
 * banks. */
static inline uint exchange_place(uint row, uint x)
{
    return row * ACROSS + (x + row) % ACROSS;
}

/* Raises the rows' maxima by this strip's. Ends with a barrier. */
static inline void raise_maxima(const row_state_t *s, __local float4 *staging,
                                const float l[ITEM_ROWS][ITEM_COMPONENTS], uint item)
{
    __local float *exchange = (__local float *)staging;
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE); /* the last slab is done with; lists are written */
#pragma unroll
    for (int i = 0; i < ITEM_ROWS; i++) {
        float highest = l[i][0];
#pragma unroll
        for (int j = 1; j < ITEM_COMPONENTS; j++) highest = fmax(highest, l[i][j]);
        exchange[exchange_place(row_of(item, i), item % ACROSS)] = highest;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint row = item; row < TILE_ROWS; row += TILE_ITEMS) {
        float highest = exchange[exchange_place(row, 0)];
        for (uint x = 1; x < ACROSS; x++) highest = fmax(highest, exchange[exchange_place(row, x)]);
#if KEEP_BEST
        if (highest > s->best[row]) s->nearest[row] = UINT_MAX;
#else
        for (int word = 0; word < MASK_WORDS; word++) s->masks[row * MASK_WORDS + word] = 0;
#endif
        s->best[row] = fmax(s->best[row], highest);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

#if KEEP_BEST
/* The lowest component that has the maximum; one of an earlier strip is lower than all of this one's. */
static inline void find_nearest(const row_state_t *s, const float l[ITEM_ROWS][ITEM_COMPONENTS], uint strip, uint item)
{
#pragma unroll
    for (int i = 0; i < ITEM_ROWS; i++) {
        const uint row = row_of(item, i);
        const float best = s->best[row];
#pragma unroll
        for (int j = 0; j < ITEM_COMPONENTS; j++)
            if (l[i][j] == best) atomic_min(&s->nearest[row], strip * STRIP + component_of(item, j));
    }
}
#else
/* Sets the bits of components that reach their row's threshold. */
static inline void mark_survivors(const row_state_t *s, const float l[ITEM_ROWS][ITEM_COMPONENTS], float spread,
                                  uint item)
{
#pragma unroll
    for (int i = 0; i < ITEM_ROWS; i++) {
        const uint row = row_of(item, i);
        const float threshold = s->best[row] - spread;
#pragma unroll
        for (int j = 0; j < ITEM_COMPONENTS; j += 4) {
            const uint first = component_of(item, j);
            const uint bits = (l[i][j] >= threshold) | (l[i][j + 1] >= threshold) << 1 |
                              (l[i][j + 2] >= threshold) << 2 | (l[i][j + 3] >= threshold) << 3;
            if (bits) atomic_or(&s->masks[row * MASK_WORDS + first / 32], bits << first % 32);
        }
    }
}

enum { LIST_STEP = 4 }; /* entries that are read together, for the latency of global memory */

/* Drops entries that a larger maximum has made negligible; keeps the order. */
static inline uint compact(list_t list, uint count, float threshold)
{
    uint kept = 0;
    for (uint first = 0; first < count; first += LIST_STEP) {
        float value[LIST_STEP];
        uint component[LIST_STEP];
#pragma unroll
        for (int j = 0; j < LIST_STEP; j++) {
            value[j] = list.values[min(first + j, count - 1)];
            component[j] = list.components[min(first + j, count - 1)];
        }
#pragma unroll
        for (int j = 0; j < LIST_STEP; j++)
            if (first + j < count && value[j] >= threshold) {
                list.values[kept] = value[j];
                list.components[kept] = component[j];
                kept++;
            }
    }
    return kept;
}

/* Counts the row's survivors and makes room for them. A row that has none is marked, and nothing is appended to it,
 * until a maximum makes all that was negligible: components far away may be many before the near ones come. */
static inline void make_room(const row_state_t *s, uint row, list_t list, uint capacity, float spread)
{
    __local uint *mask = s->masks + row * MASK_WORDS;
    uint count = s->counts[row], more = 0;
    for (int word = 0; word < MASK_WORDS; word++) more += popcount(mask[word]);
    if (count == OVERFLOWED && s->best[row] > as_float(s->places[row]) + spread) count = 0;
    if (count != OVERFLOWED && count + more > capacity) count = compact(list, count, s->best[row] - spread);
    if (count == OVERFLOWED || count + more > capacity) {
        for (int word = 0; word < MASK_WORDS; word++) mask[word] = 0;
        s->counts[row] = OVERFLOWED;
        if (count != OVERFLOWED || s->places[row] != NEVER) s->places[row] = as_uint(s->best[row]);
    } else {
        s->places[row] = count;
        s->counts[row] = count + more;
    }
}

/* Each survivor to its place in the row's list. */
static inline void append_survivors(const row_state_t *s, const float l[ITEM_ROWS][ITEM_COMPONENTS], list_t lists,
                                    uint row0, uint capacity, uint strip, uint item)
{
#pragma unroll
    for (int i = 0; i < ITEM_ROWS; i++) {
        const uint row = row_of(item, i);
        __local const uint *mask = s->masks + row * MASK_WORDS;
#pragma unroll
        for (int j = 0; j < ITEM_COMPONENTS; j += 4) {
            const uint first = component_of(item, j), word = first / 32, bits = mask[word] >> first % 32 & 15;
            if (!bits) continue;
            uint place = s->places[row] + popcount(mask[word] & ((1u << first % 32) - 1));
            for (uint before = 0; before < word; before++) place += popcount(mask[before]);
            size_t entry = (size_t)(row0 + row) * capacity + place;
#pragma unroll
            for (int b = 0; b < 4; b++)
                if (bits >> b & 1) {
                    lists.components[entry] = strip * STRIP + first + b;
                    lists.values[entry] = l[i][j + b];
                    entry++;
                }
        }
    }
}

/* Kept log-densities -> responsibilities; returns the log-normaliser. */
static inline float normalise(list_t list, uint count, float highest)
{
    float sum = 0.0f;
    for (uint first = 0; first < count; first += LIST_STEP) {
        float value[LIST_STEP];
#pragma unroll
        for (int j = 0; j < LIST_STEP; j++) value[j] = list.values[min(first + j, count - 1)];
#pragma unroll
        for (int j = 0; j < LIST_STEP; j++)
            if (first + j < count) sum += exp(value[j] - highest);
    }
    const float factor = 1.0f / sum;
    for (uint q = 0; q < count; q++) list.values[q] = exp(list.values[q] - highest) * factor;
    return highest + log(sum);
}
#endif

/* Rows first_row .. first_row + TILE_ROWS x groups - 1 of the batch's n. */
__kernel void responsibilities(__global const row_t *rows, ulong first_element, uint first_row, uint n,
                               __global const float *shift, __global const float *packed, __global const float *scale,
                               __global const float *offset, __global const uint *is_exact, uint strips,
                               uint components, float spread, uint capacity, __global float *logz,
                               __global uint *counts, __global uint *list_components, __global float *list_values)
{
    __local float4 staging[STAGING_VECTORS];
    __local float norms[TILE_ROWS], best[TILE_ROWS];
#if KEEP_BEST
    __local uint nearest[TILE_ROWS];
    const row_state_t s = {norms, best, nearest};
#else
    __local uint kept[TILE_ROWS], places[TILE_ROWS], masks[TILE_ROWS * MASK_WORDS];
    const row_state_t s = {norms, best, kept, places, masks};
#endif
    const uint item = get_local_id(0), row0 = first_row + get_group_id(0) * TILE_ROWS;
    const components_t c = {packed, scale, offset, is_exact, strips};
    float l[ITEM_ROWS][ITEM_COMPONENTS];
    tile_rows_t tile;
    tile.rows = rows;
    tile.shift = shift;
#pragma unroll
    for (int load = 0; load < ROW_LOADS; load++)
        tile.starts[load] = first_element + (ulong)min(row0 + loaded_row(item, load), n - 1) * DIMS;
    for (uint row = item; row < TILE_ROWS; row += TILE_ITEMS) {
        best[row] = PADDING;
#if KEEP_BEST
        nearest[row] = 0;
#else
        kept[row] = row0 + row < n ? 0 : OVERFLOWED; /* rows behind the last keep nothing */
        s.places[row] = NEVER;
#endif
    }
    row_norms(norms, staging, &tile, item);

    for (uint strip = 0; strip < strips; strip++) {
        /* The item again; compilers cannot know, and so do not keep a hundred addresses that depend on it in registers
         * throughout the loop. */
        const uint here = item ^ strip >> 31;
        tile_log_densities(l, staging, norms, &tile, &c, strip, here);
        raise_maxima(&s, staging, l, here);
#if KEEP_BEST
        find_nearest(&s, l, strip, here);
#else
        mark_survivors(&s, l, spread, here);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (uint row = here; row < TILE_ROWS; row += TILE_ITEMS) {
            const size_t start = (size_t)(row0 + row) * capacity;
            const list_t list = {list_components + start, list_values + start};
            make_room(&s, row, list, capacity, spread);
        }
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE); /* entries move when room is made */
        const list_t lists = {list_components, list_values};
        append_survivors(&s, l, lists, row0, capacity, strip, here);
#endif
    }
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);

    for (uint i = item; i < TILE_ROWS; i += TILE_ITEMS) {
        const size_t row = row0 + i;
        const list_t list = {list_components + row * capacity, list_values + row * capacity};
        if (row >= n) break;
#if KEEP_BEST
        list.components[0] = nearest[i];
        list.values[0] = 1.0f;
        counts[row] = 1;
        logz[row] = best[i];
#else
        if (kept[i] == OVERFLOWED) {
            list.components[0] = components;
            list.values[0] = 0.0f;
            counts[row] = 1;
            logz[row] = 0.0f;
        } else {
            counts[row] = compact(list, kept[i], best[i] - spread);
            logz[row] = normalise(list, counts[row], best[i]);
        }
#endif
    }
}
