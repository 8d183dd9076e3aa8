/* lent.h - rows that the application has put into a cl_mem (flashgmm/opencl.h): they are used where they lie. Only
 * their weights are read, batch by batch in every pass. Only where they begin between vectors, which fg_rows may not,
 * each batch is copied on the device. */
#ifndef FG_LENT_H
#define FG_LENT_H

#include "batch.h"

typedef struct fg_lent {
    const fg_lent_rows *rows; /* NULL: the source's rows are not lent */
    fg_buffer *copies;        /* (capacity,d), of the batch at hand; NULL: rows are used where they lie. Owned */
    fg_buffer *weights;       /* float (capacity) of the batch at hand; NULL: rows have none. Owned */
    float *host_weights;      /* (capacity) likewise */
} fg_lent;

/* Bytes of the device that a batch of so many rows takes, without the application's. */
size_t fg_lent_bytes(const fgmm_source *source, const fg_batch_layout *layout);

/* Errors: MEMORY, DEVICE. */
fgmm_status fg_lent_open(fg_lent *lent, fgmm_device *device, const fgmm_source *source, const fg_batch_layout *layout);
void fg_lent_clear(fg_lent *lent);

/* Looks for values that are no numbers or beyond +-most: the only time that rows pass through the host. Errors:
 * DATA. */
fgmm_status fg_lent_check(fgmm_source *source, double most);

/* Rows position .. position + n - 1, with the next n weights. Errors: those of weights, DEVICE. */
fgmm_status fg_lent_batch(fg_rows *rows, const fg_lent *lent, const fg_batch_layout *layout, const fg_weights *weights,
                          uint64_t position, uint64_t n);

#endif
