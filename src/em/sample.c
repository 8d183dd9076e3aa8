/* sample.c - reservoir sampling. */
#include "sample.h"

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

fgmm_status fg_sample_create(fg_sample *sample, uint64_t capacity, size_t row_bytes, uint64_t seed)
{
    fgmm_status status = FGMM_OK;
    size_t bytes;
    memset(sample, 0, sizeof *sample);
    sample->capacity = capacity;
    sample->row_bytes = row_bytes;
    sample->weight = 1.0;
    fg_rng_init(&sample->rng, seed, FG_STREAM_SAMPLE_ROWS, 0);
    if (capacity == 0) return FGMM_OK;
    FG_TRY(fg_size_product(&bytes, capacity, row_bytes, "sample rows"));
    FG_TRY(FG_ALLOC(&sample->rows, bytes, "sample rows"));
    FG_TRY(FG_ALLOC(&sample->numbers, capacity, "sample rows"));
    draw_next(sample, capacity);
done:
    if (status != FGMM_OK) fg_sample_clear(sample);
    return status;
}

void fg_sample_clear(fg_sample *sample)
{
    free(sample->rows);
    free(sample->numbers);
    free(sample->order);
    memset(sample, 0, sizeof *sample);
}

static void keep(fg_sample *sample, uint64_t slot, const void *row, uint64_t number)
{
    memcpy(sample->rows + slot * sample->row_bytes, row, sample->row_bytes);
    sample->numbers[slot] = number;
}

void fg_sample_feed(fg_sample *sample, const void *rows, uint64_t first_row, uint64_t n)
{
    const unsigned char *bytes = rows;
    uint64_t i = 0;
    if (sample->capacity == 0) return;
    for (; i < n && sample->count < sample->capacity; i++, sample->count++)
        keep(sample, sample->count, bytes + i * sample->row_bytes, first_row + i);
    while (sample->next < first_row + n) {
        const uint64_t slot = fg_rng_below(&sample->rng, sample->capacity);
        keep(sample, slot, bytes + (sample->next - first_row) * sample->row_bytes, sample->next);
        draw_next(sample, sample->next + 1);
    }
}

typedef struct fg_numbered {
    uint64_t number, slot;
} fg_numbered;

static int by_number(const void *a, const void *b)
{
    const uint64_t x = ((const fg_numbered *)a)->number, y = ((const fg_numbered *)b)->number;
    return (x > y) - (x < y);
}

fgmm_status fg_sample_finish(fg_sample *sample)
{
    fgmm_status status = FGMM_OK;
    fg_numbered *pairs = NULL;
    FG_TRY(FG_ALLOC(&sample->order, sample->count, "sample rows"));
    FG_TRY(FG_ALLOC(&pairs, sample->count, "sample rows"));
    for (uint64_t i = 0; i < sample->count; i++) pairs[i] = (fg_numbered){sample->numbers[i], i};
    qsort(pairs, (size_t)sample->count, sizeof *pairs, by_number);
    for (uint64_t i = 0; i < sample->count; i++) sample->order[i] = pairs[i].slot;
done:
    free(pairs);
    return status;
}

const void *fg_sample_row(const fg_sample *sample, uint64_t i)
{
    return sample->rows + sample->order[i] * sample->row_bytes;
}
