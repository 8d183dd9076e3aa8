/* rows.h - rows on the host: reading whole batches, looking at elements of any type, checking that they are numbers,
 * and the shift that rows and parameters share while they are on the device. */
#ifndef FG_ROWS_H
#define FG_ROWS_H

#include "source.h"
#include "status.h"

/* Element i of rows of any type. */
double fg_row_value(const void *rows, fgmm_type type, size_t i);

/* Reads until `rows` holds `capacity` rows or the source ends, so that every kind of source is cut alike.
 * *count < capacity: the end; do not read on. */
fgmm_status fg_rows_fill(fgmm_source *source, void *rows, uint64_t capacity, uint64_t *count);

/* rows (n,d). DATA names row and column (from 0) and the value when one is NaN or infinite, or an F64 that cannot be
 * a float. first_row: the number of the first of these rows. */
fgmm_status fg_rows_check(const void *rows, fgmm_type type, uint64_t n, uint64_t d, uint64_t first_row);

/* Rows on the device are the data minus `host`; kernels subtract `kernel` from them while loading. The sum of both is
 * near the data's mean, so that float32 differences lose nothing however far from the origin the data lie.
 * F64: all of it in `host`, subtracted in double before rounding to float. Other types: all of it in `kernel`, whole
 * numbers for U8 and I8 (then y = x - shift is exact), as fg_centre rounds it for F16 and F32. */
typedef struct fg_shift {
    double *host;  /* (d) */
    float *kernel; /* (d) */
} fg_shift;

/* A mean rounded to a multiple of a power of two below the standard deviation: near enough for a shift, and a number
 * with few digits, so that x - shift is exact for values that have few themselves. */
double fg_centre(double mean, double variance);

/* centre (d): of the data, or of the model; values of fg_centre. */
fgmm_status fg_shift_create(fg_shift *shift, fgmm_type type, uint64_t d, const double *centre);
void fg_shift_clear(fg_shift *shift);

/* out (n,d) = float(rows - offset), the subtraction in double; offset (d). */
void fg_rows_to_float(float *out, const void *rows, fgmm_type type, uint64_t n, uint64_t d, const double *offset);

/* Type of the rows on the device. */
static inline fgmm_type fg_device_type(fgmm_type type)
{
    return type == FGMM_F64 ? FGMM_F32 : type;
}

#endif
