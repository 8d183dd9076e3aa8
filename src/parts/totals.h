/* totals.h - the running statistics on the device: sums of log-likelihoods, N, S1 and S2 of all batches since they were
 * zeroed, in double precision or pairs of floats. Second moments as matrices are apart (moments.h). */
#ifndef FG_TOTALS_H
#define FG_TOTALS_H

#include "transpose.h"

struct fg_totals {
    fg_buffer *totals;   /* sum (1 + K + K D + K S2) */
    fg_buffer *row_sums; /* sum (blocks of FG_SUM_BLOCK rows) */
    fg_buffer *partials; /* float (most segments, of one) */
    fg_weighing weighing;
    cl_kernel accumulate, combine_segments, sum_rows, combine_rows;
};

uint64_t fg_totals_bytes(const fg_shape *shape);
fgmm_status fg_totals_create(fg_totals *totals, fgmm_device *device, const fg_shape *shape);
void fg_totals_free(fg_totals *totals);
fgmm_status fg_totals_zero(const fg_totals *totals);
/* Adds a batch's nonzeros. segments: as many as there are; where the backend does not await the counts, or more. */
fgmm_status fg_totals_add_segments(fg_totals *totals, const fg_inputs *in, const fg_transpose *transpose,
                                   uint32_t segments);
/* Adds a batch's log-normalisers, which are weighed first. */
fgmm_status fg_totals_add_rows(fg_totals *totals, const fg_inputs *in, const fg_buffer *logz);
/* values (1 + K + K D + K S2). Blocks. */
fgmm_status fg_totals_fetch(const fg_totals *totals, fgmm_device *device, const fg_shape *shape, double *values);
/* Sums of a buffer, doubles or pairs of floats, as doubles. Blocks. */
fgmm_status fg_sums_read(fgmm_device *device, const fg_buffer *sums, double *values, size_t count);

/* Float sums of ranges of rows over all components, on their way into the totals (partial_sums.c). */
typedef struct fg_partial_sums {
    fg_buffer *weights;       /* float (ranges, 2, padded_k): N, then S2 of spherical covariances */
    fg_buffer *products;      /* float (splits, padded_k, row_stride; diag 2 row_stride) */
    fg_buffer *total_weights; /* sum (padded_k) */
    cl_kernel combine_weights, combine;
} fg_partial_sums;

uint64_t fg_partial_sums_bytes(const fg_shape *shape, uint32_t ranges, uint32_t splits);
fgmm_status fg_partial_sums_create(fg_partial_sums *sums, fgmm_device *device, const fg_shape *shape, uint32_t ranges,
                                   uint32_t splits);
void fg_partial_sums_free(fg_partial_sums *sums);
/* Joins so many ranges and splits in order and adds them. */
fgmm_status fg_partial_sums_combine(const fg_partial_sums *sums, const fg_inputs *in, const fg_totals *totals,
                                    uint32_t ranges, uint32_t splits);

#endif
