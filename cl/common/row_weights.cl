/* common/row_weights.cl - rows that count more or less than once: what a row adds to the sums, times its weight w_i.
 * Both families.
 *
 *     r_ik <- w_i r_ik of the rows' lists,      logz_i <- w_i logz_i                  (docs/math.md, equation 21)
 *
 * A work-item is a row, more are idle. The dense path and small mixtures weigh while they normalise (dense_*.cl,
 * cpu/fused.cl).
 *
 *   weights  float (n) from first_weight on, 0..1: products are no larger than what they are made of
 */

/* values (n, capacity), of which the first counts[row] are entries. A row for the dense path has one, unused. */
__kernel void weigh_entries(uint n, uint capacity, __global const float *weights, ulong first_weight,
                            __global const uint *counts, __global float *values)
{
    const uint row = get_global_id(0);
    if (row >= n) return;
    const float weight = weights[first_weight + row];
    __global float *list = values + (size_t)row * capacity;
    for (uint q = 0; q < counts[row]; q++) list[q] *= weight;
}

__kernel void weigh_rows(uint n, __global const float *weights, ulong first_weight, __global float *logz)
{
    const uint row = get_global_id(0);
    if (row < n) logz[row] *= weights[first_weight + row];
}
