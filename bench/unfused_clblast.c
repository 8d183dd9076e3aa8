/* unfused_clblast.c - the E-step from CLBlast's matrix products on an OpenCL device: X M', a softmax over each row of
 * the N x K matrix in device memory, R' X, and R' 1 and R' |x|^2 as products with vectors. */
#include "unfused.h"

#include "opencl_device.h"

#include <clblast_c.h>
#include <stdlib.h>

struct unfused_backend {
    unfused_shape shape;
    bench_opencl opencl;
    cl_kernel softmax;
    size_t group; /* work-items that share a row */
    cl_mem rows, norms, ones, means, h, bias, r, log_likelihoods, s1, column_sums;
    float *host; /* (max(n, k)) */
};

/* One work-group per row of r; WIDE is the vector type of the device, GROUP the work-items that share a row, a
 * power of two. */
static const char source[] =
    "#define LEAST_LOG -69.0f\n" /* UNFUSED_LEAST_LOG */
    "#define JOIN_(a, b) a##b\n"
    "#define JOIN(a, b) JOIN_(a, b)\n"
    "#define WIDE JOIN(float, WIDTH)\n"
    "#define LOAD JOIN(vload, WIDTH)\n"
    "#define STORE JOIN(vstore, WIDTH)\n"
    "float reduce(__local float *part, float value, int is_sum)\n"
    "{\n"
    "    const int item = get_local_id(0);\n"
    "    barrier(CLK_LOCAL_MEM_FENCE);\n"
    "    part[item] = value;\n"
    "    for (int half_size = GROUP / 2; half_size > 0; half_size /= 2) {\n"
    "        barrier(CLK_LOCAL_MEM_FENCE);\n"
    "        if (item < half_size)\n"
    "            part[item] = is_sum ? part[item] + part[item + half_size] : fmax(part[item], part[item + "
    "half_size]);\n"
    "    }\n"
    "    barrier(CLK_LOCAL_MEM_FENCE);\n"
    "    return part[0];\n"
    "}\n"
    "float over_lanes(WIDE v, int is_sum)\n"
    "{\n"
    "    float lanes[WIDTH], result;\n"
    "    STORE(v, 0, lanes);\n"
    "    result = lanes[0];\n"
    "    for (int i = 1; i < WIDTH; i++) result = is_sum ? result + lanes[i] : fmax(result, lanes[i]);\n"
    "    return result;\n"
    "}\n"
    "__kernel void softmax(__global float *r, __global const float *norms, __global const float *h,\n"
    "                      __global const float *bias, __global float *log_likelihoods, int k)\n"
    "{\n"
    "    __local float part[GROUP];\n"
    "    const size_t i = get_group_id(0);\n"
    "    __global float *row = r + i * (size_t)k;\n"
    "    const float norm = norms[i];\n"
    "    WIDE largest = (WIDE)(-INFINITY), sum = (WIDE)(0);\n"
    "    for (int j = get_local_id(0); j < k / WIDTH; j += GROUP) {\n"
    "        const WIDE l = LOAD(j, bias) + LOAD(j, h) * (2.0f * LOAD(j, row) - norm);\n"
    "        STORE(l, j, row);\n"
    "        largest = fmax(largest, l);\n"
    "    }\n"
    "    const float m = reduce(part, over_lanes(largest, 0), 0);\n"
    "    for (int j = get_local_id(0); j < k / WIDTH; j += GROUP) {\n"
    "        const WIDE l = LOAD(j, row) - m;\n"
    "        const WIDE e = select((WIDE)(0), exp(fmax(l, LEAST_LOG)), l > LEAST_LOG);\n"
    "        STORE(e, j, row);\n"
    "        sum += e;\n"
    "    }\n"
    "    const float z = reduce(part, over_lanes(sum, 1), 1);\n"
    "    for (int j = get_local_id(0); j < k / WIDTH; j += GROUP) STORE(LOAD(j, row) / z, j, row);\n"
    "    if (get_local_id(0) == 0) log_likelihoods[i] = m + log(z);\n"
    "}\n";

/* values NULL: zeros, since CLBlast multiplies what lies in the result by beta = 0. */
static cl_mem buffer(unfused_backend *b, const char *what, size_t count, const float *values)
{
    const cl_float zero = 0;
    cl_int error;
    cl_mem made = clCreateBuffer(b->opencl.context, CL_MEM_READ_WRITE, count * sizeof(float), NULL, &error);
    bench_opencl_check(error, what);
    error =
        values
            ? clEnqueueWriteBuffer(b->opencl.queue, made, CL_TRUE, 0, count * sizeof(float), values, 0, NULL, NULL)
            : clEnqueueFillBuffer(b->opencl.queue, made, &zero, sizeof zero, 0, count * sizeof(float), 0, NULL, NULL);
    bench_opencl_check(error, what);
    return made;
}

unfused_backend *unfused_open(const unfused_shape *shape, const float *rows, const float *norms, const char *device)
{
    const size_t n = shape->n, d = shape->d, k = shape->k;
    unfused_backend *b = bench_alloc(1, sizeof *b);
    cl_int error;
    if (k % 16 != 0) bench_refuse("the softmax on the device takes K in steps of 16");
    b->shape = *shape;
    bench_opencl_open(&b->opencl, device, source, "-DWIDTH=16 -DGROUP=1", "-DWIDTH=4 -DGROUP=64");
    b->group = b->opencl.is_cpu ? 1 : 64;
    b->softmax = clCreateKernel(b->opencl.program, "softmax", &error);
    bench_opencl_check(error, "kernel");
    b->host = bench_alloc(n > 2 * k ? n : 2 * k, sizeof(float));
    for (size_t i = 0; i < n; i++) b->host[i] = 1;
    b->ones = buffer(b, "ones", n, b->host);
    b->rows = buffer(b, "rows", n * d, rows);
    b->norms = buffer(b, "norms", n, norms);
    b->means = buffer(b, "means", k * d, NULL);
    b->h = buffer(b, "h", k, NULL);
    b->bias = buffer(b, "bias", k, NULL);
    b->r = buffer(b, "the N x K matrix", n * k, NULL);
    b->log_likelihoods = buffer(b, "log-likelihoods", n, NULL);
    b->s1 = buffer(b, "sums", k * d, NULL);
    b->column_sums = buffer(b, "column sums", 2 * k, NULL);
    return b;
}

static void enqueue_softmax(unfused_backend *b)
{
    const cl_int k = (cl_int)b->shape.k;
    const size_t global = b->shape.n * b->group;
    const cl_mem arguments[] = {b->r, b->norms, b->h, b->bias, b->log_likelihoods};
    for (cl_uint i = 0; i < 5; i++)
        bench_opencl_check(clSetKernelArg(b->softmax, i, sizeof(cl_mem), &arguments[i]), "softmax");
    bench_opencl_check(clSetKernelArg(b->softmax, 5, sizeof k, &k), "softmax");
    bench_opencl_check(clEnqueueNDRangeKernel(b->opencl.queue, b->softmax, 1, NULL, &global, &b->group, 0, NULL, NULL),
                       "softmax");
}

static void enqueue_products(unfused_backend *b)
{
    const size_t n = b->shape.n, d = b->shape.d, k = b->shape.k;
    bench_opencl_check((int)CLBlastSgemm(CLBlastLayoutRowMajor, CLBlastTransposeNo, CLBlastTransposeYes, n, k, d, 1,
                                         b->rows, 0, d, b->means, 0, d, 0, b->r, 0, k, &b->opencl.queue, NULL),
                       "CLBlast: X M'");
    enqueue_softmax(b);
    bench_opencl_check((int)CLBlastSgemm(CLBlastLayoutRowMajor, CLBlastTransposeYes, CLBlastTransposeNo, k, d, n, 1,
                                         b->r, 0, k, b->rows, 0, d, 0, b->s1, 0, d, &b->opencl.queue, NULL),
                       "CLBlast: R' X");
    bench_opencl_check((int)CLBlastSgemv(CLBlastLayoutRowMajor, CLBlastTransposeYes, n, k, 1, b->r, 0, k, b->ones, 0, 1,
                                         0, b->column_sums, 0, 1, &b->opencl.queue, NULL),
                       "CLBlast: R' 1");
    bench_opencl_check((int)CLBlastSgemv(CLBlastLayoutRowMajor, CLBlastTransposeYes, n, k, 1, b->r, 0, k, b->norms, 0,
                                         1, 0, b->column_sums, k, 1, &b->opencl.queue, NULL),
                       "CLBlast: R' |x|^2");
}

static void upload(unfused_backend *b, cl_mem to, const float *values, size_t count)
{
    bench_opencl_check(
        clEnqueueWriteBuffer(b->opencl.queue, to, CL_TRUE, 0, count * sizeof(float), values, 0, NULL, NULL), "upload");
}

static void fetch(unfused_backend *b, float *values, cl_mem from, size_t count)
{
    bench_opencl_check(
        clEnqueueReadBuffer(b->opencl.queue, from, CL_TRUE, 0, count * sizeof(float), values, 0, NULL, NULL), "fetch");
}

void unfused_e_step(unfused_backend *b, const unfused_parameters *p, unfused_sums *sums)
{
    const size_t n = b->shape.n, d = b->shape.d, k = b->shape.k;
    upload(b, b->means, p->means, k * d);
    upload(b, b->h, p->h, k);
    upload(b, b->bias, p->bias, k);
    enqueue_products(b);
    fetch(b, sums->s1, b->s1, k * d);
    fetch(b, b->host, b->column_sums, 2 * k);
    for (size_t j = 0; j < k; j++) {
        sums->n[j] = (double)b->host[j];
        sums->s2[j] = (double)b->host[k + j];
    }
    fetch(b, b->host, b->log_likelihoods, n);
    sums->log_likelihood = 0;
    for (size_t i = 0; i < n; i++) sums->log_likelihood += (double)b->host[i];
}

void unfused_close(unfused_backend *b)
{
    const cl_mem buffers[] = {b->rows, b->norms, b->ones, b->means,           b->h,
                              b->bias, b->r,     b->s1,   b->log_likelihoods, b->column_sums};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) clReleaseMemObject(buffers[i]);
    clReleaseKernel(b->softmax);
    bench_opencl_close(&b->opencl);
    free(b->host);
    free(b);
}
