/* sample.h - a sample of rows, drawn while rows stream past. Depends on the seed and the order of the rows only, not on
 * how they are cut into batches.
 *
 * Rows that count alike: uniform (reservoir sampling, Li's algorithm L, 1994). Rows with weights: in proportion to
 * these (draws.h), where each drawn row stands for more of the data than itself: with the key t of the first row that
 * was not drawn, a row of weight w is drawn with probability 1 - exp(-w t), so that w over this gives sums over the
 * sample the expectation of the same sums over all rows (Cohen and Kaplan 2007, bottom-k sampling). */
#ifndef FG_SAMPLE_H
#define FG_SAMPLE_H

#include "flashgmm/data.h"

#include "draws.h"
#include "rng.h"
#include "status.h"

typedef struct fg_sample {
    uint64_t capacity, count;
    size_t row_bytes;
    unsigned char *rows; /* (count) rows of row_bytes, in the order in which they were stored; with weights one more */
    uint64_t *numbers;   /* (count) the row number of each, likewise */
    uint64_t *order;     /* (count) indices of rows by ascending row number, after fg_sample_finish */
    double *weights;     /* (count) what each row stands for; NULL: all for the same */
    uint64_t next;       /* the row that is taken next once the sample is full */
    double weight;       /* algorithm L's W */
    uint64_t seed;
    fg_rng rng;
    fg_draws draws; /* with weights; one more than the sample */
} fg_sample;

/* A sample of at most capacity rows; 0: none are kept. */
fgmm_status fg_sample_create(fg_sample *sample, uint64_t capacity, size_t row_bytes, uint64_t seed);
/* The same of rows with weights. */
fgmm_status fg_sample_create_weighted(fg_sample *sample, uint64_t capacity, size_t row_bytes, uint64_t seed);
void fg_sample_clear(fg_sample *sample);

/* Rows first_row .. first_row + n - 1 stream past. weights (n): where the sample was created for them, else NULL; rows
 * of weight 0 are never drawn. */
void fg_sample_feed(fg_sample *sample, const void *rows, const float *weights, uint64_t first_row, uint64_t n);

/* Brings the sample into row order. */
fgmm_status fg_sample_finish(fg_sample *sample);

/* Row i (0 .. count-1) of the finished sample. */
const void *fg_sample_row(const fg_sample *sample, uint64_t i);
/* The same as values (d); type and d: of the rows that were fed. */
void fg_sample_values(double *values, const fg_sample *sample, uint64_t i, fgmm_type type, uint64_t d);
/* What it stands for; 1 without weights. */
double fg_sample_weight(const fg_sample *sample, uint64_t i);

/* One of its rows, by chance: uniform, or in proportion to what each stands for. */
uint64_t fg_sample_draw(const fg_sample *sample, fg_rng *rng);

#endif
