/* prune_first_term.c - upper bounds of log-densities from the first term of each operand, one product of a matrix unit
 * in the place of several: what cl/matrix/responsibilities_pruned.cl reads of the components, and whether it is worth
 * it for a model. docs/math.md, "Bounds from one product". Host arithmetic only.
 *
 * The choice follows from the parameters alone (candidate_estimate.c); a kept log-density does not depend on the
 * bounds. */
#include "parts.h"

#include "size.h"
#include "status.h"

#include <math.h>
#include <stdlib.h>

/* What one term leaves of a vector, relative to its length, about: uniform in half a unit of 8 bits. Any value gives
 * true bounds; this one gives tight ones. */
static const double term_rest = 0x1.6ap-10;
/* Rounding of a row's squares, and |y^(0)|^2 <= (1 + 2^-8)^2 |y|^2. */
static const double row_rounding = 1.01;
/* Nats; of h |m|^2, h |y|^2 and the normaliser: float sums over D and the few operations behind them. */
static const double slack_nats = 0.01, slack_of_normaliser = 0x1p-22;

/* A product of the matrix unit takes this share of the time that one in vectors takes (measured with AMX and AVX-512,
 * loads and the zeroing of tiles included). */
static const double product_share = 0.11;
/* What bounds cost a row besides, and for each candidate and dimension: rows of real data have some 2.5 times the
 * candidates of rows drawn from the mixture. Lists in place of direct sums cost a row LISTS_PER_DIM (D + LISTS_DIMS).
 * Measured at D = 64 .. 784. */
enum { SWEEP = 2000, SWEEP_PER_COMPONENT = 8, CANDIDATE_PER_DIM = 45, LISTS_PER_DIM = 32, LISTS_DIMS = 128 };
/* Bounds must promise this share of the plain cost, or less. */
static const double worthwhile = 0.92;

static double slack_of_sums(const fg_shape *s)
{
    return (2 * (double)s->d + 16) * 0x1p-24;
}

/* Nats that component k's bound is above its log-density at most, the row's share left out. */
static double slack_of(const fg_shape *s, const fg_prune_first_term_input *in, uint32_t k)
{
    const double *rests = in->rests + (size_t)k * (FG_SPLIT_TERMS + 1);
    const double of_mean = rests[0] > 0 ? rests[1] / rests[0] / term_rest : 0;
    const double share = of_mean + (in->are_rows_exact ? 0 : term_rest) + slack_of_sums(s);
    const double rounding = s->assignment == FG_ASSIGN_SOFT
                                ? slack_nats + slack_of_normaliser * fabs((double)in->components.normaliser[k])
                                : 0;
    return share * in->components.squares[k] + rounding;
}

/* Costs of a row, in elements of a product in vectors. What is compared follows the sums of the products: where rows
 * would go straight into sums (fused.c), bounds need lists. */
static int are_worthwhile(const fg_shape *s, const fg_prune_first_term_input *in, double candidates)
{
    const double d = s->d, elements = (double)s->padded_k * d;
    const double plain = s->is_fused ? elements : in->products * product_share * elements;
    const double lists = s->is_fused ? LISTS_PER_DIM * (d + LISTS_DIMS) : 0;
    const double sweep = SWEEP + SWEEP_PER_COMPONENT * (double)s->k + candidates * CANDIDATE_PER_DIM * d;
    const double bounded = product_share * elements + sweep + lists;
    return bounded <= worthwhile * plain;
}

fgmm_status fg_prune_first_term_load(fg_pruning *b, const fg_shape *s, const fg_prune_first_term_input *in)
{
    fgmm_status status = FGMM_OK;
    const fg_bounds_input *components = &in->components;
    double *slacks = NULL, candidates;
    float *offset = NULL;
    if (!s->has_bounds) return FGMM_OK;
    b->row_share = (float)(row_rounding * term_rest + slack_of_sums(s));
    b->rest_share = (float)(row_rounding / term_rest);
    FG_TRY(FG_ALLOC(&slacks, s->k, "bounds"));
    FG_TRY(FG_ALLOC(&offset, s->padded_k, "bounds"));
    for (uint32_t k = 0; k < s->k; k++) slacks[k] = slack_of(s, in, k);
    const double of_rests = in->are_rows_exact ? 0 : (double)b->rest_share * term_rest * term_rest;
    const fg_trial trial = {.points = components->means,
                            .dims = s->d,
                            .stride = s->row_stride,
                            .slacks = slacks,
                            .row_slack = (double)b->row_share + of_rests};
    FG_TRY(fg_trial_candidates(&candidates, s, components, &trial));
    b->is_used = s->is_pruning_forced || are_worthwhile(s, in, candidates);
    if (!b->is_used) goto done;
    for (uint32_t k = 0; k < s->padded_k; k++) offset[k] = components->normaliser[k];
    for (uint32_t k = 0; k < s->k; k++)
        offset[k] = (float)((double)components->normaliser[k] - components->squares[k] + slacks[k]);
    FG_TRY(fg_buffer_write(b->offset, 0, offset, sizeof(float) * s->padded_k));
done:
    free(slacks);
    free(offset);
    return status;
}
