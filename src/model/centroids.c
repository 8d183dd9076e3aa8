/* centroids.c - means alone as .npy or .fvecs: read as a model of equal spheres, written as float32. */
#include "centroids.h"

#include "file.h"
#include "flashgmm/data.h"
#include "flashgmm/output.h"
#include "model.h"
#include "size.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* Elements converted at once, in whole rows. */
enum { CHUNK_ELEMENTS = 1 << 16 };

int fg_is_centroids_name(const char *path)
{
    return fg_has_ending(path, ".npy") || fg_has_ending(path, ".fvecs");
}

/* Reads all rows of the source, whose type is F32 or F64, as doubles (rows,dims). */
static fgmm_status read_rows(double *means, fgmm_source *source, const fgmm_source_info *info)
{
    fgmm_status status = FGMM_OK;
    void *rows = NULL;
    size_t bytes;
    uint64_t count, done_rows = 0;
    const uint64_t chunk = fg_max_u64(1, CHUNK_ELEMENTS / info->dims);
    FG_TRY(fg_size_product3(&bytes, chunk, info->dims, fgmm_type_bytes(info->type), "centroids"));
    FG_TRY(fg_alloc(&rows, bytes, 1, "centroids"));
    FG_TRY(fgmm_source_rewind(source));
    do {
        FG_TRY(fgmm_source_next(source, rows, chunk, &count));
        double *to = means + done_rows * info->dims;
        for (uint64_t i = 0; i < count * info->dims; i++)
            to[i] = info->type == FGMM_F64 ? ((double *)rows)[i] : (double)((float *)rows)[i];
        done_rows += count;
    } while (count > 0);
done:
    free(rows);
    return status;
}

fgmm_status fg_centroids_read(fgmm_model **model, const char *path)
{
    fgmm_status status = FGMM_OK;
    fgmm_source *source = NULL;
    fgmm_source_info info = fgmm_source_info_init();
    double *means = NULL;
    size_t count;
    *model = NULL;
    FG_TRY(fgmm_source_open(&source, path, NULL));
    FG_TRY(fgmm_source_describe(source, &info));
    FG_CHECK(info.type == FGMM_F32 || info.type == FGMM_F64, FGMM_FORMAT,
             "%s: has elements of type %s; centroids need f32 or f64", path, fgmm_type_name(info.type));
    FG_TRY(fg_size_product(&count, info.rows, info.dims, path));
    FG_TRY(FG_ALLOC(&means, count, path));
    FG_TRY(read_rows(means, source, &info));
    status = fgmm_model_from_centroids(model, info.rows, info.dims, means);
    if (status == FGMM_ARGUMENT) status = fg_fail_prefix(FGMM_FORMAT, "%s", path);
done:
    free(means);
    fgmm_source_close(source);
    return status;
}

/* Rounding to float32 moves a value x by 2^-24 |x|: 2^-14 of a deviation up to here. */
static const double MOST_DEVIATIONS = 1024;
/* Deviations are far from the ends of float32's range, and so are rows some deviations from a mean. */
static const double LEAST_FLOAT = 0x1p-100, MOST_FLOAT = 0x1p120;

int fg_float32_holds(double largest, double deviation)
{
    return deviation == 0 ||
           (largest <= MOST_DEVIATIONS * deviation && deviation >= LEAST_FLOAT && deviation <= MOST_FLOAT);
}

/* Is column j of means with this variance about their own mean, or this one of its own, held by float32? */
static int fits_column(const fgmm_model *model, uint64_t j)
{
    const fgmm_model_info *info = &model->info;
    const int are_centroids = fg_is_centroids(model);
    double mean = 0, spread = 0, largest = 0, least = (double)INFINITY;
    for (uint64_t c = 0; c < info->components; c++) mean += model->weights[c] * model->means[c * info->dims + j];
    for (uint64_t c = 0; c < info->components; c++) {
        const double value = model->means[c * info->dims + j], t = value - mean;
        const double own = model->covariances[fg_variance_place(info->covariance, info->dims, c, j)];
        spread += model->weights[c] * t * t;
        largest = fmax(largest, fabs(value));
        least = fmin(least, own);
    }
    return fg_float32_holds(largest, sqrt(are_centroids ? spread : least));
}

int fgmm_model_fits_float32(const fgmm_model *model)
{
    for (uint64_t c = 0; c < model->info.dims && model->float32 == 0; c++)
        if (!fits_column(model, c)) return 0;
    return model->float32 >= 0;
}

/* Mean k to the file, as float32 into `row` (d) first, where that is given. */
static fgmm_status append_mean(fgmm_writer *writer, const fgmm_model *model, uint64_t c, float *row)
{
    fgmm_status status = FGMM_OK;
    const uint64_t d = model->info.dims;
    const double *mean = model->means + c * d;
    for (uint64_t j = 0; row && j < d; j++) {
        FG_CHECK(fabs(mean[j]) <= (double)FLT_MAX, FGMM_DATA, "means[%llu,%llu] = %g does not fit float32",
                 (unsigned long long)c, (unsigned long long)j, mean[j]);
        row[j] = (float)mean[j];
    }
    FG_TRY(fgmm_writer_append(writer, row ? (const void *)row : mean, 1));
done:
    return status;
}

fgmm_status fgmm_model_save_means(const fgmm_model *model, const char *path)
{
    fgmm_status status = FGMM_OK;
    fgmm_writer *writer = NULL;
    float *row = NULL;
    FG_CHECK(model && path, FGMM_ARGUMENT, "%s is NULL", model ? "path" : "model");
    FG_CHECK(fg_is_centroids_name(path), FGMM_UNSUPPORTED, "%s: means are written to names ending in .npy or .fvecs",
             path);
    const uint64_t d = model->info.dims;
    const int is_wide = !fgmm_model_fits_float32(model);
    FG_CHECK(!is_wide || !fg_has_ending(path, ".fvecs"), FGMM_DATA,
             "%s: float32, which is all that .fvecs has, does not hold these means; need a .npy, which will be float64",
             path);
    if (!is_wide) FG_TRY(FG_ALLOC(&row, d, "a row of means"));
    FG_TRY(fgmm_writer_open(&writer, path, is_wide ? "<f8" : "<f4", d));
    for (uint64_t c = 0; c < model->info.components; c++) FG_TRY(append_mean(writer, model, c, row));
    fgmm_writer *finished = writer;
    writer = NULL; /* commit frees it in either case */
    FG_TRY(fgmm_writer_commit(finished));
done:
    fgmm_writer_abandon(writer);
    free(row);
    return status;
}
