/* test_model_file.c - model, checkpoint and centroid files: bit-exact round trips, foreign files, hostile files. */
#include "support.h"

#include "file.h"
#include "model.h"
#include "sklearn_values.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct bytes {
    unsigned char *data;
    size_t count;
} bytes;

static bytes read_file(const char *path)
{
    bytes all;
    ck_ok(fg_file_read_all(&all.data, &all.count, path, 1 << 20));
    return all;
}

static void write_file(const char *path, const void *prefix, const char *header, const void *payload, size_t count)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    fwrite(prefix, 1, 8, file);
    fwrite(header, 1, strlen(header), file);
    fwrite(payload, 1, count, file);
    ck_assert_int_eq(fclose(file), 0);
}

/* A safetensors file of this header and payload. */
static const char *make_file(const char *header, const void *payload, size_t count)
{
    const char *path = temporary_path("made.safetensors");
    unsigned char prefix[8] = {0};
    for (int i = 0; i < 8; i++) prefix[i] = (unsigned char)((uint64_t)strlen(header) >> 8 * i);
    write_file(path, prefix, header, payload, count);
    return path;
}

static void check_equal(const fgmm_model *a, const fgmm_model *b)
{
    const fg_parameters p = fg_model_parameters(a), q = fg_model_parameters(b);
    ck_covariance_eq(p.covariance, q.covariance);
    ck_assert_uint_eq(p.k, q.k);
    ck_assert_uint_eq(p.d, q.d);
    ck_assert_mem_eq(p.weights, q.weights, p.k * sizeof(double));
    ck_assert_mem_eq(p.means, q.means, p.k * p.d * sizeof(double));
    ck_assert_mem_eq(p.covariances, q.covariances, fg_covariance_count(p.covariance, p.k, p.d) * sizeof(double));
}

static fgmm_model *make_model(fgmm_covariance covariance)
{
    fgmm_model *model;
    const fg_parameters parameters = {covariance, SK_K,     SK_D,
                                      sk_weights, sk_means, covariance == FGMM_DIAG ? sk_diag : sk_spherical};
    fgmm_model_info info = fgmm_model_info_init();
    info.rows = UINT64_MAX - 1;
    info.iterations = 12;
    info.log_likelihood = -0.1;
    info.seed = UINT64_MAX;
    ck_ok(fg_model_create(&model, &parameters, &info));
    return model;
}

START_TEST(test_model_file__round_trip_is_bit_exact)
{
    const fgmm_covariance kinds[] = {FGMM_SPHERICAL, FGMM_DIAG};
    for (int i = 0; i < 2; i++) {
        fgmm_model *model = make_model(kinds[i]), *read;
        const char *first = temporary_path("a.safetensors"), *second = temporary_path("b.safetensors");
        fgmm_model_info info = fgmm_model_info_init();
        ck_ok(fgmm_model_save(model, first));
        ck_ok(fgmm_model_load(&read, first));
        check_equal(model, read);
        ck_ok(fgmm_model_describe(read, &info));
        ck_assert_uint_eq(info.rows, UINT64_MAX - 1);
        ck_assert_uint_eq(info.iterations, 12);
        ck_assert_double_eq(info.log_likelihood, -0.1);
        ck_assert_uint_eq(info.seed, UINT64_MAX);
        ck_assert_str_eq(info.library_version, fgmm_version());
        ck_ok(fgmm_model_save(read, second));
        bytes a = read_file(first), b = read_file(second);
        ck_assert_uint_eq(a.count, b.count);
        ck_assert_mem_eq(a.data, b.data, a.count);
        ck_assert_uint_eq(a.data[0] % 8, 0); /* the tensors are aligned */
        free(a.data);
        free(b.data);
        fgmm_model_free(read);
        fgmm_model_free(model);
    }
}
END_TEST

/* Unknown values stay unknown, and a decimal comma in the application's locale changes nothing. */
START_TEST(test_model_file__unknown_metadata_and_locales)
{
    fgmm_model *plain, *known = make_model(FGMM_DIAG), *read;
    const char *path = temporary_path("a.safetensors");
    fgmm_model_info info = fgmm_model_info_init();
    const double one = 1;
    ck_ok(fgmm_model_create(&plain, FGMM_DIAG, 1, 1, &one, &one, &one));
    ck_ok(fgmm_model_save(plain, path));
    ck_ok(fgmm_model_load(&read, path));
    ck_ok(fgmm_model_describe(read, &info));
    ck_assert(isnan(info.log_likelihood));
    fgmm_model_free(read);
    setlocale(LC_ALL, "de_DE.UTF-8"); /* where it is not installed this test says less */
    ck_ok(fgmm_model_save(known, path));
    ck_ok(fgmm_model_load(&read, path));
    setlocale(LC_ALL, "C");
    ck_ok(fgmm_model_describe(read, &info));
    ck_assert_double_eq(info.log_likelihood, -0.1);
    fgmm_model_free(read);
    fgmm_model_free(known);
    fgmm_model_free(plain);
}
END_TEST

START_TEST(test_model_file__checkpoint_round_trip_is_bit_exact)
{
    double history[] = {-3.1, -2.7, -1e-17};
    const fg_checkpoint written = {.phase = FG_CHECKPOINT_EM,
                                   .kmeans_iterations = 10,
                                   .iterations = 3,
                                   .reseeded = 2,
                                   .batch_rows = UINT64_MAX,
                                   .is_dense = 1,
                                   .inertia = 0.1 + 0.2,
                                   .history = history,
                                   .history_count = 3,
                                   .tile = "TILE_N=4 \"quoted\" \\"};
    fgmm_model *model = make_model(FGMM_DIAG), *read;
    fg_checkpoint got;
    const char *path = temporary_path("c.safetensors");
    ck_ok(fg_model_file_write(model, &written, path));
    ck_ok(fg_model_file_read(&read, &got, path));
    check_equal(model, read);
    ck_assert_int_eq(got.phase, written.phase);
    ck_assert_uint_eq(got.kmeans_iterations, written.kmeans_iterations);
    ck_assert_uint_eq(got.iterations, written.iterations);
    ck_assert_uint_eq(got.reseeded, written.reseeded);
    ck_assert_uint_eq(got.batch_rows, written.batch_rows);
    ck_assert_uint_eq(got.is_dense, written.is_dense);
    ck_assert_double_eq(got.inertia, written.inertia);
    ck_assert_uint_eq(got.history_count, 3);
    ck_assert_mem_eq(got.history, history, sizeof history);
    ck_assert_str_eq(got.tile, written.tile);
    fg_checkpoint_clear(&got);
    fgmm_model_free(read);
    ck_ok(fgmm_model_load(&read, path)); /* every command reads a checkpoint as a model */
    fgmm_model_free(read);
    ck_ok(fgmm_model_save(model, path));
    ck_fails(fg_model_file_read(&read, &got, path), FGMM_FORMAT, "is a model, not a checkpoint");
    ck_assert_ptr_null(read);
    ck_assert_ptr_null(got.history);
    fgmm_model_free(model);
}
END_TEST

START_TEST(test_model_file__checkpoint_values_are_checked)
{
    static const struct {
        const char *from, *to, *part;
    } cases[] = {
        {"\"checkpoint.phase\":\"em\"", "\"checkpoint.phase\":\"me\"", "need kmeans or em"},
        {"\"checkpoint.is_dense\":\"1\"", "\"checkpoint.is_dense\":\"2\"", "is_dense = 2"},
        {"\"checkpoint.iterations\":\"3\"", "\"checkpoint.iterations\":\"x\"", "checkpoint.iterations \"x\""},
        {"\"checkpoint.batch_rows\":\"8\"", "\"checkpoint.batch_rows\":\"0\"", "batch_rows = 0"},
        {"\"checkpoint.repaired\":\"0\"", "\"checkpoint.rxpaired\":\"0\"", "has no checkpoint.repaired"},
        {"\"checkpoint.history\"", "\"checkpoint.hastory\"", "has no tensor \"checkpoint.history\""},
        {"\"checkpoint.tile\"", "\"checkpoint.tale\"", "checkpoint.tile"},
        {"\"checkpoint.inertia\":\"1\"", "\"checkpoint.inertia\":\"a\"", "checkpoint.inertia \"a\""},
    };
    double history[] = {-1};
    const fg_checkpoint written = {.phase = FG_CHECKPOINT_EM,
                                   .iterations = 3,
                                   .batch_rows = 8,
                                   .is_dense = 1,
                                   .inertia = 1,
                                   .history = history,
                                   .history_count = 1};
    fgmm_model *model = make_model(FGMM_DIAG), *read;
    fg_checkpoint got;
    const char *path = temporary_path("c.safetensors"), *changed = temporary_path("d.safetensors");
    ck_ok(fg_model_file_write(model, &written, path));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bytes all = read_file(path);
        const size_t length = strlen(cases[i].to);
        unsigned char *at = NULL;
        for (size_t j = 0; !at && j + length < all.count; j++)
            if (memcmp(all.data + j, cases[i].from, strlen(cases[i].from)) == 0) at = all.data + j;
        ck_assert_msg(at != NULL, "%s", cases[i].from);
        memset(at, ' ', strlen(cases[i].from));
        memcpy(at, cases[i].to, length);
        FILE *file = fopen(changed, "wb");
        fwrite(all.data, 1, all.count, file);
        fclose(file);
        ck_fails(fg_model_file_read(&read, &got, changed), FGMM_FORMAT, cases[i].part);
        free(all.data);
    }
    history[0] = (double)NAN;
    ck_ok(fg_model_file_write(model, &written, changed));
    ck_fails(fg_model_file_read(&read, &got, changed), FGMM_FORMAT, "checkpoint.history[0] = nan");
    fgmm_model_free(model);
}
END_TEST

START_TEST(test_model_file__best_run_has_the_shape_of_the_model)
{
    double history[] = {-1}, objectives[] = {-1};
    const double weights[] = {1}, means[] = {0, 0, 0}, variances[] = {1, 1, 1};
    fgmm_model *model = make_model(FGMM_DIAG), *other, *read;
    fg_checkpoint got;
    ck_ok(fgmm_model_create(&other, FGMM_DIAG, 1, 3, weights, means, variances));
    const fg_checkpoint written = {.phase = FG_CHECKPOINT_EM,
                                   .batch_rows = 8,
                                   .history = history,
                                   .history_count = 1,
                                   .runs = {.count = 1, .objectives = objectives, .best = other}};
    const char *path = temporary_path("runs.safetensors");
    ck_ok(fg_model_file_write(model, &written, path));
    ck_fails(fg_model_file_read(&read, &got, path), FGMM_FORMAT, "checkpoint.best_means has K = 1, D = 3");
    ck_assert_ptr_null(read);
    fgmm_model_free(other);
    fgmm_model_free(model);
}
END_TEST

/* Five megabytes of JSON that would become half a gigabyte of cJSON's values. */
START_TEST(test_model_file__a_header_of_many_values_is_refused)
{
    enum { COUNT = 5 << 20 };
    char *text = malloc(COUNT);
    ck_assert_ptr_nonnull(text);
    for (int i = 0; i < COUNT; i++) text[i] = i % 2 ? ',' : '0';
    const uint64_t length = COUNT - 8;
    memcpy(text, &length, 8);
    memcpy(text + 8, "{\"a\":[", 6);
    memcpy(text + COUNT - 3, "0]}", 3);
    FILE *file = fopen(temporary_path("many.safetensors"), "wb");
    fwrite(text, 1, COUNT, file);
    fclose(file);
    fgmm_model *model;
    ck_fails(fgmm_model_load(&model, temporary_path("many.safetensors")), FGMM_FORMAT,
             "values; a file of 5242880 bytes");
    free(text);
}
END_TEST

/* K = 2, D = 3: 2 weights, 6 means, 6 variances as doubles; the header's parts. */
#define WEIGHTS  "\"weights\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16]}"
#define MEANS    "\"means\":{\"dtype\":\"F64\",\"shape\":[2,3],\"data_offsets\":[16,64]}"
#define VARIANCE "\"covariances\":{\"dtype\":\"F64\",\"shape\":[2,3],\"data_offsets\":[64,112]}"
#define ALL      WEIGHTS "," MEANS "," VARIANCE
static const double payload[] = {0.5, 0.5, 1, 2, 3, 4, 5, 6, 1, 1, 1, 2, 2, 2};

START_TEST(test_model_file__three_tensors_suffice)
{
    fgmm_model *model;
    ck_ok(fgmm_model_load(&model, make_file("{" ALL "}", payload, sizeof payload)));
    ck_covariance_eq(fg_model_parameters(model).covariance, FGMM_DIAG);
    ck_assert_mem_eq(fgmm_model_means(model), payload + 2, 6 * sizeof(double));
    fgmm_model_free(model);
    /* Extra tensors of any type, extra metadata and trailing spaces are ignored. */
    ck_ok(fgmm_model_load(&model,
                          make_file("{\"__metadata__\":{\"format\":\"pt\"}," ALL
                                    ",\"x\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,4],\"data_offsets\":[112,116]},"
                                    "\"y\":{\"dtype\":\"F99\",\"shape\":[],\"data_offsets\":[116,120]}}   ",
                                    (double[15]){0.5, 0.5, 1, 2, 3, 4, 5, 6, 1, 1, 1, 2, 2, 2}, 15 * sizeof(double))));
    fgmm_model_free(model);
    const float narrow[] = {0.25f, 0.75f, 1, 2, 3, 4, 5, 6, 7, 8};
    ck_ok(
        fgmm_model_load(&model, make_file("{\"weights\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                                          "\"means\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[8,32]},"
                                          "\"covariances\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[32,40]}}",
                                          narrow, sizeof narrow)));
    ck_covariance_eq(fg_model_parameters(model).covariance, FGMM_SPHERICAL);
    ck_assert_double_eq(fgmm_model_weights(model)[1], 0.75);
    ck_assert_double_eq(fgmm_model_means(model)[5], 6);
    ck_assert_double_eq(fgmm_model_covariances(model)[1], 8);
    fgmm_model_free(model);
}
END_TEST

/* K = D = 2: (2,2) covariances need the metadata. */
#define SQUARE                                                                                                         \
    "\"weights\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16]},"                                           \
    "\"means\":{\"dtype\":\"F64\",\"shape\":[2,2],\"data_offsets\":[16,48]},"                                          \
    "\"covariances\":{\"dtype\":\"F64\",\"shape\":[2,2],\"data_offsets\":[48,80]}"
#define COVARIANCES(shape, end)                                                                                        \
    "{" WEIGHTS "," MEANS ",\"covariances\":{\"dtype\":\"F64\",\"shape\":" shape ",\"data_offsets\":[64," end "]}}"

START_TEST(test_model_file__covariance_type)
{
    fgmm_model *model;
    const double square[] = {0.5, 0.5, 1, 2, 3, 4, 2, 1, 1, 4};
    double many[8 + 18] = {0.5, 0.5};
    for (int i = 0; i < 3; i++) many[8 + 4 * i] = many[8 + 9 + 4 * i] = 1; /* two unit matrices */
    ck_ok(fgmm_model_load(
        &model, make_file("{\"__metadata__\":{\"covariance_type\":\"diag\"}," SQUARE "}", square, sizeof square)));
    ck_covariance_eq(fg_model_parameters(model).covariance, FGMM_DIAG);
    fgmm_model_free(model);
    ck_ok(fgmm_model_load(
        &model, make_file("{\"__metadata__\":{\"covariance_type\":\"tied\"}," SQUARE "}", square, sizeof square)));
    ck_covariance_eq(fg_model_parameters(model).covariance, FGMM_TIED);
    fgmm_model_free(model);
    ck_fails(fgmm_model_load(&model, make_file("{" SQUARE "}", square, sizeof square)), FGMM_FORMAT, "diag or tied");
    ck_fails(fgmm_model_load(&model, make_file("{\"__metadata__\":{\"covariance_type\":\"spherical\"}," SQUARE "}",
                                               square, sizeof square)),
             FGMM_FORMAT, "covariance_type spherical");
    ck_fails(fgmm_model_load(&model, make_file("{\"__metadata__\":{\"covariance_type\":\"round\"}," SQUARE "}", square,
                                               sizeof square)),
             FGMM_FORMAT, "covariance_type \"round\"");
    ck_ok(fgmm_model_load(&model, make_file(COVARIANCES("[3,3]", "136"), many, 136)));
    ck_covariance_eq(fg_model_parameters(model).covariance, FGMM_TIED);
    fgmm_model_free(model);
    ck_ok(fgmm_model_load(&model, make_file(COVARIANCES("[2,3,3]", "208"), many, 208)));
    ck_covariance_eq(fg_model_parameters(model).covariance, FGMM_FULL);
    fgmm_model_free(model);
    many[8 + 9 + 1] = 0.5;
    ck_fails(fgmm_model_load(&model, make_file(COVARIANCES("[2,3,3]", "208"), many, 208)), FGMM_FORMAT,
             "covariances[1] is not symmetric: element (0,1) = 0.5, element (1,0) = 0");
    many[8 + 9 + 1] = many[8 + 9 + 3] = 2;
    ck_fails(fgmm_model_load(&model, make_file(COVARIANCES("[2,3,3]", "208"), many, 208)), FGMM_FORMAT,
             "covariances[1] is not positive definite");
    many[8] = 0;
    ck_fails(fgmm_model_load(&model, make_file(COVARIANCES("[2,3,3]", "208"), many, 208)), FGMM_FORMAT,
             "covariances[0]: element (0,0) = 0");
    ck_fails(fgmm_model_load(&model, make_file(COVARIANCES("[3]", "88"), many, 88)), FGMM_FORMAT, "does not fit");
    /* One component in one dimension: diag and tied are the same. */
    const double single[] = {1, 2, 3};
    ck_ok(fgmm_model_load(&model,
                          make_file("{\"weights\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]},"
                                    "\"means\":{\"dtype\":\"F64\",\"shape\":[1,1],\"data_offsets\":[8,16]},"
                                    "\"covariances\":{\"dtype\":\"F64\",\"shape\":[1,1],\"data_offsets\":[16,24]}}",
                                    single, sizeof single)));
    fgmm_model_free(model);
}
END_TEST

#define CHANGED_MEANS(text) "{" WEIGHTS ",\"means\":" text "," VARIANCE "}"
#define WITH_METADATA(text) "{\"__metadata__\":" text "," ALL "}"

START_TEST(test_model_file__hostile_headers_are_refused)
{
    static const struct {
        const char *header, *part;
    } cases[] = {
        {"", "not a JSON object"},
        {"{", "not a JSON object"},
        {"[1,2]", "not a JSON object"},
        {"nonsense", "not a JSON object"},
        {"{" ALL "} x", "goes on after"},
        {"{" ALL "}{}", "goes on after"},
        {"{" ALL "," WEIGHTS "}", "the key \"weights\" twice"},
        {"{\"weights\":3}", "is not an object"},
        {"{" WEIGHTS "," MEANS "}", "tensors end at byte 64 of 112"},
        {"{" ALL ",\"x\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[112,113]}}", "need begin <= end <= 112"},
        {CHANGED_MEANS("{\"dtype\":\"F64\",\"shape\":[2,3]}"), "no two data_offsets"},
        {CHANGED_MEANS("{\"dtype\":\"F64\",\"shape\":[2,3],\"data_offsets\":[16]}"), "no two data_offsets"},
        {CHANGED_MEANS("{\"dtype\":\"F64\",\"shape\":[2,3],\"data_offsets\":[16,64,64]}"), "no two data_offsets"},
        {CHANGED_MEANS("{\"dtype\":\"F64\",\"shape\":[2,3],\"data_offsets\":[64,16]}"), "data_offsets 64, 16"},
        {CHANGED_MEANS("{\"dtype\":\"F64\",\"shape\":[2,3],\"data_offsets\":[-8,40]}"), "-8 is not a whole number"},
        {CHANGED_MEANS("{\"dtype\":\"F64\",\"shape\":[2,3],\"data_offsets\":[16.5,64]}"), "16.5 is not a whole"},
        {CHANGED_MEANS("{\"dtype\":\"F64\",\"shape\":[2,3],\"data_offsets\":[16,1e999]}"), "inf is not a whole"},
        {CHANGED_MEANS("{\"dtype\":\"F64\",\"shape\":[2,3],\"data_offsets\":[\"16\",64]}"), "must be numbers"},
        {CHANGED_MEANS("{\"dtype\":\"F64\",\"shape\":[2,3],\"data_offsets\":[8,56]}"), "no overlap"},
        {CHANGED_MEANS("{\"dtype\":\"F64\",\"shape\":[2,2],\"data_offsets\":[24,56]}"), "begins at byte 24"},
        {CHANGED_MEANS("{\"dtype\":\"F64\",\"shape\":[2,4],\"data_offsets\":[16,64]}"), "do not make 48 bytes"},
        {CHANGED_MEANS("{\"dtype\":\"F64\",\"shape\":[4294967296,4294967296],\"data_offsets\":[16,64]}"),
         "do not make 48 bytes"},
        {CHANGED_MEANS("{\"dtype\":\"F64\",\"shape\":[2,-3],\"data_offsets\":[16,64]}"), "-3 is not a whole number"},
        {CHANGED_MEANS("{\"dtype\":\"F64\",\"shape\":6,\"data_offsets\":[16,64]}"), "has no shape"},
        {CHANGED_MEANS("{\"dtype\":\"I64\",\"shape\":[2,3],\"data_offsets\":[16,64]}"), "type I64; need F64 or F32"},
        {CHANGED_MEANS("{\"dtype\":\"F65\",\"shape\":[2,3],\"data_offsets\":[16,64]}"), "type F65; need F64 or F32"},
        {CHANGED_MEANS("{\"dtype\":64,\"shape\":[2,3],\"data_offsets\":[16,64]}"), "has no dtype"},
        {CHANGED_MEANS("{\"dtype\":\"F64\",\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[16,64]}"),
         "\"dtype\" twice"},
        {CHANGED_MEANS("{\"dtype\":\"F64\",\"shape\":[6],\"data_offsets\":[16,64]}"), "has 1 dimensions; need 2"},
        {CHANGED_MEANS("{\"dtype\":\"F64\",\"shape\":[3,2],\"data_offsets\":[16,64]}"), "weights has K = 2"},
        {"{" WEIGHTS ",\"m\":{\"dtype\":\"F64\",\"shape\":[6],\"data_offsets\":[16,64]}," VARIANCE "}",
         "no tensor \"means\""},
        {WITH_METADATA("3"), "__metadata__ is not an object"},
        {WITH_METADATA("{\"rows\":3}"), "\"rows\" is not a string"},
        {WITH_METADATA("{\"rows\":\"1\",\"rows\":\"2\"}"), "\"rows\" twice"},
        {WITH_METADATA("{\"rows\":\"-1\"}"), "rows \"-1\""},
        {WITH_METADATA("{\"rows\":\"18446744073709551616\"}"), "rows \"18446744073709551616\""},
        {WITH_METADATA("{\"seed\":\"\"}"), "seed \"\""},
        {WITH_METADATA("{\"iterations\":\"1.0\"}"), "iterations \"1.0\""},
        {WITH_METADATA("{\"log_likelihood\":\"1x\"}"), "log_likelihood \"1x\""},
        {WITH_METADATA("{\"log_likelihood\":\"1e999\"}"), "log_likelihood"},
        {WITH_METADATA("{\"log_likelihood\":\"[[[[\"}"), "log_likelihood"},
        {WITH_METADATA("{\"format_version\":\"2\"}"), "format_version \"2\"; need 1"},
    };
    fgmm_model *model;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *path = make_file(cases[i].header, payload, sizeof payload);
        ck_fails(fgmm_model_load(&model, path), FGMM_FORMAT, cases[i].part);
        ck_assert_msg(strstr(fgmm_last_error(), path) == fgmm_last_error(), "%s", fgmm_last_error());
        ck_assert_ptr_null(strstr(fgmm_last_error() + strlen(path), path)); /* named once */
        ck_assert_ptr_null(model);
    }
}
END_TEST

START_TEST(test_model_file__hostile_values_are_refused)
{
    static const struct {
        size_t at;
        double value;
        const char *part;
    } cases[] = {
        {1, 0.6, "weights: their sum is 1.1"}, {0, -0.5, "weights[0] = -0.5"},
        {8, 0, "covariances[0,0] = 0"},        {13, -2, "covariances[1,2] = -2"},
        {7, (double)NAN, "means[1,2] = nan"},  {9, (double)INFINITY, "covariances[0,1] = inf"},
    };
    fgmm_model *model;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double changed[14];
        memcpy(changed, payload, sizeof changed);
        changed[cases[i].at] = cases[i].value;
        ck_fails(fgmm_model_load(&model, make_file("{" ALL "}", changed, sizeof changed)), FGMM_FORMAT, cases[i].part);
    }
    ck_fails(
        fgmm_model_load(&model, make_file("{\"weights\":{\"dtype\":\"F64\",\"shape\":[0],\"data_offsets\":[0,0]},"
                                          "\"means\":{\"dtype\":\"F64\",\"shape\":[0,3],\"data_offsets\":[0,0]},"
                                          "\"covariances\":{\"dtype\":\"F64\",\"shape\":[0],\"data_offsets\":[0,0]}}",
                                          payload, 0)),
        FGMM_FORMAT, "components = 0");
}
END_TEST

START_TEST(test_model_file__hostile_containers_are_refused)
{
    fgmm_model *model;
    const char *path = temporary_path("x.safetensors");
    const unsigned char huge[8] = {255, 255, 255, 255, 255, 255, 255, 255}, seven[8] = {7};
    ck_fails(fgmm_model_load(&model, temporary_path("absent.safetensors")), FGMM_IO, "absent.safetensors");
    ck_fails(fgmm_model_load(&model, "/"), FGMM_IO, "not a regular file");
    ck_fails(fgmm_model_load(&model, NULL), FGMM_ARGUMENT, "path");
    write_file(path, huge, "{}", payload, 0);
    ck_fails(fgmm_model_load(&model, path), FGMM_FORMAT,
             "not a safetensors file (nor named as another model: .npz, .npy, .fvecs): header length "
             "18446744073709551615; need at most 2");
    write_file(path, seven, "{}", payload, 0);
    ck_fails(fgmm_model_load(&model, path), FGMM_FORMAT, "header length 7");
    FILE *file = fopen(path, "wb");
    fwrite("abc", 1, 3, file);
    fclose(file);
    ck_fails(fgmm_model_load(&model, path), FGMM_FORMAT, "has 3 bytes");
    enum { DEPTH = 200000 };
    char *nested = malloc(DEPTH + 1);
    memset(nested, '[', DEPTH);
    nested[DEPTH] = 0;
    ck_fails(fgmm_model_load(&model, make_file(nested, payload, 0)), FGMM_FORMAT, "not a JSON object");
    free(nested);
    ck_fails(fgmm_model_load(&model, make_file("{}", payload, 0)), FGMM_FORMAT, "no tensor \"weights\"");
}
END_TEST

START_TEST(test_model_file__centroids_round_trip)
{
    static const char *const names[] = {"c.npy", "c.fvecs"};
    const double centroids[] = {1, 2, 3, 4.5, -5, 6};
    for (size_t i = 0; i < 2; i++) {
        const char *path = temporary_path(names[i]);
        fgmm_model *model, *read;
        ck_ok(fgmm_model_from_centroids(&model, 3, 2, centroids));
        ck_ok(fgmm_model_save_means(model, path));
        ck_ok(fgmm_model_load(&read, path));
        check_equal(model, read);
        fgmm_model_free(read);
        fgmm_model_free(model);
    }
}
END_TEST

START_TEST(test_model_file__bad_centroids_are_refused)
{
    fgmm_model *model;
    const double far = 1e39, one = 1;
    const float bad[] = {1, (float)NAN};
    const int32_t dims = 2;
    const char *path = temporary_path("bad.fvecs");
    FILE *file = fopen(path, "wb");
    fwrite(&dims, sizeof dims, 1, file);
    fwrite(bad, sizeof bad, 1, file);
    fclose(file);
    ck_fails(fgmm_model_load(&model, path), FGMM_FORMAT, "means[0,1] = nan");
    ck_assert_ptr_null(model);
    ck_ok(fgmm_model_from_centroids(&model, 1, 1, &far));
    ck_fails(fgmm_model_save_means(model, path), FGMM_DATA, "means[0,0] = 1e+39");
    ck_fails(fgmm_model_save_means(model, temporary_path("x.txt")), FGMM_UNSUPPORTED, "x.txt");
    fgmm_model_free(model);
    ck_ok(fgmm_model_from_centroids(&model, 1, 1, &one));
    ck_fails(fgmm_model_save_means(model, "/nonexistent/x.npy"), FGMM_IO, "/nonexistent/x.npy");
    ck_fails(fgmm_model_save(model, "/nonexistent/x"), FGMM_IO, "/nonexistent/x");
    ck_fails(fgmm_model_save(model, NULL), FGMM_ARGUMENT, "path");
    fgmm_model_free(model);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_model_file__round_trip_is_bit_exact,
        test_model_file__unknown_metadata_and_locales,
        test_model_file__checkpoint_round_trip_is_bit_exact,
        test_model_file__checkpoint_values_are_checked,
        test_model_file__best_run_has_the_shape_of_the_model,
        test_model_file__a_header_of_many_values_is_refused,
        test_model_file__three_tensors_suffice,
        test_model_file__covariance_type,
        test_model_file__hostile_headers_are_refused,
        test_model_file__hostile_values_are_refused,
        test_model_file__hostile_containers_are_refused,
        test_model_file__centroids_round_trip,
        test_model_file__bad_centroids_are_refused,
    };
    Suite *s = suite_create("model_file");
    ADD_CASE(s, "model_file", NULL, NULL, 60, tests);
    return s;
}
