/* upload.c - rows on their way to a device that is apart from the host: pinned memory, and copies on a queue of their
 * own, so that the link is busy while kernels run. Two events per upload order the queues: kernels wait for the copy,
 * and the next copy waits for the kernels that read the target before. */
#include "handle.h"

#include "size.h"

#include <stdlib.h>

struct fg_upload {
    fgmm_device *device;
    fg_buffer *pinned;
    void *pointer;   /* of pinned, mapped from create to free */
    cl_event copied; /* the copy under way, NULL: none */
    cl_event used;   /* kernels that may still read the target, NULL: none */
};

static void forget(cl_event *event)
{
    if (*event) clReleaseEvent(*event);
    *event = NULL;
}

static fgmm_status make_upload_queue(fgmm_device *device)
{
    fgmm_status status = FGMM_OK;
    cl_int error;
    if (device->upload_queue) return FGMM_OK;
    device->upload_queue = clCreateCommandQueue(device->context, device->id, 0, &error);
    FG_CL(error, FGMM_DEVICE, "clCreateCommandQueue", "%s, uploads", device->info.name);
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
    FG_TRY(fg_buffer_create(&made->pinned, device, bytes, FG_BUFFER_STAGING, "pinned memory for a batch of rows"));
    FG_TRY(fg_buffer_map(made->pinned, &made->pointer));
    *upload = made;
    made = NULL;
done:
    fg_upload_free(made);
    return status;
}

void fg_upload_free(fg_upload *upload)
{
    if (!upload) return;
    if (fg_device_is_mine(upload->device)) {
        if (upload->copied) clWaitForEvents(1, &upload->copied);
        forget(&upload->copied);
        forget(&upload->used);
        if (upload->pointer) fg_buffer_unmap(upload->pinned, upload->pointer);
    }
    fg_buffer_free(upload->pinned);
    free(upload);
}

void *fg_upload_pointer(const fg_upload *upload)
{
    return upload->pointer;
}

fgmm_status fg_upload_wait(fg_upload *upload)
{
    fgmm_status status = FGMM_OK;
    if (!upload->copied) return FGMM_OK;
    FG_CL(clWaitForEvents(1, &upload->copied), FGMM_DEVICE, "clWaitForEvents", "copy of rows to the device");
done:
    return status;
}

fgmm_status fg_upload_begin(fg_upload *upload, fg_buffer *to, size_t offset, size_t bytes)
{
    fgmm_status status = FGMM_OK;
    const cl_command_queue queue = upload->device->upload_queue;
    const size_t room = fg_min_u64(fg_buffer_bytes(to), fg_buffer_bytes(upload->pinned));
    FG_CHECK(offset <= room && bytes <= room - offset, FGMM_INTERNAL, "upload: bytes %zu..%zu of %zu to %zu", offset,
             offset + bytes, fg_buffer_bytes(upload->pinned), fg_buffer_bytes(to));
    forget(&upload->copied); /* the queue keeps the order: the last copy of a batch ends last */
    FG_CL(clEnqueueWriteBuffer(queue, fg_buffer_memory(to), CL_FALSE, offset, bytes, (char *)upload->pointer + offset,
                               upload->used ? 1 : 0, upload->used ? &upload->used : NULL, &upload->copied),
          FGMM_DEVICE, "clEnqueueWriteBuffer", "a batch of rows, %zu bytes", bytes);
    forget(&upload->used);
    FG_CL(clFlush(queue), FGMM_DEVICE, "clFlush", "uploads");
done:
    return status;
}

fgmm_status fg_upload_use(fg_upload *upload)
{
    fgmm_status status = FGMM_OK;
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
