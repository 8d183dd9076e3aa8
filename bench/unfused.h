/* unfused.h - EM as it is written from matrix products, with the N x K matrix in memory: what a fused program is
 * compared with. Spherical mixtures, float32. unfused.c holds what both backends share: files, the M-step, the order of
 * steps; a backend computes the E-step's sums on all cores or on a device. */
#ifndef BENCH_UNFUSED_H
#define BENCH_UNFUSED_H

#include "contender.h"

/* Parameters as the E-step uses them: log(weight_k N(x | m_k)) = bias_k + 2 h_k x.m_k - h_k |x|^2. */
typedef struct unfused_parameters {
    float *means; /* (k,d) */
    float *h;     /* (k) 1 / (2 variance) */
    float *bias;  /* (k) log weight - d/2 log(2 pi variance) - h |m|^2 */
} unfused_parameters;

/* Sums of one E-step. */
typedef struct unfused_sums {
    float *s1;             /* (k,d) sum of r x */
    double *n, *s2;        /* (k) sum of r; sum of r |x|^2 */
    double log_likelihood; /* of all rows, nats */
} unfused_sums;

/* Responsibilities below exp of this are set to 0: arithmetic on denormal numbers would cost several times the rest. */
#define UNFUSED_LEAST_LOG (-69.0f)

typedef struct unfused_backend unfused_backend;

typedef struct unfused_shape {
    size_t n, d, k;
} unfused_shape;

/* rows: (n,d), borrowed; norms: (n) |x|^2, borrowed. device: an OpenCL device's name or part of it, "" for the default;
 * ignored on the host. Refuses (and ends the program) when it cannot be done. */
unfused_backend *unfused_open(const unfused_shape *shape, const float *rows, const float *norms, const char *device);
void unfused_e_step(unfused_backend *backend, const unfused_parameters *parameters, unfused_sums *sums);
void unfused_close(unfused_backend *backend);

#endif
