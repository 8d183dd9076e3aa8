/* npz_model.c - behind npz_model.h; the archive is npz.c. */
#include "npz_model.h"

#include "centroids.h"
#include "file.h"
#include "model.h"
#include "npz.h"

#include <stdlib.h>

typedef unsigned long long ull;

/* The three arrays of a file, and whether they make a mixture. */
typedef struct three_arrays {
    fg_npz_array weights, means, covariances;
    char covariance_type[16];                                /* "": not said, the shape tells */
    double *weight_values, *mean_values, *covariance_values; /* owned */
} three_arrays;

static fgmm_status make_model(fgmm_model **model, const three_arrays *a)
{
    fgmm_status status = FGMM_OK;
    fgmm_covariance covariance;
    FG_CHECK(a->weights.rank == 1 && a->means.rank == 2 && a->weights.shape[0] == a->means.shape[0], FGMM_FORMAT,
             "weights_ has %llu dimensions, first %llu, means_ %llu, first %llu; need (K) and (K,D)",
             (ull)a->weights.rank, (ull)a->weights.shape[0], (ull)a->means.rank, (ull)a->means.shape[0]);
    const uint64_t k = a->means.shape[0], d = a->means.shape[1], *c = a->covariances.shape;
    const fg_covariance_array array = {"array covariances_",
                                       "as a string beside it",
                                       a->covariance_type[0] ? a->covariance_type : NULL,
                                       {a->covariances.rank, {c[0], c[1], c[2]}}};
    FG_TRY(fg_covariance_of_array(&covariance, &array, k, d));
    const fg_parameters parameters = {covariance, k, d, a->weight_values, a->mean_values, a->covariance_values};
    status = fg_model_create(model, &parameters, NULL);
    if (status == FGMM_ARGUMENT) status = FGMM_FORMAT; /* the values are the file's */
done:
    return status;
}

fgmm_status fg_npz_model_read(fgmm_model **model, const char *path)
{
    fgmm_status status = FGMM_OK;
    fg_npz *npz = NULL;
    fg_input *input;
    three_arrays a = {.weight_values = NULL};
    *model = NULL;
    FG_TRY(fg_input_open(&input, path));
    FG_TRY(fg_npz_open(&npz, input));
    FG_TRY(fg_npz_read(&a.weights, &a.weight_values, npz, "weights_"));
    FG_TRY(fg_npz_read(&a.means, &a.mean_values, npz, "means_"));
    FG_TRY(fg_npz_read(&a.covariances, &a.covariance_values, npz, "covariances_"));
    FG_TRY(fg_npz_read_text(a.covariance_type, sizeof a.covariance_type, npz, "covariance_type"));
    status = make_model(model, &a);
    if (status != FGMM_OK) fg_fail_prefix(status, "%s", path);
done:
    free(a.covariance_values);
    free(a.mean_values);
    free(a.weight_values);
    fg_npz_close(npz);
    return status;
}

fgmm_status fg_npz_model_write(const fgmm_model *model, const char *path)
{
    const uint64_t k = model->info.components, d = model->info.dims;
    const fg_array_shape shape = fg_covariance_shape(model->info.covariance, k, d);
    const fg_npz_array arrays[] = {
        {"weights_", 1, {k}, model->weights, NULL},
        {"means_", 2, {k, d}, model->means, NULL},
        {"covariances_", shape.rank, {shape.shape[0], shape.shape[1], shape.shape[2]}, model->covariances, NULL},
        {"covariance_type", 0, {0}, NULL, fgmm_covariance_name(model->info.covariance)},
    };
    return fg_npz_write(path, arrays, sizeof arrays / sizeof arrays[0]);
}

fgmm_status fgmm_model_export(const fgmm_model *model, const char *path)
{
    if (!model || !path) return fg_fail(FGMM_ARGUMENT, "%s is NULL", model ? "path" : "model");
    if (fg_has_ending(path, ".npz")) return fg_npz_model_write(model, path);
    if (fg_is_centroids_name(path)) return fgmm_model_save_means(model, path);
    if (fg_has_ending(path, ".safetensors")) return fgmm_model_save(model, path);
    return fg_fail(FGMM_UNSUPPORTED, "%s: the name's ending tells no format; need .npz, .npy, .fvecs or .safetensors",
                   path);
}
