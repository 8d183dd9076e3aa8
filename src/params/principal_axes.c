/* principal_axes.c - the leading principal axes of a mixture's means about the shift, by orthogonal iteration on a
 * sample of them. Host arithmetic only. They need not be exact: prune_projection.c takes any orthonormal ones. */
#include "prune.h"

#include "size.h"
#include "status.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SAMPLES = 256, ROUNDS = 2 };
/* What is left of a vector that depends on those before it is rounding, and no direction. */
static const double least_residual = 1e-8;

/* a.b over d dimensions; sums that the compiler can keep in vectors. */
static double product_of(const float *a, const float *b, uint32_t d)
{
    enum { LANES = 8 };
    double sums[LANES] = {0}, sum = 0;
    uint32_t j = 0;
    for (; j + LANES <= d; j += LANES)
        for (uint32_t q = 0; q < LANES; q++) sums[q] += (double)a[j + q] * (double)b[j + q];
    for (; j < d; j++) sum += (double)a[j] * (double)b[j];
    for (uint32_t q = 0; q < LANES; q++) sum += sums[q];
    return sum;
}

/* v -= (u.v) u for each of the `count` axes u before it, all (d). */
static void subtract_axes(float *v, const float *axes, uint32_t count, uint32_t d)
{
    for (uint32_t q = 0; q < count; q++) {
        const float *u = axes + (size_t)q * d;
        const float product = (float)product_of(u, v, d);
        for (uint32_t j = 0; j < d; j++) v[j] -= product * u[j];
    }
}

/* Gram-Schmidt, a second time for what the first one's rounding leaves; a vector that depends on others becomes zero.
 */
static void orthonormalise(float *axes, uint32_t count, uint32_t d)
{
    for (uint32_t i = 0; i < count; i++) {
        float *v = axes + (size_t)i * d;
        const double before = product_of(v, v, d);
        subtract_axes(v, axes, i, d);
        subtract_axes(v, axes, i, d);
        const double after = product_of(v, v, d);
        const float factor = after > least_residual * before ? (float)(1 / sqrt(after)) : 0;
        for (uint32_t j = 0; j < d; j++) v[j] *= factor;
    }
}

typedef struct axes_size {
    uint32_t count, samples, d;
} axes_size;

/* to (n) += sum over i of factors[i] rows[i], rows (count,n), four at a time so that `to` passes through the cache
 * less. */
static void add_rows(float *to, const float *factors, const float *rows, uint32_t count, uint32_t n)
{
    enum { TOGETHER = 4 };
    uint32_t i = 0;
    for (; i + TOGETHER <= count; i += TOGETHER) {
        const float *f = factors + i, *a = rows + (size_t)i * n, *b = a + n, *c = b + n, *d = c + n;
        for (uint32_t j = 0; j < n; j++) to[j] += f[0] * a[j] + f[1] * b[j] + f[2] * c[j] + f[3] * d[j];
    }
    for (; i < count; i++)
        for (uint32_t j = 0; j < n; j++) to[j] += factors[i] * rows[(size_t)i * n + j];
}

/* next (count,d) = axes S'S for the sample S (n,d), of which columns (d,n) is the transpose; products: (n). */
static void multiply(float *next, float *products, const float *axes, const float *columns, const float *sample,
                     const axes_size *size)
{
    const uint32_t n = size->samples, d = size->d;
    memset(next, 0, sizeof *next * size->count * d);
    for (uint32_t q = 0; q < size->count; q++) {
        memset(products, 0, sizeof *products * n);
        add_rows(products, axes + (size_t)q * d, columns, d, n);
        add_rows(next + (size_t)q * d, products, sample, n, d);
    }
}

fgmm_status fg_principal_axes(float *axes, const fg_shape *s, const float *means, uint32_t count)
{
    fgmm_status status = FGMM_OK;
    const axes_size size = {count, (uint32_t)fg_min_u64(s->k, MOST_SAMPLES), s->d};
    float *sample = NULL, *columns = NULL, *next = NULL, *products = NULL;
    assert(size.samples > 0);
    FG_TRY(FG_ALLOC(&sample, (uint64_t)size.samples * s->d, "axes"));
    FG_TRY(FG_ALLOC(&columns, (uint64_t)size.samples * s->d, "axes"));
    FG_TRY(FG_ALLOC(&next, (uint64_t)count * s->d, "axes"));
    FG_TRY(FG_ALLOC(&products, size.samples, "axes"));
    for (uint32_t i = 0; i < size.samples; i++) {
        const float *mean = means + (uint64_t)i * s->k / size.samples * s->row_stride;
        for (uint32_t j = 0; j < s->d; j++)
            sample[(size_t)i * s->d + j] = columns[(size_t)j * size.samples + i] = mean[j];
    }
    for (uint32_t q = 0; q < count; q++)
        memcpy(axes + (size_t)q * s->d, sample + (size_t)(q % size.samples) * s->d, sizeof *axes * s->d);
    for (int round = 0; round < ROUNDS; round++) {
        orthonormalise(axes, count, s->d);
        multiply(next, products, axes, columns, sample, &size);
        memcpy(axes, next, sizeof *axes * count * s->d);
    }
    orthonormalise(axes, count, s->d);
done:
    free(sample);
    free(columns);
    free(next);
    free(products);
    return status;
}
