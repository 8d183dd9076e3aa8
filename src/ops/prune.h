/* prune.h - upper bounds of log-densities, with which a kernel leaves most components of a row alone. Two
 * implementations: few coordinates (prune_projection.c), the first term of a product (prune_first_term.c). */
#ifndef FG_PRUNE_H
#define FG_PRUNE_H

#include "shape.h"

/* ---- upper bounds of log-densities from few coordinates: vector backend, spherical (prune_projection.c,
 * principal_axes.c) ---- */
enum { FG_MOST_BOUND_DIMS = 48 };

typedef struct fg_pruning {
    fg_buffer *offset;           /* float (padded_k); NULL where the shape has no bounds */
    fg_buffer *axes;             /* float [projection_dims / vw][D][vw]; NULL with a matrix unit */
    fg_buffer *packed;           /* float [panels][projection_dims][panel]: twice the means' coordinates; likewise */
    float row_share, rest_share; /* matrix unit: what bounds take of |y|^2, and of |y|^2 less its first term */
    int is_used;                 /* for the loaded model */
} fg_pruning;

/* means (padded_k, row_stride) and shift as kernels use them, h |m|^2 (k), scale and normaliser (padded_k); variances
 * (k), the mean over the dimensions, NULL where they are not known (k-means that begins). */
typedef struct fg_bounds_input {
    const float *means, *scale, *normaliser;
    const double *squares, *variances;
} fg_bounds_input;

/* May passes of this shape gain by bounds? It has backend, covariance, K and D by then, and its tile. */
int fg_bounds_are_possible(const fg_shape *shape, const fg_pass_options *options);
uint32_t fg_bounds_dims(const fg_shape *shape);
uint64_t fg_bounds_bytes(const fg_shape *shape);
uint64_t fg_bounds_host_bytes(const fg_shape *shape);
fgmm_status fg_bounds_create(fg_pruning *pruning, fgmm_device *device, const fg_shape *shape);
void fg_bounds_free(fg_pruning *pruning);
/* Decides is_used, and writes the buffers if they are. */
fgmm_status fg_bounds_load(fg_pruning *pruning, const fg_shape *shape, const fg_bounds_input *input);

/* axes (count, d), rows orthonormal or zero: leading principal axes of means (k, row_stride) about 0. */
fgmm_status fg_principal_axes(float *axes, const fg_shape *shape, const float *means, uint32_t count);

/* ---- upper bounds from the first terms, where a CPU has a matrix unit (prune_first_term.c) ---- */
typedef struct fg_prune_first_term_input {
    fg_bounds_input components;
    const double *rests; /* (k, FG_SPLIT_TERMS + 1) squared length of what so many terms leave of 2 m */
    int are_rows_exact;  /* in one term */
    double products;     /* of an element, that log-densities take without bounds */
} fg_prune_first_term_input;

/* Decides is_used, and writes the offsets if they are. */
fgmm_status fg_prune_first_term_load(fg_pruning *pruning, const fg_shape *shape,
                                     const fg_prune_first_term_input *input);

/* ---- what bounds will leave over (candidate_estimate.c) ---- */

/* Points that stand for the components, (k, dims), `stride` apart, and how far bounds are above log-densities. */
typedef struct fg_trial {
    const float *points;
    uint32_t dims, stride;
    int has_rest;         /* the last coordinate is the length of what the others leave of D dimensions */
    const double *slacks; /* (k) nats; NULL: none */
    double row_slack;     /* of h |row|^2 */
} fg_trial;

/* *candidates: components that a row of the model leaves over, on average over rows of evenly many components. Points
 * of trial components only are read. */
fgmm_status fg_trial_candidates(double *candidates, const fg_shape *shape, const fg_bounds_input *input,
                                const fg_trial *trial);
/* Components of a trial, and the one that has number q of them: spread evenly over all, between those that axes are
 * made from, which the axes fit better than others. */
uint32_t fg_trial_components(const fg_shape *shape);
uint32_t fg_trial_component(const fg_shape *shape, uint32_t q);

#endif
