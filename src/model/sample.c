/* sample.c - draws rows from a mixture. Row i has its own range of the random stream, so that a large draw can be made
 * in pieces, in any order, with the same result. */
#include "model.h"

#include "rng.h"
#include "size.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

typedef unsigned long long ull;

/* The first k with cumulative[k] > target; cumulative (count) rises. */
static uint64_t first_above(const double *cumulative, uint64_t count, double target)
{
    uint64_t low = 0, high = count - 1;
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        if (cumulative[middle] > target)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

fgmm_status fgmm_model_sample(const fgmm_model *model, uint64_t seed, uint64_t first_row, uint64_t n, float *data,
                              int32_t *components)
{
    fgmm_status status = FGMM_OK;
    double *cumulative = NULL;
    FG_CHECK(model && (data || n == 0), FGMM_ARGUMENT, "%s is NULL", model ? "data" : "model");
    const fg_parameters p = fg_model_parameters(model);
    const uint64_t blocks = p.d + 1; /* of 4 words: a uniform takes 2 of them, each normal 4 */
    FG_CHECK(first_row <= UINT64_MAX / blocks && n <= UINT64_MAX / blocks - first_row, FGMM_ARGUMENT,
             "first_row + n = %llu + %llu; need at most %llu", (ull)first_row, (ull)n, (ull)(UINT64_MAX / blocks));
    FG_TRY(FG_ALLOC(&cumulative, p.k, "cumulative weights"));
    double sum = 0;
    uint64_t last = 0; /* the last component that can be drawn at all */
    for (uint64_t k = 0; k < p.k; k++) {
        cumulative[k] = sum += p.weights[k];
        if (p.weights[k] > 0) last = k;
    }
    for (uint64_t i = 0; i < n; i++) {
        fg_rng rng;
        fg_rng_init(&rng, seed, FG_STREAM_DRAW, (first_row + i) * blocks);
        const uint64_t k = first_above(cumulative, last + 1, fg_rng_uniform(&rng) * sum);
        if (components) components[i] = (int32_t)k;
        for (uint64_t c = 0; c < p.d; c++) {
            const double variance = p.covariances[p.covariance == FGMM_DIAG ? k * p.d + c : k];
            const double value = p.means[k * p.d + c] + sqrt(variance) * fg_rng_normal(&rng);
            FG_CHECK(fabs(value) <= (double)FLT_MAX, FGMM_DATA, "row %llu, column %llu: %g does not fit float32",
                     (ull)(first_row + i), (ull)c, value);
            data[i * p.d + c] = (float)value;
        }
    }
done:
    free(cumulative);
    return status;
}
