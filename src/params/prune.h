/* prune.h - pruning: upper bounds of log-densities, with which a kernel leaves most components of a row alone.
 *
 * What it promises: no component within the cutoff of a row's largest log-density is left out. What is kept is taken by
 * differences, so that it does not depend on the bounds.
 * What it costs: the bounds, a sweep over them, and a distance in all dimensions for each candidate that they leave
 * over; on the host, whenever a model is loaded, an estimate of how many candidates that will be.
 * When it is chosen: for spherical covariances and k-means where the backend has a kernel for it, by the shape
 * (fg_pruning_choose) and then by each model (the method's load). docs/math.md, "Pruning".
 *
 * Two implementations: bounds in few coordinates (prune_projection.c), bounds from the first terms of split operands
 * (prune_first_term.c). */
#ifndef FG_PRUNE_H
#define FG_PRUNE_H

#include "buffers.h"
#include "packing.h"
#include "split.h"

/* The numbers on the device that bounds are made of. */
typedef struct fg_pruning {
    const fg_pruning_method *method; /* of the shape; NULL: nothing is pruned, and nothing below */
    fg_buffer *offset;               /* float (padded_k): what is added to a bound's distance */
    fg_buffer *axes;                 /* projection: float [dims / vw][D][vw] */
    fg_buffer *packed;               /* projection: float [panels][dims][panel], twice the means' coordinates */
    float row_share, residual_share; /* first term: what bounds take of |y|^2, and of |y|^2 less its first term */
    int is_used;                     /* for the loaded model */
} fg_pruning;

extern const fg_pruning_method fg_prune_projection, fg_prune_first_term;

/* Host bytes of a load. */
uint64_t fg_pruning_host_bytes(const fg_shape *shape);

/* principal_axes.c: axes (count, d), rows orthonormal or zero, leading principal axes of means (k, row_stride) about 0.
 */
fgmm_status fg_principal_axes(float *axes, const fg_shape *shape, const float *means, uint32_t count);

/* ---- how many candidates bounds will leave over (candidate_estimate.c) ---- */

/* Points that stand for the components, (k, dims), `stride` apart, and how far bounds are above log-densities. */
typedef struct fg_candidate_bounds {
    const float *points;
    uint32_t dims, stride;
    int has_residual;     /* the last coordinate is the length of what the others leave of D dimensions */
    const double *slacks; /* (k) nats; NULL: none */
    double row_slack;     /* of h |row|^2 */
} fg_candidate_bounds;

/* *candidates: components that a row of the model leaves over, on average over rows of evenly many components. Points
 * of sampled components only are read. */
fgmm_status fg_candidates_estimate(double *candidates, const fg_shape *shape, const fg_packing *packing,
                                   const fg_candidate_bounds *bounds);
/* How many components are sampled, and the one that is number i of them: spread evenly over all, between those that
 * axes are made from, which the axes fit better than others. */
uint32_t fg_candidates_sampled(const fg_shape *shape);
uint32_t fg_candidates_component(const fg_shape *shape, uint32_t i);

#endif
