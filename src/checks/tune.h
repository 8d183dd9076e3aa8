/* tune.h - tunes a pass for a shape on a device: what the engine of src/tune asks of an operation, answered for the
 * pass. Two programs are timed: the sparse path (responsibilities, lists, accumulate) and the dense path, each on a
 * batch of drawn rows that look like those of a trained mixture. */
#ifndef FG_TUNE_H
#define FG_TUNE_H

#include "pass.h"
#include "search.h"

typedef struct fg_tune_request {
    fgmm_covariance covariance;
    fgmm_type type; /* of the rows on the device: not F64 */
    uint64_t k, d;
    double budget_s;
    int is_remembered_kept; /* what is remembered for this shape is not tuned again */
    int (*progress)(void *user, const fg_search_step *step, const char *tile); /* may be NULL; nonzero cancels */
    void *progress_user;
} fg_tune_request;

typedef struct fg_tune_report {
    fg_search_result search; /* zero where nothing was done; seconds of program 0, sparse, and 1, dense (0: none) */
    fgmm_backend backend;
    int was_remembered;
    uint64_t batch_rows; /* of the timed batches */
    char first[FG_TILE_TEXT_BYTES], best[FG_TILE_TEXT_BYTES];
    char path[1024]; /* of the file that remembers */
} fg_tune_report;

/* Tunes and remembers. Errors: IO where nothing can be remembered, CANCELLED, MEMORY, COMPILE, DEVICE. */
fgmm_status fg_pass_tune(fg_tune_report *report, fgmm_device *device, const fg_tune_request *request);

/* ---- rows to tune with (tune_rows.c) ---- */

/* A mixture and rows drawn from it, of the device's type; each row has a handful of components that matter. */
typedef struct fg_tune_rows {
    uint64_t n, d, k;
    void *rows;                            /* (n,d) in the type */
    double *weights, *means, *covariances; /* as fg_parameters */
    float *shift;                          /* (d) */
    fg_parameters parameters;
} fg_tune_rows;

fgmm_status fg_tune_rows_create(fg_tune_rows *made, fgmm_covariance covariance, fgmm_type type, uint64_t n, uint64_t k,
                                uint64_t d);
void fg_tune_rows_free(fg_tune_rows *made);
/* The first n rows as the device has them, exactly: x (n,d). */
void fg_tune_rows_decode(double *x, const fg_tune_rows *made, fgmm_type type, uint64_t n);

#endif
