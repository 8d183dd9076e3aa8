/* triangle.c - triangular factors of covariance matrices, made in double precision, and the form in which kernels
 * multiply with them. Host arithmetic only. */
#include "triangle.h"

#include "cholesky.h"
#include "error_bound.h"
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
