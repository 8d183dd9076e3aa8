/* opencl_rows.c - train on rows that an application has in a cl_mem already: on its own context and queue, in place. */
#include "check.h"

#include <flashgmm/opencl.h>

enum { N = 4000, D = 8, K = 2 };

static void check_cl(cl_int error, const char *what)
{
    if (error == CL_SUCCESS) return;
    fprintf(stderr, "%s: OpenCL error %d\n", what, error);
    exit(EXIT_FAILURE);
}

/* Whatever the first platform has. */
static cl_device_id find_device(void)
{
    cl_platform_id platform;
    cl_device_id id;
    check_cl(clGetPlatformIDs(1, &platform, NULL), "clGetPlatformIDs");
    check_cl(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &id, NULL), "clGetDeviceIDs");
    return id;
}

int main(void)
{
    static unsigned char bytes[N][D];
    cl_int error;
    cl_device_id id = find_device();
    cl_context context = clCreateContext(NULL, 1, &id, NULL, NULL, &error);
    check_cl(error, "clCreateContext");
    cl_command_queue queue = clCreateCommandQueue(context, id, 0, &error);
    check_cl(error, "clCreateCommandQueue");
    for (int i = 0; i < N * D; i++) bytes[i / D][i % D] = (unsigned char)(i / D % 3 == 0 ? 30 + i % 7 : 200 - i % 11);
    cl_mem memory = clCreateBuffer(context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, sizeof bytes, bytes, &error);
    check_cl(error, "clCreateBuffer");

    fgmm_device *device;
    fgmm_source *source;
    fgmm_model *model;
    fgmm_fit_options options = fgmm_fit_options_init();
    options.components = K;
    check(fgmm_device_from_opencl(&device, context, id, queue, NULL));
    check(fgmm_source_from_cl_mem(&source, device, memory, FGMM_U8, N, D, 0));
    check(fgmm_fit(&model, device, source, &options, NULL));
    for (int k = 0; k < K; k++)
        printf("weight %.3f, first coordinate %.2f\n", fgmm_model_weights(model)[k], fgmm_model_means(model)[k * D]);

    fgmm_model_free(model);
    fgmm_source_close(source);
    fgmm_device_close(device);
    clReleaseMemObject(memory);
    clReleaseCommandQueue(queue);
    clReleaseContext(context);
    return EXIT_SUCCESS;
}
