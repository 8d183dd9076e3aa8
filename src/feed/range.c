/* range.c - centre, unit and limits of a mixture. */
#include "range.h"

#include "cholesky.h"
#include "size.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

/* Units of centroids that are at most so much below their deviation have squares of both in float32, and of numbers
 * that are LEAST_APART units apart. */
static const double LEAST_OF_DEVIATION = 0x1p-50, LEAST_APART = 0x1p-40;

fgmm_status fg_range_of(fg_range *range, const fg_parameters *p)
{
    fgmm_status status = FGMM_OK;
    const uint64_t d = p->d;
    double *variance = NULL, mean_variance = 0;
    FG_TRY(FG_ALLOC(&range->centre, d, "centre"));
    FG_TRY(FG_ALLOC(&variance, d, "variances"));
    double *centre = range->centre;
    for (uint64_t c = 0; c < p->k; c++)
        for (uint64_t j = 0; j < d; j++) centre[j] += p->weights[c] * p->means[c * d + j];
    for (uint64_t c = 0; c < p->k; c++)
        for (uint64_t j = 0; j < d; j++) {
            const double t = p->means[c * d + j] - centre[j];
            const double own = p->covariances ? p->covariances[fg_variance_place(p->covariance, d, c, j)] : 0;
            variance[j] += p->weights[c] * (t * t + own);
        }
    for (uint64_t j = 0; j < d; j++) {
        centre[j] = fg_centre(centre[j], variance[j]);
        mean_variance += variance[j] / (double)d;
    }
    range->unit = fg_unit(mean_variance, centre, d);
done:
    free(variance);
    return status;
}

fgmm_status fg_range_of_centroids(fg_range *range, const fg_parameters *parameters)
{
    fgmm_status status = FGMM_OK;
    fg_parameters means = *parameters;
    const double origin = 0, deviation = fg_unit(parameters->covariances[0], &origin, 1);
    means.covariances = NULL;
    FG_TRY(fg_range_of(range, &means));
    const double least = deviation * LEAST_OF_DEVIATION;
    FG_CHECK(range->unit >= least * LEAST_APART, FGMM_DATA,
             "centroids: they are some %g apart, too near for densities of variance %g beside their labels",
             range->unit, parameters->covariances[0]);
    range->unit = fmax(range->unit, least);
done:
    return status;
}

double fg_range_most(const fg_range *range, uint64_t d, fgmm_type type)
{
    double largest = 0;
    for (uint64_t j = 0; j < d; j++) largest = fmax(largest, fabs(range->centre[j]));
    return fmin(fg_most_value(type), largest + FG_MOST_DISTANCE * range->unit);
}

static fgmm_status check_pivots(const fg_parameters *p, double least, const char *what)
{
    fgmm_status status = FGMM_OK;
    const uint64_t d = p->d, matrices = fg_covariance_matrices(p->covariance, p->k);
    double *factor = NULL;
    FG_TRY(FG_ALLOC(&factor, matrices ? d * d : 0, "a covariance matrix"));
    for (uint64_t m = 0; m < matrices; m++) {
        memcpy(factor, p->covariances + m * d * d, (size_t)(d * d) * sizeof *factor);
        fg_cholesky(factor, d);
        for (uint64_t j = 0; j < d; j++) {
            const double variance = factor[j * d + j] * factor[j * d + j];
            FG_CHECK(variance >= least, FGMM_DATA,
                     "%s: covariance matrix %llu leaves dimension %llu a variance of %g when the others are known; "
                     "need at least %g",
                     what, (ull)m, (ull)j, variance, least);
        }
    }
done:
    free(factor);
    return status;
}

fgmm_status fg_range_check(const fg_parameters *p, double of_data, fgmm_type type, const char *what)
{
    fgmm_status status = FGMM_OK;
    const double unit = fg_type_unit(type, of_data);
    const uint64_t width = fg_covariance_width(p->covariance, p->d);
    const double least = FG_LEAST_VARIANCE * unit * unit, most = FG_MOST_VARIANCE * unit * unit;
    for (uint64_t i = 0; i < fg_covariance_blocks(p->covariance, p->k) * width; i++) {
        const double variance = p->covariances[fg_variance_place(p->covariance, p->d, i / width, i % width)];
        FG_CHECK(variance >= least && variance <= most, FGMM_DATA,
                 "%s: covariances[%llu,%llu] = %g; need %g to %g, for a spread of %g that it is compared with", what,
                 (ull)(i / width), (ull)(i % width), variance, least, most, unit);
    }
    FG_TRY(check_pivots(p, least, what));
done:
    return status;
}
