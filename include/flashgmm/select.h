/* flashgmm/select.h - compares models by information criteria: how many components, which covariance type. */
#ifndef FLASHGMM_SELECT_H
#define FLASHGMM_SELECT_H

#include "flashgmm/predict.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The criteria of a model with p free parameters on N rows with the log-likelihood L = sum_i log p(x_i):
 *     AIC = 2 p - 2 L
 *     BIC = p ln N - 2 L
 *     ICL = BIC - 2 sum_i ln r_i      r_i: the largest responsibility of row i (Biernacki, Celeux, Govaert 2000)
 * Lower is better. ICL also asks for clusters that are separate. A row of weight w_i counts as w_i rows: N is the sum
 * of the weights, and both sums have the factor w_i. The criteria therefore depend on the weights themselves, the model
 * only on their ratios. */
typedef struct fgmm_criteria {
    size_t size;
    uint64_t rows;         /* N */
    uint64_t parameters;   /* p: fgmm_model_free_parameters */
    double log_likelihood; /* mean per row, nats */
    double aic, bic;
    double icl; /* NaN if no responsibilities were taken */
} fgmm_criteria;

static inline fgmm_criteria fgmm_criteria_init(void)
{
    fgmm_criteria criteria;
    memset(&criteria, 0, sizeof criteria);
    criteria.size = sizeof criteria;
    return criteria;
}

/* AIC and BIC from a mean log-likelihood over `rows` rows that is already known. Errors: ARGUMENT. */
FGMM_API fgmm_status fgmm_criteria_from(fgmm_criteria *criteria, const fgmm_model *model, double log_likelihood,
                                        uint64_t rows);

/* Does the same for rows with weights, whose sum is total_weight. Errors: ARGUMENT. */
FGMM_API fgmm_status fgmm_criteria_from_weighted(fgmm_criteria *criteria, const fgmm_model *model,
                                                 double log_likelihood, uint64_t rows, double total_weight);

/* All three, by one pass of the source through the model. Blocks. options: batches, memory, progress and weights count;
 * what is wanted of each row, and the sink, are set here. NULL: defaults. Errors: as fgmm_evaluate. */
FGMM_API fgmm_status fgmm_criteria_evaluate(fgmm_criteria *criteria, fgmm_device *device, const fgmm_model *model,
                                            fgmm_source *source, const fgmm_evaluate_options *options);

#ifdef __cplusplus
}
#endif
#endif
