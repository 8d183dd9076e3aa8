/* model.c - a mixture's parameters in memory: checking, copying, describing. Files are model_file.c and centroids.c,
 * drawing rows is sample.c. */
#include "model.h"

#include "cholesky.h"
#include "size.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for rounding in float32 files whose weights were normalised by somebody else. */
static const double WEIGHT_SUM_TOLERANCE = 1e-6;
/* The same for matrices that somebody else has rounded: difference of S_ij and S_ji over the product of deviations. */
static const double SYMMETRY_TOLERANCE = 1e-6;

typedef unsigned long long ull;

static fgmm_status check_shape(const fg_parameters *p)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_covariance_check((int)p->covariance));
    FG_CHECK(p->k >= 1 && p->k <= INT32_MAX, FGMM_ARGUMENT, "components = %llu; need 1..2147483647", (ull)p->k);
    FG_CHECK(p->d >= 1 && p->d <= INT32_MAX, FGMM_ARGUMENT, "dims = %llu; need 1..2147483647", (ull)p->d);
    FG_CHECK(p->weights, FGMM_ARGUMENT, "weights is NULL; need an array (K)");
    FG_CHECK(p->means, FGMM_ARGUMENT, "means is NULL; need an array (K,D)");
    FG_CHECK(p->covariances, FGMM_ARGUMENT, "covariances is NULL; need an array");
done:
    return status;
}

static fgmm_status check_variances(const fg_parameters *p)
{
    fgmm_status status = FGMM_OK;
    const uint64_t width = fg_covariance_width(p->covariance, p->d);
    for (uint64_t i = 0; i < fg_covariance_blocks(p->covariance, p->k) * width; i++)
        FG_CHECK(isfinite(p->covariances[i]) && p->covariances[i] > 0, FGMM_ARGUMENT,
                 "covariances[%llu,%llu] = %g; need a finite number > 0", (ull)(i / width), (ull)(i % width),
                 p->covariances[i]);
done:
    return status;
}

/* Matrix number m; factor (d,d) is scratch. */
static fgmm_status check_matrix(double *factor, const fg_parameters *p, uint64_t m)
{
    fgmm_status status = FGMM_OK;
    const uint64_t d = p->d;
    const double *s = p->covariances + m * d * d;
    char name[40] = "covariances";
    if (!fg_covariance_types[p->covariance].is_shared) snprintf(name, sizeof name, "covariances[%llu]", (ull)m);
    for (uint64_t i = 0; i < d; i++)
        FG_CHECK(isfinite(s[i * d + i]) && s[i * d + i] > 0, FGMM_ARGUMENT,
                 "%s: element (%llu,%llu) = %g; need a finite number > 0", name, (ull)i, (ull)i, s[i * d + i]);
    for (uint64_t i = 0; i < d; i++)
        for (uint64_t j = i + 1; j < d; j++) {
            const double tolerance = SYMMETRY_TOLERANCE * sqrt(s[i * d + i]) * sqrt(s[j * d + j]);
            FG_CHECK(fabs(s[i * d + j] - s[j * d + i]) <= tolerance, FGMM_ARGUMENT,
                     "%s is not symmetric: element (%llu,%llu) = %g, element (%llu,%llu) = %g", name, (ull)i, (ull)j,
                     s[i * d + j], (ull)j, (ull)i, s[j * d + i]);
        }
    memcpy(factor, s, (size_t)(d * d) * sizeof *factor);
    const uint64_t bad = fg_cholesky(factor, d);
    FG_CHECK(bad == d, FGMM_ARGUMENT, "%s is not positive definite: row %llu depends on the rows before it", name,
             (ull)bad);
done:
    return status;
}

static fgmm_status check_matrices(const fg_parameters *p)
{
    fgmm_status status = FGMM_OK;
    double *factor = NULL;
    size_t count;
    FG_TRY(fg_size_product(&count, p->d, p->d, "a covariance matrix"));
    FG_TRY(FG_ALLOC(&factor, count, "a covariance matrix"));
    for (uint64_t m = 0; m < fg_covariance_matrices(p->covariance, p->k); m++) FG_TRY(check_matrix(factor, p, m));
done:
    free(factor);
    return status;
}

/* What fgmm_model_create promises to check. */
static fgmm_status check_parameters(const fg_parameters *p)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(check_shape(p));
    double sum = 0;
    for (uint64_t c = 0; c < p->k; c++) {
        FG_CHECK(isfinite(p->weights[c]) && p->weights[c] >= 0, FGMM_ARGUMENT,
                 "weights[%llu] = %g; need a finite number >= 0", (ull)c, p->weights[c]);
        sum += p->weights[c];
    }
    FG_CHECK(fabs(sum - 1) <= WEIGHT_SUM_TOLERANCE, FGMM_ARGUMENT, "weights: their sum is %.9g; need 1 within %g", sum,
             WEIGHT_SUM_TOLERANCE);
    for (uint64_t i = 0; i < p->k * p->d; i++)
        FG_CHECK(isfinite(p->means[i]), FGMM_ARGUMENT, "means[%llu,%llu] = %g; need a finite number", (ull)(i / p->d),
                 (ull)(i % p->d), p->means[i]);
    FG_TRY(fg_covariance_matrices(p->covariance, p->k) ? check_matrices(p) : check_variances(p));
done:
    return status;
}

fgmm_status fg_model_create(fgmm_model **out, const fg_parameters *p, const fgmm_model_info *info)
{
    fgmm_status status = FGMM_OK;
    fgmm_model *model = NULL;
    if (!out) return fg_fail(FGMM_ARGUMENT, "model is NULL; need a place for the handle");
    *out = NULL;
    FG_TRY(check_parameters(p));
    size_t means, covariances = (size_t)fg_covariance_count(p->covariance, p->k, p->d);
    FG_TRY(fg_size_product(&means, p->k, p->d, "means"));
    FG_TRY(FG_ALLOC(&model, 1, "model"));
    FG_TRY(FG_ALLOC(&model->weights, p->k, "weights"));
    FG_TRY(FG_ALLOC(&model->means, means, "means"));
    FG_TRY(FG_ALLOC(&model->covariances, covariances, "covariances"));
    memcpy(model->weights, p->weights, (size_t)p->k * sizeof(double));
    memcpy(model->means, p->means, means * sizeof(double));
    memcpy(model->covariances, p->covariances, covariances * sizeof(double));
    model->info = info ? *info : (fgmm_model_info){.log_likelihood = (double)NAN};
    model->info.size = sizeof model->info;
    model->info.components = p->k;
    model->info.dims = p->d;
    model->info.covariance = p->covariance;
    *out = model;
    model = NULL;
done:
    fgmm_model_free(model);
    return status;
}

fgmm_status fgmm_model_create(fgmm_model **model, fgmm_covariance covariance, uint64_t components, uint64_t dims,
                              const double *weights, const double *means, const double *covariances)
{
    const fg_parameters parameters = {covariance, components, dims, weights, means, covariances};
    return fg_model_create(model, &parameters, NULL);
}

fgmm_status fgmm_model_from_centroids(fgmm_model **model, uint64_t components, uint64_t dims, const double *centroids)
{
    fgmm_status status = FGMM_OK;
    double *weights = NULL, *variances = NULL;
    if (!model) return fg_fail(FGMM_ARGUMENT, "model is NULL; need a place for the handle");
    *model = NULL;
    FG_CHECK(components >= 1 && components <= INT32_MAX, FGMM_ARGUMENT, "components = %llu; need 1..2147483647",
             (ull)components);
    FG_TRY(FG_ALLOC(&weights, components, "weights"));
    FG_TRY(FG_ALLOC(&variances, components, "covariances"));
    for (uint64_t c = 0; c < components; c++) {
        weights[c] = 1.0 / (double)components;
        variances[c] = 1;
    }
    FG_TRY(fgmm_model_create(model, FGMM_SPHERICAL, components, dims, weights, centroids, variances));
done:
    free(variances);
    free(weights);
    return status;
}

void fgmm_model_free(fgmm_model *model)
{
    if (!model) return;
    free(model->covariances);
    free(model->means);
    free(model->weights);
    free(model);
}

fgmm_status fgmm_model_describe(const fgmm_model *model, fgmm_model_info *info)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(model && info, FGMM_ARGUMENT, "%s is NULL", model ? "info" : "model");
    const size_t size = info->size;
    FG_CHECK(size > sizeof size, FGMM_ARGUMENT, "fgmm_model_info.size = %zu; set it up with fgmm_model_info_init()",
             size);
    memcpy(info, &model->info, size < sizeof *info ? size : sizeof *info);
    info->size = size;
done:
    return status;
}

const double *fgmm_model_weights(const fgmm_model *model)
{
    return model->weights;
}

const double *fgmm_model_means(const fgmm_model *model)
{
    return model->means;
}

const double *fgmm_model_covariances(const fgmm_model *model)
{
    return model->covariances;
}

int fg_is_centroids(const fgmm_model *model)
{
    const fgmm_model_info *info = &model->info;
    if (!fg_covariance_types[info->covariance].is_spherical) return 0;
    for (uint64_t c = 1; c < info->components; c++) {
        const size_t place = fg_covariance_place(info->covariance, info->dims, c);
        if (model->weights[c] != model->weights[0] || model->covariances[place] != model->covariances[0]) return 0;
    }
    return 1;
}

uint64_t fgmm_model_free_parameters(const fgmm_model *model)
{
    const uint64_t k = model->info.components, d = model->info.dims;
    const uint64_t matrices = fg_covariance_matrices(model->info.covariance, k);
    return k - 1 + k * d +
           (matrices ? matrices * (d * (d + 1) / 2) : fg_covariance_count(model->info.covariance, k, d));
}

fg_parameters fg_model_parameters(const fgmm_model *model)
{
    return (fg_parameters){model->info.covariance, model->info.components, model->info.dims,
                           model->weights,         model->means,           model->covariances};
}
