/* common/deferred.cl - rows whose lists overflowed, copied out of their batch, so that those of many batches are summed
 * together. Both families. A work-group is a row, whose bytes its items copy.
 *
 *   sorted_rows  from first_entry on: row numbers in the batch
 *   to_rows      (room, row_bytes), to_weights float (room): rows from `at` on
 *   logz         of the batch: 0, since the row counts where it went
 */
__kernel void set_aside(__global const uchar *rows, ulong first_byte, ulong row_bytes, __global const float *weights,
                        ulong first_weight, uint has_weights, __global const uint *sorted_rows, uint first_entry,
                        __global uchar *to_rows, __global float *to_weights, uint at, __global float *logz)
{
    const uint place = at + (uint)get_group_id(0), row = sorted_rows[first_entry + get_group_id(0)];
    __global const uchar *from = rows + first_byte + row * row_bytes;
    __global uchar *to = to_rows + place * row_bytes;
    for (ulong i = get_local_id(0); i < row_bytes; i += get_local_size(0)) to[i] = from[i];
    if (get_local_id(0) > 0) return;
    to_weights[place] = has_weights ? weights[first_weight + row] : 1.0f;
    logz[row] = 0.0f;
}
