/* cholesky.c - the factorisation by panels: PANEL rows of U are finished, then subtracted from all rows below in one
 * sweep, so that a large matrix passes through the cache d / PANEL times. Inner loops run along rows. */
#include "cholesky.h"

#include <math.h>
#include <stddef.h>

enum { PANEL = 8 };

/* Returns 1 where pivot i had to be raised. r^2 of an element r to the right is at most pivot times variance where the
 * matrix is semidefinite; a larger one would take more from that variance than there is. */
static uint64_t raise_pivot(double *a, uint64_t d, uint64_t i, double *least)
{
    double *row = a + i * d;
    const double pivot = row[i], wanted = least[i];
    least[i] = 0;
    if (pivot >= wanted) return 0;
    row[i] = wanted;
    least[i] = isfinite(pivot) ? wanted - pivot : wanted;
    for (uint64_t j = i + 1; j < d; j++)
        if (!(row[j] * row[j] <= wanted * a[j * d + j])) row[j] = 0;
    return 1;
}

/* Rows first .. first+count-1 of U, already freed of all rows before the panel. Returns the number of a bad pivot, or
 * d. */
static uint64_t factor_panel(double *a, uint64_t d, uint64_t first, uint64_t count, double *least, uint64_t *raised)
{
    for (uint64_t i = first; i < first + count; i++) {
        double *row = a + i * d;
        for (uint64_t p = first; p < i; p++) {
            const double *above = a + p * d, share = above[i];
            for (uint64_t j = i; j < d; j++) row[j] -= share * above[j];
        }
        if (least) *raised += raise_pivot(a, d, i, least);
        if (!(row[i] > 0 && isfinite(row[i]))) return i;
        const double root = sqrt(row[i]);
        row[i] = root;
        for (uint64_t j = i + 1; j < d; j++) row[j] /= root;
    }
    return d;
}

/* row[j] -= sum_p above[p][i] above[p][j] for a whole panel, j from i on. */
static void subtract_panel(double *restrict row, const double *restrict above, uint64_t d, uint64_t i)
{
    double factor[PANEL];
    for (int p = 0; p < PANEL; p++) factor[p] = above[(uint64_t)p * d + i];
    for (uint64_t j = i; j < d; j++) {
        double sum = 0;
        for (int p = 0; p < PANEL; p++) sum += factor[p] * above[(uint64_t)p * d + j];
        row[j] -= sum;
    }
}

static uint64_t factor(double *a, uint64_t d, double *least, uint64_t *raised)
{
    for (uint64_t first = 0; first < d; first += PANEL) {
        const uint64_t count = d - first < PANEL ? d - first : PANEL;
        const uint64_t bad = factor_panel(a, d, first, count, least, raised);
        if (bad < d) return bad;
        for (uint64_t i = first + PANEL; i < d; i++) subtract_panel(a + i * d, a + first * d, d, i);
    }
    return d;
}

uint64_t fg_cholesky(double *a, uint64_t d)
{
    return factor(a, d, NULL, NULL);
}

uint64_t fg_cholesky_raised(double *a, uint64_t d, double *least)
{
    uint64_t raised = 0;
    factor(a, d, least, &raised);
    return raised;
}

double fg_cholesky_loss(const double *u, const double *a, uint64_t d)
{
    double sum = 0;
    for (uint64_t j = 0; j < d; j++) sum += a[j * d + j] / (u[j * d + j] * u[j * d + j]);
    return sum;
}

/* Column by column: once t_i is known, it is subtracted from all that follow. */
double fg_cholesky_form(double *t, const double *u, uint64_t d)
{
    double sum = 0;
    for (uint64_t i = 0; i < d; i++) {
        const double *row = u + i * d, z = t[i] / row[i];
        for (uint64_t j = i + 1; j < d; j++) t[j] -= row[j] * z;
        sum += z * z;
    }
    return sum;
}

/* Forward substitution, row by row: w[j] = (e_j - sum_{i<j} L[j][i] w[i]) / L[j][j]. */
void fg_cholesky_inverse(double *w, const double *u, uint64_t d)
{
    for (uint64_t j = 0; j < d; j++) {
        double *restrict row = w + j * d;
        for (uint64_t c = 0; c < d; c++) row[c] = c == j;
        for (uint64_t i = 0; i < j; i++) {
            const double factor = u[i * d + j];
            const double *restrict above = w + i * d;
            for (uint64_t c = 0; c <= i; c++) row[c] -= factor * above[c];
        }
        for (uint64_t c = 0; c <= j; c++) row[c] /= u[j * d + j];
    }
}
