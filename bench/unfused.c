/* unfused.c - the contender made of matrix products (unfused.h). Words: rows=FILE model=FILE n=ROWS iterations=M
 * device=NAME. A measurement is 1 + M iterations from the start; the time is that of the last M. */
#include "unfused.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265358979323846, REG_COVAR = 1e-6;

typedef struct contest {
    unfused_shape shape;
    unfused_backend *backend;
    const fgmm_model *start;
    unfused_parameters parameters;
    unfused_sums sums;
    uint64_t iterations;
} contest;

static void set_component(contest *c, size_t k, double weight, double variance)
{
    double norm = 0;
    for (size_t j = 0; j < c->shape.d; j++) {
        const double m = (double)c->parameters.means[k * c->shape.d + j];
        norm += m * m;
    }
    const double h = 1 / (2 * variance);
    c->parameters.h[k] = (float)h;
    c->parameters.bias[k] = (float)(log(weight) - 0.5 * (double)c->shape.d * log(2 * PI * variance) - h * norm);
}

static void load_start(contest *c)
{
    const double *means = fgmm_model_means(c->start);
    for (size_t i = 0; i < c->shape.k * c->shape.d; i++) c->parameters.means[i] = (float)means[i];
    for (size_t k = 0; k < c->shape.k; k++)
        set_component(c, k, fgmm_model_weights(c->start)[k], fgmm_model_covariances(c->start)[k]);
}

/* The textbook's: variance_k = (S2 / N - |mean|^2) / d. Components without rows stay as they are. */
static void m_step(contest *c)
{
    const size_t d = c->shape.d;
    for (size_t k = 0; k < c->shape.k; k++) {
        const double n = c->sums.n[k];
        double norm = 0;
        if (n < 1e-3) continue;
        for (size_t j = 0; j < d; j++) {
            const double mean = (double)c->sums.s1[k * d + j] / n;
            c->parameters.means[k * d + j] = (float)mean;
            norm += mean * mean;
        }
        const double variance = fmax(0, c->sums.s2[k] / n - norm) / (double)d + REG_COVAR;
        set_component(c, k, n / (double)c->shape.n, variance);
    }
}

static bench_answer measure(void *user)
{
    contest *c = user;
    bench_answer answer = {{0, 0}, NAN, ""};
    bench_clock first = {0, 0};
    load_start(c);
    for (uint64_t i = 0; i <= c->iterations; i++) {
        unfused_e_step(c->backend, &c->parameters, &c->sums);
        answer.log_likelihood = c->sums.log_likelihood / (double)c->shape.n;
        m_step(c);
        if (i == 0) first = bench_now();
    }
    answer.time = bench_between(first, bench_now(), c->iterations);
    return answer;
}

static float *norms_of(const float *rows, const unfused_shape *shape)
{
    float *norms = bench_alloc(shape->n, sizeof *norms);
    for (size_t i = 0; i < shape->n; i++)
        for (size_t j = 0; j < shape->d; j++) norms[i] += rows[i * shape->d + j] * rows[i * shape->d + j];
    return norms;
}

static void allocate(contest *c)
{
    const size_t k = c->shape.k, d = c->shape.d;
    c->parameters.means = bench_alloc(k * d, sizeof(float));
    c->parameters.h = bench_alloc(k, sizeof(float));
    c->parameters.bias = bench_alloc(k, sizeof(float));
    c->sums.s1 = bench_alloc(k * d, sizeof(float));
    c->sums.n = bench_alloc(k, sizeof(double));
    c->sums.s2 = bench_alloc(k, sizeof(double));
}

int main(int argc, char **argv)
{
    contest c = {0};
    fgmm_source_info info;
    fgmm_model_info about = fgmm_model_info_init();
    fgmm_model *start;
    bench_check(fgmm_model_load(&start, bench_word(argc, argv, "model", NULL)));
    bench_check(fgmm_model_describe(start, &about));
    if (about.covariance != FGMM_SPHERICAL) bench_refuse("unfused EM is written for spherical mixtures");
    float *rows = bench_load_floats(bench_word(argc, argv, "rows", NULL), bench_count(argc, argv, "n", "0"), &info);
    c.shape = (unfused_shape){(size_t)info.rows, (size_t)info.dims, (size_t)about.components};
    c.start = start;
    c.iterations = bench_count(argc, argv, "iterations", "3");
    float *norms = norms_of(rows, &c.shape);
    allocate(&c);
    c.backend = unfused_open(&c.shape, rows, norms, bench_word(argc, argv, "device", ""));
    measure(&c);
    const int failed = bench_serve(measure, &c);

    unfused_close(c.backend);
    free(c.sums.s2);
    free(c.sums.n);
    free(c.sums.s1);
    free(c.parameters.bias);
    free(c.parameters.h);
    free(c.parameters.means);
    free(norms);
    free(rows);
    fgmm_model_free(start);
    return failed;
}
