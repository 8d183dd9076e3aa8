/* pass.h - one pass over rows on the device, as the algorithms above see it: load parameters, feed batches, fetch sums.
 *
 * A pass owns the packed parameters, the sparse responsibilities of a batch (a row's log-normaliser and the few
 * components that matter) and the running statistics on the device. It runs one of these for each batch (paths.c):
 *   - the sparse path: responsibilities, their transpose to component order, sums;
 *   - the dense path, for rows whose responsibilities are not sparse: in tiles of a few MiB, responsibilities and a
 *     matrix product; where the sums fit a CPU's cache, both a block of rows at a time;
 *   - the fused path, where the sums fit a CPU's cache and nothing is pruned: a block's few nonzeros, or its products.
 * The N x K matrix exists nowhere. Results depend on the device, the tile parameters and the batch boundaries only.
 *
 * src/pass/ loads parameters, chooses the path of each batch, fetches statistics and picks results per row. It launches
 * nothing by itself: that is for src/parts/ and src/backends/. */
#ifndef FG_PASS_H
#define FG_PASS_H

#include "options.h"

typedef struct fg_pass fg_pass;

/* Allocates and compiles, without a check of what was compiled (self_check.h). Errors: MEMORY, COMPILE, DEVICE,
 * UNSUPPORTED where no tile fits the device. */
fgmm_status fg_pass_create_unchecked(fg_pass **pass, fgmm_device *device, const fg_pass_options *options);

void fg_pass_free(fg_pass *pass);

/* Rows that one batch should have for this shape on this device when the caller does not say. A function of its
 * arguments only, so that every kind of source is cut alike. */
size_t fg_pass_default_batch_rows(const fgmm_device *device, const fg_pass_options *options);

/* Device bytes that the pass will take, the dense path's included, rows not. 0: the options cannot be met. */
uint64_t fg_pass_bytes(fgmm_device *device, const fg_pass_options *options);

/* Most host bytes that the pass takes beside the caller's arrays: parameters while they are loaded; with is_evaluation
 * the copies of a batch's lists and of a dense tile that fg_pass_evaluate picks from. */
uint64_t fg_pass_host_bytes(fgmm_device *device, const fg_pass_options *options, int is_evaluation);

/* Loads parameters for the batches that follow and zeroes the statistics. shift (d): subtracted from rows while they
 * are loaded; near the data's mean. With FG_ASSIGN_HARD only the means count; covariances may be NULL, and say
 * otherwise how far rows are from their centres, which helps to choose bounds. */
fgmm_status fg_pass_load(fg_pass *pass, const fg_parameters *parameters, const float *shift);

/* After a load: the statistics of the batches that follow are about centres (k,d) instead of the loaded means, and
 * as exact as can be; responsibilities are those of the loaded parameters. For sums that are taken once more. */
fgmm_status fg_pass_recentre(fg_pass *pass, const double *centres, const float *shift);
/* Can it? Where all of a row's components fit its list. */
int fg_pass_can_recentre(const fg_pass *pass);

/* After a load, and before other centres are set: the batches that follow are evaluated and summed in double precision,
 * some ten times as slowly. */
fgmm_status fg_pass_be_precise(fg_pass *pass, const fg_parameters *parameters, const float *shift);
/* Can it? Where the device has double precision, for spherical and diagonal covariances whose components all fit a
 * row's list. */
int fg_pass_can_be_precise(const fg_pass *pass);

/* Are component k's, since the last load? */
int fg_pass_is_wide(const fg_pass *pass, uint64_t k);

/* Adds a batch to the statistics, each row times its weight. */
fgmm_status fg_pass_accumulate(fg_pass *pass, const fg_rows *rows);

/* Fetches the statistics: the flat array of flashgmm/stats.h, about the loaded means; the first value is the sum of
 * weights. With FG_ASSIGN_HARD the second value is minus the sum of squared distances to the nearest mean (the
 * inertia); S2 is as options.covariance says. */
fgmm_status fg_pass_statistics(fg_pass *pass, double *values);

/* Evaluates a batch instead of accumulating it; weights do not matter. Pointers may be NULL. log_likelihood (n), labels
 * (n), ids and responsibilities (n,top) by descending responsibility, ties to the lower component. */
typedef struct fg_evaluation_rows {
    double *log_likelihood;
    int32_t *labels;
    uint32_t top;
    int32_t *ids;
    float *responsibilities;
} fg_evaluation_rows;
fgmm_status fg_pass_evaluate(fg_pass *pass, const fg_rows *rows, const fg_evaluation_rows *out);

/* The path that the next batch will take; kept in checkpoints, since it decides rounding. */
int fg_pass_is_dense(const fg_pass *pass);
void fg_pass_set_dense(fg_pass *pass, int is_dense);

typedef struct fg_pass_facts {
    uint64_t sparse_batches, dense_batches, dense_rows; /* since creation */
    double error_bound_nats;                            /* of the loaded parameters, docs/math.md "Rounding" */
    fgmm_backend backend;                               /* MATRIX where a matrix unit multiplies for the sums */
    uint32_t terms;      /* of a mean in products, docs/math.md "Split operands": 1 where bounds are used; else 0 */
    const char *pruning; /* method used for the loaded parameters, docs/math.md "Pruning"; NULL: none */
    char tile[128];
} fg_pass_facts;
void fg_pass_describe(const fg_pass *pass, fg_pass_facts *facts);

#endif
