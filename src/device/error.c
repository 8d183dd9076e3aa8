/* error.c - the driver's error codes as text. */
#include "handle.h"

#include <stdarg.h>
#include <stdio.h>

/* Codes of OpenCL 1.2, and the ICD loader's own. */
#define CL_ERROR_LIST(X)                                                                                               \
    X(CL_DEVICE_NOT_FOUND)                                                                                             \
    X(CL_DEVICE_NOT_AVAILABLE)                                                                                         \
    X(CL_COMPILER_NOT_AVAILABLE)                                                                                       \
    X(CL_MEM_OBJECT_ALLOCATION_FAILURE)                                                                                \
    X(CL_OUT_OF_RESOURCES)                                                                                             \
    X(CL_OUT_OF_HOST_MEMORY)                                                                                           \
    X(CL_PROFILING_INFO_NOT_AVAILABLE)                                                                                 \
    X(CL_MEM_COPY_OVERLAP)                                                                                             \
    X(CL_IMAGE_FORMAT_MISMATCH)                                                                                        \
    X(CL_IMAGE_FORMAT_NOT_SUPPORTED)                                                                                   \
    X(CL_BUILD_PROGRAM_FAILURE)                                                                                        \
    X(CL_MAP_FAILURE)                                                                                                  \
    X(CL_MISALIGNED_SUB_BUFFER_OFFSET)                                                                                 \
    X(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST)                                                                    \
    X(CL_COMPILE_PROGRAM_FAILURE)                                                                                      \
    X(CL_LINKER_NOT_AVAILABLE)                                                                                         \
    X(CL_LINK_PROGRAM_FAILURE)                                                                                         \
    X(CL_DEVICE_PARTITION_FAILED)                                                                                      \
    X(CL_KERNEL_ARG_INFO_NOT_AVAILABLE)                                                                                \
    X(CL_INVALID_VALUE)                                                                                                \
    X(CL_INVALID_DEVICE_TYPE)                                                                                          \
    X(CL_INVALID_PLATFORM)                                                                                             \
    X(CL_INVALID_DEVICE)                                                                                               \
    X(CL_INVALID_CONTEXT)                                                                                              \
    X(CL_INVALID_QUEUE_PROPERTIES)                                                                                     \
    X(CL_INVALID_COMMAND_QUEUE)                                                                                        \
    X(CL_INVALID_HOST_PTR)                                                                                             \
    X(CL_INVALID_MEM_OBJECT)                                                                                           \
    X(CL_INVALID_IMAGE_FORMAT_DESCRIPTOR)                                                                              \
    X(CL_INVALID_IMAGE_SIZE)                                                                                           \
    X(CL_INVALID_SAMPLER)                                                                                              \
    X(CL_INVALID_BINARY)                                                                                               \
    X(CL_INVALID_BUILD_OPTIONS)                                                                                        \
    X(CL_INVALID_PROGRAM)                                                                                              \
    X(CL_INVALID_PROGRAM_EXECUTABLE)                                                                                   \
    X(CL_INVALID_KERNEL_NAME)                                                                                          \
    X(CL_INVALID_KERNEL_DEFINITION)                                                                                    \
    X(CL_INVALID_KERNEL)                                                                                               \
    X(CL_INVALID_ARG_INDEX)                                                                                            \
    X(CL_INVALID_ARG_VALUE)                                                                                            \
    X(CL_INVALID_ARG_SIZE)                                                                                             \
    X(CL_INVALID_KERNEL_ARGS)                                                                                          \
    X(CL_INVALID_WORK_DIMENSION)                                                                                       \
    X(CL_INVALID_WORK_GROUP_SIZE)                                                                                      \
    X(CL_INVALID_WORK_ITEM_SIZE)                                                                                       \
    X(CL_INVALID_GLOBAL_OFFSET)                                                                                        \
    X(CL_INVALID_EVENT_WAIT_LIST)                                                                                      \
    X(CL_INVALID_EVENT)                                                                                                \
    X(CL_INVALID_OPERATION)                                                                                            \
    X(CL_INVALID_GL_OBJECT)                                                                                            \
    X(CL_INVALID_BUFFER_SIZE)                                                                                          \
    X(CL_INVALID_MIP_LEVEL)                                                                                            \
    X(CL_INVALID_GLOBAL_WORK_SIZE)                                                                                     \
    X(CL_INVALID_PROPERTY)                                                                                             \
    X(CL_INVALID_IMAGE_DESCRIPTOR)                                                                                     \
    X(CL_INVALID_COMPILER_OPTIONS)                                                                                     \
    X(CL_INVALID_LINKER_OPTIONS)                                                                                       \
    X(CL_INVALID_DEVICE_PARTITION_COUNT)

const char *fg_cl_error_name(cl_int error)
{
    switch (error) {
#define ERROR_NAME(name)                                                                                               \
    case name:                                                                                                         \
        return #name;
        CL_ERROR_LIST(ERROR_NAME)
#undef ERROR_NAME
    default:
        return "unknown code";
    }
}

/* What else the code says, for the end of the text. */
static const char *hint_of(cl_int error)
{
    switch (error) {
    case CL_MEM_OBJECT_ALLOCATION_FAILURE:
        return "; other programs may hold memory of the device";
    case CL_DEVICE_NOT_AVAILABLE:
    case CL_INVALID_COMMAND_QUEUE:
    case CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST:
        return "; the device was reset, switched off or taken away, or its driver ended a launch that took too long "
               "(then fewer rows in a batch help: batch_rows, --batch-rows)";
    default:
        return "";
    }
}

static fgmm_status fail(fgmm_status code, cl_int error, const char *call, const char *hint, const char *object)
{
    /* whatever was being done, it is the host or the device that has no room; and the device that is gone */
    if (error == CL_OUT_OF_HOST_MEMORY || error == CL_MEM_OBJECT_ALLOCATION_FAILURE) code = FGMM_MEMORY;
    if (error == CL_DEVICE_NOT_AVAILABLE) code = FGMM_DEVICE;
    if (code == FGMM_ARGUMENT) hint = ""; /* what an application lends was never right */
    return fg_fail(code, "%s: %s gave %s (%d)%s", object, call, fg_cl_error_name(error), (int)error, hint);
}

enum { OBJECT_BYTES = 256 };

fgmm_status fg_cl_fail(fgmm_status code, cl_int error, const char *call, const char *format, ...)
{
    char object[OBJECT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(object, sizeof object, format, arguments);
    va_end(arguments);
    return fail(code, error, call, hint_of(error), object);
}

/* Drivers have no code of their own for what a watchdog has ended. Those that there are wait two seconds or more for a
 * launch; launches here are of a tenth of that on a small GPU. */
fgmm_status fg_cl_fail_waiting(fgmm_status code, cl_int error, double waited_s, const char *call, const char *format,
                               ...)
{
    static const double least_s = 1;
    const int is_lost = error == CL_OUT_OF_RESOURCES || error == CL_DEVICE_NOT_AVAILABLE ||
                        error == CL_INVALID_COMMAND_QUEUE || error == CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
    char object[OBJECT_BYTES], hint[OBJECT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(object, sizeof object, format, arguments);
    va_end(arguments);
    snprintf(hint, sizeof hint, "%s", hint_of(is_lost ? CL_DEVICE_NOT_AVAILABLE : error));
    if (is_lost && waited_s >= least_s)
        snprintf(hint, sizeof hint,
                 " after %.1f s: a launch was cut off, as drivers with a watchdog do; fewer rows in a batch make "
                 "launches shorter (batch_rows, --batch-rows)",
                 waited_s);
    return fail(code, error, call, hint, object);
}
