/* test_scale.c - results that do not depend on the unit of the data: rows times a power of two give the same labels,
 * and numbers that are the same power of two apart. */
#include "covariances.h"
#include "mixtures.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static fgmm_device *device;

static void setup(void)
{
    device = open_test_device();
}

static void teardown(void)
{
    fgmm_device_close(device);
}

/* ---- nearest centroids ---- */

enum { N = 2000, D = 5, K = 40, GRID = 1024 };

/* Squares of differences of float32 numbers, each off by half a unit of rows and means that were shifted. */
static const double NEAREST_TOLERANCE = 1e-5;

static double squared_distance(const float *x, const double *m, uint64_t d)
{
    double sum = 0;
    for (uint64_t j = 0; j < d; j++) sum += ((double)x[j] - m[j]) * ((double)x[j] - m[j]);
    return sum;
}

static void check_nearest(const int32_t *labels, const float *x, uint64_t n, const double *means, uint64_t k,
                          uint64_t d)
{
    for (uint64_t i = 0; i < n; i++) {
        double least = (double)INFINITY;
        for (uint64_t c = 0; c < k; c++) least = fmin(least, squared_distance(x + i * d, means + c * d, d));
        const double found = squared_distance(x + i * d, means + (uint64_t)labels[i] * d, d);
        ck_assert_msg(found <= least * (1 + NEAREST_TOLERANCE), "row %d, label %d: %g instead of %g", (int)i,
                      (int)labels[i], found, least);
    }
}

/* Means of a mixture, and rows drawn from it, times 2^exponent. */
static void predict_scaled(int32_t *labels, int exponent)
{
    fgmm_model *mixture = make_mixture(K, D, 3), *centroids;
    double means[K * D];
    float *rows = draw_rows(N, D, K, 3);
    for (int i = 0; i < K * D; i++) means[i] = ldexp(fgmm_model_means(mixture)[i], exponent);
    for (int i = 0; i < N * D; i++) rows[i] = ldexpf(rows[i], exponent);
    ck_ok(fgmm_model_from_centroids(&centroids, K, D, means));
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
    ck_ok(fgmm_predict(device, centroids, source, labels));
    check_nearest(labels, rows, N, means, K, D);
    fgmm_source_close(source);
    fgmm_model_free(centroids);
    fgmm_model_free(mixture);
    free(rows);
}

START_TEST(test_scale__labels_of_centroids_are_the_same_in_any_unit)
{
    static int32_t expected[N], labels[N];
    predict_scaled(expected, 0);
    for (int exponent = -30; exponent <= 30; exponent += 15) {
        predict_scaled(labels, exponent);
        ck_assert_mem_eq(labels, expected, sizeof labels);
    }
}
END_TEST

/* Centroids 1/1024 apart: products of numbers near 1 cannot tell them apart. */
START_TEST(test_scale__many_centroids_in_little_memory)
{
    static double means[GRID];
    static float rows[N];
    static int32_t labels[N];
    fgmm_model *centroids;
    for (int c = 0; c < GRID; c++) means[c] = (c + 0.5) / GRID;
    for (int i = 0; i < N; i++) rows[i] = (float)(i + 0.25) / N;
    ck_ok(fgmm_model_from_centroids(&centroids, GRID, 1, means));
    fgmm_source *source = memory_source(rows, FGMM_F32, N, 1);
    ck_ok(fgmm_predict(device, centroids, source, labels));
    check_nearest(labels, rows, N, means, GRID, 1);
    fgmm_source_close(source);
    fgmm_model_free(centroids);
}
END_TEST

/* The first assignment of k-means, which knows nothing of its clusters yet. */
START_TEST(test_scale__k_means_assigns_in_little_memory)
{
    static double means[GRID];
    static float rows[N];
    fgmm_kmeans_options options = fgmm_kmeans_options_init();
    fgmm_fit_report report = fgmm_fit_report_init();
    fgmm_model *start, *centroids;
    double exact = 0;
    for (int c = 0; c < GRID; c++) means[c] = (c + 0.5) / GRID;
    for (int i = 0; i < N; i++) rows[i] = (float)(i + 0.25) / N;
    for (int i = 0; i < N; i++) {
        double least = (double)INFINITY;
        for (int c = 0; c < GRID; c++) least = fmin(least, squared_distance(rows + i, means + c, 1));
        exact += least;
    }
    ck_ok(fgmm_model_from_centroids(&start, GRID, 1, means));
    options.init = FGMM_INIT_MODEL;
    options.start = start;
    options.max_iterations = 1;
    fgmm_source *source = memory_source(rows, FGMM_F32, N, 1);
    ck_ok(fgmm_kmeans(&centroids, device, source, &options, &report));
    ck_assert_double_le(fabs(report.inertia - exact), NEAREST_TOLERANCE * exact);
    fgmm_source_close(source);
    fgmm_model_free(start);
    fgmm_model_free(centroids);
    fgmm_fit_report_clear(&report);
}
END_TEST

/* Labels beside densities, which are those of spheres of variance 1. */
static int record(void *user, const fgmm_evaluation *batch)
{
    memcpy((int32_t *)user + batch->first_row, batch->labels, batch->rows * sizeof(int32_t));
    for (uint64_t i = 0; i < batch->rows; i++)
        ck_assert_double_le(fabs(batch->log_likelihood[i] + 0.5 * log(2 * 3.14159265358979)), 1e-6);
    return 0;
}

START_TEST(test_scale__labels_beside_densities)
{
    static const double means[] = {-2e-9, 1e-9, 3e-9};
    static float rows[N];
    static int32_t labels[N];
    fgmm_model *centroids;
    fgmm_evaluate_options options = fgmm_evaluate_options_init();
    fgmm_evaluate_report report = fgmm_evaluate_report_init();
    for (int i = 0; i < N; i++) rows[i] = 1e-9f * (float)(i % 7 - 3);
    options.want_labels = 1;
    options.sink = record;
    options.sink_user = labels;
    options.batch_rows = 300;
    ck_ok(fgmm_model_from_centroids(&centroids, 3, 1, means));
    fgmm_source *source = memory_source(rows, FGMM_F32, N, 1);
    ck_ok(fgmm_evaluate(device, centroids, source, &options, &report));
    check_nearest(labels, rows, N, means, 3, 1);
    ck_assert_double_le(fabs(report.mean_log_likelihood + 0.5 * log(2 * 3.14159265358979)), 1e-6);
    fgmm_source_close(source);
    fgmm_model_free(centroids);
}
END_TEST

/* ---- everything, times 2^n ---- */

enum { ROWS = 600, QUERIES = 100, DIMS = 4, CLUSTERS = 5, TOP = 3, LISTS = 8, GROUP = 20, MOST_EXPONENT = 60 };

/* What is said of rows; all but log-likelihoods must be the same bits after 2^n has been divided out. */
typedef struct found {
    double log_likelihood[4], means[4][CLUSTERS * DIMS], covariances[4][CLUSTERS * DIMS * DIMS], scores[4][QUERIES];
    int32_t labels[4][QUERIES], ids[4][QUERIES * TOP];
    float responsibilities[4][QUERIES * TOP];
    double centroids[2][CLUSTERS * DIMS], inertia, mini_batch[CLUSTERS * DIMS], density[QUERIES];
    int32_t nearest[QUERIES];
    float fisher[2 * CLUSTERS * DIMS], vlad[CLUSTERS * DIMS];
    double drawn[GROUP * DIMS];
    int64_t neighbours[QUERIES * TOP];
    double distances[QUERIES * TOP];
} found;

/* The rows of a test, of a mixture whose mean is ten deviations from the origin. */
typedef struct rows_of_test {
    fgmm_type type;
    double scale;
    int exponent;
    void *rows, *queries, *more;
    fgmm_source *source, *asked, *added, *weights;
} rows_of_test;

static void *scaled(const float *values, uint64_t n, fgmm_type type, double scale)
{
    void *out = malloc(n * DIMS * fgmm_type_bytes(type));
    for (uint64_t i = 0; i < n * DIMS; i++)
        if (type == FGMM_F64)
            ((double *)out)[i] = scale * ((double)values[i] + 60);
        else
            ((float *)out)[i] = (float)(scale * (double)(values[i] + 60));
    return out;
}

static void open_rows(rows_of_test *r, fgmm_type type, int exponent)
{
    static float weights[ROWS];
    float *values = draw_rows(ROWS + QUERIES, DIMS, CLUSTERS, 11);
    *r = (rows_of_test){.type = type, .scale = ldexp(1, exponent), .exponent = exponent};
    r->rows = scaled(values, ROWS, type, r->scale);
    r->queries = scaled(values + ROWS * DIMS, QUERIES, type, r->scale);
    r->more = scaled(values + GROUP * DIMS, GROUP, type, r->scale);
    r->source = memory_source(r->rows, type, ROWS, DIMS);
    r->asked = memory_source(r->queries, type, QUERIES, DIMS);
    r->added = memory_source(r->more, type, GROUP, DIMS);
    for (int i = 0; i < ROWS; i++) weights[i] = 1e-30f * (float)(1 + i % 3);
    r->weights = memory_source(weights, FGMM_F32, ROWS, 1);
    free(values);
}

static void close_rows(rows_of_test *r)
{
    fgmm_source_close(r->source);
    fgmm_source_close(r->asked);
    fgmm_source_close(r->added);
    fgmm_source_close(r->weights);
    free(r->rows);
    free(r->queries);
    free(r->more);
}

/* Nats that log-densities lose where data are 2^n times as large. */
static double lost_nats(const rows_of_test *r)
{
    return DIMS * r->exponent * log(2);
}

typedef struct evaluated {
    found *f;
    int type;
    double nats;
} evaluated;

static int record_results(void *user, const fgmm_evaluation *b)
{
    const evaluated *e = user;
    found *f = e->f;
    for (uint64_t i = 0; i < b->rows; i++) f->scores[e->type][b->first_row + i] = b->log_likelihood[i] + e->nats;
    memcpy(f->labels[e->type] + b->first_row, b->labels, b->rows * sizeof(int32_t));
    memcpy(f->ids[e->type] + b->first_row * TOP, b->ids, b->rows * TOP * sizeof(int32_t));
    memcpy(f->responsibilities[e->type] + b->first_row * TOP, b->responsibilities, b->rows * TOP * sizeof(float));
    return 0;
}

static void train(found *f, const rows_of_test *r, fgmm_covariance covariance)
{
    fgmm_fit_options options = fgmm_fit_options_init();
    fgmm_fit_report report = fgmm_fit_report_init();
    fgmm_evaluate_options wanted = fgmm_evaluate_options_init();
    fgmm_model *model;
    options.components = CLUSTERS;
    options.covariance = covariance;
    options.reg_covar = 1e-6 * r->scale * r->scale;
    options.max_iterations = 8;
    options.tolerance = 0;
    if (covariance == FGMM_DIAG) options.weights = r->weights;
    ck_ok(fgmm_fit(&model, device, r->source, &options, &report));
    f->log_likelihood[covariance] = report.log_likelihood + lost_nats(r);
    for (int i = 0; i < CLUSTERS * DIMS; i++) f->means[covariance][i] = fgmm_model_means(model)[i] / r->scale;
    static const size_t counts[] = {CLUSTERS, CLUSTERS * DIMS, DIMS * DIMS, CLUSTERS * DIMS * DIMS};
    for (size_t i = 0; i < counts[covariance]; i++)
        f->covariances[covariance][i] = fgmm_model_covariances(model)[i] / r->scale / r->scale;
    wanted.want_labels = 1;
    wanted.top = TOP;
    evaluated e = {f, (int)covariance, lost_nats(r)};
    wanted.sink = record_results;
    wanted.sink_user = &e;
    ck_ok(fgmm_evaluate(device, model, r->asked, &wanted, NULL));
    if (covariance == FGMM_DIAG) {
        const fgmm_rows queries = fgmm_rows_init(r->queries, r->type, QUERIES);
        ck_ok(fgmm_encode(f->fisher, device, model, &queries, NULL));
        ck_ok(fgmm_model_sample_f64(model, 1, 0, GROUP, f->drawn, NULL));
        for (int i = 0; i < GROUP * DIMS; i++) f->drawn[i] /= r->scale;
    }
    fgmm_model_free(model);
    fgmm_fit_report_clear(&report);
}

static void train_mini_batches(found *f, const rows_of_test *r)
{
    fgmm_fit_options options = fgmm_fit_options_init();
    fgmm_model *model;
    options.components = CLUSTERS;
    options.mini_batch = 1;
    options.batch_rows = 200;
    options.max_iterations = 2;
    options.reg_covar = 0;
    ck_ok(fgmm_fit(&model, device, r->source, &options, NULL));
    for (int i = 0; i < CLUSTERS * DIMS; i++) f->mini_batch[i] = fgmm_model_means(model)[i] / r->scale;
    fgmm_model_free(model);
}

static void cluster(found *f, const rows_of_test *r)
{
    fgmm_kmeans_options options = fgmm_kmeans_options_init();
    fgmm_encode_options vlad = fgmm_encode_options_init();
    fgmm_model *centroids;
    const fgmm_rows queries = fgmm_rows_init(r->queries, r->type, QUERIES);
    vlad.encoding = FGMM_VLAD;
    options.components = CLUSTERS;
    for (int i = 0; i < 2; i++) {
        fgmm_fit_report report = fgmm_fit_report_init();
        options.init = i ? FGMM_INIT_KMEANS_PARALLEL : FGMM_INIT_KMEANSPP;
        ck_ok(fgmm_kmeans(&centroids, device, r->source, &options, &report));
        for (int j = 0; j < CLUSTERS * DIMS; j++) f->centroids[i][j] = fgmm_model_means(centroids)[j] / r->scale;
        f->inertia = report.inertia / r->scale / r->scale;
        if (i) ck_ok(fgmm_predict(device, centroids, r->asked, f->nearest));
        if (i) ck_ok(fgmm_encode(f->vlad, device, centroids, &queries, &vlad));
        fgmm_model_free(centroids);
        fgmm_fit_report_clear(&report);
    }
    ck_ok(fgmm_kde(f->density, device, r->source, r->asked, 0.7 * r->scale, NULL));
    for (int i = 0; i < QUERIES; i++) f->density[i] += lost_nats(r);
}

static void search(found *f, const rows_of_test *r)
{
    const char *path = temporary_path("scale.ivf");
    fgmm_kmeans_options lists = fgmm_kmeans_options_init();
    fgmm_index_options options = fgmm_index_options_init();
    fgmm_search_options wanted = fgmm_search_options_init();
    fgmm_model *centroids;
    fgmm_index *index;
    fgmm_searcher *searcher;
    float distances[QUERIES * TOP];
    lists.components = LISTS;
    ck_ok(fgmm_kmeans(&centroids, device, r->source, &lists, NULL));
    options.quantizer = centroids;
    options.for_top = TOP;
    ck_ok(fgmm_index_build(device, r->source, path, &options, NULL));
    ck_ok(fgmm_index_add(device, path, r->added, NULL));
    ck_ok(fgmm_index_open(&index, path));
    ck_ok(fgmm_searcher_open(&searcher, index, device, NULL));
    wanted.top = TOP;
    const fgmm_rows queries = fgmm_rows_init(r->queries, r->type, QUERIES);
    ck_ok(fgmm_searcher_search(searcher, &queries, &wanted, f->neighbours, distances, NULL));
    for (int i = 0; i < QUERIES * TOP; i++) f->distances[i] = (double)distances[i] / r->scale / r->scale;
    fgmm_searcher_close(searcher);
    fgmm_index_close(index);
    fgmm_model_free(centroids);
}

static void find_all(found *f, fgmm_type type, int exponent)
{
    rows_of_test r;
    memset(f, 0, sizeof *f);
    open_rows(&r, type, exponent);
    for (int covariance = 0; covariance < COVARIANCES; covariance++) train(f, &r, (fgmm_covariance)covariance);
    train_mini_batches(f, &r);
    cluster(f, &r);
    search(f, &r);
    close_rows(&r);
}

/* Sums in double of a number near D n log 2, and that taken off again. */
static void check_nats(const double *got, const double *expected, int count, const char *what, int exponent)
{
    for (int i = 0; i < count; i++)
        ck_assert_msg(fabs(got[i] - expected[i]) <= 1e-12, "%s, 2^%d: %.17g instead of %.17g", what, exponent, got[i],
                      expected[i]);
}

#define CHECK_SAME(member)                                                                                             \
    ck_assert_msg(memcmp(f->member, expected->member, sizeof f->member) == 0, "%s, 2^%d, type %d", #member, exponent,  \
                  (int)type)

static void check_exponent(found *f, const found *expected, fgmm_type type, int exponent)
{
    find_all(f, type, exponent);
    check_nats(f->log_likelihood, expected->log_likelihood, 4, "log-likelihood", exponent);
    check_nats(f->scores[0], expected->scores[0], 4 * QUERIES, "score", exponent);
    check_nats(f->density, expected->density, QUERIES, "kde", exponent);
    CHECK_SAME(means);
    CHECK_SAME(covariances);
    CHECK_SAME(labels);
    CHECK_SAME(ids);
    CHECK_SAME(responsibilities);
    CHECK_SAME(centroids);
    CHECK_SAME(mini_batch);
    CHECK_SAME(nearest);
    CHECK_SAME(drawn);
    CHECK_SAME(neighbours);
    CHECK_SAME(distances);
    ck_assert_double_eq(f->inertia, expected->inertia);
    for (int i = 0; i < CLUSTERS * DIMS; i++) /* square roots of odd powers of two are rounded */
        ck_assert(fabsf(f->vlad[i] - expected->vlad[i]) <= 1e-6f && fabsf(f->fisher[i] - expected->fisher[i]) <= 1e-6f);
}

START_TEST(test_scale__a_power_of_two_changes_nothing)
{
    static const int few[] = {-MOST_EXPONENT, -20, 20, MOST_EXPONENT};
    const fgmm_type type = _i ? FGMM_F64 : FGMM_F32;
    found *expected = malloc(sizeof *expected), *f = malloc(sizeof *f);
    find_all(expected, type, 0);
    if (getenv("FG_TEST_ALL"))
        for (int n = -MOST_EXPONENT; n <= MOST_EXPONENT; n++) check_exponent(f, expected, type, n);
    else
        for (size_t i = 0; i < sizeof few / sizeof few[0]; i++) check_exponent(f, expected, type, few[i]);
    free(expected);
    free(f);
}
END_TEST

/* ---- float64 rows far from the origin ---- */

enum { STAMPS = 900 };

/* Three groups of seconds since 1970, a minute apart, of a deviation of a second or so. */
static void make_stamps(double *stamps)
{
    for (int i = 0; i < STAMPS; i++) stamps[i] = 1.7e9 + 60 * (i % 3) + 0.01 * ((i * 7919) % 301 - 150);
}

START_TEST(test_scale__float64_centroids_stay_float64)
{
    static double stamps[STAMPS];
    fgmm_kmeans_options options = fgmm_kmeans_options_init();
    fgmm_source_info info = fgmm_source_info_init();
    fgmm_model *centroids, *again;
    fgmm_source *file;
    int32_t labels[STAMPS];
    const char *path = temporary_path("stamps.npy");
    make_stamps(stamps);
    fgmm_source *source = memory_source(stamps, FGMM_F64, STAMPS, 1);
    options.components = 3;
    ck_ok(fgmm_kmeans(&centroids, device, source, &options, NULL));
    ck_assert_int_eq(fgmm_model_fits_float32(centroids), 0);
    ck_ok(fgmm_model_save_means(centroids, path));
    ck_ok(fgmm_source_open(&file, path, NULL));
    ck_ok(fgmm_source_describe(file, &info));
    ck_assert_int_eq(info.type, FGMM_F64);
    ck_ok(fgmm_model_load(&again, path));
    ck_ok(fgmm_predict(device, again, source, labels));
    for (int i = 0; i < STAMPS; i++)
        ck_assert_double_le(fabs(fgmm_model_means(again)[labels[i]] - 1.7e9 - 60 * (i % 3)), 1);
    ck_fails(fgmm_model_save_means(centroids, temporary_path("stamps.fvecs")), FGMM_DATA, "need a .npy");
    options.needs_float32 = 1;
    fgmm_model *none;
    ck_fails(fgmm_kmeans(&none, device, source, &options, NULL), FGMM_DATA, "column 0 has a deviation of 48.99");
    fgmm_source_close(file);
    fgmm_source_close(source);
    fgmm_model_free(again);
    fgmm_model_free(centroids);
}
END_TEST

/* The unit of bytes is 1, whatever reg_covar and the model are. */
START_TEST(test_scale__variances_beyond_what_a_type_of_rows_can_have_are_refused)
{
    enum { ROWS_OF_BYTES = 100 };
    uint8_t rows[ROWS_OF_BYTES];
    const double weight = 1, mean = 100, variance = 1e40;
    fgmm_fit_options options = fgmm_fit_options_init();
    fgmm_model *model;
    double score;
    for (int i = 0; i < ROWS_OF_BYTES; i++) rows[i] = (uint8_t)(2 * i);
    fgmm_source *source = memory_source(rows, FGMM_U8, ROWS_OF_BYTES, 1);
    options.components = 2;
    options.reg_covar = 1e40;
    ck_fails(fgmm_fit(&model, device, source, &options, NULL), FGMM_ARGUMENT, "need at most 1e+32 for u8 rows");
    ck_ok(fgmm_model_create(&model, FGMM_SPHERICAL, 1, 1, &weight, &mean, &variance));
    ck_fails(fgmm_score(device, model, source, &score, NULL), FGMM_DATA,
             "covariances[0,0] = 1e+40; need 1e-30 to 1e+32");
    fgmm_model_free(model);
    fgmm_source_close(source);
}
END_TEST

/* Not at the end of a training, when they are to be written. */
START_TEST(test_scale__centroids_below_float32_are_refused_before_training)
{
    static double rows[STAMPS];
    fgmm_kmeans_options options = fgmm_kmeans_options_init();
    fgmm_model *none;
    for (int i = 0; i < STAMPS; i++) rows[i] = 1e-40 * (i % 3 - 1);
    fgmm_source *source = memory_source(rows, FGMM_F64, STAMPS, 1);
    options.components = 3;
    options.needs_float32 = 1;
    ck_fails(fgmm_kmeans(&none, device, source, &options, NULL), FGMM_DATA, "column 0 has a deviation of 8.16");
    fgmm_source_close(source);
}
END_TEST

START_TEST(test_scale__float64_rows_find_themselves)
{
    static double stamps[STAMPS];
    static int64_t ids[STAMPS];
    static float distances[STAMPS];
    const char *path = temporary_path("stamps.ivf");
    fgmm_kmeans_options lists = fgmm_kmeans_options_init();
    fgmm_index_options options = fgmm_index_options_init();
    fgmm_search_options wanted = fgmm_search_options_init();
    fgmm_model *centroids;
    fgmm_index *index;
    fgmm_searcher *searcher;
    make_stamps(stamps);
    fgmm_source *source = memory_source(stamps, FGMM_F64, STAMPS, 1);
    for (uint64_t k = 1; k <= 10; k += 3) {
        lists.components = k;
        ck_ok(fgmm_kmeans(&centroids, device, source, &lists, NULL));
        options.quantizer = centroids;
        options.for_top = 0;
        options.format = FGMM_INDEX_FAISS;
        ck_fails(fgmm_index_build(device, source, path, &options, NULL), FGMM_DATA, "use the native format");
        options.format = FGMM_INDEX_NATIVE;
        ck_ok(fgmm_index_build(device, source, path, &options, NULL));
        ck_ok(fgmm_index_open(&index, path));
        ck_fails(fgmm_index_save(index, temporary_path("stamps.faiss"), FGMM_INDEX_FAISS), FGMM_DATA, "native format");
        ck_ok(fgmm_searcher_open(&searcher, index, device, NULL));
        wanted.top = 1;
        wanted.nprobe = k;
        const fgmm_rows all = fgmm_rows_init(stamps, FGMM_F64, STAMPS);
        ck_ok(fgmm_searcher_search(searcher, &all, &wanted, ids, distances, NULL));
        for (int i = 0; i < STAMPS; i++) {
            ck_assert_double_eq(stamps[ids[i]], stamps[i]);
            ck_assert(distances[i] == 0);
        }
        fgmm_searcher_close(searcher);
        fgmm_index_close(index);
        fgmm_model_free(centroids);
    }
    fgmm_source_close(source);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_scale__labels_of_centroids_are_the_same_in_any_unit,
        test_scale__many_centroids_in_little_memory,
        test_scale__k_means_assigns_in_little_memory,
        test_scale__labels_beside_densities,
        test_scale__float64_centroids_stay_float64,
        test_scale__centroids_below_float32_are_refused_before_training,
        test_scale__variances_beyond_what_a_type_of_rows_can_have_are_refused,
        test_scale__float64_rows_find_themselves,
    };
    Suite *s = suite_create("scale");
    ADD_CASE(s, "scale", setup, teardown, 300, tests);
    TCase *powers = tcase_create("powers of two");
    tcase_add_checked_fixture(powers, setup, teardown);
    tcase_set_timeout(powers, 1200);
    tcase_add_loop_test(powers, test_scale__a_power_of_two_changes_nothing, 0, 2);
    suite_add_tcase(s, powers);
    return s;
}
