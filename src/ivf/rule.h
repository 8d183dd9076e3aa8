/* rule.h - the probing rule: the expected number of a query's neighbours that a list adds, per distance it costs, as a
 * log-linear function of what is known when the list comes up (docs/math.md, equations 22, 23). */
#ifndef FG_RULE_H
#define FG_RULE_H

#include "assign.h"
#include "index.h"

/* What the rule needs to know of an index. */
typedef struct fg_rule {
    const fg_dial *dial;
    uint64_t k, d;          /* lists, dimensions */
    const float *centroids; /* (k,d), borrowed */
    float *inverse;         /* (k,k): 1 / (2 |c_i - c_j|), 0 for equal centroids; NULL: computed when it is asked for */
    float *log_length;      /* (k): ln n_i; empty lists: 0 */
    float *log_relative;    /* (k): ln(n_i / mean n) */
    float *log_rank;        /* (ranks): ln i, i from 1 */
} fg_rule;

/* scan, centroids: of float rows, and the index's centroids on the device. dial: borrowed. */
fgmm_status fg_rule_create(fg_rule *rule, const fgmm_index *index, const fg_dial *dial, fg_scan *scan,
                           const fg_store *centroids);
void fg_rule_clear(fg_rule *rule);

/* A query: its nearest lists and their squared distances, ascending (ranks). */
typedef struct fg_rule_query {
    const int64_t *lists;
    const float *d;
} fg_rule_query;

/* f (FG_RULE_FEATURES): of the list at rank i (from 0; i >= 1), when rho2 is the k-th squared distance found so far. */
void fg_rule_features(float *f, const fg_rule *rule, const fg_rule_query *query, uint32_t i, float rho2);

/* ln(expected hits / length) by the dial's weights. */
float fg_rule_score(const fg_rule *rule, const fg_rule_query *query, uint32_t i, float rho2);

/* weights (FG_RULE_FEATURES) and *bias of ln E[y] = bias + w.f by Newton's method; f (n, FG_RULE_FEATURES), y (n). */
void fg_rule_fit(double *weights, double *bias, const float *f, const uint16_t *y, uint64_t n);

#endif
