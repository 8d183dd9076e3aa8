/* statistics.h - inside of fgmm_statistics and the M-step on plain arrays: what em.c and kmeans.c work with. */
#ifndef FG_STATISTICS_H
#define FG_STATISTICS_H

#include "flashgmm/stats.h"
#include "model.h"
#include "statistics_layout.h"

struct fgmm_statistics {
    fgmm_model *model; /* a copy of the model that the sums are about; owned */
    uint64_t identity; /* hash of its shape and parameters: statistics with the same identity can be merged */
    fg_statistics_layout layout;
    double *values; /* (layout.count), owned */
};

/* Parameters that an iteration replaces in place. */
typedef struct fg_mixture {
    fgmm_covariance covariance;
    uint64_t k, d;
    double *weights;     /* (k) */
    double *means;       /* (k,d) */
    double *covariances; /* as fg_parameters */
    double unit;         /* of the rows on the device (rows.h) */
} fg_mixture;

/* The least variance of a dimension (docs/math.md, "The least variance") where all have the mean variance and the mean
 * squared magnitude that are given; 0: it, or the data, are constant. unit: as fg_mixture. */
double fg_least_variance(double variance, double mean_variance, double mean_square, double unit);

/* Are two components so alike that single precision hardly tells them apart (docs/math.md, "Components that are nearly
 * alike")? Spherical and diagonal ones. */
int fg_are_alike(const fg_parameters *parameters);
/* Has a variance become so much smaller that responsibilities too small to be kept may count? The same types. */
int fg_has_shrunk(const fg_parameters *from, const fg_parameters *to);

/* What an M-step has found. */
typedef struct fg_m_step_facts {
    uint64_t reseeded; /* components that were empty */
    double movement; /* equation 20: mean square of the means' movements, in the new deviations; spherical: of both the
                     movements and the old deviations that mixture->covariances held */
    double *losses;  /* (k), tied (1), the caller's, or NULL: equation 19, fg_cholesky_loss, of each matrix that had
                        rows;  else 0 */
} fg_m_step_facts;

/* The M-step (docs/math.md, equation 22, and "Collapsed components"). In: mixture->means, about which values were
 * taken. Out: weights, means, covariances. Statistics of a k-means pass (responsibility 1 for the nearest mean) give
 * the k-means update by the same formulas: mean_k is the mean of cluster k, and empty clusters are re-seeded alike.
 * facts may be NULL. Allocates O(k + d), with matrices O(k + d^2). On failure the mixture is unchanged. Errors: DATA
 * (no rows; a value that is not finite or a negative N_k), ARGUMENT (reg_covar), MEMORY. */
fgmm_status fg_m_step(const fg_mixture *mixture, const double *values, double reg_covar, fg_m_step_facts *facts);

#endif
