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

void pretend_no_doubles(fgmm_device *device)
{
    device->facts.has_fp64 = 0;
}
