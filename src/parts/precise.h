/* precise.h - responsibilities and statistics of a batch in double precision, for spherical and diagonal components
 * that are nearly alike (docs/math.md, "Components that are nearly alike"). It borrows the room of the lists, and has
 * buffers of its own from its first use on. */
#ifndef FG_PRECISE_H
#define FG_PRECISE_H

#include "totals.h"

typedef struct fg_precise {
    fg_buffer *model;   /* double: means (k,d), 1 / (2 s) (k,d), offsets (k), less the log offset; shifted */
    fg_buffer *centres; /* double (k,d): what sums are about; shifted */
    fg_buffer *sums;    /* double (k, 2 d + 1) */
    cl_kernel responsibilities, accumulate;
    int is_used; /* until the next load */
} fg_precise;

/* Can passes of this shape be precise? Where the device has double precision, covariances are no matrices, and all of a
 * row's components fit a list. */
int fg_precise_is_possible(const fg_shape *shape, const fgmm_device *device);
uint64_t fg_precise_bytes(const fg_shape *shape);
void fg_precise_free(fg_precise *precise);
/* For the batches that follow; sums are zero. log_offset: what log-densities are less. */
fgmm_status fg_precise_load(fg_precise *precise, fgmm_device *device, const fg_shape *shape,
                            const fg_parameters *parameters, const float *shift, double log_offset);
/* centres (k,d) instead of the means. */
fgmm_status fg_precise_recentre(fg_precise *precise, const fg_shape *shape, const double *centres, const float *shift);
/* A batch into the sums; log-normalisers to sparse->logz. */
fgmm_status fg_precise_run(fg_precise *precise, const fg_inputs *in, const fg_sparse *sparse);
/* N (k), S1 (k,d), S2 behind one another. Blocks. */
fgmm_status fg_precise_fetch(const fg_precise *precise, const fg_shape *shape, double *values);

#endif
