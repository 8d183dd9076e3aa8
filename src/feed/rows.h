/* rows.h - rows on the host: reading whole batches, looking at elements of any type, checking that they are numbers,
 * and the shift and the unit that rows and parameters share while they are on the device. */
#ifndef FG_ROWS_H
#define FG_ROWS_H

#include "source.h"
#include "status.h"

/* Rows that stay in a second-level cache while they are converted or checked. */
enum { FG_CACHED_BYTES = 1 << 18 };

/* Element i of rows of any type. */
double fg_row_value(const void *rows, fgmm_type type, size_t i);

/* Reads until `rows` holds `capacity` rows or the source ends, so that every kind of source is cut alike.
 * *count < capacity: the end; do not read on. */
fgmm_status fg_rows_fill(fgmm_source *source, void *rows, uint64_t capacity, uint64_t *count);

/* Values of F32 and F64 rows that can be computed with: differences and, of F64, squares of these are numbers too. */
#define FG_MOST_F32 0x1p127
#define FG_MOST_F64 1e100
double fg_most_value(fgmm_type type);

/* rows (n,d). DATA names row and column (from 0) and the value when one is NaN or infinite, or beyond +-most (at most
 * fg_most_value). first_row: the number of the first of these rows. */
fgmm_status fg_rows_check(const void *rows, fgmm_type type, uint64_t n, uint64_t d, uint64_t first_row, double most);
/* The same of rows that a source has given, named by their place in its file (fg_source_row). */
fgmm_status fg_rows_check_given(const fgmm_source *source, const void *rows, uint64_t n, uint64_t first_row,
                                double most);

/* On the device a number y stands for shift + unit y of the data: the shift is near the data's mean, and the unit a
 * power of two near their deviation, so that float32 differences and their squares lose nothing however far from the
 * origin the data lie and however small or large they are. Multiplying all data by a power of two changes the unit
 * alone.
 *
 *     F64        rows are shifted and brought to the unit on the host, in double, before they are rounded to float
 *     F16, F32   rows stay as they are; kernels do both while loading them
 *     U8, I8     as F16, with a unit of 1 and a shift of whole numbers, so that y is exact */
typedef struct fg_shift {
    double *host;    /* (d) what the host subtracts, in the data's unit: the shift of F64 rows, otherwise 0 */
    float *kernel;   /* (d) what kernels subtract, in `unit`s */
    double unit;     /* of what kernels compute with, in the data's own */
    double row_unit; /* of rows in buffers: `unit` for F64, otherwise 1 */
} fg_shift;

/* A mean rounded to a multiple of a power of two below the standard deviation: near enough for a shift, and a number
 * with few digits, so that x - shift is exact for values that have few themselves. */
double fg_centre(double mean, double variance);

/* The power of two at or below the deviation of data whose columns have this mean variance. Where that is 0 the largest
 * of |centre| (d) takes its place, and 1 where all are 0. */
double fg_unit(double mean_variance, const double *centre, uint64_t d);

/* The unit that rows of a type have on the device where fg_unit is that of the data: 1 for U8 and I8. */
double fg_type_unit(fgmm_type type, double unit);

/* centre (d): of the data, or of the model; values of fg_centre. unit: of fg_unit. Errors: DATA, float32 rows cannot
 * have such a unit. */
fgmm_status fg_shift_create(fg_shift *shift, fgmm_type type, uint64_t d, const double *centre, double unit);
void fg_shift_clear(fg_shift *shift);

/* What kernels multiply rows by. */
static inline float fg_shift_scale(const fg_shift *shift)
{
    return (float)(shift->row_unit / shift->unit);
}

/* offset (d): all of the shift, in the data's unit. */
void fg_shift_offset(double *offset, const fg_shift *shift, uint64_t d);

/* out (n,d) = float((rows - offset) / unit), in double before rounding; offset (d); unit: a power of two. */
void fg_rows_to_float(float *out, const void *rows, fgmm_type type, uint64_t n, uint64_t d, const double *offset,
                      double unit);

/* Type of the rows on the device. */
static inline fgmm_type fg_type_on_device(fgmm_type type)
{
    return type == FGMM_F64 ? FGMM_F32 : type;
}

#endif
