/* flashgmm/stats.h - sufficient statistics of one EM iteration, and the M-step.
 *
 * fgmm_fit is nothing but: accumulate all rows, take the M-step, repeat. With these calls the same loop can be spread
 * over files, machines or processes: all that must be exchanged is a sum of doubles.
 *
 * Statistics are taken about the means of the model they were made for, m_k (docs/math.md, equations 7-9):
 *     N_k  = sum_i r_ik
 *     S1_k = sum_i r_ik (x_i - m_k)                      (K,D)
 *     S2_k = sum_i r_ik |x_i - m_k|^2                    spherical (K)
 *            sum_i r_ik (x_i - m_k)^2 per dimension      diag (K,D)
 *            sum_i r_ik (x_i - m_k) (x_i - m_k)^T        full (K,D,D), symmetric, both triangles
 *            the same summed over k                      tied (D,D)
 * Where rows have weights w_i, r_ik is w_i r_ik, and so are log-likelihoods and the number of rows.
 * which is exact however far the data lie from the origin. Statistics of different models cannot be merged (ARGUMENT).
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

/* Zero statistics for a model (copies it). */
FGMM_API fgmm_status fgmm_statistics_create(fgmm_statistics **statistics, const fgmm_model *model);
FGMM_API void fgmm_statistics_free(fgmm_statistics *statistics);

/* Adds all rows of the source: the E-step under the statistics' model. Blocks until done. On failure the statistics are
 * as before. Errors: DATA (NaN or infinity, row and column named; D differs from the model's), DEVICE, IO, CALLBACK. */
FGMM_API fgmm_status fgmm_statistics_accumulate(fgmm_statistics *statistics, fgmm_device *device, fgmm_source *source);

/* The same of rows with weights: one column, as fgmm_fit_options.weights says; NULL: none. */
FGMM_API fgmm_status fgmm_statistics_accumulate_weighted(fgmm_statistics *statistics, fgmm_device *device,
                                                         fgmm_source *source, fgmm_source *weights);

/* into += from. Errors: ARGUMENT when they belong to different models. */
FGMM_API fgmm_status fgmm_statistics_merge(fgmm_statistics *into, const fgmm_statistics *from);

/* Flat view, borrowed, writable: [ rows (the sum of their weights), sum of log-likelihoods (nats), N (K), S1 (K,D), S2
 * (as covariances) ]. Element-wise sums of two such arrays of the same model are again valid statistics. */
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

/* Exact M-step about the old means. With delta_k = S1_k / N_k:
 *     weight_k = N_k / sum N;  mean_k = m_k + delta_k
 *     spherical variance_k = (S2_k / N_k - |delta_k|^2) / D + reg_covar;  diag the same per dimension
 *     full S_k = S2_k / N_k - delta_k delta_k^T + reg_covar I;  tied S = (S2 - sum_k N_k delta_k delta_k^T) / N + ...
 * Components with too little weight are re-seeded by the rule in docs/math.md, "Collapsed components"; *reseeded (may
 * be NULL) receives how many. Never yields NaN. Errors: DATA when the statistics hold no rows. */
FGMM_API fgmm_status fgmm_m_step(fgmm_model **next, const fgmm_statistics *statistics,
                                 const fgmm_m_step_options *options, uint64_t *reseeded);

#ifdef __cplusplus
}
#endif
#endif
