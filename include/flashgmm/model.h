/* flashgmm/model.h - a Gaussian mixture: weights, means, covariances; files; drawing rows.
 *
 * A model is immutable after creation and may be read by any number of threads. All parameters are float64.
 */
#ifndef FLASHGMM_MODEL_H
#define FLASHGMM_MODEL_H

#include "flashgmm/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fgmm_model fgmm_model;

/* Shape of the covariances array: spherical (K), diag (K,D), tied (D,D), full (K,D,D). Matrices are symmetric and
 * positive definite; both triangles are stored. */
typedef enum fgmm_covariance {
    FGMM_SPHERICAL = 0, /* sigma_k^2 I */
    FGMM_DIAG = 1,      /* diag(sigma_k1^2 ... sigma_kD^2) */
    FGMM_TIED = 2,      /* S, the same for all components */
    FGMM_FULL = 3       /* S_k */
} fgmm_covariance;

typedef struct fgmm_model_info {
    size_t size;
    uint64_t components; /* K */
    uint64_t dims;       /* D */
    fgmm_covariance covariance;
    uint64_t rows;         /* rows it was trained on; 0: unknown */
    uint64_t iterations;   /* EM iterations; 0: unknown or none */
    double log_likelihood; /* mean per row, nats, on the training rows; NaN: unknown */
    uint64_t seed;
    char library_version[16]; /* empty: unknown */
} fgmm_model_info;

static inline fgmm_model_info fgmm_model_info_init(void)
{
    fgmm_model_info info;
    memset(&info, 0, sizeof info);
    info.size = sizeof info;
    return info;
}

/* Makes a model; copies the arrays. weights (K), means (K,D), covariances: shape by type (variances, not deviations).
 * Checked: 1 <= K, D < 2^31; everything finite; weights >= 0 with a sum within 1e-6 of 1 (kept as given); every
 * variance > 0; matrices symmetric (to 1e-6 of the two deviations) and positive definite: the upper triangle counts.
 * Errors: ARGUMENT names the array, the index and the value. */
FGMM_API fgmm_status fgmm_model_create(fgmm_model **model, fgmm_covariance covariance, uint64_t components,
                                       uint64_t dims, const double *weights, const double *means,
                                       const double *covariances);

/* Centroids as a model: weights 1/K, spherical variance 1. Its most probable component is the nearest centroid. */
FGMM_API fgmm_status fgmm_model_from_centroids(fgmm_model **model, uint64_t components, uint64_t dims,
                                               const double *centroids);

FGMM_API void fgmm_model_free(fgmm_model *model);

FGMM_API fgmm_status fgmm_model_describe(const fgmm_model *model, fgmm_model_info *info);

/* Borrowed until the model is freed. */
FGMM_API const double *fgmm_model_weights(const fgmm_model *model);     /* (K) */
FGMM_API const double *fgmm_model_means(const fgmm_model *model);       /* (K,D) */
FGMM_API const double *fgmm_model_covariances(const fgmm_model *model); /* shape by type */

/* Number of free parameters, as AIC and BIC count them: K-1 + K D + (spherical: K, diag: K D, tied: D(D+1)/2,
 * full: K D(D+1)/2). */
FGMM_API uint64_t fgmm_model_free_parameters(const fgmm_model *model);

/* Reads a safetensors model (docs/formats.md): tensors weights, means, covariances (f32 or f64) suffice; an .npz with
 * scikit-learn's weights_, means_ and covariances_ (numpy.savez; covariance_type is read too); or centroids (.npy,
 * .fvecs), read as fgmm_model_from_centroids. Everything is checked before anything is used. Errors: IO, FORMAT (the
 * text says which file, which tensor and what is wrong). */
FGMM_API fgmm_status fgmm_model_load(fgmm_model **model, const char *path);

/* Writes beside `path`, flushes, then renames: an existing file stays whole when anything fails. A safetensors file;
 * with a name ending in .npz, what fgmm_model_export writes. Errors: UNSUPPORTED (.npy, .fvecs: those are centroids),
 * IO. */
FGMM_API fgmm_status fgmm_model_save(const fgmm_model *model, const char *path);

/* 1 where float32 holds the means, and rows drawn from the model: rounding moves them by 2^-14 of the model's deviation
 * at most (of centroids: of their spread about their mean), in every column, and none is beyond float32. Always 1 of
 * what was trained on rows that are not float64. */
FGMM_API int fgmm_model_fits_float32(const fgmm_model *model);

/* Writes the means as (K,D) centroids, .npy or .fvecs by the ending of path; as fgmm_model_save. A .npy is float32, or
 * float64 where float32 does not hold them (fgmm_model_fits_float32); .fvecs is refused then (DATA). */
FGMM_API fgmm_status fgmm_model_save_means(const fgmm_model *model, const char *path);

/* For other programs: .npz with scikit-learn's names (weights_, means_, covariances_: float64; covariance_type), or the
 * means alone as fgmm_model_save_means, or .safetensors, by the ending of path. Errors: UNSUPPORTED (another ending),
 * IO.
 */
FGMM_API fgmm_status fgmm_model_export(const fgmm_model *model, const char *path);

/* Draws n rows. data: (n,D) float32, written; components: (n) the component of each row, or NULL.
 * The same seed gives the same rows; row i does not depend on n: first_row lets large draws be made in pieces. */
FGMM_API fgmm_status fgmm_model_sample(const fgmm_model *model, uint64_t seed, uint64_t first_row, uint64_t n,
                                       float *data, int32_t *components);

/* The same rows in float64. */
FGMM_API fgmm_status fgmm_model_sample_f64(const fgmm_model *model, uint64_t seed, uint64_t first_row, uint64_t n,
                                           double *data, int32_t *components);

/* "spherical", "diag", "tied", "full". */
FGMM_API const char *fgmm_covariance_name(fgmm_covariance covariance);

#ifdef __cplusplus
}
#endif
#endif
