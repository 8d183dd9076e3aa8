/* reference.c - the double-precision reference of each operation, written as the formulas of docs/math.md. No device
 * and no failure: callers bring every array (scratch of a few rows apart; where memory for it runs out, results are
 * NaN). */
#include "reference.h"

#include "constants.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double squared(double value)
{
    return value * value;
}

/* Eliminates one dimension after the other: behind pivot a_cc, row j loses a_jc / a_cc times row c. Leaves in a (d,d)
 * the pivots and, right of each, the shares a_cj / a_cc. Returns log det A, the sum of the pivots' logarithms. */
static double eliminate(double *a, uint64_t d)
{
    double log_determinant = 0;
    for (uint64_t c = 0; c < d; c++) {
        double *row = a + c * d;
        log_determinant += log(row[c]);
        for (uint64_t j = c + 1; j < d; j++) {
            const double share = row[j] / row[c];
            for (uint64_t i = j; i < d; i++) a[j * d + i] -= share * row[i];
        }
        for (uint64_t j = c + 1; j < d; j++) row[j] /= row[c];
    }
    return log_determinant;
}

/* t^T A^-1 t: the same elimination on t, whose element c counts t_c^2 / a_cc when its turn comes. t is used up. */
static double quadratic_form(const double *a, double *t, uint64_t d)
{
    double form = 0;
    for (uint64_t c = 0; c < d; c++) {
        const double *row = a + c * d, value = t[c];
        form += squared(value) / row[c];
        for (uint64_t j = c + 1; j < d; j++) t[j] -= row[j] * value;
    }
    return form;
}

/* (4)  l_ik = log pi_k - 1/2 [ D log 2 pi + log det S_k + (x_i - m_k)^T S_k^-1 (x_i - m_k) ] */
static void matrix_log_density(double *l, const fg_parameters *p, const double *x, uint64_t n)
{
    const uint64_t d = p->d;
    double *a = malloc((size_t)(d * d + d) * sizeof *a), *t = a + d * d;
    for (uint64_t c = 0; c < p->k; c++) {
        double log_determinant = 0;
        if (a) {
            memcpy(a, p->covariances + fg_covariance_place(p->covariance, d, c), (size_t)(d * d) * sizeof *a);
            log_determinant = eliminate(a, d);
        }
        for (uint64_t i = 0; i < n; i++) {
            for (uint64_t j = 0; a && j < d; j++) t[j] = x[i * d + j] - p->means[c * d + j];
            const double form = a ? quadratic_form(a, t, d) : (double)NAN;
            l[i * p->k + c] = log(p->weights[c]) - 0.5 * ((double)d * FG_LOG_TWO_PI + log_determinant + form);
        }
    }
    free(a);
}

/* (1)  l_ik = log pi_k - 1/2 sum_c [ log 2 pi s_kc + (x_ic - m_kc)^2 / s_kc ] */
void fg_reference_log_density(double *l, const fg_parameters *p, const double *x, uint64_t n)
{
    if (fg_covariance_matrices(p->covariance, p->k)) {
        matrix_log_density(l, p, x, n);
        return;
    }
    for (uint64_t i = 0; i < n; i++)
        for (uint64_t c = 0; c < p->k; c++) {
            double sum = 0;
            for (uint64_t j = 0; j < p->d; j++) {
                const double s = p->covariances[fg_variance_place(p->covariance, p->d, c, j)];
                sum += FG_LOG_TWO_PI + log(s) + squared(x[i * p->d + j] - p->means[c * p->d + j]) / s;
            }
            l[i * p->k + c] = log(p->weights[c]) - 0.5 * sum;
        }
}

/* (2)  logz_i = max + log sum_k exp(l_ik - max)    (3)  r_ik = exp(l_ik - logz_i) */
void fg_reference_responsibilities(double *logz, double *r, const double *l, uint64_t n, uint64_t k)
{
    for (uint64_t i = 0; i < n; i++) {
        const double *row = l + i * k;
        double largest = row[0], sum = 0;
        for (uint64_t c = 1; c < k; c++) largest = fmax(largest, row[c]);
        for (uint64_t c = 0; c < k; c++) sum += exp(row[c] - largest);
        logz[i] = largest + log(sum);
        for (uint64_t c = 0; c < k; c++) r[i * k + c] = exp(row[c] - logz[i]);
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
        for (uint64_t c = 0; c < p->k; c++) {
            double distance;
            fg_reference_squared_distances(&distance, x + i * p->d, 1, p->means + c * p->d, 1, p->d);
            if (distance < d2[i]) {
                d2[i] = distance;
                nearest[i] = (uint32_t)c;
            }
        }
    }
}

/* Second moments of one row about component c: equation 17, for matrices 18. delta (d) = x_i - m_c. */
static void add_second_moments(double *s2, const fg_parameters *p, uint64_t c, double weight, const double *delta)
{
    const uint64_t d = p->d;
    double *matrix = s2 + fg_covariance_place(p->covariance, d, c);
    if (!fg_covariance_matrices(p->covariance, p->k)) {
        for (uint64_t i = 0; i < d; i++) s2[fg_variance_place(p->covariance, d, c, i)] += weight * squared(delta[i]);
        return;
    }
    for (uint64_t i = 0; i < d; i++)
        for (uint64_t j = 0; j < d; j++) matrix[i * d + j] += weight * delta[i] * delta[j];
}

/* (15)  N_k += r_ik    (16)  S1_k += r_ik (x_i - m_k)    (17, 18)  second moments */
void fg_reference_statistics(double *values, const fg_parameters *p, const double *x, const double *logz,
                             const double *r, uint64_t n)
{
    double *counts = values + 2, *s1 = counts + p->k, *s2 = s1 + p->k * p->d;
    double *delta = malloc((size_t)p->d * sizeof *delta);
    values[0] += (double)n;
    for (uint64_t i = 0; i < n && delta; i++) {
        values[1] += logz ? logz[i] : 0;
        for (uint64_t c = 0; c < p->k; c++) {
            const double weight = r[i * p->k + c];
            counts[c] += weight;
            for (uint64_t j = 0; j < p->d; j++) {
                delta[j] = x[i * p->d + j] - p->means[c * p->d + j];
                s1[c * p->d + j] += weight * delta[j];
            }
            if (weight > 0) add_second_moments(s2, p, c, weight, delta);
        }
    }
    if (!delta) values[1] = (double)NAN;
    free(delta);
}

/* (21)  r_ik <- w_i r_ik,   logz_i <- w_i logz_i */
double fg_reference_weigh(double *logz, double *r, const double *weights, uint64_t n, uint64_t k)
{
    double total = 0;
    for (uint64_t i = 0; i < n; i++) {
        logz[i] *= weights[i];
        for (uint64_t c = 0; c < k; c++) r[i * k + c] *= weights[i];
        total += weights[i];
    }
    return total;
}

/* (29)  |r'|^2 + (r.r')^2 / |r|^2,   r = x - c_1, r' = x - c */
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
        for (uint64_t c = 0; c < k; c++) { /* equation 28 */
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
