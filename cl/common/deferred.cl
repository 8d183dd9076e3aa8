/* common/deferred.cl - copies rows with more nonzeros than fit out of their batch, so that such rows of many batches
 * are summed together. All backends. A work-group copies one row; its work-items share the bytes.
 *
 *   transposed_rows  uint, from first_nonzero on: numbers of these rows in the batch
 *   to_rows          (capacity, row_bytes)    to_weights  float (capacity): the copies go to place `at` and on
 *   logz             float, of the batch: becomes 0, since such a row counts where its copy is summed
 */
#include "common/arguments.cl"
#include "arguments/deferred.h"
__kernel void defer_rows(ARGUMENTS(DEFER_ARGUMENTS))
{
    const uint place = at + (uint)get_group_id(0), row = transposed_rows[first_nonzero + get_group_id(0)];
    __global const uchar *from = rows + first_byte + row * row_bytes;
    __global uchar *to = to_rows + place * row_bytes;
    for (ulong i = get_local_id(0); i < row_bytes; i += get_local_size(0)) to[i] = from[i];
    if (get_local_id(0) > 0) return;
    to_weights[place] = has_weights ? weights[first_weight + row] : 1.0f;
    logz[row] = 0.0f;
}
