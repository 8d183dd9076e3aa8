/* flashgmm/fit.h - train a mixture or k-means centroids. */
#ifndef FLASHGMM_FIT_H
#define FLASHGMM_FIT_H

#include "flashgmm/data.h"
#include "flashgmm/device.h"
#include "flashgmm/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fgmm_init {
    /* greedy k-means++ on a sample of min(N, max(65536, 32 K)) rows, 2 + floor(ln K) trials; then, where it is cheap,
     * centres are swapped for rows as long as that helps (docs/math.md, "First centres") */
    FGMM_INIT_KMEANSPP = 0,
    FGMM_INIT_RANDOM = 1,          /* K different rows */
    FGMM_INIT_MODEL = 2,           /* fgmm_fit_options.start */
    FGMM_INIT_KMEANS_PARALLEL = 3, /* k-means|| (Bahmani et al. 2012): 3 K candidates drawn in 3 passes over all rows,
                                      then k-means++ on these, weighted, and swaps where these are cheap */
    FGMM_INIT_AUTO = 4             /* k-means|| for K > 256 or N >= 2^22 (with mini_batch for K > 256 and N < 2^22),
                                      unless N <= 3 K + 1; otherwise k-means++ */
} fgmm_init;

typedef enum fgmm_phase {
    FGMM_PHASE_FIRST_PASS = 0, /* first pass: count, mean, finiteness, sample */
    FGMM_PHASE_INIT = 1,       /* choosing the first centres */
    FGMM_PHASE_KMEANS = 2,
    FGMM_PHASE_EM = 3,
    FGMM_PHASE_FINAL = 4 /* the E-step of the returned parameters */
} fgmm_phase;

typedef struct fgmm_progress {
    fgmm_phase phase;
    uint64_t iteration;      /* 1-based, within the phase */
    uint64_t max_iterations; /* of the phase */
    uint64_t rows_done;      /* of this pass */
    uint64_t rows;           /* N, or FGMM_ROWS_UNKNOWN */
    int iteration_finished;  /* 1 once per iteration, after its M-step */
    double log_likelihood;   /* of the last finished EM iteration, mean per row; NaN before. k-means: minus the inertia
                                per row */
    double elapsed_s;
    uint64_t run, runs; /* 1-based, of n_init */
    double compile_s;   /* of elapsed_s: waiting for the driver's compiler, which says nothing about what is left */
} fgmm_progress;

/* Called on the calling thread once per batch and once per iteration. Nonzero cancels: the call returns
 * FGMM_CANCELLED, and the model of the last finished iteration is delivered all the same if there is one. */
typedef int (*fgmm_progress_fn)(void *user, const fgmm_progress *progress);

typedef struct fgmm_fit_options {
    size_t size;
    uint64_t components;        /* K, 1..N; required unless init is MODEL */
    fgmm_covariance covariance; /* default spherical; with init MODEL the model's own */
    fgmm_init init;
    const fgmm_model *start;     /* borrowed for the call; init MODEL */
    uint32_t kmeans_iterations;  /* on all rows before EM; default 10 (with init MODEL set 0 to begin with EM). 0 with
                                    the others: EM begins with the centres, equal weights and the data's variance */
    uint32_t max_iterations;     /* EM iterations; default 100; 0: k-means only, then parameters from its clusters */
    double tolerance;            /* stop when the mean log-likelihood changes by less; default 1e-3; 0: never */
    double reg_covar;            /* default 1e-6, in squared units of the data; 0..1e200, with u8 and i8 rows
                                    0..1e32, with f16 and f32 rows 0..2^292 */
    uint64_t seed;               /* default 0 */
    uint64_t batch_rows;         /* 0: chosen from D, K and the device; part of what makes two runs equal */
    uint64_t memory_limit_bytes; /* most resident host memory of the process aimed at; 0: a quarter of the machine's. A
                                    tight one makes batches, and the sample that first centres are drawn from,
                                    smaller, and is then part of what makes two runs equal */
    fgmm_progress_fn progress;
    void *progress_user;
    const char
        *checkpoint; /* NULL, or a file that is replaced after every finished iteration; not .npy, .npz, .fvecs */
    const char
        *resume;     /* NULL, or such a file: continues to the same bytes as an uninterrupted run. K, covariance,
                        seed and the data and weights must be the same (checked: K, D, N, covariance, seed, weights) */
    uint32_t n_init; /* runs from different random starts, of which the one with the highest log-likelihood is kept;
                        default 1. The first is what a single run gives; the seeds of the others are drawn from `seed`.
                        A checkpoint holds the best finished run too, and n_init may be raised when resuming. Not with
                        init MODEL, where all would be the same */
    int mini_batch;  /* 1: stepwise EM, an M-step after every max(1024, 2 K) rows (docs/math.md, "Mini-batches").
                        kmeans_iterations and max_iterations then count passes over the data, all of which are made: set
                        them to 1 and 3. history holds the mean log-likelihood of the rows as they were met. The steps
                        are of rows from all over the data, in an order that the seed decides; sources that give rows in
                        order only (callbacks, cl_mem, .csv, .hdf5) are read once and kept, in memory
                        up to a quarter of the limit, beyond it in a temporary file in $TMPDIR or /tmp */
    fgmm_source *weights; /* NULL, or how often each row counts: N rows of one column, from memory, a file or a
                             callback; borrowed for the call, another handle than the rows'. Numbers from 0 to 3.4e38,
                             at least K of them above 0; a row of weight 0 counts for nothing. In float32 relative to
                             the largest; only ratios matter to the model. docs/math.md, "Weights" */
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

/* M-steps of a pass from which on mini-batches profit: measured, docs/math.md, "Mini-batches". */
enum { FGMM_MINI_BATCH_STEPS = 32 };

/* What happened. Set up with fgmm_fit_report_init(), released with fgmm_fit_report_clear. */
typedef struct fgmm_fit_report {
    size_t size;
    uint64_t rows, dims, components;
    fgmm_covariance covariance;
    fgmm_backend backend;
    uint64_t kmeans_iterations; /* done */
    uint64_t iterations;        /* EM iterations done */
    fgmm_stop_reason stop_reason;
    double log_likelihood; /* mean per row of the returned parameters, nats; NaN: k-means, or stopped before it was
                              taken */
    double *history; /* (history_count) mean log-likelihood under the parameters before each EM iteration; owned */
    uint64_t history_count;
    double inertia; /* k-means: sum of squared distances to the nearest centroid, each times its row's weight, under the
                       last iteration's centroids */
    uint64_t reseeded; /* components re-seeded, over all iterations */
    /* Batches whose rows kept few components, or many; rows of the latter, and those whose list overflowed. */
    uint64_t sparse_batches, dense_batches, dense_rows;
    double error_bound_nats; /* bound of the float32 error of the log-likelihood of a row near its components, within
                                sqrt(D) + 5 deviations, and so of log_likelihood; farther out, some 2^-23 |log p| and
                                more comes on top (docs/math.md, "The stated bound"). Above 1e-2, columns are too
                                unlike or clusters too narrow for float32. 0: k-means */
    double read_s, init_s, em_s, total_s; /* read: waiting for the source; init: first pass and first centres, without
                                             reading; em: k-means and EM passes; both without compile_s */
    uint64_t batch_rows;
    int rows_resident; /* 1: all rows stayed on the device between iterations */
    uint64_t peak_device_bytes;
    char tile[128]; /* the kernels' tile parameters, for bug reports */
    /* All of the above is of the best run, the seconds and peak_device_bytes are of all. A best run that was finished
     * before the checkpoint that was resumed has left no history and no k-means iterations. */
    uint64_t run_count;        /* runs finished */
    uint64_t best_run;         /* of them, from 0 */
    double *run_objectives;    /* (run_count) mean log-likelihood of each run, k-means: inertia; owned */
    uint32_t split_operands;   /* matrix unit: low-precision numbers that the value of a mean is split into; 0: none was
                                  used */
    double total_weight;       /* sum of the rows' weights; N without. Log-likelihoods are means over it */
    uint64_t resident_rows;    /* that stayed on the device between iterations; the others were read in each */
    uint64_t mini_batch_steps; /* M-steps of a pass; 0 without mini_batch. Under FGMM_MINI_BATCH_STEPS they gain less
                                  than EM does in the same time */
    double compile_s;          /* waiting for the driver's compiler, which it does once for a device */
} fgmm_fit_report;

static inline fgmm_fit_report fgmm_fit_report_init(void)
{
    fgmm_fit_report report;
    memset(&report, 0, sizeof report);
    report.size = sizeof report;
    return report;
}

FGMM_API void fgmm_fit_report_clear(fgmm_fit_report *report);

/* Trains a mixture. Blocks. *model is NULL on failure, except after FGMM_CANCELLED, FGMM_DEVICE, FGMM_IO or
 * FGMM_CALLBACK with at least one finished iteration: then it is the model of the last finished one. report may be
 * NULL. Errors: ARGUMENT, DATA (K > N, NaN or infinity with row and column, deviations beyond 1e13 in all, no rows;
 * weights of another number, negative or not finite with row and value, all 0), MEMORY, ...
 */
FGMM_API fgmm_status fgmm_fit(fgmm_model **model, fgmm_device *device, fgmm_source *source,
                              const fgmm_fit_options *options, fgmm_fit_report *report);

typedef struct fgmm_kmeans_options {
    size_t size;
    uint64_t components;
    fgmm_init init;
    const fgmm_model *start;
    uint32_t max_iterations; /* default 25 */
    double tolerance;        /* stop when the centroids' squared movement, relative to the mean variance of the data's
                                columns, is at most this (scikit-learn's rule); default 1e-4. Where re-seeding does not
                                lower the inertia any more (fewer distinct rows than K), it stops as well */
    uint64_t seed;
    uint64_t batch_rows;
    uint64_t memory_limit_bytes;
    fgmm_progress_fn progress;
    void *progress_user;
    uint32_t n_init;      /* runs, of which the one with the lowest inertia is kept; as in fgmm_fit_options */
    fgmm_source *weights; /* as in fgmm_fit_options */
    int needs_float32;    /* DATA before training where float32 will not hold the centroids of float64 rows, since it
                             would round them by more than 2^-14 of a column's deviation */
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

/* Lloyd's algorithm. The result is a model as from fgmm_model_from_centroids (use fgmm_model_means). Empty clusters are
 * re-seeded. As fgmm_fit otherwise. */
FGMM_API fgmm_status fgmm_kmeans(fgmm_model **centroids, fgmm_device *device, fgmm_source *source,
                                 const fgmm_kmeans_options *options, fgmm_fit_report *report);

/* "converged", "max_iterations", "cancelled", "failed". */
FGMM_API const char *fgmm_stop_reason_name(fgmm_stop_reason reason);

#ifdef __cplusplus
}
#endif
#endif
