/* accuracy.c - how far one pass of statistics lies from double precision, every row counted. Words: rows=FILE (u8 or
 * float32) model=FILE (spherical or diag) n=ROWS device=MATCH kernel=auto|vector|group|matrix. The device evaluates and
 * accumulates all n rows, and so does this program, in double, on all processors. Prints the largest differences: of a
 * row's log-likelihood in nats, of N_k relative to it, of a component's new mean in its standard deviations.
 */
#define _POSIX_C_SOURCE 200809L
#include "contender.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double PI = 3.14159265358979323846;
/* Responsibilities below this of a row change no sum of doubles. */
static const double NEGLIGIBLE = 1e-17;
enum { MOST_THREADS = 64 };

/* A model as log-densities want it, c_k - sum_c h_kc (x_c - m_kc)^2, and the rows. */
typedef struct problem {
    const void *rows;
    fgmm_type type;
    uint64_t n, k, d;
    const double *means;
    double *constants, *h; /* (k) and (k,d) */
    double *logs;          /* (n) */
} problem;

/* Rows of one thread, and their sums. */
typedef struct share {
    const problem *p;
    uint64_t first, end;
    double *weights, *s1; /* (k) and (k,d), about the old means */
} share;

static double element(const void *rows, fgmm_type type, size_t i)
{
    return type == FGMM_U8 ? ((const unsigned char *)rows)[i] : (double)((const float *)rows)[i];
}

/* Four chains of additions, so that none waits for the one before. */
static double distance(const double *x, const double *mean, const double *h, uint64_t d)
{
    double sums[4] = {0};
    uint64_t c = 0;
    for (; c + 4 <= d; c += 4)
        for (int j = 0; j < 4; j++) sums[j] += h[c + j] * (x[c + j] - mean[c + j]) * (x[c + j] - mean[c + j]);
    for (; c < d; c++) sums[0] += h[c] * (x[c] - mean[c]) * (x[c] - mean[c]);
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* logs: room for K. */
static void add_row(share *s, uint64_t i, double *x, double *logs)
{
    const problem *p = s->p;
    double largest = -INFINITY, sum = 0;
    for (uint64_t c = 0; c < p->d; c++) x[c] = element(p->rows, p->type, i * p->d + c);
    for (uint64_t k = 0; k < p->k; k++) {
        logs[k] = p->constants[k] - distance(x, p->means + k * p->d, p->h + k * p->d, p->d);
        largest = fmax(largest, logs[k]);
    }
    for (uint64_t k = 0; k < p->k; k++) sum += exp(logs[k] - largest);
    p->logs[i] = largest + log(sum);
    for (uint64_t k = 0; k < p->k; k++) {
        const double r = exp(logs[k] - p->logs[i]);
        if (r < NEGLIGIBLE) continue;
        s->weights[k] += r;
        for (uint64_t c = 0; c < p->d; c++) s->s1[k * p->d + c] += r * (x[c] - p->means[k * p->d + c]);
    }
}

static void *add_rows(void *argument)
{
    share *s = argument;
    double *x = bench_alloc((size_t)s->p->d, sizeof *x), *logs = bench_alloc((size_t)s->p->k, sizeof *logs);
    for (uint64_t i = s->first; i < s->end; i++) add_row(s, i, x, logs);
    free(logs);
    free(x);
    return NULL;
}

/* weights (k), s1 (k,d): sums of all rows. */
static void reference(const problem *p, double *weights, double *s1)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    const uint64_t threads = processors < 1 ? 1 : processors > MOST_THREADS ? MOST_THREADS : (uint64_t)processors;
    pthread_t ids[MOST_THREADS];
    share shares[MOST_THREADS];
    for (uint64_t t = 0; t < threads; t++) {
        shares[t] = (share){p, p->n * t / threads, p->n * (t + 1) / threads, NULL, NULL};
        shares[t].weights = bench_alloc((size_t)p->k, sizeof(double));
        shares[t].s1 = bench_alloc((size_t)(p->k * p->d), sizeof(double));
        if (pthread_create(&ids[t], NULL, add_rows, &shares[t]) != 0) bench_refuse("a thread cannot be started");
    }
    for (uint64_t t = 0; t < threads; t++) {
        pthread_join(ids[t], NULL);
        for (uint64_t k = 0; k < p->k; k++) weights[k] += shares[t].weights[k];
        for (uint64_t i = 0; i < p->k * p->d; i++) s1[i] += shares[t].s1[i];
        free(shares[t].weights);
        free(shares[t].s1);
    }
}

static problem make_problem(const fgmm_model *model, const fgmm_source_info *info, const void *rows)
{
    problem p = {rows, info->type, info->rows, 0, info->dims, fgmm_model_means(model), NULL, NULL, NULL};
    fgmm_model_info about = fgmm_model_info_init();
    const double *covariances = fgmm_model_covariances(model);
    bench_check(fgmm_model_describe(model, &about));
    if (about.covariance != FGMM_SPHERICAL && about.covariance != FGMM_DIAG) bench_refuse("spherical or diag here");
    p.k = about.components;
    p.constants = bench_alloc((size_t)p.k, sizeof(double));
    p.h = bench_alloc((size_t)(p.k * p.d), sizeof(double));
    p.logs = bench_alloc((size_t)p.n, sizeof(double));
    for (uint64_t k = 0; k < p.k; k++) {
        double sum = 0;
        for (uint64_t c = 0; c < p.d; c++) {
            const double variance = covariances[about.covariance == FGMM_DIAG ? k * p.d + c : k];
            p.h[k * p.d + c] = 0.5 / variance;
            sum += 0.5 * log(2 * PI * variance);
        }
        p.constants[k] = log(fgmm_model_weights(model)[k]) - sum;
    }
    return p;
}

/* found (n), then the flat statistics: the device's. A component without rows has no mean to compare. */
static void compare(const problem *p, const double *found, const double *statistics)
{
    double *weights = bench_alloc((size_t)p->k, sizeof *weights);
    double *s1 = bench_alloc((size_t)(p->k * p->d), sizeof *s1);
    const double *found_weights = statistics + 2, *found_s1 = found_weights + p->k;
    double of_logs = 0, of_weights = 0, of_means = 0;
    reference(p, weights, s1);
    for (uint64_t i = 0; i < p->n; i++) of_logs = fmax(of_logs, fabs(found[i] - p->logs[i]));
    for (uint64_t k = 0; k < p->k; k++) {
        if (weights[k] < 1) continue;
        of_weights = fmax(of_weights, fabs(found_weights[k] / weights[k] - 1));
        for (uint64_t c = 0, i = k * p->d; c < p->d; c++, i++)
            of_means = fmax(of_means, fabs(found_s1[i] / found_weights[k] - s1[i] / weights[k]) * sqrt(2 * p->h[i]));
    }
    printf("max_error_nats=%.3g n_k_relative=%.3g mean_deviations=%.3g rows=%llu\n", of_logs, of_weights, of_means,
           (unsigned long long)p->n);
    free(s1);
    free(weights);
}

int main(int argc, char **argv)
{
    fgmm_source_info info;
    fgmm_device *device;
    fgmm_source *source;
    fgmm_model *model;
    fgmm_statistics *statistics;
    fgmm_device_options options = fgmm_device_options_init();
    const char *match = bench_word(argc, argv, "device", "");
    options.match = match[0] ? match : NULL;
    void *rows = bench_load_rows(bench_word(argc, argv, "rows", NULL), bench_count(argc, argv, "n", "0"), &info);
    if (info.type != FGMM_U8 && info.type != FGMM_F32) bench_refuse("rows are u8 or f32 here");
    bench_check(fgmm_model_load(&model, bench_word(argc, argv, "model", NULL)));
    bench_check(fgmm_device_open(&device, &options));
    bench_check(fgmm_device_force_backend(device, bench_backend(bench_word(argc, argv, "kernel", "auto"))));
    bench_check(fgmm_source_from_memory(&source, rows, info.type, info.rows, info.dims, 0));
    problem p = make_problem(model, &info, rows);
    double *found = bench_alloc((size_t)info.rows, sizeof *found), mean;
    bench_check(fgmm_score(device, model, source, &mean, found));
    bench_check(fgmm_statistics_create(&statistics, model));
    bench_check(fgmm_statistics_accumulate(statistics, device, source));
    compare(&p, found, fgmm_statistics_values(statistics, NULL));
    free(found);
    free(p.logs);
    free(p.h);
    free(p.constants);
    fgmm_statistics_free(statistics);
    fgmm_source_close(source);
    fgmm_device_close(device);
    fgmm_model_free(model);
    free(rows);
    return EXIT_SUCCESS;
}
