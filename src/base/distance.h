/* distance.h - squared distances of float vectors on the host. */
#ifndef FG_DISTANCE_H
#define FG_DISTANCE_H

#include <stdint.h>

enum { FG_MOST_LANES = 16 };

/* |a - b|^2 over d elements, in `lanes` float sums (at most FG_MOST_LANES), which a compiler makes vectors of when the
 * number is a constant. The order of the sums, and so the last bit, depends on it. */
static inline float fg_squared_distance(const float *a, const float *b, uint64_t d, uint64_t lanes)
{
    float sums[FG_MOST_LANES] = {0}, sum = 0;
    uint64_t j = 0;
    for (; j + lanes <= d; j += lanes)
        for (uint64_t l = 0; l < lanes; l++) sums[l] += (a[j + l] - b[j + l]) * (a[j + l] - b[j + l]);
    for (; j < d; j++) sum += (a[j] - b[j]) * (a[j] - b[j]);
    for (uint64_t l = 0; l < lanes; l++) sum += sums[l];
    return sum;
}

#endif
