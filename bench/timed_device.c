/* timed_device.c - see timed_device.h. The program's own clEnqueueNDRangeKernel stands before the loader's, so that
 * each launch of the library gets an event; copies and fills are not counted. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "timed_device.h"

#include "contender.h"
#include "opencl_device.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 64 };

typedef struct launch {
    cl_event event;
    char name[NAME_BYTES];
} launch;

static struct {
    cl_command_queue queue; /* whose launches are timed; NULL: none */
    launch *launches;
    size_t count, capacity;
} timed;

typedef cl_int(CL_API_CALL *enqueue_function)(cl_command_queue, cl_kernel, cl_uint, const size_t *, const size_t *,
                                              const size_t *, cl_uint, const cl_event *, cl_event *);

static enqueue_function loaders_own(void)
{
    enqueue_function function;
    void *const found = dlsym(RTLD_NEXT, "clEnqueueNDRangeKernel");
    if (!found) bench_refuse("clEnqueueNDRangeKernel: %s", dlerror());
    memcpy(&function, &found, sizeof function);
    return function;
}

CL_API_ENTRY cl_int CL_API_CALL clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dims,
                                                       const size_t *offset, const size_t *global, const size_t *local,
                                                       cl_uint count, const cl_event *wait, cl_event *event)
{
    static enqueue_function enqueue;
    if (!enqueue) enqueue = loaders_own();
    if (queue != timed.queue || event) return enqueue(queue, kernel, dims, offset, global, local, count, wait, event);
    if (timed.count == timed.capacity) {
        timed.capacity = 2 * timed.capacity + 256;
        timed.launches = realloc(timed.launches, timed.capacity * sizeof *timed.launches);
        if (!timed.launches) bench_refuse("no memory for %zu launches", timed.capacity);
    }
    launch *next = &timed.launches[timed.count];
    const cl_int error = enqueue(queue, kernel, dims, offset, global, local, count, wait, &next->event);
    if (error != CL_SUCCESS) return error;
    if (clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, NAME_BYTES, next->name, NULL) != CL_SUCCESS) next->name[0] = 0;
    timed.count++;
    return CL_SUCCESS;
}

fgmm_device *bench_timed_open(const char *match, const fgmm_device_options *options)
{
    fgmm_device *device;
    bench_opencl opencl;
    cl_int error;
    bench_opencl_choose(&opencl, match);
    timed.queue = clCreateCommandQueue(opencl.context, opencl.id, CL_QUEUE_PROFILING_ENABLE, &error);
    bench_opencl_check(error, "a queue that keeps times");
    bench_check(fgmm_device_from_opencl(&device, opencl.context, opencl.id, timed.queue, options));
    return device;
}

static double seconds_of(cl_event event)
{
    cl_ulong start_ns = 0, end_ns = 0;
    bench_opencl_check(clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof start_ns, &start_ns, NULL),
                       "time of a launch");
    bench_opencl_check(clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof end_ns, &end_ns, NULL),
                       "time of a launch");
    return end_ns > start_ns ? 1e-9 * (double)(end_ns - start_ns) : 0;
}

double bench_timed_s(const char *name, double *named)
{
    double all = 0;
    *named = 0;
    bench_opencl_check(clFinish(timed.queue), "launches");
    for (size_t i = 0; i < timed.count; i++) {
        const double seconds = seconds_of(timed.launches[i].event);
        all += seconds;
        if (strcmp(timed.launches[i].name, name) == 0) *named += seconds;
        clReleaseEvent(timed.launches[i].event);
    }
    timed.count = 0;
    return all;
}
