/* first_pass.h - the first pass over a source: how many rows, are they numbers, column means and variances, a sample.
 * Everything that follows relies on it: the shift is near the mean, first centres come from the sample. No device. */
#ifndef FG_FIRST_PASS_H
#define FG_FIRST_PASS_H

#include "progress.h"
#include "range.h"
#include "rows.h"
#include "sample.h"
#include "weights.h"

typedef struct fg_first_pass_request {
    fgmm_source *source;
    const fg_weights *weights; /* opened, as many as rows */
    uint64_t sample_rows;      /* most rows in the sample */
    uint64_t seed;
    fg_progress *progress;
} fg_first_pass_request;

typedef struct fg_first_pass {
    uint64_t rows;
    fg_range range;    /* of the mean and the variance: what the shift is made of */
    double *variance;  /* (d) mean squared deviation, each row times its weight */
    double *residuals; /* (d) the most that float32 leaves of a number; 0 but for F64 */
    double *grains;   /* (d) the largest power of two that divides all numbers; infinity: all are 0; 0: it was given up,
                         below 2^-26 of the column's deviation, or rows are neither F32 nor F64 */
    fg_sample sample; /* raw rows, in row order */
} fg_first_pass;

/* Reads the whole source. Results depend on the rows, their weights and the seed only. read_s is increased by the time
 * spent reading. Errors: DATA (no rows; NaN, infinity or a value beyond fg_most_value, row and column named; deviations
 * too small for the type; fewer weights than rows), IO, CALLBACK, CANCELLED, MEMORY. */
fgmm_status fg_first_pass_run(fg_first_pass *first_pass, const fg_first_pass_request *request, double *read_s);
void fg_first_pass_clear(fg_first_pass *first_pass);

#endif
