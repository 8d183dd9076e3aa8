/* test_sklearn.c - the whole fit against scikit-learn's GaussianMixture (float64): the same start, 20 iterations, tol
 * 0. Starts and results lie in tests/reference (made by tests/support/make_sklearn_reference.py); the rows are read
 * from ../shared/data, and where that is missing the test says so and passes. The log-likelihood of our parameters is
 * computed by the double-precision reference, as scikit-learn's score(X) would. */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include "reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* float32 kernels against float64: of the mean log-likelihood, relative; and of the means, in standard deviations. */
static const double log_likelihood_tolerance = 1e-6;
static const double mean_tolerance = 1e-4;
/* With 10,000 added; scikit-learn's own means move by 1e-4 standard deviations then. */
static const double far_log_likelihood_tolerance = 1e-4;
static const double far_mean_tolerance = 1e-3;

typedef struct data_set {
    const char *name, *file;
    fgmm_covariance covariance;
    uint64_t rows; /* 0: all */
    double added, reg_covar;
    int is_share; /* reg_covar is a share of the columns' mean variance */
} data_set;

#define ALL_TYPES(name, file)                                                                                          \
    {name, file, FGMM_SPHERICAL, 0, 0, 1e-6, 0}, {name, file, FGMM_DIAG, 0, 0, 1e-6, 0},                               \
        {name, file, FGMM_TIED, 0, 0, 1e-6, 0},                                                                        \
    {                                                                                                                  \
        name, file, FGMM_FULL, 0, 0, 1e-6, 0                                                                           \
    }

static const data_set sets[] = {
    {"siftsmall", "siftsmall/siftsmall_base.fvecs", FGMM_SPHERICAL, 0, 0, 1e-6, 0},
    {"siftsmall", "siftsmall/siftsmall_base.fvecs", FGMM_DIAG, 0, 0, 1e-6, 0},
    {"siftsmall-far", "siftsmall/siftsmall_base.fvecs", FGMM_SPHERICAL, 0, 10000, 1e-6, 0},
    {"siftsmall-far", "siftsmall/siftsmall_base.fvecs", FGMM_DIAG, 0, 10000, 1e-6, 0},
    {"fashion", "fashion-mnist-10k/images.npy", FGMM_SPHERICAL, 0, 0, 1e-6, 0},
    /* constant pixels: 1e-6 would test rounding */
    {"fashion", "fashion-mnist-10k/images.npy", FGMM_DIAG, 0, 0, 1e-3, 0},
    /* less would leave matrices that float32 moments cannot tell from singular ones */
    {"fashion-5", "fashion-mnist-10k/images.npy", FGMM_TIED, 0, 0, 1e-3, 1},
    {"fashion-5", "fashion-mnist-10k/images.npy", FGMM_FULL, 0, 0, 1e-3, 1},
    {"glove", "glove-books-100d/base.npy", FGMM_SPHERICAL, 20000, 0, 1e-6, 0},
    {"glove", "glove-books-100d/base.npy", FGMM_DIAG, 20000, 0, 1e-6, 0},
    {"birch1", "clustering-basics/birch1.data.gz", FGMM_SPHERICAL, 0, 0, 1e-6, 0},
    {"birch1", "clustering-basics/birch1.data.gz", FGMM_DIAG, 0, 0, 1e-6, 0},
    ALL_TYPES("g2mg_1", "clustering-basics/g2mg_1_50.data.gz"),
    ALL_TYPES("g2mg_2", "clustering-basics/g2mg_2_50.data.gz"),
    ALL_TYPES("g2mg_4", "clustering-basics/g2mg_4_50.data.gz"),
    ALL_TYPES("g2mg_8", "clustering-basics/g2mg_8_50.data.gz"),
    ALL_TYPES("g2mg_16", "clustering-basics/g2mg_16_50.data.gz"),
    ALL_TYPES("g2mg_32", "clustering-basics/g2mg_32_50.data.gz"),
    ALL_TYPES("g2mg_64", "clustering-basics/g2mg_64_50.data.gz"),
    ALL_TYPES("g2mg_128", "clustering-basics/g2mg_128_50.data.gz"),
    ALL_TYPES("diabetes", "mclust-oracle/diabetes_corrected.csv"),
    ALL_TYPES("faithful", "mclust-oracle/faithful.csv"),
    ALL_TYPES("banknote", "mclust-oracle/banknote.txt"),
    ALL_TYPES("wdbc", "mclust-oracle/wdbc.txt"),
};
enum { SETS = sizeof sets / sizeof sets[0] };

static fgmm_device *device;

static void setup(void)
{
    ck_ok(fgmm_device_open(&device, NULL));
}

static void teardown(void)
{
    fgmm_device_close(device);
}

/* A compressed text file becomes a .csv in the test's folder; so does one whose first columns are no numbers. */
static const char *unpacked(const char *path)
{
    static const struct {
        const char *part, *filter;
    } kinds[] = {
        {".gz", "gzip -dc"},
        {"diabetes", "cut -d, -f2-"},
        {"banknote", "tail -n +2 | cut -d' ' -f2-"},
        {"wdbc", "tail -n +2 | cut -d' ' -f3-"},
    };
    enum { KINDS = sizeof kinds / sizeof kinds[0] };
    size_t i = 0;
    while (i < KINDS && !strstr(path, kinds[i].part)) i++;
    if (i == KINDS) return path;
    const char *csv = temporary_path("rows.csv");
    char command[1024];
    snprintf(command, sizeof command, "(%s) < '%s' > '%s'", kinds[i].filter, path, csv);
    ck_assert_int_eq(system(command), 0);
    return csv;
}

typedef struct rows_t {
    void *raw; /* (n,d) as the library gets them */
    double *x; /* (n,d) the same values */
    fgmm_type type;
    uint64_t n, d;
} rows_t;

static double element(const void *raw, fgmm_type type, size_t i)
{
    if (type == FGMM_U8) return ((const uint8_t *)raw)[i];
    if (type == FGMM_F32) return (double)((const float *)raw)[i];
    if (type == FGMM_F64) return ((const double *)raw)[i];
    const uint16_t half = ((const uint16_t *)raw)[i];
    const int exponent = half >> 10 & 31, mantissa = half & 1023;
    const double value = exponent ? ldexp(mantissa + 1024, exponent - 25) : ldexp(mantissa, -24);
    return half >> 15 ? -value : value;
}

static rows_t read_rows(const char *path, uint64_t limit, double added)
{
    fgmm_source *source;
    fgmm_source_info info = fgmm_source_info_init();
    rows_t rows = {0};
    uint64_t got = 1;
    ck_ok(fgmm_source_open(&source, path, NULL));
    ck_ok(fgmm_source_describe(source, &info));
    rows.d = info.dims;
    rows.type = info.type;
    const uint64_t wanted = limit ? limit : info.rows;
    const size_t row_bytes = (size_t)info.dims * fgmm_type_bytes(info.type);
    rows.raw = malloc((size_t)wanted * row_bytes);
    ck_ok(fgmm_source_rewind(source));
    for (; rows.n < wanted && got > 0; rows.n += got)
        ck_ok(fgmm_source_next(source, (char *)rows.raw + (size_t)rows.n * row_bytes, wanted - rows.n, &got));
    fgmm_source_close(source);
    rows.x = malloc((size_t)(rows.n * rows.d) * sizeof(double));
    for (size_t i = 0; i < rows.n * rows.d; i++) {
        if (added != 0) ((float *)rows.raw)[i] += (float)added;
        rows.x[i] = element(rows.raw, rows.type, i);
    }
    return rows;
}

static fgmm_model *load_expected(const char *name, fgmm_covariance covariance)
{
    char path[512];
    fgmm_model *model;
    snprintf(path, sizeof path, "%s/tests/reference/%s.%s.safetensors", FG_TEST_SOURCE_DIR, name,
             fgmm_covariance_name(covariance));
    ck_ok(fgmm_model_load(&model, path));
    return model;
}

/* Variance of each column, about its mean. */
static double *column_variances(const rows_t *rows)
{
    double *variances = malloc((size_t)rows->d * sizeof(double));
    for (uint64_t d = 0; d < rows->d; d++) {
        double sum = 0, squares = 0;
        for (uint64_t i = 0; i < rows->n; i++) sum += rows->x[i * rows->d + d];
        const double mean = sum / (double)rows->n;
        for (uint64_t i = 0; i < rows->n; i++) {
            const double t = rows->x[i * rows->d + d] - mean;
            squares += t * t;
        }
        variances[d] = squares / (double)rows->n;
    }
    return variances;
}

/* start() of make_sklearn_reference.py: evenly spaced rows as means, equal weights, the data's variances. */
static fgmm_model *make_start(const rows_t *rows, const double *variances, uint64_t k, fgmm_covariance covariance)
{
    const size_t d = (size_t)rows->d, count = (size_t)fg_covariance_count(covariance, k, d);
    const size_t per = (size_t)fg_covariance_width(covariance, d);
    double *weights = malloc(k * sizeof(double)), *means = malloc(k * d * sizeof(double));
    double *covariances = calloc(count, sizeof(double)), average = 0;
    fgmm_model *model;
    for (size_t j = 0; j < d; j++) average += variances[j] / (double)d;
    for (size_t i = 0; i < k; i++) {
        weights[i] = 1.0 / (double)k;
        memcpy(means + i * d, rows->x + i * (rows->n / k) * d, d * sizeof(double));
        for (size_t j = 0; j < per; j++)
            covariances[fg_variance_place(covariance, d, i, j)] =
                covariance == FGMM_SPHERICAL ? average : variances[j] + 1e-3 * average;
    }
    ck_ok(fgmm_model_create(&model, covariance, k, rows->d, weights, means, covariances));
    free(weights);
    free(means);
    free(covariances);
    return model;
}

/* Mean log-likelihood in double. */
static double score(const fgmm_model *model, const rows_t *rows)
{
    const fg_parameters p = fg_model_parameters(model);
    double *l = malloc((size_t)(rows->n * p.k) * sizeof(double)), sum = 0, logz;
    fg_reference_log_density(l, &p, rows->x, rows->n);
    for (uint64_t i = 0; i < rows->n; i++) {
        fg_reference_responsibilities(&logz, l + i * p.k, l + i * p.k, 1, p.k);
        sum += logz;
    }
    free(l);
    return sum / (double)rows->n;
}

static fgmm_model *run_fit(const rows_t *rows, const fgmm_model *start, double reg_covar, uint32_t iterations,
                           fgmm_fit_report *report)
{
    fgmm_source *source;
    fgmm_model *model;
    fgmm_fit_options options = fgmm_fit_options_init();
    options.init = FGMM_INIT_MODEL;
    options.start = start;
    options.kmeans_iterations = 0;
    options.max_iterations = iterations;
    options.tolerance = 0;
    options.reg_covar = reg_covar;
    ck_ok(fgmm_source_from_memory(&source, rows->raw, rows->type, rows->n, rows->d, 0));
    ck_ok(fgmm_fit(&model, device, source, &options, report));
    fgmm_source_close(source);
    return model;
}

/* Each dimension with each type is several programs to compile: FG_TEST_ALL in the environment runs them all. Without
 * it spherical and diagonal mixtures, which other sets have too, run on the ends of the row of g2mg sets only. */
static int is_left_out(const data_set *set)
{
    static const char *const seldom[] = {"g2mg_4", "g2mg_16", "g2mg_64"}, *const matrices_only[] = {"g2mg_8",
                                                                                                    "g2mg_32"};
    int is_out = 0;
    for (size_t i = 0; i < sizeof seldom / sizeof seldom[0]; i++) is_out |= strcmp(set->name, seldom[i]) == 0;
    for (size_t i = 0; i < sizeof matrices_only / sizeof matrices_only[0]; i++)
        is_out |= !fg_covariance_types[set->covariance].has_matrices && strcmp(set->name, matrices_only[i]) == 0;
    return is_out && !getenv("FG_TEST_ALL");
}

START_TEST(test_sklearn__same_start_same_result)
{
    char path[512];
    if (is_left_out(&sets[_i])) return;
    snprintf(path, sizeof path, "%s/../shared/data/%s", FG_TEST_SOURCE_DIR, sets[_i].file);
    if (access(path, R_OK) != 0) {
        printf("skipped: no data (%s)\n", sets[_i].file);
        return;
    }
    rows_t rows = read_rows(unpacked(path), sets[_i].rows, sets[_i].added);
    fgmm_model *expected = load_expected(sets[_i].name, sets[_i].covariance);
    fgmm_model_info info = fgmm_model_info_init();
    fgmm_fit_report report = fgmm_fit_report_init();
    ck_ok(fgmm_model_describe(expected, &info));
    double *variances = column_variances(&rows), variance = 0;
    for (size_t j = 0; j < rows.d; j++) variance += variances[j] / (double)rows.d;
    fgmm_model *start = make_start(&rows, variances, info.components, sets[_i].covariance);
    const double reg_covar = sets[_i].reg_covar * (sets[_i].is_share ? variance : 1);
    fgmm_model *model = run_fit(&rows, start, reg_covar, 20, &report);
    ck_assert_uint_eq(report.iterations, 20);

    const double found = score(model, &rows), wanted = info.log_likelihood;
    const int is_far = sets[_i].added != 0;
    const double tolerance = is_far ? far_log_likelihood_tolerance : log_likelihood_tolerance;
    const double sd = sqrt(variance);
    double moved = 0;
    for (size_t i = 0; i < info.components * info.dims; i++)
        moved = fmax(moved, fabs(fgmm_model_means(model)[i] - fgmm_model_means(expected)[i]) / sd);
    printf("%s %s: log-likelihood %.9f, scikit-learn %.9f, relative %.1e; reported %.1e off; means %.1e sd off\n",
           sets[_i].name, fgmm_covariance_name(sets[_i].covariance), found, wanted, fabs(found / wanted - 1),
           fabs(report.log_likelihood / found - 1), moved);
    ck_assert_msg(fabs(found - wanted) <= tolerance * fabs(wanted), "log-likelihood %.12g, scikit-learn %.12g", found,
                  wanted);
    ck_assert_msg(fabs(report.log_likelihood - found) <= tolerance * fabs(found), "reported %.12g, in double %.12g",
                  report.log_likelihood, found);
    ck_assert_msg(moved <= (is_far ? far_mean_tolerance : mean_tolerance), "means differ by %g standard deviations",
                  moved);
    fgmm_fit_report_clear(&report);
    fgmm_model_free(model);
    fgmm_model_free(start);
    fgmm_model_free(expected);
    free(variances);
    free(rows.raw);
    free(rows.x);
}
END_TEST

/* The numbers behind "key": in a JSON text, whatever brackets stand between them. */
static void read_numbers(double *to, size_t count, const char *text, const char *key)
{
    const char *at = strstr(text, key);
    ck_assert_ptr_nonnull(at);
    for (at += strlen(key); count > 0; count--, to++) {
        char *end;
        *to = strtod(at + strcspn(at, "-0123456789"), &end);
        at = end;
    }
}

/* mclust's published fit of the diabetes data, printed with five digits, and where EM goes from there in double. */
START_TEST(test_sklearn__published_fit_of_diabetes)
{
    enum { K = 3, D = 3, TEXT_BYTES = 1 << 16 };
    static char text[TEXT_BYTES];
    const double converged = -2295.0935, tolerance = 2e-3; /* of the sum over 145 rows, after 1000 iterations */
    char path[512];
    double weights[K], means[K * D], covariances[K * D * D], sum = 0;
    snprintf(path, sizeof path, "%s/../shared/data/mclust-oracle/diabetes_vvv3.json", FG_TEST_SOURCE_DIR);
    FILE *file = fopen(path, "r");
    if (!file) {
        printf("skipped: no data (diabetes_vvv3.json)\n");
        return;
    }
    text[fread(text, 1, TEXT_BYTES - 1, file)] = 0;
    fclose(file);
    read_numbers(weights, K, text, "\"weights\":");
    read_numbers(means, K * D, text, "\"means\":");
    read_numbers(covariances, K * D * D, text, "\"covariances\":");
    for (int k = 0; k < K; k++) sum += weights[k];
    for (int k = 0; k < K; k++) weights[k] /= sum;
    snprintf(path, sizeof path, "%s/../shared/data/mclust-oracle/diabetes_corrected.csv", FG_TEST_SOURCE_DIR);
    rows_t rows = read_rows(unpacked(path), 0, 0);
    fgmm_model *start;
    fgmm_fit_report report = fgmm_fit_report_init();
    ck_ok(fgmm_model_create(&start, FGMM_FULL, K, D, weights, means, covariances));
    fgmm_model *model = run_fit(&rows, start, 0, 1000, &report);
    ck_assert_uint_eq(fgmm_model_free_parameters(model), 29);
    ck_assert_double_eq_tol(score(start, &rows) * (double)rows.n, -2295.1086, tolerance);
    ck_assert_double_eq_tol(score(model, &rows) * (double)rows.n, converged, tolerance);
    ck_assert_double_eq_tol(report.log_likelihood * (double)rows.n, converged, tolerance);
    fgmm_fit_report_clear(&report);
    fgmm_model_free(model);
    fgmm_model_free(start);
    free(rows.raw);
    free(rows.x);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("sklearn");
    TCase *cases = tcase_create("sklearn");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 300);
    tcase_add_loop_test(cases, test_sklearn__same_start_same_result, 0, SETS);
    tcase_add_test(cases, test_sklearn__published_fit_of_diabetes);
    suite_add_tcase(s, cases);
    return s;
}
