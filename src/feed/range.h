/* range.h - where a mixture's numbers lie: the shift and the unit of evaluations, which only have a model to go by, and
 * what float32 cannot hold beside it. */
#ifndef FG_RANGE_H
#define FG_RANGE_H

#include "model.h"
#include "rows.h"

/* What a shift is made of: centre (d), owned, values of fg_centre, and the unit of fg_unit. */
typedef struct fg_range {
    double *centre;
    double unit;
} fg_range;

/* In units, of a row from the centre: squares of D <= 2^15 such numbers are a float32, and so are those of numbers
 * 2^100 below it. */
#define FG_MOST_DISTANCE 0x1p56

/* Variances in squared units: both they and their reciprocals are normal float32, with a margin for a product. No
 * smaller variance comes from training (m_step.c). */
#define FG_LEAST_VARIANCE 1e-30
#define FG_MOST_VARIANCE  1e32

/* Of the mixture's own mean and variance, so that a reloaded model gives the same bytes. covariances NULL: of the
 * means alone, which is enough to find nearest means. Errors: MEMORY. */
fgmm_status fg_range_of(fg_range *range, const fg_parameters *parameters);

/* Of centroids whose labels are wanted along with densities under their variance: the means', unless their variance
 * would then leave float32. Errors: MEMORY, DATA (both are too far apart for one pass). */
fgmm_status fg_range_of_centroids(fg_range *range, const fg_parameters *parameters);

/* Rows may be so far away: beyond, float32 tells no component from another. */
double fg_range_most(const fg_range *range, uint64_t d, fgmm_type type);

/* Variances, and what is left of each when the dimensions before it are known, against the unit of rows of a type
 * (unit: of fg_range, the data's own): they, their reciprocals and products with them are float32 numbers. what:
 * "model", "start", "statistics". Errors: DATA names component, value and limits. */
fgmm_status fg_range_check(const fg_parameters *parameters, double unit, fgmm_type type, const char *what);

#endif
