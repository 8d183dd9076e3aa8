/* swaps.c - improves first centres before any iteration: local search by swaps (Lattanzi and Sohler 2019, "A
 * better k-means++ algorithm via local search"). k-means++ sometimes puts two centres into one cluster and none into
 * another, which neither Lloyd's algorithm nor EM mend; a swap does. On the host, on a part of the sample: for mixtures
 * that are small enough for it to take a fraction of a second, and to try as many swaps as there are centres. */
#include "seed.h"

#include "distance.h"
#include "size.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows that are looked at, unless their values are more than MOST_VALUES (16 MiB): with fewer than FEWEST_ROWS for each
 * centre, swaps would suit the part of the sample and not the whole. */
enum { ROWS_PER_COMPONENT = 64, LEAST_ROWS = 16384, FEWEST_ROWS = 32, MOST_VALUES = 1 << 22 };
/* MOST_WORK: multiplications and additions that all steps may take. */
enum { STEPS_PER_COMPONENT = 2, LANES = 8, MOST_WORK = 1 << 28 };

/* A local search. Centres keep the numbers of their rows. */
typedef struct search {
    const fg_seed_request *request;
    uint64_t n, d, k;
    uint64_t stride;  /* in floats: d filled up with zeros */
    float *x;         /* (n,stride) rows less the shift */
    float *centres;   /* (k,stride) */
    double *weights;  /* (n) */
    uint64_t *rows;   /* (k) the centre's row of x; FROM_ELSEWHERE: one of the sample's others, not swapped yet */
    uint64_t *near;   /* (n) the nearest centre */
    uint64_t *second; /* (n) the one after it */
    float *d1, *d2;   /* (n) squared distances to both */
    float *to_new;    /* (n) to the row that may become a centre */
    double *losses;   /* (k) */
    fg_rng rng;
} search;
static const uint64_t FROM_ELSEWHERE = UINT64_MAX;

/* Rows of a large sample that are looked at. */
static uint64_t wanted_rows(uint64_t k, uint64_t d)
{
    const uint64_t wanted = k <= UINT64_MAX / ROWS_PER_COMPONENT ? ROWS_PER_COMPONENT * k : k;
    return fg_min_u64(fg_max_u64(LEAST_ROWS, wanted), MOST_VALUES / d);
}

static uint64_t row_count(const fg_seed_request *r)
{
    return fg_min_u64(r->sample->count, wanted_rows(r->k, r->d));
}

/* 0: too large a mixture, or too small. A step measures n distances, and about two more for each row near a swapped
 * centre. */
static uint64_t step_count(uint64_t k, uint64_t d, uint64_t n)
{
    if (k < 2 || k > MOST_WORK || d > MOST_VALUES) return 0;
    const uint64_t affordable = MOST_WORK / (n * d);
    return affordable < k ? 0 : fg_min_u64(affordable, STEPS_PER_COMPONENT * k);
}

uint64_t fg_seed_swap_rows(uint64_t k, uint64_t d)
{
    const uint64_t n = d > MOST_VALUES ? 0 : wanted_rows(k, d);
    return n >= FEWEST_ROWS * k && step_count(k, d, n) > 0 ? n : 0;
}

static void search_clear(search *s)
{
    free(s->x);
    free(s->centres);
    free(s->weights);
    free(s->rows);
    free(s->near);
    free(s->second);
    free(s->d1);
    free(s->d2);
    free(s->to_new);
    free(s->losses);
}

/* Row i of the search in the sample: evenly spread over it. */
static uint64_t sample_row(const search *s, uint64_t i)
{
    return (uint64_t)((double)i * ((double)s->request->sample->count / (double)s->n));
}

/* The two nearest centres of row i. */
static void find_nearest(search *s, uint64_t i)
{
    s->d1[i] = s->d2[i] = INFINITY;
    for (uint64_t c = 0; c < s->k; c++) {
        const float distance = fg_squared_distance(s->x + i * s->stride, s->centres + c * s->stride, s->stride, LANES);
        if (distance < s->d1[i]) {
            s->d2[i] = s->d1[i];
            s->second[i] = s->near[i];
            s->d1[i] = distance;
            s->near[i] = c;
        } else if (distance < s->d2[i]) {
            s->d2[i] = distance;
            s->second[i] = c;
        }
    }
}

static fgmm_status search_create(search *s, const double *centres, const fg_seed_request *request)
{
    fgmm_status status = FGMM_OK;
    double *offset = NULL;
    *s = (search){.request = request, .n = row_count(request), .d = request->d, .k = request->k};
    s->stride = fg_round_up(s->d, LANES);
    fg_rng_init(&s->rng, request->seed, FG_STREAM_SWAPS, 0);
    FG_TRY(FG_ALLOC(&offset, s->d, "shift"));
    FG_TRY(FG_ALLOC(&s->x, s->n * s->stride, "rows for swaps"));
    FG_TRY(FG_ALLOC(&s->centres, s->k * s->stride, "centres"));
    FG_TRY(FG_ALLOC(&s->weights, s->n, "rows for swaps"));
    FG_TRY(FG_ALLOC(&s->rows, s->k, "centres"));
    FG_TRY(FG_ALLOC(&s->near, s->n, "rows for swaps"));
    FG_TRY(FG_ALLOC(&s->second, s->n, "rows for swaps"));
    FG_TRY(FG_ALLOC(&s->d1, s->n, "rows for swaps"));
    FG_TRY(FG_ALLOC(&s->d2, s->n, "rows for swaps"));
    FG_TRY(FG_ALLOC(&s->to_new, s->n, "rows for swaps"));
    FG_TRY(FG_ALLOC(&s->losses, s->k, "centres"));
    const double unit = request->shift->unit;
    fg_shift_offset(offset, request->shift, s->d);
    for (uint64_t c = 0; c < s->k; c++) {
        s->rows[c] = FROM_ELSEWHERE;
        fg_rows_to_float(s->centres + c * s->stride, centres + c * s->d, FGMM_F64, 1, s->d, offset, unit);
    }
    for (uint64_t i = 0; i < s->n; i++) {
        const uint64_t row = sample_row(s, i);
        fg_rows_to_float(s->x + i * s->stride, fg_sample_row(request->sample, row), request->type, 1, s->d, offset,
                         unit);
        s->weights[i] = fg_sample_weight(request->sample, row);
        find_nearest(s, i);
    }
done:
    free(offset);
    return status;
}

/* A row with probability proportional to its part of the potential; n: there is none left. */
static uint64_t draw_row(search *s, double potential)
{
    double target = fg_rng_uniform(&s->rng) * potential;
    uint64_t row = s->n;
    for (uint64_t i = 0; i < s->n; i++) {
        const double share = s->weights[i] * (double)s->d1[i];
        if (!(share > 0)) continue;
        row = i;
        if (target < share) break;
        target -= share;
    }
    return row;
}

/* What the potential would be with row `row` in place of the best centre to give up, *out. */
static double try_row(search *s, uint64_t row, uint64_t *out)
{
    double with_both = 0;
    memset(s->losses, 0, (size_t)s->k * sizeof *s->losses);
    for (uint64_t i = 0; i < s->n; i++) {
        const float to_new = fg_squared_distance(s->x + i * s->stride, s->x + row * s->stride, s->stride, LANES);
        const float least = fminf(to_new, s->d1[i]);
        s->to_new[i] = to_new;
        with_both += s->weights[i] * (double)least;
        s->losses[s->near[i]] += s->weights[i] * (double)(fminf(to_new, s->d2[i]) - least);
    }
    *out = 0;
    for (uint64_t c = 1; c < s->k; c++)
        if (s->losses[c] < s->losses[*out]) *out = c;
    return with_both + s->losses[*out];
}

/* Row `row`, whose distances were just measured, takes the place of centre c. */
static void swap(search *s, uint64_t row, uint64_t c)
{
    s->rows[c] = row;
    memcpy(s->centres + c * s->stride, s->x + row * s->stride, (size_t)s->stride * sizeof *s->x);
    for (uint64_t i = 0; i < s->n; i++) {
        if (s->near[i] == c || s->second[i] == c) {
            find_nearest(s, i);
        } else if (s->to_new[i] < s->d1[i]) {
            s->d2[i] = s->d1[i];
            s->second[i] = s->near[i];
            s->d1[i] = s->to_new[i];
            s->near[i] = c;
        } else if (s->to_new[i] < s->d2[i]) {
            s->d2[i] = s->to_new[i];
            s->second[i] = c;
        }
    }
}

fgmm_status fg_seed_swap(double *centres, const fg_seed_request *request)
{
    fgmm_status status = FGMM_OK;
    search s = {.request = NULL};
    const uint64_t n = row_count(request), steps = step_count(request->k, request->d, n);
    uint64_t row = 0, out;
    if (steps == 0 || (n < request->rows && n < FEWEST_ROWS * request->k)) goto done;
    FG_TRY(search_create(&s, centres, request));
    for (uint64_t step = 0; step < steps; step++) {
        double potential = 0;
        for (uint64_t i = 0; i < s.n; i++) potential += s.weights[i] * (double)s.d1[i];
        row = draw_row(&s, potential);
        if (row == s.n || !isfinite(potential)) break;
        if (try_row(&s, row, &out) < potential) swap(&s, row, out);
    }
    for (uint64_t c = 0; c < s.k; c++) {
        if (s.rows[c] == FROM_ELSEWHERE) continue;
        fg_sample_values(centres + c * s.d, request->sample, sample_row(&s, s.rows[c]), request->type, s.d);
    }
done:
    search_clear(&s);
    return status;
}
