/* launch.c - sets a kernel's arguments and enqueues it. */
#include "handle.h"

#include "thread.h"

#include <stdio.h>

/* The name of a kernel, for error texts. */
static const char *kernel_name(char to[FG_KERNEL_NAME_BYTES], cl_kernel kernel)
{
    if (clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, FG_KERNEL_NAME_BYTES, to, NULL) != CL_SUCCESS)
        snprintf(to, FG_KERNEL_NAME_BYTES, "kernel");
    return to;
}

static fgmm_status set_arguments(cl_kernel kernel, const fg_argument *arguments, size_t count)
{
    char name[FG_KERNEL_NAME_BYTES];
    for (size_t i = 0; i < count; i++) {
        const fg_argument *argument = &arguments[i];
        if (argument->bytes == 0 && !argument->buffer)
            return fg_fail(FGMM_DEVICE, "%s, argument %zu of %zu (%s): no buffer", kernel_name(name, kernel), i, count,
                           argument->name);
        const cl_mem memory = argument->buffer ? fg_buffer_memory(argument->buffer) : NULL;
        const cl_int error = argument->buffer ? clSetKernelArg(kernel, (cl_uint)i, sizeof memory, &memory)
                                              : clSetKernelArg(kernel, (cl_uint)i, argument->bytes, argument->value);
        if (error != CL_SUCCESS)
            return fg_cl_fail(FGMM_DEVICE, error, "clSetKernelArg", "%s, argument %zu of %zu (%s)",
                              kernel_name(name, kernel), i, count, argument->name);
    }
    return FGMM_OK;
}

/* Counts down to the failure that a test has asked for. */
static int is_failing_now(fgmm_device *device)
{
    return device->fail_launch > 0 && --device->fail_launch == 0;
}

static fgmm_status enqueue(fgmm_device *device, cl_kernel kernel, unsigned dims, const size_t *global,
                           const size_t *local)
{
    fgmm_status status = FGMM_OK;
    char name[FG_KERNEL_NAME_BYTES];
    if (device->is_checking) fg_backend_stage(device, "running", kernel_name(name, kernel));
    FG_CL(is_failing_now(device) ? CL_OUT_OF_RESOURCES
                                 : clEnqueueNDRangeKernel(device->queue, kernel, dims, NULL, global, local, 0, NULL,
                                                          fg_timing_event(device)),
          FGMM_DEVICE, "clEnqueueNDRangeKernel", "%s over %zu x %zu x %zu work-items in groups of %zu x %zu x %zu",
          kernel_name(name, kernel), global[0], dims > 1 ? global[1] : 1, dims > 2 ? global[2] : 1,
          local ? local[0] : 0, local && dims > 1 ? local[1] : 1, local && dims > 2 ? local[2] : 1);
    fg_timing_record(device);
    device->launches++;
    /* The device begins while the host goes on to read rows. */
    FG_CL(clFlush(device->queue), FGMM_DEVICE, "clFlush", "%s", kernel_name(name, kernel));
    /* what is checked is waited for, so that a crash is put down to the kernel that made it */
    if (device->is_checking) FG_CL(clFinish(device->queue), FGMM_DEVICE, "clFinish", "%s", kernel_name(name, kernel));
done:
    return status;
}

/* The launch for which a driver compiles, waited for, so that its seconds are known. */
static fgmm_status enqueue_first(fgmm_device *device, cl_kernel kernel, unsigned dims, const size_t *global,
                                 const size_t *local)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_device_finish(device));
    const double began_s = fg_now_s();
    FG_TRY(enqueue(device, kernel, dims, global, local));
    FG_TRY(fg_device_finish(device));
    device->compile_s += fg_now_s() - began_s;
done:
    return status;
}

fgmm_status fg_kernel_launch(fgmm_device *device, cl_kernel kernel, const fg_argument *arguments, size_t count,
                             unsigned dims, const size_t *global, const size_t *local)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(set_arguments(kernel, arguments, count));
    const int is_compiling = fg_program_begin_launch(device, kernel);
    FG_TRY((is_compiling ? enqueue_first : enqueue)(device, kernel, dims, global, local));
done:
    return status;
}
