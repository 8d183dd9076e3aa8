/* reference.h - the plain double-precision reference of every device operation. Slow, short, obviously right: kernels
 * are compared with these. Arrays are row-major; x (n,d) are rows in the data's own coordinates.
 *
 * src/reference/ runs in the checks before a first use, in the tuner and in tests, never while a model is trained. */
#ifndef FG_REFERENCE_H
#define FG_REFERENCE_H

#include "model.h"

/* l (n,k): log pi_k + log N(x_i | m_k, S_k), nats (docs/math.md, equations 1 and 4). */
void fg_reference_log_density(double *l, const fg_parameters *p, const double *x, uint64_t n);

/* logz (n): log sum_k exp l_ik, equation 2; r (n,k): exp(l_ik - logz_i), equation 3. r may be l itself. */
void fg_reference_responsibilities(double *logz, double *r, const double *l, uint64_t n, uint64_t k);

/* nearest (n): the component with the least squared distance, ties to the lower; d2 (n): that distance. */
void fg_reference_nearest(uint32_t *nearest, double *d2, const fg_parameters *p, const double *x, uint64_t n);

/* Adds n rows to the flat statistics of flashgmm/stats.h: [rows, sum logz, N (k), S1 (k,d), S2 (as covariances)], all
 * about the means of p (7-9, 15). logz may be NULL (counted as 0). */
void fg_reference_statistics(double *values, const fg_parameters *p, const double *x, const double *logz,
                             const double *r, uint64_t n);

/* Before statistics are taken: logz (n) and r (n,k), each row times its weight (n), equation 21. Returns the sum of the
 * weights, which stands in the place of n. */
double fg_reference_weigh(double *logz, double *r, const double *weights, uint64_t n, uint64_t k);

/* Squared distances (n,c) between rows and c candidates (c,d). */
void fg_reference_squared_distances(double *d2, const double *x, uint64_t n, const double *candidates, uint64_t c,
                                    uint64_t d);

/* For n rows and k centroids (k,d): the nearest (ties: the lower), the second by the direction of the residual, and its
 * cost / |r|^2 (equations 28, 29); infinite where k = 1 or the row lies on its centroid. first, second, ratio (n). */
void fg_reference_assign(uint32_t *first, uint32_t *second, double *ratio, const double *x, uint64_t n,
                         const double *centroids, uint64_t k, uint64_t d);

#endif
