/* unfused_openblas.c - the host's E-step from matrix products: OpenBLAS for X M' and R' X, OpenMP for the softmax
 * between them, which also takes the sums over rows while a row is in the cache. Compiled with fast floating-point
 * arithmetic, so that the exponentials are vectorised. */
#include "unfused.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>

struct unfused_backend {
    unfused_shape shape;
    const float *rows, *norms;
    float *r;           /* (n,k) products, then responsibilities */
    float *column_sums; /* (threads,2,k) */
    int threads;
};

/* More rows than this are not added up in float32. */
enum { CHUNK_ROWS = 1024 };

/* row (k): products with the means in, responsibilities out; returns the row's log-likelihood. */
static float softmax(float *row, float norm, const unfused_parameters *p, size_t k)
{
    float largest = -INFINITY, sum = 0;
    for (size_t j = 0; j < k; j++) {
        row[j] = p->bias[j] + p->h[j] * (2 * row[j] - norm);
        largest = row[j] > largest ? row[j] : largest;
    }
    for (size_t j = 0; j < k; j++) {
        const float l = row[j] - largest, e = expf(l > UNFUSED_LEAST_LOG ? l : UNFUSED_LEAST_LOG);
        row[j] = l > UNFUSED_LEAST_LOG ? e : 0;
        sum += row[j];
    }
    const float scale = 1 / sum;
    for (size_t j = 0; j < k; j++) row[j] *= scale;
    return largest + logf(sum);
}

/* One piece of rows; n and s2 (k) receive their sums. Returns their log-likelihood. */
static double softmax_chunk(unfused_backend *b, const unfused_parameters *p, size_t first, float *n, float *s2)
{
    const size_t k = b->shape.k, end = first + CHUNK_ROWS < b->shape.n ? first + CHUNK_ROWS : b->shape.n;
    double log_likelihood = 0;
    for (size_t j = 0; j < k; j++) n[j] = s2[j] = 0;
    for (size_t i = first; i < end; i++) {
        float *row = b->r + i * k, norm = b->norms[i];
        log_likelihood += (double)softmax(row, norm, p, k);
        for (size_t j = 0; j < k; j++) {
            n[j] += row[j];
            s2[j] += row[j] * norm;
        }
    }
    return log_likelihood;
}

unfused_backend *unfused_open(const unfused_shape *shape, const float *rows, const float *norms, const char *device)
{
    (void)device;
    unfused_backend *b = bench_alloc(1, sizeof *b);
    b->shape = *shape;
    b->rows = rows;
    b->norms = norms;
    b->threads = omp_get_max_threads();
    b->r = bench_alloc(shape->n * shape->k, sizeof(float));
    b->column_sums = bench_alloc((size_t)b->threads * 2 * shape->k, sizeof(float));
    return b;
}

void unfused_e_step(unfused_backend *b, const unfused_parameters *p, unfused_sums *sums)
{
    const size_t n = b->shape.n, k = b->shape.k, d = b->shape.d;
    double log_likelihood = 0;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)k, (int)d, 1, b->rows, (int)d, p->means, (int)d,
                0, b->r, (int)k);
    for (size_t j = 0; j < k; j++) sums->n[j] = sums->s2[j] = 0;
#pragma omp parallel for schedule(static) reduction(+ : log_likelihood)
    for (size_t first = 0; first < n; first += CHUNK_ROWS) {
        float *columns = b->column_sums + (size_t)omp_get_thread_num() * 2 * k;
        log_likelihood += softmax_chunk(b, p, first, columns, columns + k);
#pragma omp critical
        for (size_t j = 0; j < k; j++) {
            sums->n[j] += (double)columns[j];
            sums->s2[j] += (double)columns[k + j];
        }
    }
    sums->log_likelihood = log_likelihood;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)k, (int)d, (int)n, 1, b->r, (int)k, b->rows, (int)d, 0,
                sums->s1, (int)d);
}

void unfused_close(unfused_backend *b)
{
    free(b->column_sums);
    free(b->r);
    free(b);
}
