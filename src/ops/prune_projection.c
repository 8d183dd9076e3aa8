/* prune_projection.c - whether upper bounds from few coordinates are worth it for a model, and what
 * cl/cpu/projection_bound.cl reads of the components. docs/math.md, "Bounds". Host arithmetic only.
 *
 * The coordinates are the means' leading principal axes, and the length of what these leave. Both they and the choice
 * follow from the parameters alone, so that a run that is resumed gives the same bytes; a kept log-density does not
 * depend on the axes. */
#include "parts.h"

#include "size.h"
#include "status.h"

#include <math.h>
#include <stdlib.h>

/* What a pass of fewer multiplications could gain is less than the host takes to find axes. */
static const double least_work = 0x1p33;
/* Shapes that few coordinates cannot help, those that fewer products cannot (K D), and those whose axes, or whose
 * trial, cost the host too much. */
enum { LEAST_K = 128, LEAST_D = 64, LEAST_PRODUCT = 1 << 14, MOST_D = 2048 };
/* Coordinates, the length of the rest included: of descriptors with some hundred dimensions, and of more. */
enum { FEW_DIMS = 256, DIMS = 48, DIMS_OF_MANY = 32 };
/* A candidate costs so many elements of a product for each dimension, and lanes of a vector (measured: 20 cycles at
 * D = 128 with 16 lanes). */
enum { CANDIDATE_PER_DIM = 5, CANDIDATE_PER_LANE = 12 };
/* Bounds must promise this share of the plain cost, or less. */
static const double worthwhile = 0.85;
/* Of h |m|^2: rounding of products, coordinates and axes, many times over. */
static const double slack_share = 0x1p-14, slack_nats = 0.01;
/* Of |v|^2, what rounding may take from the squared length of a rest: REST_ROUNDING of cl/cpu/projection_bound.cl. */
static const double rest_rounding = 0x1p-18;

int fg_bounds_are_possible(const fg_shape *s, const fg_pass_options *options)
{
    const int fits = s->backend->sparse->run_pruned && s->covariance == FGMM_SPHERICAL && s->matrices == 0 &&
                     options->path != FGMM_PATH_DENSE;
    const double work = (double)options->rows * s->k * s->d;
    if (options->pruning != FG_PRUNING_AUTO) return fits && options->pruning == FG_PRUNING_ALWAYS;
    const int is_large =
        !s->backend->has_unit ? s->k >= LEAST_K && s->d >= LEAST_D : (uint64_t)s->k * s->d >= LEAST_PRODUCT;
    return fits && is_large && s->d <= MOST_D && work >= least_work;
}

uint32_t fg_bounds_dims(const fg_shape *s)
{
    return s->backend->has_unit ? 0 : s->d < FEW_DIMS ? DIMS : DIMS_OF_MANY;
}

uint64_t fg_bounds_bytes(const fg_shape *s)
{
    const uint64_t axes = s->projection_dims * ((uint64_t)s->d + s->padded_k);
    return s->has_bounds ? sizeof(float) * (axes + s->padded_k) : 0;
}

/* The images of the buffers while a model is loaded, axes a second time, coordinates or slacks, variances and a trial.
 */
uint64_t fg_bounds_host_bytes(const fg_shape *s)
{
    return s->has_bounds ? 2 * (fg_bounds_bytes(s) + sizeof(double) * s->k) : 0;
}

fgmm_status fg_bounds_create(fg_pruning *b, fgmm_device *device, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    const uint64_t dims = s->projection_dims;
    size_t axes, packed;
    if (!s->has_bounds) return FGMM_OK;
    FG_TRY(fg_buffer_create(&b->offset, device, sizeof(float) * s->padded_k, FG_BUFFER_DEVICE, "bounds"));
    if (dims == 0) return FGMM_OK;
    FG_TRY(fg_size_product3(&axes, dims, s->d, sizeof(float), "axes"));
    FG_TRY(fg_size_product3(&packed, dims, s->padded_k, sizeof(float), "bounds"));
    FG_TRY(fg_buffer_create(&b->axes, device, axes, FG_BUFFER_DEVICE, "axes"));
    FG_TRY(fg_buffer_create(&b->packed, device, packed, FG_BUFFER_DEVICE, "bounds"));
done:
    return status;
}

void fg_bounds_free(fg_pruning *b)
{
    fg_buffer_free(b->axes);
    fg_buffer_free(b->packed);
    fg_buffer_free(b->offset);
    *b = (fg_pruning){0};
}

/* z (dims): A m and the length of the rest. columns (d, dims): A transposed, the last column zero. */
static void project(float *z, const float *columns, const float *mean, uint32_t d, uint32_t dims)
{
    double rest = 0;
    for (uint32_t q = 0; q < dims; q++) z[q] = 0;
    for (uint32_t j = 0; j < d; j++) {
        for (uint32_t q = 0; q < dims; q++) z[q] += mean[j] * columns[(size_t)j * dims + q];
        rest += (double)mean[j] * (double)mean[j];
    }
    rest += rest_rounding * rest;
    for (uint32_t q = 0; q + 1 < dims; q++) rest -= (double)z[q] * (double)z[q];
    z[dims - 1] = rest > 0 ? (float)sqrt(rest) : 0;
}

/* ---- the choice ---- */

static int are_worthwhile(const fg_shape *s, double candidates)
{
    const double k = s->k, d = s->d, dims = s->projection_dims;
    const double each = CANDIDATE_PER_DIM * d + CANDIDATE_PER_LANE * (double)s->tile.vw;
    return (k + d) * dims + candidates * each <= worthwhile * k * d;
}

/* ---- loading ---- */

/* Component k's column of the packed coordinates, and its offset with room for rounding. */
static void pack(float *packed, float *offset, const fg_shape *s, const fg_bounds_input *in, const float *z, uint32_t k)
{
    const uint32_t dims = s->projection_dims;
    const double slack = slack_share * in->squares[k] + (s->assignment == FG_ASSIGN_SOFT ? slack_nats : 0);
    float *column = packed + (size_t)(k / s->panel) * dims * s->panel + k % s->panel;
    for (uint32_t q = 0; q < dims; q++) column[(size_t)q * s->panel] = 2 * z[(size_t)k * dims + q];
    offset[k] = (float)((double)in->normaliser[k] - in->squares[k] + slack);
}

fgmm_status fg_bounds_load(fg_pruning *b, const fg_shape *s, const fg_bounds_input *in)
{
    fgmm_status status = FGMM_OK;
    const uint32_t dims = s->projection_dims, vw = s->tile.vw, d = s->d;
    float *axes = NULL, *columns = NULL, *z = NULL, *packed = NULL, *offset = NULL;
    double candidates;
    if (dims == 0) return FGMM_OK;
    FG_TRY(FG_ALLOC(&axes, (uint64_t)dims * d, "axes"));
    FG_TRY(FG_ALLOC(&columns, (uint64_t)dims * d, "axes"));
    FG_TRY(FG_ALLOC(&z, (uint64_t)dims * s->k, "bounds"));
    FG_TRY(FG_ALLOC(&packed, (uint64_t)dims * s->padded_k, "bounds"));
    FG_TRY(FG_ALLOC(&offset, s->padded_k, "bounds"));
    FG_TRY(fg_principal_axes(axes, s, in->means, dims - 1));
    for (uint32_t q = 0; q < dims; q++)
        for (uint32_t j = 0; j < d; j++) columns[(size_t)j * dims + q] = axes[(size_t)q * d + j];
    for (uint32_t q = 0; q < fg_trial_components(s); q++) {
        const uint32_t k = fg_trial_component(s, q);
        project(z + (size_t)k * dims, columns, in->means + (size_t)k * s->row_stride, d, dims);
    }
    const fg_trial trial = {.points = z, .dims = dims, .stride = dims, .has_rest = 1};
    FG_TRY(fg_trial_candidates(&candidates, s, in, &trial));
    b->is_used = s->is_pruning_forced || are_worthwhile(s, candidates);
    if (!b->is_used) goto done;
    for (uint32_t k = 0; k < s->k; k++)
        project(z + (size_t)k * dims, columns, in->means + (size_t)k * s->row_stride, d, dims);
    for (uint32_t k = 0; k < s->padded_k; k++) offset[k] = in->normaliser[k];
    for (uint32_t k = 0; k < s->k; k++) pack(packed, offset, s, in, z, k);
    for (uint32_t q = 0; q < dims; q++) /* axes take the form [dims / vw][D][vw] */
        for (uint32_t j = 0; j < d; j++) axes[((size_t)(q / vw) * d + j) * vw + q % vw] = columns[(size_t)j * dims + q];
    FG_TRY(fg_buffer_write(b->axes, 0, axes, sizeof(float) * dims * d));
    FG_TRY(fg_buffer_write(b->packed, 0, packed, sizeof(float) * dims * s->padded_k));
    FG_TRY(fg_buffer_write(b->offset, 0, offset, sizeof(float) * s->padded_k));
done:
    free(axes);
    free(columns);
    free(z);
    free(packed);
    free(offset);
    return status;
}
