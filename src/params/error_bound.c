/* error_bound.c - the parts of the bound: docs/math.md, "The stated bound". What the kernels round is known but for the
 * rows: the rounding of means, scales and offsets is taken as it is, that of rows and of sums by its mean square. Host
 * arithmetic only. */
#include "error_bound.h"

#include "packing.h"

#include "rng.h"
#include "size.h"
#include "status.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

/* Of W dm, and of its W, beside those of the sums that it is part of. */
enum { START_ROUNDINGS = 3 };
/* Binary places of numbers. */
enum { FLOAT_PLACES = 24, HALF_PLACES = 11 };
/* Standard errors that a bound is above what has random signs, and deviations beyond sqrt(D) that a row is near. */
static const double standard_errors = 8, deviations = 5;
/* The largest rounding of a number, relative to it; its mean square for numbers of every size within a power of two;
 * and half of its square, for those that all may be of the worst size: a component's rows, and what is made of its
 * mean. */
static const double rounding = 0x1p-24, rounding_square = 0.18 * 0x1p-48, like_square = 0x1p-49;
/* Roundings of a number as large as the log-density: of itself, of the row's log-normaliser; and of some as large as 1,
 * of the exponentials and their sum's logarithm. */
static const double own_roundings = 2, small_roundings = 4;
/* A coordinate of a row, times the rounding of what is summed to it, which is as large as the row: where one coordinate
 * has most of the error, few rows have far more than the others. Five deviations, times as many. */
static const double tail = 25;

/* How far a row is from its component at most to be near it, in deviations. */
static double near_distance(const fg_shape *s)
{
    return sqrt((double)s->d) + deviations;
}

double fg_error_exponent(const fg_shape *s)
{
    return 0.5 * near_distance(s) * near_distance(s);
}

double fg_error_near(const fg_error *e)
{
    return standard_errors * sqrt(e->moves + e->variance) + tail * sqrt(e->largest) + e->moves + e->constant;
}

double fg_error_at_mean(const fg_error *e)
{
    return standard_errors * sqrt(e->variance) + e->moves + e->constant;
}

void fg_error_add_sums(fg_error *e, double squares)
{
    e->moves += like_square * squares;
}

/* The exponent is off by this share of it. */
static void add_relative(fg_error *e, const fg_shape *s, double share)
{
    e->constant += fabs(share) * fg_error_exponent(s);
}

/* Half the squared distance of most rows. */
static double usual_exponent(const fg_shape *s)
{
    const double d = s->d;
    return 0.5 * d + 2 * sqrt(d) + 3;
}

void fg_error_add_squares(fg_error *e, const fg_shape *s)
{
    e->variance += rounding_square * usual_exponent(s) * usual_exponent(s) * ((double)s->d / 3 + 1);
}

void fg_error_add_own(fg_error *e, const fg_shape *s, double log_constant, double offset_error)
{
    const double largest = fmax(fabs(log_constant), fabs(log_constant - usual_exponent(s)));
    e->variance += own_roundings * rounding_square * largest * largest;
    e->constant += rounding * small_roundings + fabs(offset_error);
}

void fg_error_add_products(fg_error *e, const fg_shape *s, double scale, const float *centre)
{
    const double variance = 0.5 / scale;
    double length = 0, sum = 0;
    for (uint32_t d = 0; d < s->d; d++) {
        const double m = (double)centre[d];
        length += m * m;
        const double row = length + (d + 1) * variance; /* |y|^2 so far */
        sum += 4 * length * (length + variance) + row * row;
    }
    e->variance += rounding_square * scale * scale * (sum + 2 * length * length);
}

void fg_error_add_terms(fg_error *e, const fg_shape *s, double squares, double delta)
{
    e->constant += 2 * delta * (squares + sqrt(0.5 * squares) * near_distance(s));
}

/* ---- rows ---- */

/* 2^exponent is above x, and no other power of two is that is half as large. */
static int exponent_of(double x)
{
    int exponent;
    frexp(x, &exponent);
    return exponent;
}

/* Exponent of the largest power of two that divides x. */
static int grain_of(double x)
{
    enum { DOUBLE_PLACES = 53 };
    int exponent, zeros = 0;
    uint64_t digits = (uint64_t)ldexp(frexp(fabs(x), &exponent), DOUBLE_PLACES);
    if (digits == 0) return INT_MAX; /* 0 is a multiple of everything */
    for (; digits % 2 == 0; digits /= 2) zeros++;
    return exponent - DOUBLE_PLACES + zeros;
}

/* Of a column's numbers: 0 where none is known, infinite where all are 0. */
static int grain_of_numbers(double divisor)
{
    return divisor == 0 ? INT_MIN : isinf(divisor) ? INT_MAX : grain_of(divisor);
}

void fg_error_set_columns(fg_error_column *columns, const fg_shape *s, const fg_row_facts *facts, const float *shift)
{
    const int is_moved = facts->shift != NULL, is_byte = s->type == FGMM_U8 || s->type == FGMM_I8;
    for (uint32_t j = 0; j < s->d; j++) {
        const double subtracted = is_moved ? facts->shift[j] * facts->scale : (double)shift[j];
        const double unknown = is_moved ? (double)INFINITY : 0,
                     divisor = facts->grains ? facts->grains[j] * facts->scale : 0;
        columns[j] = (fg_error_column){.shift = subtracted,
                                       .residual = facts->residuals ? facts->residuals[j] * facts->scale : unknown,
                                       .shift_grain = grain_of(subtracted),
                                       .grain = grain_of_numbers(divisor),
                                       .is_byte = is_byte && rint(subtracted) == subtracted,
                                       .places = s->type == FGMM_F16 ? HALF_PLACES : FLOAT_PLACES,
                                       .is_moved = is_moved};
    }
}

/* Mean square of what rounding does to coordinates of a component's rows when the shift is subtracted. A difference is
 * a multiple of what divides both numbers, or of the unit in the last place of the row's: exact where it has no more
 * places than a float. */
static double row_square(const fg_error_column *c, double mean, double deviation)
{
    if (c->is_byte) return 0;
    const double own = c->is_moved ? mean + c->shift : mean, away = c->is_moved ? fabs(mean) : fabs(mean - c->shift);
    const double least = fabs(own) - deviations * deviation, usual = away + 2 * deviation;
    const double rounded = like_square * usual * usual;
    if (c->shift == 0) return fmin(rounded, c->residual * c->residual);
    const int unit = exponent_of(away + deviations * deviation) - FLOAT_PLACES;
    if (unit > c->shift_grain) return rounded;
    if (unit <= c->grain) return 0;
    const int is_exact = least > 0 && unit <= exponent_of(least) - c->places;
    return fmin(rounded, (is_exact ? 0 : rounded) + c->residual * c->residual);
}

/* The squares of the partial sums of (W t)_j, added; w: row j. */
static double partial_squares(const double *w, const double *t, uint64_t j)
{
    double sum = 0, squares = 0;
    for (uint64_t c = 0; c <= j; c++) {
        sum += w[c] * t[c];
        squares += sum * sum;
    }
    return squares;
}

/* variances (d), of (W t)_j, raised by the rounding of W, of t and of partial sums, whose mean squares over rows are
 * those of some rows L g with g = +-1. */
static void add_roundings(double *variances, const fg_triangle *triangle, const double *u, double *t, uint64_t d)
{
    enum { TRIALS = 8, BITS = 32 };
    fg_rng rng;
    fg_rng_init(&rng, 0, FG_STREAM_ROUNDING, 0);
    for (int trial = 0; trial < TRIALS; trial++) {
        for (uint64_t c = 0; c < d; c++) t[c] = 0;
        for (uint64_t e = 0; e < d; e++) {
            const double sign = fg_rng_u32(&rng) >> (BITS - 1) ? -1 : 1;
            for (uint64_t c = e; c < d; c++) t[c] += sign * u[e * d + c];
        }
        for (uint64_t j = 0; j < d; j++)
            variances[j] += rounding_square / TRIALS * partial_squares(triangle->w + j * d, t, j);
    }
}

fgmm_status fg_error_of_triangle(fg_triangle *triangle, const double *matrix, const double *u, uint64_t d, double scale)
{
    fgmm_status status = FGMM_OK;
    double *variances = NULL, *t = NULL;
    FG_TRY(FG_ALLOC(&variances, d, "a row"));
    FG_TRY(FG_ALLOC(&t, d, "a row"));
    for (uint64_t c = 0; c < d; c++) triangle->columns[c] = 0;
    for (uint64_t j = 0; j < d; j++)
        for (uint64_t c = 0; c <= j; c++) {
            const double w = triangle->w[j * d + c], off = (double)(float)(scale * w) / scale - w;
            triangle->columns[c] += w * w;
            variances[j] += (off * off + rounding_square * w * w) * matrix[c * d + c];
        }
    add_roundings(variances, triangle, u, t, d);
    triangle->variance = triangle->largest = 0;
    for (uint64_t j = 0; j < d; j++) {
        triangle->variance += variances[j];
        triangle->largest = fmax(triangle->largest, variances[j]);
    }
done:
    free(variances);
    free(t);
    return status;
}

void fg_error_add_factor(fg_error *e, const fg_packing *m, const fg_triangle *t, uint32_t c)
{
    const fg_parameters *p = m->in.parameters;
    const size_t d = p->d;
    const int has_factors = fg_density_of(p->covariance)->has_factors;
    const double *offsets = m->facts.mean_offsets + c * d, *mean = p->means + c * d;
    for (size_t i = 0; i < d && has_factors; i++) { /* else whitened means are rounded instead */
        double sum = 0;
        for (size_t j = 0; j <= i; j++) sum += t->w[i * d + j] * offsets[j];
        fg_error_add_sums(e, (double)(i + START_ROUNDINGS) * sum * sum); /* where the sum for z_i begins */
    }
    for (size_t j = 0; j < d; j++) {
        const double deviation = sqrt(p->covariances[fg_variance_place(p->covariance, d, c, j)]);
        e->moves += t->columns[j] * row_square(&m->columns[j], mean[j], deviation);
    }
    e->moves += t->variance;
    e->largest += t->largest;
}

/* What rounding takes from a scale, relative to it. */
static double scale_error(double scale)
{
    return fabs((double)(float)scale - scale) / scale;
}

void fg_error_add_scales(fg_error *e, const fg_packing *m, const fg_shape *s, uint32_t c)
{
    const int is_diag = fg_density_of(s->covariance)->has_dim_scales;
    const fg_parameters *p = m->in.parameters;
    const double *offsets = m->facts.mean_offsets + (size_t)c * s->d, *mean = p->means + (size_t)c * s->d;
    const double *variances = p->covariances + fg_covariance_place(p->covariance, s->d, c);
    double share = is_diag ? 0 : scale_error(0.5 / *variances), deviation = sqrt(*variances), moves = 0;
    for (uint32_t j = 0; j < s->d; j++) {
        if (is_diag) {
            share += 2 * scale_error(sqrt(0.5 / variances[j])) / s->d;
            deviation = sqrt(variances[j]);
        }
        const double squares = offsets[j] * offsets[j] + row_square(&m->columns[j], mean[j], deviation);
        moves += is_diag ? squares / variances[j] : squares;
    }
    e->moves += is_diag ? moves : moves / *variances;
    add_relative(e, s, share);
}
