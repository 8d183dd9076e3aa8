/* sample.c - reservoir sampling. */
#include "sample.h"

#include "rows.h"
#include "size.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How many rows to pass over, and how likely the one after that was. */
static void draw_next(fg_sample *sample, uint64_t from)
{
    sample->weight *= exp(log(1.0 - fg_rng_uniform(&sample->rng)) / (double)sample->capacity);
    const double skipped = floor(log(1.0 - fg_rng_uniform(&sample->rng)) / log1p(-sample->weight));
    sample->next = skipped < 0x1p62 ? from + (uint64_t)skipped : UINT64_MAX;
}

/* Memory for `count` rows. */
static fgmm_status reserve(fg_sample *sample, uint64_t count)
{
    fgmm_status status = FGMM_OK;
    size_t bytes;
    FG_TRY(fg_size_product(&bytes, count, sample->row_bytes, "sample rows"));
    FG_TRY(FG_ALLOC(&sample->rows, bytes, "sample rows"));
    FG_TRY(FG_ALLOC(&sample->numbers, count, "sample rows"));
done:
    return status;
}

fgmm_status fg_sample_create(fg_sample *sample, uint64_t capacity, size_t row_bytes, uint64_t seed)
{
    fgmm_status status = FGMM_OK;
    *sample = (fg_sample){.capacity = capacity, .row_bytes = row_bytes, .seed = seed, .weight = 1.0};
    fg_rng_init(&sample->rng, seed, FG_STREAM_SAMPLE_ROWS, 0);
    if (capacity == 0) return FGMM_OK;
    FG_TRY(reserve(sample, capacity));
    draw_next(sample, capacity);
done:
    if (status != FGMM_OK) fg_sample_clear(sample);
    return status;
}

fgmm_status fg_sample_create_weighted(fg_sample *sample, uint64_t capacity, size_t row_bytes, uint64_t seed)
{
    fgmm_status status = FGMM_OK;
    *sample = (fg_sample){.capacity = capacity, .row_bytes = row_bytes, .seed = seed};
    if (capacity == 0) return FGMM_OK;
    FG_TRY(reserve(sample, capacity + 1));
    FG_TRY(FG_ALLOC(&sample->weights, capacity + 1, "sample rows"));
    FG_TRY(fg_draws_create(&sample->draws, capacity + 1));
done:
    if (status != FGMM_OK) fg_sample_clear(sample);
    return status;
}

void fg_sample_clear(fg_sample *sample)
{
    free(sample->rows);
    free(sample->numbers);
    free(sample->order);
    free(sample->weights);
    fg_draws_clear(&sample->draws);
    memset(sample, 0, sizeof *sample);
}

static void store_row(fg_sample *sample, uint64_t index, const void *row, uint64_t number)
{
    memcpy(sample->rows + index * sample->row_bytes, row, sample->row_bytes);
    sample->numbers[index] = number;
}

static void feed_weighted(fg_sample *sample, const unsigned char *rows, const float *weights, uint64_t first_row,
                          uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        size_t index;
        fg_rng rng;
        if (!(weights[i] > 0)) continue;
        fg_rng_init(&rng, sample->seed, FG_STREAM_SAMPLE_ROWS, first_row + i);
        const double key = -log(1.0 - fg_rng_uniform(&rng)) / (double)weights[i];
        if (!fg_draws_offer(&sample->draws, key, first_row + i, &index)) continue;
        store_row(sample, index, rows + i * sample->row_bytes, first_row + i);
        sample->weights[index] = (double)weights[i];
    }
}

void fg_sample_feed(fg_sample *sample, const void *rows, const float *weights, uint64_t first_row, uint64_t n)
{
    const unsigned char *bytes = rows;
    uint64_t i = 0;
    if (sample->capacity == 0) return;
    if (weights) {
        feed_weighted(sample, bytes, weights, first_row, n);
        return;
    }
    for (; i < n && sample->count < sample->capacity; i++, sample->count++)
        store_row(sample, sample->count, bytes + i * sample->row_bytes, first_row + i);
    while (sample->next < first_row + n) {
        const uint64_t index = fg_rng_below(&sample->rng, sample->capacity);
        store_row(sample, index, bytes + (sample->next - first_row) * sample->row_bytes, sample->next);
        draw_next(sample, sample->next + 1);
    }
}

typedef struct fg_numbered {
    uint64_t number, index;
} fg_numbered;

static int by_number(const void *a, const void *b)
{
    const uint64_t x = ((const fg_numbered *)a)->number, y = ((const fg_numbered *)b)->number;
    return (x > y) - (x < y);
}

/* The largest key of the draws is no part of the sample where there is one more than its capacity: it is the first that
 * was not drawn. Returns its index; SIZE_MAX: all rows with a weight were drawn. */
static size_t close_draws(fg_sample *sample)
{
    const fg_draws *draws = &sample->draws;
    sample->count = draws->count < draws->capacity ? draws->count : draws->capacity - 1;
    if (draws->count < draws->capacity) return SIZE_MAX;
    const double key = draws->heap[0].key;
    for (uint64_t i = 0; i < draws->capacity; i++) sample->weights[i] /= -expm1(-sample->weights[i] * key);
    return draws->heap[0].index;
}

fgmm_status fg_sample_finish(fg_sample *sample)
{
    fgmm_status status = FGMM_OK;
    fg_numbered *pairs = NULL;
    const size_t left_out = sample->draws.capacity ? close_draws(sample) : SIZE_MAX;
    FG_TRY(FG_ALLOC(&sample->order, sample->count, "sample rows"));
    FG_TRY(FG_ALLOC(&pairs, sample->count, "sample rows"));
    for (uint64_t i = 0, index = 0; i < sample->count; index++)
        if (index != left_out) pairs[i++] = (fg_numbered){sample->numbers[index], index};
    qsort(pairs, (size_t)sample->count, sizeof *pairs, by_number);
    for (uint64_t i = 0; i < sample->count; i++) sample->order[i] = pairs[i].index;
done:
    free(pairs);
    return status;
}

const void *fg_sample_row(const fg_sample *sample, uint64_t i)
{
    return sample->rows + sample->order[i] * sample->row_bytes;
}

void fg_sample_values(double *values, const fg_sample *sample, uint64_t i, fgmm_type type, uint64_t d)
{
    const void *row = fg_sample_row(sample, i);
    for (uint64_t j = 0; j < d; j++) values[j] = fg_row_value(row, type, (size_t)j);
}

double fg_sample_weight(const fg_sample *sample, uint64_t i)
{
    return sample->weights ? sample->weights[sample->order[i]] : 1;
}

uint64_t fg_sample_draw(const fg_sample *sample, fg_rng *rng)
{
    double total = 0;
    uint64_t i = 0;
    if (!sample->weights) return fg_rng_below(rng, sample->count);
    for (uint64_t j = 0; j < sample->count; j++) total += fg_sample_weight(sample, j);
    const double target = fg_rng_uniform(rng) * total;
    for (double sum = fg_sample_weight(sample, 0); sum <= target && i + 1 < sample->count;)
        sum += fg_sample_weight(sample, ++i);
    return i;
}
