/* passes.h - for tests of a pass on the device against the double-precision reference: rows of every type, parameters
 * near them, and both results compared. One device at a time is open, with buffers full of NaN. */
#ifndef FG_TEST_PASSES_H
#define FG_TEST_PASSES_H

#include "parts.h"
#include "pass.h"
#include "reference.h"
#include "self_check.h"

/* Float sums of D terms and a few roundings of the log-density itself: some 2^-20 relative, absolute near 1. */
extern const double log_tolerance;
/* What the a-priori bound promises where single precision is short of digits (docs/math.md, "Rounding"). */
extern const double promised_nats;

typedef struct shape_case {
    fgmm_backend backend;
    fgmm_covariance covariance;
    fg_assignment assignment;
    fgmm_type type;
    fgmm_path path;
    uint64_t n, d, k;
    double overlap;      /* standard deviation of components over the spread of their means */
    double nats;         /* absolute error of log-normalisers that is allowed besides log_tolerance */
    const fg_tile *tile; /* NULL: the shipped one */
    fg_pruning_use pruning;
    int has_weights;           /* rows have some, every fifth 0 */
    uint64_t batch_rows;       /* 0: large cases in two uneven batches */
    double launch_work;        /* fg_device_set_launch_work */
    int has_wide_sums;         /* of fg_pass_options */
    int is_recentred;          /* sums are about problem.centres */
    int is_precise;            /* in double precision; log-densities are evaluated as always */
    const fg_backend *kernels; /* NULL: what suits the shape on the device */
    int has_no_doubles;        /* the device takes itself for one without */
    uint64_t dense_every; /* the second half of the components are one, and each dense_every-th row is theirs; 0: no */
} shape_case;

/* Rows in their type and as doubles, and parameters near them. */
typedef struct problem {
    void *rows;
    double *x, *weights, *means, *covariances;
    double *centres; /* (k,d) beside the means */
    float *shift;
    float *row_weights; /* (n), or NULL */
    fg_parameters parameters;
} problem;

problem make_problem(const shape_case *c);
void free_problem(problem *p);

/* The open device, of that backend; the one before is closed when it has another. */
fgmm_device *device_of_backend(fgmm_backend backend);
/* A teardown function. */
void close_device(void);

/* The group backend's tile that compiles fastest on a CPU; of a backend, that one or NULL, the shipped one. */
extern const fg_tile quick_group_tile;
const fg_tile *quick_tile(fgmm_backend backend);

/* The error is at most the tolerance. NaN is not. */
void check_error(const char *what, double error, double tolerance);

/* How many numbers the case's flat statistics are. */
size_t statistics_of(const shape_case *c);

/* Of the whole problem: logz (n), and the flat statistics. The reference; the device, in batches, whose case failing
 * assertions then name. */
void reference_batch(const shape_case *c, const problem *p, double *logz, double *values);
void run_pass(const shape_case *c, const problem *p, size_t batch_rows, double *values, double *logz);

/* Both are equal within the tolerances; of a given problem of the case's sizes, or of the case's own. */
void check_problem(const shape_case *c, const problem *p);
void check_case(const shape_case *c);

#endif
