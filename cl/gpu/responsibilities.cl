/* gpu/responsibilities.cl - for each row of a batch: its log-normaliser and its sparse responsibilities, components
 * ascending. GPUs: a work-group owns a tile of rows and walks all components, a panel at a time. The leaf includes the
 * log-densities, tile_log_densities of gpu/distances.cl or gpu/distances_full.cl, before this file.
 *
 *     logz_i = log sum_k exp l_ik,   r_ik = exp(l_ik - logz_i)          for the k with l_ik >= max_k l_ik - cutoff
 *
 * (docs/math.md, equations 2, 3, 6). After each panel the rows' running maxima are raised; components that reach
 * maximum - cutoff are appended to the sparse row in global memory. A full row drops what a larger maximum has made
 * negligible; a row that still keeps more than row_capacity components gives the single nonzero (component = K): it
 * then takes the dense path. Exponentials are taken only of what is kept.
 *
 *   per row in local memory:  norm | best | count | place of the panel's first survivor | a bit per component
 *   Bits give each survivor its rank, so that items append side by side and components ascend.
 *
 *   HARD_ASSIGNMENT  1: only the nearest component, responsibility 1, logz = - squared distance (k-means)
 */
#include "common/arguments.cl"
#include "arguments/responsibilities.h"
#include "common/rows.cl"
#include "gpu/tile.cl"

#define MASK_WORDS ((PANEL + 31) / 32)
#define OVERFLOWED 0xffffffffu
#define NEVER      0x7f800000u /* infinity, as the maximum of a row that stays overflowed */

typedef struct sparse_row_t {
    __global uint *components; /* (row_capacity) */
    __global float *values;    /* (row_capacity) log-densities, at the end responsibilities */
} sparse_row_t;

typedef struct row_state_t {
    __local float *norms; /* (TILE_ROWS) |y|^2 */
    __local float *best;  /* (TILE_ROWS) largest log-density so far */
#if HARD_ASSIGNMENT
    __local uint *nearest; /* (TILE_ROWS) its component */
#else
    __local uint *counts; /* (TILE_ROWS) nonzeros kept, or OVERFLOWED */
    __local uint *places; /* (TILE_ROWS) where the panel's survivors begin; of an overflowed row its maximum's bits */
    __local uint *masks;  /* (TILE_ROWS, MASK_WORDS) the panel's survivors */
#endif
} row_state_t;

/* Where value x of a row lies while items exchange values: rotated, so that items that read a row each use different
 * banks. */
static inline uint exchange_place(uint row, uint x)
{
    return row * ACROSS + (x + row) % ACROSS;
}

/* Raises the rows' maxima by this panel's. Ends with a barrier. */
static inline void raise_maxima(const row_state_t *s, __local float4 *staging,
                                const float l[ITEM_ROWS][ITEM_COMPONENTS], uint item)
{
    __local float *exchange = (__local float *)staging;
    barrier(CLK_LOCAL_MEM_FENCE |
            CLK_GLOBAL_MEM_FENCE); /* the last slab is no longer needed; sparse rows are written */
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
#if HARD_ASSIGNMENT
        if (highest > s->best[row]) s->nearest[row] = UINT_MAX;
#else
        for (int word = 0; word < MASK_WORDS; word++) s->masks[row * MASK_WORDS + word] = 0;
#endif
        s->best[row] = fmax(s->best[row], highest);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

#if HARD_ASSIGNMENT
/* The lowest component that has the maximum; one of an earlier panel is lower than all of this one's. */
static inline void find_nearest(const row_state_t *s, const float l[ITEM_ROWS][ITEM_COMPONENTS], uint panel, uint item)
{
#pragma unroll
    for (int i = 0; i < ITEM_ROWS; i++) {
        const uint row = row_of(item, i);
        const float best = s->best[row];
#pragma unroll
        for (int j = 0; j < ITEM_COMPONENTS; j++)
            if (l[i][j] == best) atomic_min(&s->nearest[row], panel * PANEL + component_of(item, j));
    }
}
#else
/* Sets the bits of components that reach their row's threshold. */
static inline void mark_survivors(const row_state_t *s, const float l[ITEM_ROWS][ITEM_COMPONENTS], float cutoff,
                                  uint item)
{
#pragma unroll
    for (int i = 0; i < ITEM_ROWS; i++) {
        const uint row = row_of(item, i);
        const float threshold = s->best[row] - cutoff;
#pragma unroll
        for (int j = 0; j < ITEM_COMPONENTS; j += 4) {
            const uint first = component_of(item, j);
            const uint bits = (l[i][j] >= threshold) | (l[i][j + 1] >= threshold) << 1 |
                              (l[i][j + 2] >= threshold) << 2 | (l[i][j + 3] >= threshold) << 3;
            if (bits) atomic_or(&s->masks[row * MASK_WORDS + first / 32], bits << first % 32);
        }
    }
}

enum { STEP = 4 }; /* nonzeros that are read together, for the latency of global memory */

/* Drops nonzeros that a larger maximum has made negligible; keeps the order. */
static inline uint compact(sparse_row_t list, uint count, float threshold)
{
    uint kept = 0;
    for (uint first = 0; first < count; first += STEP) {
        float value[STEP];
        uint component[STEP];
#pragma unroll
        for (int j = 0; j < STEP; j++) {
            value[j] = list.values[min(first + j, count - 1)];
            component[j] = list.components[min(first + j, count - 1)];
        }
#pragma unroll
        for (int j = 0; j < STEP; j++)
            if (first + j < count && value[j] >= threshold) {
                list.values[kept] = value[j];
                list.components[kept] = component[j];
                kept++;
            }
    }
    return kept;
}

/* Counts the row's survivors and makes place for them. A row that has none is marked, and nothing is appended to it,
 * until a maximum makes all that was negligible: components far away may be many before the near ones come. */
static inline void make_place(const row_state_t *s, uint row, sparse_row_t list, uint row_capacity, float cutoff)
{
    __local uint *mask = s->masks + row * MASK_WORDS;
    uint count = s->counts[row], more = 0;
    for (int word = 0; word < MASK_WORDS; word++) more += popcount(mask[word]);
    if (count == OVERFLOWED && s->best[row] > as_float(s->places[row]) + cutoff) count = 0;
    if (count != OVERFLOWED && count + more > row_capacity) count = compact(list, count, s->best[row] - cutoff);
    if (count == OVERFLOWED || count + more > row_capacity) {
        for (int word = 0; word < MASK_WORDS; word++) mask[word] = 0;
        s->counts[row] = OVERFLOWED;
        if (count != OVERFLOWED || s->places[row] != NEVER) s->places[row] = as_uint(s->best[row]);
    } else {
        s->places[row] = count;
        s->counts[row] = count + more;
    }
}

/* Writes each survivor to its place in the sparse row. */
static inline void append_survivors(const row_state_t *s, const float l[ITEM_ROWS][ITEM_COMPONENTS], sparse_row_t lists,
                                    uint row0, uint row_capacity, uint panel, uint item)
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
            size_t nonzero = (size_t)(row0 + row) * row_capacity + place;
#pragma unroll
            for (int b = 0; b < 4; b++)
                if (bits >> b & 1) {
                    lists.components[nonzero] = panel * PANEL + first + b;
                    lists.values[nonzero] = l[i][j + b];
                    nonzero++;
                }
        }
    }
}

/* Turns kept log-densities into responsibilities; returns the log-normaliser. */
static inline float normalise(sparse_row_t list, uint count, float highest)
{
    float sum = 0.0f;
    for (uint first = 0; first < count; first += STEP) {
        float value[STEP];
#pragma unroll
        for (int j = 0; j < STEP; j++) value[j] = list.values[min(first + j, count - 1)];
#pragma unroll
        for (int j = 0; j < STEP; j++)
            if (first + j < count) sum += exp(value[j] - highest);
    }
    const float factor = 1.0f / sum;
    for (uint q = 0; q < count; q++) list.values[q] = exp(list.values[q] - highest) * factor;
    return highest + log(sum);
}
#endif

/* Rows first_row .. first_row + TILE_ROWS x groups - 1 of the batch's n. */
SUBGROUPS_OF_16 __kernel void responsibilities(ARGUMENTS(GPU_SPARSE_ARGUMENTS))
{
    __local float4 staging[STAGING_VECTORS];
    __local float norms[TILE_ROWS], best[TILE_ROWS];
#if HARD_ASSIGNMENT
    __local uint nearest[TILE_ROWS];
    const row_state_t s = {norms, best, nearest};
#else
    __local uint kept[TILE_ROWS], places[TILE_ROWS], masks[TILE_ROWS * MASK_WORDS];
    const row_state_t s = {norms, best, kept, places, masks};
#endif
    const uint item = get_local_id(0), row0 = first_row + get_group_id(0) * TILE_ROWS;
    const components_t c = {packed, scale, offset, is_exact, panels};
    float l[ITEM_ROWS][ITEM_COMPONENTS];
    tile_rows_t tile;
    tile.rows = rows;
    tile.shift = shift;
#pragma unroll
    for (int load = 0; load < ROW_LOADS; load++)
        tile.starts[load] = first_element + (ulong)min(row0 + loaded_row(item, load), n - 1) * DIMS;
    for (uint row = item; row < TILE_ROWS; row += TILE_ITEMS) {
        best[row] = PADDING;
#if HARD_ASSIGNMENT
        nearest[row] = 0;
#else
        kept[row] = row0 + row < n ? 0 : OVERFLOWED; /* rows beyond the last keep nothing */
        s.places[row] = NEVER;
#endif
    }
    row_norms(norms, staging, &tile, item);

    for (uint panel = 0; panel < panels; panel++) {
        /* The item again; compilers cannot know, and so do not keep a hundred addresses that depend on it in registers
         * throughout the loop. */
        const uint here = item ^ panel >> 31;
        tile_log_densities(l, staging, norms, &tile, &c, panel, here);
        raise_maxima(&s, staging, l, here);
#if HARD_ASSIGNMENT
        find_nearest(&s, l, panel, here);
#else
        mark_survivors(&s, l, cutoff, here);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (uint row = here; row < TILE_ROWS; row += TILE_ITEMS) {
            const size_t start = (size_t)(row0 + row) * row_capacity;
            const sparse_row_t list = {nonzero_components + start, nonzero_values + start};
            make_place(&s, row, list, row_capacity, cutoff);
        }
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE); /* nonzeros move when place is made */
        const sparse_row_t lists = {nonzero_components, nonzero_values};
        append_survivors(&s, l, lists, row0, row_capacity, panel, here);
#endif
    }
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);

    for (uint i = item; i < TILE_ROWS; i += TILE_ITEMS) {
        const size_t row = row0 + i;
        const sparse_row_t list = {nonzero_components + row * row_capacity, nonzero_values + row * row_capacity};
        if (row >= n) break;
#if HARD_ASSIGNMENT
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
            counts[row] = compact(list, kept[i], best[i] - cutoff);
            logz[row] = normalise(list, counts[row], best[i]);
        }
#endif
    }
}
