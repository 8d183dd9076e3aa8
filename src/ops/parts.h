/* parts.h - the parts of a pass: each a struct of buffers and kernels, and the functions that launch them; pass.c puts
 * them in order. Internal to ops/. */
#ifndef FG_PARTS_H
#define FG_PARTS_H

#include "buffers.h"
#include "packed.h"
#include "programs.h"

/* What matrices need before distances are taken: tied covariances whitened rows, full ones in the group backend
 * log-densities. */
typedef struct fg_whitening {
    fg_buffer *factor;    /* float (fg_triangle_floats) */
    fg_buffer *rows;      /* float (batch_rows, d) */
    fg_buffer *no_shift;  /* float (FG_SHIFT_FLOATS): what is left to subtract, nothing */
    fg_buffer *scratch;   /* vector: float (workers, row_groups vw rows, row_stride) */
    fg_buffer *densities; /* float (batch_rows, padded_k) */
    cl_kernel whiten, densify;
} fg_whitening;

/* Second moments as matrices. */
typedef struct fg_moments {
    fg_buffer *sums;     /* sum (matrices, d, row_stride), lower triangles */
    fg_buffer *partials; /* sum (splits, as sums); NULL: one split */
    fg_buffer *scratch;  /* vector: float (workers, moment_rows, row_stride), gathered rows */
    uint32_t bands, splits;
    cl_kernel moments, combine;
} fg_moments;

/* ---- lists by row and by component ---- */
typedef struct fg_lists {
    fg_buffer *logz;                                      /* float (batch_rows) */
    fg_buffer *counts;                                    /* uint (batch_rows) */
    fg_buffer *components;                                /* uint (batch_rows, capacity) */
    fg_buffer *values;                                    /* float (batch_rows, capacity) */
    fg_buffer *bins;                                      /* uint (blocks, K+1); vector: (workers, K+1) */
    fg_buffer *chunk_component, *chunk_first, *chunk_end; /* uint (max_chunks) */
    fg_buffer *component_chunk;                           /* uint (K+1) */
    fg_buffer *component_first;                           /* group: uint (K+1), first place in the sorted lists */
    fg_buffer *sorted_rows, *sorted_values;               /* (batch_rows, capacity) */
    fg_buffer *counters;                                  /* uint (4): fg_list_counts */
    fg_answer *counts_found;                              /* the same for the host */
    fg_buffer *scratch;                                   /* float (workers, scratch_floats); warps: their lists */
    uint32_t blocks, block_rows, max_chunks;
    uint32_t chunk_panels, l_stride;
    cl_ulong scratch_floats;
} fg_lists;

/* What the sort found; read back once per batch. */
typedef struct fg_list_counts {
    uint32_t entries, chunks, dense_rows, all_entries;
} fg_list_counts;

/* ---- running statistics ---- */
typedef struct fg_totals {
    fg_buffer *totals;   /* sum (1 + K + K D + K S2) */
    fg_buffer *row_sums; /* sum (blocks of FG_SUM_BLOCK rows) */
    fg_buffer *partials; /* float (max_chunks, partial) */
    size_t count;
    uint32_t partial; /* floats of a chunk's partial sums */
} fg_totals;

/* ---- float sums of ranges of rows over all components, on their way into the totals ---- */
typedef struct fg_partial_sums {
    fg_buffer *weights;       /* float (ranges, 2, padded_k): N, then S2 of spherical covariances */
    fg_buffer *products;      /* float (splits, padded_k, row_stride; diag 2 row_stride) */
    fg_buffer *total_weights; /* sum (padded_k) */
    cl_kernel combine_weights, combine;
} fg_partial_sums;

/* ---- rows whose lists overflowed, of several batches; made at first use ---- */
typedef struct fg_deferred {
    fg_buffer *rows;    /* row type (room, D) */
    fg_buffer *weights; /* float (room) */
    uint32_t room, count;
    int has_weights; /* the rows have weights of their own */
    cl_kernel set;
} fg_deferred;

/* ---- the dense tile; made at first use ---- */
enum { FG_DENSE_MOST_ROWS = 8192 }; /* of a tile; also that are combined at once */

typedef struct fg_dense {
    fg_buffer *y;         /* float (tile_rows, row_stride); vector: (groups, tile_rows, group) */
    fg_buffer *r;         /* float (panels, tile_rows, panel) */
    fg_buffer *survivors; /* uint (tile_rows / block) */
    fg_buffer *scratch;   /* vector: float (workers, scratch_floats) */
    fg_partial_sums sums; /* a range is a block of rows; vector: block i of all tiles that are combined together */
    uint32_t tile_rows, splits, split_rows;
    cl_ulong scratch_floats;
    cl_kernel responsibilities, accumulate;
    cl_kernel densities;   /* group: what precedes responsibilities */
    cl_kernel differences; /* group: accumulate for panels of the exact form, and of diagonal covariances */
} fg_dense;

/* ---- sums that stay in the L2 cache, vector backend: rows straight into them; made at first use ---- */
typedef struct fg_fused {
    fg_buffer *survivors; /* uint (ranges) */
    fg_buffer *scratch;   /* float (workers, scratch_floats) */
    fg_partial_sums sums; /* a range for each split */
    uint32_t ranges, range_rows;
    cl_ulong scratch_floats;
    cl_kernel accumulate;
} fg_fused;

struct fg_pass {
    fgmm_device *device;
    fg_shape shape;
    fgmm_path path;
    int is_dense; /* the next batch's path */
    fg_packed packed;
    fg_lists lists;
    fg_totals totals;
    fg_deferred deferred;
    fg_dense dense;
    fg_fused fused;
    fg_whitening whitening;
    fg_moments moments;
    cl_kernel responsibilities, count, scan, scatter, accumulate, combine_chunks, sum_rows, combine_rows;
    cl_kernel pruned;                    /* responsibilities with bounds; NULL where the shape has none */
    cl_kernel scan_blocks;               /* group: what follows count, and precedes scan */
    cl_kernel weigh_entries, weigh_rows; /* made at first use */
    double weight;                       /* of the rows accumulated since load */
    int has_weights;                     /* these rows have weights */
    double error_bound_nats;             /* of the loaded parameters, and of the rows once statistics are fetched */
    uint64_t sparse_batches, dense_batches, dense_rows;
};

/* Each operation's *_bytes plans its buffers from the shape alone, allocates nothing, and gives their bytes; the
 * *_create beside it makes just these. */

/* responsibilities.c: lists and log-normalisers of a batch. */
fgmm_status fg_responsibilities_create(fg_pass *pass);
uint64_t fg_responsibilities_bytes(fg_pass *pass);
fgmm_status fg_responsibilities_run(fg_pass *pass, const fg_rows *rows);

/* lists.c: the stable sort by component is launched; counts blocks until its numbers are there. */
fgmm_status fg_lists_create(fg_pass *pass);
uint64_t fg_lists_bytes(fg_pass *pass);
fgmm_status fg_lists_sort(fg_pass *pass, size_t n);
fgmm_status fg_lists_counts(fg_pass *pass, fg_list_counts *counts);
/* Most chunks that n rows may have. */
uint32_t fg_lists_most_chunks(const fg_pass *pass, size_t n);

/* accumulate.c: sorted entries into totals; log-normalisers into totals; totals fetched as doubles. */
fgmm_status fg_accumulate_create(fg_pass *pass);
uint64_t fg_accumulate_bytes(fg_pass *pass);
/* chunks: as many as there are; group backend: or more, the kernel knows. */
fgmm_status fg_accumulate_run(fg_pass *pass, const fg_rows *rows, uint32_t chunks);
fgmm_status fg_accumulate_rows(fg_pass *pass, const fg_rows *rows);
fgmm_status fg_accumulate_fetch(fg_pass *pass, double *totals);
/* Sums of a buffer, doubles or pairs of floats, as doubles (blocks). */
fgmm_status fg_sums_read(const fg_pass *pass, const fg_buffer *sums, double *values, size_t count);

/* weights.c: listed responsibilities, and log-normalisers, times the weights of their rows; nothing where rows have
 * none. */
fgmm_status fg_weights_scale_entries(fg_pass *pass, const fg_rows *rows);
fgmm_status fg_weights_scale_rows(fg_pass *pass, const fg_rows *rows);

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

/* deferred.c: entries first_entry .. of lists.sorted_rows, `count` of them, set aside behind those that are there; the
 * caller sees to it that there is room, and sums fg_deferred_rows now and then and at the end. */
uint64_t fg_deferred_bytes(fg_pass *pass);
void fg_deferred_free(fg_deferred *deferred);
uint32_t fg_deferred_capacity(fg_pass *pass);
fgmm_status fg_deferred_add(fg_pass *pass, const fg_rows *rows, uint32_t first_entry, uint32_t count);
fg_rows fg_deferred_rows(const fg_deferred *deferred);

/* dense.c: rows by the dense path. list NULL: rows 0..count-1 of the batch; otherwise entries first.. of
 * lists.sorted_rows. */
fgmm_status fg_dense_create(fg_pass *pass);
uint64_t fg_dense_bytes(fg_pass *pass);
void fg_dense_free(fg_dense *dense);
typedef struct fg_dense_span {
    int use_list;
    uint32_t first, count;
} fg_dense_span;
/* Normalises at most tile_rows rows: y, r, logz. survivors: components near the maxima, summed over rows; NULL: not
 * wanted (else blocks). */
fgmm_status fg_dense_normalise(fg_pass *pass, const fg_rows *rows, const fg_dense_span *span, uint64_t *survivors);
/* Normalises and adds all rows of the span to the totals. */
fgmm_status fg_dense_run(fg_pass *pass, const fg_rows *rows, const fg_dense_span *span, uint64_t *survivors);

/* evaluate.c: most host bytes of fg_pass_evaluate. */
uint64_t fg_evaluate_host_bytes(fg_pass *pass);

/* partial_sums.c: buffers and kernels of range sums, and the launches that add them to the totals. */
fgmm_status fg_partial_sums_create(fg_partial_sums *sums, fg_pass *pass, uint32_t ranges, uint32_t splits);
uint64_t fg_partial_sums_bytes(const fg_shape *shape, uint32_t ranges, uint32_t splits);
void fg_partial_sums_free(fg_partial_sums *sums);
fgmm_status fg_partial_sums_combine(const fg_partial_sums *sums, fg_pass *pass, uint32_t ranges, uint32_t splits);

/* Vector backend: floats of a worker's block, block_t of cl/cpu/blocks.cl (dense.c). */
uint64_t fg_block_floats(const fg_shape *shape);

/* fused.c: rows of a batch into the totals without lists, and their log-normalisers. survivors: components near
 * the rows' maxima, summed over rows; NULL: not wanted (else blocks). */
uint64_t fg_fused_bytes(fg_pass *pass);
fgmm_status fg_fused_run(fg_pass *pass, const fg_rows *rows, uint64_t *survivors);
/* So many rows with more of them in all are not sparse: their blocks are better taken as products. */
uint64_t fg_fused_most_entries(const fg_pass *pass, uint64_t rows);
void fg_fused_free(fg_fused *fused);

/* whitening.c, for tied covariances, and full ones of the group backend; nothing for others. load: the packed
 * parameters' reference. run: *white are the rows. densify: log-densities of a batch. */
uint64_t fg_whitening_bytes(const fg_shape *shape);
fgmm_status fg_whitening_create(fg_pass *pass);
void fg_whitening_free(fg_whitening *whitening);
fgmm_status fg_whitening_load(fg_pass *pass, const fg_triangle *triangle);
fgmm_status fg_whitening_run(fg_pass *pass, const fg_rows *rows, fg_rows *white);
fgmm_status fg_whitening_densify(fg_pass *pass, const fg_rows *rows);

/* Rows first_row .. end - 1 of a batch of n: a launch. */
typedef struct fg_row_part {
    cl_ulong first; /* element of the batch's first row */
    cl_uint first_row, end, n;
} fg_row_part;
fg_row_part fg_row_part_of(const fg_pass *pass, const fg_rows *rows, cl_uint first_row, cl_uint most);

/* moments.c, where second moments are matrices; nothing otherwise. run: a batch's sorted entries into the sums. fetch:
 * s2 (matrices, d, d), symmetric. */
uint64_t fg_moments_bytes(const fg_shape *shape);
uint64_t fg_moments_host_bytes(const fg_shape *shape); /* of fetch */
fgmm_status fg_moments_create(fg_pass *pass);
void fg_moments_free(fg_moments *moments);
fgmm_status fg_moments_zero(fg_pass *pass);
fgmm_status fg_moments_run(fg_pass *pass, const fg_rows *rows, const fg_list_counts *counts);
fgmm_status fg_moments_fetch(fg_pass *pass, double *s2);

/* fg_pass_create without a check of the program (pass.c). */
fgmm_status fg_pass_create_unchecked(fg_pass **pass, fgmm_device *device, const fg_pass_options *options);

#endif
