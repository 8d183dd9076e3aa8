/* opencl_device.h - the OpenCL device that the library opens, for contenders that speak OpenCL themselves. */
#ifndef BENCH_OPENCL_DEVICE_H
#define BENCH_OPENCL_DEVICE_H

#include <flashgmm/opencl.h>

/* A context with one device, its queue, and a program built for it. */
typedef struct bench_opencl {
    cl_device_id id;
    cl_context context;
    cl_command_queue queue;
    cl_program program;
    int is_cpu;
    unsigned compute_units;
} bench_opencl;

/* The device that fgmm_device_open takes for `match` ("": the default), and a context with it; queue and program:
 * NULL. */
void bench_opencl_choose(bench_opencl *opencl, const char *match);

/* Opens the device that fgmm_device_open takes for `match` ("": the default) and builds the source. Refuses, and so
 * ends the program, where that fails. cpu_options and gpu_options: for the compiler, by kind of device. */
void bench_opencl_open(bench_opencl *opencl, const char *match, const char *source, const char *cpu_options,
                       const char *gpu_options);
void bench_opencl_close(bench_opencl *opencl);

/* Refuses unless the code is CL_SUCCESS. */
void bench_opencl_check(int code, const char *what);

#endif
