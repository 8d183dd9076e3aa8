/* timing.c - launches timed by the device's own clock: the events of a handle that fg_device_open_timed has made. For
 * tuning only. */
#include "handle.h"

#include "size.h"

#include <stdlib.h>

cl_event *fg_timing_event(fgmm_device *device)
{
    if (!device->is_timed) return NULL;
    if (device->event_count == device->event_capacity) {
        const size_t capacity = 2 * device->event_capacity + 64;
        cl_event *events = realloc(device->events, capacity * sizeof *events);
        if (!events) return NULL; /* this launch is not counted */
        device->events = events;
        device->event_capacity = capacity;
    }
    device->events[device->event_count] = NULL;
    return &device->events[device->event_count];
}

void fg_timing_record(fgmm_device *device)
{
    if (device->is_timed && device->event_count < device->event_capacity && device->events[device->event_count])
        device->event_count++;
}

static void release_events(fgmm_device *device)
{
    while (device->event_count > 0) clReleaseEvent(device->events[--device->event_count]);
}

void fg_timing_free(fgmm_device *device)
{
    if (fg_device_is_mine(device)) release_events(device);
    free(device->events);
}

fgmm_status fg_device_timed_s(fgmm_device *device, double *seconds)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_device_finish(device));
    *seconds = device->blas_s;
    device->blas_s = 0;
    for (size_t i = 0; i < device->event_count; i++) {
        cl_ulong start_ns, end_ns;
        FG_CL(clGetEventProfilingInfo(device->events[i], CL_PROFILING_COMMAND_START, sizeof start_ns, &start_ns, NULL),
              FGMM_DEVICE, "clGetEventProfilingInfo", "%s", device->info.name);
        FG_CL(clGetEventProfilingInfo(device->events[i], CL_PROFILING_COMMAND_END, sizeof end_ns, &end_ns, NULL),
              FGMM_DEVICE, "clGetEventProfilingInfo", "%s", device->info.name);
        if (end_ns > start_ns) *seconds += 1e-9 * (double)(end_ns - start_ns);
    }
done:
    release_events(device);
    return status;
}
