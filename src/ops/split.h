/* split.h - means as sums of terms of low precision, which matrix units multiply. Two implementations: bf16 for those
 * of CPUs (split_bf16.c), f16 for those of GPUs (split_f16.c). */
#ifndef FG_SPLIT_H
#define FG_SPLIT_H

#include "error_bound.h"
#include "shape.h"

typedef struct fg_packed fg_packed; /* packed.h */

/* ---- means in bf16 terms, for a matrix unit (split_bf16.c) ---- */
enum { FG_SPLIT_TERMS = 3, FG_SPLIT_ROWS = 32, FG_SPLIT_DEPTH = 32 };

uint64_t fg_split_bytes(const fg_shape *shape);
/* bf16 values of a worker's block of rows, all terms. */
uint64_t fg_split_row_values(const fg_shape *shape);
fgmm_status fg_split_create(fg_packed *packed, fgmm_device *device, const fg_shape *shape);
/* What splitting needs to know: means (padded_k, row_stride) as kernels use them, shift (d), and per component the
 * error of its products in float32, nats, and h |m|^2; is_exact (panels); scale and normaliser (padded_k) as fg_packed.
 */
typedef struct fg_split_input {
    const float *means;
    int are_rows_exact; /* whole numbers that one term holds */
    const double *product_errors, *squares;
    const cl_uint *is_exact;
    const float *scale, *normaliser;
    const double *variances; /* as fg_bounds_input */
    fg_error *errors;        /* (k) raised by what the terms leave of rows near a component */
} fg_split_input;
/* Writes split_means and panel_terms. */
fgmm_status fg_split_load(fg_packed *packed, const fg_shape *shape, const fg_split_input *input);

/* ---- the same in f16 terms, for the warps of a GPU (split_f16.c), and how a warp's work is cut ---- */
enum { FG_WARPS = 4, FG_WARP_ITEMS = 32 * FG_WARPS, FG_WARP_ENTRIES = 32, FG_WARP_DIMS = 128 };

uint64_t fg_fragments_bytes(const fg_shape *shape);
fgmm_status fg_fragments_create(fg_packed *packed, fgmm_device *device, const fg_shape *shape);
fgmm_status fg_fragments_load(fg_packed *packed, const fg_shape *shape, const fg_split_input *input);
/* Macros of cl/matrix/warp_responsibilities.cl: f16 terms of a row, fragments of rows that a warp has, rows of a
 * work-group.
 */
uint32_t fg_warp_row_terms(const fg_shape *shape);
uint32_t fg_warp_down(const fg_shape *shape);
uint32_t fg_warp_tile_rows(const fg_shape *shape);

#endif
