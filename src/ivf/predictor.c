/* predictor.c - features, score and the Poisson regression behind them. */
#include "predictor.h"

#include "distance.h"
#include "size.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Lists whose borders with list i are looked at; features are clipped where they would leave what was fitted. */
enum { BORDERS = 8 };
static const float CLIP = 50.0f;
/* Sums of a distance between centroids. */
enum { LANES = 16 };

/* 1 / (2 |c_i - c_j|) from its square, 0 for equal centroids. */
static float half_inverse(float squared)
{
    return squared > 0 ? 0.5f / sqrtf(squared) : 0.0f;
}

static fgmm_status make_table(fg_predictor *predictor, fg_scan *scan, const fg_list_storage *centroids)
{
    fgmm_status status = FGMM_OK;
    const size_t count = (size_t)predictor->k * predictor->k;
    if (predictor->k > FG_CENTROID_TABLE_LISTS) return FGMM_OK;
    FG_TRY(FG_ALLOC(&predictor->inverse, count, "distances of centroids"));
    FG_TRY(fg_centroid_distances(predictor->inverse, scan, centroids, predictor->centroids));
    for (size_t i = 0; i < count; i++) predictor->inverse[i] = half_inverse(predictor->inverse[i]);
done:
    return status;
}

fgmm_status fg_predictor_create(fg_predictor *predictor, const fgmm_index *index, const fg_calibration *calibration,
                                fg_scan *scan, const fg_list_storage *centroids)
{
    fgmm_status status = FGMM_OK;
    const uint64_t k = index->info.lists;
    const double mean = (double)index->info.entries / (double)k;
    memset(predictor, 0, sizeof *predictor);
    predictor->calibration = calibration;
    predictor->k = k;
    predictor->d = index->info.dims;
    predictor->centroids = index->centroids;
    FG_TRY(make_table(predictor, scan, centroids));
    FG_TRY(FG_ALLOC(&predictor->log_length, k, "list lengths"));
    FG_TRY(FG_ALLOC(&predictor->log_relative, k, "list lengths"));
    FG_TRY(FG_ALLOC(&predictor->log_rank, calibration->ranks, "ranks"));
    for (uint64_t i = 0; i < k; i++) {
        predictor->log_length[i] = logf((float)fg_max_u64(1, index->counts[i]));
        predictor->log_relative[i] = predictor->log_length[i] - (float)log(mean > 1 ? mean : 1);
    }
    for (uint32_t i = 0; i < calibration->ranks; i++) predictor->log_rank[i] = logf((float)(i + 1));
done:
    if (status != FGMM_OK) fg_predictor_clear(predictor);
    return status;
}

void fg_predictor_clear(fg_predictor *predictor)
{
    free(predictor->inverse);
    free(predictor->log_length);
    free(predictor->log_relative);
    free(predictor->log_rank);
    memset(predictor, 0, sizeof *predictor);
}

static float clip(float x)
{
    return x > CLIP ? CLIP : x < -CLIP ? -CLIP : x;
}

/* 1 / (2 |c_i - c_j|). Of the table a column is read for one i: the rows of the nearest lists j stay in a cache. */
static float border_scale(const fg_predictor *predictor, uint64_t i, uint64_t j)
{
    if (predictor->inverse) return predictor->inverse[(size_t)j * predictor->k + i];
    return half_inverse(fg_squared_distance(predictor->centroids + i * predictor->d,
                                            predictor->centroids + j * predictor->d, predictor->d, LANES));
}

void fg_predictor_features(float *f, const fg_predictor *predictor, const fg_predictor_query *query, uint32_t i,
                           float rho2)
{
    const float *d = query->d;
    /* for distances of 0: far below any other, in whatever unit they are */
    const float tiny = fmaxf(1e-30f * (float)predictor->calibration->scale, FLT_MIN),
                rho2_guarded = rho2 > tiny ? rho2 : tiny, d1 = d[0] > tiny ? d[0] : tiny;
    const uint32_t borders = i < BORDERS ? i : BORDERS;
    float h = 0; /* distance of the query to the farthest of the nearest borders of list i's cell */
    for (uint32_t j = 0; j < borders; j++) {
        const float border =
            (d[i] - d[j]) * border_scale(predictor, (uint64_t)query->lists[i], (uint64_t)query->lists[j]);
        h = border > h ? border : h;
    }
    const float beyond = d[i] - d[0], h2 = h * h / rho2_guarded;
    f[0] = clip(beyond / d1);
    f[1] = clip(beyond / (float)predictor->calibration->scale);
    f[2] = clip(sqrtf(h2));
    f[3] = clip(h2);
    f[4] = clip(beyond / rho2_guarded);
    f[5] = clip(predictor->log_relative[query->lists[i]]);
    f[6] = predictor->log_rank[i];
    f[7] = clip(logf(rho2_guarded / d1));
}

float fg_predictor_score(const fg_predictor *predictor, const fg_predictor_query *query, uint32_t i, float rho2)
{
    float f[FG_PREDICTOR_FEATURES];
    fg_predictor_features(f, predictor, query, i, rho2);
    double score = predictor->calibration->bias - (double)predictor->log_length[query->lists[i]];
    for (int j = 0; j < FG_PREDICTOR_FEATURES; j++) score += predictor->calibration->weights[j] * (double)f[j];
    return (float)score;
}

/* ---- fitting ---- */

enum { PARAMETERS = FG_PREDICTOR_FEATURES + 1, ITERATIONS = 50 };

typedef struct poisson {
    double likelihood, gradient[PARAMETERS], hessian[PARAMETERS][PARAMETERS];
} poisson;

/* Log-likelihood (without ln y!), its gradient and minus its second derivatives; the last parameter is the bias. */
static void evaluate(poisson *p, const double *w, const float *f, const uint16_t *y, uint64_t n)
{
    memset(p, 0, sizeof *p);
    for (uint64_t i = 0; i < n; i++) {
        double x[PARAMETERS], eta = w[FG_PREDICTOR_FEATURES];
        for (int j = 0; j < FG_PREDICTOR_FEATURES; j++) {
            x[j] = (double)f[i * FG_PREDICTOR_FEATURES + (uint64_t)j];
            eta += w[j] * x[j];
        }
        x[FG_PREDICTOR_FEATURES] = 1;
        const double mean = exp(eta < 30 ? eta : 30), rest = y[i] - mean;
        p->likelihood += y[i] * eta - mean;
        for (int j = 0; j < PARAMETERS; j++) {
            p->gradient[j] += rest * x[j];
            for (int l = 0; l <= j; l++) p->hessian[j][l] += mean * x[j] * x[l];
        }
    }
}

/* Solves (hessian + ridge) step = gradient by Cholesky's method, in place of the gradient. 0: not positive definite. */
static int solve(poisson *p)
{
    double(*a)[PARAMETERS] = p->hessian, *x = p->gradient;
    for (int j = 0; j < PARAMETERS; j++) a[j][j] = a[j][j] * (1 + 1e-9) + 1e-9;
    for (int j = 0; j < PARAMETERS; j++) {
        for (int l = 0; l <= j; l++) {
            double sum = a[j][l];
            for (int m = 0; m < l; m++) sum -= a[j][m] * a[l][m];
            if (j == l && !(sum > 0)) return 0;
            a[j][l] = j == l ? sqrt(sum) : sum / a[l][l];
        }
    }
    for (int j = 0; j < PARAMETERS; j++) {
        for (int l = 0; l < j; l++) x[j] -= a[j][l] * x[l];
        x[j] /= a[j][j];
    }
    for (int j = PARAMETERS - 1; j >= 0; j--) {
        for (int l = j + 1; l < PARAMETERS; l++) x[j] -= a[l][j] * x[l];
        x[j] /= a[j][j];
    }
    return 1;
}

void fg_predictor_fit(double *weights, double *bias, const float *f, const uint16_t *y, uint64_t n)
{
    double w[PARAMETERS] = {0}, tried[PARAMETERS], step[PARAMETERS], hits = 0;
    poisson here, there;
    for (uint64_t i = 0; i < n; i++) hits += y[i];
    w[FG_PREDICTOR_FEATURES] = log((hits + 1e-3) / ((double)n + 1)); /* the mean alone */
    evaluate(&here, w, f, y, n);
    for (int iteration = 0; iteration < ITERATIONS && n > 0; iteration++) {
        const double before = here.likelihood;
        if (!solve(&here)) break;
        memcpy(step, here.gradient, sizeof step);
        double length = 1;
        for (;; length /= 2) { /* a step that overshoots is halved */
            for (int j = 0; j < PARAMETERS; j++) tried[j] = w[j] + length * step[j];
            evaluate(&there, tried, f, y, n);
            if (there.likelihood >= before || length < 1e-4) break;
        }
        if (!(there.likelihood >= before)) break;
        memcpy(w, tried, sizeof w);
        here = there;
        if (there.likelihood - before < 1e-7 * fabs(before)) break;
    }
    memcpy(weights, w, FG_PREDICTOR_FEATURES * sizeof *weights);
    *bias = w[FG_PREDICTOR_FEATURES];
}
