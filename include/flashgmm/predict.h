/* flashgmm/predict.h - evaluates a model on rows: log-likelihoods, labels, the largest responsibilities. */
#ifndef FLASHGMM_PREDICT_H
#define FLASHGMM_PREDICT_H

#include "flashgmm/fit.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Results of consecutive rows first_row .. first_row + rows - 1. Pointers to what was not asked for are NULL; all are
 * valid during the call only. */
typedef struct fgmm_evaluation {
    uint64_t first_row, rows;
    const double *log_likelihood; /* (rows) log p(x_i), nats */
    const int32_t *labels;        /* (rows) */
    const int32_t *ids;           /* (rows,top) components by descending responsibility; ties: the lower number first */
    const float *responsibilities; /* (rows,top) */
    const double *weights;         /* (rows), if options.weights was given */
} fgmm_evaluation;

/* Receives the batches in row order on the calling thread. Nonzero cancels (FGMM_CANCELLED). */
typedef int (*fgmm_evaluation_fn)(void *user, const fgmm_evaluation *batch);

typedef struct fgmm_evaluate_options {
    size_t size;
    /* What the sink receives of each row. */
    int want_log_likelihood; /* default 1: log p(x_i) */
    int want_labels; /* default 0; 1: the most probable component; ties: the lower number. With equal weights and
                        one variance, as centroids have, this is the nearest mean, whatever the unit of the data */
    uint32_t top;    /* default 0; the number of largest responsibilities, at most K */
    fgmm_evaluation_fn sink; /* NULL: only the report is wanted */
    void *sink_user;
    uint64_t batch_rows;         /* 0: chosen from D, K and the device */
    uint64_t memory_limit_bytes; /* as fgmm_fit_options.memory_limit_bytes */
    fgmm_progress_fn progress;   /* phase FINAL, iteration 1 */
    void *progress_user;
    fgmm_source *weights; /* NULL, or how often each row counts in the mean; as fgmm_fit_options.weights */
} fgmm_evaluate_options;

static inline fgmm_evaluate_options fgmm_evaluate_options_init(void)
{
    fgmm_evaluate_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.want_log_likelihood = 1;
    return options;
}

typedef struct fgmm_evaluate_report {
    size_t size;
    uint64_t rows;              /* N */
    double total_weight;        /* sum of the rows' weights; N without weights */
    double mean_log_likelihood; /* nats per unit of weight. NaN if no densities were needed: want_log_likelihood and top
                                   are 0, and the labels are those of centroids */
} fgmm_evaluate_report;

static inline fgmm_evaluate_report fgmm_evaluate_report_init(void)
{
    fgmm_evaluate_report report;
    memset(&report, 0, sizeof report);
    report.size = sizeof report;
    return report;
}

/* Streams the source once through the model. Memory is bounded whatever N is. options NULL: defaults; report may be
 * NULL. Errors: ARGUMENT (top > K), DATA (another D, NaN or infinity, a variance outside 1e-30..1e32 of the model's
 * own, a row so far away that float32 cannot hold its log-likelihood), MEMORY, DEVICE, IO, CALLBACK, CANCELLED. */
FGMM_API fgmm_status fgmm_evaluate(fgmm_device *device, const fgmm_model *model, fgmm_source *source,
                                   const fgmm_evaluate_options *options, fgmm_evaluate_report *report);

/* These two do it in one call, for results that fit in memory; N is the source's number of rows. Both block. Errors: as
 * fgmm_evaluate.
 *
 * mean receives the mean log-likelihood per row, per_row (N) that of each; both may be NULL. */
FGMM_API fgmm_status fgmm_score(fgmm_device *device, const fgmm_model *model, fgmm_source *source, double *mean,
                                double *per_row);
/* labels (N): as fgmm_evaluate_options.want_labels. */
FGMM_API fgmm_status fgmm_predict(fgmm_device *device, const fgmm_model *model, fgmm_source *source, int32_t *labels);

#ifdef __cplusplus
}
#endif
#endif
