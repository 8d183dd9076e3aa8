/* inputs.h - what the parts of a pass read of a batch: nothing here changes while the batch is summed.
 *
 * src/parts/ holds what a pass is made of: sparse responsibilities, their transpose, the running statistics, the dense
 * and the fused path, deferred rows, whitening, second moments as matrices. Each part owns its buffers and kernels, and
 * takes what else it reads as const arguments. None knows of a pass, or of another part beyond what a header says. */
#ifndef FG_INPUTS_H
#define FG_INPUTS_H

#include "launch.h"
#include "packed.h"
#include "programs.h"

typedef struct fg_inputs {
    fgmm_device *device;
    const fg_shape *shape;
    const fg_packed *parameters;
    const fg_rows *rows;    /* of a batch; for responsibilities as whitening.c has left them */
    const fg_buffer *shift; /* what is subtracted from them */
    /* float (batch_rows, padded_k): with full covariances the log-densities, which were computed before; else NULL. */
    const fg_buffer *log_densities;
} fg_inputs;

/* The element of the rows' buffer that is the first row's. */
static inline cl_ulong fg_first_element(const fg_inputs *in)
{
    return in->rows->offset_bytes / fgmm_type_bytes(in->shape->type);
}

/* Weights as arguments of kernels that take rows with and without: where there are none, some buffer stands for them.
 */
typedef struct fg_weight_arguments {
    const fg_buffer *buffer;
    cl_ulong first; /* element of the first row's */
    cl_uint has_weights;
} fg_weight_arguments;

static inline fg_weight_arguments fg_weight_arguments_of(const fg_rows *rows)
{
    if (!rows->weights) return (fg_weight_arguments){rows->buffer, 0, 0};
    return (fg_weight_arguments){rows->weights, rows->weights_bytes / sizeof(float), 1};
}

/* The members for ROW_ARGUMENTS, WEIGHT_ARGUMENTS and PACKED_ARGUMENTS of cl/arguments/common.h. */
#define FG_ROW_MEMBERS(in)   .rows = (in)->rows->buffer, .first_element = fg_first_element(in)
#define FG_WEIGHT_MEMBERS(w) .weights = (w).buffer, .first_weight = (w).first, .has_weights = (w).has_weights
#define FG_PACKED_MEMBERS(p)                                                                                           \
    .packed = (p)->packed, .scale = (p)->scale, .offset = (p)->offset, .is_exact = (p)->is_exact

#endif
