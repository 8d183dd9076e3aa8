/* score.c - find rows that a model thinks unlikely: log-likelihood and most probable component of each row, batch by
 * batch, in memory that does not grow with the number of rows. */
#include "check.h"

enum { N = 10000, D = 2, K = 2, ODD_ROW = 7777 };

/* Receives consecutive rows; the pointers are valid during the call only. */
static int report_unlikely(void *user, const fgmm_evaluation *batch)
{
    int *found = user;
    for (uint64_t i = 0; i < batch->rows; i++) {
        if (batch->log_likelihood[i] > -30) continue;
        printf("row %d: %.1f nats, nearest to component %d\n", (int)(batch->first_row + i), batch->log_likelihood[i],
               batch->labels[i]);
        ++*found;
    }
    return 0;
}

int main(void)
{
    static float rows[N][D];
    const double weights[K] = {0.5, 0.5}, means[K * D] = {-4, 0, 4, 0}, variances[K] = {1, 1};
    fgmm_device *device;
    fgmm_source *source;
    fgmm_model *model;
    check(fgmm_model_create(&model, FGMM_SPHERICAL, K, D, weights, means, variances));
    check(fgmm_model_sample(model, 3, 0, N, rows[0], NULL));
    rows[ODD_ROW][0] = 5;
    rows[ODD_ROW][1] = 20;
    check(fgmm_device_open(&device, NULL));
    check(fgmm_source_from_memory(&source, rows, FGMM_F32, N, D, 0));

    int found = 0;
    fgmm_evaluate_options options = fgmm_evaluate_options_init();
    fgmm_evaluate_report report = fgmm_evaluate_report_init();
    options.want_labels = 1;
    options.sink = report_unlikely;
    options.sink_user = &found;
    check(fgmm_evaluate(device, model, source, &options, &report));
    printf("%d rows, %.4f nats per row, %d unlikely\n", (int)report.rows, report.mean_log_likelihood, found);

    fgmm_model_free(model);
    fgmm_source_close(source);
    fgmm_device_close(device);
    return found == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
