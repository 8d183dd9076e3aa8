/* opencl_device.c - see opencl_device.h. */
#include "opencl_device.h"

#include "contender.h"

#include <string.h>

enum { MOST_PLATFORMS = 16, MOST_DEVICES = 16 };

void bench_opencl_check(int code, const char *what)
{
    if (code != CL_SUCCESS) bench_refuse("%s: OpenCL error %d", what, code);
}

/* What the library says of the device that it opens. */
static fgmm_device_info describe(const char *match)
{
    fgmm_device *device;
    fgmm_device_info info = fgmm_device_info_init();
    fgmm_device_options options = fgmm_device_options_init();
    options.match = match[0] ? match : NULL;
    bench_check(fgmm_device_open(&device, &options));
    bench_check(fgmm_device_describe(device, &info));
    fgmm_device_close(device);
    return info;
}

/* By platform and name, in the loader's order. */
static cl_device_id find(const fgmm_device_info *info)
{
    cl_platform_id platforms[MOST_PLATFORMS];
    cl_device_id devices[MOST_DEVICES];
    cl_uint platform_count = 0, device_count;
    char name[256], platform[256];
    clGetPlatformIDs(MOST_PLATFORMS, platforms, &platform_count);
    for (cl_uint p = 0; p < platform_count && p < MOST_PLATFORMS; p++) {
        if (clGetPlatformInfo(platforms[p], CL_PLATFORM_NAME, sizeof platform, platform, NULL) != CL_SUCCESS ||
            strncmp(platform, info->platform, sizeof info->platform - 1) != 0 ||
            clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, MOST_DEVICES, devices, &device_count) != CL_SUCCESS)
            continue;
        for (cl_uint i = 0; i < device_count && i < MOST_DEVICES; i++)
            if (clGetDeviceInfo(devices[i], CL_DEVICE_NAME, sizeof name, name, NULL) == CL_SUCCESS &&
                strncmp(name, info->name, sizeof info->name - 1) == 0)
                return devices[i];
    }
    bench_refuse("the device %s was not found again", info->name);
    return NULL;
}

void bench_opencl_choose(bench_opencl *opencl, const char *match)
{
    const fgmm_device_info info = describe(match);
    cl_int error;
    *opencl = (bench_opencl){0};
    opencl->id = find(&info);
    opencl->is_cpu = info.kind == FGMM_DEVICE_CPU;
    opencl->compute_units = info.compute_units;
    opencl->context = clCreateContext(NULL, 1, &opencl->id, NULL, NULL, &error);
    bench_opencl_check(error, "context");
}

void bench_opencl_open(bench_opencl *opencl, const char *match, const char *source, const char *cpu_options,
                       const char *gpu_options)
{
    char log[2048] = "";
    cl_int error;
    bench_opencl_choose(opencl, match);
    opencl->queue = clCreateCommandQueue(opencl->context, opencl->id, 0, &error);
    bench_opencl_check(error, "queue");
    opencl->program = clCreateProgramWithSource(opencl->context, 1, &source, NULL, &error);
    bench_opencl_check(error, "program");
    if (clBuildProgram(opencl->program, 1, &opencl->id, opencl->is_cpu ? cpu_options : gpu_options, NULL, NULL) !=
        CL_SUCCESS) {
        clGetProgramBuildInfo(opencl->program, opencl->id, CL_PROGRAM_BUILD_LOG, sizeof log, log, NULL);
        bench_refuse("a kernel of the benchmark does not compile: %s", log);
    }
}

void bench_opencl_close(bench_opencl *opencl)
{
    clReleaseProgram(opencl->program);
    clReleaseCommandQueue(opencl->queue);
    clReleaseContext(opencl->context);
}
