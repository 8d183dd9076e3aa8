/* prune_first_term.c - upper bounds of log-densities from the first term of each split operand: one product of a matrix
 * unit instead of several. It makes what cl/matrix/responsibilities_pruned.cl reads of the components, and decides
 * whether that is worth it for a model. docs/math.md, "The first-term bound". Host arithmetic only.
 *
 * It helps where products are many, and where components are far enough apart for what a first term leaves, some 2^-9
 * of a vector's length, to tell them apart. Deciding costs a load the estimate, in all D dimensions. */
#include "prune.h"

#include "size.h"
#include "status.h"

#include <math.h>
#include <stdlib.h>

/* Fewer products cannot help shapes of less K D. */
enum { LEAST_PRODUCT = 1 << 14 };
/* One term leaves about this share of a vector's length: residuals are uniform in half a unit of 8 bits. Any value
 * gives true bounds; this one gives tight ones. */
static const double term_residual = 0x1.6ap-10;
/* A row's squares are rounded, and |y^(0)|^2 <= (1 + 2^-8)^2 |y|^2. */
static const double row_rounding = 1.01;
/* Float sums over D and the few operations behind them move a bound by this many nats, and this share of the
 * normaliser. */
static const double slack_nats = 0.01, slack_of_normaliser = 0x1p-22;

/* A product of the matrix unit takes this share of the time that one in vectors takes (measured with AMX and AVX-512,
 * loads and the zeroing of tiles included). */
static const double product_share = 0.11;
/* Bounds cost a row a sweep besides, and each candidate so much for each dimension: rows of real data have some 2.5
 * times the candidates of rows drawn from the mixture. Lists in place of fused sums cost a row LISTS_PER_DIM (D +
 * LISTS_DIMS). Measured at D = 64 .. 784. */
enum { SWEEP = 2000, SWEEP_PER_COMPONENT = 8, CANDIDATE_PER_DIM = 45, LISTS_PER_DIM = 32, LISTS_DIMS = 128 };
/* The share of the cost without bounds that the cost with them may be promised to be, at most. */
static const double most_first_term_cost = 0.92;

static int may_gain(const fg_shape *s)
{
    return (uint64_t)s->k * s->d >= LEAST_PRODUCT;
}

static uint64_t offset_bytes(const fg_shape *s)
{
    return sizeof(float) * (uint64_t)s->padded_k;
}

static const fg_buffer_row rows[] = {{offsetof(fg_pruning, offset), "bounds", offset_bytes}};
static const fg_buffer_list buffers = FG_BUFFER_LIST(rows);

/* ---- how far bounds are above log-densities ---- */

static double slack_of_sums(const fg_shape *s)
{
    return (2 * (double)s->d + 16) * 0x1p-24;
}

/* Returns the nats that component c's bound is above its log-density at most, the row's share left out. */
static double slack_of(const fg_shape *s, const fg_packing *m, const fg_split_report *split, uint32_t c)
{
    const double of_mean = split->first_residuals[c] / term_residual;
    const double share = of_mean + (m->are_rows_whole ? 0 : term_residual) + slack_of_sums(s);
    const double rounding =
        s->assignment == FG_ASSIGN_SOFT ? slack_nats + slack_of_normaliser * fabs((double)m->normaliser[c]) : 0;
    return share * m->squares[c] + rounding;
}

/* ---- the choice ---- */

/* Compares costs of a row, in elements of a product in vectors. Where rows would go straight into sums (fused.c),
 * bounds need lists. */
static int is_worthwhile(const fg_shape *s, double products, double candidates)
{
    const double d = s->d, elements = (double)s->padded_k * d;
    const double plain = s->is_fused ? elements : products * product_share * elements;
    const double lists = s->is_fused ? LISTS_PER_DIM * (d + LISTS_DIMS) : 0;
    const double sweep = SWEEP + SWEEP_PER_COMPONENT * (double)s->k + candidates * CANDIDATE_PER_DIM * d;
    const double bounded = product_share * elements + sweep + lists;
    return bounded <= most_first_term_cost * plain;
}

static fgmm_status decide(fg_pruning *pruning, const fg_shape *s, const fg_packing *m, const double *slacks,
                          double products)
{
    fgmm_status status = FGMM_OK;
    const double of_residuals = m->are_rows_whole ? 0 : (double)pruning->residual_share * term_residual * term_residual;
    const fg_candidate_bounds bounds = {.points = m->means,
                                        .dims = s->d,
                                        .stride = s->row_stride,
                                        .slacks = slacks,
                                        .row_slack = (double)pruning->row_share + of_residuals};
    double candidates;
    FG_TRY(fg_candidates_estimate(&candidates, s, m, &bounds));
    pruning->is_used = s->is_pruning_forced || is_worthwhile(s, products, candidates);
done:
    return status;
}

static fgmm_status load(fg_pruning *pruning, const fg_shape *s, const fg_packing *m, const fg_split_report *split)
{
    fgmm_status status = FGMM_OK;
    double *slacks = NULL;
    float *offset = NULL;
    pruning->row_share = (float)(row_rounding * term_residual + slack_of_sums(s));
    pruning->residual_share = (float)(row_rounding / term_residual);
    FG_TRY(FG_ALLOC(&slacks, s->k, "bounds"));
    FG_TRY(FG_ALLOC(&offset, s->padded_k, "bounds"));
    for (uint32_t c = 0; c < s->k; c++) slacks[c] = slack_of(s, m, split, c);
    FG_TRY(decide(pruning, s, m, slacks, split->products));
    if (!pruning->is_used) goto done;
    for (uint32_t c = 0; c < s->k; c++) offset[c] = (float)((double)m->normaliser[c] - m->squares[c] + slacks[c]);
    for (uint32_t c = s->k; c < s->padded_k; c++) offset[c] = m->normaliser[c];
    FG_TRY(fg_buffer_write(pruning->offset, 0, offset, fg_buffer_bytes(pruning->offset)));
done:
    free(slacks);
    free(offset);
    return status;
}

const fg_pruning_method fg_prune_first_term = {
    .name = "first term", .may_gain = may_gain, .buffers = &buffers, .load = load};
