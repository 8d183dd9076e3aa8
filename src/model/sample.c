/* sample.c - draws rows from a mixture. Row i has its own range of the random stream, so that a large draw can be made
 * in pieces, in any order, with the same result. */
#include "model.h"

#include "cholesky.h"
#include "rng.h"
#include "size.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* U of each matrix, S = U^T U; NULL where the type has no matrices. */
static fgmm_status make_factors(double **factors, const fg_parameters *p)
{
    fgmm_status status = FGMM_OK;
    const uint64_t matrices = fg_covariance_matrices(p->covariance, p->k);
    const size_t count = (size_t)fg_covariance_count(p->covariance, p->k, p->d);
    if (matrices == 0) return FGMM_OK;
    FG_TRY(FG_ALLOC(factors, count, "factors of covariances"));
    memcpy(*factors, p->covariances, count * sizeof **factors);
    for (uint64_t m = 0; m < matrices; m++) fg_cholesky(*factors + m * p->d * p->d, p->d);
done:
    return status;
}

/* Element j of component c's deviation from its mean: normals (d) that its covariance is applied to. */
static double deviation(const fg_parameters *p, const double *factors, const double *normals, uint64_t c, uint64_t j)
{
    if (!factors) return sqrt(p->covariances[fg_variance_place(p->covariance, p->d, c, j)]) * normals[j];
    const double *u = factors + fg_covariance_place(p->covariance, p->d, c);
    double sum = 0;
    for (uint64_t i = 0; i <= j; i++) sum += u[i * p->d + j] * normals[i];
    return sum;
}

/* data (n,d): float32, or with is_wide float64. */
static fgmm_status sample_rows(const fgmm_model *model, uint64_t seed, uint64_t first_row, uint64_t n, void *data,
                               int is_wide, int32_t *components)
{
    fgmm_status status = FGMM_OK;
    double *cumulative = NULL, *factors = NULL, *normals = NULL;
    FG_CHECK(model && (data || n == 0), FGMM_ARGUMENT, "%s is NULL", model ? "data" : "model");
    const fg_parameters p = fg_model_parameters(model);
    const uint64_t blocks = p.d + 1; /* of 4 words: a uniform takes 2 of them, each normal 4 */
    FG_CHECK(first_row <= UINT64_MAX / blocks && n <= UINT64_MAX / blocks - first_row, FGMM_ARGUMENT,
             "first_row + n = %llu + %llu; need at most %llu", (ull)first_row, (ull)n, (ull)(UINT64_MAX / blocks));
    FG_TRY(FG_ALLOC(&cumulative, p.k, "cumulative weights"));
    FG_TRY(FG_ALLOC(&normals, p.d, "a row"));
    FG_TRY(make_factors(&factors, &p));
    double sum = 0;
    uint64_t last = 0; /* the last component that can be drawn at all */
    for (uint64_t c = 0; c < p.k; c++) {
        cumulative[c] = sum += p.weights[c];
        if (p.weights[c] > 0) last = c;
    }
    for (uint64_t i = 0; i < n; i++) {
        fg_rng rng;
        fg_rng_init(&rng, seed, FG_STREAM_DRAW, (first_row + i) * blocks);
        const uint64_t c = first_above(cumulative, last + 1, fg_rng_uniform(&rng) * sum);
        if (components) components[i] = (int32_t)c;
        for (uint64_t j = 0; j < p.d; j++) normals[j] = fg_rng_normal(&rng);
        for (uint64_t j = 0; j < p.d; j++) {
            const double value = p.means[c * p.d + j] + deviation(&p, factors, normals, c, j);
            FG_CHECK(is_wide || fabs(value) <= (double)FLT_MAX, FGMM_DATA,
                     "row %llu, column %llu: %g does not fit float32", (ull)(first_row + i), (ull)j, value);
            if (is_wide)
                ((double *)data)[i * p.d + j] = value;
            else
                ((float *)data)[i * p.d + j] = (float)value;
        }
    }
done:
    free(factors);
    free(normals);
    free(cumulative);
    return status;
}

fgmm_status fgmm_model_sample(const fgmm_model *model, uint64_t seed, uint64_t first_row, uint64_t n, float *data,
                              int32_t *components)
{
    return sample_rows(model, seed, first_row, n, data, 0, components);
}

fgmm_status fgmm_model_sample_f64(const fgmm_model *model, uint64_t seed, uint64_t first_row, uint64_t n, double *data,
                                  int32_t *components)
{
    return sample_rows(model, seed, first_row, n, data, 1, components);
}
