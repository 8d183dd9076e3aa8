/* cholesky.h - factors of symmetric positive definite matrices in double precision: for full and tied covariances.
 * Matrices are (d,d), row-major; d up to a few thousand. */
#ifndef FG_CHOLESKY_H
#define FG_CHOLESKY_H

#include <stdint.h>

/* A = U^T U. Reads the upper triangle of a and replaces it by U; the rest is left alone. Returns d, or the number of
 * the first pivot that is not a positive finite number (a is then half done). */
uint64_t fg_cholesky(double *a, uint64_t d);

/* As above for a matrix that is positive semidefinite up to rounding. A pivot is what is left of dimension j's variance
 * when the dimensions before it are known; one below least[j] > 0 is raised to that, as if a[j][j] were larger:
 * least[j] becomes what was added, 0 where nothing was. What its row has in common with a later dimension becomes 0
 * where it is more than any semidefinite matrix has. Returns how many were raised. */
uint64_t fg_cholesky_raised(double *a, uint64_t d, double *least);

/* sum_j a_jj / U_jj^2: how many times as large variances are as what is left of them when the dimensions before are
 * known; at least d. u: upper triangle as above, of a, whose diagonal is read. */
double fg_cholesky_loss(const double *u, const double *a, uint64_t d);

/* |L^-1 t|^2 = t^T A^-1 t. t (d) is used up; u: upper triangle as above. */
double fg_cholesky_form(double *t, const double *u, uint64_t d);

/* w (d,d) = L^-1, where L = U^T: lower triangular, the rest 0. |w t|^2 = t^T A^-1 t. u: upper triangle as above. */
void fg_cholesky_inverse(double *w, const double *u, uint64_t d);

#endif
