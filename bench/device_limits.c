/* device_limits.c - an OpenCL device's limits as contenders, by kernels of the benchmark's own: limit=fma, float32
 * multiply-adds in registers, limit=copy, one buffer into another (bytes=536870912), and limit=upload, from pinned
 * memory of the host. device=MATCH. */
#include "contender.h"
#include "opencl_device.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CHAINS = 8, STEPS = 4096, REPETITIONS = 4, ITEMS_PER_UNIT = 4096 };

/* Eight independent chains hide the latency of an FMA; both kernels write what they compute, so that nothing is left
 * out. WIDTH: floats per vector. */
static const char source[] = "#define JOIN_(a, b) a##b\n"
                             "#define JOIN(a, b) JOIN_(a, b)\n"
                             "#define WIDE JOIN(float, WIDTH)\n"
                             "__kernel void multiply_add(__global WIDE *out, float start)\n"
                             "{\n"
                             "    const WIDE factor = (WIDE)(start + 0.5f);\n"
                             "    WIDE a0 = (WIDE)(start), a1 = a0 + 1, a2 = a0 + 2, a3 = a0 + 3;\n"
                             "    WIDE a4 = a0 + 4, a5 = a0 + 5, a6 = a0 + 6, a7 = a0 + 7;\n"
                             "    for (int i = 0; i < STEPS; i++) {\n"
                             "        a0 = fma(a0, factor, factor); a1 = fma(a1, factor, factor);\n"
                             "        a2 = fma(a2, factor, factor); a3 = fma(a3, factor, factor);\n"
                             "        a4 = fma(a4, factor, factor); a5 = fma(a5, factor, factor);\n"
                             "        a6 = fma(a6, factor, factor); a7 = fma(a7, factor, factor);\n"
                             "    }\n"
                             "    out[get_global_id(0)] = a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7;\n"
                             "}\n"
                             "__kernel void copy(__global WIDE *to, __global const WIDE *from)\n"
                             "{\n"
                             "    to[get_global_id(0)] = from[get_global_id(0)];\n"
                             "}\n";

typedef struct contest {
    bench_opencl opencl;
    cl_kernel kernel;
    cl_mem to, from;
    void *pinned;        /* of from; NULL: it lies on the device */
    size_t items, bytes; /* copied; 0: multiply-adds */
    int width;
} contest;

static cl_mem buffer(const contest *c, size_t bytes)
{
    const cl_float zero = 0;
    cl_int error;
    cl_mem made = clCreateBuffer(c->opencl.context, CL_MEM_READ_WRITE, bytes, NULL, &error);
    bench_opencl_check(error, "buffer");
    bench_opencl_check(clEnqueueFillBuffer(c->opencl.queue, made, &zero, sizeof zero, 0, bytes, 0, NULL, NULL),
                       "filling a buffer");
    return made;
}

static void enqueue(const contest *c)
{
    const cl_int error =
        c->pinned ? clEnqueueWriteBuffer(c->opencl.queue, c->to, CL_FALSE, 0, c->bytes, c->pinned, 0, NULL, NULL)
                  : clEnqueueNDRangeKernel(c->opencl.queue, c->kernel, 1, NULL, &c->items, NULL, 0, NULL, NULL);
    bench_opencl_check(error, "launch");
}

static bench_answer measure(void *user)
{
    const contest *c = user;
    bench_answer answer = {{0, 0}, NAN, ""};
    const bench_clock start = bench_now();
    for (int i = 0; i < REPETITIONS; i++) enqueue(c);
    bench_opencl_check(clFinish(c->opencl.queue), "launch");
    answer.time = bench_between(start, bench_now(), REPETITIONS);
    if (c->bytes > 0)
        snprintf(answer.facts, sizeof answer.facts, "bytes=%.6g", /* on the device read and written */
                 (c->pinned ? 1.0 : 2.0) * (double)c->bytes);
    else
        snprintf(answer.facts, sizeof answer.facts, "flop=%.6g what=multiply-add",
                 2.0 * CHAINS * STEPS * c->width * (double)c->items);
    return answer;
}

static void pin(contest *c)
{
    cl_int error;
    c->from = clCreateBuffer(c->opencl.context, CL_MEM_ALLOC_HOST_PTR, c->bytes, NULL, &error);
    bench_opencl_check(error, "pinned memory");
    c->pinned = clEnqueueMapBuffer(c->opencl.queue, c->from, CL_TRUE, CL_MAP_WRITE, 0, c->bytes, 0, NULL, NULL, &error);
    bench_opencl_check(error, "pinned memory");
    memset(c->pinned, 1, c->bytes);
}

int main(int argc, char **argv)
{
    contest c = {0};
    const cl_float start = 0.25f;
    const char *limit = bench_word(argc, argv, "limit", NULL);
    const int is_upload = strcmp(limit, "upload") == 0, is_copy = is_upload || strcmp(limit, "copy") == 0;
    cl_int error;
    bench_opencl_open(&c.opencl, bench_word(argc, argv, "device", ""), source, "-DWIDTH=16 -DSTEPS=4096",
                      "-DWIDTH=4 -DSTEPS=4096");
    c.width = c.opencl.is_cpu ? 16 : 4;
    const size_t wide_bytes = (size_t)c.width * sizeof(float);
    if (is_copy) c.bytes = (size_t)bench_count(argc, argv, "bytes", "536870912");
    c.items = is_copy ? c.bytes / wide_bytes : (size_t)c.opencl.compute_units * ITEMS_PER_UNIT;
    c.kernel = clCreateKernel(c.opencl.program, is_copy ? "copy" : "multiply_add", &error);
    bench_opencl_check(error, "kernel");
    c.to = buffer(&c, c.items * wide_bytes);
    bench_opencl_check(clSetKernelArg(c.kernel, 0, sizeof c.to, &c.to), "argument");
    if (is_upload)
        pin(&c);
    else if (is_copy)
        c.from = buffer(&c, c.bytes);
    bench_opencl_check(is_copy ? clSetKernelArg(c.kernel, 1, sizeof c.from, &c.from)
                               : clSetKernelArg(c.kernel, 1, sizeof start, &start),
                       "argument");
    measure(&c);
    const int failed = bench_serve(measure, &c);
    if (c.pinned) clEnqueueUnmapMemObject(c.opencl.queue, c.from, c.pinned, 0, NULL, NULL);
    if (c.from) clReleaseMemObject(c.from);
    clReleaseMemObject(c.to);
    clReleaseKernel(c.kernel);
    bench_opencl_close(&c.opencl);
    return failed;
}
