/* wrong_driver.c - see wrong_driver.h. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "wrong_driver.h"

#include "device.h"

#include <assert.h>
#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>

enum { MOST_CHANGES = 4 };

static struct {
    size_t bytes, index;
    int is_float;
    double by;
} changes[MOST_CHANGES];
static size_t change_count;

void spoil_double(size_t bytes, size_t index, double by)
{
    assert(change_count < MOST_CHANGES);
    changes[change_count].bytes = bytes;
    changes[change_count].index = index;
    changes[change_count].is_float = 0;
    changes[change_count++].by = by;
}

void spoil_float(size_t bytes, size_t index, float by)
{
    spoil_double(bytes, index, (double)by);
    changes[change_count - 1].is_float = 1;
}

void spoil_nothing(void)
{
    change_count = 0;
}

static _Atomic int is_device_lost;

void lose_device(int is_lost)
{
    is_device_lost = is_lost;
}

typedef cl_int read_fn(cl_command_queue, cl_mem, cl_bool, size_t, size_t, void *, cl_uint, const cl_event *,
                       cl_event *);

CL_API_ENTRY cl_int CL_API_CALL clEnqueueReadBuffer(cl_command_queue queue, cl_mem buffer, cl_bool is_blocking,
                                                    size_t offset, size_t bytes, void *to, cl_uint count,
                                                    const cl_event *events, cl_event *event)
{
    read_fn *next;
    *(void **)&next = dlsym(RTLD_NEXT, "clEnqueueReadBuffer");
    if (is_device_lost) return CL_DEVICE_NOT_AVAILABLE;
    const cl_int error = next(queue, buffer, is_blocking, offset, bytes, to, count, events, event);
    for (size_t i = 0; error == CL_SUCCESS && is_blocking && i < change_count; i++) {
        if (changes[i].is_float && bytes >= changes[i].bytes) ((float *)to)[changes[i].index] += (float)changes[i].by;
        if (!changes[i].is_float && bytes == changes[i].bytes) ((double *)to)[changes[i].index] += changes[i].by;
    }
    return error;
}

static const char *left_out; /* name of a kernel */

void leave_out_kernel(const char *name)
{
    left_out = name;
}

static int is_left_out(cl_kernel kernel)
{
    char name[64] = "";
    return left_out && clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, sizeof name, name, NULL) == CL_SUCCESS &&
           strcmp(name, left_out) == 0;
}

static _Atomic uint64_t most, most_items; /* several threads launch kernels */

static void raise(_Atomic uint64_t *highest, uint64_t value)
{
    uint64_t before = atomic_load(highest);
    while (value > before && !atomic_compare_exchange_weak(highest, &before, value)) {
    }
}

typedef cl_int launch_fn(cl_command_queue, cl_kernel, cl_uint, const size_t *, const size_t *, const size_t *, cl_uint,
                         const cl_event *, cl_event *);

CL_API_ENTRY cl_int CL_API_CALL clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dims,
                                                       const size_t *first, const size_t *global, const size_t *local,
                                                       cl_uint count, const cl_event *events, cl_event *event)
{
    launch_fn *next;
    cl_device_id device;
    cl_ulong bytes = 0;
    *(void **)&next = dlsym(RTLD_NEXT, "clEnqueueNDRangeKernel");
    if (is_device_lost) return CL_DEVICE_NOT_AVAILABLE;
    if (clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof device, &device, NULL) == CL_SUCCESS)
        clGetKernelWorkGroupInfo(kernel, device, CL_KERNEL_LOCAL_MEM_SIZE, sizeof bytes, &bytes, NULL);
    raise(&most, bytes);
    uint64_t items = 1;
    for (cl_uint i = 0; local && i < dims; i++) items *= local[i];
    raise(&most_items, items);
    if (is_left_out(kernel)) return clEnqueueMarkerWithWaitList(queue, count, events, event);
    return next(queue, kernel, dims, first, global, local, count, events, event);
}

uint64_t most_local_bytes(void)
{
    return atomic_exchange(&most, 0);
}

uint64_t most_group_items(void)
{
    return atomic_exchange(&most_items, 0);
}

static int are_queues_refused;

void refuse_queues(int is_refused)
{
    are_queues_refused = is_refused;
}

typedef cl_command_queue queue_fn(cl_context, cl_device_id, cl_command_queue_properties, cl_int *);

CL_API_ENTRY cl_command_queue CL_API_CALL clCreateCommandQueue(cl_context context, cl_device_id device,
                                                               cl_command_queue_properties properties, cl_int *error)
{
    queue_fn *next;
    *(void **)&next = dlsym(RTLD_NEXT, "clCreateCommandQueue");
    if (!are_queues_refused) return next(context, device, properties, error);
    if (error) *error = CL_OUT_OF_RESOURCES;
    return NULL;
}

/* ---- a device that is gone ---- */

typedef cl_int queue_wait_fn(cl_command_queue);

CL_API_ENTRY cl_int CL_API_CALL clFinish(cl_command_queue queue)
{
    queue_wait_fn *next;
    *(void **)&next = dlsym(RTLD_NEXT, "clFinish");
    return is_device_lost ? CL_DEVICE_NOT_AVAILABLE : next(queue);
}

typedef cl_int event_wait_fn(cl_uint, const cl_event *);

CL_API_ENTRY cl_int CL_API_CALL clWaitForEvents(cl_uint count, const cl_event *events)
{
    event_wait_fn *next;
    *(void **)&next = dlsym(RTLD_NEXT, "clWaitForEvents");
    return is_device_lost ? CL_DEVICE_NOT_AVAILABLE : next(count, events);
}

typedef cl_int write_fn(cl_command_queue, cl_mem, cl_bool, size_t, size_t, const void *, cl_uint, const cl_event *,
                        cl_event *);

CL_API_ENTRY cl_int CL_API_CALL clEnqueueWriteBuffer(cl_command_queue queue, cl_mem buffer, cl_bool is_blocking,
                                                     size_t offset, size_t bytes, const void *from, cl_uint count,
                                                     const cl_event *events, cl_event *event)
{
    write_fn *next;
    *(void **)&next = dlsym(RTLD_NEXT, "clEnqueueWriteBuffer");
    if (is_device_lost) return CL_DEVICE_NOT_AVAILABLE;
    return next(queue, buffer, is_blocking, offset, bytes, from, count, events, event);
}

/* ---- memory that others hold ---- */

/* Both as in leave_memory. */
static uint64_t most_bytes = UINT64_MAX;
static _Atomic uint64_t bytes_held; /* buffers are made and freed by several threads */

void leave_memory(uint64_t bytes)
{
    most_bytes = bytes;
    atomic_store(&bytes_held, 0);
}

typedef cl_mem create_fn(cl_context, cl_mem_flags, size_t, void *, cl_int *);

CL_API_ENTRY cl_mem CL_API_CALL clCreateBuffer(cl_context context, cl_mem_flags flags, size_t bytes, void *from,
                                               cl_int *error)
{
    create_fn *next;
    *(void **)&next = dlsym(RTLD_NEXT, "clCreateBuffer");
    if (!is_device_lost && bytes <= most_bytes - atomic_load(&bytes_held)) {
        if (most_bytes != UINT64_MAX) atomic_fetch_add(&bytes_held, bytes);
        return next(context, flags, bytes, from, error);
    }
    if (error) *error = is_device_lost ? CL_DEVICE_NOT_AVAILABLE : CL_MEM_OBJECT_ALLOCATION_FAILURE;
    return NULL;
}

typedef cl_int release_fn(cl_mem);

CL_API_ENTRY cl_int CL_API_CALL clReleaseMemObject(cl_mem memory)
{
    release_fn *next;
    size_t bytes = 0;
    *(void **)&next = dlsym(RTLD_NEXT, "clReleaseMemObject");
    clGetMemObjectInfo(memory, CL_MEM_SIZE, sizeof bytes, &bytes, NULL);
    const uint64_t held = atomic_load(&bytes_held);
    if (most_bytes != UINT64_MAX) atomic_fetch_sub(&bytes_held, bytes < held ? bytes : held);
    return next(memory);
}
