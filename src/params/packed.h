/* packed.h - the parameters of a model on the device, as kernels read them: what packing.h computes, split operands for
 * matrix units (split.h), and upper bounds with which components are pruned (prune.h). Whether a shape has the latter
 * two, and in which implementation, fg_shape says.
 *
 * src/params/ makes all of that from a model: packing on the host, triangular factors, split operands, pruning, the
 * error bound. It does not touch rows, and launches nothing. */
#ifndef FG_PACKED_H
#define FG_PACKED_H

#include "packing.h"
#include "prune.h"
#include "split.h"

typedef struct fg_packed {
    fg_buffer *packed;     /* full: float (padded_k, fg_triangle_floats); else float [panels][D][1, diag 2][panel]: 2 m,
                              exact m; diag sqrt(h), - m sqrt(h), exact m */
    fg_buffer *scale;      /* float (padded_k): 1 / (2 sigma^2); 1 with FG_ASSIGN_HARD */
    fg_buffer *offset;     /* float (padded_k): what is added; padding: far below every log-density */
    fg_buffer *normaliser; /* float (padded_k): log-density at distance 0, less facts.log_offset */
    fg_buffer *width;      /* float (padded_k): 1 / scale, padding 0 */
    fg_buffer *is_exact;   /* uint (panels): 1 where differences are needed */
    fg_buffer *means;      /* float (padded_k, row_stride), shifted */
    fg_buffer *centres;    /* the same, what sums are about; made at first use. Read as fg_packed_centres */
    fg_buffer *is_wide;    /* uint (padded_k): 1 where second moments as matrices are summed wide; else not read */
    fg_buffer *shift;      /* float (FG_SHIFT_FLOATS): the shift, then the scale of rows (cl/common/rows.cl) */
    int has_exact;         /* whether differences are needed anywhere */
    int is_recentred;      /* sums are about the centres, not about the means */
    fg_split split;
    fg_pruning pruning;
    fg_row_facts row_facts;   /* as fg_pass_options */
    fg_component_facts facts; /* on the host */
    double error_bound_nats;  /* the largest at rows near a component */
} fg_packed;

fgmm_status fg_packed_create(fg_packed *packed, fgmm_device *device, const fg_shape *shape);
void fg_packed_free(fg_packed *packed);
uint64_t fg_packed_bytes(const fg_shape *shape);
/* Host bytes of a load, and of what stays until the next one. */
uint64_t fg_packed_host_bytes(const fg_shape *shape);
/* triangle: tied, the factor of the shared matrix; not read otherwise. After a failure nothing is loaded. */
fgmm_status fg_packed_load(fg_packed *packed, const fg_shape *shape, const fg_parameters *parameters,
                           const float *shift, const fg_triangle *triangle);
/* From now until the next load, sums are about centres (k,d), and those of matrices wide. */
fgmm_status fg_packed_recentre(fg_packed *packed, fgmm_device *device, const fg_shape *shape, const double *centres,
                               const float *shift);
static inline const fg_buffer *fg_packed_centres(const fg_packed *packed)
{
    return packed->is_recentred ? packed->centres : packed->means;
}
/* Most terms of a mean that log-densities are products of. Pruned ones are products of the first term, and those that
 * are kept differences. 0: no products of a matrix unit. */
static inline uint32_t fg_packed_terms(const fg_packed *packed)
{
    return packed->split.method && packed->pruning.is_used ? 1 : packed->split.most_terms;
}

#endif
