/* flashgmm/stats.h - sufficient statistics of one EM iteration, and the M-step.
 *
 * fgmm_fit does nothing but accumulate all rows, take the M-step, and repeat. With these calls the same loop can be
 * spread over files, machines or processes: all that they exchange is a sum of doubles.
 *
 * Statistics are taken about the means m_k of the model that they were made for (docs/math.md, "Statistics"), which is
 * exact however far the data lie from the origin:
 *     N_k  = sum_i r_ik
 *     S1_k = sum_i r_ik (x_i - m_k)                      (K,D)
 *     S2_k = sum_i r_ik |x_i - m_k|^2                    spherical (K)
 *            sum_i r_ik (x_i - m_k)^2 per dimension      diag (K,D)
 *            sum_i r_ik (x_i - m_k) (x_i - m_k)^T        full (K,D,D), symmetric, both triangles
 *            the same summed over k                      tied (D,D)
 * If rows have weights w_i, then r_ik, log-likelihoods and the number of rows are multiplied by them. Statistics of
 * different models cannot be merged (ARGUMENT).
 */
#ifndef FLASHGMM_STATS_H
#define FLASHGMM_STATS_H

#include "flashgmm/data.h"
#include "flashgmm/device.h"
#include "flashgmm/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fgmm_statistics fgmm_statistics;

/* Makes statistics of no rows for a model, which is copied. Errors: ARGUMENT, MEMORY. */
FGMM_API fgmm_status fgmm_statistics_create(fgmm_statistics **statistics, const fgmm_model *model);
/* NULL is accepted. */
FGMM_API void fgmm_statistics_free(fgmm_statistics *statistics);

/* Adds all rows of the source: this is the E-step under the statistics' model. Blocks. On failure the statistics stay
 * as they were. Errors: DATA (NaN or infinity, with row and column; D differs from the model's), MEMORY, DEVICE, IO,
 * CALLBACK. */
FGMM_API fgmm_status fgmm_statistics_accumulate(fgmm_statistics *statistics, fgmm_device *device, fgmm_source *source);

/* Does the same for rows with weights: one column, as fgmm_fit_options.weights; NULL: none. Errors: also DATA (weights
 * whose number differs from N, that are negative or not finite, or all 0). */
FGMM_API fgmm_status fgmm_statistics_accumulate_weighted(fgmm_statistics *statistics, fgmm_device *device,
                                                         fgmm_source *source, fgmm_source *weights);

/* into += from. Errors: ARGUMENT (they belong to different models). */
FGMM_API fgmm_status fgmm_statistics_merge(fgmm_statistics *into, const fgmm_statistics *from);

/* The statistics as one flat array, borrowed and writable: [ rows (or the sum of their weights), sum of log-likelihoods
 * (nats), N (K), S1 (K,D), S2 (shaped as the covariances) ]. *count (may be NULL) receives its length. Element-wise
 * sums of two such arrays of the same model are again valid statistics. */
FGMM_API double *fgmm_statistics_values(fgmm_statistics *statistics, size_t *count);

typedef struct fgmm_m_step_options {
    size_t size;
    double reg_covar; /* added to every variance (the diagonal of matrices); default 1e-6 */
} fgmm_m_step_options;

static inline fgmm_m_step_options fgmm_m_step_options_init(void)
{
    fgmm_m_step_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.reg_covar = 1e-6;
    return options;
}

/* Takes the exact M-step about the old means. With delta_k = S1_k / N_k:
 *     weight_k = N_k / sum N;  mean_k = m_k + delta_k
 *     spherical variance_k = (S2_k / N_k - |delta_k|^2) / D + reg_covar;  diag the same per dimension
 *     full S_k = S2_k / N_k - delta_k delta_k^T + reg_covar I
 *     tied S   = (S2 - sum_k N_k delta_k delta_k^T) / N + reg_covar I
 * Components with too little weight are re-seeded (docs/math.md, "Collapsed components"); *reseeded (may be NULL)
 * receives how many. Never yields NaN. The caller frees *next. Errors: ARGUMENT, DATA (the statistics hold no rows),
 * MEMORY. */
FGMM_API fgmm_status fgmm_m_step(fgmm_model **next, const fgmm_statistics *statistics,
                                 const fgmm_m_step_options *options, uint64_t *reseeded);

#ifdef __cplusplus
}
#endif
#endif
