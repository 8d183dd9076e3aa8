/* rule.c - features, score and the Poisson regression behind them. */
#include "rule.h"

#include "size.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Lists whose borders with list i are looked at; features are clipped where they would leave what was fitted. */
enum { BORDERS = 8 };
static const float CLIP = 50.0f;

/* 1 / (2 |c_i - c_j|) from its square, 0 for equal centroids. */
static float half_inverse(float squared)
{
    return squared > 0 ? 0.5f / sqrtf(squared) : 0.0f;
}

static fgmm_status make_table(fg_rule *rule, fg_scan *scan, const fg_store *centroids)
{
    fgmm_status status = FGMM_OK;
    const size_t count = (size_t)rule->k * rule->k;
    if (rule->k > FG_CENTROID_TABLE_LISTS) return FGMM_OK;
    FG_TRY(FG_ALLOC(&rule->inverse, count, "distances of centroids"));
    FG_TRY(fg_centroid_distances(rule->inverse, scan, centroids, rule->centroids));
    for (size_t i = 0; i < count; i++) rule->inverse[i] = half_inverse(rule->inverse[i]);
done:
    return status;
}

fgmm_status fg_rule_create(fg_rule *rule, const fgmm_index *index, const fg_dial *dial, fg_scan *scan,
                           const fg_store *centroids)
{
    fgmm_status status = FGMM_OK;
    const uint64_t k = index->info.lists;
    const double mean = (double)index->info.entries / (double)k;
    memset(rule, 0, sizeof *rule);
    rule->dial = dial;
    rule->k = k;
    rule->d = index->info.dims;
    rule->centroids = index->centroids;
    FG_TRY(make_table(rule, scan, centroids));
    FG_TRY(FG_ALLOC(&rule->log_length, k, "list lengths"));
    FG_TRY(FG_ALLOC(&rule->log_relative, k, "list lengths"));
    FG_TRY(FG_ALLOC(&rule->log_rank, dial->ranks, "ranks"));
    for (uint64_t i = 0; i < k; i++) {
        rule->log_length[i] = logf((float)fg_max_u64(1, index->counts[i]));
        rule->log_relative[i] = rule->log_length[i] - (float)log(mean > 1 ? mean : 1);
    }
    for (uint32_t i = 0; i < dial->ranks; i++) rule->log_rank[i] = logf((float)(i + 1));
done:
    if (status != FGMM_OK) fg_rule_clear(rule);
    return status;
}

void fg_rule_clear(fg_rule *rule)
{
    free(rule->inverse);
    free(rule->log_length);
    free(rule->log_relative);
    free(rule->log_rank);
    memset(rule, 0, sizeof *rule);
}

static float clip(float x)
{
    return x > CLIP ? CLIP : x < -CLIP ? -CLIP : x;
}

/* In LANES sums, which a compiler makes vectors of. */
static float squared_distance(const float *a, const float *b, uint64_t d)
{
    enum { LANES = 16 };
    float sums[LANES] = {0}, sum = 0;
    uint64_t c = 0;
    for (; c + LANES <= d; c += LANES)
        for (uint64_t l = 0; l < LANES; l++) sums[l] += (a[c + l] - b[c + l]) * (a[c + l] - b[c + l]);
    for (; c < d; c++) sum += (a[c] - b[c]) * (a[c] - b[c]);
    for (uint64_t l = 0; l < LANES; l++) sum += sums[l];
    return sum;
}

/* 1 / (2 |c_i - c_j|). Of the table a column is read for one i: the rows of the nearest lists j stay in a cache. */
static float border_scale(const fg_rule *rule, uint64_t i, uint64_t j)
{
    if (rule->inverse) return rule->inverse[(size_t)j * rule->k + i];
    return half_inverse(squared_distance(rule->centroids + i * rule->d, rule->centroids + j * rule->d, rule->d));
}

void fg_rule_features(float *f, const fg_rule *rule, const fg_rule_query *query, uint32_t i, float rho2)
{
    const float *d = query->d;
    /* for distances of 0: far below any other, in whatever unit they are */
    const float tiny = fmaxf(1e-30f * (float)rule->dial->scale, FLT_MIN), rho2_guarded = rho2 > tiny ? rho2 : tiny,
                d1 = d[0] > tiny ? d[0] : tiny;
    const uint32_t borders = i < BORDERS ? i : BORDERS;
    float h = 0; /* distance of the query to the farthest of the nearest borders of list i's cell */
    for (uint32_t j = 0; j < borders; j++) {
        const float border = (d[i] - d[j]) * border_scale(rule, (uint64_t)query->lists[i], (uint64_t)query->lists[j]);
        h = border > h ? border : h;
    }
    const float beyond = d[i] - d[0], h2 = h * h / rho2_guarded;
    f[0] = clip(beyond / d1);
    f[1] = clip(beyond / (float)rule->dial->scale);
    f[2] = clip(sqrtf(h2));
    f[3] = clip(h2);
    f[4] = clip(beyond / rho2_guarded);
    f[5] = clip(rule->log_relative[query->lists[i]]);
    f[6] = rule->log_rank[i];
    f[7] = clip(logf(rho2_guarded / d1));
}

float fg_rule_score(const fg_rule *rule, const fg_rule_query *query, uint32_t i, float rho2)
{
    float f[FG_RULE_FEATURES];
    fg_rule_features(f, rule, query, i, rho2);
    double score = rule->dial->bias - (double)rule->log_length[query->lists[i]];
    for (int j = 0; j < FG_RULE_FEATURES; j++) score += rule->dial->weights[j] * (double)f[j];
    return (float)score;
}

/* ---- fitting ---- */

enum { PARAMETERS = FG_RULE_FEATURES + 1, ITERATIONS = 50 };

typedef struct poisson {
    double likelihood, gradient[PARAMETERS], hessian[PARAMETERS][PARAMETERS];
} poisson;

/* Log-likelihood (without ln y!), its gradient and minus its second derivatives; the last parameter is the bias. */
static void evaluate(poisson *p, const double *w, const float *f, const uint16_t *y, uint64_t n)
{
    memset(p, 0, sizeof *p);
    for (uint64_t i = 0; i < n; i++) {
        double x[PARAMETERS], eta = w[FG_RULE_FEATURES];
        for (int j = 0; j < FG_RULE_FEATURES; j++) {
            x[j] = (double)f[i * FG_RULE_FEATURES + (uint64_t)j];
            eta += w[j] * x[j];
        }
        x[FG_RULE_FEATURES] = 1;
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

void fg_rule_fit(double *weights, double *bias, const float *f, const uint16_t *y, uint64_t n)
{
    double w[PARAMETERS] = {0}, tried[PARAMETERS], step[PARAMETERS], hits = 0;
    poisson here, there;
    for (uint64_t i = 0; i < n; i++) hits += y[i];
    w[FG_RULE_FEATURES] = log((hits + 1e-3) / ((double)n + 1)); /* the mean alone */
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
    memcpy(weights, w, FG_RULE_FEATURES * sizeof *weights);
    *bias = w[FG_RULE_FEATURES];
}
