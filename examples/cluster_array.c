/* cluster_array.c - the shortest complete use of the library: an array in memory, a mixture, labels. */
#include <flashgmm/flashgmm.h>
#include <stdio.h>

enum { N = 6, D = 2, K = 2 };

int main(void)
{
    static const float rows[N][D] = {{0, 0}, {1, 0}, {0, 1}, {9, 9}, {8, 9}, {9, 8}};
    fgmm_device *device = NULL;
    fgmm_source *source = NULL;
    fgmm_model *model = NULL;
    int32_t labels[N];
    fgmm_fit_options options = fgmm_fit_options_init();
    options.components = K;

    int failed = fgmm_device_open(&device, NULL) != FGMM_OK ||
                 fgmm_source_from_memory(&source, rows, FGMM_F32, N, D, 0) != FGMM_OK ||
                 fgmm_fit(&model, device, source, &options, NULL) != FGMM_OK ||
                 fgmm_predict(device, model, source, labels) != FGMM_OK;
    if (failed) fprintf(stderr, "%s\n", fgmm_last_error());
    for (int i = 0; !failed && i < N; i++) printf("row %d: component %d\n", i, (int)labels[i]);

    fgmm_model_free(model);
    fgmm_source_close(source);
    fgmm_device_close(device);
    return failed;
}
