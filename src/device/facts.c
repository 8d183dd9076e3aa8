/* facts.c - what drivers tell of one device: names, sizes, what its kernels may use, where it is plugged in; and which
 * kernels suit it. Does not open it, and compares it with no other. */
#include "handle.h"

#include "size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- where it is plugged in ---- */

/* The queries of cl_khr_pci_bus_info, cl_nv_device_attribute_query and cl_amd_device_topology, by number. */
enum {
    PCI_BUS_INFO_KHR = 0x410F,
    PCI_BUS_ID_NV = 0x4008,
    PCI_DEVICE_AND_FUNCTION_NV = 0x4009,
    PCI_DOMAIN_ID_NV = 0x400A,
    TOPOLOGY_AMD = 0x4037
};

typedef struct pci_place {
    cl_uint domain, bus, device, function; /* as cl_khr_pci_bus_info has them */
} pci_place;

typedef struct amd_topology {
    cl_uint type; /* 1: PCI */
    unsigned char unused[17], bus, device, function;
} amd_topology;

static int ask_nvidia(pci_place *place, cl_device_id id)
{
    enum { FUNCTION_BITS = 3 }; /* the last ones */
    cl_uint number;
    if (clGetDeviceInfo(id, PCI_BUS_ID_NV, sizeof place->bus, &place->bus, NULL) != CL_SUCCESS ||
        clGetDeviceInfo(id, PCI_DEVICE_AND_FUNCTION_NV, sizeof number, &number, NULL) != CL_SUCCESS)
        return 0;
    place->domain = DEVICE_FACT(cl_uint, id, PCI_DOMAIN_ID_NV);
    place->device = number >> FUNCTION_BITS;
    place->function = number & ((1u << FUNCTION_BITS) - 1);
    return 1;
}

static int ask_amd(pci_place *place, cl_device_id id)
{
    amd_topology topology;
    if (clGetDeviceInfo(id, TOPOLOGY_AMD, sizeof topology, &topology, NULL) != CL_SUCCESS || topology.type != 1)
        return 0;
    *place = (pci_place){0, topology.bus, topology.device, topology.function};
    return 1;
}

/* "0000:65:00.0", as the system's own tools write it; "" where the driver does not tell. */
static void pci_address(char *to, size_t capacity, cl_device_id id)
{
    pci_place place = {0};
    to[0] = 0;
    if (!(has_extension(id, "cl_khr_pci_bus_info") &&
          clGetDeviceInfo(id, PCI_BUS_INFO_KHR, sizeof place, &place, NULL) == CL_SUCCESS) &&
        !(has_extension(id, "cl_nv_device_attribute_query") && ask_nvidia(&place, id)) &&
        !(has_extension(id, "cl_amd_device_") && ask_amd(&place, id)))
        return;
    snprintf(to, capacity, "%04x:%02x:%02x.%x", place.domain, place.bus, place.device, place.function);
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
    info->has_own_memory = facts.kind != FGMM_DEVICE_CPU && !facts.has_unified_memory;
    pci_address(info->pci_address, sizeof info->pci_address, id);
    info->backend = facts.matrix_unit != FG_UNIT_NONE ? FGMM_BACKEND_MATRIX_UNIT
                    : facts.kind == FGMM_DEVICE_CPU   ? FGMM_BACKEND_CPU_SIMD
                                                      : FGMM_BACKEND_GPU_WORKGROUP;
done:
    return status;
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

void fg_platform_examine(fg_found_device *device)
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
