/* error_bound.h - how far float32 may take a component's log-densities from those of double precision, at rows near the
 * component (docs/math.md, "The stated bound"). packing.c adds up what it rounds, packed.c what split operands leave;
 * pass.c reads the sum. Host arithmetic only. Internal to params/ and pass/. */
#ifndef FG_ERROR_BOUND_H
#define FG_ERROR_BOUND_H

#include "model.h"
#include "status.h"

typedef struct fg_shape fg_shape;         /* shape.h */
typedef struct fg_triangle fg_triangle;   /* triangle.h */
typedef struct fg_packing fg_packing;     /* packing.h */
typedef struct fg_row_facts fg_row_facts; /* options.h */

/* Nats that a log-density near its component may be off by if it is taken from products. Where products would lose
 * more, packing.c takes differences and split_*.c more terms. */
#define FG_MOST_PRODUCT_NATS 1e-3

/* Of one component. */
typedef struct fg_error {
    double moves;    /* of rows and mean against each other, squared, in deviations */
    double variance; /* of what else has random signs, nats^2 */
    double largest;  /* of a factor: the part of one coordinate */
    double constant; /* what adds up, nats */
} fg_error;

/* Nats that the error stays below: at rows near the component; at a row that is its mean. */
double fg_error_near(const fg_error *error);
double fg_error_at_mean(const fg_error *error);
/* The exponent of a row that is as far from its component as near rows are at most. */
double fg_error_exponent(const fg_shape *shape);
/* Coordinates in deviations that are sums. squares: of all the numbers that were rounded on the way, added up. */
void fg_error_add_sums(fg_error *error, double squares);
/* A sum of D squares. */
void fg_error_add_squares(fg_error *error, const fg_shape *shape);
/* The log-density itself, log_constant at distance 0 (less the log offset), and the offset, which is off by
 * offset_error. */
void fg_error_add_own(fg_error *error, const fg_shape *shape, double log_constant, double offset_error);
/* Products in float32 instead of differences; scale is h, centre (D). */
void fg_error_add_products(fg_error *error, const fg_shape *shape, double scale, const float *centre);
/* A product y.2m that is off by delta |y| |2 m|, where h |m|^2 is squares. */
void fg_error_add_terms(fg_error *error, const fg_shape *shape, double squares, double delta);

/* Rows of one column: what is subtracted, and what float32 leaves of their numbers before that, at most; exponents of
 * powers of two that divide the one and the others. */
typedef struct fg_error_column {
    double shift, residual;
    int shift_grain, grain;
    int places;   /* binary places of the numbers */
    int is_byte;  /* whole numbers, as the shift is */
    int is_moved; /* means have lost the shift already */
} fg_error_column;

/* For triangle.c: columns, variance and largest of a triangle whose w is made, (d,d) and scaled as fg_triangle_make
 * says; u: upper triangle of L^T. Errors: MEMORY. */
fgmm_status fg_error_of_triangle(fg_triangle *triangle, const double *matrix, const double *u, uint64_t d,
                                 double scale);
/* For packing.c: its columns (d); what the rounding of rows, of the mean and of the factor or the scales does to
 * component c. */
void fg_error_set_columns(fg_error_column *columns, const fg_shape *shape, const fg_row_facts *facts,
                          const float *shift);
void fg_error_add_factor(fg_error *error, const fg_packing *packing, const fg_triangle *triangle, uint32_t c);
void fg_error_add_scales(fg_error *error, const fg_packing *packing, const fg_shape *shape, uint32_t c);

#endif
