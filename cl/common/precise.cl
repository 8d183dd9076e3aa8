/* common/precise.cl - responsibilities and their sums in double precision, for spherical and diagonal components that
 * are nearly alike (docs/math.md, "Components that are nearly alike"). All backends that have double.
 *
 *     l = b - sum h (y - m)^2,  r = exp(l - logz),  N = sum r,  S1 = sum r (y - c),  S2 = sum r (y - c)^2
 *
 *   model      double [K (D): m] [K (D): h] [K: b]         centres  double (K, D): what sums are about
 *   high, low  float (n, row_capacity): r as a pair of floats, 48 bits
 *   sums       double (K, 2 D + 1): S1 (D) | S2 (D) | N, added to
 *   row_scale  1 / unit, which rows are multiplied by while they are loaded; for bytes not read
 */
#include "common/arguments.cl"
#include "arguments/precise.h"
#include "common/prelude.cl"

#if HAS_FP64
/* Not rounded after the shift: float32 rows are what they are. */
static inline double precise_element(__global const row_t *rows, size_t i, float shift, float row_scale)
{
#if ROW_TYPE > 1
    return (double)row_element(rows, i) * (double)row_scale - (double)shift;
#else
    return (double)row_element(rows, i) - (double)shift;
#endif
}

static inline double precise_log_density(__global const row_t *rows, size_t row_start, __global const float *shift,
                                         float row_scale, __global const double *model, uint c, uint components,
                                         uint dims)
{
    __global const double *mean = model + (size_t)c * dims, *h = mean + (size_t)components * dims;
    double sum = 0;
    for (uint d = 0; d < dims; d++) {
        const double t = precise_element(rows, row_start + d, shift[d], row_scale) - mean[d];
        sum = fma(h[d] * t, t, sum);
    }
    return model[2 * (size_t)components * dims + c] - sum;
}

/* A work-item has one row. */
__kernel void precise_responsibilities(ARGUMENTS(PRECISE_RESPONSIBILITIES_ARGUMENTS))
{
    const uint row = first_row + (uint)get_global_id(0);
    if (row >= n) return;
    const size_t row_start = first_element + (size_t)row * dims, list = (size_t)row * row_capacity;
    double most = -INFINITY, sum = 0;
    for (uint c = 0; c < components; c++) {
        const double l = precise_log_density(rows, row_start, shift, row_scale, model, c, components, dims);
        sum = l > most ? fma(sum, exp(most - l), 1.0) : sum + exp(l - most);
        most = fmax(most, l);
    }
    const double normaliser = most + log(sum);
    for (uint c = 0; c < components; c++) {
        const double l = precise_log_density(rows, row_start, shift, row_scale, model, c, components, dims);
        const double r = exp(l - normaliser);
        high[list + c] = (float)r;
        low[list + c] = (float)(r - (double)(float)r);
    }
    logz[row] = (float)normaliser;
}

/* Adds rows first_row .. n - 1. Groups of one work-item (D + 1, K): one has a dimension of a component, the last of a
 * component its N. */
__kernel void precise_sums(ARGUMENTS(PRECISE_SUMS_ARGUMENTS))
{
    const uint d = get_global_id(0), c = get_global_id(1);
    const double centre = d < dims ? centres[(size_t)c * dims + d] : 0;
    const float move = d < dims ? shift[d] : 0;
    double first = 0, second = 0;
    for (uint row = first_row; row < n; row++) {
        const size_t entry = (size_t)row * row_capacity + c;
        const double weight = has_weights ? weights[first_weight + row] : 1.0f;
        const double r = ((double)high[entry] + (double)low[entry]) * weight;
        if (d == dims) {
            first += r;
            continue;
        }
        const double t = precise_element(rows, first_element + (size_t)row * dims + d, move, row_scale) - centre;
        first = fma(r, t, first);
        second = fma(r * t, t, second);
    }
    __global double *to = sums + (size_t)c * (2 * dims + 1);
    if (d == dims) {
        to[2 * dims] += first;
        return;
    }
    to[d] += first;
    to[dims + d] += second;
}
#endif
