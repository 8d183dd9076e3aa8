/* cholesky.h - factors of symmetric positive definite matrices in double precision: for full and tied covariances.
 * Matrices are (d,d), row-major; d up to a few thousand. */
#ifndef FG_CHOLESKY_H
#define FG_CHOLESKY_H

#include <stdint.h>

/* A = U^T U. Reads the upper triangle of a and replaces it by U; the rest is left alone. Returns d, or the number of
 * the first pivot that is not a positive finite number (a is then half done). */
uint64_t fg_cholesky(double *a, uint64_t d);

/* As above for matrices that may be singular: where a pivot is below least[j] > 0, A[j][j] counts as larger by what is
 * missing. raised (d), which may be least: how much each
 * diagonal element was raised, 0 for most. The pivot is what is left of dimension
 * j's variance when the dimensions before it are known. */
void fg_cholesky_raised(double *a, uint64_t d, const double *least, double *raised);

/* w (d,d) = L^-1, where L = U^T: lower triangular, the rest 0. |w t|^2 = t^T A^-1 t. u: upper triangle as above. */
void fg_cholesky_inverse(double *w, const double *u, uint64_t d);

#endif
