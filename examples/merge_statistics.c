/* merge_statistics.c - EM by hand over two halves of the rows, as two processes would share it: each half is
 * accumulated by itself, and all that is exchanged in an iteration is one array of doubles to add. */
#include <flashgmm/flashgmm.h>
#include <stdio.h>

enum { HALVES = 2, N = 3, D = 2, K = 2, ITERATIONS = 10 };

/* One half's share: statistics of its rows about the model. */
static fgmm_status accumulate(fgmm_statistics **statistics, const fgmm_model *model, fgmm_device *device,
                              float rows[N][D])
{
    fgmm_source *source = NULL;
    fgmm_status status = fgmm_statistics_create(statistics, model);
    if (status == FGMM_OK) status = fgmm_source_from_memory(&source, rows, FGMM_F32, N, D, 0);
    if (status == FGMM_OK) status = fgmm_statistics_accumulate(*statistics, device, source);
    fgmm_source_close(source);
    return status;
}

/* Replaces *model by the next one. Between processes the loop in the middle would be an all-reduce. */
static fgmm_status iterate(fgmm_model **model, fgmm_device *device, float halves[HALVES][N][D])
{
    fgmm_statistics *parts[HALVES] = {NULL};
    fgmm_model *next = NULL;
    fgmm_status status = FGMM_OK;
    for (int i = 0; i < HALVES && status == FGMM_OK; i++) status = accumulate(&parts[i], *model, device, halves[i]);
    if (status == FGMM_OK) {
        size_t count;
        double *sum = fgmm_statistics_values(parts[0], &count);
        const double *other = fgmm_statistics_values(parts[1], &count);
        for (size_t i = 0; i < count; i++) sum[i] += other[i];
        printf("mean log-likelihood %.4f\n", sum[1] / sum[0]);
        status = fgmm_m_step(&next, parts[0], NULL, NULL);
    }
    if (status == FGMM_OK) {
        fgmm_model_free(*model);
        *model = next;
    }
    for (int i = 0; i < HALVES; i++) fgmm_statistics_free(parts[i]);
    return status;
}

int main(void)
{
    static float halves[HALVES][N][D] = {{{0, 0}, {1, 0}, {9, 8}}, {{0, 1}, {9, 9}, {8, 9}}};
    static const double weights[K] = {0.5, 0.5}, means[K * D] = {0, 0, 5, 5}, variances[K] = {10, 10};
    fgmm_device *device = NULL;
    fgmm_model *model = NULL;
    fgmm_status status = fgmm_device_open(&device, NULL);
    if (status == FGMM_OK) status = fgmm_model_create(&model, FGMM_SPHERICAL, K, D, weights, means, variances);
    for (int i = 0; i < ITERATIONS && status == FGMM_OK; i++) status = iterate(&model, device, halves);
    if (status != FGMM_OK) fprintf(stderr, "%s\n", fgmm_last_error());
    for (int k = 0; k < K && status == FGMM_OK; k++)
        printf("component %d: weight %.3f, mean (%.3f, %.3f)\n", k, fgmm_model_weights(model)[k],
               fgmm_model_means(model)[k * D], fgmm_model_means(model)[k * D + 1]);
    fgmm_model_free(model);
    fgmm_device_close(device);
    return status != FGMM_OK;
}
