/* deferred.c - enqueues cl/common/deferred.cl: the few rows of sparse batches that overflowed, which are kept until
 * there are enough of them. The dense path takes time for K D sums however few rows it is given. Its buffers and
 * program are made when the first row comes. */
#include "dense_path.h"

#include "arguments/deferred.h"
#include "buffers.h"
#include "size.h"
#include "status.h"

/* Rows: this share of a batch, so that a batch with more goes the dense way at once, and no more than dense sums bear.
 */
enum { CAPACITY_SHARE = 16, MOST_ROWS = 2048 };

uint32_t fg_deferred_capacity(const fg_shape *s)
{
    const uint64_t share = fg_max_u64(1, s->batch_rows / CAPACITY_SHARE);
    return (uint32_t)fg_min_u64(share, MOST_ROWS);
}

static uint64_t row_bytes(const fg_shape *s)
{
    return (uint64_t)s->d * fgmm_type_bytes(s->type);
}

static uint64_t rows_bytes(const fg_shape *s)
{
    return fg_deferred_capacity(s) * row_bytes(s);
}

static uint64_t weight_bytes(const fg_shape *s)
{
    return fg_deferred_capacity(s) * sizeof(float);
}

static const fg_buffer_row rows[] = {
    {offsetof(fg_deferred, rows), "deferred rows", rows_bytes},
    {offsetof(fg_deferred, weights), "deferred weights", weight_bytes},
};
static const fg_buffer_list buffers = FG_BUFFER_LIST(rows);

uint64_t fg_deferred_bytes(const fg_shape *s)
{
    return fg_buffers_bytes(&buffers, s);
}

void fg_deferred_free(fg_deferred *deferred)
{
    fg_buffers_free(deferred, &buffers);
    *deferred = (fg_deferred){0};
}

static fgmm_status create(fg_deferred *deferred, fgmm_device *device, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_buffers_create(deferred, &buffers, device, s));
    FG_TRY(fg_kernel_get(&deferred->add, device, "common/deferred.cl", "", "defer_rows"));
done:
    if (status != FGMM_OK) fg_deferred_free(deferred);
    return status;
}

FG_ARGUMENTS(defer, DEFER_ARGUMENTS)

fgmm_status fg_deferred_add(fg_deferred *deferred, const fg_inputs *in, const fg_dense_span *span,
                            const fg_buffer *logz)
{
    fgmm_status status = FGMM_OK;
    const fg_rows *batch = in->rows;
    if (!deferred->add) FG_TRY(create(deferred, in->device, in->shape));
    const fg_weight_arguments weights = fg_weight_arguments_of(batch);
    const defer_arguments arguments = {
        .rows = batch->buffer,
        .first_byte = batch->offset_bytes,
        .row_bytes = row_bytes(in->shape),
        FG_WEIGHT_MEMBERS(weights),
        .transposed_rows = span->list,
        .first_nonzero = span->first,
        .to_rows = deferred->rows,
        .to_weights = deferred->weights,
        .at = deferred->count,
        .logz = logz,
    };
    const size_t local = in->shape->sum_items, global = span->count * local;
    if (span->count > 0) FG_TRY(launch_defer(in->device, deferred->add, &arguments, 1, &global, &local));
    deferred->count += span->count;
    deferred->has_weights = batch->weights != NULL;
done:
    return status;
}

fg_rows fg_deferred_rows(const fg_deferred *deferred)
{
    fg_rows all = {deferred->rows, 0, deferred->count};
    if (deferred->has_weights) all.weights = deferred->weights;
    return all;
}
