/* timing.c - a second handle on an open device, whose launches are timed by the device's own clock. For tuning only:
 * what it compiles is kept nowhere, and queues of other handles stay free of what profiling costs. */
#include "handle.h"

#include "size.h"

#include <stdlib.h>

fgmm_status fg_device_open_timed(fgmm_device **timed, const fgmm_device *device)
{
    fgmm_status status = FGMM_OK;
    fgmm_device *made = NULL;
    cl_int error;
    *timed = NULL;
    FG_TRY(fg_device_check(device));
    FG_TRY(FG_ALLOC(&made, 1, "device handle"));
    made->platform = device->platform;
    made->id = device->id;
    made->info = device->info;
    made->facts = device->facts;
    made->is_family_asked_for = device->is_family_asked_for;
    made->process_id = device->process_id;
    made->memory_limit = fg_device_bytes_left(device);
    made->is_compiling_at_launch = device->is_compiling_at_launch;
    made->is_timed = 1;
    FG_CL(clRetainContext(device->context), FGMM_DEVICE, "clRetainContext", "%s", device->info.name);
    made->context = device->context;
    made->queue = clCreateCommandQueue(made->context, made->id, CL_QUEUE_PROFILING_ENABLE, &error);
    FG_CL(error, FGMM_DEVICE, "clCreateCommandQueue", "%s, with profiling", device->info.name);
    *timed = made;
    made = NULL;
done:
    fgmm_device_close(made);
    return status;
}

cl_event *fg_timing_event(fgmm_device *device)
{
    if (!device->is_timed) return NULL;
    if (device->event_count == device->event_room) {
        const size_t room = 2 * device->event_room + 64;
        cl_event *events = realloc(device->events, room * sizeof *events);
        if (!events) return NULL; /* this launch is not counted */
        device->events = events;
        device->event_room = room;
    }
    device->events[device->event_count] = NULL;
    return &device->events[device->event_count];
}

void fg_timing_note(fgmm_device *device)
{
    if (device->is_timed && device->event_count < device->event_room && device->events[device->event_count])
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
    *seconds = 0;
    FG_TRY(fg_device_finish(device));
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
