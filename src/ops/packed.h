/* packed.h - the parameters of a model as kernels read them. */
#ifndef FG_PACKED_H
#define FG_PACKED_H

#include "error_bound.h"
#include "prune.h"
#include "split.h"
#include "triangle.h"

/* ---- packed parameters (packed.c) ---- */
struct fg_packed {
    fg_buffer *packed;     /* full: float (padded_k, fg_triangle_floats); else float [panels][D][1, diag 2][panel]: 2 m,
                              exact m; diag sqrt(h), - m sqrt(h), exact m */
    fg_buffer *scale;      /* float (padded_k): 1 / (2 sigma^2); 1 with FG_ASSIGN_HARD */
    fg_buffer *offset;     /* float (padded_k): what is added; padding: far below every log-density */
    fg_buffer *normaliser; /* float (padded_k): log-density at distance 0, minus base */
    fg_buffer *width;      /* float (padded_k): 1 / scale, padding 0 */
    fg_buffer *is_exact;   /* uint (panels): 1 where the exact form is needed */
    int has_exact;         /* whether it is needed anywhere */
    fg_buffer *means;      /* float (padded_k, row_stride), shifted */
    fg_buffer *centres;    /* the same, what sums are about; made at first use. Read as fg_packed_centres */
    fg_buffer *is_wide;    /* uint (padded_k): 1 where second moments as matrices are summed wide; else not read */
    cl_uint *wide;         /* the same on the host */
    int is_recentred;      /* sums are about the centres, not about the means */
    fg_buffer *shift;      /* float (FG_SHIFT_FLOATS): the shift, then the scale of rows (cl/common/rows.cl) */
    double *offsets;       /* (k,d) host: used mean (or centre) - true one, from rounding the shifted one to float */
    fg_buffer *split_means; /* matrix: ushort [panels][slabs][FG_SPLIT_TERMS][2][16][16][2], bf16 terms of 2 m; of a
                               GPU as split_f16.c has them */
    fg_buffer *panel_terms; /* matrix: uint (panels of 32), how many of them are multiplied; 0: the exact form */
    uint32_t row_terms;     /* matrix: bf16 terms of a row */
    uint32_t terms;         /* matrix: most of panel_terms */
    fg_pruning pruning;
    double log_offset; /* nats that kernels leave out of every log-density, so that those near 1 keep their digits */
    fg_row_facts row_facts;   /* as fg_pass_options */
    double *log_constants;    /* (k) host: log-densities at distance 0, minus base */
    fg_error *errors;         /* (k) host */
    fg_error_column *columns; /* (d) host */
    double error_bound_nats;  /* the largest at rows near a component */
};

fgmm_status fg_packed_create(fg_packed *packed, fgmm_device *device, const fg_shape *shape);
void fg_packed_free(fg_packed *packed);
uint64_t fg_packed_bytes(const fg_shape *shape);
uint64_t fg_packed_host_bytes(const fg_shape *shape);
/* triangle: tied, the factor of the shared matrix; unused and zero otherwise. */
fgmm_status fg_packed_load(fg_packed *packed, const fg_shape *shape, const fg_parameters *parameters,
                           const float *shift, const fg_triangle *triangle);
/* From now until the next load, sums are about centres (k,d), and those of matrices wide. */
fgmm_status fg_packed_recentre(fg_packed *packed, fgmm_device *device, const fg_shape *shape, const double *centres,
                               const float *shift);
static inline const fg_buffer *fg_packed_centres(const fg_packed *packed)
{
    return packed->is_recentred ? packed->centres : packed->means;
}

#endif
