/* resident.h - the batches that stay on the device after the first pass over the rows: all, or as many as there is
 * memory for, spread evenly among those that are read in every pass, so that some are read while others are used. */
#ifndef FG_RESIDENT_H
#define FG_RESIDENT_H

#include "batch.h"

typedef struct fg_resident {
    uint64_t batches;    /* of a pass; 0: none stays */
    uint64_t count;      /* of them on the device */
    fg_buffer **buffers; /* (batches) NULL for others; owned */
    fg_rows *rows;       /* (batches) where they lie in them */
    int is_filled;       /* by a first pass, which has come to its end */
} fg_resident;

/* Errors: MEMORY. */
fgmm_status fg_resident_open(fg_resident *resident, uint64_t batches, uint64_t count);
void fg_resident_clear(fg_resident *resident);

/* Does the batch stay? */
int fg_resident_has(const fg_resident *resident, uint64_t batch);
/* Is it to be read in this pass? */
int fg_resident_is_missing(const fg_resident *resident, uint64_t batch);
/* A buffer for a batch that stays. Errors: MEMORY, DEVICE. */
fgmm_status fg_resident_add(fg_resident *resident, uint64_t batch, fgmm_device *device, size_t bytes);

#endif
