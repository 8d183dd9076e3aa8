/* common/row_weights.cl - multiplies what a row adds to the sums by its weight w_i, where rows count more or less than
 * once. All backends. A work-item has one row; those behind the last row do nothing.
 *
 *     r_ik <- w_i r_ik of the sparse responsibilities,      logz_i <- w_i logz_i       (docs/math.md, equation 21)
 *
 * The dense and the fused path multiply while they normalise ({cpu,gpu}/dense.cl, cpu/fused.cl).
 *
 *   weights  float (n) from first_weight on, 0..1: products are no larger than what they are made of
 */

/* values (n, row_capacity), of which the first counts[row] are nonzeros. A row for the dense path has one, which is not
 * used. */
__kernel void weigh_nonzeros(uint n, uint row_capacity, __global const float *weights, ulong first_weight,
                             __global const uint *counts, __global float *values)
{
    const uint row = get_global_id(0);
    if (row >= n) return;
    const float weight = weights[first_weight + row];
    __global float *list = values + (size_t)row * row_capacity;
    for (uint q = 0; q < counts[row]; q++) list[q] *= weight;
}

__kernel void weigh_rows(uint n, __global const float *weights, ulong first_weight, __global float *logz)
{
    const uint row = get_global_id(0);
    if (row < n) logz[row] *= weights[first_weight + row];
}
