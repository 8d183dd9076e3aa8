/* opencl.c - what an application lends: its context, device and queue, or rows that lie in its cl_mem. */
#include "flashgmm/opencl.h"

#include "handle.h"
#include "size.h"
#include "source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a lent context ---- */

static fgmm_status check_context(cl_context context, cl_device_id id)
{
    fgmm_status status = FGMM_OK;
    cl_device_id *ids = NULL;
    size_t bytes = 0, i = 0;
    FG_CL(clGetContextInfo(context, CL_CONTEXT_DEVICES, 0, NULL, &bytes), FGMM_ARGUMENT, "clGetContextInfo", "context");
    FG_TRY(FG_ALLOC(&ids, bytes / sizeof *ids, "device list"));
    FG_CL(clGetContextInfo(context, CL_CONTEXT_DEVICES, bytes, ids, NULL), FGMM_ARGUMENT, "clGetContextInfo",
          "context");
    while (i < bytes / sizeof *ids && ids[i] != id) i++;
    FG_CHECK(i < bytes / sizeof *ids, FGMM_ARGUMENT, "device: not one of the %zu of the context", bytes / sizeof *ids);
done:
    free(ids);
    return status;
}

static fgmm_status check_queue(cl_command_queue queue, cl_context context, cl_device_id id)
{
    fgmm_status status = FGMM_OK;
    cl_context queue_context = NULL;
    cl_device_id queue_device = NULL;
    cl_command_queue_properties properties = 0;
    FG_CL(clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof queue_context, &queue_context, NULL), FGMM_ARGUMENT,
          "clGetCommandQueueInfo", "queue");
    FG_CL(clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof queue_device, &queue_device, NULL), FGMM_ARGUMENT,
          "clGetCommandQueueInfo", "queue");
    FG_CL(clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES, sizeof properties, &properties, NULL), FGMM_ARGUMENT,
          "clGetCommandQueueInfo", "queue");
    FG_CHECK(queue_context == context && queue_device == id, FGMM_ARGUMENT,
             "queue: belongs to another context or device");
    FG_CHECK(!(properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE), FGMM_ARGUMENT,
             "queue: out of order; need one in order");
done:
    return status;
}

/* What the application lends. */
typedef struct lent_device {
    cl_context context;
    cl_device_id id;
    cl_command_queue queue; /* NULL: none */
} lent_device;

static fgmm_status adopt(fgmm_device **device, const lent_device *lent, const fgmm_device_options *options)
{
    fgmm_status status = FGMM_OK;
    fgmm_device *made = NULL;
    const cl_device_id id = lent->id;
    fg_found_device found = {.id = id, .info = {.size = sizeof found.info, .index = UINT32_MAX}};
    FG_TRY(check_context(lent->context, id));
    if (lent->queue) FG_TRY(check_queue(lent->queue, lent->context, id));
    FG_CL(clGetDeviceInfo(id, CL_DEVICE_PLATFORM, sizeof found.platform, &found.platform, NULL), FGMM_ARGUMENT,
          "clGetDeviceInfo", "CL_DEVICE_PLATFORM");
    FG_TRY(fg_platform_describe(&found.info, found.platform, id));
    snprintf(found.info.reason, sizeof found.info.reason, "lent by the application; %s",
             fg_platform_backend_reason(found.info.backend, found.info.kind));
    FG_TRY(fg_device_new(&made, &found, options));
    made->is_lent = 1;
    FG_CL(clRetainContext(lent->context), FGMM_DEVICE, "clRetainContext", "%s", found.info.name);
    made->context = lent->context;
    if (lent->queue) {
        FG_CL(clRetainCommandQueue(lent->queue), FGMM_DEVICE, "clRetainCommandQueue", "%s", found.info.name);
        made->queue = lent->queue;
    } else {
        FG_TRY(fg_device_make_queue(made));
    }
    /* Matters for sub-devices only. The context keeps them too, but the contract says all three. */
    FG_CL(clRetainDevice(id), FGMM_DEVICE, "clRetainDevice", "%s", found.info.name);
    made->is_device_retained = 1;
    *device = made;
    made = NULL;
done:
    fgmm_device_close(made);
    return status;
}

fgmm_status fgmm_device_from_opencl(fgmm_device **device, cl_context context, cl_device_id id, cl_command_queue queue,
                                    const fgmm_device_options *options)
{
    fgmm_status status = FGMM_OK;
    fgmm_device_options copy;
    fg_driver_visit visit;
    const lent_device lent = {context, id, queue};
    if (!device) return fg_fail(FGMM_ARGUMENT, "device is NULL; need a place for the handle");
    *device = NULL;
    FG_CHECK(context && id, FGMM_ARGUMENT, "%s is NULL", context ? "id" : "context");
    FG_TRY(fg_device_read_options(&copy, options));
    FG_TRY(fg_driver_enter(&visit));
    status = adopt(device, &lent, &copy);
    fg_driver_leave(&visit);
done:
    return status;
}

/* ---- lent rows ---- */

typedef struct lent_source {
    fg_lent_rows lent;
    uint64_t rows, position;
    size_t row_bytes;
} lent_source;

static fgmm_status lent_rewind(void *self)
{
    ((lent_source *)self)->position = 0;
    return FGMM_OK;
}

static fgmm_status lent_next(void *self, void *rows, uint64_t capacity, uint64_t *count)
{
    fgmm_status status = FGMM_OK;
    lent_source *source = self;
    *count = fg_min_u64(capacity, source->rows - source->position);
    FG_TRY(fg_buffer_read(source->lent.buffer, source->lent.offset_bytes + source->position * source->row_bytes, rows,
                          *count * source->row_bytes));
    source->position += *count;
done:
    return status;
}

static void lent_close(void *self)
{
    lent_source *source = self;
    fg_buffer_free(source->lent.buffer);
    free(source);
}

static const fg_source_kind lent_kind = {lent_rewind, lent_next, lent_close, NULL};

/* The buffer's context must be the device's, or launches fail far from here. */
static fgmm_status check_memory(const fgmm_device *device, cl_mem memory)
{
    fgmm_status status = FGMM_OK;
    cl_context context = NULL;
    FG_CL(clGetMemObjectInfo(memory, CL_MEM_CONTEXT, sizeof context, &context, NULL), FGMM_ARGUMENT,
          "clGetMemObjectInfo", "buffer");
    FG_CHECK(context == device->context, FGMM_ARGUMENT, "buffer: belongs to another context than the device");
done:
    return status;
}

fgmm_status fgmm_source_from_cl_mem(fgmm_source **source, fgmm_device *device, cl_mem buffer, fgmm_type type,
                                    uint64_t rows, uint64_t dims, size_t offset_bytes)
{
    fgmm_status status = FGMM_OK;
    lent_source *made = NULL;
    size_t bytes;
    if (!source) return fg_fail(FGMM_ARGUMENT, "source is NULL; need a place for the handle");
    *source = NULL;
    FG_TRY(fg_device_check(device));
    FG_CHECK(buffer, FGMM_ARGUMENT, "buffer is NULL");
    FG_CHECK((unsigned)type <= FGMM_F32, FGMM_ARGUMENT, "type = %d; need u8, i8, f16 or f32", (int)type);
    FG_CHECK(rows >= 1 && rows < FGMM_ROWS_UNKNOWN, FGMM_ARGUMENT, "rows = %llu; need at least 1",
             (unsigned long long)rows);
    FG_CHECK(dims >= 1, FGMM_ARGUMENT, "dims = 0; need at least 1");
    FG_CHECK(offset_bytes % fgmm_type_bytes(type) == 0, FGMM_ARGUMENT, "offset_bytes = %zu; need a multiple of %zu",
             offset_bytes, fgmm_type_bytes(type));
    FG_TRY(check_memory(device, buffer));
    FG_TRY(FG_ALLOC(&made, 1, "source"));
    made->rows = rows;
    made->lent.offset_bytes = offset_bytes;
    FG_TRY(fg_size_product(&made->row_bytes, dims, fgmm_type_bytes(type), "bytes of a row"));
    FG_TRY(fg_size_product(&bytes, rows, made->row_bytes, "bytes of all rows"));
    FG_TRY(fg_buffer_lend(&made->lent.buffer, device, buffer));
    const size_t available = fg_buffer_bytes(made->lent.buffer);
    FG_CHECK(offset_bytes <= available && bytes <= available - offset_bytes, FGMM_ARGUMENT,
             "buffer: %zu bytes; need %zu behind offset_bytes = %zu", available, bytes, offset_bytes);
    const fgmm_source_info info = {sizeof info, rows, dims, type, "opencl"};
    lent_source *self = made;
    made = NULL; /* fg_source_create owns it now */
    FG_TRY(fg_source_create(source, &lent_kind, self, &info));
    (*source)->opencl = &self->lent;
done:
    if (made) lent_close(made);
    return status;
}
