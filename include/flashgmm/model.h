/* flashgmm/model.h - a Gaussian mixture: weights, means, covariances; its files; drawing rows.
 *
 * A model is immutable after creation and may be read by any number of threads. All parameters are float64. Free every
 * model with fgmm_model_free.
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

/* Makes a model from arrays, which are copied: weights (K), means (K,D), and covariances, whose shape depends on the
 * type (variances, not deviations). These are checked: 1 <= K, D < 2^31; all numbers finite; weights >= 0 with a sum
 * within 1e-6 of 1 (they are kept as given); every variance > 0; matrices symmetric (to 1e-6 of the two deviations)
 * and positive definite, of which the upper triangle counts. Errors: ARGUMENT (the array, the index and the value),
 * MEMORY. */
FGMM_API fgmm_status fgmm_model_create(fgmm_model **model, fgmm_covariance covariance, uint64_t components,
                                       uint64_t dims, const double *weights, const double *means,
                                       const double *covariances);

/* Makes a model from centroids (K,D), copied: weights 1/K and the spherical variance 1. Its most probable component is
 * the nearest centroid. Errors: as fgmm_model_create. */
FGMM_API fgmm_status fgmm_model_from_centroids(fgmm_model **model, uint64_t components, uint64_t dims,
                                               const double *centroids);

/* NULL is accepted. */
FGMM_API void fgmm_model_free(fgmm_model *model);

/* Fills *info, which comes from fgmm_model_info_init. Errors: ARGUMENT. */
FGMM_API fgmm_status fgmm_model_describe(const fgmm_model *model, fgmm_model_info *info);

/* Borrowed until the model is freed. */
FGMM_API const double *fgmm_model_weights(const fgmm_model *model);     /* (K) */
FGMM_API const double *fgmm_model_means(const fgmm_model *model);       /* (K,D) */
FGMM_API const double *fgmm_model_covariances(const fgmm_model *model); /* shape by type */

/* The number of free parameters as AIC and BIC count them: K-1 + K D + (spherical: K, diag: K D, tied: D(D+1)/2,
 * full: K D(D+1)/2). */
FGMM_API uint64_t fgmm_model_free_parameters(const fgmm_model *model);

/* Reads a model file (docs/formats.md): safetensors with the tensors weights, means and covariances (f32 or f64); an
 * .npz with scikit-learn's weights_, means_ and covariances_ (numpy.savez; covariance_type is read too); or centroids
 * (.npy, .fvecs), as fgmm_model_from_centroids makes them. Everything is checked before anything is used. Errors: IO,
 * FORMAT (which file, which tensor, what is wrong), UNSUPPORTED, MEMORY. */
FGMM_API fgmm_status fgmm_model_load(fgmm_model **model, const char *path);

/* Writes a safetensors file, or for a name that ends in .npz what fgmm_model_export writes. The file is written beside
 * `path`, flushed, and renamed: an existing file stays whole if anything fails. Errors: UNSUPPORTED (.npy and .fvecs,
 * which hold centroids), IO. */
FGMM_API fgmm_status fgmm_model_save(const fgmm_model *model, const char *path);

/* 1 if float32 holds the means, and rows drawn from the model: rounding moves them by at most 2^-14 of the model's
 * deviation in every column (for centroids: of their deviation about their mean), and none is beyond float32's range.
 * Always 1 for models that were trained on rows other than float64. */
FGMM_API int fgmm_model_fits_float32(const fgmm_model *model);

/* Writes the means (K,D) as centroids, .npy or .fvecs by the ending of path, in the manner of fgmm_model_save. A .npy
 * is float32, or float64 if float32 does not hold the means (fgmm_model_fits_float32). Errors: UNSUPPORTED (another
 * ending), DATA (.fvecs, and float32 does not hold the means), IO. */
FGMM_API fgmm_status fgmm_model_save_means(const fgmm_model *model, const char *path);

/* Writes a model for other programs, by the ending of path: .npz with scikit-learn's names (weights_, means_ and
 * covariances_ as float64; covariance_type), the means alone as fgmm_model_save_means does, or .safetensors. Errors:
 * UNSUPPORTED (another ending), DATA, IO. */
FGMM_API fgmm_status fgmm_model_export(const fgmm_model *model, const char *path);

/* Draws n rows into data (n,D), float32. components (n) receives the component of each row; may be NULL. The same seed
 * gives the same rows, and row i does not depend on n: with first_row a large draw can be made in pieces. Errors:
 * ARGUMENT, DATA (float32 cannot hold a row), MEMORY. */
FGMM_API fgmm_status fgmm_model_sample(const fgmm_model *model, uint64_t seed, uint64_t first_row, uint64_t n,
                                       float *data, int32_t *components);

/* Draws the same rows in float64. Errors: as fgmm_model_sample. */
FGMM_API fgmm_status fgmm_model_sample_f64(const fgmm_model *model, uint64_t seed, uint64_t first_row, uint64_t n,
                                           double *data, int32_t *components);

/* "spherical", "diag", "tied", "full". */
FGMM_API const char *fgmm_covariance_name(fgmm_covariance covariance);

/* What the covariances array of a type holds, for code that is to work with all of them. */
typedef struct fgmm_covariance_info {
    size_t size;
    int is_shared;    /* one covariance for all components; else one for each, in their order */
    int is_spherical; /* a covariance is one variance for all dimensions; else one variance for each, or a matrix */
    int has_matrices; /* a covariance is a matrix (D,D) */
} fgmm_covariance_info;

static inline fgmm_covariance_info fgmm_covariance_info_init(void)
{
    fgmm_covariance_info info;
    memset(&info, 0, sizeof info);
    info.size = sizeof info;
    return info;
}

/* Errors: ARGUMENT where there is no such type. */
FGMM_API fgmm_status fgmm_covariance_describe(fgmm_covariance covariance, fgmm_covariance_info *info);

#ifdef __cplusplus
}
#endif
#endif
