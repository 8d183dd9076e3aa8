/* sweep.cl - from a block's log-densities to its rows' lists: what the responsibilities of the vector and the matrix
 * family share. A worker (work-item) owns a block of rows; no barriers, no local memory.
 *
 * Log-densities of a block under a chunk of components lie in a scratch that stays in the L2 cache; then each row is
 * swept once against its exact maximum so far, so that almost nothing is kept in vain and exponentials are taken of the
 * kept ones only. A row that keeps more than `capacity` gives the single entry (component = K) instead: the dense path
 * does it.
 *
 *   scratch of a worker: a | maxima | l | norms | best | counts
 *
 *   TILE_BLOCK  rows that pass over all components together
 *   KEEP_BEST   1: only the nearest component, responsibility 1, logz = - squared distance (k-means)
 */
enum { SWEEP_VECTORS = 4 }; /* vectors looked at together before single lanes are */

typedef struct scratch_t {
    __global float *a;      /* (TILE_BLOCK, ROW_STRIDE) rows minus the shift */
    __global float *norms;  /* (TILE_BLOCK) */
    __global float *best;   /* (TILE_BLOCK) largest log-density of the chunks before */
    __global uint *counts;  /* (TILE_BLOCK) entries kept */
    __global float *maxima; /* (TILE_BLOCK, VW) largest of this chunk, by lane */
    __global float *l;      /* (TILE_BLOCK, l_stride) */
} scratch_t;

static inline scratch_t scratch_of_worker(__global float *base, uint l_stride)
{
    scratch_t s;
    s.a = base;
    s.maxima = s.a + TILE_BLOCK * ROW_STRIDE;
    s.l = s.maxima + TILE_BLOCK * VW;
    s.norms = s.l + TILE_BLOCK * l_stride;
    s.best = s.norms + TILE_BLOCK;
    s.counts = (__global uint *)(s.best + TILE_BLOCK);
    return s;
}

typedef struct list_t {
    __global uint *components; /* (capacity) */
    __global float *values;    /* (capacity) log-densities, at the end responsibilities */
} list_t;

#define OVERFLOWED 0xffffffffu

/* Drops entries that a larger maximum has made negligible; keeps the order. */
static inline uint compact(list_t list, uint count, float threshold)
{
    uint kept = 0;
    for (uint q = 0; q < count; q++) {
        float value = list.values[q];
        uint component = list.components[q];
        if (value >= threshold) {
            list.values[kept] = value;
            list.components[kept] = component;
            kept++;
        }
    }
    return kept;
}

/* Appends the components of one chunk that reach the threshold. */
static inline uint append(list_t list, uint count, uint capacity, __global const float *l, uint vectors,
                          uint first_component, float threshold)
{
    for (uint v = 0; v < vectors; v += SWEEP_VECTORS) {
        floatv highest = LOADV(l + v * VW);
#pragma unroll
        for (int j = 1; j < SWEEP_VECTORS; j++) highest = larger(LOADV(l + (v + j) * VW), highest);
        if (!lanes_from(highest, threshold)) continue;
        for (int j = 0; j < SWEEP_VECTORS; j++) {
            uint bits = lanes_from(LOADV(l + (v + j) * VW), threshold);
            while (bits) {
                uint lane = lowest_bit(bits);
                bits &= bits - 1;
                if (count == capacity) return OVERFLOWED;
                list.values[count] = l[(v + j) * VW + lane];
                list.components[count] = first_component + (v + j) * VW + lane;
                count++;
            }
        }
    }
    return count;
}

/* First component of the chunk that has the value of the maximum. */
static inline uint first_at(__global const float *l, uint vectors, float highest)
{
    for (uint v = 0; v < vectors; v++) {
        uint bits = lanes_from(LOADV(l + v * VW), highest);
        if (bits) return v * VW + lowest_bit(bits);
    }
    return 0;
}

/* Kept log-densities -> responsibilities; returns the log-normaliser. The list's room is a multiple of VW. */
static inline float normalise(list_t list, uint count, float highest)
{
    for (uint q = count; q % VW; q++) list.values[q] = PADDING;
    floatv sums = 0.0f;
    for (uint q = 0; q < count; q += VW) {
        floatv e = exp(LOADV(list.values + q) - highest);
        STOREV(e, list.values + q);
        sums += e;
    }
    float sum = sum_lanes(sums);
    float factor = 1.0f / sum;
    for (uint q = 0; q < count; q += VW) STOREV(LOADV(list.values + q) * factor, list.values + q);
    return highest + log(sum);
}

/* Where a batch's results go. */
typedef struct results_t {
    __global float *logz;      /* (n) */
    __global uint *counts;     /* (n) */
    __global uint *components; /* (n, capacity) */
    __global float *values;    /* (n, capacity) */
    uint capacity;
} results_t;

static inline list_t list_of_row(const results_t *r, size_t row)
{
    const list_t list = {r->components + row * r->capacity, r->values + row * r->capacity};
    return list;
}

/* Row i of the block, minus the shift, before the first chunk. */
static inline void begin_row(const scratch_t *s, uint i, __global const row_t *rows, size_t row_start,
                             __global const float *shift)
{
    s->norms[i] = load_row(row_place(s->a, i), rows, row_start, shift);
    s->best[i] = PADDING;
    s->counts[i] = 0;
}

/* Rows row0 .. row0+block-1 after `chunk` strips from strip0 on: what reaches a row's maximum so far is appended. */
static inline void sweep_chunk(const scratch_t *s, const results_t *r, uint l_stride, uint row0, uint block,
                               uint strip0, uint chunk, float spread)
{
    /* the sweep looks at SWEEP_VECTORS at a time: fill the last group up */
    const uint vectors = chunk * TILE_VECTORS;
    const uint sweep = (vectors + SWEEP_VECTORS - 1) / SWEEP_VECTORS * SWEEP_VECTORS;
    for (uint i = 0; i < block; i++) {
        __global float *l = s->l + i * l_stride;
        const float highest = max_lanes(LOADV(s->maxima + i * VW));
        const list_t list = list_of_row(r, row0 + i);
#if KEEP_BEST
        if (highest > s->best[i]) {
            s->best[i] = highest;
            list.components[0] = strip0 * STRIP + first_at(l, vectors, highest);
            list.values[0] = 1.0f;
            s->counts[i] = 1;
        }
#else
        if (s->counts[i] == OVERFLOWED) continue;
        for (uint v = vectors; v < sweep; v++) STOREV((floatv)PADDING, l + v * VW);
        const float best = fmax(s->best[i], highest), threshold = best - spread;
        uint count = s->counts[i];
        if (count > 0 && highest > s->best[i]) count = compact(list, count, threshold);
        s->counts[i] = append(list, count, r->capacity, l, sweep, strip0 * STRIP, threshold);
        s->best[i] = best;
#endif
    }
}

/* Lists and log-normalisers of rows row0 .. row0+block-1, after the last chunk. */
static inline void finish_rows(const scratch_t *s, const results_t *r, uint row0, uint block, uint components)
{
    for (uint i = 0; i < block; i++) {
        const size_t row = row0 + i;
        const list_t list = list_of_row(r, row);
#if KEEP_BEST
        r->logz[row] = s->best[i];
        r->counts[row] = s->counts[i];
#else
        if (s->counts[i] == OVERFLOWED) {
            list.components[0] = components;
            list.values[0] = 0.0f;
            r->counts[row] = 1;
            r->logz[row] = 0.0f;
        } else {
            r->logz[row] = normalise(list, s->counts[i], s->best[i]);
            r->counts[row] = s->counts[i];
        }
#endif
    }
}
