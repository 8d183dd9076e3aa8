/* buffer.h - memory of a device, counted in the handle's budget, and small answers that the device gives while it goes
 * on working. */
#ifndef FG_BUFFER_H
#define FG_BUFFER_H

#include "flashgmm/device.h"
#include "opencl_api.h"

typedef struct fg_buffer fg_buffer;

typedef enum fg_buffer_use {
    FG_BUFFER_DEVICE, /* lives where kernels are fast */
    FG_BUFFER_STAGING /* host memory that the device reads quickly (CL_MEM_ALLOC_HOST_PTR) */
} fg_buffer_use;

/* Errors: MEMORY with `what`, the bytes, and what the budget or CL_DEVICE_MAX_MEM_ALLOC_SIZE allows. bytes = 0 becomes
 * 1 element. Contents are undefined. */
fgmm_status fg_buffer_create(fg_buffer **buffer, fgmm_device *device, size_t bytes, fg_buffer_use use,
                             const char *what);
/* How much of so many bytes is there to be had now, beside what other programs hold: takes it in pieces and gives it
 * back. Where it is less, the handle's budget is that from then on. On CPUs nobody is asked, since the host's memory is
 * planned for in other ways. Errors: DEVICE, MEMORY. */
fgmm_status fg_device_find_memory(uint64_t *found, fgmm_device *device, uint64_t bytes);
/* Wraps memory of the application (opencl.h); retained, not counted in the budget. */
fgmm_status fg_buffer_lend(fg_buffer **buffer, fgmm_device *device, cl_mem memory);
void fg_buffer_free(fg_buffer *buffer);
size_t fg_buffer_bytes(const fg_buffer *buffer);

/* Blocking copies. */
fgmm_status fg_buffer_write(fg_buffer *buffer, size_t offset, const void *bytes, size_t count);
fgmm_status fg_buffer_read(const fg_buffer *buffer, size_t offset, void *bytes, size_t count);
/* Enqueued: bytes from one buffer to the beginning of another. */
fgmm_status fg_buffer_copy(fg_buffer *to, const fg_buffer *from, size_t offset, size_t count);
/* Enqueued: all bytes become 0xff, which is NaN as float, so that what nobody writes shows. */
fgmm_status fg_buffer_poison(fg_buffer *buffer);
/* Enqueued: all bytes of the range become 0. */
fgmm_status fg_buffer_zero(fg_buffer *buffer, size_t offset, size_t count);
/* Makes the whole buffer addressable by the host for writing (its contents become undefined), blocking; unmap is
 * enqueued. Between the two the host thread that holds the pointer need not be the one that mapped. */
fgmm_status fg_buffer_map(fg_buffer *buffer, void **pointer);
fgmm_status fg_buffer_unmap(fg_buffer *buffer, void *pointer);

/* ---- answers (answer.c) ---- */

typedef struct fg_answer fg_answer;

/* Errors: MEMORY, DEVICE. */
fgmm_status fg_answer_create(fg_answer **answer, fgmm_device *device, size_t bytes, const char *what);
/* Blocks until a copy under way has ended. NULL is accepted. */
void fg_answer_free(fg_answer *answer);
/* Enqueues the copy of the buffer, behind the kernels launched so far. */
fgmm_status fg_answer_ask(fg_answer *answer, const fg_buffer *buffer);
/* Blocks until what was asked for last is there. */
fgmm_status fg_answer_wait(fg_answer *answer, void *bytes, size_t count);

/* ---- lent memory ---- */

/* Rows lent by the application: what fgmm_source.opencl points to. */
typedef struct fg_lent_rows {
    fg_buffer *buffer;
    size_t offset_bytes;
} fg_lent_rows;

#endif
