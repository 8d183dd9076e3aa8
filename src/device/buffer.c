/* buffer.c - device memory: allocation within the handle's budget, copies, mapping. */
#include "handle.h"

#include "size.h"

#include <stdlib.h>
#include <string.h>

struct fg_buffer {
    fgmm_device *device;
    cl_mem memory;
    size_t bytes;
    int is_lent;      /* not counted in the budget */
    const char *what; /* for error texts; copied behind the struct */
};

static fgmm_status buffer_new(fg_buffer **buffer, fgmm_device *device, const char *what)
{
    fgmm_status status = FGMM_OK;
    char *memory;
    FG_TRY(fg_alloc((void **)&memory, sizeof(fg_buffer) + strlen(what) + 1, 1, what));
    *buffer = (fg_buffer *)(void *)memory;
    (*buffer)->device = device;
    (*buffer)->what = strcpy(memory + sizeof(fg_buffer), what);
done:
    return status;
}

fgmm_status fg_buffer_create(fg_buffer **buffer, fgmm_device *device, size_t bytes, fg_buffer_use use, const char *what)
{
    /* One element of the largest type a kernel reads (double16), so that an empty buffer has a valid address. */
    enum { LEAST_BYTES = 128 };
    fgmm_status status = FGMM_OK;
    fg_buffer *made = NULL;
    cl_int error;
    *buffer = NULL;
    FG_TRY(fg_device_check(device));
    if (bytes == 0) bytes = LEAST_BYTES;
    FG_CHECK(bytes <= device->facts.max_alloc_bytes, FGMM_MEMORY,
             "%s: %zu bytes; %s allows at most %llu in one piece (CL_DEVICE_MAX_MEM_ALLOC_SIZE)", what, bytes,
             device->info.name, (unsigned long long)device->facts.max_alloc_bytes);
    FG_CHECK(bytes <= fg_device_bytes_left(device), FGMM_MEMORY,
             "%s: %zu bytes; %llu of the device memory limit of %llu bytes are left", what, bytes,
             (unsigned long long)fg_device_bytes_left(device), (unsigned long long)device->memory_limit);
    FG_TRY(buffer_new(&made, device, what));
    const cl_mem_flags flags = CL_MEM_READ_WRITE | (use == FG_BUFFER_STAGING ? CL_MEM_ALLOC_HOST_PTR : 0);
    made->memory = clCreateBuffer(device->context, flags, bytes, NULL, &error);
    FG_CL(error, FGMM_MEMORY, "clCreateBuffer", "%s, %zu bytes beside %llu that are held, of %llu", what, bytes,
          (unsigned long long)device->bytes, (unsigned long long)device->facts.global_bytes);
    if (device->is_poisoning) {
        const cl_uchar poison = 0xff;
        error = clEnqueueFillBuffer(device->queue, made->memory, &poison, 1, 0, bytes, 0, NULL, NULL);
        if (error != CL_SUCCESS) clReleaseMemObject(made->memory);
        FG_CL(error, FGMM_DEVICE, "clEnqueueFillBuffer", "%s", what);
    }
    made->bytes = bytes;
    device->bytes += bytes;
    device->peak_bytes = fg_max_u64(device->peak_bytes, device->bytes);
    *buffer = made;
    made = NULL;
done:
    free(made);
    return status;
}

/* ---- what other programs leave ---- */

/* A chunk of memory that is really there: some drivers find room only when it is used. */
static cl_int hold(cl_mem *chunk, fgmm_device *device, size_t bytes)
{
    static const cl_uchar zero;
    cl_int error;
    *chunk = clCreateBuffer(device->context, CL_MEM_READ_WRITE, bytes, NULL, &error);
    if (error != CL_SUCCESS) *chunk = NULL;
    if (error == CL_SUCCESS) error = clEnqueueFillBuffer(device->queue, *chunk, &zero, 1, 0, bytes, 0, NULL, NULL);
    return error == CL_SUCCESS ? clFinish(device->queue) : error;
}

static int is_shortage(cl_int error)
{
    return error == CL_MEM_OBJECT_ALLOCATION_FAILURE || error == CL_OUT_OF_RESOURCES || error == CL_OUT_OF_HOST_MEMORY;
}

fgmm_status fg_device_find_memory(uint64_t *found, fgmm_device *device, uint64_t bytes)
{
    enum { CHUNKS = 16 };
    fgmm_status status = FGMM_OK;
    fg_driver_visit visit;
    cl_mem *chunks = NULL;
    size_t count = 0;
    cl_int error = CL_SUCCESS;
    const uint64_t chunk = fg_min_u64(device->facts.max_alloc_bytes, fg_ceil_div(bytes, CHUNKS));
    *found = bytes;
    if (device->facts.kind == FGMM_DEVICE_CPU || bytes == 0) return FGMM_OK;
    FG_TRY(FG_ALLOC(&chunks, fg_ceil_div(bytes, chunk), "chunks of device memory"));
    fg_driver_calm(&visit);
    for (*found = 0; *found < bytes && error == CL_SUCCESS; count++) {
        const uint64_t more = fg_min_u64(chunk, bytes - *found);
        error = hold(&chunks[count], device, (size_t)more);
        *found += error == CL_SUCCESS ? more : 0;
    }
    for (size_t i = 0; i < count; i++)
        if (chunks[i]) clReleaseMemObject(chunks[i]);
    fg_driver_restore(&visit);
    if (!is_shortage(error))
        FG_CL(error, FGMM_DEVICE, "clCreateBuffer", "%s, %llu bytes", device->info.name, (unsigned long long)bytes);
    if (*found < bytes) device->memory_limit = device->bytes + *found;
done:
    free(chunks);
    return status;
}

fgmm_status fg_buffer_lend(fg_buffer **buffer, fgmm_device *device, cl_mem memory)
{
    fgmm_status status = FGMM_OK;
    fg_buffer *made = NULL;
    *buffer = NULL;
    FG_TRY(fg_device_check(device));
    FG_TRY(buffer_new(&made, device, "rows of the application"));
    FG_CL(clGetMemObjectInfo(memory, CL_MEM_SIZE, sizeof made->bytes, &made->bytes, NULL), FGMM_ARGUMENT,
          "clGetMemObjectInfo", "%s", made->what);
    FG_CL(clRetainMemObject(memory), FGMM_ARGUMENT, "clRetainMemObject", "%s", made->what);
    made->memory = memory;
    made->is_lent = 1;
    *buffer = made;
    made = NULL;
done:
    free(made);
    return status;
}

void fg_buffer_free(fg_buffer *buffer)
{
    if (!buffer) return;
    if (!buffer->is_lent) buffer->device->bytes -= buffer->bytes;
    if (fg_device_is_mine(buffer->device)) clReleaseMemObject(buffer->memory);
    free(buffer);
}

size_t fg_buffer_bytes(const fg_buffer *buffer)
{
    return buffer->bytes;
}

cl_mem fg_buffer_memory(const fg_buffer *buffer)
{
    return buffer->memory;
}

/* ---- copies ---- */

/* A range outside of the buffer is an error of this library, caught before the driver sees it. */
static fgmm_status check_range(const fg_buffer *buffer, size_t offset, size_t count)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_device_check(buffer->device)); /* rows of an application are read without a verb before */
    FG_CHECK(offset <= buffer->bytes && count <= buffer->bytes - offset, FGMM_INTERNAL, "%s: bytes %zu..%zu of %zu",
             buffer->what, offset, offset + count, buffer->bytes);
done:
    return status;
}

fgmm_status fg_buffer_write(fg_buffer *buffer, size_t offset, const void *bytes, size_t count)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(check_range(buffer, offset, count));
    if (count == 0) goto done;
    FG_CL_WAIT(
        clEnqueueWriteBuffer(buffer->device->queue, buffer->memory, CL_TRUE, offset, count, bytes, 0, NULL, NULL),
        FGMM_DEVICE, "clEnqueueWriteBuffer", "%s, %zu bytes", buffer->what, count);
done:
    return status;
}

fgmm_status fg_buffer_read(const fg_buffer *buffer, size_t offset, void *bytes, size_t count)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(check_range(buffer, offset, count));
    if (count == 0) goto done;
    FG_CL_WAIT(clEnqueueReadBuffer(buffer->device->queue, buffer->memory, CL_TRUE, offset, count, bytes, 0, NULL, NULL),
               FGMM_DEVICE, "clEnqueueReadBuffer", "%s, %zu bytes", buffer->what, count);
done:
    return status;
}

fgmm_status fg_buffer_copy(fg_buffer *to, const fg_buffer *from, size_t offset, size_t count)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(check_range(from, offset, count));
    FG_TRY(check_range(to, 0, count));
    if (count == 0) goto done;
    FG_CL(clEnqueueCopyBuffer(to->device->queue, from->memory, to->memory, offset, 0, count, 0, NULL, NULL),
          FGMM_DEVICE, "clEnqueueCopyBuffer", "%s, %zu bytes", from->what, count);
done:
    return status;
}

fgmm_status fg_buffer_poison(fg_buffer *buffer)
{
    static const unsigned char poison = 0xff;
    fgmm_status status = FGMM_OK;
    FG_CL(clEnqueueFillBuffer(buffer->device->queue, buffer->memory, &poison, sizeof poison, 0, buffer->bytes, 0, NULL,
                              NULL),
          FGMM_DEVICE, "clEnqueueFillBuffer", "%s, %zu bytes", buffer->what, buffer->bytes);
done:
    return status;
}

fgmm_status fg_buffer_zero(fg_buffer *buffer, size_t offset, size_t count)
{
    static const unsigned char zero;
    fgmm_status status = FGMM_OK;
    FG_TRY(check_range(buffer, offset, count));
    if (count == 0) goto done;
    FG_CL(clEnqueueFillBuffer(buffer->device->queue, buffer->memory, &zero, sizeof zero, offset, count, 0, NULL, NULL),
          FGMM_DEVICE, "clEnqueueFillBuffer", "%s, %zu bytes", buffer->what, count);
done:
    return status;
}

fgmm_status fg_buffer_map(fg_buffer *buffer, void **pointer)
{
    fgmm_status status = FGMM_OK;
    fg_driver_visit visit;
    cl_int error;
    *pointer = NULL;
    FG_TRY(fg_device_check(buffer->device));
    fg_driver_calm(&visit);
    void *mapped = clEnqueueMapBuffer(buffer->device->queue, buffer->memory, CL_TRUE, CL_MAP_WRITE_INVALIDATE_REGION, 0,
                                      buffer->bytes, 0, NULL, NULL, &error);
    fg_driver_restore(&visit);
    FG_CL(error, FGMM_DEVICE, "clEnqueueMapBuffer", "%s, %zu bytes", buffer->what, buffer->bytes);
    *pointer = mapped;
done:
    return status;
}

fgmm_status fg_buffer_unmap(fg_buffer *buffer, void *pointer)
{
    fgmm_status status = FGMM_OK;
    FG_CL(clEnqueueUnmapMemObject(buffer->device->queue, buffer->memory, pointer, 0, NULL, NULL), FGMM_DEVICE,
          "clEnqueueUnmapMemObject", "%s, %zu bytes", buffer->what, buffer->bytes);
done:
    return status;
}
