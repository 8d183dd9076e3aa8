/* sparse.h - sparse responsibilities: of each row the log-normaliser, and the few components whose responsibility
 * matters, in ascending order. The row capacity is fg_shape.capacity; a row with more of them than that overflows, and
 * has none here (docs/math.md, "What is kept of a row"). */
#ifndef FG_SPARSE_H
#define FG_SPARSE_H

#include "inputs.h"

struct fg_sparse {
    fg_buffer *logz;       /* float (batch_rows) log-normalisers */
    fg_buffer *counts;     /* uint (batch_rows) nonzeros of a row */
    fg_buffer *components; /* uint (batch_rows, capacity) */
    fg_buffer *values;     /* float (batch_rows, capacity) */
    fg_buffer *scratch;    /* float (fg_sparse_launches.scratch_floats) */
    cl_kernel plain, pruned;
};

/* The members for lists of cl/arguments/. */
#define FG_PART_MEMBERS(in, first, end) FG_ROW_MEMBERS(in), .first_row = (first), .n = (end)
#define FG_SPARSE_RESULT_MEMBERS(sparse, shape)                                                                        \
    .row_capacity = (shape)->capacity, .logz = (sparse)->logz, .counts = (sparse)->counts,                             \
    .nonzero_components = (sparse)->components, .nonzero_values = (sparse)->values
#define FG_NONZERO_MEMBERS(sparse, shape)                                                                              \
    .components = (shape)->k, .row_capacity = (shape)->capacity, .counts = (sparse)->counts,                           \
    .nonzero_components = (sparse)->components, .nonzero_values = (sparse)->values

uint64_t fg_sparse_bytes(const fg_shape *shape);
fgmm_status fg_sparse_create(fg_sparse *sparse, fgmm_device *device, const fg_shape *shape);
void fg_sparse_free(fg_sparse *sparse);
/* Enqueues the responsibilities of a batch. column_counts: of the transpose, where CPUs count on the way. cutoff: nats
 * below a row's largest log-density at which components are dropped. */
fgmm_status fg_sparse_run(fg_sparse *sparse, const fg_inputs *in, const fg_buffer *column_counts, float cutoff);

/* weights.c: nonzeros, and log-normalisers, times the weights of their rows; nothing where rows have none. */
typedef struct fg_weighing {
    cl_kernel nonzeros, rows; /* made at first use */
} fg_weighing;
fgmm_status fg_weigh_nonzeros(fg_weighing *weighing, const fg_inputs *in, const fg_sparse *sparse);
fgmm_status fg_weigh_rows(fg_weighing *weighing, const fg_inputs *in, const fg_buffer *logz);

#endif
