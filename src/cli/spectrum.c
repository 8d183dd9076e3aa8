/* spectrum.c - behind spectrum.h: Jacobi's method, and the summary over components. */
#include "spectrum.h"

#include "covariance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Turns rows and columns p and q of a (d,d) so that a[p][q] becomes 0. */
static void rotate(double *a, size_t d, size_t p, size_t q)
{
    const double apq = a[p * d + q];
    if (apq == 0) return;
    const double theta = (a[q * d + q] - a[p * d + p]) / (2 * apq);
    const double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
    const double c = 1 / sqrt(t * t + 1), s = t * c;
    for (size_t j = 0; j < d; j++) {
        if (j == p || j == q) continue;
        const double ajp = a[p * d + j], ajq = a[q * d + j];
        a[j * d + p] = a[p * d + j] = c * ajp - s * ajq;
        a[j * d + q] = a[q * d + j] = s * ajp + c * ajq;
    }
    a[p * d + p] -= t * apq;
    a[q * d + q] += t * apq;
    a[p * d + q] = a[q * d + p] = 0;
}

/* The cyclic method: a (d,d), symmetric, becomes diagonal. It converges quadratically; ten sweeps are rarely needed. */
static void diagonalise(double *a, size_t d)
{
    enum { MOST_SWEEPS = 30 };
    const double small = 1e-24; /* squared: relative errors of 1e-12, far below what a drawing shows */
    for (int sweep = 0; sweep < MOST_SWEEPS; sweep++) {
        double off = 0, all = 0;
        for (size_t i = 0; i < d; i++)
            for (size_t j = 0; j < d; j++) {
                all += a[i * d + j] * a[i * d + j];
                off += i == j ? 0 : a[i * d + j] * a[i * d + j];
            }
        if (off <= small * all) return;
        for (size_t p = 0; p + 1 < d; p++)
            for (size_t q = p + 1; q < d; q++) rotate(a, d, p, q);
    }
}

static int compare_descending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* values (d): the variances of one component in descending order. covariance: its variances (d) or matrix (d,d).
 * scratch: (d,d), or NULL for the diagonal of a matrix. */
static void compute_component(double *values, const double *covariance, size_t d, int is_matrix, double *scratch)
{
    if (is_matrix && scratch) {
        memcpy(scratch, covariance, d * d * sizeof *scratch);
        diagonalise(scratch, d);
        covariance = scratch;
    }
    for (size_t j = 0; j < d; j++) values[j] = is_matrix ? covariance[j * d + j] : covariance[j];
    qsort(values, d, sizeof *values, compare_descending);
}

/* Of spherical components the variances themselves, in descending order. */
static void compute_spherical(cli_spectrum *s, const double *variances)
{
    memcpy(s->mean, variances, s->count * sizeof *s->mean);
    qsort(s->mean, s->count, sizeof *s->mean, compare_descending);
    memcpy(s->least, s->mean, s->count * sizeof *s->mean);
    memcpy(s->most, s->mean, s->count * sizeof *s->mean);
}

/* values: (d) scratch; matrix: as scratch of compute_component. */
static void compute_mean(cli_spectrum *s, const fgmm_model *model, const cli_covariances *covariances,
                         const uint32_t *order, double *values, double *matrix)
{
    const size_t d = s->count;
    double total = 0;
    for (size_t c = 0; c < s->component_count; c++) {
        const uint32_t component = covariances->type.is_shared ? 0 : order[c];
        const double weight = fmax(fgmm_model_weights(model)[component], 1e-300);
        compute_component(values, cli_covariance_at(covariances, component), d, covariances->type.has_matrices, matrix);
        total += weight;
        for (size_t j = 0; j < d; j++) {
            const double variance = fmax(values[j], 1e-300); /* an eigenvalue lost in rounding */
            s->mean[j] += weight * log(variance);
            s->least[j] = c == 0 ? variance : fmin(s->least[j], variance);
            s->most[j] = c == 0 ? variance : fmax(s->most[j], variance);
        }
    }
    for (size_t j = 0; j < d; j++) s->mean[j] = exp(s->mean[j] / total);
}

int cli_spectrum_compute(cli_spectrum *s, const fgmm_model *model, const fgmm_model_info *info, const uint32_t *order)
{
    const size_t k = (size_t)info->components, d = (size_t)info->dims;
    const cli_covariances covariances = cli_covariances_of(model);
    const int is_matrix = covariances.type.has_matrices, is_spherical = covariances.type.is_spherical;
    const size_t blocks = covariances.type.is_shared ? 1 : k;
    *s = (cli_spectrum){.count = is_spherical ? blocks : d,
                        .component_count = blocks,
                        .is_diagonal = is_matrix && d > CLI_SPECTRUM_DIMS};
    const int is_solved = is_matrix && !s->is_diagonal;
    if (is_solved && s->component_count > CLI_SPECTRUM_WORK / (d * d * d))
        s->component_count = CLI_SPECTRUM_WORK / (d * d * d);
    s->mean = calloc(s->count, sizeof *s->mean);
    s->least = calloc(s->count, sizeof *s->least);
    s->most = calloc(s->count, sizeof *s->most);
    double *values = calloc(d, sizeof *values), *matrix = is_solved ? calloc(d * d, sizeof *matrix) : NULL;
    const int is_done = s->mean && s->least && s->most && values && (matrix || !is_solved);
    if (is_done && is_spherical)
        compute_spherical(s, covariances.values);
    else if (is_done)
        compute_mean(s, model, &covariances, order, values, matrix);
    free(values);
    free(matrix);
    return is_done;
}

void cli_spectrum_clear(cli_spectrum *s)
{
    free(s->mean);
    free(s->least);
    free(s->most);
    *s = (cli_spectrum){0};
}
