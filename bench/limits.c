/* limits.c - the machine's limits as contenders, on all cores: limit=sgemm, OpenBLAS on two square float32 matrices
 * (size=4096), and limit=copy, a copy (bytes=1073741824) between two arrays far larger than the caches.
 * OpenBLAS chooses its kernels when it is loaded, so bench.py sets OPENBLAS_CORETYPE before that. */
#include "contender.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct product {
    size_t size;
    float *a, *b, *c; /* (size,size) each */
} product;

typedef struct copy {
    size_t bytes;
    char *from, *to;
} copy;

static bench_answer measure_product(void *user)
{
    const product *p = user;
    const int n = (int)p->size;
    bench_answer answer = {{0, 0}, NAN, ""};
    const bench_clock start = bench_now();
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, p->a, n, p->b, n, 0, p->c, n);
    answer.time = bench_between(start, bench_now(), 1);
    snprintf(answer.facts, sizeof answer.facts, "flop=%.6g core=%s", 2.0 * n * n * n, openblas_get_corename());
    return answer;
}

static bench_answer measure_copy(void *user)
{
    const copy *c = user;
    bench_answer answer = {{0, 0}, NAN, ""};
    const bench_clock start = bench_now();
#pragma omp parallel
    {
        const size_t parts = (size_t)omp_get_num_threads(), part = c->bytes / parts;
        const size_t begin = part * (size_t)omp_get_thread_num();
        memcpy(c->to + begin, c->from + begin, part);
    }
    answer.time = bench_between(start, bench_now(), 1);
    snprintf(answer.facts, sizeof answer.facts, "bytes=%.6g", 2.0 * (double)c->bytes); /* read and written */
    return answer;
}

int main(int argc, char **argv)
{
    if (strcmp(bench_word(argc, argv, "limit", NULL), "copy") == 0) {
        copy c = {(size_t)bench_count(argc, argv, "bytes", "1073741824"), NULL, NULL};
        c.from = bench_alloc(c.bytes, 1);
        c.to = bench_alloc(c.bytes, 1);
        memset(c.from, 1, c.bytes); /* pages of its own, not the shared zero page */
        measure_copy(&c);
        return bench_serve(measure_copy, &c);
    }
    product p = {(size_t)bench_count(argc, argv, "size", "4096"), NULL, NULL, NULL};
    const size_t count = p.size * p.size;
    p.a = bench_alloc(count, sizeof(float));
    p.b = bench_alloc(count, sizeof(float));
    p.c = bench_alloc(count, sizeof(float));
    for (size_t i = 0; i < count; i++) p.a[i] = p.b[i] = (float)(i % 7) / 7;
    measure_product(&p);
    return bench_serve(measure_product, &p);
}
