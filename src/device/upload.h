/* upload.h - rows travel to the device on a queue of their own while kernels run. */
#ifndef FG_UPLOAD_H
#define FG_UPLOAD_H

#include "buffer.h"

/* Where the host fills a buffer: pinned memory and the copy of it that is under way or, where host and device share
 * memory, the buffer itself, mapped. One thread at a time uses it; the reader may be another than the one that launches
 * kernels, as long as they take turns. The order of calls, batch after batch: begin, (fill, send) once or several
 * times, end, use, (launch kernels), release. Only begin and end wait, so that whoever launches kernels never does. */
typedef struct fg_upload fg_upload;

/* Errors: MEMORY, DEVICE. */
fgmm_status fg_upload_create(fg_upload **upload, fgmm_device *device, size_t bytes);
/* Blocks until a copy under way has ended. NULL is accepted. */
void fg_upload_free(fg_upload *upload);
/* Host memory for what goes to a buffer; blocks until it may be filled: until its last copy has ended or, where memory
 * is shared, the kernels launched before fg_upload_release. */
fgmm_status fg_upload_begin(fg_upload *upload, fg_buffer *to, void **pointer);
/* `bytes` from `offset` on are filled: enqueues their copy to the same place of the buffer, behind the kernels launched
 * before fg_upload_release. */
fgmm_status fg_upload_send(fg_upload *upload, size_t offset, size_t bytes);
/* The batch is complete, or given up; the memory must not be touched any more. Harmless when nothing was begun. */
fgmm_status fg_upload_end(fg_upload *upload);
/* Kernels launched after this find what was copied. */
fgmm_status fg_upload_use(fg_upload *upload);
/* The kernels launched so far are the last that read what was copied. */
fgmm_status fg_upload_release(fg_upload *upload);

#endif
