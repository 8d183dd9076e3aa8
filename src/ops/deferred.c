/* deferred.c - enqueues cl/common/deferred.cl: the few rows of sparse batches whose lists overflowed, set aside until
 * there are enough of them. The dense path takes time for K D sums however few rows it is given. Its buffers and
 * program are made when the first row comes. */
#include "parts.h"

#include "size.h"
#include "status.h"

/* Rows: this share of a batch, so that a batch with more goes the dense way at once, and no more than dense sums bear.
 */
enum { ROOM_SHARE = 16, MOST_ROWS = 2048 };

static uint64_t plan(fg_deferred *deferred, const fg_shape *s)
{
    const uint64_t share = fg_max_u64(1, s->batch_rows / ROOM_SHARE);
    deferred->room = (uint32_t)fg_min_u64(share, MOST_ROWS);
    return (uint64_t)s->d * fgmm_type_bytes(s->type);
}

uint64_t fg_deferred_bytes(fg_pass *pass)
{
    const uint64_t row_bytes = plan(&pass->deferred, &pass->shape);
    return pass->deferred.room * (row_bytes + sizeof(float));
}

static fgmm_status create(fg_pass *pass)
{
    fgmm_status status = FGMM_OK;
    fg_deferred *deferred = &pass->deferred;
    const uint64_t row_bytes = plan(deferred, &pass->shape);
    size_t bytes;
    FG_TRY(fg_size_product(&bytes, deferred->room, row_bytes, "rows set aside"));
    FG_TRY(fg_buffer_create(&deferred->rows, pass->device, bytes, FG_BUFFER_DEVICE, "rows set aside"));
    FG_TRY(fg_buffer_create(&deferred->weights, pass->device, sizeof(float) * deferred->room, FG_BUFFER_DEVICE,
                            "weights set aside"));
    FG_TRY(fg_kernel_get(&deferred->set, pass->device, "common/deferred.cl", "", "set_aside"));
done:
    if (status != FGMM_OK) fg_deferred_free(deferred);
    return status;
}

void fg_deferred_free(fg_deferred *deferred)
{
    fg_buffer_free(deferred->rows);
    fg_buffer_free(deferred->weights);
    *deferred = (fg_deferred){0};
}

uint32_t fg_deferred_capacity(fg_pass *pass)
{
    plan(&pass->deferred, &pass->shape);
    return pass->deferred.room;
}

fgmm_status fg_deferred_add(fg_pass *pass, const fg_rows *rows, uint32_t first_entry, uint32_t count)
{
    fgmm_status status = FGMM_OK;
    fg_deferred *deferred = &pass->deferred;
    if (!deferred->set) FG_TRY(create(pass));
    const fg_weight_arguments weights = fg_weight_arguments_of(rows);
    const cl_ulong first = rows->offset_bytes, row_bytes = pass->shape.d * (cl_ulong)fgmm_type_bytes(pass->shape.type);
    const fg_argument arguments[] = {
        FG_ARG_BUFFER(rows->buffer),
        FG_ARG_VALUE(first),
        FG_ARG_VALUE(row_bytes),
        FG_ARG_BUFFER(weights.buffer),
        FG_ARG_VALUE(weights.first),
        FG_ARG_VALUE(weights.has_weights),
        FG_ARG_BUFFER(pass->lists.sorted_rows),
        FG_ARG_VALUE(first_entry),
        FG_ARG_BUFFER(deferred->rows),
        FG_ARG_BUFFER(deferred->weights),
        FG_ARG_VALUE(deferred->count),
        FG_ARG_BUFFER(pass->lists.logz),
    };
    const size_t local = pass->shape.sum_items, global = count * local;
    FG_TRY(FG_LAUNCH(pass, deferred->set, arguments, 1, &global, &local));
    deferred->count += count;
    deferred->has_weights = rows->weights != NULL;
done:
    return status;
}

fg_rows fg_deferred_rows(const fg_deferred *deferred)
{
    fg_rows rows = {deferred->rows, 0, deferred->count};
    if (deferred->has_weights) rows.weights = deferred->weights;
    return rows;
}
