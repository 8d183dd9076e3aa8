/* passes.c - helpers of passes.h. */
#include "passes.h"

#include "pretend.h"
#include "rng.h"
#include "size.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>

const double log_tolerance = 4e-6;
const double promised_nats = 1e-3;
/* Sums of N rows, each weighted with a responsibility whose exponent is off by log_tolerance x |log p|. */
static const double sum_tolerance = 2e-4;

const fg_tile quick_group_tile = {
    .vw = 4, .rows = 32, .vectors = 32, .block = 64, .chunk = 256, .depth = 8, .local = 64, .across = 8, .blas = 1};

const fg_tile *quick_tile(fgmm_backend backend)
{
    return backend == FGMM_BACKEND_GPU_WORKGROUP ? &quick_group_tile : NULL;
}

/* ---- rows and parameters ---- */

static float half_to_float(uint16_t h)
{
    const int exponent = h >> 10 & 31, mantissa = h & 1023;
    const float value = exponent ? ldexpf((float)(mantissa + 1024), exponent - 25) : ldexpf((float)mantissa, -24);
    return h >> 15 ? -value : value;
}

/* One element of the type that is near `value` (in -100..100), and its exact value. */
static double store_element(void *rows, fgmm_type type, size_t i, double value)
{
    switch (type) {
    case FGMM_U8:
        return ((uint8_t *)rows)[i] = (uint8_t)fmin(255, fmax(0, rint(value + 128)));
    case FGMM_I8:
        return ((int8_t *)rows)[i] = (int8_t)rint(fmin(127, fmax(-128, value)));
    case FGMM_F16: {
        int exponent;
        const double fraction = frexp(fabs(value), &exponent); /* 0.5 .. 1 */
        uint16_t half = 0;
        if (fabs(value) > 1e-4) half = (uint16_t)((exponent + 14) << 10 | ((int)(fraction * 2048) - 1024));
        if (value < 0) half |= 0x8000;
        ((uint16_t *)rows)[i] = half;
        return (double)half_to_float(half);
    }
    default:
        return (double)(((float *)rows)[i] = (float)value);
    }
}

/* variance (diag (0.5 .. 1.5) + B B^T / d), B random (d,d): correlated, and safely positive definite. */
static void make_matrix(double *matrix, uint64_t d, double variance, fg_rng *rng)
{
    double *b = calloc((size_t)(d * d), sizeof *b);
    for (uint64_t i = 0; i < d * d; i++) b[i] = fg_rng_normal(rng);
    for (uint64_t i = 0; i < d; i++)
        for (uint64_t j = 0; j <= i; j++) {
            double sum = i == j ? 0.5 + fg_rng_uniform(rng) : 0;
            for (uint64_t e = 0; e < d; e++) sum += b[i * d + e] * b[j * d + e] / (double)d;
            matrix[i * d + j] = matrix[j * d + i] = variance * sum;
        }
    free(b);
}

problem make_problem(const shape_case *c)
{
    problem p = {0};
    const size_t count = (size_t)(c->n * c->d), variances = (size_t)fg_covariance_count(c->covariance, c->k, c->d);
    const uint64_t matrices = fg_covariance_matrices(c->covariance, c->k);
    fg_rng rng;
    fg_rng_init(&rng, c->n * 1000003 + c->d * 1009 + c->k, 77, 0);
    p.rows = calloc(count, fgmm_type_bytes(c->type));
    p.x = calloc(count, sizeof(double));
    p.weights = calloc(c->k, sizeof(double));
    p.means = calloc((size_t)(c->k * c->d), sizeof(double));
    p.covariances = calloc(variances, sizeof(double));
    p.shift = calloc(c->d, sizeof(float));
    double sum = 0;
    for (uint64_t k = 0; k < c->k; k++) sum += p.weights[k] = 0.5 + fg_rng_uniform(&rng);
    for (uint64_t k = 0; k < c->k; k++) p.weights[k] /= sum;
    const double origin = c->type == FGMM_U8 ? 128 : 0;
    for (uint64_t i = 0; i < c->k * c->d; i++) p.means[i] = origin + 25 * fg_rng_normal(&rng);
    const double sigma = 25 * c->overlap;
    for (uint64_t i = (c->k / 2 + 1) * c->d; c->dense_every && i < c->k * c->d; i++) p.means[i] = p.means[i - c->d];
    for (size_t i = 0; i < variances && !matrices; i++) p.covariances[i] = sigma * sigma * (0.5 + fg_rng_uniform(&rng));
    for (uint64_t m = 0; m < matrices; m++) make_matrix(p.covariances + m * c->d * c->d, c->d, sigma * sigma, &rng);
    for (uint64_t i = 0; i < c->n; i++) {
        uint64_t k = fg_rng_below(&rng, c->dense_every ? c->k / 2 : c->k);
        if (c->dense_every && i % c->dense_every == 0) k = c->k / 2;
        for (uint64_t d = 0; d < c->d; d++) {
            const double value = p.means[k * c->d + d] - origin + sigma * fg_rng_normal(&rng);
            p.x[i * c->d + d] = store_element(p.rows, c->type, (size_t)(i * c->d + d), value);
        }
    }
    for (uint64_t d = 0; d < c->d; d++) p.shift[d] = (float)origin + (float)(d % 3);
    if (c->has_weights) p.row_weights = calloc(c->n, sizeof(float));
    for (uint64_t i = 0; p.row_weights && i < c->n; i++)
        p.row_weights[i] = i % 5 == 3 ? 0.0f : 1.0f - (float)fg_rng_uniform(&rng);
    p.centres = calloc((size_t)(c->k * c->d), sizeof(double));
    for (uint64_t i = 0; i < c->k * c->d; i++) p.centres[i] = p.means[i] + 0.25 * (double)(i % 3);
    p.parameters = (fg_parameters){c->covariance, c->k, c->d, p.weights, p.means, p.covariances};
    return p;
}

void free_problem(problem *p)
{
    free(p->rows);
    free(p->x);
    free(p->weights);
    free(p->means);
    free(p->centres);
    free(p->covariances);
    free(p->shift);
    free(p->row_weights);
}

/* ---- devices ---- */

static fgmm_device *device;
static fgmm_backend open_backend;

fgmm_device *device_of_backend(fgmm_backend backend)
{
    now_testing("%s kernels", fgmm_backend_name(backend));
    if (device && open_backend == backend) return device;
    fgmm_device_close(device);
    fgmm_device_options options = fgmm_device_options_init();
    ck_ok(fgmm_device_open(&device, &options));
    use_backend(device, backend);
    fg_device_poison_buffers(device);
    open_backend = backend;
    return device;
}

void close_device(void)
{
    fgmm_device_close(device);
    device = NULL;
}

static void name_case(const shape_case *c)
{
    static const char *const assignments[] = {[FG_ASSIGN_SOFT] = "soft", [FG_ASSIGN_HARD] = "hard"};
    static const char *const paths[] = {
        [FGMM_PATH_AUTO] = "auto", [FGMM_PATH_SPARSE] = "sparse", [FGMM_PATH_DENSE] = "dense"};
    now_testing("%s kernels, %s, %s, path %s, N %llu D %llu K %llu, %s, overlap %g%s%s%s",
                fgmm_backend_name(c->backend), fgmm_covariance_name(c->covariance), assignments[c->assignment],
                paths[c->path], (unsigned long long)c->n, (unsigned long long)c->d, (unsigned long long)c->k,
                fgmm_type_name(c->type), c->overlap, c->has_weights ? ", weights" : "",
                c->has_no_doubles ? ", no doubles" : "", c->is_recentred ? ", other centres" : "");
}

void check_error(const char *what, double error, double tolerance)
{
    ck_assert_msg(error <= tolerance, "%s: error %g above %g", what, error, tolerance);
}

/* ---- two results compared ---- */

/* Largest difference of two arrays, relative to `scale`. */
static double worst(const double *a, const double *b, size_t count, double scale)
{
    double error = 0;
    for (size_t i = 0; i < count; i++) {
        const double difference = fabs(a[i] - b[i]) / scale;
        if (!(difference <= error)) error = difference; /* a NaN is kept */
    }
    return error;
}

static double magnitude(const double *a, size_t count)
{
    double largest = 1e-30;
    for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs(a[i]));
    return largest;
}

/* Adds the rows to the flat statistics, each times its weight where the problem has some; r (n,k) is used up. */
static void add_rows(double *values, const shape_case *c, const problem *p, const double *logz, double *r)
{
    const size_t n = (size_t)c->n;
    double *weighted = calloc(n, sizeof *weighted), *weights = calloc(n, sizeof *weights);
    for (size_t i = 0; i < n; i++) {
        weighted[i] = logz[i];
        weights[i] = p->row_weights ? (double)p->row_weights[i] : 1;
    }
    const double total = fg_reference_weigh(weighted, r, weights, n, c->k);
    fg_parameters about = p->parameters;
    if (c->is_recentred) about.means = p->centres;
    fg_reference_statistics(values, &about, p->x, weighted, r, n);
    values[0] = total;
    free(weighted);
    free(weights);
}

size_t statistics_of(const shape_case *c)
{
    return 2 + (size_t)c->k * (1 + (size_t)c->d) + (size_t)fg_covariance_count(c->covariance, c->k, c->d);
}

/* Reference of one batch: log-normalisers, and the flat statistics. */
void reference_batch(const shape_case *c, const problem *p, double *logz, double *values)
{
    double *r = calloc((size_t)(c->n * c->k), sizeof(double));
    if (c->assignment == FG_ASSIGN_HARD) {
        uint32_t *nearest = calloc(c->n, sizeof *nearest);
        fg_reference_nearest(nearest, logz, &p->parameters, p->x, c->n);
        for (uint64_t i = 0; i < c->n; i++) {
            r[i * c->k + nearest[i]] = 1;
            logz[i] = -logz[i];
        }
        free(nearest);
    } else {
        fg_reference_log_density(r, &p->parameters, p->x, c->n);
        fg_reference_responsibilities(logz, r, r, c->n, c->k);
    }
    add_rows(values, c, p, logz, r);
    free(r);
}

static void compare_statistics(const shape_case *c, const double *found, const double *expected)
{
    const size_t k = (size_t)c->k, kd = (size_t)(c->k * c->d);
    const size_t s2 = (size_t)fg_covariance_count(c->covariance, c->k, c->d);
    const double n = (double)c->n, sd = 25 * fmax(c->overlap, 1);
    const struct {
        const char *name;
        size_t first, count;
        double scale;
    } parts[] = {
        {"rows", 0, 1, 1},
        {"log-likelihood", 1, 1, magnitude(expected + 1, 1) + n},
        {"N", 2, k, magnitude(expected + 2, k)},
        {"S1", 2 + k, kd, n / (double)k * sd + sd},
        {"S2", 2 + k + kd, s2, magnitude(expected + 2 + k + kd, s2)},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const double error = worst(found + parts[i].first, expected + parts[i].first, parts[i].count, parts[i].scale);
        check_error(parts[i].name, error, sum_tolerance);
    }
}

/* Rows first .. first+n-1 of a buffer that has all of them and then, where the problem has some, their weights. */
static fg_rows rows_of(const shape_case *c, const problem *p, const fg_buffer *buffer, size_t first, size_t n)
{
    const size_t row_bytes = (size_t)c->d * fgmm_type_bytes(c->type);
    fg_rows rows = {buffer, first * row_bytes, n};
    if (!p->row_weights) return rows;
    rows.weights = buffer;
    rows.weights_bytes = (size_t)fg_round_up(c->n * row_bytes, sizeof(float)) + first * sizeof(float);
    for (size_t i = 0; i < n; i++) rows.weight += (double)p->row_weights[first + i];
    return rows;
}

void run_pass(const shape_case *c, const problem *p, size_t batch_rows, double *values, double *logz)
{
    name_case(c);
    fg_pass *pass;
    fg_buffer *buffer;
    const fg_pass_options options = {.covariance = c->covariance,
                                     .assignment = c->assignment,
                                     .k = c->k,
                                     .d = c->d,
                                     .type = c->type,
                                     .batch_rows = batch_rows,
                                     .path = c->path,
                                     .tile = c->tile,
                                     .backend = c->kernels,
                                     .pruning = c->pruning,
                                     .has_wide_sums = c->has_wide_sums};
    const size_t row_bytes = (size_t)c->d * fgmm_type_bytes(c->type);
    fg_device_set_launch_work(device, c->launch_work);
    ck_ok(fg_pass_create(&pass, device, &options));
    const size_t weights_bytes = p->row_weights ? (size_t)c->n * sizeof(float) : 0;
    const size_t rows_bytes = (size_t)fg_round_up(c->n * row_bytes, sizeof(float));
    ck_ok(fg_buffer_create(&buffer, device, rows_bytes + weights_bytes, FG_BUFFER_DEVICE, "rows"));
    ck_ok(fg_buffer_write(buffer, 0, p->rows, (size_t)c->n * row_bytes));
    if (weights_bytes) ck_ok(fg_buffer_write(buffer, rows_bytes, p->row_weights, weights_bytes));
    ck_ok(fg_pass_load(pass, &p->parameters, p->shift));
    if (c->is_precise) ck_ok(fg_pass_be_precise(pass, &p->parameters, p->shift));
    if (c->is_recentred) ck_ok(fg_pass_recentre(pass, p->centres, p->shift));
    for (size_t first = 0; first < c->n; first += batch_rows) {
        const size_t n = c->n - first < batch_rows ? (size_t)c->n - first : batch_rows;
        const fg_rows rows = rows_of(c, p, buffer, first, n);
        const fg_evaluation_rows out = {.log_likelihood = logz + first};
        ck_ok(fg_pass_accumulate(pass, &rows));
        ck_ok(fg_pass_evaluate(pass, &rows, &out));
    }
    ck_ok(fg_pass_statistics(pass, values));
    fg_buffer_free(buffer);
    fg_pass_free(pass);
}

void check_problem(const shape_case *c, const problem *p)
{
    device_of_backend(c->backend);
    if (c->has_no_doubles) pretend_no_doubles(device);
    const size_t count = statistics_of(c);
    double *found = calloc(count, sizeof(double)), *expected = calloc(count, sizeof(double));
    double *logz = calloc(c->n, sizeof(double)), *expected_logz = calloc(c->n, sizeof(double));
    reference_batch(c, p, expected_logz, expected);
    const uint64_t batch_rows = c->batch_rows ? c->batch_rows : c->n > 64 ? c->n - c->n / 3 : c->n;
    run_pass(c, p, batch_rows, found, logz);
    if (c->assignment == FG_ASSIGN_SOFT) {
        const double allowed = log_tolerance * (magnitude(expected_logz, c->n) + 1) + c->nats;
        const double error = worst(logz, expected_logz, c->n, 1);
        check_error("log-normaliser", error, allowed);
    }
    compare_statistics(c, found, expected);
    free(found);
    free(expected);
    free(logz);
    free(expected_logz);
}

void check_case(const shape_case *c)
{
    problem p = make_problem(c);
    check_problem(c, &p);
    free_problem(&p);
}
