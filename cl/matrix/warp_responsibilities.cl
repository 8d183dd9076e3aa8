/* matrix/warp_responsibilities.cl - for each row of a batch: its log-normaliser and its sparse responsibilities,
 * components ascending. Matrix units of GPUs: a warp owns 16 or 32 rows, keeps their operands in registers and walks
 * all components; the warps of a work-group share the means, a panel of 32 components at a time.
 *
 *     l_ik = c_k - h_k (|y_i|^2 - y_i.2m_k),   y.2m = sum over terms s, t of  y^(s) . 2m^(t),   c_k holds - h_k |m_k|^2
 *
 * (docs/math.md, equations 1 and 7 and "Split operands"). Rows and means are sums of f16 terms: means of two, rows of
 * one where they are whole numbers of a byte, else of two. Products of both second terms are left out; the small
 * products come first, since the unit's sums are cut off, not rounded. Each mean, and each row of two terms, is scaled
 * by a power of two that brings its largest number to 2^11 .. 2^12. Panels whose terms are 0 take differences.
 *
 * The headers matrix/nvidia.h and matrix/warp.h hide the unit behind these functions, which all lanes call together.
 * The leaf includes one of them before this file:
 *   warp_begin          the lane, and local memory through which lanes may talk
 *   warp_pack, _unpack  two f16 in 32 bits, to nearest
 *   warp_publish        tells the other lanes a fragment of rows; a barrier follows
 *   warp_columns        a lane's part of a fragment of means: 8 components by 2 x 16 dimensions, [32] in local memory
 *   warp_multiply       c += rows columns, 16 rows by 8 components by the first or the second 16 dimensions
 *   warp_swap           the number of the lane whose index differs by mask
 *   warp_copy, _commit, _wait   16 bytes from global to local memory, in the background
 *
 * Lane = 4 g + q has of a fragment:
 *   rows     g, g + 8    dimensions 4 q .. 4 q + 3       four pairs: (g, 4 q), (g + 8, 4 q), (g, 4 q + 2), ...
 *   means    component g, dimensions 4 q .. 4 q + 3 of both halves: 16 bytes
 *   c        rows g, g, g + 8, g + 8; components 2 q, 2 q + 1, 2 q, 2 q + 1
 * The unit takes any order of dimensions that rows and means agree on; this one lets a lane load four neighbours.
 *
 *   panel of means    [4 fragments][MEAN_TERMS][PAIRS][32] 16 bytes, then [32] float4 (h, scale of the mean, c, 0)
 *   nonzeros          by row and quarter of lanes: [work-groups][LANE_CAPACITY + 1][WARP_TILE_ROWS][4]
 *                     (component, value); the last is the largest value that a list has dropped for lack of room
 *   A lane has a list of its own for each row, which needs no votes; each ascends, and is merged with the row's three
 *   others at the end. A list that stays full drops its smaller values and goes on: components far away may be many before
 *   the near ones come. Only where these do not make all that was dropped negligible, the row takes the dense path.
 *
 *   LANE_CAPACITY    nonzeros that a lane can hold of a row;  the others: matrix/warp_tile.cl
 *   HARD_ASSIGNMENT  1: only the nearest component, responsibility 1, logz = - squared distance (k-means)
 * Local memory: 4 KiB per 16 dimensions and 1 KiB. Rows: DIMS at most 128, for the registers.
 */
#include "common/arguments.cl"
#include "arguments/responsibilities.h"
#include "matrix/warp_tile.cl"

enum { GIVEN_UP = LANE_CAPACITY + 1, LANE_COMPONENTS = 2 * ACROSS /* of a row at a time */ };

/* A lane's rows, as the unit wants them. */
typedef struct warp_rows_t {
    uint a[ROW_TERMS][DOWN][SLICES][4];
    float norms[LANE_ROWS];  /* |y|^2 */
    float scales[LANE_ROWS]; /* y = scale x terms */
} warp_rows_t;

/* Where rows are. */
typedef struct row_place_t {
    __global const row_t *rows;
    __global const float *shift;
    size_t first_element;
    uint first, last; /* the lane's first row, and the batch's last */
} row_place_t;

static inline float quad_max(const warp_t *w, float x)
{
    x = fmax(x, as_float(warp_swap(w, as_uint(x), 1)));
    return fmax(x, as_float(warp_swap(w, as_uint(x), 2)));
}

static inline float quad_sum(const warp_t *w, float x)
{
    x += as_float(warp_swap(w, as_uint(x), 1));
    return x + as_float(warp_swap(w, as_uint(x), 2));
}

/* ---- rows ---- */

/* Four dimensions from 4 v of the lane's row r; beyond the last row this is the last. */
static inline float4 four_dimensions(const row_place_t *p, int r, int v)
{
    const size_t start = p->first_element + (size_t)min(p->first + r * 8, p->last) * DIMS;
    return v < ROW_VECTORS ? shifted_vector(p->rows, start, p->shift, v) : (float4)0.0f;
}

/* |y|^2 of the lane's row r, and the power of two that scales it. */
static inline void measure_row(warp_rows_t *rows, const warp_t *w, const row_place_t *p, int r)
{
    float4 squares = 0.0f, largest = 0.0f;
    WARP_UNROLL
    for (int slice = 0; slice < SLICES; slice++) {
        const float4 y = four_dimensions(p, r, slice * 4 + w->lane % 4);
        squares = mad(y, y, squares);
        largest = fmax(largest, fabs(y));
    }
    rows->norms[r] = quad_sum(w, sum_lanes(squares));
    rows->scales[r] = 1.0f;
#if ROW_TYPE > 1
    const uint exponent = as_uint(quad_max(w, max_lanes(largest))) >> 23;
    rows->scales[r] = as_float((clamp(exponent, 27u, 227u) - 11) << 23);
#endif
}

static inline void split_row(warp_rows_t *rows, const warp_t *w, const row_place_t *p, int r)
{
    const float factor = as_float((254u << 23) - as_uint(rows->scales[r])); /* 1 / scale, exactly */
    WARP_UNROLL
    for (int slice = 0; slice < SLICES; slice++) {
        float4 y = four_dimensions(p, r, slice * 4 + w->lane % 4) * factor;
        WARP_UNROLL
        for (int term = 0; term < ROW_TERMS; term++) {
            uint *a = rows->a[term][r / 2][slice];
            a[r % 2] = warp_pack(y.x, y.y);
            a[r % 2 + 2] = warp_pack(y.z, y.w);
            y -= (float4)(warp_unpack(a[r % 2]), warp_unpack(a[r % 2 + 2]));
        }
    }
}

/* Ends with a barrier. */
static inline void load_rows(warp_rows_t *rows, const warp_t *w, const row_place_t *p)
{
    WARP_UNROLL
    for (int r = 0; r < LANE_ROWS; r++) {
        measure_row(rows, w, p, r);
        split_row(rows, w, p, r);
    }
    WARP_UNROLL
    for (int fragment = 0; fragment < ROW_FRAGMENTS; fragment++)
        warp_publish(w, fragment,
                     rows->a[fragment / SLICES / DOWN][fragment / SLICES % DOWN][fragment % SLICES]);
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* ---- squared distances of the warp's rows and 16 components ---- */

/* sums += the products of one term of rows with one of means. */
static inline void add_terms(float sums[DOWN][ACROSS][4], const warp_t *w, const warp_rows_t *rows,
                             __local const uint4 *panel, int row_term, int mean_term, int pair)
{
    columns_t b[ACROSS];
    WARP_UNROLL
    for (int n = 0; n < ACROSS; n++)
        b[n] = warp_columns(w, panel + ((n * MEAN_TERMS + mean_term) * PAIRS + pair) * 32);
    WARP_UNROLL
    for (int second = 0; second < 2; second++) {
        const int slice = 2 * pair + second;
        WARP_UNROLL
        for (int n = 0; n < ACROSS; n++)
            WARP_UNROLL
            for (int m = 0; m < DOWN; m++)
                warp_multiply(sums[m][n], w, rows->a[row_term][m][slice],
                              (row_term * DOWN + m) * SLICES + slice, b[n], second);
    }
}

/* panel: its first fragment of the 16 components; constants: theirs. */
static inline void product_distances(float sums[DOWN][ACROSS][4], const warp_t *w, const warp_rows_t *rows,
                                     __local const uint4 *panel, __local const float4 *constants)
{
    WARP_UNROLL
    for (int pair = 0; pair < PAIRS; pair++) {
        add_terms(sums, w, rows, panel, 0, 1, pair);
        if (ROW_TERMS > 1) add_terms(sums, w, rows, panel, ROW_TERMS - 1, 0, pair);
    }
    WARP_UNROLL
    for (int pair = 0; pair < PAIRS; pair++) add_terms(sums, w, rows, panel, 0, 0, pair);
    WARP_UNROLL
    for (int n = 0; n < ACROSS; n++)
        WARP_UNROLL
        for (int j = 0; j < 2; j++) {
            const float scale = constants[n * 8 + w->lane % 4 * 2 + j].y;
            WARP_UNROLL
            for (int r = 0; r < LANE_ROWS; r++) {
                float *sum = &sums[r / 2][n][r % 2 * 2 + j];
                *sum = rows->norms[r] - *sum * rows->scales[r] * scale;
            }
        }
}

/* component: the first of the 16. A row and a number at a time: more would push the fragments out of the registers. */
static inline void exact_distances(float sums[DOWN][ACROSS][4], const warp_t *w, const row_place_t *p,
                                   __global const float *means, uint component)
{
    __global const float *mean = means + (size_t)(component + w->lane % 4 * 2) * ROW_STRIDE;
    WARP_UNROLL
    for (int r = 0; r < LANE_ROWS; r++) {
        const size_t start = p->first_element + (size_t)min(p->first + r * 8, p->last) * DIMS;
#pragma unroll 1
        for (uint d = 0; d < DIMS; d++) {
            const float y = shifted_element(p->rows, start, p->shift, d);
            WARP_UNROLL
            for (int n = 0; n < ACROSS; n++)
                WARP_UNROLL
                for (int j = 0; j < 2; j++) {
                    const float t = y - mean[(n * 8 + j) * ROW_STRIDE + d];
                    float *sum = &sums[r / 2][n][r % 2 * 2 + j];
                    *sum = mad(t, t, *sum);
                }
        }
    }
}

/* Squared distances -> log-densities, in place; highest: of each row. */
static inline void to_log_densities(float l[DOWN][ACROSS][4], float highest[LANE_ROWS], const warp_t *w,
                                    __local const float4 *constants)
{
    WARP_UNROLL
    for (int r = 0; r < LANE_ROWS; r++) highest[r] = PADDING;
    WARP_UNROLL
    for (int n = 0; n < ACROSS; n++)
        WARP_UNROLL
        for (int j = 0; j < 2; j++) {
            const float4 own = constants[n * 8 + w->lane % 4 * 2 + j];
            const float lowest = fmin(own.z, FLOOR); /* padding keeps its place below the floor */
            WARP_UNROLL
            for (int r = 0; r < LANE_ROWS; r++) {
                float *place = &l[r / 2][n][r % 2 * 2 + j];
                *place = fmax(mad(-own.x, *place, own.z), lowest);
                highest[r] = fmax(highest[r], *place);
            }
        }
}

/* ---- sparse responsibilities ---- */

/* A lane's list of a row: nonzero e is NONZERO(list, e). */
#define NONZERO(list, e) (list)[(e) * (4 * WARP_TILE_ROWS)]
/* The largest log-density that it has dropped for lack of room, as bits. */
#define DROPPED(list) NONZERO(list, LANE_CAPACITY).y
#define MOST_NATS     64.0f /* no cutoff that leaves anything out is higher: log 2 (24 + 31) */

/* Drops nonzeros that a larger maximum has made negligible; keeps the order. */
static inline uint compact(__global uint2 *list, uint count, float threshold)
{
    uint kept = 0;
#pragma unroll 1
    for (uint e = 0; e < count; e++) {
        const uint2 nonzero = NONZERO(list, e);
        if (as_float(nonzero.y) >= threshold) NONZERO(list, kept++) = nonzero;
    }
    return kept;
}

/* Room for LANE_COMPONENTS more: drops what is negligible, and if need be what would be by half the cutoff, a quarter
 * of it and so on, in the end all. The list remembers how large that may have been. Returns how many are left. */
static inline uint make_place(__global uint2 *list, uint count, float best, float cutoff)
{
    uint kept = compact(list, count, best - cutoff);
    for (float tighter = fmin(cutoff, MOST_NATS) / 2; kept > LANE_CAPACITY - LANE_COMPONENTS; tighter /= 2) {
        const float threshold = tighter < 1.0f ? best : best - tighter;
        kept = tighter < 1.0f ? 0 : compact(list, kept, threshold);
        DROPPED(list) = as_uint(fmax(as_float(DROPPED(list)), threshold));
    }
    return kept;
}

/* A lane's results so far. Aligned as its vectors may be: PoCL puts those of all lanes side by side. */
typedef struct __attribute__((aligned(16))) kept_t {
    float best[LANE_ROWS];  /* largest log-density so far */
#if HARD_ASSIGNMENT
    uint nearest[LANE_ROWS]; /* its component */
#else
    uint counts; /* of nonzeros, at the end or GIVEN_UP: a byte a row, for the registers */
    uint place;  /* in the nonzeros, of the first row's list; 32 further that of the next */
#endif
} kept_t;

/* Where a batch's results go. */
typedef struct results_t {
    __global float *logz;
    __global uint *counts, *components;
    __global float *values;
    uint row_capacity;
} results_t;

#if HARD_ASSIGNMENT
/* The nearest of 16 components from `first` on; of equally near ones the lowest. */
static inline void keep_row(kept_t *kept, const float l[ACROSS][4], int r, uint first, float cutoff,
                            __global uint2 *nonzeros)
{
    WARP_UNROLL
    for (int n = 0; n < ACROSS; n++)
        WARP_UNROLL
        for (int j = 0; j < 2; j++)
            if (l[n][r % 2 * 2 + j] > kept->best[r]) {
                kept->best[r] = l[n][r % 2 * 2 + j];
                kept->nearest[r] = first + n * 8 + j;
            }
}
#else
static inline uint byte_of(uint counts, int r)
{
    return counts >> 8 * r & 255;
}

static inline void set_count(kept_t *kept, int r, uint count)
{
    kept->counts = (kept->counts & ~(255u << 8 * r)) | count << 8 * r;
}

/* Appends those of 16 components from `first` on that reach the threshold. */
static inline void keep_row(kept_t *kept, const float l[ACROSS][4], int r, uint first, float cutoff,
                            __global uint2 *nonzeros)
{
    const float threshold = kept->best[r] - cutoff;
    __global uint2 *list = nonzeros + kept->place + r * 32;
    uint count = byte_of(kept->counts, r);
    if (count > LANE_CAPACITY - LANE_COMPONENTS) count = make_place(list, count, kept->best[r], cutoff);
    WARP_UNROLL
    for (int n = 0; n < ACROSS; n++)
        WARP_UNROLL
        for (int j = 0; j < 2; j++) {
            const float value = l[n][r % 2 * 2 + j];
            if (value >= threshold) NONZERO(list, count++) = (uint2)(first + n * 8 + j, as_uint(value));
        }
    set_count(kept, r, count);
}

static inline void begin_lists(kept_t *kept, __global uint2 *nonzeros)
{
    kept->counts = 0;
    WARP_UNROLL
    for (int r = 0; r < LANE_ROWS; r++) DROPPED(nonzeros + kept->place + r * 32) = as_uint(PADDING);
}

/* Compacts the lane's lists, and gives up those that lack a component which matters. */
static inline void end_lists(kept_t *kept, float cutoff, __global uint2 *nonzeros)
{
    WARP_UNROLL
    for (int r = 0; r < LANE_ROWS; r++) {
        __global uint2 *list = nonzeros + kept->place + r * 32;
        const float threshold = kept->best[r] - cutoff;
        const uint count = compact(list, byte_of(kept->counts, r), threshold);
        set_count(kept, r, as_float(DROPPED(list)) >= threshold ? GIVEN_UP : count);
    }
}
#endif

/* Takes the log-densities of 16 components from `first` on; highest: of each row. */
static inline void keep(kept_t *kept, const float l[DOWN][ACROSS][4], const float highest[LANE_ROWS],
                        const warp_t *w, uint first, float cutoff, __global uint2 *nonzeros)
{
    WARP_UNROLL
    for (int r = 0; r < LANE_ROWS; r++) {
#if HARD_ASSIGNMENT
        if (highest[r] > kept->best[r]) keep_row(kept, l[r / 2], r, first + w->lane % 4 * 2, cutoff, nonzeros);
#else
        if (highest[r] >= kept->best[r] - cutoff) {
            kept->best[r] = fmax(kept->best[r], highest[r]);
            keep_row(kept, l[r / 2], r, first + w->lane % 4 * 2, cutoff, nonzeros);
        }
#endif
    }
}

/* What the four lanes of a row have found is joined in gather, row by row, and written in write_row. Lanes talk in the
 * former only, and part in the latter only. */
#if HARD_ASSIGNMENT
typedef struct gathered_t {
    uint nearest[LANE_ROWS];
    float best[LANE_ROWS];
} gathered_t;

/* The nearest component of each row. */
static inline void gather(gathered_t *found, const kept_t *kept, const warp_t *w, __global const uint2 *nonzeros)
{
    WARP_UNROLL
    for (int r = 0; r < LANE_ROWS; r++) {
        float best = kept->best[r];
        uint nearest = kept->nearest[r];
        for (uint mask = 1; mask <= 2; mask *= 2) {
            const float other = as_float(warp_swap(w, as_uint(best), mask));
            const uint others = warp_swap(w, nearest, mask);
            nearest = other > best || (other == best && others < nearest) ? others : nearest;
            best = fmax(best, other);
        }
        found->best[r] = best;
        found->nearest[r] = nearest;
    }
}

/* The lane's row r, which is row `row` of the batch. */
static inline void write_row(const results_t *to, const gathered_t *found, const kept_t *kept, const warp_t *w, int r,
                             uint row, uint components, __global const uint2 *nonzeros)
{
    if (w->lane % 4 != 0) return;
    to->components[(size_t)row * to->row_capacity] = found->nearest[r];
    to->values[(size_t)row * to->row_capacity] = 1.0f;
    to->counts[row] = 1;
    to->logz[row] = found->best[r];
}
#else
typedef struct gathered_t {
    float sums[LANE_ROWS]; /* relative to the row's largest */
    uint counts[4];        /* of the lanes that differ by 0, 1, 2 and 3: a byte a row, as kept */
} gathered_t;

/* Sum of the lane's nonzeros, relative to the row's largest. */
static inline float sum_nonzeros(__global const uint2 *list, uint count, float highest)
{
    float sum = 0.0f;
    for (uint e = 0; e < count; e++) sum += exp(as_float(NONZERO(list, e).y) - highest);
    return sum;
}

/* The sum of each row's nonzeros, and how many its four lanes have. */
static inline void gather(gathered_t *found, const kept_t *kept, const warp_t *w, __global const uint2 *nonzeros)
{
    WARP_UNROLL
    for (int r = 0; r < LANE_ROWS; r++) {
        const uint count = byte_of(kept->counts, r);
        __global const uint2 *list = nonzeros + kept->place + r * 32;
        found->sums[r] = quad_sum(w, sum_nonzeros(list, count == GIVEN_UP ? 0 : count, kept->best[r]));
    }
    found->counts[0] = kept->counts;
    WARP_UNROLL
    for (uint o = 1; o < 4; o++) found->counts[o] = warp_swap(w, kept->counts, o);
}

/* The lane's nonzeros to their places among those of the row's four lanes, whose lists are adjacent; others: the counts
 * of the lanes that differ by 1, 2 and 3. */
static inline void merge_nonzeros(__global uint *components, __global float *values, __global const uint2 *list,
                                 uint quarter, uint count, const uint others[3], float highest, float factor)
{
    uint before[3] = {0, 0, 0};
    for (uint e = 0; e < count; e++) {
        const uint2 nonzero = NONZERO(list, e);
        uint place = e;
        WARP_UNROLL
        for (uint o = 0; o < 3; o++) {
            __global const uint2 *other = list - quarter + (quarter ^ (o + 1));
            while (before[o] < others[o] && NONZERO(other, before[o]).x < nonzero.x) before[o]++;
            place += before[o];
        }
        components[place] = nonzero.x;
        values[place] = exp(as_float(nonzero.y) - highest) * factor;
    }
}

/* The four lanes' lists of row r, compacted, become one; a row whose list is too short gives the single nonzero
 * (component = K): the dense path does it. */
static inline void write_row(const results_t *to, const gathered_t *found, const kept_t *kept, const warp_t *w, int r,
                             uint row, uint components, __global const uint2 *nonzeros)
{
    __global const uint2 *list = nonzeros + kept->place + r * 32;
    __global uint *first_component = to->components + (size_t)row * to->row_capacity;
    __global float *first_value = to->values + (size_t)row * to->row_capacity;
    const float sum = found->sums[r], highest = kept->best[r];
    const uint count = byte_of(found->counts[0], r);
    uint others[3], all = count;
    int is_given_up = count == GIVEN_UP;
    WARP_UNROLL
    for (uint o = 0; o < 3; o++) {
        others[o] = byte_of(found->counts[o + 1], r);
        is_given_up |= others[o] == GIVEN_UP;
        all += others[o];
    }
    is_given_up |= all > to->row_capacity;
    if (!is_given_up)
        merge_nonzeros(first_component, first_value, list, w->lane % 4, count, others, highest, 1.0f / sum);
    if (w->lane % 4 != 0) return;
    if (is_given_up) {
        *first_component = components;
        *first_value = 0.0f;
    }
    to->counts[row] = is_given_up ? 1 : all;
    to->logz[row] = is_given_up ? 0.0f : highest + log(sum);
}
#endif

/* ---- the kernel ---- */

/* Copies a panel of means into local memory, in the background. */
static inline void fetch_panel(__local uint4 *staging, __global const uint4 *split_means, uint panel, uint panels,
                               uint item)
{
    __local uint4 *to = staging + panel % 2 * PANEL_WORDS;
    __global const uint4 *from = split_means + (size_t)panel * PANEL_WORDS;
    if (panel < panels)
#pragma unroll 1
        for (uint i = item; i < PANEL_WORDS; i += WARPS * 32) warp_copy(to + i, from + i);
    warp_copy_commit();
}

/* Rows first_row .. first_row + WARP_TILE_ROWS x groups - 1 of the batch's n. */
__kernel void responsibilities(ARGUMENTS(WARP_SPARSE_ARGUMENTS))
{
    __local uint4 staging[2 * PANEL_WORDS], exchange[WARP_EXCHANGE];
    const uint item = get_local_id(0), group = get_group_id(0);
    const warp_t w = warp_begin(exchange, item);
    const uint lane_row = item / 32 * (DOWN * 16) + w.lane / 4; /* the lane's first, within the tile */
    const row_place_t p = {rows, shift, first_element, first_row + group * WARP_TILE_ROWS + lane_row, n - 1};
    const results_t results = {logz, counts, nonzero_components, nonzero_values, row_capacity};
    warp_rows_t mine;
    kept_t kept;
    gathered_t found;
#if !HARD_ASSIGNMENT
    kept.place = group * (4 * (LANE_CAPACITY + 1) * WARP_TILE_ROWS) + lane_row * 4 + w.lane % 4;
    begin_lists(&kept, nonzeros);
#endif

    fetch_panel(staging, split_means, 0, panels, item);
    load_rows(&mine, &w, &p);
    WARP_UNROLL
    for (int r = 0; r < LANE_ROWS; r++) {
        kept.best[r] = FLOOR; /* so that what fills up the last panel is never kept */
#if HARD_ASSIGNMENT
        kept.nearest[r] = 0;
#endif
    }
#pragma unroll 1
    for (uint panel = 0; panel < panels; panel++) {
        warp_copy_wait();
        barrier(CLK_LOCAL_MEM_FENCE); /* this panel is there, and nobody reads the one before */
        fetch_panel(staging, split_means, panel + 1, panels, item);
        const int has_products = panel_terms[panel] > 0;
#pragma unroll 1
        for (uint across = 0; across < WARP_PANEL; across += 8 * ACROSS) {
            __local const uint4 *here = staging + panel % 2 * PANEL_WORDS;
            __local const float4 *constants = (__local const float4 *)(here + PANEL_CONSTANTS) + across;
            const uint first = panel * WARP_PANEL + across;
            float l[DOWN][ACROSS][4], highest[LANE_ROWS];
            WARP_UNROLL
            for (int i = 0; i < DOWN * ACROSS * 4; i++)
                l[i / 4 / ACROSS][i / 4 % ACROSS][i % 4] = 0.0f;
            if (has_products)
                product_distances(l, &w, &mine, here + across / 8 * (MEAN_TERMS * PAIRS * 32), constants);
            else
                exact_distances(l, &w, &p, means, first);
            to_log_densities(l, highest, &w, constants);
            keep(&kept, l, highest, &w, first, cutoff, nonzeros);
        }
#if !HARD_ASSIGNMENT
        WARP_UNROLL
        for (int r = 0; r < LANE_ROWS; r++) kept.best[r] = quad_max(&w, kept.best[r]);
#endif
    }
#if !HARD_ASSIGNMENT
    end_lists(&kept, cutoff, nonzeros);
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE); /* the row's other lanes read these lists */
#endif
    gather(&found, &kept, &w, nonzeros);
    WARP_UNROLL
    for (int r = 0; r < LANE_ROWS; r++)
        if (p.first + r * 8 < n) write_row(&results, &found, &kept, &w, r, p.first + r * 8, components, nonzeros);
}
