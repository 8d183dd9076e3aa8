/* flashgmm/predict.h - evaluate a model on rows: log-likelihoods, labels, the largest responsibilities. */
#ifndef FLASHGMM_PREDICT_H
#define FLASHGMM_PREDICT_H

#include "flashgmm/fit.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fgmm_evaluate_options {
    size_t size;
    int want_log_likelihood; /* deliver log p(x_i) */
    int want_labels;         /* deliver the most probable component; ties: the lower number. With equal weights and one
                                variance, as centroids have: the nearest mean, whatever the unit of the data */
    uint32_t top;            /* M: deliver the M largest responsibilities, 0: none; at most K */
    uint64_t batch_rows;     /* 0: chosen */
    uint64_t memory_limit_bytes;
    fgmm_progress_fn progress; /* phase FINAL, iteration 1 */
    void *progress_user;
    fgmm_source *weights; /* NULL, or how often each row counts in the mean, as fgmm_fit_options.weights */
} fgmm_evaluate_options;

static inline fgmm_evaluate_options fgmm_evaluate_options_init(void)
{
    fgmm_evaluate_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.want_log_likelihood = 1;
    return options;
}

/* Results of consecutive rows first_row .. first_row + rows - 1; pointers not asked for are NULL; all are valid during
 * the call only. */
typedef struct fgmm_evaluation {
    uint64_t first_row, rows;
    const double *log_likelihood;  /* (rows) nats */
    const int32_t *labels;         /* (rows) */
    const int32_t *ids;            /* (rows,M) components by descending responsibility, ties: lower number first */
    const float *responsibilities; /* (rows,M) */
    const double *weights;         /* (rows), where options.weights was given */
} fgmm_evaluation;

/* Receives the batches in row order on the calling thread. Nonzero cancels (FGMM_CANCELLED). */
typedef int (*fgmm_evaluation_fn)(void *user, const fgmm_evaluation *batch);

/* Streams the source once through the model. Memory is bounded whatever N is. mean_log_likelihood and rows may be NULL;
 * labels of centroids alone, with mean_log_likelihood NULL, take no densities.
 * Errors: DATA (D differs, NaN or infinity, a variance outside 1e-30..1e32 of the model's own), ARGUMENT (top > K),
 * DEVICE, IO, CALLBACK.
 */
FGMM_API fgmm_status fgmm_evaluate(fgmm_device *device, const fgmm_model *model, fgmm_source *source,
                                   const fgmm_evaluate_options *options, fgmm_evaluation_fn sink, void *sink_user,
                                   double *mean_log_likelihood, uint64_t *rows);

/* One-call forms for results that fit in memory; N is the source's row count.
 * mean: mean log-likelihood per row, or NULL. per_row: (N), or NULL. */
FGMM_API fgmm_status fgmm_score(fgmm_device *device, const fgmm_model *model, fgmm_source *source, double *mean,
                                double *per_row);
/* labels: (N) */
FGMM_API fgmm_status fgmm_predict(fgmm_device *device, const fgmm_model *model, fgmm_source *source, int32_t *labels);

#ifdef __cplusplus
}
#endif
#endif
