/* weights.h - how much each row counts: the application's weights, looked at once before a run and then read along with
 * the rows. On the device they are float32, scaled by a power of two so that the largest lies in (1/2, 1]: sums cannot
 * overflow, and the scaling itself rounds nothing. */
#ifndef FG_WEIGHTS_H
#define FG_WEIGHTS_H

#include "source.h"
#include "status.h"

typedef struct fg_weights {
    fgmm_source *source; /* one weight per row; NULL: all rows count alike, and none are read */
    double scale;        /* a row's real weight is what the device has (1 without source) times this */
    uint64_t count;      /* weights that were given, 0: none; that many rows there must be */
    uint64_t positive;   /* of them above 0 */
    double total;        /* their sum */
    uint64_t identity;   /* a hash of all of them, whatever their type; 0: none were given */
} fg_weights;

/* Reads all weights. source NULL: there are none. Equal weights count as none, but for `scale`. Errors: DATA (more
 * than one column; NaN, infinite or negative, beyond float32, row and value named; all 0; another number than `rows`
 * where that is known already), and the source's. */
fgmm_status fg_weights_open(fg_weights *weights, fgmm_source *source, uint64_t rows);

/* As many rows as weights, and at least k of them above 0? Errors: DATA names both numbers. */
fgmm_status fg_weights_check(const fg_weights *weights, uint64_t rows, uint64_t k);

/* The next n weights of weights->source (rewound before the first), as the device has them; sum: NULL or theirs. */
fgmm_status fg_weights_read(const fg_weights *weights, float *to, uint64_t n, double *sum);
/* The same as the application has them; equal ones too. */
fgmm_status fg_weights_read_real(const fg_weights *weights, double *to, uint64_t n);

#endif
