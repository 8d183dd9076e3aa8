/* covariance.h - the covariance types as options name them, and a model's covariances whatever their type. */
#ifndef CLI_COVARIANCE_H
#define CLI_COVARIANCE_H

#include "flashgmm/flashgmm.h"

/* The name of type i in the library's order; NULL behind the last one. */
const char *cli_covariance_choice(int i);

/* Borrowed from a model. */
typedef struct cli_covariances {
    fgmm_covariance_info type;
    const double *values; /* fgmm_model_covariances */
    size_t d;
} cli_covariances;

cli_covariances cli_covariances_of(const fgmm_model *model);
/* Where the covariance of a component begins: its variance, variances (d) or matrix (d,d). */
const double *cli_covariance_at(const cli_covariances *covariances, size_t component);
/* Of a component in dimensions i and j. */
double cli_covariance_element(const cli_covariances *covariances, size_t component, size_t i, size_t j);

#endif
