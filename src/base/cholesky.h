/* cholesky.h - factors of symmetric positive definite matrices in double precision: for full and tied covariances.
 * Matrices are (d,d), row-major; d up to a few thousand. */
#ifndef FG_CHOLESKY_H
#define FG_CHOLESKY_H

#include <stdint.h>

/* A = U^T U. Reads the upper triangle of a and replaces it by U; the rest is left alone. Returns d, or the number of
 * the first pivot that is not a positive finite number (a is then half done). */
uint64_t fg_cholesky(double *a, uint64_t d);

/* As above for a matrix that is positive semidefinite up to rounding. A pivot is what is left of dimension j's variance
 * when the dimensions before it are known; one below least[j] > 0 becomes least[j], and what its row still has in
 * common with later dimensions, which is rounding then, becomes 0. Returns how many were. */
uint64_t fg_cholesky_raised(double *a, uint64_t d, const double *least);

/* a (d,d) = U^T U, both triangles. u: upper triangle as above; not a itself. */
void fg_cholesky_product(double *a, const double *u, uint64_t d);

/* w (d,d) = L^-1, where L = U^T: lower triangular, the rest 0. |w t|^2 = t^T A^-1 t. u: upper triangle as above. */
void fg_cholesky_inverse(double *w, const double *u, uint64_t d);

#endif
