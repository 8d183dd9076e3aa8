/* arguments.c - checks of public arguments. */
#include "arguments.h"

#include "cholesky.h"
#include "size.h"

#include <stdlib.h>
#include <string.h>

/* Both they and their reciprocals are normal float32, with room for a product. No smaller variance comes from training
 * (m_step.c). */
static const double LEAST_VARIANCE = 1e-30, MOST_VARIANCE = 1e32;

fgmm_status fg_check_handles(const fgmm_device *device, const fgmm_source *source)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(device && source, FGMM_ARGUMENT, "%s is NULL; need an open %s", device ? "source" : "device",
             device ? "source" : "device");
    FG_TRY(fg_device_check(device));
done:
    return status;
}

/* Pivots: variances of dimensions when those before are known. Their reciprocals are squares of what the device gets.
 */
static fgmm_status check_pivots(const fgmm_model *model, const char *what)
{
    fgmm_status status = FGMM_OK;
    const uint64_t d = model->info.dims,
                   matrices = fg_covariance_matrices(model->info.covariance, model->info.components);
    double *factor = NULL;
    FG_TRY(FG_ALLOC(&factor, matrices ? d * d : 0, "a covariance matrix"));
    for (uint64_t m = 0; m < matrices; m++) {
        memcpy(factor, model->covariances + m * d * d, (size_t)(d * d) * sizeof *factor);
        fg_cholesky(factor, d);
        for (uint64_t c = 0; c < d; c++) {
            const double variance = factor[c * d + c] * factor[c * d + c];
            FG_CHECK(
                variance >= LEAST_VARIANCE, FGMM_DATA,
                "%s: covariance matrix %llu leaves dimension %llu a variance of %g when the others are known; need "
                "at least %g",
                what, (unsigned long long)m, (unsigned long long)c, variance, LEAST_VARIANCE);
        }
    }
done:
    free(factor);
    return status;
}

fgmm_status fg_check_model(const fgmm_model *model, const fgmm_source *source, const char *what)
{
    fgmm_status status = FGMM_OK;
    const fgmm_model_info *info = &model->info;
    const uint64_t width = fg_covariance_width(info->covariance, info->dims);
    FG_CHECK(info->dims == source->info.dims, FGMM_DATA, "%s: D = %llu, but the data has D = %llu", what,
             (unsigned long long)info->dims, (unsigned long long)source->info.dims);
    for (uint64_t i = 0; i < info->components * width; i++) {
        const double variance =
            model->covariances[fg_variance_place(info->covariance, info->dims, i / width, i % width)];
        FG_CHECK(variance >= LEAST_VARIANCE && variance <= MOST_VARIANCE, FGMM_DATA,
                 "%s: covariances[%llu,%llu] = %g; need %g to %g: multiply data and model by a constant", what,
                 (unsigned long long)(i / width), (unsigned long long)(i % width), variance, LEAST_VARIANCE,
                 MOST_VARIANCE);
    }
    FG_TRY(check_pivots(model, what));
done:
    return status;
}

fgmm_status fg_check_path(fgmm_path path)
{
    if (path == FGMM_PATH_AUTO || path == FGMM_PATH_SPARSE || path == FGMM_PATH_DENSE) return FGMM_OK;
    return fg_fail(FGMM_ARGUMENT, "path = %d; need auto (0), sparse (1) or dense (2)", (int)path);
}

fgmm_status fg_check_weights(const fgmm_source *weights, const fgmm_source *source)
{
    if (weights != source) return FGMM_OK;
    return fg_fail(FGMM_ARGUMENT, "weights is the handle of the rows; need another source");
}

fgmm_status fg_read_options(void *to, const void *from, size_t size, const char *what)
{
    size_t given;
    if (!from) return FGMM_OK;
    memcpy(&given, from, sizeof given);
    if (given < sizeof given)
        return fg_fail(FGMM_ARGUMENT, "%s: size = %zu; set the struct up with its INIT macro", what, given);
    memcpy(to, from, given < size ? given : size);
    memcpy(to, &size, sizeof size);
    return FGMM_OK;
}
