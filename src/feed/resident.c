/* resident.c - which batches stay on the device. */
#include "resident.h"

#include "size.h"

#include <stdlib.h>

fgmm_status fg_resident_open(fg_resident *resident, uint64_t batches, uint64_t count)
{
    fgmm_status status = FGMM_OK;
    *resident = (fg_resident){.batches = batches, .count = count};
    FG_TRY(FG_ALLOC(&resident->buffers, batches, "batches"));
    FG_TRY(FG_ALLOC(&resident->rows, batches, "batches"));
done:
    return status;
}

void fg_resident_clear(fg_resident *resident)
{
    for (uint64_t i = 0; resident->buffers && i < resident->batches; i++) fg_buffer_free(resident->buffers[i]);
    free(resident->buffers);
    free(resident->rows);
    *resident = (fg_resident){0};
}

int fg_resident_has(const fg_resident *resident, uint64_t batch)
{
    const uint64_t count = resident->count, batches = resident->batches;
    return batches > 0 && (batch + 1) * count / batches > batch * count / batches;
}

int fg_resident_is_missing(const fg_resident *resident, uint64_t batch)
{
    return !resident->is_filled || !fg_resident_has(resident, batch);
}

fgmm_status fg_resident_add(fg_resident *resident, uint64_t batch, fgmm_device *device, size_t bytes)
{
    return fg_buffer_create(&resident->buffers[batch], device, bytes, FG_BUFFER_DEVICE, "rows on the device");
}
