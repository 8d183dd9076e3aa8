/* candidate_estimate.c - how many components upper bounds will leave over for a row, before they are used: rows are
 * drawn from the mixture, and bounds of some components are taken on the host. docs/math.md, "Pruning". What bounds
 * are, and whether so many components are too many, is for prune_projection.c and prune_first_term.c to say. It costs
 * ROWS times COMPONENTS bounds, a few milliseconds.
 *
 * The answer follows from the parameters alone, so that a run that is resumed gives the same bytes. */
#include "prune.h"

#include "rng.h"
#include "size.h"
#include "status.h"

#include <math.h>
#include <stdlib.h>

/* Rows and components that the answer is taken from. */
enum { ROWS = 32, COMPONENTS = 256, SEED = 1 };

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

/* Returns the squared distance of a row to its component, per dimension: the variance or, where it is not known, twice
 * the squared distance to the next centre, as descriptors have. */
static double variance_of(const fg_shape *s, const fg_packing *m, uint32_t c)
{
    const float *mean = m->means + (size_t)c * s->row_stride;
    double nearest = INFINITY;
    if (m->variances) return m->variances[c];
    for (uint32_t i = 0; i < s->k; i++)
        if (i != c) nearest = fmin(nearest, squared_distance(m->means + (size_t)i * s->row_stride, mean, s->d));
    return s->k > 1 ? 2 * nearest / s->d : 0;
}

uint32_t fg_candidates_sampled(const fg_shape *s)
{
    return (uint32_t)fg_max_u64(1, fg_min_u64(s->k, COMPONENTS)); /* K is at least 1: said for analysers */
}

uint32_t fg_candidates_component(const fg_shape *s, uint32_t i)
{
    return (uint32_t)((2 * (uint64_t)i + 1) * s->k / (2 * fg_candidates_sampled(s)));
}

/* Draws a row about component c; returns the squared distance between them in all D dimensions. */
static double draw_row(float *row, const fg_shape *s, const fg_candidate_bounds *b, double variance, uint32_t c,
                       fg_rng *rng)
{
    const float *point = b->points + (size_t)c * b->stride;
    const uint32_t drawn = b->has_residual ? b->dims - 1 : b->dims;
    double squares = b->has_residual ? variance * (s->d - drawn) : 0;
    if (b->has_residual) row[drawn] = (float)sqrt((double)point[drawn] * (double)point[drawn] + squares);
    for (uint32_t j = 0; j < drawn; j++) {
        const double noise = sqrt(variance) * fg_rng_normal(rng);
        row[j] = point[j] + (float)noise;
        squares += noise * noise;
    }
    return squares;
}

/* Returns how many of the sampled components besides `own` the bounds leave over for a row drawn from `own`. */
static uint64_t others_left(float *row, const fg_shape *s, const fg_packing *m, const fg_candidate_bounds *b,
                            uint32_t own, fg_rng *rng)
{
    const double cutoff = s->assignment == FG_ASSIGN_SOFT ? (double)s->cutoff : 0;
    const double squares = draw_row(row, s, b, variance_of(s, m, own), own, rng);
    const double least = (double)m->normaliser[own] - (double)m->scale[own] * squares - cutoff;
    uint64_t count = 0;
    double slack = 0;
    for (uint32_t j = 0; j < b->dims && b->row_slack > 0; j++) slack += b->row_slack * (double)row[j] * (double)row[j];
    for (uint32_t i = 0; i < fg_candidates_sampled(s); i++) {
        const uint32_t c = fg_candidates_component(s, i);
        const double distance = squared_distance(row, b->points + (size_t)c * b->stride, b->dims);
        const double above = b->slacks ? b->slacks[c] : 0;
        count += c != own && (double)m->normaliser[c] + above - (double)m->scale[c] * (distance - slack) >= least;
    }
    return count;
}

fgmm_status fg_candidates_estimate(double *candidates, const fg_shape *s, const fg_packing *m,
                                   const fg_candidate_bounds *b)
{
    fgmm_status status = FGMM_OK;
    const uint32_t components = fg_candidates_sampled(s);
    fg_rng rng;
    float *row = NULL;
    uint64_t others = 0;
    FG_TRY(FG_ALLOC(&row, b->dims, "a row"));
    fg_rng_init(&rng, SEED, FG_STREAM_TUNE, 0);
    for (uint32_t i = 0; i < ROWS; i++)
        others += others_left(row, s, m, b, fg_candidates_component(s, i * components / ROWS), &rng);
    *candidates = 1 + (double)others / ROWS * (s->k - 1) / fmax(components - 1, 1);
done:
    free(row);
    return status;
}
