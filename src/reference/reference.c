/* reference.c - the double-precision twins, written as the formulas of docs/math.md. No device, no allocation, no
 * failure: callers bring every array. */
#include "reference.h"

#include <math.h>

static const double LOG_TWO_PI = 1.8378770664093454835606594728112;

static double squared(double value)
{
    return value * value;
}

/* Variance of component k in dimension c. */
static double variance_at(const fg_parameters *p, uint64_t k, uint64_t c)
{
    return p->covariance == FGMM_DIAG ? p->covariances[k * p->d + c] : p->covariances[k];
}

/* (1)  l_ik = log pi_k - 1/2 sum_c [ log 2 pi s_kc + (x_ic - m_kc)^2 / s_kc ] */
void fg_reference_log_density(double *l, const fg_parameters *p, const double *x, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        for (uint64_t k = 0; k < p->k; k++) {
            double sum = 0;
            for (uint64_t c = 0; c < p->d; c++) {
                const double s = variance_at(p, k, c);
                sum += LOG_TWO_PI + log(s) + squared(x[i * p->d + c] - p->means[k * p->d + c]) / s;
            }
            l[i * p->k + k] = log(p->weights[k]) - 0.5 * sum;
        }
}

/* (2)  logz_i = max + log sum_k exp(l_ik - max)    (3)  r_ik = exp(l_ik - logz_i) */
void fg_reference_responsibilities(double *logz, double *r, const double *l, uint64_t n, uint64_t k)
{
    for (uint64_t i = 0; i < n; i++) {
        const double *row = l + i * k;
        double largest = row[0], sum = 0;
        for (uint64_t j = 1; j < k; j++) largest = fmax(largest, row[j]);
        for (uint64_t j = 0; j < k; j++) sum += exp(row[j] - largest);
        logz[i] = largest + log(sum);
        for (uint64_t j = 0; j < k; j++) r[i * k + j] = exp(row[j] - logz[i]);
    }
}

void fg_reference_squared_distances(double *d2, const double *x, uint64_t n, const double *candidates, uint64_t c,
                                    uint64_t d)
{
    for (uint64_t i = 0; i < n; i++)
        for (uint64_t j = 0; j < c; j++) {
            double sum = 0;
            for (uint64_t e = 0; e < d; e++) sum += squared(x[i * d + e] - candidates[j * d + e]);
            d2[i * c + j] = sum;
        }
}

void fg_reference_nearest(uint32_t *nearest, double *d2, const fg_parameters *p, const double *x, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        nearest[i] = 0;
        d2[i] = INFINITY;
        for (uint64_t k = 0; k < p->k; k++) {
            double distance;
            fg_reference_squared_distances(&distance, x + i * p->d, 1, p->means + k * p->d, 1, p->d);
            if (distance < d2[i]) {
                d2[i] = distance;
                nearest[i] = (uint32_t)k;
            }
        }
    }
}

/* (7)  N_k += r_ik    (8)  S1_k += r_ik (x_i - m_k)    (9)  S2_k += r_ik (x_i - m_k)^2, summed over the dimensions when
 * spherical */
void fg_reference_statistics(double *values, const fg_parameters *p, const double *x, const double *logz,
                             const double *r, uint64_t n)
{
    double *counts = values + 2, *s1 = counts + p->k, *s2 = s1 + p->k * p->d;
    values[0] += (double)n;
    for (uint64_t i = 0; i < n; i++) {
        values[1] += logz ? logz[i] : 0;
        for (uint64_t k = 0; k < p->k; k++) {
            const double weight = r[i * p->k + k];
            counts[k] += weight;
            for (uint64_t c = 0; c < p->d; c++) {
                const double delta = x[i * p->d + c] - p->means[k * p->d + c];
                s1[k * p->d + c] += weight * delta;
                s2[p->covariance == FGMM_DIAG ? k * p->d + c : k] += weight * squared(delta);
            }
        }
    }
}

/* (21)  |r'|^2 + (r.r')^2 / |r|^2,   r = x - c_1, r' = x - c */
static double residual_cost(const double *x, const double *c1, const double *c, uint64_t d)
{
    double r1 = 0, r2 = 0, product = 0;
    for (uint64_t j = 0; j < d; j++) {
        r1 += squared(x[j] - c1[j]);
        r2 += squared(x[j] - c[j]);
        product += (x[j] - c1[j]) * (x[j] - c[j]);
    }
    return r1 > 0 ? r2 + squared(product) / r1 : r2;
}

void fg_reference_assign(uint32_t *first, uint32_t *second, double *ratio, const double *x, uint64_t n,
                         const double *centroids, uint64_t k, uint64_t d)
{
    for (uint64_t i = 0; i < n; i++) {
        const double *row = x + i * d;
        double least = INFINITY, least_cost = INFINITY, distance;
        for (uint64_t c = 0; c < k; c++) { /* (20) */
            fg_reference_squared_distances(&distance, row, 1, centroids + c * d, 1, d);
            if (distance < least) {
                least = distance;
                first[i] = (uint32_t)c;
            }
        }
        second[i] = first[i];
        for (uint64_t c = 0; c < k; c++) {
            const double cost = residual_cost(row, centroids + first[i] * d, centroids + c * d, d);
            if (c == first[i] || !(cost < least_cost)) continue;
            least_cost = cost;
            second[i] = (uint32_t)c;
        }
        ratio[i] = least > 0 ? least_cost / least : (double)INFINITY;
    }
}
