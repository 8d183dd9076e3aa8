/* pass.h - one pass over rows on the device, as the algorithms above see it: load parameters, feed batches, fetch sums.
 *
 * A pass owns the packed parameters, the per-batch lists (a row's log-normaliser and the few components that matter)
 * and the running statistics on the device. What it runs per batch:
 *   - sparse path: responsibilities, lists by component, accumulate;
 *   - dense path, for rows whose responsibilities are not sparse: in tiles of a few MiB, responsibilities and a matrix
 *     product; where the sums fit a CPU's cache, both a block of rows at a time;
 *   - direct path, where the sums fit a CPU's cache and bounds are not used: a block's few entries, or its products.
 * The N x K matrix exists nowhere. Results depend on the device, the tile parameters and the batch boundaries only.
 */
#ifndef FG_PASS_H
#define FG_PASS_H

#include "device.h"
#include "flashgmm/fit.h"
#include "model.h"

typedef struct fg_pass fg_pass;

/* How rows are assigned to components. */
typedef enum fg_assignment {
    FG_ASSIGN_SOFT = 0, /* every component within 2^-(24 + log2 K) of the row's largest */
    FG_ASSIGN_HARD = 1  /* the nearest mean only, responsibility 1: k-means */
} fg_assignment;

/* May the vector backend, and the matrix backend of CPUs, leave to upper bounds which distances are irrelevant
 * (cl/cpu/projection_bound.cl, cl/matrix/responsibilities_pruned.cl)? */
typedef enum fg_pruning_use {
    FG_PRUNING_AUTO = 0, /* where they pay */
    FG_PRUNING_ALWAYS,   /* wherever the kernel exists */
    FG_PRUNING_NEVER
} fg_pruning_use;

/* What the error bound knows of the source's rows, by column, (d); borrowed while the pass exists. NULL: nothing. */
typedef struct fg_row_facts {
    const double *shift; /* what was subtracted from F64 rows in double, before they were rounded; NULL: other rows */
    const double *residuals; /* the most that float32 leaves of a number, before that */
    const double *grains;    /* a power of two that divides all numbers, or 0 */
    double scale;            /* a power of two: times all of these, they are in the pass's unit */
} fg_row_facts;

typedef struct fg_pass_options {
    fgmm_covariance covariance; /* with FG_ASSIGN_HARD of the second moments only */
    fg_assignment assignment;
    uint64_t k, d;
    fgmm_type type;    /* of the rows: U8 I8 F16 F32 (F64 sources are converted while reading) */
    size_t batch_rows; /* most rows in one batch */
    fgmm_path path;
    const struct fg_tile *tile; /* of the device's backend, for tests and tuning; NULL: the remembered or shipped one */
    const char *tile_text;      /* NULL, or fg_pass_facts.tile of an earlier pass: taken where it is legal here */
    uint64_t rows;              /* that will follow a load, about; 0: few */
    fg_pruning_use pruning;
    int has_differences; /* no log-density from products (docs/math.md, "Rounding"): which mean is nearest is then as
                            exact as float32 rows and means are */
    float row_scale;     /* a power of two that F16 and F32 rows are multiplied by while they are loaded; parameters and
                            shift are in the unit that they have then; 0: 1 */
    double launch_work;  /* multiplications and additions of a launch, for tests; 0: 100 ms of a small device's */
    int has_wide_sums;   /* of all second moments as matrices, not only where the loaded ones ask for it: for statistics
                            that nobody will take again (docs/math.md, "Wide sums") */
    fg_row_facts row_facts;
    const struct fg_backend *backend; /* for tests and checks; NULL: what suits the shape on the device */
} fg_pass_options;

/* Allocates and compiles, and checks the program against the double-precision reference, if that has not been done on
 * this device. A backend that fails is replaced by the next (self_check.c). Errors: MEMORY, COMPILE, DEVICE,
 * UNSUPPORTED when no backend is left. */
fgmm_status fg_pass_create(fg_pass **pass, fgmm_device *device, const fg_pass_options *options);
/* The check alone, of one pass or two (count) at once, which fg_pass_create then finds done. Before anything else that
 * compiles: drivers that keep what they have compiled need not set up their compiler in this process too, and in the
 * check's only once. */
fgmm_status fg_pass_check(fgmm_device *device, const fg_pass_options *passes, size_t count);
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

/* After a load: the statistics of the batches that follow are about centres (k,d) in the place of the loaded means, and
 * as exact as can be; responsibilities are those of the loaded parameters. For sums that are taken once more. */
fgmm_status fg_pass_recentre(fg_pass *pass, const double *centres, const float *shift);
/* Can it? Where all of a row's components fit its list. */
int fg_pass_can_recentre(const fg_pass *pass);

/* Should second moments as matrices be summed wide? loss: fg_cholesky_loss of the factor. */
int fg_sums_are_wide(double loss, uint64_t d);
/* Are component k's, since the last load? */
int fg_pass_is_wide(const fg_pass *pass, uint64_t k);

/* n <= batch_rows rows, dense (n,d), beginning `offset_bytes` into buffer. */
typedef struct fg_rows {
    const fg_buffer *buffer;
    size_t offset_bytes;
    size_t n;
    const fg_buffer *weights; /* float (n), 0..1, how often each row counts, from weights_bytes on; NULL: once */
    size_t weights_bytes;
    double weight; /* sum of the weights; not used without them */
} fg_rows;

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
