/* rows.c - elements, finiteness, shifts. */
#include "rows.h"

#include "size.h"

#include <float.h>
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

/* Rows of float types as integers: 1 when an exponent has all bits set. Written for the compiler's vectoriser. */
#define HAS_SPECIAL(name, unsigned_type, exponent)                                                                     \
    static int name(const void *rows, size_t count)                                                                    \
    {                                                                                                                  \
        const unsigned_type *bits = rows;                                                                              \
        unsigned_type found = 0;                                                                                       \
        for (size_t i = 0; i < count; i++) found |= (unsigned_type)((bits[i] & (exponent)) == (exponent));             \
        return found != 0;                                                                                             \
    }
HAS_SPECIAL(has_special_f16, uint16_t, 0x7c00u)
HAS_SPECIAL(has_special_f32, uint32_t, 0x7f800000u)

/* Half of the largest float: the difference of two such numbers is still a float. */
#define F64_LIMIT (0.5 * (double)FLT_MAX)

static int has_unusable_f64(const void *rows, size_t count)
{
    const double *x = rows;
    int found = 0;
    for (size_t i = 0; i < count; i++) found |= !(fabs(x[i]) <= F64_LIMIT);
    return found;
}

fgmm_status fg_rows_check(const void *rows, fgmm_type type, uint64_t n, uint64_t d, uint64_t first_row)
{
    const size_t count = (size_t)(n * d), row_elements = (size_t)d;
    int is_bad = 0;
    if (type == FGMM_F16) is_bad = has_special_f16(rows, count);
    if (type == FGMM_F32) is_bad = has_special_f32(rows, count);
    if (type == FGMM_F64) is_bad = has_unusable_f64(rows, count);
    if (!is_bad) return FGMM_OK;
    for (size_t i = 0; i < count; i++) {
        const double x = fg_row_value(rows, type, i);
        const unsigned long long row = first_row + i / row_elements, column = i % row_elements;
        if (!isfinite(x))
            return fg_fail(FGMM_DATA, "row %llu, column %llu: value is %s (rows and columns are counted from 0)", row,
                           column,
                           isnan(x) ? "nan"
                           : x > 0  ? "inf"
                                    : "-inf");
        if (!(fabs(x) <= F64_LIMIT))
            return fg_fail(FGMM_DATA, "row %llu, column %llu: value %g is beyond +-%g (counted from 0)", row, column, x,
                           F64_LIMIT);
    }
    return FGMM_OK;
}

double fg_centre(double mean, double variance)
{
    const double grid = variance > 0 ? exp2(floor(0.5 * log2(variance))) : 0;
    const double rounded = grid > 0 ? rint(mean / grid) * grid : mean;
    return isfinite(rounded) ? rounded : mean;
}

fgmm_status fg_shift_create(fg_shift *shift, fgmm_type type, uint64_t d, const double *centre)
{
    fgmm_status status = FGMM_OK;
    memset(shift, 0, sizeof *shift);
    FG_TRY(FG_ALLOC(&shift->host, d, "shift"));
    FG_TRY(FG_ALLOC(&shift->kernel, d, "shift"));
    for (uint64_t j = 0; j < d; j++) {
        if (type == FGMM_F64)
            shift->host[j] = centre[j];
        else if (type == FGMM_U8 || type == FGMM_I8)
            shift->kernel[j] = (float)rint(centre[j]);
        else
            shift->kernel[j] = (float)centre[j];
    }
done:
    if (status != FGMM_OK) fg_shift_clear(shift);
    return status;
}

void fg_shift_clear(fg_shift *shift)
{
    free(shift->host);
    free(shift->kernel);
    memset(shift, 0, sizeof *shift);
}

void fg_rows_to_float(float *out, const void *rows, fgmm_type type, uint64_t n, uint64_t d, const double *offset)
{
    const size_t row_elements = (size_t)d;
    for (size_t i = 0; i < n; i++) {
        float *to = out + i * row_elements;
        if (type == FGMM_F64) {
            const double *from = (const double *)rows + i * row_elements;
            for (size_t j = 0; j < row_elements; j++) to[j] = (float)(from[j] - offset[j]);
        } else {
            for (size_t j = 0; j < row_elements; j++)
                to[j] = (float)(fg_row_value(rows, type, i * row_elements + j) - offset[j]);
        }
    }
}
