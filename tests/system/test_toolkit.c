/* test_toolkit.c - kernel density estimates, Fisher vectors and VLAD against their definitions in double precision. */
#include "mixtures.h"
#include "support.h"

#include "reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* float32 distances of up to 20 dimensions, at a few deviations. */
static const double DENSITY_TOLERANCE = 1e-4;
/* What is promised of encodings, whose numbers are at most 1. */
static const double ENCODING_TOLERANCE = 1e-5;

static fgmm_device *device;

static void setup(void)
{
    device = open_test_device();
}

static void teardown(void)
{
    fgmm_device_close(device);
}

static double *to_double(const float *rows, uint64_t count)
{
    double *x = malloc(count * sizeof *x);
    for (uint64_t i = 0; i < count; i++) x[i] = (double)rows[i];
    return x;
}

static void compare_density(uint64_t n, uint64_t queries, uint64_t d, double bandwidth)
{
    float *rows = draw_rows(n, d, 3, 5), *asked = draw_rows(queries, d, 3, 5);
    double *x = to_double(rows, n * d), *q = to_double(asked, queries * d), *got = malloc(queries * sizeof *got);
    fgmm_source *data = memory_source(rows, FGMM_F32, n, d), *source = memory_source(asked, FGMM_F32, queries, d);
    ck_ok(fgmm_kde(got, device, data, source, bandwidth, NULL));
    for (uint64_t i = 0; i < queries; i++) {
        double most = -(double)INFINITY, sum = 0;
        for (int pass = 0; pass < 2; pass++)
            for (uint64_t j = 0; j < n; j++) {
                double square = 0;
                for (uint64_t c = 0; c < d; c++) square += pow((q[i * d + c] - x[j * d + c]) / bandwidth, 2);
                if (pass == 0) most = fmax(most, -square / 2);
                if (pass == 1) sum += exp(-square / 2 - most);
            }
        const double two_pi = 6.283185307179586476925;
        const double expected = most + log(sum / (double)n) - 0.5 * (double)d * log(two_pi * bandwidth * bandwidth);
        ck_assert_msg(fabs(got[i] - expected) <= DENSITY_TOLERANCE * fmax(1, fabs(expected)),
                      "query %llu: %.9g, not %.9g", (unsigned long long)i, got[i], expected);
    }
    fgmm_source_close(data);
    fgmm_source_close(source);
    free(rows);
    free(asked);
    free(x);
    free(q);
    free(got);
}

START_TEST(test_kde__agrees_with_its_definition)
{
    compare_density(1, 5, 2, 1);
    compare_density(300, 40, 2, 0.5);
    compare_density(8191, 7, 2, 0.3); /* around one piece of the data */
    compare_density(8193, 7, 2, 0.3);
}
END_TEST

START_TEST(test_kde__refuses_what_cannot_be)
{
    float rows[4] = {0, 1, 2, (float)NAN};
    double density[2];
    fgmm_source *data = memory_source(rows, FGMM_F32, 2, 1), *bad = memory_source(rows + 2, FGMM_F32, 2, 1);
    fgmm_source *wide = memory_source(rows, FGMM_F32, 1, 2);
    ck_fails(fgmm_kde(density, device, data, bad, 0, NULL), FGMM_ARGUMENT, "bandwidth = 0");
    ck_fails(fgmm_kde(density, device, data, data, 1, NULL), FGMM_ARGUMENT, "the same source");
    ck_fails(fgmm_kde(density, device, data, wide, 1, NULL), FGMM_DATA, "D = 1");
    ck_fails(fgmm_kde(density, device, bad, data, 1, NULL), FGMM_DATA, "row 1, column 0");
    ck_fails(fgmm_kde(density, device, data, bad, 1, NULL), FGMM_DATA, "row 1, column 0");
    fgmm_source_close(data);
    fgmm_source_close(bad);
    fgmm_source_close(wide);
}
END_TEST

static void power_and_length(double *z, uint64_t count, const fgmm_encode_options *options)
{
    double squares = 0;
    for (uint64_t i = 0; i < count && options->has_power; i++) z[i] = z[i] < 0 ? -sqrt(-z[i]) : sqrt(z[i]);
    for (uint64_t i = 0; i < count; i++) squares += z[i] * z[i];
    for (uint64_t i = 0; i < count && options->has_length; i++) z[i] /= sqrt(squares);
}

/* Straight from the definition, row by row. */
static void fisher_reference(double *z, const fg_parameters *p, const double *x, uint64_t n)
{
    const uint64_t k = p->k, d = p->d;
    double *r = malloc(n * k * sizeof *r), *logz = malloc(n * sizeof *logz);
    fg_reference_log_density(r, p, x, n);
    fg_reference_responsibilities(logz, r, r, n, k);
    memset(z, 0, 2 * k * d * sizeof *z);
    for (uint64_t i = 0; i < n; i++)
        for (uint64_t at = 0; at < k * d; at++) {
            const uint64_t c = at / d;
            const double sigma = sqrt(p->covariances[p->covariance == FGMM_DIAG ? at : c]);
            const double t = (x[i * d + at % d] - p->means[at]) / sigma;
            z[at] += r[i * k + c] * t / ((double)n * sqrt(p->weights[c]));
            z[k * d + at] += r[i * k + c] * (t * t - 1) / ((double)n * sqrt(2 * p->weights[c]));
        }
    free(r);
    free(logz);
}

START_TEST(test_encode__fisher_agrees_with_its_definition)
{
    enum { N = 257, D = 5, K = 9 };
    float *rows = draw_rows(N, D, K, 40), got[2 * K * D];
    double *x = to_double(rows, N * D), expected[2 * K * D], variances[K * D];
    fgmm_model *spherical = make_mixture(K, D, 41), *diag;
    for (int i = 0; i < K * D; i++) variances[i] = 4 + i % 7;
    ck_ok(fgmm_model_create(&diag, FGMM_DIAG, K, D, fgmm_model_weights(spherical), fgmm_model_means(spherical),
                            variances));
    const fgmm_model *const models[] = {spherical, diag};
    for (int m = 0; m < 2; m++)
        for (int normalised = 0; normalised < 2; normalised++) {
            fgmm_encode_options options = fgmm_encode_options_init();
            options.has_power = options.has_length = normalised;
            const fg_parameters p = fg_model_parameters(models[m]);
            const uint64_t n = m ? N : 1;
            fisher_reference(expected, &p, x, n);
            power_and_length(expected, 2 * K * D, &options);
            const fgmm_rows group = fgmm_rows_init(rows, FGMM_F32, n);
            ck_ok(fgmm_encode(got, device, models[m], &group, &options));
            double most = 1;
            for (int i = 0; i < 2 * K * D; i++) most = fmax(most, fabs(expected[i]));
            for (int i = 0; i < 2 * K * D; i++)
                ck_assert_double_le(fabs((double)got[i] - expected[i]), ENCODING_TOLERANCE * most);
        }
    ck_assert_uint_eq(fgmm_encoding_size(diag, FGMM_FISHER), 2 * K * D);
    fgmm_model_free(spherical);
    fgmm_model_free(diag);
    free(rows);
    free(x);
}
END_TEST

START_TEST(test_encode__vlad_agrees_with_its_definition)
{
    enum { N = 300, D = 3, K = 4 };
    float *rows = draw_rows(N, D, K, 50), got[K * D];
    double *x = to_double(rows, N * D), expected[K * D] = {0}, d2[N];
    uint32_t nearest[N];
    fgmm_model *model = make_mixture(K, D, 51);
    fgmm_encode_options options = fgmm_encode_options_init();
    const fg_parameters p = fg_model_parameters(model);
    options.encoding = FGMM_VLAD;
    options.has_power = 0;
    fg_reference_nearest(nearest, d2, &p, x, N);
    for (int i = 0; i < N * D; i++) {
        const uint32_t at = nearest[i / D] * D + (uint32_t)(i % D);
        expected[at] += x[i] - p.means[at];
    }
    power_and_length(expected, K * D, &options);
    const fgmm_rows group = fgmm_rows_init(rows, FGMM_F32, N), nothing = fgmm_rows_init(rows, FGMM_F32, 0);
    ck_ok(fgmm_encode(got, device, model, &group, &options));
    for (int i = 0; i < K * D; i++) ck_assert_double_le(fabs((double)got[i] - expected[i]), ENCODING_TOLERANCE);
    options.encoding = (fgmm_encoding)7;
    ck_fails(fgmm_encode(got, device, model, &group, &options), FGMM_ARGUMENT, "encoding = 7");
    ck_fails(fgmm_encode(got, device, model, &nothing, NULL), FGMM_ARGUMENT, "rows = 0");
    ck_fails(fgmm_encode(got, device, model, NULL, NULL), FGMM_ARGUMENT, "rows is NULL");
    fgmm_model_free(model);
    free(rows);
    free(x);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_kde__agrees_with_its_definition,
        test_kde__refuses_what_cannot_be,
        test_encode__fisher_agrees_with_its_definition,
        test_encode__vlad_agrees_with_its_definition,
    };
    Suite *s = suite_create("toolkit");
    ADD_CASE(s, "toolkit", setup, teardown, 120, tests);
    return s;
}
