/* predictor.h - the probing predictor: the expected number of a query's neighbours that a list adds, per distance it
 * costs, as a log-linear function of what is known when the list comes up (docs/math.md, equations 30, 31). */
#ifndef FG_PREDICTOR_H
#define FG_PREDICTOR_H

#include "assign.h"
#include "index.h"

/* What the predictor needs to know of an index. */
typedef struct fg_predictor {
    const fg_calibration *calibration;
    uint64_t k, d;          /* lists, dimensions */
    const float *centroids; /* (k,d), borrowed */
    float *inverse;         /* (k,k): 1 / (2 |c_i - c_j|), 0 for equal centroids; NULL: computed when it is asked for */
    float *log_length;      /* (k): ln n_i; empty lists: 0 */
    float *log_relative;    /* (k): ln(n_i / mean n) */
    float *log_rank;        /* (ranks): ln i, i from 1 */
} fg_predictor;

/* scan, centroids: of float rows, and the index's centroids on the device. calibration: borrowed. */
fgmm_status fg_predictor_create(fg_predictor *predictor, const fgmm_index *index, const fg_calibration *calibration,
                                fg_scan *scan, const fg_list_storage *centroids);
void fg_predictor_clear(fg_predictor *predictor);

/* A query: its nearest lists and their squared distances, ascending (ranks). */
typedef struct fg_predictor_query {
    const int64_t *lists;
    const float *d;
} fg_predictor_query;

/* f (FG_PREDICTOR_FEATURES): of the list at rank i (from 0; i >= 1), when rho2 is the k-th squared distance found so
 * far. */
void fg_predictor_features(float *f, const fg_predictor *predictor, const fg_predictor_query *query, uint32_t i,
                           float rho2);

/* ln(expected hits / length) by the calibration's weights. */
float fg_predictor_score(const fg_predictor *predictor, const fg_predictor_query *query, uint32_t i, float rho2);

/* weights (FG_PREDICTOR_FEATURES) and *bias of ln E[y] = bias + w.f by Newton's method; f (n, FG_PREDICTOR_FEATURES), y
 * (n). */
void fg_predictor_fit(double *weights, double *bias, const float *f, const uint16_t *y, uint64_t n);

#endif
