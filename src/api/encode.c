/* encode.c - Fisher vectors and VLAD of a set of rows: the statistics of one E-step, scaled (docs/math.md,
 * "Encodings").
 */
#include "flashgmm/encode.h"

#include "arguments.h"
#include "flashgmm/predict.h"
#include "flashgmm/stats.h"
#include "rows.h"
#include "size.h"
#include "statistics.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

uint64_t fgmm_encoding_size(const fgmm_model *model, fgmm_encoding encoding)
{
    return (encoding == FGMM_FISHER ? 2 : 1) * model->info.components * model->info.dims;
}

/* The model with one variance per dimension. */
static fgmm_status to_diag(fgmm_model **diag, const fgmm_model *model)
{
    fgmm_status status = FGMM_OK;
    double *variances = NULL;
    const uint64_t k = model->info.components, d = model->info.dims;
    const fgmm_covariance type = model->info.covariance;
    FG_CHECK(!fg_covariance_types[type].has_matrices, FGMM_UNSUPPORTED,
             "Fisher vectors of a model with %s covariances; need spherical or diag", fgmm_covariance_name(type));
    FG_TRY(FG_ALLOC(&variances, k * d, "variances"));
    for (uint64_t i = 0; i < k * d; i++) variances[i] = model->covariances[fg_variance_place(type, d, i / d, i % d)];
    FG_TRY(fgmm_model_create(diag, FGMM_DIAG, k, d, model->weights, model->means, variances));
done:
    free(variances);
    return status;
}

static fgmm_status encode_fisher(double *out, fgmm_device *device, const fgmm_model *model, fgmm_source *source)
{
    fgmm_status status = FGMM_OK;
    fgmm_model *diag = NULL;
    fgmm_statistics *statistics = NULL;
    const uint64_t k = model->info.components, d = model->info.dims;
    FG_TRY(to_diag(&diag, model));
    FG_TRY(fgmm_statistics_create(&statistics, diag));
    FG_TRY(fgmm_statistics_accumulate(statistics, device, source));
    const fg_statistics_layout *layout = &statistics->layout;
    const double *values = statistics->values, n = values[0];
    for (uint64_t i = 0; i < k * d; i++) {
        const double weight = diag->weights[i / d], variance = diag->covariances[i];
        const double s0 = values[layout->counts + i / d], s1 = values[layout->s1 + i], s2 = values[layout->s2 + i];
        const int is_used = weight > 0;
        out[i] = is_used ? s1 / sqrt(variance) / (n * sqrt(weight)) : 0;
        out[k * d + i] = is_used ? (s2 / variance - s0) / (n * sqrt(2 * weight)) : 0;
    }
done:
    fgmm_statistics_free(statistics);
    fgmm_model_free(diag);
    return status;
}

/* rows: those of the source. */
static fgmm_status encode_vlad(double *out, fgmm_device *device, const fgmm_model *model, const fgmm_rows *rows,
                               fgmm_source *source)
{
    fgmm_status status = FGMM_OK;
    fgmm_model *centroids = NULL;
    int32_t *labels = NULL;
    const uint64_t d = model->info.dims, n = source->info.rows;
    FG_TRY(FG_ALLOC(&labels, n, "labels"));
    FG_TRY(fgmm_model_from_centroids(&centroids, model->info.components, d, model->means));
    FG_TRY(fgmm_predict(device, centroids, source, labels));
    for (uint64_t i = 0; i < n; i++)
        for (uint64_t j = 0; j < d; j++) {
            const uint64_t at = (uint64_t)labels[i] * d + j;
            out[at] += fg_row_value(rows->data, rows->type, (size_t)(i * d + j)) - model->means[at];
        }
done:
    fgmm_model_free(centroids);
    free(labels);
    return status;
}

/* Signed square roots, then unit length; a vector of zeros stays one. */
static fgmm_status normalise(float *to, double *values, uint64_t count, const fgmm_encode_options *options)
{
    double squares = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (options->has_power) values[i] = copysign(sqrt(fabs(values[i])), values[i]);
        squares += values[i] * values[i];
    }
    const double length = options->has_length && squares > 0 ? sqrt(squares) : 1;
    for (uint64_t i = 0; i < count; i++) {
        const double value = values[i] / length;
        if (fabs(value) > (double)FLT_MAX || (!options->has_length && value != 0 && fabs(value) < (double)FLT_MIN))
            return fg_fail(FGMM_DATA, "element %llu of the encoding: %g does not fit float32; unit length would",
                           (unsigned long long)i, value);
        to[i] = (float)value;
    }
    return FGMM_OK;
}

fgmm_status fgmm_encode(float *out, fgmm_device *device, const fgmm_model *model, const fgmm_rows *rows,
                        const fgmm_encode_options *given)
{
    fgmm_status status = FGMM_OK;
    fgmm_encode_options options = fgmm_encode_options_init();
    fgmm_source *source = NULL;
    double *values = NULL;
    fgmm_rows of = fgmm_rows_init(NULL, FGMM_U8, 0);
    FG_CHECK(out && model && rows, FGMM_ARGUMENT, "%s is NULL", !out ? "out" : !model ? "model" : "rows");
    FG_TRY(fg_read_options(&of, rows, sizeof of, "rows"));
    FG_TRY(fg_read_options(&options, given, sizeof options, "encode options"));
    FG_CHECK(options.encoding == FGMM_FISHER || options.encoding == FGMM_VLAD, FGMM_ARGUMENT,
             "encoding = %d; need Fisher (0) or VLAD (1)", (int)options.encoding);
    FG_TRY(fgmm_source_from_memory(&source, of.data, of.type, of.count, model->info.dims, 0));
    const uint64_t count = fgmm_encoding_size(model, options.encoding);
    FG_TRY(FG_ALLOC(&values, count, "an encoding"));
    if (options.encoding == FGMM_FISHER)
        FG_TRY(encode_fisher(values, device, model, source));
    else
        FG_TRY(encode_vlad(values, device, model, &of, source));
    FG_TRY(normalise(out, values, count, &options));
done:
    free(values);
    fgmm_source_close(source);
    return status;
}
