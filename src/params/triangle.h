/* triangle.h - triangular factors of covariance matrices, which kernels multiply with: those of rows (tied covariances)
 * or of a row and each component (full ones). Host only. */
#ifndef FG_TRIANGLE_H
#define FG_TRIANGLE_H

#include "shape.h"

typedef struct fg_triangle {
    double *w;              /* (d,d) L^-1, lower, for S = L L^T; made at first use, owned */
    double *columns;        /* (d) squared lengths of its columns; likewise */
    double log_determinant; /* of S */
    double loss;            /* fg_cholesky_loss: what float sums lose (docs/math.md, "Wide sums") */
    double variance;        /* of what rounding does to |W t|^2 / 2 of the matrix's rows, nats^2 */
    double largest;         /* of it, the part of one coordinate */
} fg_triangle;
/* Overwrites what it held. scale: as fg_triangle_pack will be given. */
fgmm_status fg_triangle_make(fg_triangle *triangle, const double *matrix, uint64_t d, double scale);
void fg_triangle_clear(fg_triangle *triangle);
/* Floats of a component in cl/cpu/triangle.cl's form, its mean included; scale times w in that form, behind the
 * place of the mean. off (d): the mean there less the exact one; NULL: zeros. */
uint64_t fg_triangle_floats(const fg_shape *shape);
void fg_triangle_pack(float *to, const fg_shape *shape, const double *w, const double *off, double scale);

#endif
