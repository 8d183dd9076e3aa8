/* accuracy.c - how far the device's log-likelihoods of rows lie from double precision. Words: rows=FILE model=FILE
 * n=ROWS sample=2048 device=MATCH: all n rows are evaluated on the device, an evenly spaced sample of them again here.
 * Prints the largest difference in nats. */
#include "contender.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

static double element(const void *rows, fgmm_type type, size_t i)
{
    return type == FGMM_U8 ? ((const unsigned char *)rows)[i] : (double)((const float *)rows)[i];
}

/* x (d) */
static double log_density(const fgmm_model *model, const fgmm_model_info *about, uint64_t k, const double *x)
{
    const double *mean = fgmm_model_means(model) + k * about->dims, *covariances = fgmm_model_covariances(model);
    double sum = 0;
    for (uint64_t c = 0; c < about->dims; c++) {
        const double s = about->covariance == FGMM_DIAG ? covariances[k * about->dims + c] : covariances[k];
        sum += log(2 * PI * s) + (x[c] - mean[c]) * (x[c] - mean[c]) / s;
    }
    return log(fgmm_model_weights(model)[k]) - sum / 2;
}

/* logs: room for K. */
static double log_likelihood(const fgmm_model *model, const fgmm_model_info *about, const double *x, double *logs)
{
    double largest = -INFINITY, sum = 0;
    for (uint64_t k = 0; k < about->components; k++) {
        logs[k] = log_density(model, about, k, x);
        largest = fmax(largest, logs[k]);
    }
    for (uint64_t k = 0; k < about->components; k++) sum += exp(logs[k] - largest);
    return largest + log(sum);
}

/* device (n): what the device found. */
static double largest_error(const fgmm_model *model, const fgmm_source_info *info, const void *rows,
                            const double *device, uint64_t sample)
{
    fgmm_model_info about = FGMM_MODEL_INFO_INIT;
    bench_check(fgmm_model_describe(model, &about));
    double *x = bench_alloc((size_t)info->dims, sizeof *x), worst = 0;
    double *logs = bench_alloc((size_t)about.components, sizeof *logs);
    const uint64_t stride = info->rows > sample ? info->rows / sample : 1;
    for (uint64_t i = 0; i < info->rows; i += stride) {
        for (uint64_t c = 0; c < info->dims; c++) x[c] = element(rows, info->type, i * info->dims + c);
        worst = fmax(worst, fabs(device[i] - log_likelihood(model, &about, x, logs)));
    }
    free(logs);
    free(x);
    return worst;
}

int main(int argc, char **argv)
{
    fgmm_source_info info;
    fgmm_device *device;
    fgmm_source *source;
    fgmm_model *model;
    fgmm_device_options options = FGMM_DEVICE_OPTIONS_INIT;
    const char *match = bench_word(argc, argv, "device", "");
    options.match = match[0] ? match : NULL;
    void *rows = bench_load_rows(bench_word(argc, argv, "rows", NULL), bench_count(argc, argv, "n", "0"), &info);
    if (info.type != FGMM_U8 && info.type != FGMM_F32) bench_refuse("rows are u8 or f32 here");
    bench_check(fgmm_model_load(&model, bench_word(argc, argv, "model", NULL)));
    bench_check(fgmm_device_open(&device, &options));
    bench_check(fgmm_source_from_memory(&source, rows, info.type, info.rows, info.dims, 0));
    double *found = bench_alloc((size_t)info.rows, sizeof *found), mean;
    bench_check(fgmm_score(device, model, source, &mean, found));
    printf("max_error_nats=%.3g mean_log_likelihood=%.7g rows=%llu\n",
           largest_error(model, &info, rows, found, bench_count(argc, argv, "sample", "2048")), mean,
           (unsigned long long)info.rows);
    free(found);
    fgmm_source_close(source);
    fgmm_device_close(device);
    fgmm_model_free(model);
    free(rows);
    return EXIT_SUCCESS;
}
