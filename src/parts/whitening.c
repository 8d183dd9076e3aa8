/* whitening.c - tied covariances: rows are whitened, which makes spheres of all components, before their distances are
 * taken; full covariances on a GPU: the log-densities of a batch. The launches are the backend's. */
#include "matrices.h"

#include "blas_matrices.h"
#include "buffers.h"
#include "size.h"
#include "status.h"

#include <stdlib.h>

static uint64_t if_white(const fg_shape *s, uint64_t floats)
{
    return fg_density_of(s->covariance)->whitens_rows ? sizeof(float) * floats : 0;
}

static uint64_t factor_bytes(const fg_shape *s)
{
    return if_white(s, fg_triangle_floats(s));
}

static uint64_t white_bytes(const fg_shape *s)
{
    return if_white(s, (uint64_t)s->batch_rows * s->d);
}

static uint64_t shift_bytes(const fg_shape *s)
{
    return if_white(s, FG_SHIFT_FLOATS(s));
}

static uint64_t scratch_bytes(const fg_shape *s)
{
    return if_white(s, s->backend->whitening->scratch_floats(s));
}

static uint64_t density_bytes(const fg_shape *s)
{
    const int has_densities = fg_density_of(s->covariance)->has_factors && s->backend->whitening->densities;
    return has_densities ? sizeof(float) * s->batch_rows * (uint64_t)s->padded_k : 0;
}

static uint64_t staged_bytes(const fg_shape *s)
{
    return sizeof(float) * fg_blas_staged_floats(s);
}

static uint64_t whole_factor_bytes(const fg_shape *s)
{
    return sizeof(float) * fg_blas_factor_floats(s);
}

static uint64_t transformed_bytes(const fg_shape *s)
{
    return sizeof(float) * fg_blas_transformed_floats(s);
}

static const fg_buffer_row rows[] = {
    {offsetof(fg_whitening, factor), "a covariance's factor", factor_bytes},
    {offsetof(fg_whitening, rows), "whitened rows", white_bytes},
    {offsetof(fg_whitening, no_shift), "shift", shift_bytes},
    {offsetof(fg_whitening, scratch), "scratch", scratch_bytes},
    {offsetof(fg_whitening, densities), "log-densities", density_bytes},
    {offsetof(fg_whitening, staged), "rows about a mean", staged_bytes},
    {offsetof(fg_whitening, whole_factor), "a covariance's factor", whole_factor_bytes},
    {offsetof(fg_whitening, transformed), "transformed rows", transformed_bytes},
};
static const fg_buffer_list buffers = FG_BUFFER_LIST(rows);

uint64_t fg_whitening_bytes(const fg_shape *s)
{
    return fg_buffers_bytes(&buffers, s);
}

fgmm_status fg_whitening_create(fg_whitening *w, fgmm_device *device, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    const float one = 1;
    FG_TRY(fg_buffers_create(w, &buffers, device, s));
    FG_TRY(fg_blas_whitening_kernels(w, device, s));
    if (w->densities) FG_TRY(fg_program_kernel(&w->densify, device, s, FG_PROGRAM_MATRIX, "full_densities"));
    if (!w->factor) return FGMM_OK;
    FG_TRY(fg_buffer_zero(w->no_shift, 0, sizeof(float) * s->row_stride));
    FG_TRY(fg_buffer_write(w->no_shift, sizeof one * s->row_stride, &one, sizeof one));
    FG_TRY(fg_program_kernel(&w->whiten, device, s, FG_PROGRAM_MATRIX, "whiten"));
done:
    return status;
}

void fg_whitening_free(fg_whitening *w)
{
    fg_buffers_free(w, &buffers);
}

fgmm_status fg_whitening_load(const fg_whitening *w, const fg_shape *s, const fg_triangle *triangle)
{
    fgmm_status status = FGMM_OK;
    float *packed = NULL;
    FG_TRY(FG_ALLOC(&packed, fg_triangle_floats(s), "a covariance's factor"));
    fg_triangle_pack(packed, s, triangle->w, NULL, 1);
    FG_TRY(fg_buffer_write(w->factor, 0, packed, sizeof *packed * (size_t)fg_triangle_floats(s)));
done:
    free(packed);
    return status;
}

fg_row_part fg_row_part_of(const fg_rows *batch, cl_uint first_row, cl_uint most)
{
    const cl_uint n = (cl_uint)batch->n;
    return (fg_row_part){first_row, (cl_uint)fg_min_u64(n, (uint64_t)first_row + most), n};
}

fgmm_status fg_whitening_run(const fg_whitening *w, const fg_inputs *in, fg_inputs *ready, fg_rows *white)
{
    fgmm_status status = FGMM_OK;
    const fg_whitening_launches *launches = in->shape->backend->whitening;
    *ready = *in;
    ready->log_densities = w->densities;
    *white = (fg_rows){w->densities ? in->rows->buffer : w->rows, 0, in->rows->n};
    if (w->densities || w->factor) ready->rows = white; /* kernels see row numbers of log-densities only */
    if (w->factor) ready->shift = w->no_shift;
    if (w->densities) FG_TRY((w->staged ? fg_blas_densities : launches->densities)(w, in));
    if (w->factor) FG_TRY((w->staged ? fg_blas_whiten : launches->run)(w, in));
done:
    return status;
}
