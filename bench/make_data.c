/* make_data.c - rows and a start model for a case of the benchmark, from a seed or from a data file.
 *
 * Words: rows=OUT.npy model=OUT.safetensors k=K covariance=spherical|diag|tied|full, and either
 *     made=sparse|dense n=N d=D type=f32|u8
 *         Rows drawn from a mixture with variances of 1, which is also the start: EM then does what it does in its
 *         late iterations. Means are normal about the origin; `separation` below is their typical distance in
 *         deviations of a component.
 *         sparse: components come in families of four; a family's centre is 14 from the others, its members are 5 from
 *                 each other, which is 12 nats: a row has about four relevant components, as descriptors of photographs
 *                 have after training.
 *         dense:  all components are 3 from each other, which is 4.5 nats: every row has all K.
 *         u8: the same, stretched so that four deviations of a column on either side of the mean fill 0..255, rounded.
 *     data=FILE
 *         Rows are the file's; rows=... is not written. The start is trained on every tenth row: 5 iterations of
 *         k-means and 5 of EM.
 */
#include "contender.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAMILY = 4, MODEL_SEED = 1, ROWS_SEED = 2, CHUNK_ROWS = 8192, TRAINING_STRIDE = 10, TRAINING_ITERATIONS = 5 };

typedef struct recipe {
    uint64_t n, d, k;
    int is_sparse, is_bytes;
    fgmm_covariance covariance;
} recipe;

static const double FAMILY_DISTANCE = 14, MEMBER_DISTANCE = 5, DENSE_DISTANCE = 3;

/* Deviation per column of normal points whose typical distance is `distance`: |a - b|^2 has the mean 2 d s^2. */
static double spread(double distance, uint64_t d)
{
    return distance / sqrt(2 * (double)d);
}

/* count (d)-vectors, standard normal, from the library's own generator. */
static float *normals(uint64_t seed, uint64_t count, uint64_t d)
{
    const double weight = 1, variance = 1;
    double *zero = bench_alloc((size_t)d, sizeof *zero);
    float *values = bench_alloc((size_t)(count * d), sizeof *values);
    fgmm_model *model;
    bench_check(fgmm_model_create(&model, FGMM_SPHERICAL, 1, d, &weight, zero, &variance));
    bench_check(fgmm_model_sample(model, seed, 0, count, values, NULL));
    fgmm_model_free(model);
    free(zero);
    return values;
}

static fgmm_model *mixture(const recipe *r, const double *means, double variance)
{
    fgmm_covariance_info type = fgmm_covariance_info_init();
    bench_check(fgmm_covariance_describe(r->covariance, &type));
    const uint64_t width = type.is_spherical ? 1 : type.has_matrices ? r->d * r->d : r->d;
    const uint64_t count = (type.is_shared ? 1 : r->k) * width;
    const uint64_t step = type.has_matrices ? r->d + 1 : 1; /* of a matrix the diagonal */
    double *weights = bench_alloc((size_t)r->k, sizeof *weights);
    double *covariances = bench_alloc((size_t)count, sizeof *covariances);
    fgmm_model *model;
    for (uint64_t k = 0; k < r->k; k++) weights[k] = 1 / (double)r->k;
    for (uint64_t i = 0; i < count; i++) covariances[i] = i % width % step == 0 ? variance : 0;
    bench_check(fgmm_model_create(&model, r->covariance, r->k, r->d, weights, means, covariances));
    free(covariances);
    free(weights);
    return model;
}

/* (k,d) */
static double *make_means(const recipe *r)
{
    const uint64_t families = (r->k + FAMILY - 1) / FAMILY;
    float *centres = normals(MODEL_SEED, families, r->d), *offsets = normals(MODEL_SEED + 100, r->k, r->d);
    double *means = bench_alloc((size_t)(r->k * r->d), sizeof *means);
    for (uint64_t k = 0; k < r->k; k++)
        for (uint64_t c = 0; c < r->d; c++) {
            const double offset = (double)offsets[k * r->d + c], centre = (double)centres[k / FAMILY * r->d + c];
            means[k * r->d + c] = r->is_sparse
                                      ? spread(FAMILY_DISTANCE, r->d) * centre + spread(MEMBER_DISTANCE, r->d) * offset
                                      : spread(DENSE_DISTANCE, r->d) * offset;
        }
    free(offsets);
    free(centres);
    return means;
}

/* Bytes per deviation of a component: a column's variance is 1 (within) plus that of the means. */
static double byte_scale(const recipe *r)
{
    const double family = spread(FAMILY_DISTANCE, r->d), member = spread(MEMBER_DISTANCE, r->d);
    const double dense = spread(DENSE_DISTANCE, r->d);
    const double variance = 1 + (r->is_sparse ? family * family + member * member : dense * dense);
    return 127 / (4 * sqrt(variance));
}

static void write_rows(const recipe *r, const fgmm_model *model, const char *path)
{
    const double scale = byte_scale(r);
    float *chunk = bench_alloc((size_t)(CHUNK_ROWS * r->d), sizeof *chunk);
    unsigned char *bytes = bench_alloc((size_t)(CHUNK_ROWS * r->d), 1);
    fgmm_writer *writer;
    bench_check(fgmm_writer_open(&writer, path, r->is_bytes ? "|u1" : "<f4", r->d));
    for (uint64_t i = 0; i < r->n; i += CHUNK_ROWS) {
        const uint64_t count = r->n - i < CHUNK_ROWS ? r->n - i : CHUNK_ROWS;
        bench_check(fgmm_model_sample(model, ROWS_SEED, i, count, chunk, NULL));
        for (uint64_t j = 0; r->is_bytes && j < count * r->d; j++)
            bytes[j] = (unsigned char)fmin(255, fmax(0, round(128 + scale * (double)chunk[j])));
        bench_check(fgmm_writer_append(writer, r->is_bytes ? (const void *)bytes : chunk, count));
    }
    bench_check(fgmm_writer_commit(writer));
    free(bytes);
    free(chunk);
}

static void make(const recipe *r, const char *rows_path, const char *model_path)
{
    double *means = make_means(r), variance = 1;
    fgmm_model *truth = mixture(r, means, 1), *start;
    write_rows(r, truth, rows_path);
    if (r->is_bytes) {
        const double scale = byte_scale(r);
        for (uint64_t i = 0; i < r->k * r->d; i++) means[i] = 128 + scale * means[i];
        variance = scale * scale + 1.0 / 12; /* of rounding to whole numbers */
    }
    start = mixture(r, means, variance);
    bench_check(fgmm_model_save(start, model_path));
    fgmm_model_free(start);
    fgmm_model_free(truth);
    free(means);
}

static void train(const recipe *r, const char *data, const char *model_path)
{
    fgmm_source_info info;
    fgmm_source *source;
    fgmm_device *device;
    fgmm_model *model;
    fgmm_fit_options options = fgmm_fit_options_init();
    options.components = r->k;
    options.covariance = r->covariance;
    options.kmeans_iterations = options.max_iterations = TRAINING_ITERATIONS;
    void *rows = bench_load_rows(data, r->n, &info);
    const uint64_t stride = info.rows >= TRAINING_STRIDE * r->k ? TRAINING_STRIDE : 1;
    const size_t row_bytes = (size_t)info.dims * fgmm_type_bytes(info.type);
    bench_check(
        fgmm_source_from_memory(&source, rows, info.type, info.rows / stride, info.dims, (size_t)stride * row_bytes));
    bench_check(fgmm_device_open(&device, NULL));
    bench_check(fgmm_fit(&model, device, source, &options, NULL));
    bench_check(fgmm_model_save(model, model_path));
    fgmm_model_free(model);
    fgmm_device_close(device);
    fgmm_source_close(source);
    free(rows);
}

int main(int argc, char **argv)
{
    const char *model = bench_word(argc, argv, "model", NULL), *data = bench_word(argc, argv, "data", "");
    const char *covariance = bench_word(argc, argv, "covariance", "spherical");
    recipe r = {0};
    r.k = bench_count(argc, argv, "k", NULL);
    r.n = bench_count(argc, argv, "n", "0");
    for (int i = 0; strcmp(fgmm_covariance_name((fgmm_covariance)i), "unknown") != 0; i++)
        if (strcmp(covariance, fgmm_covariance_name((fgmm_covariance)i)) == 0) r.covariance = (fgmm_covariance)i;
    if (data[0]) {
        train(&r, data, model);
        return EXIT_SUCCESS;
    }
    r.d = bench_count(argc, argv, "d", NULL);
    r.is_sparse = strcmp(bench_word(argc, argv, "made", "sparse"), "sparse") == 0;
    r.is_bytes = strcmp(bench_word(argc, argv, "type", "f32"), "u8") == 0;
    make(&r, bench_word(argc, argv, "rows", NULL), model);
    return EXIT_SUCCESS;
}
