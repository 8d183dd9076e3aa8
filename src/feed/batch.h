/* batch.h - where rows and weights lie in a batch on the device, and single ones of them copied back to the host. */
#ifndef FG_BATCH_H
#define FG_BATCH_H

#include "pass.h"
#include "rows.h"
#include "size.h"
#include "weights.h"

/* A batch is one buffer: first the weights, float (capacity, rounded up to four), where rows have some, then the rows
 * (capacity,d). Both travel together, and stay on the device together. */
typedef struct fg_batch_layout {
    size_t weight_bytes; /* of one row's weight; 0: rows have none */
    size_t row_bytes;    /* of one row, in the type that it has on the device */
    uint64_t capacity;   /* rows that fit */
} fg_batch_layout;

/* Of capacity rows of the source; weights->source NULL: they have none. Errors: MEMORY, more than the address space. */
fgmm_status fg_batch_layout_of(fg_batch_layout *layout, const fgmm_source *source, const fg_weights *weights,
                               uint64_t capacity);

static inline size_t fg_batch_rows_at(const fg_batch_layout *layout)
{
    return (size_t)fg_round_up(layout->capacity, 4) * layout->weight_bytes;
}

static inline size_t fg_batch_bytes(const fg_batch_layout *layout)
{
    return fg_batch_rows_at(layout) + (size_t)layout->capacity * layout->row_bytes;
}

/* The first n rows of a buffer. weight: the sum of their weights. */
fg_rows fg_batch_rows(const fg_batch_layout *layout, const fg_buffer *buffer, uint64_t n, double weight);

/* Row i of a batch, row_bytes of the device's type. Blocks. */
fgmm_status fg_batch_read_row(void *row, const fg_rows *rows, size_t i, size_t row_bytes);
/* weights (n): of all of its rows, which have some. Blocks. */
fgmm_status fg_batch_read_weights(float *weights, const fg_rows *rows);

#endif
