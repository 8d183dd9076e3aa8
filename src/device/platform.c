/* platform.c - which OpenCL devices exist, why there are none, and what is remembered of them. What is known of each is
 * in facts.c, which one is taken in choice.c. Does not open any of them. */
#define _POSIX_C_SOURCE 200809L
#include "handle.h"

#include "file.h"
#include "size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the ICD loader returns when no driver is registered (CL_PLATFORM_NOT_FOUND_KHR of cl_ext.h). */
enum { PLATFORM_NOT_FOUND = -1001 };

/* Adds the devices of one platform to *found. A platform without devices is normal. */
static fgmm_status add_platform(fg_found_device **found, size_t *count, cl_platform_id platform)
{
    fgmm_status status = FGMM_OK;
    cl_uint devices = 0;
    cl_device_id *ids = NULL;
    if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, &devices) != CL_SUCCESS || devices == 0) return FGMM_OK;
    FG_TRY(FG_ALLOC(&ids, devices, "device list"));
    if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, devices, ids, NULL) != CL_SUCCESS) goto done;
    fg_found_device *longer = realloc(*found, (*count + devices) * sizeof **found);
    FG_CHECK(longer, FGMM_MEMORY, "device list: %zu entries do not fit into memory", *count + devices);
    *found = longer;
    for (cl_uint i = 0; i < devices; i++) {
        fg_found_device *device = &longer[*count];
        memset(device, 0, sizeof *device);
        device->platform = platform;
        device->id = ids[i];
        device->info.size = sizeof device->info;
        device->info.index = (uint32_t)(*count)++;
        fg_platform_examine(device);
    }
done:
    free(ids);
    return status;
}

fgmm_status fg_platform_find(fg_found_device **found, size_t *count, size_t *platforms)
{
    fgmm_status status = FGMM_OK;
    cl_platform_id *ids = NULL;
    cl_uint number = 0;
    *found = NULL;
    *count = 0;
    *platforms = 0;
    const cl_int error = clGetPlatformIDs(0, NULL, &number);
    if (error == PLATFORM_NOT_FOUND || (error == CL_SUCCESS && number == 0)) return FGMM_OK;
    FG_CL(error, FGMM_DEVICE, "clGetPlatformIDs", "OpenCL loader");
    FG_TRY(FG_ALLOC(&ids, number, "platform list"));
    FG_CL(clGetPlatformIDs(number, ids, NULL), FGMM_DEVICE, "clGetPlatformIDs", "OpenCL loader");
    for (cl_uint i = 0; i < number; i++) FG_TRY(add_platform(found, count, ids[i]));
    fg_platform_explain(*found, *count);
    *platforms = number;
done:
    free(ids);
    if (status != FGMM_OK) {
        free(*found);
        *found = NULL;
        *count = 0;
    }
    return status;
}

/* ---- nothing there ---- */

/* Is PoCL among the drivers that the loader would load? */
static int has_pocl(const char *vendors)
{
    char path[1024];
    if (!vendors) vendors = "/etc/OpenCL/vendors";
    if (strstr(vendors, "pocl")) return 1;
    snprintf(path, sizeof path, "%s/pocl.icd", vendors);
    return fg_file_exists(path);
}

/* The folder that PoCL keeps its compiled kernels in; without one it has no devices. */
static void pocl_folder(char *path, size_t to)
{
    const char *own = getenv("POCL_CACHE_DIR"), *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    path[0] = 0;
    if (own && *own)
        snprintf(path, to, "%s", own);
    else if (base && *base)
        snprintf(path, to, "%s/pocl", base);
    else if (home && *home)
        snprintf(path, to, "%s/.cache/pocl", home);
}

fgmm_status fg_platform_fail_empty(size_t platforms)
{
    const char *vendors = getenv("OCL_ICD_VENDORS");
    char folder[1024];
    pocl_folder(folder, sizeof folder);
    if (has_pocl(vendors) && folder[0] && !fg_folder_is_writable(folder))
        return fg_fail(FGMM_NO_DEVICE,
                       "OpenCL devices = 0: the driver PoCL is installed, but needs a folder for compiled kernels, and "
                       "cannot write to %s; set POCL_CACHE_DIR or XDG_CACHE_HOME to a folder of your own",
                       folder);
    if (platforms > 0)
        return fg_fail(FGMM_NO_DEVICE,
                       "OpenCL devices = 0 on %zu platform(s); install a driver for this machine such as "
                       "pocl-opencl-icd, or check that the process may open the GPU",
                       platforms);
    return fg_fail(FGMM_NO_DEVICE,
                   "no OpenCL platform found; install a driver such as pocl-opencl-icd, or check OCL_ICD_VENDORS "
                   "(%s%s%s)",
                   vendors ? "= \"" : "not set", vendors ? vendors : "", vendors ? "\"" : "");
}

/* ---- what is remembered ---- */

/* A handle for what is remembered of a device; folder and check program are borrowed. */
static fgmm_device remembered_device(const fg_found_device *found, char *folder, char *check_program)
{
    fgmm_device known = {.platform = found->platform,
                         .id = found->id,
                         .info = found->info,
                         .cache_folder = folder,
                         .check_program = check_program};
    known.facts.kind = found->info.kind;
    return known;
}

/* What checks have found before, in the default cache folder. */
static void recall_backends(fg_found_device *found, size_t count)
{
    char *folder = fg_cache_folder(NULL), *check_program = fg_check_program(NULL);
    for (size_t i = 0; i < count; i++) {
        fgmm_device known = remembered_device(&found[i], folder, check_program);
        fg_backend_recall(&known);
        found[i].info = known.info;
        fg_backend_describe(&found[i].info, &known);
    }
    free(check_program);
    free(folder);
}

fgmm_status fgmm_devices_forget(const char *cache_dir, size_t *count)
{
    fgmm_status status = FGMM_OK;
    fg_found_device *found = NULL;
    fg_driver_visit visit;
    size_t devices = 0, platforms;
    char *folder = NULL;
    if (!count) return fg_fail(FGMM_ARGUMENT, "count is NULL");
    *count = 0;
    FG_TRY(fg_driver_enter(&visit));
    status = fg_platform_find(&found, &devices, &platforms);
    folder = fg_cache_folder(cache_dir);
    for (size_t i = 0; i < devices; i++) {
        const fgmm_device known = remembered_device(&found[i], folder, NULL);
        *count += fg_backend_forget(&known);
    }
    fg_driver_leave(&visit);
done:
    free(folder);
    free(found);
    return status;
}

fgmm_status fgmm_devices_list(fgmm_device_info *infos, size_t capacity, size_t *count)
{
    fgmm_status status = FGMM_OK;
    fg_found_device *found = NULL;
    fg_driver_visit visit;
    size_t platforms;
    if (!count) return fg_fail(FGMM_ARGUMENT, "count is NULL");
    *count = 0;
    FG_CHECK(infos || capacity == 0, FGMM_ARGUMENT, "infos = NULL with capacity = %zu; need an array", capacity);
    FG_TRY(fg_driver_enter(&visit));
    status = fg_platform_find(&found, count, &platforms);
    if (status == FGMM_OK) recall_backends(found, *count);
    fg_driver_leave(&visit);
    FG_TRY(status);
    for (size_t i = 0; i < *count && i < capacity; i++) {
        const size_t size = infos[i].size;
        FG_CHECK(size >= sizeof size, FGMM_ARGUMENT, "infos[%zu].size = %zu; need sizeof(fgmm_device_info) = %zu", i,
                 size, sizeof *infos);
        memcpy(&infos[i], &found[i].info, fg_min_u64(size, sizeof *infos));
        infos[i].size = size;
    }
done:
    free(found);
    return status;
}
