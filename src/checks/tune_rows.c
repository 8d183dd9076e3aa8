/* tune_rows.c - rows to tune with. Values are multiples of 1/4 near those of bytes, so that every type holds them
 * exactly, and the same rows are compared whatever their type. */
#include "tune.h"

#include "rng.h"
#include "size.h"

#include <math.h>
#include <stdlib.h>

/* Standard deviation of all values, so that bytes hold four of them. */
static const double deviation = 32, quarter = 0.25;

/* Returns the ratio of the means' deviation to that of a component, such that of K components about eight lie within 24
 * nats of a row's own. Log-ratios are near normal, of mean -m and variance 2 m with m = D ratio^2; a normal variable
 * exceeds z = 0.8 sqrt(2 ln(K / 8)) with a probability near 8 / K; so m - z sqrt(2 m) = 24. */
static double separation(uint64_t k, uint64_t d)
{
    const double z = k > 8 ? 0.8 * sqrt(2 * log((double)k / 8)) : 0;
    const double root = (sqrt(2.0) * z + sqrt(2 * z * z + 4 * 24)) / 2;
    return root / sqrt((double)d);
}

/* Stores value i of the rows, a multiple of 1/4 (of 1 for whole-number types), around 0. */
static void store_value(void *rows, fgmm_type type, size_t i, double value)
{
    const double quarters = rint(value / quarter) * quarter;
    int exponent;
    switch (type) {
    case FGMM_U8:
        ((uint8_t *)rows)[i] = (uint8_t)fmin(255, fmax(0, rint(value + 128)));
        break;
    case FGMM_I8:
        ((int8_t *)rows)[i] = (int8_t)rint(fmin(127, fmax(-128, value)));
        break;
    case FGMM_F16: {
        const double fraction = frexp(fabs(quarters), &exponent); /* 0.5 .. 1, 11 digits at most */
        uint16_t half = 0;
        if (quarters != 0) half = (uint16_t)((exponent + 14) << 10 | ((int)(fraction * 2048) - 1024));
        ((uint16_t *)rows)[i] = (uint16_t)(half | (value < 0 ? 0x8000 : 0));
        break;
    }
    default:
        ((float *)rows)[i] = (float)quarters;
    }
}

static double load(const void *rows, fgmm_type type, size_t i)
{
    switch (type) {
    case FGMM_U8:
        return ((const uint8_t *)rows)[i];
    case FGMM_I8:
        return ((const int8_t *)rows)[i];
    case FGMM_F16: {
        const uint16_t half = ((const uint16_t *)rows)[i];
        const int exponent = half >> 10 & 31, mantissa = half & 1023;
        const double value = exponent ? ldexp(mantissa + 1024, exponent - 25) : 0;
        return half >> 15 ? -value : value;
    }
    default:
        return (double)((const float *)rows)[i];
    }
}

/* Neighbouring dimensions are correlated: v 0.2^|i - j|, which is positive definite. Rows are drawn without: what is
 * compared are kernels, not models. */
static void fill_matrix(double *matrix, uint64_t d, double v)
{
    for (uint64_t i = 0; i < d; i++)
        for (uint64_t j = 0; j < d; j++) matrix[i * d + j] = v * pow(0.2, fabs((double)i - (double)j));
}

static void draw(fg_tune_rows *t, fgmm_covariance covariance, fgmm_type type)
{
    fg_rng rng;
    const uint64_t matrices = fg_covariance_matrices(covariance, t->k);
    fg_rng_init(&rng, t->k * 1000003 + t->d, FG_STREAM_TUNE, 0);
    const double origin = type == FGMM_U8 ? 128 : 0, ratio = separation(t->k, t->d);
    const double sigma = deviation / sqrt(1 + ratio * ratio), k = (double)t->k;
    for (uint64_t i = 0; i < t->k; i++) t->weights[i] = 1 / k;
    for (uint64_t i = 0; i < t->k * t->d; i++) t->means[i] = origin + ratio * sigma * fg_rng_normal(&rng);
    if (matrices)
        for (uint64_t c = 0; c < matrices; c++) fill_matrix(t->covariances + c * t->d * t->d, t->d, sigma * sigma);
    else
        for (uint64_t i = 0; i < fg_covariance_count(covariance, t->k, t->d); i++)
            t->covariances[i] = sigma * sigma * (0.75 + 0.5 * fg_rng_uniform(&rng));
    for (uint64_t j = 0; j < t->d; j++) t->shift[j] = (float)origin;
    for (uint64_t i = 0; i < t->n; i++) {
        const double *mean = t->means + fg_rng_below(&rng, t->k) * t->d;
        for (uint64_t j = 0; j < t->d; j++)
            store_value(t->rows, type, (size_t)(i * t->d + j), mean[j] - origin + sigma * fg_rng_normal(&rng));
    }
}

fgmm_status fg_tune_rows_create(fg_tune_rows *made, fgmm_covariance covariance, fgmm_type type, uint64_t n, uint64_t k,
                                uint64_t d)
{
    fgmm_status status = FGMM_OK;
    size_t row_bytes, means;
    fg_tune_rows t = {.n = n, .k = k, .d = d};
    FG_TRY(fg_size_product(&row_bytes, d, fgmm_type_bytes(type), "rows to tune with"));
    FG_TRY(fg_size_product(&means, k, d, "means to tune with"));
    FG_TRY(fg_alloc(&t.rows, n, row_bytes, "rows to tune with"));
    FG_TRY(FG_ALLOC(&t.weights, k, "weights to tune with"));
    FG_TRY(FG_ALLOC(&t.means, means, "means to tune with"));
    FG_TRY(FG_ALLOC(&t.covariances, fg_covariance_count(covariance, k, d), "variances to tune with"));
    FG_TRY(FG_ALLOC(&t.shift, d, "shift to tune with"));
    draw(&t, covariance, type);
    t.parameters = (fg_parameters){covariance, k, d, t.weights, t.means, t.covariances};
    *made = t;
    t = (fg_tune_rows){0};
done:
    fg_tune_rows_free(&t);
    return status;
}

void fg_tune_rows_free(fg_tune_rows *made)
{
    free(made->rows);
    free(made->weights);
    free(made->means);
    free(made->covariances);
    free(made->shift);
}

void fg_tune_rows_decode(double *x, const fg_tune_rows *made, fgmm_type type, uint64_t n)
{
    for (size_t i = 0; i < (size_t)(n * made->d); i++) x[i] = load(made->rows, type, i);
}
