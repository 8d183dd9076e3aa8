/* mixtures.c - helpers of mixtures.h. */
#include "mixtures.h"

#include "device.h"
#include "model.h"
#include "rng.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

fgmm_device *open_test_device(void)
{
    return open_test_backend(FGMM_BACKEND_AUTO);
}

fgmm_device *open_test_backend(fgmm_backend backend)
{
    fgmm_device *device;
    fgmm_device_options options = fgmm_device_options_init();
    options.cache_dir = "";
    now_testing("%s kernels", fgmm_backend_name(backend));
    ck_ok(fgmm_device_open(&device, &options));
    use_backend(device, backend);
    fg_device_poison_buffers(device);
    return device;
}

fgmm_model *make_mixture(uint64_t k, uint64_t d, uint64_t seed)
{
    fgmm_model *model;
    double *weights = malloc(k * sizeof *weights), *means = malloc(k * d * sizeof *means);
    double *covariances = malloc(k * sizeof *covariances), total = 0;
    fg_rng rng;
    fg_rng_init(&rng, seed, 100, 0);
    for (uint64_t c = 0; c < k; c++) {
        const double deviation = 0.5 + fg_rng_uniform(&rng);
        covariances[c] = deviation * deviation;
        weights[c] = 0.5 + fg_rng_uniform(&rng);
        total += weights[c];
        for (uint64_t j = 0; j < d; j++) means[c * d + j] = 20 * fg_rng_uniform(&rng) - 10;
    }
    for (uint64_t c = 0; c < k; c++) weights[c] /= total;
    ck_ok(fgmm_model_create(&model, FGMM_SPHERICAL, k, d, weights, means, covariances));
    free(weights);
    free(means);
    free(covariances);
    return model;
}

float *draw_rows(uint64_t n, uint64_t d, uint64_t k, uint64_t seed)
{
    fgmm_model *model = make_mixture(k, d, seed);
    float *rows = malloc(n * d * sizeof *rows);
    ck_ok(fgmm_model_sample(model, seed, 0, n, rows, NULL));
    fgmm_model_free(model);
    return rows;
}

static int feed_rewind(void *user)
{
    rows_feed *feed = user;
    feed->position = 0;
    feed->pass++;
    return 0;
}

static int feed_next(void *user, void *rows, uint64_t capacity, uint64_t *count, char *message, size_t message_capacity)
{
    rows_feed *feed = user;
    const size_t row_bytes = feed->d * fgmm_type_bytes(feed->type);
    uint64_t n = feed->n - feed->position;
    if (n > capacity) n = capacity;
    if (feed->chunk && n > feed->chunk) n = feed->chunk;
    if (feed->fail_pass == feed->pass && feed->position + n > feed->fail_row) {
        snprintf(message, message_capacity, "the well has run dry");
        return 7;
    }
    memcpy(rows, (const char *)feed->rows + feed->position * row_bytes, n * row_bytes);
    feed->position += n;
    *count = n;
    return 0;
}

fgmm_source *feed_source(rows_feed *feed, uint64_t rows)
{
    fgmm_source *source;
    fgmm_callback_source callbacks = fgmm_callback_source_init();
    callbacks.rows = rows;
    callbacks.dims = feed->d;
    callbacks.type = feed->type;
    callbacks.rewind = feed_rewind;
    callbacks.next = feed_next;
    callbacks.user = feed;
    ck_ok(fgmm_source_from_callback(&source, &callbacks));
    return source;
}

fgmm_source *memory_source(const void *rows, fgmm_type type, uint64_t n, uint64_t d)
{
    fgmm_source *source;
    ck_ok(fgmm_source_from_memory(&source, rows, type, n, d, 0));
    return source;
}

int is_same_model(const fgmm_model *a, const fgmm_model *b)
{
    fgmm_model_info x = fgmm_model_info_init(), y = fgmm_model_info_init();
    ck_ok(fgmm_model_describe(a, &x));
    ck_ok(fgmm_model_describe(b, &y));
    const size_t k = x.components, coordinates = k * x.dims;
    const size_t variances = (size_t)fg_covariance_count(x.covariance, k, x.dims);
    if (x.components != y.components || x.dims != y.dims || x.covariance != y.covariance) return 0;
    if (x.rows != y.rows || x.iterations != y.iterations || x.seed != y.seed) return 0;
    return memcmp(&x.log_likelihood, &y.log_likelihood, sizeof x.log_likelihood) == 0 &&
           memcmp(fgmm_model_weights(a), fgmm_model_weights(b), k * sizeof(double)) == 0 &&
           memcmp(fgmm_model_means(a), fgmm_model_means(b), coordinates * sizeof(double)) == 0 &&
           memcmp(fgmm_model_covariances(a), fgmm_model_covariances(b), variances * sizeof(double)) == 0;
}

fgmm_model *fit_rows(fgmm_device *device, const float *rows, uint64_t n, uint64_t d, const fgmm_fit_options *options,
                     fgmm_fit_report *report)
{
    fgmm_model *model;
    fgmm_source *source = memory_source(rows, FGMM_F32, n, d);
    now_testing("%s, %s kernels, K %llu, %llu x %llu rows", fgmm_covariance_name(options->covariance),
                fgmm_backend_name(fg_backend_in_use(device)), (unsigned long long)options->components,
                (unsigned long long)n, (unsigned long long)d);
    ck_ok(fgmm_fit(&model, device, source, options, report));
    fgmm_source_close(source);
    return model;
}
