/* alike.c - components that are nearly alike (docs/math.md, the section of that name). Knows nothing of rows or
 * devices. */
#include "statistics.h"

/* The deviation of a difference of log-densities below which components are alike, squared: with 1e-3 one of a hundred
 * hard cases still ends elsewhere than in double precision, with 1e-2 none. */
static const double MOST_SQUARE = 2e-2 * 2e-2;

/* A variance that becomes so many times smaller is, in part, of rows that were left out. */
static const double MOST_SHRINKING = 1e4;

/* Variance of l_a - l_b over rows of component a: sum of (delta / s_b)^2 s_a + (s_a / s_b - 1)^2 / 2. */
static int are_two_alike(const fg_parameters *p, uint64_t a, uint64_t b)
{
    const uint64_t d = p->d, width = fg_covariance_width(p->covariance, d);
    double sum = 0;
    for (uint64_t j = 0; j < d && sum < MOST_SQUARE; j++) {
        const double of_a = p->covariances[a * width + j % width], of_b = p->covariances[b * width + j % width];
        const double delta = (p->means[a * d + j] - p->means[b * d + j]) / of_b, ratio = of_a / of_b - 1;
        sum += delta * delta * of_a + ratio * ratio / 2;
    }
    return sum < MOST_SQUARE;
}

int fg_has_shrunk(const fg_parameters *from, const fg_parameters *to)
{
    const uint64_t count = fg_covariance_count(to->covariance, to->k, to->d);
    for (uint64_t i = 0; i < count; i++)
        if (from->covariances[i] > MOST_SHRINKING * to->covariances[i]) return 1;
    return 0;
}

int fg_are_alike(const fg_parameters *p)
{
    for (uint64_t a = 0; a < p->k; a++)
        for (uint64_t b = 0; b < a; b++)
            if (are_two_alike(p, a, b)) return 1;
    return 0;
}
