/* lent.c - batches of rows that lie on the device already. */
#include "lent.h"

#include "size.h"

#include <stdlib.h>

/* Rows begin between vectors of four, though D has whole ones. */
static int is_copied(const fgmm_source *source)
{
    enum { VECTOR = 4 };
    const fgmm_source_info *info = &source->info;
    const fg_lent_rows *rows = source->opencl;
    return info->dims % VECTOR == 0 && rows->offset_bytes % (VECTOR * fgmm_type_bytes(info->type)) != 0;
}

static size_t copy_bytes(const fgmm_source *source, const fg_batch_layout *layout)
{
    return is_copied(source) ? (size_t)layout->capacity * layout->row_bytes : 0;
}

size_t fg_lent_bytes(const fgmm_source *source, const fg_batch_layout *layout)
{
    return copy_bytes(source, layout) + fg_batch_rows_at(layout);
}

fgmm_status fg_lent_open(fg_lent *lent, fgmm_device *device, const fgmm_source *source, const fg_batch_layout *layout)
{
    fgmm_status status = FGMM_OK;
    const size_t bytes = fg_batch_rows_at(layout), copied = copy_bytes(source, layout);
    *lent = (fg_lent){.rows = source->opencl};
    if (copied > 0) FG_TRY(fg_buffer_create(&lent->copies, device, copied, FG_BUFFER_DEVICE, "rows of a batch"));
    if (bytes == 0) return FGMM_OK;
    FG_TRY(fg_buffer_create(&lent->weights, device, bytes, FG_BUFFER_DEVICE, "weights of a batch"));
    FG_TRY(FG_ALLOC(&lent->host_weights, layout->capacity, "weights of a batch"));
done:
    return status;
}

void fg_lent_clear(fg_lent *lent)
{
    fg_buffer_free(lent->copies);
    fg_buffer_free(lent->weights);
    free(lent->host_weights);
    *lent = (fg_lent){0};
}

fgmm_status fg_lent_check(fgmm_source *source, double most)
{
    fgmm_status status = FGMM_OK;
    void *rows = NULL;
    uint64_t first = 0;
    const size_t row_bytes = (size_t)source->info.dims * fgmm_type_bytes(source->info.type);
    const uint64_t capacity = fg_max_u64(1, FG_CACHED_BYTES / row_bytes);
    FG_TRY(fg_alloc(&rows, capacity, row_bytes, "a block of rows"));
    FG_TRY(fgmm_source_rewind(source));
    for (uint64_t n = capacity; n == capacity; first += n) {
        FG_TRY(fg_rows_fill(source, rows, capacity, &n));
        FG_TRY(fg_rows_check_given(source, rows, n, first, most));
    }
done:
    free(rows);
    return status;
}

fgmm_status fg_lent_batch(fg_rows *rows, const fg_lent *lent, const fg_batch_layout *layout, const fg_weights *weights,
                          uint64_t position, uint64_t n)
{
    fgmm_status status = FGMM_OK;
    const size_t at = lent->rows->offset_bytes + (size_t)position * layout->row_bytes;
    *rows = (fg_rows){lent->rows->buffer, at, (size_t)n};
    if (lent->copies) {
        FG_TRY(fg_buffer_copy(lent->copies, lent->rows->buffer, at, (size_t)n * layout->row_bytes));
        *rows = (fg_rows){lent->copies, 0, (size_t)n};
    }
    if (!lent->weights) return FGMM_OK;
    rows->weights = lent->weights;
    FG_TRY(fg_weights_read(weights, lent->host_weights, n, &rows->weight));
    FG_TRY(fg_buffer_write(lent->weights, 0, lent->host_weights, (size_t)n * layout->weight_bytes));
done:
    return status;
}
