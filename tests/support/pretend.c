/* pretend.c - see pretend.h. */
#include "pretend.h"

#include "handle.h"

void pretend_warps(fgmm_device *device)
{
    enum { VENDOR_NVIDIA = 0x10de, WARP = 32 };
    device->facts.kind = FGMM_DEVICE_GPU;
    device->facts.vendor_id = VENDOR_NVIDIA;
    device->facts.wave_items = WARP;
    device->facts.has_unified_memory = 0;
    device->facts.matrix_unit = FG_UNIT_WARP;
    device->info.kind = FGMM_DEVICE_GPU;
    device->info.backend = FGMM_BACKEND_MATRIX_UNIT;
}

void pretend_gpu(fgmm_device *device, const pretended_gpu *gpu)
{
    device->facts.kind = device->info.kind = FGMM_DEVICE_GPU;
    device->facts.vendor_id = FG_VENDOR_ANY;
    device->facts.wave_items = 0;
    device->facts.has_unified_memory = gpu->has_unified_memory;
    device->facts.local_bytes = device->info.local_memory_bytes = gpu->local_bytes;
    device->facts.max_work_group = gpu->max_work_group;
    device->facts.has_fp64 = gpu->has_fp64;
    device->facts.has_register_limit = 0;
    device->facts.matrix_unit = FG_UNIT_NONE;
    device->info.backend = FGMM_BACKEND_GPU_WORKGROUP;
}

void pretend_no_doubles(fgmm_device *device)
{
    device->facts.has_fp64 = 0;
}
