/* dense_path.h - the parts for rows whose responsibilities are not sparse: the dense path, a tile of rows at a time;
 * the fused path, rows straight into sums that stay in a core's cache; and rows that overflowed, which are deferred
 * until there are enough of them. Their buffers and programs are made at first use. */
#ifndef FG_DENSE_PATH_H
#define FG_DENSE_PATH_H

#include "totals.h"

/* Rows of a batch: first .. first + count - 1, or those that places first .. of a list of rows name. */
struct fg_dense_span {
    const fg_buffer *list; /* uint; also where it is not used */
    int use_list;
    uint32_t first, count;
};

/* Sizes that follow from the shape. */
typedef struct fg_dense_plan {
    uint32_t tile_rows, splits, split_rows;
} fg_dense_plan;
fg_dense_plan fg_dense_plan_of(const fg_shape *shape);
enum { FG_DENSE_MOST_ROWS = 8192 }; /* of a tile; also that are combined at once */

struct fg_dense {
    fg_buffer *y;         /* float (tile_rows, row_stride); CPUs: (groups, tile_rows, group) */
    fg_buffer *r;         /* float (panels, tile_rows, panel) */
    fg_buffer *survivors; /* uint (tile_rows / block) */
    fg_buffer *scratch;   /* float (fg_dense_launches.scratch_floats) */
    fg_partial_sums sums; /* a range is a block of rows; CPUs: block i of all tiles that are combined together */
    fg_dense_plan plan;
    cl_kernel responsibilities, accumulate;
    cl_kernel densities;   /* GPUs: what precedes responsibilities */
    cl_kernel differences; /* GPUs: accumulate for panels of the exact form, and of diagonal covariances */
};

/* The members for lists of cl/arguments/dense.h. */
#define FG_ROW_LIST_MEMBERS(span, dense)                                                                               \
    .row_list = (span)->list, .list_first = (span)->first, .use_list = (cl_uint)(span)->use_list, .n = (span)->count,  \
    .tile_rows = (dense)->plan.tile_rows
#define FG_NORMALISING_MEMBERS(p, shape)                                                                               \
    .normaliser = (p)->normaliser, .width = (p)->width, .panels = (shape)->panels, .cutoff = (shape)->cutoff
#define FG_DENSE_RESULT_MEMBERS(dense, logz_buffer)                                                                    \
    .r = (dense)->r, .logz = (logz_buffer), .block_sums = (dense)->sums.weights, .block_survivors = (dense)->survivors
#define FG_PRODUCT_MEMBERS(dense, in, rows)                                                                            \
    .y = (dense)->y, .r = (dense)->r, .means = (in)->parameters->means, .is_exact = (in)->parameters->is_exact,        \
    .n = (rows), .tile_rows = (dense)->plan.tile_rows, .split_rows = (dense)->plan.split_rows,                         \
    .padded_components = (in)->shape->padded_k, .partials = (dense)->sums.products

uint64_t fg_dense_bytes(const fg_shape *shape);
fgmm_status fg_dense_create(fg_dense *dense, fgmm_device *device, const fg_shape *shape);
void fg_dense_free(fg_dense *dense);
/* Normalises at most tile_rows rows: y, r, and logz (batch_rows). survivors: components near the maxima, summed over
 * rows; NULL: not wanted (else blocks). */
fgmm_status fg_dense_normalise(fg_dense *dense, const fg_inputs *in, const fg_dense_span *span, const fg_buffer *logz,
                               uint64_t *survivors);

/* Where results go: the statistics, and log-normalisers by row. */
typedef struct fg_outputs {
    const fg_totals *totals;
    const fg_buffer *logz; /* float (batch_rows) */
} fg_outputs;
/* Normalises and adds all rows of the span. */
fgmm_status fg_dense_run(fg_dense *dense, const fg_inputs *in, const fg_dense_span *span, const fg_outputs *out,
                         uint64_t *survivors);

/* Adds the first n of counts (uint) to *sum. Blocks. Errors: MEMORY, DEVICE. */
fgmm_status fg_counts_add(uint64_t *sum, const fg_buffer *counts, uint64_t n);

/* CPUs: floats of a worker's block, block_t of cl/cpu/blocks.cl. */
uint64_t fg_block_floats(const fg_shape *shape);

/* ---- fused.c ---- */
typedef struct fg_fused_plan {
    uint32_t ranges, range_rows;
    cl_ulong scratch_floats; /* of a worker */
} fg_fused_plan;

typedef struct fg_fused {
    fg_buffer *survivors; /* uint (ranges) */
    fg_buffer *scratch;   /* float (workers, scratch_floats) */
    fg_partial_sums sums; /* a range for each split */
    fg_fused_plan plan;
    cl_kernel accumulate;
} fg_fused;

uint64_t fg_fused_bytes(const fg_shape *shape);
void fg_fused_free(fg_fused *fused);
/* All rows of a batch. survivors: as fg_dense_normalise. */
fgmm_status fg_fused_run(fg_fused *fused, const fg_inputs *in, const fg_outputs *out, uint64_t *survivors);
/* So many rows with more survivors in all are not sparse: their blocks are better taken as products. */
uint64_t fg_fused_most_nonzeros(const fg_shape *shape, uint64_t rows);

/* ---- deferred.c ---- */
typedef struct fg_deferred {
    fg_buffer *rows;    /* row type (capacity, D) */
    fg_buffer *weights; /* float (capacity) */
    uint32_t count;
    int has_weights; /* the rows have weights of their own */
    cl_kernel add;
} fg_deferred;

uint64_t fg_deferred_bytes(const fg_shape *shape);
void fg_deferred_free(fg_deferred *deferred);
/* Rows that there is room for. */
uint32_t fg_deferred_capacity(const fg_shape *shape);
/* Copies the span's rows, which a list names, behind those that are there; the caller sees to it that they fit. Their
 * log-normalisers, in logz, become 0. */
fgmm_status fg_deferred_add(fg_deferred *deferred, const fg_inputs *in, const fg_dense_span *span,
                            const fg_buffer *logz);
fg_rows fg_deferred_rows(const fg_deferred *deferred);

#endif
