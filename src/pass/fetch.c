/* fetch.c - the statistics of a pass as doubles: sums about the means that kernels used become sums about the true
 * ones, and the error bound becomes that of the rows. */
#include "parts.h"

#include "statistics_layout.h"
#include "status.h"

#include <math.h>

/* A component with less than so many rows holds one, which is its mean. */
static const double one_row = 1.5;

/* S2 += e S1'^T + S1' e^T + N e e^T, for a component's matrix. */
static void move_matrix(double *matrix, const double *e, const double *s1, double weight, size_t d)
{
    for (size_t i = 0; i < d; i++)
        for (size_t j = 0; j < d; j++) matrix[i * d + j] += e[i] * s1[j] + s1[i] * e[j] + weight * e[i] * e[j];
}

/* Of a component whose second moments are one number or one per dimension, s2. */
static void move_component(double *s1, double *s2, const double *e, double weight, const fg_shape *s)
{
    double sum = *s2;
    for (size_t d = 0; d < s->d; d++) {
        const double first = s1[d], move = 2 * e[d] * first + weight * e[d] * e[d];
        if (s->is_diag_s2)
            s2[d] += move;
        else
            sum += move;
        s1[d] = first + weight * e[d];
    }
    if (!s->is_diag_s2) *s2 = sum;
}

/* Statistics about the means that kernels used (rounded to float) -> about the true means, e = used - true:
 *     S1 = S1' + N e,   S2 = S2' + 2 e S1' + N e^2 */
static void move_to_true_means(const fg_pass *pass, const double *weights, double *s1, double *s2)
{
    const fg_shape *s = &pass->shape;
    for (size_t c = 0; c < s->k; c++, s1 += s->d) {
        const double *offsets = pass->packed.facts.mean_offsets + c * s->d;
        if (s->matrices == 0) {
            move_component(s1, s2 + (s->is_diag_s2 ? c * s->d : c), offsets, weights[c], s);
        } else {
            move_matrix(s2 + (s->matrices > 1 ? c * s->d * s->d : 0), offsets, s1, weights[c], s->d);
            for (size_t d = 0; d < s->d; d++) s1[d] += weights[c] * offsets[d];
        }
    }
}

/* Sum of all second moments: squared distances of rows to the means, weighted. */
static double trace_of(const fg_shape *s, const double *s2)
{
    const size_t d = s->d, count = s->is_diag_s2 ? (size_t)s->k * d : s->k;
    double sum = 0;
    if (s->matrices == 0)
        for (size_t i = 0; i < count; i++) sum += s2[i];
    for (size_t m = 0; m < s->matrices; m++)
        for (size_t i = 0; i < d; i++) sum += s2[(m * d + i) * d + i];
    return sum;
}

/* The largest over the components that hold rows. values: as fetched, so that log-likelihoods lack the log offset. Rows
 * that are farther from their components than near ones, on average, raise it as much. */
static double error_bound(const fg_pass *pass, const double *values)
{
    const fg_shape *s = &pass->shape;
    const fg_packed *p = &pass->packed;
    const double *weights = values + 2;
    double bound = 0, exponent = -values[1] / pass->weight;
    for (size_t c = 0; c < s->k; c++) {
        if (weights[c] <= FG_EMPTY_SHARE * pass->weight / s->k) continue;
        const int is_one_row = !pass->has_weights && weights[c] < one_row;
        const double error = is_one_row ? fg_error_at_mean(&p->facts.errors[c]) : fg_error_near(&p->facts.errors[c]);
        bound = fmax(bound, error);
        exponent += weights[c] / pass->weight * p->facts.log_constants[c];
    }
    return bound * fmax(1, exponent / fg_error_exponent(s));
}

fgmm_status fg_pass_statistics(fg_pass *pass, double *values)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = &pass->shape;
    FG_TRY(fg_sum_deferred(pass));
    FG_TRY(fg_totals_fetch(&pass->totals, pass->device, s, values + 1));
    if (pass->precise.is_used) FG_TRY(fg_precise_fetch(&pass->precise, s, values + 2));
    values[0] = pass->weight;
    if (s->assignment == FG_ASSIGN_SOFT && pass->weight > 0) pass->error_bound_nats = error_bound(pass, values);
    values[1] += pass->weight * pass->packed.facts.log_offset;
    double *weights = values + 2, *s1 = weights + s->k, *s2 = s1 + (size_t)s->k * s->d;
    FG_TRY(fg_moments_fetch(&pass->moments, pass->device, s, s2));
    if (!pass->precise.is_used) move_to_true_means(pass, weights, s1, s2);
    if (s->assignment == FG_ASSIGN_HARD) values[1] = -trace_of(s, s2);
done:
    return status;
}
