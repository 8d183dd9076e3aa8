/* whitening.c - tied covariances: enqueues cl/{cpu,gpu}/whiten.cl, which makes spheres of all components before
 * their distances are taken, and full ones: the triangular factors that kernels multiply with. Factors are made on the
 * host in double precision. */
#include "parts.h"

#include "cholesky.h"
#include "size.h"
#include "status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

uint64_t fg_triangle_floats(const fg_shape *s)
{
    const uint64_t blocks = fg_ceil_div(s->d, s->outputs);
    return s->row_stride + s->outputs * (s->outputs * (blocks * (blocks - 1) / 2) + blocks + s->d);
}

/* (W off)_j; off NULL: zeros. */
static double start_of(const double *w, const double *off, uint64_t d, uint64_t j)
{
    double sum = 0;
    for (uint64_t c = 0; off && c <= j; c++) sum += w[j * d + c] * off[c];
    return sum;
}

void fg_triangle_pack(float *to, const fg_shape *s, const double *w, const double *off, double scale)
{
    const uint32_t width = s->outputs;
    to += s->row_stride;
    for (uint32_t first = 0; first < s->d; first += width) {
        const uint32_t depth = (uint32_t)fg_min_u64(first + width, s->d);
        for (uint32_t j = first; j < depth; j++) to[j - first] = (float)(scale * start_of(w, off, s->d, j));
        to += width;
        for (uint32_t d = 0; d < depth; d++, to += width)
            for (uint32_t j = first; j < depth; j++) to[j - first] = (float)(scale * w[(size_t)j * s->d + d]);
    }
}

fgmm_status fg_triangle_make(fg_triangle *triangle, const double *matrix, uint64_t d, double scale)
{
    fgmm_status status = FGMM_OK;
    const size_t count = (size_t)(d * d);
    double *u = NULL;
    FG_TRY(FG_ALLOC(&u, count, "a covariance's factor"));
    if (!triangle->w) FG_TRY(FG_ALLOC(&triangle->w, count, "a covariance's factor"));
    if (!triangle->columns) FG_TRY(FG_ALLOC(&triangle->columns, d, "a covariance's factor"));
    memcpy(u, matrix, count * sizeof *u);
    const uint64_t bad = fg_cholesky(u, d);
    FG_CHECK(bad == d, FGMM_INTERNAL, "covariance matrix: pivot %llu is not positive", (unsigned long long)bad);
    triangle->log_determinant = 0;
    for (uint64_t c = 0; c < d; c++) triangle->log_determinant += 2 * log(u[c * d + c]);
    triangle->loss = fg_cholesky_loss(u, matrix, d);
    fg_cholesky_inverse(triangle->w, u, d);
    FG_TRY(fg_error_of_triangle(triangle, matrix, u, d, scale));
done:
    free(u);
    return status;
}

void fg_triangle_clear(fg_triangle *triangle)
{
    free(triangle->w);
    free(triangle->columns);
    *triangle = (fg_triangle){0};
}

/* ---- tied: rows before their distances ---- */

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
