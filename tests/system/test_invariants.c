/* test_invariants.c - what holds of EM whatever the data: hard rows of many kinds, all four covariance types, against
 * EM in plain double precision from the same start (docs/math.md, "Wide sums", "Sums once more"). FG_TEST_ALL in the
 * environment: all cases. */
#include "covariances.h"
#include "mixtures.h"
#include "support.h"

#include "cholesky.h"
#include "flashgmm/testing.h"
#include "reference.h"
#include "rng.h"
#include "statistics.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TYPES = COVARIANCES, ITERATIONS = 20, MOST_ROWS = 5000, MOST_K = 20, MOST_D = 64 };
enum { SAMPLE_CASES = 20, ALL_CASES = 100 }; /* of each type */
enum { SAMPLE_OUTLIERS = 12, ALL_OUTLIERS = 600 };

/* Nats, beside the stated bound, by which 20 iterations may end elsewhere than double precision. */
static const double SAME_END = 1e-5;
/* What a start moved by 1e-9 of itself may change in double precision, where it is called stable. */
static const double STABLE = 1e-6;

static fgmm_device *device;
static fgmm_path path;

static void setup(void)
{
    device = open_test_device();
}

static void setup_group(void)
{
    device = open_test_backend(FGMM_BACKEND_GPU_WORKGROUP);
}

static void teardown(void)
{
    fgmm_device_close(device);
}

/* ---- data ---- */

typedef struct problem {
    const char *kind;
    double rows[MOST_ROWS * MOST_D]; /* (n,d) */
    uint64_t n, d, k;
    double reg_covar;
    int may_lose_components; /* double precision keeps what we call empty and re-seed */
    fg_rng rng;
} problem;

static void blobs(problem *p)
{
    double centres[MOST_K * MOST_D] = {0};
    for (uint64_t i = 0; i < p->k * p->d; i++) centres[i] = 3 * fg_rng_normal(&p->rng);
    for (uint64_t i = 0; i < p->n; i++)
        for (uint64_t j = 0; j < p->d; j++)
            p->rows[i * p->d + j] = centres[i % p->k * p->d + j] + fg_rng_normal(&p->rng);
}

/* The last column is the first plus a little. */
static void near_dependent(problem *p)
{
    const double noise = pow(10, -1 - 4 * fg_rng_uniform(&p->rng));
    blobs(p);
    for (uint64_t i = 0; i < p->n; i++)
        p->rows[i * p->d + p->d - 1] = p->rows[i * p->d] + noise * fg_rng_normal(&p->rng);
}

/* Two columns, the second the first plus a ten-thousandth of noise, times 1000. */
static void near_dependent_thousand(problem *p)
{
    p->d = 2;
    for (uint64_t i = 0; i < p->n; i++) {
        const double z = fg_rng_normal(&p->rng);
        p->rows[2 * i] = 1000 * z;
        p->rows[2 * i + 1] = 1000 * (z + 1e-4 * fg_rng_normal(&p->rng));
    }
}

/* Shares that sum to 100. */
static void percentages(problem *p)
{
    for (uint64_t i = 0; i < p->n; i++) {
        double *row = p->rows + i * p->d, sum = 0;
        for (uint64_t j = 0; j < p->d; j++) sum += row[j] = -log(1 - fg_rng_uniform(&p->rng)) * (1 + (i + j) % p->k);
        for (uint64_t j = 0; j < p->d; j++) row[j] *= 100 / sum;
    }
}

/* Curves with a little noise. */
static void smooth(problem *p)
{
    for (uint64_t i = 0; i < p->n; i++) {
        const double a = fg_rng_normal(&p->rng), b = fg_rng_normal(&p->rng) + 3.0 * (double)(i % p->k);
        for (uint64_t j = 0; j < p->d; j++) {
            const double at = (double)j / (double)p->d;
            p->rows[i * p->d + j] = a * sin(3 * at) + b * cos(2 * at) + 1e-3 * fg_rng_normal(&p->rng);
        }
    }
}

/* Columns from 1e-6 to 1e6. */
static void scales(problem *p)
{
    blobs(p);
    for (uint64_t i = 0; i < p->n; i++)
        for (uint64_t j = 0; j < p->d; j++) p->rows[i * p->d + j] *= pow(10, 12.0 * (double)j / (double)(p->d - 1) - 6);
}

/* A line: one direction far wider than the others, none along an axis. */
static void line(problem *p)
{
    const double ratio = pow(10, 2 + 4 * fg_rng_uniform(&p->rng));
    double axis[MOST_D] = {0}, length = 0;
    blobs(p);
    for (uint64_t j = 0; j < p->d; j++) {
        axis[j] = fg_rng_normal(&p->rng);
        length += axis[j] * axis[j];
    }
    for (uint64_t i = 0; i < p->n; i++) {
        const double along = ratio * fg_rng_normal(&p->rng) / sqrt(length);
        for (uint64_t j = 0; j < p->d; j++) p->rows[i * p->d + j] += along * axis[j];
    }
}

/* Row number `row` at so many deviations, in one column or in all. */
static void put_outlier(problem *p, uint64_t row, double deviations, int is_one_column)
{
    for (uint64_t j = 0; j < (is_one_column ? 1 : p->d); j++)
        p->rows[row * p->d + j] = deviations * fg_rng_normal(&p->rng);
}

/* One row at 1e5 deviations, for one component. */
static void outlier(problem *p)
{
    p->k = 1;
    blobs(p);
    put_outlier(p, p->n - 1, 1e5, 0);
}

/* Rows of one Gaussian and some far outside, for several components, all of which these make wide at first: what tells
 * the others apart is next to nothing of their responsibilities. */
static void one_blob_for_several(problem *p)
{
    const uint64_t k = p->k + 1;
    p->k = 1;
    blobs(p);
    p->k = k;
    p->may_lose_components = 1;
}

static void outlier_among_several(problem *p)
{
    one_blob_for_several(p);
    put_outlier(p, p->n - 1, 1e5, 0);
}

static void outlier_in_one_column(problem *p)
{
    one_blob_for_several(p);
    put_outlier(p, p->n - 1, 1e5, 1);
}

static void nearer_outlier(problem *p)
{
    one_blob_for_several(p);
    put_outlier(p, p->n - 1, 1e4, 0);
}

/* Variances below 2^-52 of the data's are raised to that; farther out it would be above reg_covar. */
static void farther_outlier(problem *p)
{
    one_blob_for_several(p);
    put_outlier(p, p->n - 1, 3e5, 0);
}

static void two_outliers(problem *p)
{
    one_blob_for_several(p);
    put_outlier(p, p->n - 1, 1e5, 0);
    put_outlier(p, p->n - 2, 1e5, 0);
}

/* Several clusters, and one row far outside. */
static void outlier_of_blobs(problem *p)
{
    p->k++;
    blobs(p);
    put_outlier(p, p->n - 1, 1e5, 0);
    p->may_lose_components = 1;
}

static void few_rows(problem *p)
{
    p->n = 3 * p->k;
    for (uint64_t i = 0; i < p->n * p->d; i++) p->rows[i] = 120 + 360 * fg_rng_uniform(&p->rng);
}

static void integers_far_away(problem *p)
{
    blobs(p);
    for (uint64_t i = 0; i < p->n * p->d; i++) p->rows[i] = 1e6 + rint(20 * p->rows[i]);
}

typedef struct data_kind {
    const char *name;
    void (*make)(problem *p);
    int is_singular; /* without reg_covar */
} data_kind;

static const data_kind kinds[] = {{"blobs", blobs},
                                  {"near-dependent", near_dependent},
                                  {"percentages", percentages, 1},
                                  {"smooth", smooth},
                                  {"scales", scales},
                                  {"line", line},
                                  {"outlier", outlier},
                                  {"outlier among several", outlier_among_several},
                                  {"few rows", few_rows, 1},
                                  {"integers", integers_far_away}};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static const data_kind outlier_kinds[] = {{"outlier among several", outlier_among_several},
                                          {"outlier in one column", outlier_in_one_column},
                                          {"nearer outlier", nearer_outlier},
                                          {"farther outlier", farther_outlier},
                                          {"two outliers", two_outliers},
                                          {"outlier of blobs", outlier_of_blobs}};
enum { OUTLIER_KINDS = sizeof outlier_kinds / sizeof outlier_kinds[0] };

/* Case number `number`. Few dimensions, since each is programs to compile. Float32 numbers: what rounding
 * makes of other rows is no invariant. */
static void make_problem(problem *p, const data_kind *kind, uint64_t number)
{
    static const uint64_t dims[] = {2, 5, 20};
    fg_rng_init(&p->rng, number, 2024, 0);
    p->d = dims[fg_rng_below(&p->rng, 3)];
    p->k = 1 + fg_rng_below(&p->rng, 5);
    p->n = 200 + fg_rng_below(&p->rng, 201);
    p->may_lose_components = 0;
    p->kind = kind->name;
    p->reg_covar = kind->is_singular || fg_rng_below(&p->rng, 2) ? 1e-6 : 0;
    kind->make(p);
    for (uint64_t i = 0; i < p->n * p->d; i++) p->rows[i] = (double)(float)p->rows[i];
}

/* ---- EM in double precision ---- */

typedef struct mixture {
    fgmm_covariance covariance;
    uint64_t k, d;
    double weights[MOST_K], means[MOST_K * MOST_D], covariances[MOST_K * MOST_D * MOST_D];
} mixture;

static fg_parameters parameters_of(const mixture *m)
{
    return (fg_parameters){m->covariance, m->k, m->d, m->weights, m->means, m->covariances};
}

/* Mean log-likelihood; r (n,k). */
static double e_step(double *r, const mixture *m, const problem *p)
{
    double logz[MOST_ROWS], sum = 0;
    const fg_parameters parameters = parameters_of(m);
    fg_reference_log_density(r, &parameters, p->rows, p->n);
    fg_reference_responsibilities(logz, r, r, p->n, p->k);
    for (uint64_t i = 0; i < p->n; i++) sum += logz[i];
    return sum / (double)p->n;
}

/* As the textbook has it: about the new means, then reg_covar on diagonals. */
static void m_step(mixture *m, const double *r, const problem *p)
{
    const uint64_t n = p->n, k = m->k, d = m->d;
    memset(m->covariances, 0, sizeof m->covariances);
    for (uint64_t c = 0; c < k; c++) {
        double count = 0, *mean = m->means + c * d;
        for (uint64_t i = 0; i < n; i++) count += r[i * k + c];
        for (uint64_t j = 0; j < d; j++) mean[j] = 0;
        for (uint64_t i = 0; i < n; i++)
            for (uint64_t j = 0; j < d; j++) mean[j] += r[i * k + c] * p->rows[i * d + j] / count;
        m->weights[c] = count / (double)n;
        const double share = m->covariance == FGMM_TIED ? (double)n : count;
        for (uint64_t i = 0; i < n; i++)
            for (uint64_t j = 0; r[i * k + c] > 0 && j < d; j++)
                for (uint64_t e = 0; e < d; e++) {
                    const double product =
                        r[i * k + c] * (p->rows[i * d + j] - mean[j]) * (p->rows[i * d + e] - mean[e]);
                    if (fg_covariance_matrices(m->covariance, k))
                        m->covariances[(m->covariance == FGMM_FULL ? c * d * d : 0) + j * d + e] += product / share;
                    else if (j == e)
                        m->covariances[fg_variance_place(m->covariance, d, c, j)] +=
                            product / share / (m->covariance == FGMM_SPHERICAL ? (double)d : 1);
                }
        for (uint64_t j = 0; j < d; j++) {
            const uint64_t place = fg_variance_place(m->covariance, d, c, j);
            const int is_counted = m->covariance == FGMM_SPHERICAL ? j == 0 : m->covariance != FGMM_TIED || c == 0;
            if (is_counted) m->covariances[place] += p->reg_covar;
        }
    }
}

/* Log-likelihood of the parameters after so many iterations. lowest_step: the lowest of their differences, or 0. */
static double plain_em(mixture *m, const problem *p, uint32_t iterations, double *lowest_step)
{
    double *r = malloc(p->n * p->k * sizeof *r), now = e_step(r, m, p);
    *lowest_step = 0;
    for (uint32_t i = 0; i < iterations; i++) {
        const double before = now;
        m_step(m, r, p);
        now = e_step(r, m, p);
        *lowest_step = fmin(*lowest_step, now - before);
    }
    free(r);
    return now;
}

/* Rows spread over the components by their number, with some noise: soft, and near nothing. Then one M-step. */
static void make_start(mixture *m, problem *p, fgmm_covariance covariance)
{
    double *r = malloc(p->n * p->k * sizeof *r);
    *m = (mixture){.covariance = covariance, .k = p->k, .d = p->d};
    for (uint64_t i = 0; i < p->n; i++) {
        double sum = 0;
        for (uint64_t c = 0; c < p->k; c++) sum += r[i * p->k + c] = fg_rng_uniform(&p->rng) + (i % p->k == c ? 2 : 0);
        for (uint64_t c = 0; c < p->k; c++) r[i * p->k + c] /= sum;
    }
    m_step(m, r, p);
    free(r);
}

/* ---- what must hold ---- */

typedef struct outcome {
    mixture m;
    fgmm_fit_report report;
} outcome;

/* start NULL: from k-means. */
static void fit(outcome *o, const mixture *start, fgmm_covariance covariance, const problem *p, uint32_t iterations)
{
    fgmm_fit_options options = fgmm_fit_options_init();
    fgmm_model *first = NULL, *model;
    fgmm_source *source = memory_source(p->rows, FGMM_F64, p->n, p->d);
    options.components = p->k;
    options.covariance = covariance;
    if (start) {
        ck_ok(fgmm_model_create(&first, covariance, p->k, p->d, start->weights, start->means, start->covariances));
        options.init = FGMM_INIT_MODEL;
        options.start = first;
        options.kmeans_iterations = 0;
    }
    options.max_iterations = iterations;
    options.tolerance = 0;
    options.reg_covar = p->reg_covar;
    ck_ok(fgmm_device_force_path(device, path));
    o->report = fgmm_fit_report_init();
    ck_ok(fgmm_fit(&model, device, source, &options, &o->report));
    o->m.covariance = covariance;
    o->m.k = p->k;
    o->m.d = p->d;
    memcpy(o->m.weights, fgmm_model_weights(model), p->k * sizeof(double));
    memcpy(o->m.means, fgmm_model_means(model), p->k * p->d * sizeof(double));
    memcpy(o->m.covariances, fgmm_model_covariances(model),
           fg_covariance_count(covariance, p->k, p->d) * sizeof(double));
    fgmm_model_free(model);
    fgmm_model_free(first);
    fgmm_source_close(source);
}

/* Fails with the case's description unless value <= allowed. */
static void check(const problem *p, const mixture *m, const char *what, double value, double allowed)
{
    ck_assert_msg(value <= allowed, "%s, %s, N %llu D %llu K %llu reg_covar %g: %s %.9g above %.9g", p->kind,
                  fgmm_covariance_name(m->covariance), (unsigned long long)p->n, (unsigned long long)p->d,
                  (unsigned long long)p->k, p->reg_covar, what, value, allowed);
}

/* Every eigenvalue of the covariances is at least reg_covar: what is left without it can be factored. Of reg_covar a
 * millionth, and of the trace what doubles round, are left aside. */
static void check_eigenvalues(const problem *p, const mixture *m)
{
    const uint64_t d = m->d, matrices = fg_covariance_matrices(m->covariance, m->k);
    double a[MOST_D * MOST_D];
    for (uint64_t i = 0; matrices == 0 && i < fg_covariance_count(m->covariance, m->k, d); i++)
        check(p, m, "reg_covar above a variance", p->reg_covar * (1 - 1e-9), m->covariances[i]);
    for (uint64_t i = 0; i < matrices; i++) {
        double trace = 0;
        memcpy(a, m->covariances + i * d * d, (size_t)(d * d) * sizeof *a);
        for (uint64_t j = 0; j < d; j++) trace += a[j * d + j];
        for (uint64_t j = 0; j < d; j++) a[j * d + j] += 8 * DBL_EPSILON * trace - p->reg_covar * (1 - 1e-6);
        check(p, m, "dimensions of a matrix with eigenvalues below reg_covar", (double)(d - fg_cholesky(a, d)), 0);
    }
}

/* The largest fall of the log-likelihood from one iteration to the next. */
static double fall_of(const fgmm_fit_report *report)
{
    double fall = 0;
    if (report->history_count > 0) fall = report->history[report->history_count - 1] - report->log_likelihood;
    for (uint64_t i = 1; i < report->history_count; i++) fall = fmax(fall, report->history[i - 1] - report->history[i]);
    return fall;
}

/* Does double precision end at the same place from a start that is moved by 1e-9 of itself? */
static int is_stable(const mixture *start, const problem *p, uint32_t iterations, double end)
{
    mixture *moved = malloc(sizeof *moved);
    double lowest;
    *moved = *start;
    for (uint64_t i = 0; i < p->k * p->d; i++) moved->means[i] *= 1 + (i % 2 ? 1e-9 : -1e-9);
    for (uint64_t i = 0; i < p->k; i++) moved->weights[i] *= 1 + (i % 2 ? 1e-9 : -1e-9);
    const double other = plain_em(moved, p, iterations, &lowest);
    free(moved);
    return isfinite(end) && isfinite(other) && fabs(end - other) < STABLE;
}

/* What holds of any result: its covariances, and what the report says of it. */
static double check_result(const problem *p, const outcome *o)
{
    double *r = malloc(p->n * p->k * sizeof *r);
    const double own = e_step(r, &o->m, p);
    free(r);
    check_eigenvalues(p, &o->m);
    check(p, &o->m, "error of the reported log-likelihood", fabs(o->report.log_likelihood - own),
          o->report.error_bound_nats);
    return own;
}

/* So many iterations from the start against double precision. */
static void check_iterations(const problem *p, const mixture *start, uint32_t iterations)
{
    outcome *o = malloc(sizeof *o);
    mixture *plain = malloc(sizeof *plain);
    double lowest;
    *plain = *start;
    const double end = plain_em(plain, p, iterations, &lowest);
    fit(o, start, start->covariance, p, iterations);
    const double bound = o->report.error_bound_nats, own = check_result(p, o);
    if (is_stable(start, p, iterations, end)) {
        if (o->report.reseeded == 0)
            check(p, start, "fall of the log-likelihood", fall_of(&o->report), bound - (p->reg_covar > 0 ? lowest : 0));
        if (o->report.reseeded == 0 || !p->may_lose_components)
            check(p, start, "difference from double precision", fabs(own - end), SAME_END + bound);
    }
    fgmm_fit_report_clear(&o->report);
    free(plain);
    free(o);
}

START_TEST(test_invariants__of_em_on_hard_data)
{
    const uint64_t cases = getenv("FG_TEST_ALL") ? ALL_CASES : SAMPLE_CASES;
    problem *p = malloc(sizeof *p);
    mixture *start = malloc(sizeof *start);
    for (uint64_t i = 0; i < cases; i++) {
        make_problem(p, &kinds[i % KINDS], i);
        make_start(start, p, (fgmm_covariance)_i);
        now_testing("%s, data %llu", fgmm_covariance_name((fgmm_covariance)_i), (unsigned long long)i);
        check_iterations(p, start, ITERATIONS);
    }
    free(start);
    free(p);
}
END_TEST

START_TEST(test_invariants__of_em_with_outliers)
{
    const uint64_t cases = getenv("FG_TEST_ALL") ? ALL_OUTLIERS : SAMPLE_OUTLIERS;
    problem *p = malloc(sizeof *p);
    mixture *start = malloc(sizeof *start);
    for (uint64_t i = 0; i < cases; i++) {
        make_problem(p, &outlier_kinds[i % OUTLIER_KINDS], 1000 + i);
        make_start(start, p, (fgmm_covariance)_i);
        now_testing("%s, data %llu", fgmm_covariance_name((fgmm_covariance)_i), (unsigned long long)i);
        check_iterations(p, start, ITERATIONS);
    }
    free(start);
    free(p);
}
END_TEST

/* From first centres and k-means, where the first covariances are those of clusters; then from these against double
 * precision. */
static void check_from_kmeans(problem *p, fgmm_covariance covariance)
{
    outcome *o = malloc(sizeof *o);
    fit(o, NULL, covariance, p, 0);
    check_result(p, o);
    fgmm_fit_report_clear(&o->report);
    check_iterations(p, &o->m, ITERATIONS);
    free(o);
}

START_TEST(test_invariants__of_few_rows_from_kmeans)
{
    static const struct {
        uint64_t n, d, k;
        double width;
        fgmm_covariance covariance;
    } cases[] = {{100, 39, 8, 30, FGMM_FULL},
                 {20, 10, 5, 360, FGMM_FULL},
                 {20, 10, 10, 360, FGMM_FULL},
                 {20, 10, 19, 360, FGMM_TIED},
                 {5, 39, 2, 3, FGMM_TIED}};
    problem *p = malloc(sizeof *p);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        *p = (problem){.kind = "few rows", .n = cases[i].n, .d = cases[i].d, .k = cases[i].k, .reg_covar = 1e-6};
        fg_rng_init(&p->rng, i, 39, 0);
        for (uint64_t e = 0; e < p->n * p->d; e++)
            p->rows[e] = (double)(float)(cases[i].width * (fg_rng_uniform(&p->rng) - 0.5));
        check_from_kmeans(p, cases[i].covariance);
    }
    free(p);
}
END_TEST

START_TEST(test_invariants__of_percentages_from_kmeans)
{
    problem *p = malloc(sizeof *p);
    *p = (problem){.kind = "percentages", .n = 2000, .d = 5, .k = 2, .reg_covar = 1e-6};
    fg_rng_init(&p->rng, 1, 40, 0);
    percentages(p);
    check_from_kmeans(p, FGMM_FULL);
    check_from_kmeans(p, FGMM_TIED);
    free(p);
}
END_TEST

/* Grey values of 8 x 8 pixels: whole numbers up to 16, of strokes that are much alike in each of ten kinds. Some pixels
 * are never reached, and there are fewer rows to a component than dimensions. */
static void digits(problem *p)
{
    enum { SIDE = 8, KINDS_OF_DIGITS = 10, POINTS = 3, MOST = 16 };
    double points[KINDS_OF_DIGITS * POINTS][2];
    for (uint64_t i = 0; i < KINDS_OF_DIGITS * POINTS; i++)
        for (int c = 0; c < 2; c++) points[i][c] = 1.5 + 4 * fg_rng_uniform(&p->rng);
    for (uint64_t i = 0; i < p->n; i++) {
        const double width = 0.8 + 0.2 * fg_rng_uniform(&p->rng), right = 0.5 * fg_rng_normal(&p->rng);
        double *row = p->rows + i * p->d;
        for (uint64_t j = 0; j < p->d; j++) row[j] = 0;
        for (int q = 0; q < POINTS; q++) {
            const double *at = points[i % KINDS_OF_DIGITS * POINTS + (uint64_t)q];
            const double x = at[0] + right, y = at[1] + 0.3 * fg_rng_normal(&p->rng);
            for (uint64_t j = 0; j < p->d; j++) {
                const double dx = (double)(j % SIDE) - x, dy = (double)(j / SIDE) - y;
                row[j] += 1.2 * MOST * exp(-(dx * dx + dy * dy) / (2 * width * width));
            }
        }
        for (uint64_t j = 0; j < p->d; j++) row[j] = j % 3 && j / SIDE ? fmin(MOST, rint(row[j])) : 0;
    }
}

/* Sizes of cells: radius, perimeter and area, which nearly follow from one another, and ratios, each by mean, error and
 * largest; from thousandths to thousands. */
static void cells(problem *p)
{
    enum { MEASURES = 10, FORMS = 3 };
    static const double decimals = 1e5;
    for (uint64_t i = 0; i < p->n; i++) {
        double *row = p->rows + i * p->d;
        const double size = exp(2.6 + 0.25 * fg_rng_normal(&p->rng) + (i % 3 ? 0 : 0.4));
        for (uint64_t f = 0; f < FORMS; f++) {
            const double form = f == 1 ? 0.03 * exp(0.5 * fg_rng_normal(&p->rng)) : f == 2 ? 1.2 : 1;
            const double radius = size * form * (1 + 0.02 * fg_rng_normal(&p->rng));
            double *at = row + f * MEASURES;
            at[0] = radius;
            at[1] = 6.5 * radius * (1 + 0.002 * fg_rng_normal(&p->rng));
            at[2] = 3.1 * radius * radius * (1 + 0.004 * fg_rng_normal(&p->rng));
            for (int j = 3; j < MEASURES; j++)
                at[j] = form * pow(10, -(j % 3)) * (1 + 0.3 * fg_rng_normal(&p->rng) + 0.01 * size);
        }
        for (uint64_t j = 0; j < p->d; j++) row[j] = rint(row[j] * decimals) / decimals;
    }
}

START_TEST(test_invariants__of_few_rows_of_many_dependent_columns)
{
    static const struct {
        const char *name;
        void (*make)(problem *p);
        uint64_t n, d, k;
    } cases[] = {{"digits", digits, 600, 64, 10}, {"digits", digits, 600, 64, 20}, {"cells", cells, 569, 30, 20}};
    problem *p = malloc(sizeof *p);
    *p = (problem){.kind = cases[_i].name, .n = cases[_i].n, .d = cases[_i].d, .k = cases[_i].k, .reg_covar = 1e-6};
    fg_rng_init(&p->rng, 1, 45, 0);
    cases[_i].make(p);
    for (uint64_t i = 0; i < p->n * p->d; i++) p->rows[i] = (double)(float)p->rows[i];
    check_from_kmeans(p, FGMM_FULL);
    free(p);
}
END_TEST

/* ---- one component: the closed form ---- */

/* The largest element of L^-1 A L^-T - I in size, for B = L L^T: how far A is from B, in B's own deviations. */
static double difference_of(const double *a, const double *b, uint64_t d, double *loss)
{
    double u[MOST_D * MOST_D], w[MOST_D * MOST_D], worst = 0;
    memcpy(u, b, (size_t)(d * d) * sizeof *u);
    ck_assert_uint_eq(fg_cholesky(u, d), d);
    *loss = fg_cholesky_loss(u, b, d);
    fg_cholesky_inverse(w, u, d);
    for (uint64_t i = 0; i < d; i++)
        for (uint64_t j = 0; j < d; j++) {
            double sum = 0;
            for (uint64_t c = 0; c < d; c++)
                for (uint64_t e = 0; e < d; e++) sum += w[i * d + c] * w[j * d + e] * (a[c * d + e] - b[c * d + e]);
            worst = fmax(worst, fabs(sum));
        }
    return worst;
}

/* K = 1: whatever the start, one iteration gives mean and covariance of the rows. What rows and products s are rounded
 * by in float32 adds some 2^-48 of the columns' variances, and is correlated with the rows by chance, 1 / sqrt(N) of
 * 2^-24 of their deviations (an outlier: of its own), which moves the log-likelihood by its square only. */
static void check_closed_form(const problem *p)
{
    mixture *exact = malloc(sizeof *exact);
    outcome *o = malloc(sizeof *o);
    double *r = malloc(p->n * sizeof *r), loss;
    for (uint64_t i = 0; i < p->n; i++) r[i] = 1;
    *exact = (mixture){.covariance = FGMM_FULL, .k = 1, .d = p->d};
    m_step(exact, r, p);
    fit(o, NULL, FGMM_FULL, p, 2);
    const double wanted = e_step(r, exact, p), own = check_result(p, o);
    const double difference = difference_of(o->m.covariances, exact->covariances, p->d, &loss);
    check(p, exact, "difference from the covariance", difference,
          1e-6 + 0x1p-18 * sqrt(loss / (double)p->n) + 0x1p-47 * loss);
    check(p, exact, "difference of the log-likelihood", fabs(own - wanted), 1e-6 + 0x1p-47 * loss);
    fgmm_fit_report_clear(&o->report);
    free(r);
    free(o);
    free(exact);
}

START_TEST(test_invariants__one_component_is_the_closed_form)
{
    static const struct {
        const char *name;
        void (*make)(problem *p);
        double reg_covar;
    } cases[] = {{"near-dependent times 1000", near_dependent_thousand, 1e-6},
                 {"outlier", outlier, 1e-6},
                 {"percentages", percentages, 1e-6},
                 {"smooth", smooth, 0},
                 {"line", line, 0},
                 {"line", line, 0},
                 {"line", line, 0}};
    problem *p = malloc(sizeof *p);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        *p = (problem){.kind = cases[i].name, .n = MOST_ROWS, .d = 5, .k = 1, .reg_covar = cases[i].reg_covar};
        fg_rng_init(&p->rng, i, 41, 0);
        cases[i].make(p);
        check_closed_form(p);
    }
    free(p);
}
END_TEST

/* ---- a start far away ---- */

/* Two groups of rows, and means that are a thousand deviations off, each nearer to its own group: after one iteration
 * covariances are those of the groups. */
START_TEST(test_invariants__first_iteration_from_far_away_is_exact)
{
    enum { D = 5 };
    const fgmm_covariance covariance = (fgmm_covariance)_i;
    problem *p = malloc(sizeof *p);
    mixture *start = malloc(sizeof *start), *exact = malloc(sizeof *exact);
    now_testing("%s", fgmm_covariance_name(covariance));
    outcome *o = malloc(sizeof *o);
    *p = (problem){.kind = "far away", .n = 1000, .d = D, .k = 2, .reg_covar = 0};
    fg_rng_init(&p->rng, 1, 42, 0);
    double *r = calloc(p->n * 2, sizeof *r);
    for (uint64_t i = 0; i < p->n; i++) {
        r[2 * i + i % 2] = 1;
        for (uint64_t j = 0; j < D; j++)
            p->rows[i * D + j] = rint(1024 * fg_rng_normal(&p->rng)) / 1024 + (j == 0 ? 2000.0 * (double)(i % 2) : 0);
    }
    *exact = (mixture){.covariance = covariance, .k = 2, .d = D};
    m_step(exact, r, p);
    *start = *exact;
    for (uint64_t j = 0; j < D; j++) {
        start->means[j] -= 1000;
        start->means[D + j] += 1000;
    }
    fit(o, start, covariance, p, 1);
    for (uint64_t c = 0; c < fg_covariance_count(covariance, 2, D); c++)
        ck_assert_double_eq_tol(o->m.covariances[c], exact->covariances[c], 1e-6);
    for (uint64_t c = 0; c < 2 * D; c++) ck_assert_double_eq_tol(o->m.means[c], exact->means[c], 1e-6);
    fgmm_fit_report_clear(&o->report);
    free(r);
    free(o);
    free(exact);
    free(start);
    free(p);
}
END_TEST

/* A start whose variances are 1e8 times too large, K = 1: the same, whatever the log-densities' rounding is in the old
 * deviations. */
START_TEST(test_invariants__first_iteration_from_wide_variances_is_exact)
{
    const fgmm_covariance covariance = (fgmm_covariance)_i;
    problem *p = malloc(sizeof *p);
    mixture *start = malloc(sizeof *start), *exact = malloc(sizeof *exact);
    now_testing("%s", fgmm_covariance_name(covariance));
    outcome *o = malloc(sizeof *o);
    *p = (problem){.kind = "wide start", .n = 1000, .d = 5, .k = 1, .reg_covar = 0};
    fg_rng_init(&p->rng, 1, 43, 0);
    double *r = calloc(p->n, sizeof *r);
    blobs(p);
    for (uint64_t i = 0; i < p->n; i++) r[i] = 1;
    *exact = (mixture){.covariance = covariance, .k = 1, .d = p->d};
    m_step(exact, r, p);
    *start = *exact;
    for (uint64_t c = 0; c < fg_covariance_count(covariance, 1, p->d); c++) start->covariances[c] *= 1e8;
    fit(o, start, covariance, p, 1);
    for (uint64_t c = 0; c < fg_covariance_count(covariance, 1, p->d); c++)
        ck_assert_double_eq_tol(o->m.covariances[c], exact->covariances[c], 1e-6);
    fgmm_fit_report_clear(&o->report);
    free(r);
    free(o);
    free(exact);
    free(start);
    free(p);
}
END_TEST

/* Two clusters a million deviations apart, and the narrow one below what float32 rows hold: both paths about the
 * means. */
START_TEST(test_invariants__far_clusters_by_either_path)
{
    outcome *o = malloc(sizeof *o);
    problem *p = malloc(sizeof *p);
    *p = (problem){.kind = "far clusters", .n = 400, .d = 2, .k = 2, .reg_covar = 1e-6};
    fg_rng_init(&p->rng, 1, 44, 0);
    for (uint64_t i = 0; i < 400; i++)
        for (uint64_t j = 0; j < 2; j++)
            p->rows[2 * i + j] = i < 200 ? fg_rng_normal(&p->rng) : (j ? -1e6 : 1e6) + 1e-2 * fg_rng_normal(&p->rng);
    path = (fgmm_path)_i;
    fit(o, NULL, FGMM_SPHERICAL, p, 5);
    for (uint64_t c = 0; c < 2; c++) {
        const int is_wide = fabs(o->m.means[2 * c]) < 10;
        ck_assert_double_le(o->m.covariances[c], is_wide ? 1.3 : 1e-2);
        ck_assert_double_ge(o->m.covariances[c], is_wide ? 0.7 : 1e-6 * (1 - 1e-9));
    }
    fgmm_fit_report_clear(&o->report);
    free(p);
    free(o);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("invariants");
    TCase *group = tcase_create("group");
    TCase *em = tcase_create("em");
    tcase_add_loop_test(em, test_invariants__of_em_on_hard_data, 0, TYPES);
    tcase_add_loop_test(em, test_invariants__of_em_with_outliers, FGMM_SPHERICAL, FGMM_DIAG + 1);
    tcase_add_test(em, test_invariants__of_few_rows_from_kmeans);
    tcase_add_test(em, test_invariants__of_percentages_from_kmeans);
    tcase_add_loop_test(em, test_invariants__of_few_rows_of_many_dependent_columns, 0, 3);
    tcase_add_test(em, test_invariants__one_component_is_the_closed_form);
    tcase_add_loop_test(em, test_invariants__first_iteration_from_far_away_is_exact, 0, TYPES);
    tcase_add_loop_test(em, test_invariants__first_iteration_from_wide_variances_is_exact, 0, TYPES);
    tcase_add_loop_test(em, test_invariants__far_clusters_by_either_path, FGMM_PATH_SPARSE, FGMM_PATH_DENSE + 1);
    tcase_add_checked_fixture(em, setup, teardown);
    tcase_set_timeout(em, 600);
    suite_add_tcase(s, em);
    tcase_add_loop_test(group, test_invariants__of_em_on_hard_data, 0, TYPES);
    tcase_add_loop_test(group, test_invariants__of_em_with_outliers, FGMM_SPHERICAL, FGMM_DIAG + 1);
    tcase_add_test(group, test_invariants__of_percentages_from_kmeans);
    tcase_add_loop_test(group, test_invariants__far_clusters_by_either_path, FGMM_PATH_SPARSE, FGMM_PATH_DENSE + 1);
    tcase_add_checked_fixture(group, setup_group, teardown);
    tcase_set_timeout(group, 600);
    suite_add_tcase(s, group);
    return s;
}
