/* rows.c - elements, finiteness, shifts. */
#include "rows.h"

#include "size.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
static double half_value(uint16_t bits)
{
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double value;
    if (exponent == 31)
        value = fraction ? (double)NAN : (double)INFINITY;
    else
        value = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    return bits >> 15 ? -value : value;
}

double fg_row_value(const void *rows, fgmm_type type, size_t i)
{
    switch (type) {
    case FGMM_U8:
        return ((const uint8_t *)rows)[i];
    case FGMM_I8:
        return ((const int8_t *)rows)[i];
    case FGMM_F16:
        return half_value(((const uint16_t *)rows)[i]);
    case FGMM_F32:
        return (double)((const float *)rows)[i];
    case FGMM_F64:
        break;
    }
    return ((const double *)rows)[i];
}

fgmm_status fg_rows_fill(fgmm_source *source, void *rows, uint64_t capacity, uint64_t *count)
{
    fgmm_status status = FGMM_OK;
    const size_t row_bytes = (size_t)source->info.dims * fgmm_type_bytes(source->info.type);
    uint64_t given = 1;
    *count = 0;
    while (*count < capacity && given > 0) {
        FG_TRY(fgmm_source_next(source, (char *)rows + *count * row_bytes, capacity - *count, &given));
        *count += given;
    }
done:
    return status;
}

double fg_most_value(fgmm_type type)
{
    return type == FGMM_F64 ? FG_MOST_F64 : FG_MOST_F32;
}

static int has_special_f16(const void *rows, size_t count)
{
    const uint16_t *bits = rows;
    uint16_t found = 0;
    for (size_t i = 0; i < count; i++) found |= (uint16_t)((bits[i] & 0x7c00u) == 0x7c00u);
    return found != 0;
}

/* 1 when one is NaN, infinite or beyond +-most. Written for the compiler's vectoriser. */
#define HAS_BEYOND(name, real, absolute)                                                                               \
    static int name(const void *rows, size_t count, real most)                                                         \
    {                                                                                                                  \
        const real *x = rows;                                                                                          \
        int found = 0;                                                                                                 \
        for (size_t i = 0; i < count; i++) found |= !(absolute(x[i]) <= most);                                         \
        return found;                                                                                                  \
    }
HAS_BEYOND(has_beyond_f32, float, fabsf)
HAS_BEYOND(has_beyond_f64, double, fabs)

/* The number of the first of `count` elements that cannot be computed with; count where all can. */
static size_t first_bad(const void *rows, fgmm_type type, size_t count, double most)
{
    int is_bad = 0;
    size_t i = 0;
    if (type == FGMM_F16) is_bad = has_special_f16(rows, count);
    if (type == FGMM_F32) is_bad = has_beyond_f32(rows, count, (float)most);
    if (type == FGMM_F64) is_bad = has_beyond_f64(rows, count, most);
    if (!is_bad) return count;
    while (i < count && fabs(fg_row_value(rows, type, i)) <= most) i++;
    return i;
}

static fgmm_status refuse(double x, uint64_t row, uint64_t column, double most)
{
    const unsigned long long at = row, of = column;
    if (isfinite(x))
        return fg_fail(FGMM_DATA, "row %llu, column %llu: value %g is beyond +-%g (counted from 0)", at, of, x, most);
    if (isinf(x))
        return fg_fail(FGMM_DATA, "row %llu, column %llu: value is %s (rows and columns are counted from 0)", at, of,
                       x > 0 ? "inf" : "-inf");
    return fg_fail(
        FGMM_DATA,
        "row %llu, column %llu: value is nan (rows and columns are counted from 0; a file's rows with NaN can "
        "be skipped: --skip-nan-rows, fgmm_file_options.skip_nan_rows)",
        at, of);
}

fgmm_status fg_rows_check(const void *rows, fgmm_type type, uint64_t n, uint64_t d, uint64_t first_row, double most)
{
    const size_t count = (size_t)(n * d), bad = first_bad(rows, type, count, most);
    return bad == count ? FGMM_OK : refuse(fg_row_value(rows, type, bad), first_row + bad / d, bad % d, most);
}

fgmm_status fg_rows_check_given(const fgmm_source *source, const void *rows, uint64_t n, uint64_t first_row,
                                double most)
{
    const uint64_t d = source->info.dims;
    const fgmm_type type = source->info.type;
    const size_t count = (size_t)(n * d), bad = first_bad(rows, type, count, most);
    if (bad == count) return FGMM_OK;
    return refuse(fg_row_value(rows, type, bad), fg_source_row(source, first_row + bad / d), bad % d, most);
}

double fg_centre(double mean, double variance)
{
    const double grid = variance > 0 ? exp2(floor(0.5 * log2(variance))) : 0;
    const double rounded = grid > 0 ? rint(mean / grid) * grid : mean;
    return isfinite(rounded) ? rounded : mean;
}

/* Where the data lie so far from the origin that their deviation is below what doubles can tell there. */
static const double LEAST_SHARE = 0x1p-60;

double fg_unit(double mean_variance, const double *centre, uint64_t d)
{
    double largest = 0;
    int exponent, least;
    for (uint64_t j = 0; j < d; j++) largest = fmax(largest, fabs(centre[j]));
    frexp(mean_variance > 0 ? mean_variance : largest * largest, &exponent); /* 1/2 .. 1 times 2^exponent */
    frexp(largest * LEAST_SHARE, &least);
    if (!(mean_variance > 0) && largest == 0) return 1;
    const int half = (exponent - 1) / 2 - ((exponent - 1) % 2 < 0); /* rounded down */
    return ldexp(1, largest > 0 && least > half ? least : half);
}

static int is_byte(fgmm_type type)
{
    return type == FGMM_U8 || type == FGMM_I8;
}

double fg_type_unit(fgmm_type type, double unit)
{
    return is_byte(type) ? 1 : unit;
}

fgmm_status fg_shift_create(fg_shift *shift, fgmm_type type, uint64_t d, const double *centre, double unit)
{
    static const double most_scale = 0x1p126;
    fgmm_status status = FGMM_OK;
    memset(shift, 0, sizeof *shift);
    FG_TRY(FG_ALLOC(&shift->host, d, "shift"));
    FG_TRY(FG_ALLOC(&shift->kernel, d, "shift"));
    shift->unit = fg_type_unit(type, unit);
    shift->row_unit = type == FGMM_F64 ? unit : 1;
    FG_CHECK(type == FGMM_F64 || (shift->unit * most_scale >= 1 && shift->unit <= most_scale), FGMM_DATA,
             "a deviation of some %g cannot be told by %s rows; need %g to %g, or f64 rows", unit, fgmm_type_name(type),
             1 / most_scale, most_scale);
    for (uint64_t j = 0; j < d; j++) {
        if (type == FGMM_F64)
            shift->host[j] = centre[j];
        else
            shift->kernel[j] = (float)(is_byte(type) ? rint(centre[j]) : centre[j] / unit);
    }
done:
    if (status != FGMM_OK) fg_shift_clear(shift);
    return status;
}

void fg_shift_offset(double *offset, const fg_shift *shift, uint64_t d)
{
    for (uint64_t j = 0; j < d; j++) offset[j] = shift->host[j] + shift->unit * (double)shift->kernel[j];
}

void fg_shift_clear(fg_shift *shift)
{
    free(shift->host);
    free(shift->kernel);
    memset(shift, 0, sizeof *shift);
}

void fg_rows_to_float(float *out, const void *rows, fgmm_type type, uint64_t n, uint64_t d, const double *offset,
                      double unit)
{
    const size_t row_elements = (size_t)d;
    const double scale = 1 / unit;
    for (size_t i = 0; i < n; i++) {
        float *to = out + i * row_elements;
        if (type == FGMM_F64) {
            const double *from = (const double *)rows + i * row_elements;
            for (size_t j = 0; j < row_elements; j++) to[j] = (float)((from[j] - offset[j]) * scale);
        } else {
            for (size_t j = 0; j < row_elements; j++)
                to[j] = (float)((fg_row_value(rows, type, i * row_elements + j) - offset[j]) * scale);
        }
    }
}
