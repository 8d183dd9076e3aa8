/* upload.c - rows on their way to the device while kernels run, on a queue of their own. Apart from the host they go
 * through pinned memory, and a copy keeps the link busy; where memory is shared the host fills the device's own buffer,
 * mapped. Events order the queues: kernels wait for what was copied, and what comes next into a buffer waits for the
 * kernels that read it before. The thread that launches kernels waits for none of this. */
#include "handle.h"

#include "size.h"

#include <stdio.h>
#include <stdlib.h>

struct fg_upload {
    fgmm_device *device;
    fg_buffer *pinned; /* NULL: host and device share memory */
    void *pointer;     /* of pinned, mapped from create to free; else of `to`, mapped from begin to end, or NULL */
    fg_buffer *to;     /* what the batch at hand is for; borrowed */
    cl_event copied;   /* the copy under way, NULL: none */
    cl_event used;     /* kernels that may still read the target, NULL: none */
};

static void forget(cl_event *event)
{
    if (*event) clReleaseEvent(*event);
    *event = NULL;
}

/* A second queue, or the only one that a driver gives: then rows are copied between kernels instead of beside them. */
static fgmm_status make_upload_queue(fgmm_device *device)
{
    fgmm_status status = FGMM_OK;
    char line[256];
    cl_int error;
    if (device->upload_queue) return FGMM_OK;
    device->upload_queue = clCreateCommandQueue(device->context, device->id, 0, &error);
    if (error == CL_SUCCESS) return FGMM_OK;
    FG_CL(clRetainCommandQueue(device->queue), FGMM_DEVICE, "clRetainCommandQueue", "%s, uploads", device->info.name);
    device->upload_queue = device->queue;
    snprintf(line, sizeof line, "%s: no second queue (%s), so rows are copied between kernels instead of beside them",
             device->info.name, fg_cl_error_name(error));
    fg_device_log_once(device, line);
done:
    return status;
}

fgmm_status fg_upload_create(fg_upload **upload, fgmm_device *device, size_t bytes)
{
    fgmm_status status = FGMM_OK;
    fg_upload *made = NULL;
    *upload = NULL;
    FG_TRY(make_upload_queue(device));
    FG_TRY(FG_ALLOC(&made, 1, "upload"));
    made->device = device;
    if (!device->facts.has_unified_memory) {
        FG_TRY(fg_buffer_create(&made->pinned, device, bytes, FG_BUFFER_STAGING, "pinned memory for a batch of rows"));
        FG_TRY(fg_buffer_map(made->pinned, &made->pointer));
    }
    *upload = made;
    made = NULL;
done:
    fg_upload_free(made);
    return status;
}

void fg_upload_free(fg_upload *upload)
{
    if (!upload) return;
    fg_upload_end(upload);
    if (fg_device_is_mine(upload->device)) {
        if (upload->copied) clWaitForEvents(1, &upload->copied);
        forget(&upload->copied);
        forget(&upload->used);
        if (upload->pinned && upload->pointer) fg_buffer_unmap(upload->pinned, upload->pointer);
    }
    fg_buffer_free(upload->pinned);
    free(upload);
}

static fgmm_status wait_for(cl_event event, const char *what)
{
    fgmm_status status = FGMM_OK;
    if (!event) return FGMM_OK;
    FG_CL_WAIT(clWaitForEvents(1, &event), FGMM_DEVICE, "clWaitForEvents", "%s", what);
done:
    return status;
}

/* What kernels have used up, mapped for the host. */
static fgmm_status map_target(fg_upload *upload)
{
    fgmm_status status = FGMM_OK;
    fg_driver_visit visit;
    cl_int error;
    const size_t bytes = fg_buffer_bytes(upload->to);
    fg_driver_calm(&visit);
    upload->pointer = clEnqueueMapBuffer(upload->device->upload_queue, fg_buffer_memory(upload->to), CL_TRUE,
                                         CL_MAP_WRITE_INVALIDATE_REGION, 0, bytes, upload->used ? 1 : 0,
                                         upload->used ? &upload->used : NULL, NULL, &error);
    fg_driver_restore(&visit);
    FG_CL(error, FGMM_DEVICE, "clEnqueueMapBuffer", "a batch of rows, %zu bytes", bytes);
    forget(&upload->used);
done:
    return status;
}

fgmm_status fg_upload_begin(fg_upload *upload, fg_buffer *to, void **pointer)
{
    fgmm_status status = FGMM_OK;
    *pointer = NULL;
    upload->to = to;
    FG_TRY(upload->pinned ? wait_for(upload->copied, "copy of rows to the device") : map_target(upload));
    *pointer = upload->pointer;
done:
    return status;
}

fgmm_status fg_upload_send(fg_upload *upload, size_t offset, size_t bytes)
{
    fgmm_status status = FGMM_OK;
    const cl_command_queue queue = upload->device->upload_queue;
    const size_t target = fg_buffer_bytes(upload->to);
    const size_t available = upload->pinned ? fg_min_u64(target, fg_buffer_bytes(upload->pinned)) : target;
    FG_CHECK(offset <= available && bytes <= available - offset, FGMM_INTERNAL, "upload: bytes %zu..%zu of %zu to %zu",
             offset, offset + bytes, available, target);
    if (!upload->pinned) return FGMM_OK;
    forget(&upload->copied); /* the queue keeps the order: the last copy of a batch ends last */
    FG_CL(clEnqueueWriteBuffer(queue, fg_buffer_memory(upload->to), CL_FALSE, offset, bytes,
                               (char *)upload->pointer + offset, upload->used ? 1 : 0,
                               upload->used ? &upload->used : NULL, &upload->copied),
          FGMM_DEVICE, "clEnqueueWriteBuffer", "a batch of rows, %zu bytes", bytes);
    forget(&upload->used);
    FG_CL(clFlush(queue), FGMM_DEVICE, "clFlush", "uploads");
done:
    return status;
}

/* Waits for the unmapping: where it does nothing that costs nothing, and kernels then need not wait. */
fgmm_status fg_upload_end(fg_upload *upload)
{
    fgmm_status status = FGMM_OK;
    void *pointer = upload->pointer;
    if (upload->pinned || !pointer || !fg_device_is_mine(upload->device)) return FGMM_OK;
    upload->pointer = NULL;
    FG_CL(clEnqueueUnmapMemObject(upload->device->upload_queue, fg_buffer_memory(upload->to), pointer, 0, NULL, NULL),
          FGMM_DEVICE, "clEnqueueUnmapMemObject", "a batch of rows");
    FG_CL(clFinish(upload->device->upload_queue), FGMM_DEVICE, "clFinish", "uploads");
done:
    return status;
}

fgmm_status fg_upload_use(fg_upload *upload)
{
    fgmm_status status = FGMM_OK;
    if (!upload->copied) return FGMM_OK;
    FG_CL(clEnqueueBarrierWithWaitList(upload->device->queue, 1, &upload->copied, NULL), FGMM_DEVICE,
          "clEnqueueBarrierWithWaitList", "copy of rows to the device");
done:
    return status;
}

fgmm_status fg_upload_release(fg_upload *upload)
{
    fgmm_status status = FGMM_OK;
    const cl_command_queue queue = upload->device->queue;
    forget(&upload->used);
    FG_CL(clEnqueueMarkerWithWaitList(queue, 0, NULL, &upload->used), FGMM_DEVICE, "clEnqueueMarkerWithWaitList",
          "use of a batch of rows");
    FG_CL(clFlush(queue), FGMM_DEVICE, "clFlush", "use of a batch of rows");
done:
    return status;
}
