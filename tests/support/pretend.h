/* pretend.h - an open device takes itself for another, so that what such a device would run can be tested on any. */
#ifndef FG_TEST_PRETEND_H
#define FG_TEST_PRETEND_H

#include "device.h"

/* An NVIDIA GPU whose warps' unit is OpenCL C: matrix backend on top of the group backend, memory apart from the
 * host's. */
void pretend_warps(fgmm_device *device);
/* What GPUs differ in. */
typedef struct pretended_gpu {
    int has_unified_memory;
    uint64_t local_bytes;
    size_t max_work_group;
    int has_fp64;
} pretended_gpu;

/* A GPU of no known maker, whose only kernels are the group backend's. */
void pretend_gpu(fgmm_device *device, const pretended_gpu *gpu);
/* A device without double precision. */
void pretend_no_doubles(fgmm_device *device);

#endif
