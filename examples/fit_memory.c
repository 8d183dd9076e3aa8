/* fit_memory.c - train a mixture on rows in memory, print it, save it. */
#include "check.h"

enum { N = 3000, D = 2, K = 3 };

/* Three clouds around the corners of a triangle. */
static void make_rows(float rows[N][D])
{
    const double weights[K] = {0.5, 0.3, 0.2}, means[K * D] = {0, 0, 10, 0, 5, 8}, variances[K] = {1, 2, 0.5};
    fgmm_model *truth;
    check(fgmm_model_create(&truth, FGMM_SPHERICAL, K, D, weights, means, variances));
    check(fgmm_model_sample(truth, 1, 0, N, rows[0], NULL));
    fgmm_model_free(truth);
}

int main(void)
{
    static float rows[N][D];
    fgmm_device *device;
    fgmm_source *source;
    fgmm_model *model;
    make_rows(rows);
    check(fgmm_device_open(&device, NULL));
    check(fgmm_source_from_memory(&source, rows, FGMM_F32, N, D, 0));

    fgmm_fit_options options = fgmm_fit_options_init();
    fgmm_fit_report report = fgmm_fit_report_init();
    options.components = K;
    check(fgmm_fit(&model, device, source, &options, &report));

    printf("%s after %d EM iterations, log-likelihood %.4f nats per row\n", fgmm_stop_reason_name(report.stop_reason),
           (int)report.iterations, report.log_likelihood);
    for (int k = 0; k < K; k++)
        printf("weight %.3f  mean (%6.3f, %6.3f)  variance %.3f\n", fgmm_model_weights(model)[k],
               fgmm_model_means(model)[k * D], fgmm_model_means(model)[k * D + 1], fgmm_model_covariances(model)[k]);
    check(fgmm_model_save(model, "example_triangle.safetensors"));
    remove("example_triangle.safetensors"); /* an example leaves nothing behind */

    fgmm_fit_report_clear(&report);
    fgmm_model_free(model);
    fgmm_source_close(source);
    fgmm_device_close(device);
    return EXIT_SUCCESS;
}
