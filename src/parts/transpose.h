/* transpose.h - sparse responsibilities by component instead of by row: a counting sort, stable, so that the order of
 * all sums is fixed. A component's nonzeros lie together and are cut into segments, each of which is summed in float;
 * behind the last component come the rows that overflowed. */
#ifndef FG_TRANSPOSE_H
#define FG_TRANSPOSE_H

#include "sparse.h"

struct fg_transpose {
    fg_buffer *column_counts;     /* uint (blocks, K+1): nonzeros of a block of rows by component */
    fg_buffer *segment_component; /* uint (most segments) */
    fg_buffer *segment_first;     /* uint (most segments) */
    fg_buffer *segment_end;       /* uint (most segments) */
    fg_buffer *component_segment; /* uint (K+1) first segment of a component */
    fg_buffer *component_first;   /* uint (K+1) first nonzero of a component; GPUs */
    fg_buffer *rows, *values;     /* (batch_rows, capacity) of each nonzero */
    fg_buffer *counters;          /* fg_transpose_counts */
    fg_answer *counts;            /* the same for the host */
    cl_kernel scan, scatter;
    cl_kernel count, scan_blocks; /* what precedes them; GPUs */
};

/* What the sort found; read back once per batch. */
typedef struct fg_transpose_counts {
    uint32_t nonzeros, segments; /* of all components */
    uint32_t overflowed;         /* rows, whose places follow */
    uint32_t all;                /* nonzeros and overflowed rows */
} fg_transpose_counts;

uint64_t fg_transpose_bytes(const fg_shape *shape);
fgmm_status fg_transpose_create(fg_transpose *transpose, fgmm_device *device, const fg_shape *shape);
void fg_transpose_free(fg_transpose *transpose);
/* Enqueues the sort. */
fgmm_status fg_transpose_run(fg_transpose *transpose, const fg_inputs *in, const fg_sparse *sparse);
/* Blocks until the numbers are there. */
fgmm_status fg_transpose_wait(const fg_transpose *transpose, fg_transpose_counts *counts);
/* Most segments that so many rows may have. */
uint64_t fg_most_segments(const fg_shape *shape, uint64_t rows);

/* The members for SEGMENT_ARGUMENTS of cl/arguments/common.h. */
#define FG_SEGMENT_MEMBERS(transpose)                                                                                  \
    .segment_first = (transpose)->segment_first, .segment_end = (transpose)->segment_end,                              \
    .transposed_rows = (transpose)->rows, .transposed_values = (transpose)->values

#endif
