/* sample.h - a uniform sample of rows, drawn while rows stream past (reservoir sampling, Li's algorithm L, 1994).
 * Depends on the seed and the order of the rows only, not on how they are cut into batches. */
#ifndef FG_SAMPLE_H
#define FG_SAMPLE_H

#include "rng.h"
#include "status.h"

typedef struct fg_sample {
    uint64_t capacity, count;
    size_t row_bytes;
    unsigned char *rows; /* (count) rows of row_bytes, in the order of their slots */
    uint64_t *numbers;   /* (count) the row number of each slot */
    uint64_t *order;     /* (count) slots by ascending row number, after fg_sample_finish */
    uint64_t next;       /* the row that is taken next once the sample is full */
    double weight;       /* algorithm L's W */
    fg_rng rng;
} fg_sample;

/* A sample of at most capacity rows; 0: none are kept. */
fgmm_status fg_sample_create(fg_sample *sample, uint64_t capacity, size_t row_bytes, uint64_t seed);
void fg_sample_clear(fg_sample *sample);

/* Rows first_row .. first_row + n - 1 stream past. */
void fg_sample_feed(fg_sample *sample, const void *rows, uint64_t first_row, uint64_t n);

/* Brings the sample into row order. */
fgmm_status fg_sample_finish(fg_sample *sample);

/* Row i (0 .. count-1) of the finished sample. */
const void *fg_sample_row(const fg_sample *sample, uint64_t i);

#endif
