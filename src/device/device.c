/* device.c - opening and closing a device, what is known of an open one, and its queue.
 * What it reads of the environment: the cache folder (cache.c), and for an error text the loader's variable
 * (platform.c). */
#define _POSIX_C_SOURCE 200809L
#include "handle.h"

#include "size.h"
#include "thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *fgmm_kernel_family_name(fgmm_kernel_family family)
{
    static const char *const names[] = {"auto", "vector", "group", "matrix"};
    return (size_t)family < sizeof names / sizeof names[0] ? names[family] : "unknown";
}

/* ---- opening ---- */

fgmm_status fg_device_read_options(fgmm_device_options *copy, const fgmm_device_options *options)
{
    fgmm_status status = FGMM_OK;
    *copy = (fgmm_device_options)FGMM_DEVICE_OPTIONS_INIT;
    if (!options) return FGMM_OK;
    FG_CHECK(options->size >= sizeof options->size, FGMM_ARGUMENT,
             "device options: size = %zu; need sizeof(fgmm_device_options) = %zu", options->size, sizeof *options);
    memcpy(copy, options, fg_min_u64(options->size, sizeof *copy));
    FG_CHECK((unsigned)copy->family <= FGMM_KERNEL_MATRIX, FGMM_ARGUMENT, "device options: family = %d; need 0..%d",
             (int)copy->family, FGMM_KERNEL_MATRIX);
done:
    return status;
}

fgmm_status fg_device_new(fgmm_device **out, const fg_found_device *found, const fgmm_device_options *options)
{
    fgmm_status status = FGMM_OK;
    fgmm_device *device = NULL;
    fg_device_facts facts;
    fg_platform_facts(&facts, found->id);
    FG_CHECK(options->family != FGMM_KERNEL_MATRIX || facts.kind == FGMM_DEVICE_CPU ||
                 facts.matrix_unit != FG_UNIT_NONE,
             FGMM_UNSUPPORTED,
             "family = matrix: %s is no CPU and no NVIDIA GPU of compute capability 8.0 or more; need vector or group",
             found->info.name);
    FG_TRY(FG_ALLOC(&device, 1, "device handle"));
    device->platform = found->platform;
    device->id = found->id;
    device->info = found->info;
    device->process_id = fg_process_id();
    device->log = options->log;
    device->log_user = options->log_user;
    device->facts = facts;
    device->memory_limit =
        options->memory_limit_bytes ? options->memory_limit_bytes : device->facts.global_bytes / 4 * 3;
    if (options->family != FGMM_KERNEL_AUTO) {
        device->info.family = options->family;
        device->is_family_asked_for = 1;
        snprintf(device->info.reason, sizeof device->info.reason, "%s kernels, since the options ask for them",
                 fgmm_kernel_family_name(options->family));
    }
    device->cache_folder = fg_cache_folder(options->cache_dir);
    fg_family_recall(device);
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

fgmm_status fgmm_device_open(fgmm_device **device, const fgmm_device_options *options)
{
    fgmm_status status = FGMM_OK;
    fgmm_device_options copy;
    fg_found_device *found = NULL;
    const fg_found_device *chosen;
    size_t count, platforms;
    cl_int error;
    fgmm_device *opened = NULL;
    if (!device) return fg_fail(FGMM_ARGUMENT, "device is NULL; need a place for the handle");
    *device = NULL;
    FG_TRY(fg_device_read_options(&copy, options));
    FG_TRY(fg_platform_find(&found, &count, &platforms));
    FG_TRY(fg_platform_choose(&chosen, found, count, platforms, copy.match));
    FG_TRY(fg_device_new(&opened, chosen, &copy));
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

void fgmm_device_close(fgmm_device *device)
{
    if (!device) return;
    const int is_mine = fg_device_is_mine(device);
    if (is_mine && device->queue) clFinish(device->queue);
    fg_device_set_companion(device, NULL, NULL);
    fg_timing_free(device);
    fg_programs_free(device);
    if (is_mine && device->upload_queue) clReleaseCommandQueue(device->upload_queue);
    if (is_mine && device->queue) clReleaseCommandQueue(device->queue);
    if (is_mine && device->context) clReleaseContext(device->context);
    if (is_mine && device->is_device_retained) clReleaseDevice(device->id);
    free(device->cache_folder);
    free(device);
}

/* ---- what is known of an open device ---- */

fgmm_status fgmm_device_describe(const fgmm_device *device, fgmm_device_info *info)
{
    fgmm_status status = FGMM_OK;
    if (!device || !info) return fg_fail(FGMM_ARGUMENT, "%s is NULL", device ? "info" : "device");
    const size_t size = info->size;
    FG_CHECK(size >= sizeof size, FGMM_ARGUMENT, "info.size = %zu; need sizeof(fgmm_device_info) = %zu", size,
             sizeof *info);
    memcpy(info, &device->info, fg_min_u64(size, sizeof *info));
    info->size = size;
done:
    return status;
}

uint64_t fgmm_device_bytes(const fgmm_device *device)
{
    return device ? device->bytes : 0;
}

uint64_t fgmm_device_peak_bytes(const fgmm_device *device)
{
    return device ? device->peak_bytes : 0;
}

const fg_device_facts *fg_device_facts_of(const fgmm_device *device)
{
    return &device->facts;
}

fgmm_kernel_family fg_device_family(const fgmm_device *device)
{
    if (device->info.family != FGMM_KERNEL_MATRIX) return device->info.family;
    return device->facts.kind == FGMM_DEVICE_CPU ? FGMM_KERNEL_VECTOR : FGMM_KERNEL_GROUP;
}

fg_matrix_unit fg_device_unit(const fgmm_device *device)
{
    if (device->info.family != FGMM_KERNEL_MATRIX) return FG_UNIT_NONE;
    return device->facts.matrix_unit == FG_UNIT_NONE ? FG_UNIT_PLAIN : device->facts.matrix_unit;
}

int fg_device_is_family_asked_for(const fgmm_device *device)
{
    return device->is_family_asked_for;
}

uint64_t fg_device_bytes_left(const fgmm_device *device)
{
    return device->memory_limit > device->bytes ? device->memory_limit - device->bytes : 0;
}

const char *fg_device_cache_folder(const fgmm_device *device)
{
    return device->cache_folder;
}

void fg_device_log(void *device, const char *line)
{
    const fgmm_device *handle = device;
    if (handle->log) handle->log(handle->log_user, line);
}

void *fg_device_companion(const fgmm_device *device)
{
    return device->companion;
}

void fg_device_set_companion(fgmm_device *device, void *companion, void (*release)(void *companion))
{
    if (device->companion) device->release_companion(device->companion);
    device->companion = companion;
    device->release_companion = release;
}

int fg_device_is_mine(const fgmm_device *device)
{
    return device->process_id == fg_process_id();
}

fgmm_status fg_device_check(const fgmm_device *device)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(device, FGMM_ARGUMENT, "device = NULL; need an open device");
    FG_CHECK(fg_device_is_mine(device), FGMM_DEVICE,
             "%s: opened by process %ld, used by its child %ld; OpenCL does not survive fork(), open it in the child",
             device->info.name, device->process_id, fg_process_id());
done:
    return status;
}

/* ---- the queue ---- */

fgmm_status fg_device_finish(fgmm_device *device)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_device_check(device));
    FG_CL(clFinish(device->queue), FGMM_DEVICE, "clFinish", "%s", device->info.name);
done:
    return status;
}

void fg_device_poison_buffers(fgmm_device *device)
{
    device->is_poisoning = 1;
}

void fg_device_fail_launch(fgmm_device *device, uint64_t count)
{
    device->fail_launch = count;
}
