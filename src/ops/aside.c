/* aside.c - enqueues cl/aside.cl: the few rows of sparse batches whose lists overflowed, set aside until there are
 * enough of them. The dense path takes time for K D sums however few rows it is given. Its buffers and program are made
 * when the first row comes. */
#include "ops.h"

#include "size.h"
#include "status.h"

/* Rows: this share of a batch, so that a batch with more goes the dense way at once, and no more than dense sums bear.
 */
enum { ROOM_SHARE = 16, MOST_ROWS = 2048 };

static uint64_t plan(fg_aside *aside, const fg_shape *s)
{
    const uint64_t share = fg_max_u64(1, s->batch_rows / ROOM_SHARE);
    aside->room = (uint32_t)fg_min_u64(share, MOST_ROWS);
    return (uint64_t)s->d * fgmm_type_bytes(s->type);
}

uint64_t fg_aside_bytes(fg_pass *pass)
{
    const uint64_t row_bytes = plan(&pass->aside, &pass->shape);
    return pass->aside.room * (row_bytes + sizeof(float));
}

static fgmm_status create(fg_pass *pass)
{
    static const char *const files[] = {"aside.cl", NULL};
    fgmm_status status = FGMM_OK;
    fg_aside *aside = &pass->aside;
    const uint64_t row_bytes = plan(aside, &pass->shape);
    size_t bytes;
    FG_TRY(fg_size_product(&bytes, aside->room, row_bytes, "rows set aside"));
    FG_TRY(fg_buffer_create(&aside->rows, pass->device, bytes, FG_BUFFER_DEVICE, "rows set aside"));
    FG_TRY(fg_buffer_create(&aside->weights, pass->device, sizeof(float) * aside->room, FG_BUFFER_DEVICE,
                            "weights set aside"));
    FG_TRY(fg_kernel_get(&aside->set, pass->device, files, "", "set_aside"));
done:
    if (status != FGMM_OK) fg_aside_free(aside);
    return status;
}

void fg_aside_free(fg_aside *aside)
{
    fg_buffer_free(aside->rows);
    fg_buffer_free(aside->weights);
    *aside = (fg_aside){0};
}

uint32_t fg_aside_room(fg_pass *pass)
{
    plan(&pass->aside, &pass->shape);
    return pass->aside.room;
}

fgmm_status fg_aside_set(fg_pass *pass, const fg_rows *rows, uint32_t first_entry, uint32_t count)
{
    fgmm_status status = FGMM_OK;
    fg_aside *aside = &pass->aside;
    if (!aside->set) FG_TRY(create(pass));
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
        FG_ARG_BUFFER(aside->rows),
        FG_ARG_BUFFER(aside->weights),
        FG_ARG_VALUE(aside->count),
        FG_ARG_BUFFER(pass->lists.logz),
    };
    const size_t local = pass->shape.sum_items, global = count * local;
    FG_TRY(FG_LAUNCH(pass, aside->set, arguments, 1, &global, &local));
    aside->count += count;
    aside->has_weights = rows->weights != NULL;
done:
    return status;
}

fg_rows fg_aside_rows(const fg_aside *aside)
{
    fg_rows rows = {aside->rows, 0, aside->count};
    if (aside->has_weights) rows.weights = aside->weights;
    return rows;
}
