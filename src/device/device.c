/* device.c - opening and closing a device.
 * What it reads of the environment: the cache folder (cache.c), and for an error text the loader's variable
 * (platform.c). */
#include "handle.h"

#include "blas.h"

#include "memory.h"
#include "size.h"
#include "thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- opening ---- */

/* Three quarters of the memory; a CPU's driver may tell of the whole machine where a container has a part of it. */
static uint64_t usual_limit(const fg_device_facts *facts)
{
    const uint64_t host = facts->kind == FGMM_DEVICE_CPU ? fg_machine_memory_bytes() : 0;
    return (host ? fg_min_u64(host, facts->global_bytes) : facts->global_bytes) / 4 * 3;
}

fgmm_status fg_device_read_options(fgmm_device_options *copy, const fgmm_device_options *options)
{
    fgmm_status status = FGMM_OK;
    *copy = fgmm_device_options_init();
    if (!options) return FGMM_OK;
    FG_CHECK(options->size >= sizeof options->size, FGMM_ARGUMENT,
             "device options: size = %zu; need sizeof(fgmm_device_options) = %zu", options->size, sizeof *options);
    memcpy(copy, options, fg_min_u64(options->size, sizeof *copy));
done:
    return status;
}

fgmm_status fg_device_new(fgmm_device **out, const fg_found_device *found, const fgmm_device_options *options)
{
    fgmm_status status = FGMM_OK;
    fgmm_device *device = NULL;
    fg_device_facts facts;
    FG_TRY(fg_platform_facts(&facts, found->id));
    FG_TRY(FG_ALLOC(&device, 1, "device handle"));
    device->platform = found->platform;
    device->id = found->id;
    device->info = found->info;
    device->process_id = fg_process_id();
    device->log = options->log;
    device->log_user = options->log_user;
    device->facts = facts;
    device->memory_limit = options->memory_limit_bytes ? options->memory_limit_bytes : usual_limit(&facts);
    device->cache_folder = fg_cache_folder(options->cache_dir);
    device->check_program = fg_check_program(options->check_program);
    fg_backend_recall(device);
    fg_backend_describe(&device->info, device);
    device->is_compiling_at_launch = strcmp(device->info.platform, "Portable Computing Language") == 0;
    *out = device;
done:
    return status;
}

fgmm_status fg_device_make_queue(fgmm_device *device)
{
    fgmm_status status = FGMM_OK;
    cl_int error;
    device->queue = clCreateCommandQueue(device->context, device->id, 0, &error);
    FG_CL(error, FGMM_DEVICE, "clCreateCommandQueue", "%s", device->info.name);
done:
    return status;
}

static fgmm_status open_device(fgmm_device **device, const fgmm_device_options *options)
{
    fgmm_status status = FGMM_OK;
    fg_found_device *found = NULL;
    const fg_found_device *chosen;
    size_t count, platforms;
    cl_int error;
    fgmm_device *opened = NULL;
    FG_TRY(fg_platform_find(&found, &count, &platforms));
    FG_TRY(fg_platform_choose(&chosen, found, count, platforms, options->match));
    FG_TRY(fg_device_new(&opened, chosen, options));
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)chosen->platform, 0};
    opened->context = clCreateContext(properties, 1, &opened->id, NULL, NULL, &error);
    FG_CL(error, FGMM_DEVICE, "clCreateContext", "%s", opened->info.name);
    FG_TRY(fg_device_make_queue(opened));
    *device = opened;
    opened = NULL;
done:
    fgmm_device_close(opened);
    free(found);
    return status;
}

fgmm_status fgmm_device_open(fgmm_device **device, const fgmm_device_options *options)
{
    fgmm_status status = FGMM_OK;
    fgmm_device_options copy;
    fg_driver_visit visit;
    if (!device) return fg_fail(FGMM_ARGUMENT, "device is NULL; need a place for the handle");
    *device = NULL;
    FG_TRY(fg_device_read_options(&copy, options));
    FG_TRY(fg_driver_enter(&visit));
    status = open_device(device, &copy);
    fg_driver_leave(&visit);
done:
    return status;
}

/* ---- what tests force (flashgmm/testing.h) ---- */

fgmm_status fgmm_device_force_backend(fgmm_device *device, fgmm_backend backend)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(device, FGMM_ARGUMENT, "device is NULL; need an open device");
    FG_CHECK((unsigned)backend <= FGMM_BACKEND_MATRIX_UNIT, FGMM_ARGUMENT, "backend = %d; need 0..%d", (int)backend,
             FGMM_BACKEND_MATRIX_UNIT);
    if (backend == FGMM_BACKEND_AUTO) return FGMM_OK;
    FG_CHECK(backend != FGMM_BACKEND_MATRIX_UNIT || device->facts.kind == FGMM_DEVICE_CPU ||
                 device->facts.matrix_unit != FG_UNIT_NONE,
             FGMM_UNSUPPORTED,
             "backend = matrix: %s is no CPU and no NVIDIA GPU of compute capability 8.0 or more; need vector or group",
             device->info.name);
    device->info.backend = backend;
    device->is_backend_forced = 1;
    snprintf(device->info.reason, sizeof device->info.reason, "%s kernels, since they are forced",
             fgmm_backend_name(backend));
done:
    return status;
}

fgmm_status fgmm_device_force_path(fgmm_device *device, fgmm_path path)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(device, FGMM_ARGUMENT, "device is NULL; need an open device");
    FG_CHECK((unsigned)path <= FGMM_PATH_DENSE, FGMM_ARGUMENT, "path = %d; need auto (0), sparse (1) or dense (2)",
             (int)path);
    device->path = path;
done:
    return status;
}

fgmm_status fgmm_device_force_blas(fgmm_device *device, fgmm_blas blas)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(device, FGMM_ARGUMENT, "device is NULL; need an open device");
    FG_CHECK((unsigned)blas <= FGMM_BLAS_CLBLAST, FGMM_ARGUMENT, "blas = %d; need auto (0), own (1) or clblast (2)",
             (int)blas);
    FG_CHECK(blas != FGMM_BLAS_CLBLAST || fg_blas_is_built(), FGMM_UNSUPPORTED,
             "blas = clblast: this library was built without CLBlast");
    device->blas = blas;
done:
    return status;
}

/* For tuning only: what it compiles is kept nowhere, and queues of other handles stay free of what profiling costs. */
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
    made->is_backend_forced = device->is_backend_forced;
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

void fgmm_device_close(fgmm_device *device)
{
    if (!device) return;
    const int is_mine = fg_device_is_mine(device);
    fg_driver_visit visit;
    fg_driver_calm(&visit);
    if (is_mine && device->queue) clFinish(device->queue);
    fg_device_set_companion(device, NULL, NULL);
    fg_timing_free(device);
    fg_programs_free(device);
    if (is_mine) fg_blas_close(device);
    if (is_mine && device->upload_queue) clReleaseCommandQueue(device->upload_queue);
    if (is_mine && device->queue) clReleaseCommandQueue(device->queue);
    if (is_mine && device->context) clReleaseContext(device->context);
    if (is_mine && device->is_device_retained) clReleaseDevice(device->id);
    fg_driver_restore(&visit);
    free(device->check_program);
    free(device->cache_folder);
    free(device);
}
