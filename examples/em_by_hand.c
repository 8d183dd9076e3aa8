/* em_by_hand.c - the EM loop spread over two shards of the rows, as it would be over two machines: all that is
 * exchanged in an iteration is a sum of doubles. Ends where fgmm_fit on all rows ends. */
#include "check.h"

#include <math.h>

enum { N = 8000, SHARD = 3000, D = 4, K = 3, ITERATIONS = 10 };

/* The rows are shifted and cut into batches differently, which changes the rounding of float32 products (2^-24 of 9);
 * ten iterations add up. Everything between batches is done in double. */
static const double TOLERANCE = 1e-5;

static float rows[N][D];

/* One EM iteration over both shards. */
static fgmm_model *iterate(fgmm_device *device, fgmm_source *shards[2], const fgmm_model *model)
{
    fgmm_statistics *sums[2];
    fgmm_model *next;
    for (int s = 0; s < 2; s++) { /* on two machines, each with its own device */
        check(fgmm_statistics_create(&sums[s], model));
        check(fgmm_statistics_accumulate(sums[s], device, shards[s]));
    }
    check(fgmm_statistics_merge(sums[0], sums[1])); /* or: sum fgmm_statistics_values() across processes */
    check(fgmm_m_step(&next, sums[0], NULL, NULL));
    fgmm_statistics_free(sums[0]);
    fgmm_statistics_free(sums[1]);
    return next;
}

/* The same in one call, from the same start. */
static fgmm_model *fit_all(fgmm_device *device, const fgmm_model *start)
{
    fgmm_source *source;
    fgmm_model *model;
    fgmm_fit_options options = fgmm_fit_options_init();
    options.init = FGMM_INIT_MODEL;
    options.start = start;
    options.kmeans_iterations = 0;
    options.max_iterations = ITERATIONS;
    options.tolerance = 0;
    check(fgmm_source_from_memory(&source, rows, FGMM_F32, N, D, 0));
    check(fgmm_fit(&model, device, source, &options, NULL));
    fgmm_source_close(source);
    return model;
}

int main(void)
{
    const double weights[K] = {0.2, 0.3, 0.5}, variances[K] = {1, 2, 3};
    const double means[K * D] = {0, 0, 0, 0, 9, 9, 0, 0, 0, 0, 9, 9}, guess[K] = {4, 4, 4};
    fgmm_device *device;
    fgmm_source *shards[2];
    fgmm_model *truth, *start, *model;
    check(fgmm_model_create(&truth, FGMM_SPHERICAL, K, D, weights, means, variances));
    check(fgmm_model_sample(truth, 1, 0, N, rows[0], NULL));
    check(fgmm_model_create(&start, FGMM_SPHERICAL, K, D, weights, means, guess));
    check(fgmm_device_open(&device, NULL));
    check(fgmm_source_from_memory(&shards[0], rows, FGMM_F32, SHARD, D, 0));
    check(fgmm_source_from_memory(&shards[1], rows[SHARD], FGMM_F32, N - SHARD, D, 0));

    model = iterate(device, shards, start);
    for (int i = 1; i < ITERATIONS; i++) {
        fgmm_model *next = iterate(device, shards, model);
        fgmm_model_free(model);
        model = next;
    }

    fgmm_model *whole = fit_all(device, start);
    double difference = 0;
    for (int i = 0; i < K * D; i++)
        difference = fmax(difference, fabs(fgmm_model_means(model)[i] - fgmm_model_means(whole)[i]));
    printf("after %d iterations the means differ by at most %.1e\n", ITERATIONS, difference);

    fgmm_model_free(whole);
    fgmm_model_free(model);
    fgmm_model_free(start);
    fgmm_model_free(truth);
    fgmm_source_close(shards[0]);
    fgmm_source_close(shards[1]);
    fgmm_device_close(device);
    return difference < TOLERANCE ? EXIT_SUCCESS : EXIT_FAILURE;
}
