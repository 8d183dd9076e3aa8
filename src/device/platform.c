/* platform.c - which OpenCL devices exist, which one is the default, and what is known of each.
 * Does not open any of them. */
#define _POSIX_C_SOURCE 200809L
#include "handle.h"

#include "file.h"
#include "size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What the ICD loader returns when no driver is registered (CL_PLATFORM_NOT_FOUND_KHR of cl_ext.h). */
enum { PLATFORM_NOT_FOUND = -1001 };

/* Copies a text that may be longer than its room; "" when the driver does not know. */
static void copy_text(char *to, size_t capacity, char *text)
{
    const char *begin = text ? text : "";
    while (*begin == ' ') begin++;
    snprintf(to, capacity, "%s", begin);
    for (size_t end = strlen(to); end > 0 && to[end - 1] == ' '; end--) to[end - 1] = 0;
    free(text);
}

static fgmm_status device_text(char *to, size_t capacity, cl_device_id id, cl_device_info what, const char *name)
{
    fgmm_status status = FGMM_OK;
    size_t bytes = 0;
    char *text = NULL;
    to[0] = 0;
    FG_CL(clGetDeviceInfo(id, what, 0, NULL, &bytes), FGMM_DEVICE, "clGetDeviceInfo", "%s", name);
    FG_TRY(FG_ALLOC(&text, bytes + 1, name));
    FG_CL(clGetDeviceInfo(id, what, bytes, text, NULL), FGMM_DEVICE, "clGetDeviceInfo", "%s", name);
    copy_text(to, capacity, text);
    text = NULL;
done:
    free(text);
    return status;
}

static fgmm_status platform_text(char *to, size_t capacity, cl_platform_id platform)
{
    fgmm_status status = FGMM_OK;
    size_t bytes = 0;
    char *text = NULL;
    to[0] = 0;
    FG_CL(clGetPlatformInfo(platform, CL_PLATFORM_NAME, 0, NULL, &bytes), FGMM_DEVICE, "clGetPlatformInfo",
          "CL_PLATFORM_NAME");
    FG_TRY(FG_ALLOC(&text, bytes + 1, "CL_PLATFORM_NAME"));
    FG_CL(clGetPlatformInfo(platform, CL_PLATFORM_NAME, bytes, text, NULL), FGMM_DEVICE, "clGetPlatformInfo",
          "CL_PLATFORM_NAME");
    copy_text(to, capacity, text);
    text = NULL;
done:
    free(text);
    return status;
}

/* A fact of a type; 0 when the driver does not know it: only where that is a safe answer. */
#define DEVICE_FACT(type, id, what) (device_fact_##type((id), (what)))
#define DEFINE_DEVICE_FACT(type)                                                                                       \
    static type device_fact_##type(cl_device_id id, cl_device_info what)                                               \
    {                                                                                                                  \
        type value = 0;                                                                                                \
        return clGetDeviceInfo(id, what, sizeof value, &value, NULL) == CL_SUCCESS ? value : 0;                        \
    }
DEFINE_DEVICE_FACT(cl_uint)
DEFINE_DEVICE_FACT(cl_bool)
DEFINE_DEVICE_FACT(cl_bitfield)
#undef DEFINE_DEVICE_FACT

/* A fact without which nothing can be run: fails with its name where the driver does not tell. */
static fgmm_status require(void *value, size_t bytes, cl_device_id id, cl_device_info what, const char *name)
{
    fgmm_status status = FGMM_OK;
    FG_CL(clGetDeviceInfo(id, what, bytes, value, NULL), FGMM_DEVICE, "clGetDeviceInfo", "%s", name);
done:
    return status;
}
#define REQUIRE(value, id, what) require(&(value), sizeof(value), (id), (what), #what)

static fgmm_device_kind kind_of(cl_device_type type)
{
    if (type & CL_DEVICE_TYPE_GPU) return FGMM_DEVICE_GPU;
    if (type & CL_DEVICE_TYPE_ACCELERATOR) return FGMM_DEVICE_ACCELERATOR;
    if (type & CL_DEVICE_TYPE_CPU) return FGMM_DEVICE_CPU;
    return FGMM_DEVICE_OTHER;
}

/* The vendors' own queries, by their extensions' numbers: cl_nv_device_attribute_query,
 * cl_amd_device_attribute_query. */
enum { COMPUTE_CAPABILITY_MAJOR_NV = 0x4000, WARP_SIZE_NV = 0x4003, WAVEFRONT_WIDTH_AMD = 0x4043 };

static uint32_t wave_items(cl_device_id id)
{
    static const struct {
        cl_uint vendor;
        cl_device_info query;
    } queries[] = {{FG_VENDOR_NVIDIA, WARP_SIZE_NV}, {FG_VENDOR_AMD, WAVEFRONT_WIDTH_AMD}};
    const cl_uint vendor = DEVICE_FACT(cl_uint, id, CL_DEVICE_VENDOR_ID);
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++)
        if (queries[i].vendor == vendor) return DEVICE_FACT(cl_uint, id, queries[i].query);
    return 0;
}

static int has_extension(cl_device_id id, const char *name)
{
    char extensions[8192] = "";
    return clGetDeviceInfo(id, CL_DEVICE_EXTENSIONS, sizeof extensions, extensions, NULL) == CL_SUCCESS &&
           strstr(extensions, name) != NULL;
}

/* The instructions of cl/matrix/nvidia.h, and its driver's OpenCL C, which lets a kernel have them. */
static int has_warp_unit(cl_device_id id, fgmm_device_kind kind)
{
    enum { LEAST_CAPABILITY = 8, LANES = 32 };
    return kind == FGMM_DEVICE_GPU && DEVICE_FACT(cl_uint, id, CL_DEVICE_VENDOR_ID) == FG_VENDOR_NVIDIA &&
           has_extension(id, "cl_nv_device_attribute_query") && wave_items(id) == LANES &&
           DEVICE_FACT(cl_uint, id, COMPUTE_CAPABILITY_MAJOR_NV) >= LEAST_CAPABILITY;
}

/* AMX is reached through PoCL, whose kernels are the process's own code; under Intel's runtime the same instructions
 * end the process. */
static fg_matrix_unit find_matrix_unit(cl_device_id id, fgmm_device_kind kind)
{
    cl_platform_id platform;
    char name[128], text[FG_ERROR_TEXT_BYTES];
    if (has_warp_unit(id, kind)) return FG_UNIT_NVIDIA;
    if (kind != FGMM_DEVICE_CPU ||
        clGetDeviceInfo(id, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL) != CL_SUCCESS)
        return FG_UNIT_NONE;
    fg_error_save(text);
    platform_text(name, sizeof name, platform); /* "": some other platform, which has no unit */
    fg_error_restore(text);
    return strcmp(name, "Portable Computing Language") == 0 && fg_amx_is_allowed() ? FG_UNIT_AMX : FG_UNIT_NONE;
}

/* The native width is the width of the registers, which is what explicit vectors want. Some CPU runtimes report 1 as
 * the preferred width, since they vectorise over work-items themselves (Intel: preferred 1, native 16), others 1 as the
 * native one: the larger is used. Kernels exist for 4, 8 and 16 floats; 4 where the driver is silent. */
static uint32_t vector_width(cl_device_id id)
{
    const cl_uint native = DEVICE_FACT(cl_uint, id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT);
    const cl_uint preferred = DEVICE_FACT(cl_uint, id, CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT);
    const cl_uint width = native > preferred ? native : preferred;
    return width >= 16 ? 16 : width >= 8 ? 8 : 4;
}

fgmm_status fg_platform_facts(fg_device_facts *facts, cl_device_id id)
{
    fgmm_status status = FGMM_OK;
    cl_device_type type;
    cl_uint units;
    size_t work_group;
    cl_ulong local, most, all;
    FG_TRY(REQUIRE(type, id, CL_DEVICE_TYPE));
    FG_TRY(REQUIRE(units, id, CL_DEVICE_MAX_COMPUTE_UNITS));
    FG_TRY(REQUIRE(work_group, id, CL_DEVICE_MAX_WORK_GROUP_SIZE));
    FG_TRY(REQUIRE(local, id, CL_DEVICE_LOCAL_MEM_SIZE));
    FG_TRY(REQUIRE(most, id, CL_DEVICE_MAX_MEM_ALLOC_SIZE));
    FG_TRY(REQUIRE(all, id, CL_DEVICE_GLOBAL_MEM_SIZE));
    FG_CHECK(units > 0 && work_group > 0 && most > 0 && all > 0, FGMM_DEVICE,
             "clGetDeviceInfo: CL_DEVICE_MAX_COMPUTE_UNITS = %u, CL_DEVICE_MAX_WORK_GROUP_SIZE = %zu, "
             "CL_DEVICE_MAX_MEM_ALLOC_SIZE = %llu, CL_DEVICE_GLOBAL_MEM_SIZE = %llu; need more than 0 of each",
             units, work_group, (unsigned long long)most, (unsigned long long)all);
    /* What follows is 0 where the driver is silent, which costs speed, never a result: no double, no shared memory. */
    *facts = (fg_device_facts){
        .kind = kind_of(type),
        .compute_units = units,
        .vector_width = vector_width(id),
        .max_work_group = work_group,
        .vendor_id = DEVICE_FACT(cl_uint, id, CL_DEVICE_VENDOR_ID),
        .wave_items = wave_items(id),
        .local_bytes = local,
        .max_alloc_bytes = most,
        .global_bytes = all,
        .has_fp64 = DEVICE_FACT(cl_bitfield, id, CL_DEVICE_DOUBLE_FP_CONFIG) != 0,
        .has_unified_memory = DEVICE_FACT(cl_bool, id, CL_DEVICE_HOST_UNIFIED_MEMORY) == CL_TRUE,
        .has_register_limit = has_extension(id, "cl_nv_compiler_options"),
        .matrix_unit = find_matrix_unit(id, kind_of(type)),
    };
done:
    return status;
}

fgmm_status fg_platform_describe(fgmm_device_info *info, cl_platform_id platform, cl_device_id id)
{
    fgmm_status status = FGMM_OK;
    fg_device_facts facts;
    FG_TRY(device_text(info->name, sizeof info->name, id, CL_DEVICE_NAME, "CL_DEVICE_NAME"));
    FG_TRY(platform_text(info->platform, sizeof info->platform, platform));
    FG_TRY(device_text(info->driver, sizeof info->driver, id, CL_DRIVER_VERSION, "CL_DRIVER_VERSION"));
    FG_TRY(fg_platform_facts(&facts, id));
    info->kind = facts.kind;
    info->compute_units = facts.compute_units;
    info->vector_width_float = facts.vector_width;
    info->max_work_group = (uint32_t)fg_min_u64(facts.max_work_group, UINT32_MAX);
    info->has_fp64 = facts.has_fp64;
    info->global_memory_bytes = facts.global_bytes;
    info->max_alloc_bytes = facts.max_alloc_bytes;
    info->local_memory_bytes = facts.local_bytes;
    info->backend = facts.matrix_unit != FG_UNIT_NONE ? FGMM_BACKEND_MATRIX_UNIT
                    : facts.kind == FGMM_DEVICE_CPU   ? FGMM_BACKEND_CPU_SIMD
                                                      : FGMM_BACKEND_GPU_WORKGROUP;
done:
    return status;
}

/* Says in device->problem why the device cannot be used; "" where it can. */
static void examine(fg_found_device *device)
{
    fgmm_status status = FGMM_OK;
    cl_bool is_available, has_compiler;
    char text[FG_ERROR_TEXT_BYTES];
    fg_error_save(text);
    FG_TRY(fg_platform_describe(&device->info, device->platform, device->id));
    FG_TRY(REQUIRE(is_available, device->id, CL_DEVICE_AVAILABLE));
    FG_TRY(REQUIRE(has_compiler, device->id, CL_DEVICE_COMPILER_AVAILABLE));
    FG_CHECK(is_available && has_compiler, FGMM_NO_DEVICE, "not available, or its driver has no compiler");
done:
    if (status != FGMM_OK) snprintf(device->problem, sizeof device->problem, "%s", fgmm_last_error());
    fg_error_restore(text);
}

const char *fg_platform_backend_reason(fgmm_backend backend, fgmm_device_kind kind)
{
    static const char group[] = "group kernels, since work-groups there share fast local memory";
    static const char *const reasons[][2] = {
        [FGMM_BACKEND_AUTO] = {group, group},
        [FGMM_BACKEND_CPU_SIMD] = {"vector kernels, since a CPU has wide registers and no fast local memory",
                                   "vector kernels, since a CPU has wide registers and no fast local memory"},
        [FGMM_BACKEND_GPU_WORKGROUP] = {group, group},
        [FGMM_BACKEND_MATRIX_UNIT] =
            {"matrix kernels, since the CPU has AMX (spherical covariances; vector kernels for "
             "all else)",
             "matrix kernels, since the GPU has tensor cores (spherical, D 16 to 128; group "
             "kernels for all else)"},
    };
    return reasons[backend][kind == FGMM_DEVICE_GPU];
}

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
        examine(device);
    }
done:
    free(ids);
    return status;
}

/* The first GPU, else the first accelerator, else the first CPU, else anything usable; count when there is none. */
static size_t find_default(const fg_found_device *found, size_t count)
{
    static const fgmm_device_kind order[] = {FGMM_DEVICE_GPU, FGMM_DEVICE_ACCELERATOR, FGMM_DEVICE_CPU,
                                             FGMM_DEVICE_OTHER};
    for (size_t j = 0; j < sizeof order / sizeof order[0]; j++)
        for (size_t i = 0; i < count; i++)
            if (!found[i].problem[0] && found[i].info.kind == order[j]) return i;
    return count;
}

static const char *kind_name(fgmm_device_kind kind)
{
    static const char *const names[] = {"other device", "CPU", "GPU", "accelerator"};
    return names[kind];
}

static void explain(fg_found_device *found, size_t count)
{
    const size_t chosen = find_default(found, count);
    for (size_t i = 0; i < count; i++) {
        fgmm_device_info *info = &found[i].info;
        const char *backend = fg_platform_backend_reason(info->backend, info->kind);
        info->is_default = i == chosen;
        if (found[i].problem[0])
            snprintf(info->reason, sizeof info->reason, "cannot be used: %s", found[i].problem);
        else if (i == chosen)
            snprintf(info->reason, sizeof info->reason, "the default as the first %s; %s", kind_name(info->kind),
                     backend);
        else
            snprintf(info->reason, sizeof info->reason, "not the default since device %zu, a %s, comes first; %s",
                     chosen, kind_name(found[chosen].info.kind), backend);
    }
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
    explain(*found, *count);
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

/* ---- choosing ---- */

static int contains(const char *text, const char *part)
{
    const size_t length = strlen(part);
    for (; strlen(text) >= length; text++)
        if (strncasecmp(text, part, length) == 0) return 1;
    return 0;
}

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

static fgmm_status fail_nothing_there(size_t platforms)
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

/* Fails with "WHY; there are: 0: platform name, 1: ...". */
static fgmm_status fail_with_list(const fg_found_device *found, size_t count, const char *why)
{
    char list[FG_ERROR_TEXT_BYTES] = "";
    size_t used = 0;
    for (size_t i = 0; i < count && used < sizeof list; i++) {
        const fgmm_device_info *info = &found[i].info;
        const int more =
            snprintf(list + used, sizeof list - used, "%s%zu: %s %s", i > 0 ? ", " : "", i, info->platform, info->name);
        used += more > 0 ? (size_t)more : 0;
    }
    return fg_fail(FGMM_NO_DEVICE, "%s; there are: %s", why, list);
}

fgmm_status fg_platform_choose(const fg_found_device **chosen, const fg_found_device *found, size_t count,
                               size_t platforms, const char *match)
{
    fgmm_status status = FGMM_OK;
    char why[256];
    size_t index = count;
    *chosen = NULL;
    if (count == 0) return fail_nothing_there(platforms);
    if (!match) {
        index = find_default(found, count);
        snprintf(why, sizeof why, "no device can be used (device 0: %s)", found[0].problem);
    } else if (*match && strspn(match, "0123456789") == strlen(match)) {
        const unsigned long long number = strtoull(match, NULL, 10);
        index = number < count ? (size_t)number : count;
        snprintf(why, sizeof why, "device = %s; need 0..%zu", match, count - 1);
    } else {
        char both[sizeof found->info.platform + sizeof found->info.name];
        for (size_t i = count; i-- > 0;) {
            snprintf(both, sizeof both, "%s %s", found[i].info.platform, found[i].info.name);
            if (contains(both, match)) index = i;
        }
        snprintf(why, sizeof why, "device = \"%s\": no device has that in its name", match);
    }
    if (index == count) return fail_with_list(found, count, why);
    FG_CHECK(!found[index].problem[0], FGMM_NO_DEVICE, "device %zu (%s): %s", index, found[index].info.name,
             found[index].problem);
    *chosen = &found[index];
done:
    return status;
}

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
