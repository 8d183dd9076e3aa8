/* silent_driver.c - see silent_driver.h. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "silent_driver.h"

#include "device.h"

#include <assert.h>
#include <dlfcn.h>
#include <string.h>

enum { MOST_ANSWERS = 8 };

static unsigned silenced, zeroed;
static struct {
    unsigned what;
    size_t bytes;
    const void *value;
} answers[MOST_ANSWERS];
static size_t answer_count;

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

void answer_query(unsigned what, const void *value, size_t bytes)
{
    assert(answer_count < MOST_ANSWERS);
    answers[answer_count].what = what;
    answers[answer_count].bytes = bytes;
    answers[answer_count++].value = value;
}

void answer_truly(void)
{
    answer_count = 0;
}

typedef cl_int device_info_fn(cl_device_id, cl_device_info, size_t, void *, size_t *);
typedef cl_int platform_info_fn(cl_platform_id, cl_platform_info, size_t, void *, size_t *);

CL_API_ENTRY cl_int CL_API_CALL clGetDeviceInfo(cl_device_id id, cl_device_info what, size_t capacity, void *value,
                                                size_t *bytes)
{
    device_info_fn *next;
    *(void **)&next = dlsym(RTLD_NEXT, "clGetDeviceInfo");
    if (what == silenced) return CL_INVALID_VALUE;
    for (size_t i = 0; i < answer_count; i++) {
        if (answers[i].what != what) continue;
        if (bytes) *bytes = answers[i].bytes;
        if (value && capacity < answers[i].bytes) return CL_INVALID_VALUE;
        if (value) memcpy(value, answers[i].value, answers[i].bytes);
        return CL_SUCCESS;
    }
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
