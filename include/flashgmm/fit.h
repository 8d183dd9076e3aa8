/* flashgmm/fit.h - train a mixture or k-means centroids. */
#ifndef FLASHGMM_FIT_H
#define FLASHGMM_FIT_H

#include "flashgmm/data.h"
#include "flashgmm/device.h"
#include "flashgmm/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How the first centres are chosen; docs/math.md, "First centres". */
typedef enum fgmm_init {
    /* Greedy k-means++ on a sample of min(N, max(65536, 32 K)) rows, with 2 + floor(ln K) trials for each centre. Where
     * it is cheap, centres are then swapped for rows as long as that lowers the inertia. */
    FGMM_INIT_KMEANSPP = 0,
    /* K different rows. */
    FGMM_INIT_RANDOM = 1,
    /* The model in `start`. */
    FGMM_INIT_MODEL = 2,
    /* k-means|| (Bahmani et al. 2012): 3 K candidates are drawn in 3 passes over all rows, and weighted k-means++
     * chooses among them. Swaps follow where they are cheap. */
    FGMM_INIT_KMEANS_PARALLEL = 3,
    /* k-means|| for K > 256 or N >= 2^22 (with mini_batch: for K > 256 and N < 2^22), unless N <= 3 K + 1; otherwise
     * k-means++. */
    FGMM_INIT_AUTO = 4
} fgmm_init;

typedef enum fgmm_phase {
    FGMM_PHASE_FIRST_PASS = 0, /* counts the rows, checks them, takes their means and variances, draws a sample */
    FGMM_PHASE_INIT = 1,       /* chooses the first centres */
    FGMM_PHASE_KMEANS = 2,
    FGMM_PHASE_EM = 3,
    FGMM_PHASE_FINAL = 4 /* the E-step of the returned parameters */
} fgmm_phase;

typedef struct fgmm_progress {
    fgmm_phase phase;
    uint64_t iteration;      /* 1-based, within the phase */
    uint64_t max_iterations; /* of the phase */
    uint64_t rows_done;      /* in this pass */
    uint64_t rows;           /* N, or FGMM_ROWS_UNKNOWN */
    int iteration_finished;  /* 1 once per iteration, after its M-step */
    double log_likelihood; /* mean per row of the last finished EM iteration; NaN before it. k-means: minus the inertia
                              per row */
    double elapsed_s;
    uint64_t run, runs; /* the number of this run, from 1, and of all runs (n_init) */
    double compile_s;   /* the part of elapsed_s that was spent waiting for the driver's compiler: leave it out of
                           estimates of the time that is left */
} fgmm_progress;

/* Called on the calling thread once per batch and once per iteration. Nonzero cancels: the call returns FGMM_CANCELLED,
 * and still returns the model of the last finished iteration if there is one. */
typedef int (*fgmm_progress_fn)(void *user, const fgmm_progress *progress);

typedef struct fgmm_fit_options {
    size_t size;
    uint64_t components;        /* K, 1..N; required unless init is MODEL */
    fgmm_covariance covariance; /* default spherical; with init MODEL it is the model's own */
    fgmm_init init;             /* default AUTO */
    const fgmm_model *start;    /* the model to start from, for init MODEL; borrowed for the call */

    /* Iterations of k-means on all rows before EM; default 10. Set 0 with init MODEL to begin with EM. With the other
     * ways of starting, 0 means that EM begins with the centres, equal weights and the data's variance. */
    uint32_t kmeans_iterations;
    /* EM iterations; default 100. 0: k-means only, and the parameters are those of its clusters. */
    uint32_t max_iterations;
    /* EM stops when the mean log-likelihood changes by less than this (nats per row); default 1e-3; 0: never. */
    double tolerance;
    /* Added to every variance (for matrices: to the diagonal), in squared units of the data; default 1e-6. Legal are
     * 0..1e200; with u8 and i8 rows 0..1e32, with f16 and f32 rows 0..2^292. */
    double reg_covar;
    uint64_t seed; /* default 0. The same seed, data and options give the same bytes on the same device */
    /* Rows that the device works on at a time; 0: chosen from D, K and the device. Two runs are equal to the byte only
     * with the same batches. */
    uint64_t batch_rows;
    /* The resident host memory that the process should stay within; 0: a quarter of the machine's. A tight limit makes
     * batches smaller, and the sample that first centres are drawn from, and so changes results in the last digits. */
    uint64_t memory_limit_bytes;
    fgmm_progress_fn progress; /* NULL: none */
    void *progress_user;

    /* NULL, or a file that is replaced after every finished iteration. It must not be named .npy, .npz or .fvecs. */
    const char *checkpoint;
    /* NULL, or a file that was written as a checkpoint. The run continues to the same bytes as one that was never
     * interrupted. Data, weights, K, covariance, seed and mini_batch must be the same; all but the rows' values are
     * checked. */
    const char *resume;
    /* Runs from different random starts, of which the one with the highest log-likelihood is returned; default 1. The
     * first run is what a single one would be; the seeds of the others are drawn from `seed`. A checkpoint holds the
     * best finished run as well, and n_init may be raised when resuming. Must be 1 with init MODEL: all runs would be
     * equal. */
    uint32_t n_init;
    /* 1: stepwise EM, with an M-step after every max(1024, 2 K) rows (docs/math.md, "Mini-batches"); default 0.
     * kmeans_iterations and max_iterations then count passes over the data, and all of them are made: set them to 1 and
     * 3. The report's history holds the mean log-likelihood of the rows as they were met. Rows are met in an order that
     * the seed decides. Sources that can be read in order only (callbacks, cl_mem, .csv, .hdf5) are read once and kept:
     * in memory up to a quarter of the limit, beyond that in a temporary file in $TMPDIR or /tmp. */
    int mini_batch;
    /* NULL, or how often each row counts: a source of N rows with one column, other than the rows' source; borrowed for
     * the call. Weights are numbers from 0 to 3.4e38, at least K of them above 0. Only their ratios matter to the
     * model; they are held as float32 relative to the largest. docs/math.md, "Weights". */
    fgmm_source *weights;
} fgmm_fit_options;

static inline fgmm_fit_options fgmm_fit_options_init(void)
{
    fgmm_fit_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.covariance = FGMM_SPHERICAL;
    options.init = FGMM_INIT_AUTO;
    options.kmeans_iterations = 10;
    options.max_iterations = 100;
    options.tolerance = 1e-3;
    options.reg_covar = 1e-6;
    options.n_init = 1;
    return options;
}

typedef enum fgmm_stop_reason {
    FGMM_STOP_CONVERGED = 0,
    FGMM_STOP_MAX_ITERATIONS = 1,
    FGMM_STOP_CANCELLED = 2,
    FGMM_STOP_FAILED = 3 /* the device or the source failed after at least one finished iteration */
} fgmm_stop_reason;

/* With fewer M-steps in a pass than this, mini-batches gain less than EM does in the same time. It was measured:
 * docs/math.md, "Mini-batches". */
enum { FGMM_MINI_BATCH_STEPS = 32 };

/* What a training did. Make one with fgmm_fit_report_init, release its arrays with fgmm_fit_report_clear. With n_init
 * above 1, everything describes the best run, but for the seconds and peak_device_bytes, which cover all runs. If the
 * best run was finished before the checkpoint that was resumed, its history and k-means iterations are not known. */
typedef struct fgmm_fit_report {
    size_t size;
    uint64_t rows, dims, components;
    fgmm_covariance covariance;
    fgmm_backend backend;
    uint64_t kmeans_iterations; /* made */
    uint64_t iterations;        /* of EM, made */
    fgmm_stop_reason stop_reason;
    /* Mean per row under the returned parameters, nats; NaN for k-means, and if the run stopped before it was taken. */
    double log_likelihood;
    double *history; /* (history_count) mean log-likelihood under the parameters before each EM iteration; owned */
    uint64_t history_count;
    /* k-means: the sum of squared distances to the nearest centroid, each times its row's weight, under the centroids
     * that the last iteration began with. */
    double inertia;
    uint64_t reseeded; /* components that were re-seeded, over all iterations */
    /* Batches that took the sparse path and the dense one. dense_rows counts the rows of the latter, and rows of sparse
     * batches whose list of responsibilities overflowed. */
    uint64_t sparse_batches, dense_batches, dense_rows;
    /* A bound of the float32 error of a row's log-likelihood, for rows within sqrt(D) + 5 deviations of their
     * component, and so of log_likelihood; in nats. For rows farther out, add at least 2^-23 of their |log p|
     * (docs/math.md, "The stated bound"). Above 1e-2, columns are too different or clusters too narrow for float32. 0:
     * k-means. */
    double error_bound_nats;
    /* read: waiting for the source. init: the first pass and the first centres, without reading. em: k-means and EM
     * passes. init_s and em_s do not include compile_s. */
    double read_s, init_s, em_s, total_s;
    uint64_t batch_rows;
    int rows_resident; /* 1: all rows stayed on the device between iterations */
    uint64_t peak_device_bytes;
    char tile[128];          /* the kernels' tile parameters, for bug reports */
    uint64_t run_count;      /* runs that were finished */
    uint64_t best_run;       /* the number of the best one, from 0 */
    double *run_objectives;  /* (run_count) mean log-likelihood of each run, for k-means its inertia; owned */
    uint32_t split_operands; /* bf16 or f16 operands that a mean was split into, at most; 0: no matrix unit was used */
    double total_weight;     /* sum of the rows' weights, N without weights. Log-likelihoods are means over it */
    uint64_t resident_rows;  /* rows that stayed on the device between iterations; the others were read in each */
    uint64_t mini_batch_steps; /* M-steps of a pass; 0 without mini_batch. Compare with FGMM_MINI_BATCH_STEPS */
    double compile_s;          /* waiting for the driver's compiler, which is needed once for each device */
} fgmm_fit_report;

static inline fgmm_fit_report fgmm_fit_report_init(void)
{
    fgmm_fit_report report;
    memset(&report, 0, sizeof report);
    report.size = sizeof report;
    return report;
}

/* Frees the report's arrays and sets them to NULL. NULL is accepted. */
FGMM_API void fgmm_fit_report_clear(fgmm_fit_report *report);

/* Trains a mixture. Blocks. The caller frees *model with fgmm_model_free. On failure *model is NULL, with one
 * exception: after FGMM_CANCELLED, FGMM_DEVICE, FGMM_MEMORY, FGMM_IO or FGMM_CALLBACK it is the model of the last
 * finished iteration if there is one. report may be NULL. Not converging is no error: report->stop_reason tells.
 * Errors: ARGUMENT (options, or resuming another run), DATA (K > N; no rows; NaN or infinity, with row and column;
 * deviations beyond 1e13 in all; weights whose number differs from N, that are negative or not finite, or all 0),
 * FORMAT and IO (the source, the checkpoint), MEMORY, DEVICE, COMPILE, CALLBACK, CANCELLED. */
FGMM_API fgmm_status fgmm_fit(fgmm_model **model, fgmm_device *device, fgmm_source *source,
                              const fgmm_fit_options *options, fgmm_fit_report *report);

/* Members without a comment are as in fgmm_fit_options. */
typedef struct fgmm_kmeans_options {
    size_t size;
    uint64_t components;
    fgmm_init init;
    const fgmm_model *start;
    uint32_t max_iterations; /* default 25 */
    /* Stops when the centroids' squared movement, relative to the mean variance of the data's columns, is at most this
     * (scikit-learn's rule); default 1e-4. It also stops when re-seeding no longer lowers the inertia, as with fewer
     * distinct rows than K. */
    double tolerance;
    uint64_t seed;
    uint64_t batch_rows;
    uint64_t memory_limit_bytes;
    fgmm_progress_fn progress;
    void *progress_user;
    uint32_t n_init; /* the run with the lowest inertia is returned */
    fgmm_source *weights;
    /* 1: fail with DATA before training if float32 cannot hold the centroids, that is, if it rounds them by more than
     * 2^-14 of a column's deviation (float64 rows only); default 0. */
    int needs_float32;
} fgmm_kmeans_options;

static inline fgmm_kmeans_options fgmm_kmeans_options_init(void)
{
    fgmm_kmeans_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.init = FGMM_INIT_AUTO;
    options.max_iterations = 25;
    options.tolerance = 1e-4;
    options.n_init = 1;
    return options;
}

/* Lloyd's algorithm. Blocks. The result is a model as from fgmm_model_from_centroids; read it with fgmm_model_means.
 * Empty clusters are re-seeded. Ownership, failures and errors are those of fgmm_fit. */
FGMM_API fgmm_status fgmm_kmeans(fgmm_model **centroids, fgmm_device *device, fgmm_source *source,
                                 const fgmm_kmeans_options *options, fgmm_fit_report *report);

/* "converged", "max_iterations", "cancelled", "failed". */
FGMM_API const char *fgmm_stop_reason_name(fgmm_stop_reason reason);

#ifdef __cplusplus
}
#endif
#endif
