/* kmeans_plusplus.c - greedy k-means++ (Arthur and Vassilvitskii 2007, with the local trials of their own
 * implementation). The distances are the device's work (search/seeding.h); the draws are made here. */
#include "seed.h"

#include "seeding.h"
#include "size.h"

#include <math.h>
#include <stdlib.h>

/* k-means++ at work. */
typedef struct seeds {
    const fg_seed_request *request;
    fg_seeding *seeding;
    fg_rng rng;
    uint32_t trials;
    double *offset;       /* (d) the whole shift: device rows are the sample minus this */
    float *candidates;    /* (trials,d), or (FG_SEEDING_BLOCK,d) while the sample is stored */
    float *weights;       /* (sample rows); NULL: 1 each */
    uint64_t *rows;       /* (trials) sample row of each candidate */
    float *potentials;    /* (blocks,trials) of the candidates */
    double *block_totals; /* (blocks) of the centres so far */
    double total;         /* their sum */
} seeds;

static void seeds_clear(seeds *s)
{
    fg_seeding_free(s->seeding);
    free(s->offset);
    free(s->candidates);
    free(s->weights);
    free(s->rows);
    free(s->potentials);
    free(s->block_totals);
}

/* On failure the caller clears what was made so far. */
static fgmm_status seeds_create(seeds *s, const fg_seed_request *request)
{
    fgmm_status status = FGMM_OK;
    *s = (seeds){.request = request, .trials = 2 + (uint32_t)log((double)request->k)};
    fg_rng_init(&s->rng, request->seed, FG_STREAM_INIT, 0);
    FG_TRY(fg_seeding_create(&s->seeding, request->device, request->sample->count, request->d, s->trials));
    const uint64_t blocks = fg_seeding_blocks(s->seeding);
    FG_TRY(FG_ALLOC(&s->offset, request->d, "shift"));
    FG_TRY(FG_ALLOC(&s->candidates, FG_SEEDING_BLOCK * request->d, "candidates"));
    FG_TRY(FG_ALLOC(&s->rows, s->trials, "candidates"));
    FG_TRY(FG_ALLOC(&s->potentials, blocks * s->trials, "potentials"));
    FG_TRY(FG_ALLOC(&s->block_totals, blocks, "potentials"));
    if (request->sample->weights) {
        FG_TRY(FG_ALLOC(&s->weights, request->sample->count, "weights"));
        for (uint64_t i = 0; i < request->sample->count; i++)
            s->weights[i] = (float)fg_sample_weight(request->sample, i);
    }
    fg_shift_offset(s->offset, request->shift, request->d);
done:
    return status;
}

/* A sample row as shifted floats. */
static void convert_row(const seeds *s, float *to, uint64_t row)
{
    const fg_seed_request *request = s->request;
    fg_rows_to_float(to, fg_sample_row(request->sample, row), request->type, 1, request->d, s->offset,
                     request->shift->unit);
}

static fgmm_status store_sample(seeds *s)
{
    fgmm_status status = FGMM_OK;
    const uint64_t d = s->request->d, count = s->request->sample->count;
    for (uint64_t b = 0; b < fg_seeding_blocks(s->seeding); b++) {
        const uint64_t first = b * FG_SEEDING_BLOCK, n = fg_min_u64(FG_SEEDING_BLOCK, count - first);
        for (uint64_t i = 0; i < n; i++) convert_row(s, s->candidates + i * d, first + i);
        FG_TRY(fg_seeding_write(s->seeding, b, s->candidates, s->weights ? s->weights + first : NULL, n));
    }
done:
    return status;
}

/* The row at which the running sum of weighted squared distances passes `target`: by blocks, then within one. Rounding
 * never leads to a row at distance 0. */
static fgmm_status find_row(const seeds *s, double target, uint64_t *row)
{
    fgmm_status status = FGMM_OK;
    float least[FG_SEEDING_BLOCK];
    const uint64_t blocks = fg_seeding_blocks(s->seeding);
    uint64_t block = 0, last_positive = 0;
    for (uint64_t b = 0; b < blocks; b++) {
        if (!(s->block_totals[b] > 0)) continue;
        block = b;
        if (target < s->block_totals[b]) break;
        target -= s->block_totals[b];
    }
    FG_TRY(fg_seeding_least(s->seeding, block, least));
    for (uint64_t i = 0; i < FG_SEEDING_BLOCK; i++) {
        if (!(least[i] > 0)) continue;
        const double share = (double)least[i] * (s->weights ? (double)s->weights[block * FG_SEEDING_BLOCK + i] : 1);
        last_positive = i;
        if (target < share) break;
        target -= share;
    }
    *row = block * FG_SEEDING_BLOCK + last_positive;
done:
    return status;
}

/* Measures the candidates in s->rows (0 .. c-1) and takes the best; *best is its sample row. */
static fgmm_status choose_best(seeds *s, uint32_t c, uint64_t *best_row)
{
    fgmm_status status = FGMM_OK;
    const uint64_t d = s->request->d, blocks = fg_seeding_blocks(s->seeding);
    uint32_t best = 0;
    for (uint32_t t = 0; t < c; t++) convert_row(s, s->candidates + t * d, s->rows[t]);
    FG_TRY(fg_seeding_try(s->seeding, s->candidates, c, s->potentials));
    s->total = (double)INFINITY;
    for (uint32_t t = 0; t < c; t++) {
        double total = 0;
        for (uint64_t b = 0; b < blocks; b++) total += (double)s->potentials[b * c + t];
        if (total < s->total) {
            s->total = total;
            best = t;
        }
    }
    for (uint64_t b = 0; b < blocks; b++) s->block_totals[b] = (double)s->potentials[b * c + best];
    FG_TRY(fg_seeding_take(s->seeding, best));
    *best_row = s->rows[best];
done:
    return status;
}

static fgmm_status next_centre(seeds *s, int is_first, uint64_t *row)
{
    fgmm_status status = FGMM_OK;
    const uint64_t count = s->request->sample->count;
    s->rows[0] = *row = is_first && s->request->has_weights ? fg_sample_draw(s->request->sample, &s->rng)
                                                            : fg_rng_below(&s->rng, count);
    if (is_first) return choose_best(s, 1, row);
    if (!(s->total > 0 && isfinite(s->total))) return FGMM_OK; /* nothing to tell rows apart: uniform */
    for (uint32_t t = 0; t < s->trials; t++) FG_TRY(find_row(s, fg_rng_uniform(&s->rng) * s->total, &s->rows[t]));
    FG_TRY(choose_best(s, s->trials, row));
done:
    return status;
}

fgmm_status fg_seed_kmeanspp(double *centres, const fg_seed_request *request)
{
    fgmm_status status = FGMM_OK;
    seeds s = {0};
    uint64_t row;
    FG_TRY(seeds_create(&s, request));
    FG_TRY(store_sample(&s));
    for (uint64_t c = 0; c < request->k; c++) {
        fg_progress_iteration(request->progress, FGMM_PHASE_INIT, c + 1, request->k, request->sample->count);
        FG_TRY(next_centre(&s, c == 0, &row));
        fg_sample_values(centres + c * request->d, request->sample, row, request->type, request->d);
        FG_TRY(fg_progress_finished(request->progress, (double)NAN));
    }
done:
    seeds_clear(&s);
    return status;
}
