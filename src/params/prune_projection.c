/* prune_projection.c - upper bounds of log-densities from few coordinates: the means' leading principal axes, and the
 * length of what these leave. What cl/cpu/projection_bound.cl reads of the components, and whether it is worth it for a
 * model. docs/math.md, "The projection bound". Host arithmetic only.
 *
 * It helps where components lie along few directions, as those of descriptors do, and where there are many: a bound
 * takes dims of D steps, a candidate all of them again. A model that it does not help costs its load the axes and the
 * estimate. */
#include "prune.h"

#include "size.h"
#include "status.h"

#include <math.h>
#include <stdlib.h>

/* Few coordinates cannot help shapes of less. */
enum { LEAST_K = 128, LEAST_D = 64 };
/* So many coordinates, the length of the residual included, are best for descriptors of some hundred dimensions, and
 * for rows of more. */
enum { FEW_DIMS = 256, DIMS = 48, DIMS_OF_MANY = 32 };
/* A candidate costs so many elements of a product for each dimension, and lanes of a vector (measured: 20 cycles at
 * D = 128 with 16 lanes). */
enum { CANDIDATE_PER_DIM = 5, CANDIDATE_PER_LANE = 12 };
/* The share of the cost without bounds that the cost with them may be promised to be, at most. */
static const double most_projection_cost = 0.85;
/* A bound is raised by this share of h |m|^2, many times the rounding of products, coordinates and axes, and these
 * nats. */
static const double slack_share = 0x1p-14, slack_nats = 0.01;
/* Rounding may take this share of |v|^2 from the squared length of a residual: RESIDUAL_ROUNDING of
 * cl/cpu/projection_bound.cl. */
static const double residual_rounding = 0x1p-18;

static int may_gain(const fg_shape *s)
{
    return s->k >= LEAST_K && s->d >= LEAST_D;
}

static uint32_t dims_of(const fg_shape *s)
{
    return s->d < FEW_DIMS ? DIMS : DIMS_OF_MANY;
}

static uint64_t offset_bytes(const fg_shape *s)
{
    return sizeof(float) * (uint64_t)s->padded_k;
}

static uint64_t axes_bytes(const fg_shape *s)
{
    return sizeof(float) * (uint64_t)dims_of(s) * s->d;
}

static uint64_t packed_bytes(const fg_shape *s)
{
    return sizeof(float) * (uint64_t)dims_of(s) * s->padded_k;
}

static const fg_buffer_row rows[] = {
    {offsetof(fg_pruning, offset), "bounds", offset_bytes},
    {offsetof(fg_pruning, axes), "axes", axes_bytes},
    {offsetof(fg_pruning, packed), "bounds", packed_bytes},
};
static const fg_buffer_list buffers = FG_BUFFER_LIST(rows);

/* The host's copies of the buffers; columns (d, dims): the axes transposed, the last column zero; coordinates (k,
 * dims).
 */
typedef struct projection {
    float *axes, *packed, *offset;
    float *columns, *coordinates;
    uint32_t dims;
} projection;

static fgmm_status projection_create(projection *p, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    p->dims = dims_of(s);
    FG_TRY(FG_ALLOC(&p->axes, (uint64_t)p->dims * s->d, "axes"));
    FG_TRY(FG_ALLOC(&p->columns, (uint64_t)p->dims * s->d, "axes"));
    FG_TRY(FG_ALLOC(&p->coordinates, (uint64_t)p->dims * s->k, "bounds"));
    FG_TRY(FG_ALLOC(&p->packed, (uint64_t)p->dims * s->padded_k, "bounds"));
    FG_TRY(FG_ALLOC(&p->offset, s->padded_k, "bounds"));
done:
    return status;
}

static void projection_free(projection *p)
{
    free(p->axes);
    free(p->columns);
    free(p->coordinates);
    free(p->packed);
    free(p->offset);
}

/* ---- coordinates ---- */

static fgmm_status find_axes(projection *p, const fg_shape *s, const fg_packing *m)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_principal_axes(p->axes, s, m->means, p->dims - 1));
    for (uint32_t i = 0; i < p->dims; i++)
        for (uint32_t j = 0; j < s->d; j++) p->columns[(size_t)j * p->dims + i] = p->axes[(size_t)i * s->d + j];
done:
    return status;
}

/* Sets component c's coordinates: A m, and the length of the residual. */
static void project(projection *p, const fg_shape *s, const fg_packing *m, uint32_t c)
{
    const float *mean = m->means + (size_t)c * s->row_stride;
    float *z = p->coordinates + (size_t)c * p->dims;
    double residual = 0;
    for (uint32_t i = 0; i < p->dims; i++) z[i] = 0;
    for (uint32_t j = 0; j < s->d; j++) {
        for (uint32_t i = 0; i < p->dims; i++) z[i] += mean[j] * p->columns[(size_t)j * p->dims + i];
        residual += (double)mean[j] * (double)mean[j];
    }
    residual += residual_rounding * residual;
    for (uint32_t i = 0; i + 1 < p->dims; i++) residual -= (double)z[i] * (double)z[i];
    z[p->dims - 1] = residual > 0 ? (float)sqrt(residual) : 0;
}

/* ---- the choice ---- */

/* Compares costs of a row, in elements of a product. */
static int is_worthwhile(const fg_shape *s, double candidates)
{
    const double k = s->k, d = s->d, dims = dims_of(s);
    const double each = CANDIDATE_PER_DIM * d + CANDIDATE_PER_LANE * (double)s->tile.vw;
    return (k + d) * dims + candidates * each <= most_projection_cost * k * d;
}

static fgmm_status decide(int *is_used, projection *p, const fg_shape *s, const fg_packing *m)
{
    fgmm_status status = FGMM_OK;
    const fg_candidate_bounds bounds = {
        .points = p->coordinates, .dims = p->dims, .stride = p->dims, .has_residual = 1};
    double candidates;
    for (uint32_t i = 0; i < fg_candidates_sampled(s); i++) project(p, s, m, fg_candidates_component(s, i));
    FG_TRY(fg_candidates_estimate(&candidates, s, m, &bounds));
    *is_used = s->is_pruning_forced || is_worthwhile(s, candidates);
done:
    return status;
}

/* ---- the buffers ---- */

/* Fills component c's column of the packed coordinates, and its offset, with slack for rounding. */
static void pack(projection *p, const fg_shape *s, const fg_packing *m, uint32_t c)
{
    const double slack = slack_share * m->squares[c] + (s->assignment == FG_ASSIGN_SOFT ? slack_nats : 0);
    float *column = p->packed + (size_t)(c / s->panel) * p->dims * s->panel + c % s->panel;
    for (uint32_t i = 0; i < p->dims; i++) column[(size_t)i * s->panel] = 2 * p->coordinates[(size_t)c * p->dims + i];
    p->offset[c] = (float)((double)m->normaliser[c] - m->squares[c] + slack);
}

/* Axes take the form [dims / vw][D][vw]. */
static void pack_axes(projection *p, const fg_shape *s)
{
    const uint32_t vw = s->tile.vw;
    for (uint32_t i = 0; i < p->dims; i++)
        for (uint32_t j = 0; j < s->d; j++)
            p->axes[((size_t)(i / vw) * s->d + j) * vw + i % vw] = p->columns[(size_t)j * p->dims + i];
}

static fgmm_status load(fg_pruning *pruning, const fg_shape *s, const fg_packing *m, const fg_split_report *split)
{
    fgmm_status status = FGMM_OK;
    projection p = {0};
    (void)split; /* products have no part in these bounds */
    FG_TRY(projection_create(&p, s));
    FG_TRY(find_axes(&p, s, m));
    FG_TRY(decide(&pruning->is_used, &p, s, m));
    if (!pruning->is_used) goto done;
    for (uint32_t c = 0; c < s->k; c++) project(&p, s, m, c);
    for (uint32_t c = 0; c < s->k; c++) pack(&p, s, m, c);
    for (uint32_t c = s->k; c < s->padded_k; c++) p.offset[c] = m->normaliser[c];
    pack_axes(&p, s);
    FG_TRY(fg_buffer_write(pruning->axes, 0, p.axes, fg_buffer_bytes(pruning->axes)));
    FG_TRY(fg_buffer_write(pruning->packed, 0, p.packed, fg_buffer_bytes(pruning->packed)));
    FG_TRY(fg_buffer_write(pruning->offset, 0, p.offset, fg_buffer_bytes(pruning->offset)));
done:
    projection_free(&p);
    return status;
}

const fg_pruning_method fg_prune_projection = {
    .name = "projection", .may_gain = may_gain, .dims = dims_of, .buffers = &buffers, .load = load};
