/* buffers.c - makes, counts and releases what a list of buffers names. */
#include "buffers.h"

#include "size.h"
#include "status.h"

static fg_buffer **buffer_of(void *part, const fg_buffer_row *row)
{
    return (fg_buffer **)(void *)((char *)part + row->member);
}

uint64_t fg_buffers_bytes(const fg_buffer_list *list, const fg_shape *shape)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < list->count; i++) sum += list->rows[i].bytes(shape);
    return sum;
}

fgmm_status fg_buffers_create(void *part, const fg_buffer_list *list, fgmm_device *device, const fg_shape *shape)
{
    fgmm_status status = FGMM_OK;
    for (const fg_buffer_row *row = list->rows; row < list->rows + list->count; row++) {
        fg_buffer **buffer = buffer_of(part, row);
        size_t bytes;
        if (*buffer || row->bytes(shape) == 0) continue;
        FG_TRY(fg_size_product(&bytes, row->bytes(shape), 1, row->what));
        FG_TRY(fg_buffer_create(buffer, device, bytes, FG_BUFFER_DEVICE, row->what));
    }
done:
    return status;
}

void fg_buffers_free(void *part, const fg_buffer_list *list)
{
    for (const fg_buffer_row *row = list->rows; row < list->rows + list->count; row++) {
        fg_buffer_free(*buffer_of(part, row));
        *buffer_of(part, row) = NULL;
    }
}
