/* test_error_bound.c - the bound that a fit's report states, against what float32 does to log-likelihoods: random
 * mixtures of every covariance type, near the origin and far from it, well and badly conditioned, of columns of like
 * and of widely different scale, whole numbers and halves, with and without an outlier that has a component of its own.
 * Parameters are the moments of the rows that were drawn, so that rows are as far from their components as they say. */
#include "covariances.h"
#include "mixtures.h"
#include "model.h"
#include "reference.h"
#include "rng.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DIMS = 64 };
/* Rows this much farther from their component than sqrt(D), in deviations, are not near (docs/math.md, "The stated
 * bound"). */
static const double near_deviations = 5;
/* A bound is useful where it is not farther above the error. */
static const double most_excess = 1e3;

typedef struct bound_case {
    fgmm_covariance covariance;
    fgmm_backend backend;
    fgmm_type type;
    uint64_t n, d, k, seed;
    double condition;  /* largest over least eigenvalue of a covariance, before columns are scaled */
    double far;        /* of the data's centre from the origin, in deviations */
    double separation; /* of means, in deviations */
    double unlike;     /* columns' scales are 10^(-unlike .. unlike) */
    int is_whole, has_outlier;
} bound_case;

/* What was drawn: rows in their type and in double, and the mixture of their moments. */
typedef struct drawn {
    void *rows;
    double *x;
    uint64_t n, *label;
    double *weights, *means, *covariances;
    fgmm_model *model;
} drawn;

static fgmm_device *device;
static fgmm_backend open_backend;

static void open_backend_device(fgmm_backend backend)
{
    if (device && open_backend == backend) return;
    fgmm_device_close(device);
    device = open_test_backend(backend);
    open_backend = backend;
}

static void close_backend_device(void)
{
    fgmm_device_close(device);
    device = NULL;
}

/* ---- rows ---- */

static double uniform(fg_rng *rng, double least, double most)
{
    return least + (most - least) * fg_rng_uniform(rng);
}

/* a (d,d): columns of a random rotation times the roots of eigenvalues from 1 / condition to 1; rows times scales. */
static void draw_shape(double *a, const bound_case *c, const double *scales, fg_rng *rng)
{
    const uint64_t d = c->d;
    for (uint64_t j = 0; j < d; j++) {
        double length = 0;
        for (uint64_t i = 0; i < d; i++) a[i * d + j] = fg_rng_normal(rng);
        for (uint64_t twice = 0; twice < 2; twice++)
            for (uint64_t e = 0; e < j; e++) {
                double product = 0;
                for (uint64_t i = 0; i < d; i++) product += a[i * d + e] * a[i * d + j];
                for (uint64_t i = 0; i < d; i++) a[i * d + j] -= product * a[i * d + e];
            }
        for (uint64_t i = 0; i < d; i++) length += a[i * d + j] * a[i * d + j];
        for (uint64_t i = 0; i < d; i++) a[i * d + j] /= sqrt(length);
    }
    for (uint64_t j = 0; j < d; j++) {
        const double root = pow(c->condition, -0.5 * (d > 1 ? (double)j / (double)(d - 1) : 0));
        for (uint64_t i = 0; i < d; i++) a[i * d + j] *= root * scales[i];
    }
}

static uint16_t to_half(double value)
{
    int exponent;
    const double fraction = frexp(fabs(value), &exponent);
    uint16_t half = 0;
    if (exponent > -14) half = (uint16_t)(((exponent + 14) << 10) + (int)(rint(fraction * 2048) - 1024));
    return (uint16_t)(half | (value < 0 ? 0x8000 : 0));
}

static double from_half(uint16_t half)
{
    const int exponent = half >> 10 & 31, mantissa = half & 1023;
    const double value = exponent ? ldexp(mantissa + 1024, exponent - 25) : ldexp(mantissa, -24);
    return half >> 15 ? -value : value;
}

static double storage(void *rows, fgmm_type type, size_t i, double value)
{
    switch (type) {
    case FGMM_U8:
        return ((uint8_t *)rows)[i] = (uint8_t)fmin(255, fmax(0, rint(value)));
    case FGMM_I8:
        return ((int8_t *)rows)[i] = (int8_t)fmin(127, fmax(-128, rint(value)));
    case FGMM_F16:
        return from_half(((uint16_t *)rows)[i] = to_half(value));
    case FGMM_F32:
        return (double)(((float *)rows)[i] = (float)value);
    case FGMM_F64:
        break;
    }
    return ((double *)rows)[i] = value;
}

static int is_byte(fgmm_type type)
{
    return type == FGMM_U8 || type == FGMM_I8;
}

/* Where components lie, and their shapes. */
typedef struct places {
    double *scales;         /* (d) of columns */
    double *points, *roots; /* (k,d), (k,d,d) */
} places;

static places draw_places(const bound_case *c, fg_rng *rng)
{
    const uint64_t d = c->d, k = c->k;
    const double whole_unit = 30 * sqrt(c->condition), unit = is_byte(c->type)      ? 20
                                                              : c->type == FGMM_F16 ? 8
                                                              : c->is_whole         ? whole_unit
                                                                                    : uniform(rng, 0.1, 10);
    places p = {calloc(d, sizeof *p.scales), calloc(k * d, sizeof *p.points), calloc(k * d * d, sizeof *p.roots)};
    bound_case own = *c;
    if (c->covariance == FGMM_SPHERICAL) own.condition = 1;
    for (uint64_t j = 0; j < d; j++) {
        p.scales[j] = unit * pow(10, uniform(rng, -c->unlike, c->unlike));
        const double sign = fg_rng_below(rng, 2) ? 1 : -1, away = c->far * p.scales[j] * uniform(rng, 0.5, 1);
        const double centre = c->type == FGMM_U8 ? 128 : is_byte(c->type) ? 0 : sign * away;
        for (uint64_t i = 0; i < k; i++)
            p.points[i * d + j] = centre + c->separation * p.scales[j] * fg_rng_normal(rng);
    }
    for (uint64_t i = 0; i < k; i++) {
        double *root = p.roots + i * d * d;
        const double width = c->covariance == FGMM_TIED || c->seed % 3 > 0 ? 1 : pow(10, uniform(rng, -1, 1));
        if (i > 0 && c->covariance == FGMM_TIED)
            memcpy(root, p.roots, d * d * sizeof *root);
        else
            draw_shape(root, &own, p.scales, rng);
        for (uint64_t e = 0; e < d * d; e++) root[e] *= width;
    }
    return p;
}

/* Row i of component k, the last of which is one row far out where the case has an outlier. */
static void draw_row(drawn *p, const bound_case *c, const places *at, uint64_t i, uint64_t k, fg_rng *rng)
{
    const uint64_t d = c->d;
    const int is_outlier = c->has_outlier && k + 1 == c->k;
    double g[MOST_DIMS];
    for (uint64_t j = 0; j < d; j++) g[j] = fg_rng_normal(rng);
    for (uint64_t j = 0; j < d; j++) {
        double value = at->points[k * d + j];
        for (uint64_t e = 0; e < d && !is_outlier; e++) value += at->roots[(k * d + j) * d + e] * g[e];
        if (is_outlier) value += at->scales[j] * pow(10, 2 + (double)(c->seed % 4)) * g[j];
        p->x[i * d + j] = storage(p->rows, c->type, i * d + j, c->is_whole ? rint(value) : value);
    }
    p->label[i] = k;
}

static void draw_rows_of(drawn *p, const bound_case *c, fg_rng *rng)
{
    const places at = draw_places(c, rng);
    const uint64_t others = c->has_outlier ? c->k - 1 : c->k;
    for (uint64_t i = 0; i < c->n; i++) draw_row(p, c, &at, i, i < c->k ? i : fg_rng_below(rng, others), rng);
    free(at.scales);
    free(at.points);
    free(at.roots);
}

/* ---- parameters ---- */

/* Adds row i's part of the second moments to what has the form of covariances; share: of one row. */
static void add_second(drawn *p, const bound_case *c, uint64_t i, double share)
{
    const uint64_t d = c->d, k = p->label[i];
    const double *x = p->x + i * d, *m = p->means + k * d;
    double *matrix = p->covariances + (c->covariance == FGMM_FULL ? k * d * d : 0);
    for (uint64_t a = 0; a < d; a++) {
        const double t = x[a] - m[a];
        if (c->covariance == FGMM_SPHERICAL) p->covariances[k] += share * t * t / (double)d;
        if (c->covariance == FGMM_DIAG) p->covariances[k * d + a] += share * t * t;
        if (!fg_covariance_matrices(c->covariance, c->k)) continue;
        for (uint64_t b = 0; b < d; b++) matrix[a * d + b] += share * t * (x[b] - m[b]);
    }
}

/* Moments of the rows by label; variances get a little more, 1e-9 of the column's first and 1e-12. */
static void compute_moments(drawn *p, const bound_case *c)
{
    const uint64_t d = c->d, n = c->n;
    double *count = calloc(c->k, sizeof *count);
    for (uint64_t i = 0; i < n; i++) count[p->label[i]]++;
    for (uint64_t i = 0; i < n * d; i++) p->means[p->label[i / d] * d + i % d] += p->x[i] / count[p->label[i / d]];
    for (uint64_t i = 0; i < n; i++)
        add_second(p, c, i, 1 / (c->covariance == FGMM_TIED ? (double)n : count[p->label[i]]));
    for (uint64_t k = 0; k < c->k; k++) {
        p->weights[k] = count[k] / (double)n;
        for (uint64_t j = 0; j < fg_covariance_width(c->covariance, d); j++) {
            const double first = p->covariances[fg_variance_place(c->covariance, d, 0, j)];
            p->covariances[fg_variance_place(c->covariance, d, k, j)] += 1e-9 * first + 1e-12;
        }
    }
    free(count);
}

static drawn draw(const bound_case *c)
{
    drawn p = {.n = c->n};
    fg_rng rng;
    fg_rng_init(&rng, c->seed, 4711, 0);
    p.rows = calloc(c->n * c->d, fgmm_type_bytes(c->type));
    p.x = calloc(c->n * c->d, sizeof *p.x);
    p.label = calloc(c->n, sizeof *p.label);
    p.weights = calloc(c->k, sizeof *p.weights);
    p.means = calloc(c->k * c->d, sizeof *p.means);
    p.covariances = calloc(fg_covariance_count(c->covariance, c->k, c->d), sizeof *p.covariances);
    draw_rows_of(&p, c, &rng);
    compute_moments(&p, c);
    ck_ok(fgmm_model_create(&p.model, c->covariance, c->k, c->d, p.weights, p.means, p.covariances));
    return p;
}

static void free_drawn(drawn *p)
{
    free(p->rows);
    free(p->x);
    free(p->label);
    free(p->weights);
    free(p->means);
    free(p->covariances);
    fgmm_model_free(p->model);
}

/* ---- errors ---- */

typedef struct errors {
    double of_mean, of_row, bound; /* of_row: the largest of rows near their component */
} errors;

/* Compares log-likelihoods that were found with those of the parameters in double. */
static void compare(errors *e, const drawn *p, const fg_parameters *q, const double *found, double mean)
{
    const uint64_t n = p->n, k = q->k;
    double *l = calloc(n * k, sizeof *l), *logz = calloc(n, sizeof *logz), *peaks = calloc(k * k, sizeof *peaks);
    double *r = calloc(n * k, sizeof *r), sum = 0;
    fg_reference_log_density(l, q, p->x, n);
    fg_reference_responsibilities(logz, r, l, n, k);
    fg_reference_log_density(peaks, q, q->means, k);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t best = 0;
        for (uint64_t j = 1; j < k; j++) best = r[i * k + j] > r[i * k + best] ? j : best;
        /* near by what was found, too: rounding may have moved a row there */
        const double density = fmax(l[i * k + best], found[i] + log(r[i * k + best]));
        const double distance = sqrt(2 * fmax(0, peaks[best * k + best] - density));
        if (distance <= sqrt((double)q->d) + near_deviations) e->of_row = fmax(e->of_row, fabs(found[i] - logz[i]));
        sum += logz[i];
    }
    e->of_mean = fabs(mean - sum / (double)n);
    free(l);
    free(logz);
    free(peaks);
    free(r);
}

/* Of parameters that are as near to the rows as can be; where there is an outlier, of what one iteration makes of
 * them. */
static errors measure(const bound_case *c)
{
    errors e = {0};
    drawn p = draw(c);
    fgmm_source *source = memory_source(p.rows, c->type, c->n, c->d);
    fgmm_model *fitted;
    fgmm_fit_options options = fgmm_fit_options_init();
    fgmm_fit_report report = fgmm_fit_report_init();
    open_backend_device(c->backend);
    options.components = c->k;
    options.covariance = c->covariance;
    options.init = FGMM_INIT_MODEL;
    options.start = p.model;
    options.kmeans_iterations = 0;
    options.max_iterations = (uint32_t)c->has_outlier;
    options.reg_covar = c->has_outlier ? 1e-6 : 0;
    ck_ok(fgmm_fit(&fitted, device, source, &options, &report));
    const fg_parameters q = fg_model_parameters(fitted);
    double *found = calloc(c->n, sizeof *found);
    ck_ok(fgmm_score(device, fitted, source, NULL, found));
    compare(&e, &p, &q, found, report.log_likelihood);
    e.bound = report.error_bound_nats;
    fgmm_fit_report_clear(&report);
    fgmm_model_free(fitted);
    fgmm_source_close(source);
    free(found);
    free_drawn(&p);
    return e;
}

/* The bound must hold. */
static errors check_case(const bound_case *c)
{
    const errors e = measure(c);
    const double error = fmax(e.of_row, e.of_mean);
    ck_assert_msg(error <= e.bound,
                  "%s, %s kernels, %s, seed %llu: N %llu D %llu K %llu condition %g far %g separation %g unlike %g "
                  "whole %d outlier %d: rows are off by %g, their mean by %g, and the bound is %g",
                  fgmm_covariance_name(c->covariance), fgmm_backend_name(c->backend), fgmm_type_name(c->type),
                  (unsigned long long)c->seed, (unsigned long long)c->n, (unsigned long long)c->d,
                  (unsigned long long)c->k, c->condition, c->far, c->separation, c->unlike, c->is_whole, c->has_outlier,
                  e.of_row, e.of_mean, e.bound);
    return e;
}

/* Not far above the error? */
static int is_useful(const errors *e)
{
    return e->bound <= most_excess * e->of_row;
}

/* ---- random cases ---- */

/* What a case is made of: each type with each number of dimensions is some programs to compile. all: every one. */
static bound_case random_case(fgmm_covariance covariance, uint64_t seed, int all)
{
    static const fgmm_type types[] = {FGMM_F32, FGMM_F64, FGMM_U8, FGMM_F32, FGMM_F64, FGMM_F16, FGMM_I8};
    static const uint64_t dims[] = {5, 24, 1, 2, 64}, components[] = {1, 2, 3, 5, 12, 40};
    const int is_matrix = covariance == FGMM_FULL || covariance == FGMM_TIED;
    fg_rng rng;
    fg_rng_init(&rng, seed, 4712 + (uint64_t)covariance, 0);
    bound_case c = {.covariance = covariance, .seed = seed};
    c.type = types[fg_rng_below(&rng, all ? 7 : 3)];
    c.d = dims[c.type == FGMM_U8 && !all ? 0 : fg_rng_below(&rng, all ? 5 : 2)];
    c.backend = all && seed % 5 == 4 ? FGMM_BACKEND_GPU_WORKGROUP : FGMM_BACKEND_AUTO;
    if (covariance == FGMM_SPHERICAL && seed % 5 == 3) c.backend = FGMM_BACKEND_MATRIX_UNIT;
    c.k = components[fg_rng_below(&rng, is_matrix ? 4 : 6)];
    c.n = 300 + fg_rng_below(&rng, 1500) + (covariance == FGMM_FULL ? 3 * c.d * c.k : 0);
    c.condition = fg_rng_below(&rng, 3) ? pow(10, uniform(&rng, 0, 6)) : 1;
    c.far = fg_rng_below(&rng, 3) ? pow(10, uniform(&rng, 0, 4.5)) : 0;
    c.separation = pow(10, fg_rng_below(&rng, 2) ? uniform(&rng, -0.5, 1) : uniform(&rng, 1, 4));
    const int is_float = c.type == FGMM_F32 || c.type == FGMM_F64;
    if (is_float && fg_rng_below(&rng, 4) == 0) c.unlike = covariance == FGMM_SPHERICAL ? 0.5 : 3;
    c.is_whole = is_float && c.unlike < 1 && fg_rng_below(&rng, 4) == 0;
    c.has_outlier = is_float && c.k > 1 && fg_rng_below(&rng, 5) == 0;
    if (c.has_outlier) c.condition = fmin(c.condition, 100); /* a step from it stays there */
    if (c.type == FGMM_F16) {                                /* at most 65504 */
        c.condition = fmin(c.condition, 1e3);
        c.far = fmin(c.far, 100);
        c.separation = fmin(c.separation, 100);
    }
    if (is_byte(c.type)) {
        c.condition = fmin(c.condition, 10);
        c.separation = fmin(c.separation, 1);
    }
    return c;
}

/* FG_TEST_ALL in the environment: 200 cases of every kind, without it a sample. */
static void check_covariance(fgmm_covariance covariance)
{
    const int all = getenv("FG_TEST_ALL") != NULL;
    const uint64_t cases = all ? 200 : 20;
    uint64_t useful = 0;
    for (uint64_t seed = 0; seed < cases; seed++) {
        const bound_case c = random_case(covariance, seed, all);
        const errors e = check_case(&c);
        useful += (uint64_t)is_useful(&e);
    }
    ck_assert_msg(10 * useful >= 9 * cases, "%s: %llu of %llu bounds are not far above the error",
                  fgmm_covariance_name(covariance), (unsigned long long)useful, (unsigned long long)cases);
}

START_TEST(test_error_bound__holds_for_random_mixtures)
{
    check_covariance((fgmm_covariance)_i);
}
END_TEST

/* Small directions amplify the rounding of means that are far from the shift. */
START_TEST(test_error_bound__holds_for_ill_conditioned_whole_numbers)
{
    for (uint64_t seed = 0; seed < 3; seed++) {
        bound_case c = {.type = FGMM_F32, .n = 2000, .d = 5, .k = 3, .seed = seed};
        c.condition = 1e4;
        c.far = 1e3;
        c.separation = 300;
        c.is_whole = 1;
        for (int covariance = covariance_from(0, 1); covariance < COVARIANCES;
             covariance = covariance_from(covariance + 1, 1)) {
            now_testing("%s", fgmm_covariance_name((fgmm_covariance)covariance));
            c.covariance = (fgmm_covariance)covariance;
            const errors e = check_case(&c);
            ck_assert(is_useful(&e));
        }
    }
}
END_TEST

/* A component that is one row, and nearly flat: what rounding leaves of numbers as large matters, if it leaves any. */
START_TEST(test_error_bound__is_no_larger_for_an_outlier)
{
    static const double most = 1e-3;
    for (int covariance = 0; covariance < COVARIANCES; covariance++)
        for (int is_whole = 0; is_whole <= 1; is_whole++) {
            bound_case c = {.type = is_whole ? FGMM_F64 : FGMM_F32, .n = 1000, .d = 5, .k = 2, .seed = 3};
            c.covariance = (fgmm_covariance)covariance;
            c.condition = 1;
            c.separation = 0.5;
            c.is_whole = is_whole;
            c.has_outlier = 1;
            const errors e = check_case(&c);
            ck_assert_msg(is_useful(&e) && e.bound < most, "%s, whole %d: the bound is %g, the error %g",
                          fgmm_covariance_name(c.covariance), is_whole, e.bound, e.of_row);
        }
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("error_bound");
    TCase *random = tcase_create("random"), *known = tcase_create("known");
    TCase *const cases[] = {random, known};
    tcase_add_loop_test(random, test_error_bound__holds_for_random_mixtures, 0, COVARIANCES);
    tcase_add_test(known, test_error_bound__holds_for_ill_conditioned_whole_numbers);
    tcase_add_test(known, test_error_bound__is_no_larger_for_an_outlier);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tcase_add_checked_fixture(cases[i], NULL, close_backend_device);
        tcase_set_timeout(cases[i], 3600);
        suite_add_tcase(s, cases[i]);
    }
    return s;
}
