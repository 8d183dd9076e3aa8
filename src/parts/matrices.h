/* matrices.h - the parts for tied and full covariances: what their distances need before, and second moments as
 * matrices. Nothing of this exists for others. */
#ifndef FG_MATRICES_H
#define FG_MATRICES_H

#include "transpose.h"

/* ---- whitening.c: tied covariances have whitened rows; full ones, on GPUs, log-densities ---- */
struct fg_whitening {
    fg_buffer *factor;    /* float (fg_triangle_floats) */
    fg_buffer *rows;      /* float (batch_rows, d) */
    fg_buffer *no_shift;  /* float (FG_SHIFT_FLOATS): what is left to subtract, nothing */
    fg_buffer *scratch;   /* float (fg_whitening_launches.scratch_floats) */
    fg_buffer *densities; /* float (batch_rows, padded_k) */
    /* With a BLAS (blas_matrices.c): */
    fg_buffer *staged;       /* float (rows at once, d): rows about a mean */
    fg_buffer *whole_factor; /* float (d, d) */
    fg_buffer *transformed;  /* float (rows at once, d); full */
    cl_kernel whiten, densify;
    cl_kernel stage_rows, stage_factor, sum_squares; /* with a BLAS */
};

uint64_t fg_whitening_bytes(const fg_shape *shape);
fgmm_status fg_whitening_create(fg_whitening *whitening, fgmm_device *device, const fg_shape *shape);
void fg_whitening_free(fg_whitening *whitening);
/* The factor of a tied covariance. */
fgmm_status fg_whitening_load(const fg_whitening *whitening, const fg_shape *shape, const fg_triangle *triangle);
/* Enqueues what the rows of `in` need; *ready are the inputs that responsibilities are taken of, *white the rows that
 * they point to. */
fgmm_status fg_whitening_run(const fg_whitening *whitening, const fg_inputs *in, fg_inputs *ready, fg_rows *white);

/* Rows first_row .. end - 1 of a batch of n: a launch. */
typedef struct fg_row_part {
    cl_uint first_row, end, n;
} fg_row_part;
fg_row_part fg_row_part_of(const fg_rows *rows, cl_uint first_row, cl_uint most);

/* ---- moments.c: second moments as matrices ---- */
typedef struct fg_moments_plan {
    uint32_t bands, splits;
} fg_moments_plan;

struct fg_moments {
    fg_buffer *sums;     /* sum (matrices, d, row_stride), lower triangles */
    fg_buffer *partials; /* sum (splits, as sums); NULL: one split */
    fg_buffer *scratch;  /* double (fg_moments_launches.scratch_elements), gathered rows */
    fg_buffer *gathered; /* float (segments at once, chunk, d): nonzeros of segments; with a BLAS */
    fg_buffer *products; /* float (segments at once, d, d): what they add to second moments; with a BLAS */
    fg_moments_plan plan;
    cl_kernel moments, wide_moments, combine; /* wide_moments: as fg_moments_launches.wide_kernel */
    cl_kernel gather, add_products;           /* NULL: without a BLAS */
};

/* Jobs first .. end - 1 into out: a launch. */
struct fg_moment_jobs {
    const fg_buffer *out;
    cl_uint first, end;
};

/* The members for MOMENT_INPUT_ARGUMENTS of cl/arguments/moments.h. */
#define FG_MOMENT_INPUT_MEMBERS(in, transpose)                                                                         \
    FG_ROW_MEMBERS(in), .shift = (in)->parameters->shift, .means = fg_packed_centres((in)->parameters),                \
                        .is_wide = (in)->parameters->is_wide, .component_segment = (transpose)->component_segment,     \
                        FG_SEGMENT_MEMBERS(transpose), .components = (in)->shape->k, .matrices = (in)->shape->matrices

uint64_t fg_moments_bytes(const fg_shape *shape);
uint64_t fg_moments_host_bytes(const fg_shape *shape); /* of fetch */
fgmm_status fg_moments_create(fg_moments *moments, fgmm_device *device, const fg_shape *shape);
void fg_moments_free(fg_moments *moments);
fgmm_status fg_moments_zero(const fg_moments *moments);
/* Adds a batch's nonzeros. */
fgmm_status fg_moments_run(const fg_moments *moments, const fg_inputs *in, const fg_transpose *transpose,
                           const fg_transpose_counts *counts);
/* s2 (matrices, d, d), symmetric. Blocks. */
fgmm_status fg_moments_fetch(const fg_moments *moments, fgmm_device *device, const fg_shape *shape, double *s2);

#endif
