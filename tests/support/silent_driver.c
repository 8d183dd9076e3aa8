/* silent_driver.c - see silent_driver.h. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "silent_driver.h"

#include "device.h"

#include <dlfcn.h>
#include <string.h>

static unsigned silenced, zeroed;

void silence_query(unsigned what)
{
    silenced = what;
    zeroed = 0;
}

void zero_query(unsigned what)
{
    silenced = 0;
    zeroed = what;
}

typedef cl_int device_info_fn(cl_device_id, cl_device_info, size_t, void *, size_t *);
typedef cl_int platform_info_fn(cl_platform_id, cl_platform_info, size_t, void *, size_t *);

CL_API_ENTRY cl_int CL_API_CALL clGetDeviceInfo(cl_device_id id, cl_device_info what, size_t capacity, void *value,
                                                size_t *bytes)
{
    device_info_fn *next;
    *(void **)&next = dlsym(RTLD_NEXT, "clGetDeviceInfo");
    if (what == silenced) return CL_INVALID_VALUE;
    const cl_int error = next(id, what, capacity, value, bytes);
    if (what == zeroed && error == CL_SUCCESS && value) memset(value, 0, capacity);
    return error;
}

CL_API_ENTRY cl_int CL_API_CALL clGetPlatformInfo(cl_platform_id id, cl_platform_info what, size_t capacity,
                                                  void *value, size_t *bytes)
{
    platform_info_fn *next;
    *(void **)&next = dlsym(RTLD_NEXT, "clGetPlatformInfo");
    return what == silenced ? CL_INVALID_VALUE : next(id, what, capacity, value, bytes);
}
