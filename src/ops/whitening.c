/* whitening.c - tied covariances: enqueues cl/{cpu,gpu}/whiten.cl, which makes spheres of all components before their
 * distances are taken; full covariances on a GPU: enqueues the log-densities of a batch. */
#include "parts.h"

#include "size.h"
#include "status.h"

#include <stdlib.h>

/* Full, group backend: log-densities of a batch. */
static uint64_t density_floats(const fg_shape *s)
{
    const int has_densities = s->covariance == FGMM_FULL && s->backend->whitening->densities;
    return has_densities ? (uint64_t)s->batch_rows * s->padded_k : 0;
}

uint64_t fg_whitening_bytes(const fg_shape *s)
{
    if (density_floats(s)) return sizeof(float) * density_floats(s);
    if (s->covariance != FGMM_TIED) return 0;
    return sizeof(float) * (fg_triangle_floats(s) + (uint64_t)s->batch_rows * s->d + FG_SHIFT_FLOATS(s) +
                            s->backend->whitening->scratch_floats(s));
}

fgmm_status fg_whitening_create(fg_pass *pass)
{
    fgmm_status status = FGMM_OK;
    fg_whitening *w = &pass->whitening;
    const fg_shape *s = &pass->shape;
    const float one = 1;
    size_t bytes;
    if (density_floats(s)) {
        FG_TRY(fg_size_product(&bytes, density_floats(s), sizeof(float), "log-densities"));
        FG_TRY(fg_buffer_create(&w->densities, pass->device, bytes, FG_BUFFER_DEVICE, "log-densities"));
        FG_TRY(fg_program_kernel(&w->densify, pass->device, &pass->shape, FG_PROGRAM_MATRIX, "full_densities"));
    }
    if (s->covariance != FGMM_TIED) return FGMM_OK;
    FG_TRY(fg_size_product(&bytes, fg_triangle_floats(s), sizeof(float), "a covariance's factor"));
    FG_TRY(fg_buffer_create(&w->factor, pass->device, bytes, FG_BUFFER_DEVICE, "a covariance's factor"));
    FG_TRY(fg_size_product3(&bytes, s->batch_rows, s->d, sizeof(float), "whitened rows"));
    FG_TRY(fg_buffer_create(&w->rows, pass->device, bytes, FG_BUFFER_DEVICE, "whitened rows"));
    FG_TRY(fg_buffer_create(&w->no_shift, pass->device, sizeof(float) * FG_SHIFT_FLOATS(s), FG_BUFFER_DEVICE, "shift"));
    FG_TRY(fg_buffer_zero(w->no_shift, 0, sizeof(float) * s->row_stride));
    FG_TRY(fg_buffer_write(w->no_shift, sizeof one * s->row_stride, &one, sizeof one));
    if (s->backend->whitening->scratch_floats(s) > 0)
        FG_TRY(fg_buffer_create(&w->scratch, pass->device,
                                sizeof(float) * (size_t)s->backend->whitening->scratch_floats(s), FG_BUFFER_DEVICE,
                                "scratch"));
    FG_TRY(fg_program_kernel(&w->whiten, pass->device, &pass->shape, FG_PROGRAM_MATRIX, "whiten"));
done:
    return status;
}

void fg_whitening_free(fg_whitening *w)
{
    fg_buffer_free(w->factor);
    fg_buffer_free(w->rows);
    fg_buffer_free(w->no_shift);
    fg_buffer_free(w->scratch);
    fg_buffer_free(w->densities);
    *w = (fg_whitening){0};
}

fgmm_status fg_whitening_load(fg_pass *pass, const fg_triangle *triangle)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = &pass->shape;
    float *image = NULL;
    FG_TRY(FG_ALLOC(&image, fg_triangle_floats(s), "a covariance's factor"));
    fg_triangle_pack(image, s, triangle->w, NULL, 1);
    FG_TRY(fg_buffer_write(pass->whitening.factor, 0, image, sizeof *image * (size_t)fg_triangle_floats(s)));
done:
    free(image);
    return status;
}

fg_row_part fg_row_part_of(const fg_pass *pass, const fg_rows *rows, cl_uint first_row, cl_uint most)
{
    const cl_uint n = (cl_uint)rows->n;
    return (fg_row_part){rows->offset_bytes / fgmm_type_bytes(pass->shape.type), first_row,
                         (cl_uint)fg_min_u64(n, (uint64_t)first_row + most), n};
}

fgmm_status fg_whitening_run(fg_pass *pass, const fg_rows *rows, fg_rows *white)
{
    *white = (fg_rows){pass->whitening.rows, 0, rows->n};
    return pass->shape.backend->whitening->run(pass, rows);
}

fgmm_status fg_whitening_densify(fg_pass *pass, const fg_rows *rows)
{
    return pass->shape.backend->whitening->densities(pass, rows);
}
