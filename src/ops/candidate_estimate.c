/* candidate_estimate.c - how many components upper bounds will leave over for a row, before they are used: rows are
 * drawn from the mixture, and bounds of some components taken on the host. docs/math.md, "Bounds". What bounds are, and
 * whether so many components are too many, is for prune_projection.c and prune_first_term.c to say.
 *
 * The answer follows from the parameters alone, so that a run that is resumed gives the same bytes. */
#include "parts.h"

#include "rng.h"
#include "size.h"
#include "status.h"

#include <math.h>
#include <stdlib.h>

/* Rows and components that the answer is taken from. */
enum { TRIAL_ROWS = 32, TRIAL_COMPONENTS = 256, TRIAL_SEED = 1 };

/* |a - b|^2; sums that the compiler can keep in a vector. */
static double squared_distance(const float *a, const float *b, uint32_t dims)
{
    enum { LANES = 8 };
    float sums[LANES] = {0};
    double sum = 0;
    uint32_t q = 0;
    for (; q + LANES <= dims; q += LANES)
        for (uint32_t j = 0; j < LANES; j++) sums[j] += (a[q + j] - b[q + j]) * (a[q + j] - b[q + j]);
    for (; q < dims; q++) sums[0] += (a[q] - b[q]) * (a[q] - b[q]);
    for (uint32_t j = 0; j < LANES; j++) sum += (double)sums[j];
    return sum;
}

/* Squared distance of a row to its component, per dimension: the variance; where it is not known, twice the squared
 * distance to the next centre, as descriptors have. */
static double variance_of(const fg_shape *s, const fg_bounds_input *in, uint32_t k)
{
    const float *mean = in->means + (size_t)k * s->row_stride;
    double nearest = INFINITY;
    if (in->variances) return in->variances[k];
    for (uint32_t c = 0; c < s->k; c++)
        if (c != k) nearest = fmin(nearest, squared_distance(in->means + (size_t)c * s->row_stride, mean, s->d));
    return s->k > 1 ? 2 * nearest / s->d : 0;
}

uint32_t fg_trial_components(const fg_shape *s)
{
    return (uint32_t)fg_max_u64(1, fg_min_u64(s->k, TRIAL_COMPONENTS)); /* K is at least 1: said for analysers */
}

uint32_t fg_trial_component(const fg_shape *s, uint32_t q)
{
    return (uint32_t)((2 * (uint64_t)q + 1) * s->k / (2 * fg_trial_components(s)));
}

/* A row about component k; returns the squared distance between them in all D dimensions. */
static double draw_row(float *row, const fg_shape *s, const fg_trial *t, double variance, uint32_t k, fg_rng *rng)
{
    const float *point = t->points + (size_t)k * t->stride;
    const uint32_t drawn = t->has_rest ? t->dims - 1 : t->dims;
    double squares = t->has_rest ? variance * (s->d - drawn) : 0;
    if (t->has_rest) row[drawn] = (float)sqrt((double)point[drawn] * (double)point[drawn] + squares);
    for (uint32_t q = 0; q < drawn; q++) {
        const double noise = sqrt(variance) * fg_rng_normal(rng);
        row[q] = point[q] + (float)noise;
        squares += noise * noise;
    }
    return squares;
}

/* How many of the trial's components besides k the bounds leave over for a row drawn from component k. */
static uint64_t others_left(float *row, const fg_shape *s, const fg_bounds_input *in, const fg_trial *t, uint32_t k,
                            fg_rng *rng)
{
    const double cutoff = s->assignment == FG_ASSIGN_SOFT ? (double)s->cutoff : 0;
    const double squares = draw_row(row, s, t, variance_of(s, in, k), k, rng);
    const double least = (double)in->normaliser[k] - (double)in->scale[k] * squares - cutoff;
    uint64_t count = 0;
    double slack = 0;
    for (uint32_t q = 0; q < t->dims && t->row_slack > 0; q++) slack += t->row_slack * (double)row[q] * (double)row[q];
    for (uint32_t q = 0; q < fg_trial_components(s); q++) {
        const uint32_t c = fg_trial_component(s, q);
        const double distance = squared_distance(row, t->points + (size_t)c * t->stride, t->dims);
        const double own = t->slacks ? t->slacks[c] : 0;
        count += c != k && (double)in->normaliser[c] + own - (double)in->scale[c] * (distance - slack) >= least;
    }
    return count;
}

fgmm_status fg_trial_candidates(double *candidates, const fg_shape *s, const fg_bounds_input *in, const fg_trial *t)
{
    fgmm_status status = FGMM_OK;
    const uint32_t components = fg_trial_components(s);
    fg_rng rng;
    float *row = NULL;
    uint64_t others = 0;
    FG_TRY(FG_ALLOC(&row, t->dims, "a row"));
    fg_rng_init(&rng, TRIAL_SEED, FG_STREAM_TUNE, 0);
    for (uint32_t i = 0; i < TRIAL_ROWS; i++)
        others += others_left(row, s, in, t, fg_trial_component(s, i * components / TRIAL_ROWS), &rng);
    *candidates = 1 + (double)others / TRIAL_ROWS * (s->k - 1) / fmax(components - 1, 1);
done:
    free(row);
    return status;
}
