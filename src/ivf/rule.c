/* rule.c - features, score and the Poisson regression behind them. */
#include "rule.h"

#include "assign.h"
#include "size.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Lists whose borders with list i are looked at; features are clipped where they would leave what was fitted. */
enum { BORDERS = 8 };
static const float CLIP = 50.0f;

fgmm_status fg_rule_create(fg_rule *rule, const fgmm_index *index, const fg_dial *dial)
{
    fgmm_status status = FGMM_OK;
    const uint64_t k = index->info.lists;
    const double mean = (double)index->info.entries / (double)k;
    memset(rule, 0, sizeof *rule);
    rule->dial = dial;
    rule->k = k;
    FG_TRY(fg_centroid_distances(&rule->inverse, index->centroids, k, index->info.dims));
    for (uint64_t i = 0; i < k * k; i++)
        rule->inverse[i] = rule->inverse[i] > 0 ? 0.5f / sqrtf(rule->inverse[i]) : 0.0f;
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

void fg_rule_features(float *f, const fg_rule *rule, const fg_rule_query *query, uint32_t i, float rho2)
{
    const float *d = query->d;
    const float *inverse =
        rule->inverse + query->lists[i]; /* a column: the rows of the nearest lists stay in a cache */
    const float tiny = 1e-30f, rho2_guarded = rho2 > tiny ? rho2 : tiny, d1 = d[0] > tiny ? d[0] : tiny;
    const uint32_t borders = i < BORDERS ? i : BORDERS;
    float h = 0; /* distance of the query to the farthest of the nearest borders of list i's cell */
    for (uint32_t j = 0; j < borders; j++) {
        const float border = (d[i] - d[j]) * inverse[(size_t)query->lists[j] * rule->k];
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
