/* covariances.h - the covariance types that tests loop over. A new one joins one of these lists, and COVARIANCES counts
 * it. */
#ifndef TEST_COVARIANCES_H
#define TEST_COVARIANCES_H

#include "model.h"

/* Entries of a table for each type: X(NAME) for FGMM_NAME. */
#define VARIANCE_TYPES(X) X(SPHERICAL) X(DIAG)
#define MATRIX_TYPES(X)   X(TIED) X(FULL)

enum { COVARIANCES = FGMM_FULL + 1 };

/* The first type from `covariance` on whose covariances are matrices, or with 0 variances; COVARIANCES behind the last
 * one. */
static inline int covariance_from(int covariance, int has_matrices)
{
    while (covariance < COVARIANCES && fg_covariance_types[covariance].has_matrices != has_matrices) covariance++;
    return covariance;
}

#endif
