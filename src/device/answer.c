/* answer.c - small numbers that the host wants of the device while it goes on working: a copy into pinned memory,
 * waited for later. Copies into memory of other kinds may be waited for by the driver itself. */
#include "handle.h"

#include "size.h"

#include <stdlib.h>
#include <string.h>

struct fg_answer {
    fgmm_device *device;
    fg_buffer *pinned;
    void *pointer;   /* of pinned, mapped from create to free */
    cl_event copied; /* the copy under way, NULL: none */
};

fgmm_status fg_answer_create(fg_answer **answer, fgmm_device *device, size_t bytes, const char *what)
{
    fgmm_status status = FGMM_OK;
    fg_answer *made = NULL;
    *answer = NULL;
    FG_TRY(FG_ALLOC(&made, 1, what));
    made->device = device;
    FG_TRY(fg_buffer_create(&made->pinned, device, bytes, FG_BUFFER_STAGING, what));
    FG_TRY(fg_buffer_map(made->pinned, &made->pointer));
    *answer = made;
    made = NULL;
done:
    fg_answer_free(made);
    return status;
}

void fg_answer_free(fg_answer *answer)
{
    if (!answer) return;
    if (fg_device_is_mine(answer->device)) {
        if (answer->copied) {
            clWaitForEvents(1, &answer->copied);
            clReleaseEvent(answer->copied);
        }
        if (answer->pointer) fg_buffer_unmap(answer->pinned, answer->pointer);
    }
    fg_buffer_free(answer->pinned);
    free(answer);
}

fgmm_status fg_answer_ask(fg_answer *answer, const fg_buffer *buffer)
{
    fgmm_status status = FGMM_OK;
    const size_t bytes = fg_min_u64(fg_buffer_bytes(answer->pinned), fg_buffer_bytes(buffer));
    if (answer->copied) clReleaseEvent(answer->copied);
    answer->copied = NULL;
    FG_CL(clEnqueueReadBuffer(answer->device->queue, fg_buffer_memory(buffer), CL_FALSE, 0, bytes, answer->pointer, 0,
                              NULL, &answer->copied),
          FGMM_DEVICE, "clEnqueueReadBuffer", "%zu bytes", bytes);
done:
    return status;
}

fgmm_status fg_answer_wait(fg_answer *answer, void *bytes, size_t count)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(answer->copied && count <= fg_buffer_bytes(answer->pinned), FGMM_INTERNAL, "an answer of %zu bytes: %s",
             count, answer->copied ? "too many" : "nothing was asked");
    FG_CL_WAIT(clWaitForEvents(1, &answer->copied), FGMM_DEVICE, "clWaitForEvents", "%zu bytes", count);
    memcpy(bytes, answer->pointer, count);
done:
    return status;
}
