/* batch.c - the layout of batches. */
#include "batch.h"

#include "size.h"

fgmm_status fg_batch_layout_of(fg_batch_layout *layout, const fgmm_source *source, const fg_weights *weights,
                               uint64_t capacity)
{
    fgmm_status status = FGMM_OK;
    const fgmm_source_info *info = &source->info;
    size_t bytes;
    *layout = (fg_batch_layout){.weight_bytes = weights->source ? sizeof(float) : 0, .capacity = capacity};
    FG_TRY(fg_size_product(&layout->row_bytes, info->dims, fgmm_type_bytes(fg_type_on_device(info->type)), "a row"));
    FG_TRY(fg_size_product(&bytes, capacity, layout->weight_bytes + layout->row_bytes, "a batch of rows"));
done:
    return status;
}

fg_rows fg_batch_rows(const fg_batch_layout *layout, const fg_buffer *buffer, uint64_t n, double weight)
{
    fg_rows rows = {buffer, fg_batch_rows_at(layout), (size_t)n};
    if (layout->weight_bytes) {
        rows.weights = buffer;
        rows.weight = weight;
    }
    return rows;
}

fgmm_status fg_batch_read_row(void *row, const fg_rows *rows, size_t i, size_t row_bytes)
{
    return fg_buffer_read(rows->buffer, rows->offset_bytes + i * row_bytes, row, row_bytes);
}

fgmm_status fg_batch_read_weights(float *weights, const fg_rows *rows)
{
    return fg_buffer_read(rows->weights, rows->weights_bytes, weights, rows->n * sizeof *weights);
}
