/* flashgmm/opencl.h - for applications that already use OpenCL: lend a context, a device, a queue, or rows in a cl_mem.
 * Not part of flashgmm.h, so that other users need no OpenCL headers. */
#ifndef FLASHGMM_OPENCL_H
#define FLASHGMM_OPENCL_H

#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120
#endif
#include <CL/cl.h>

#include "flashgmm/data.h"
#include "flashgmm/device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Opens a handle on the application's context, device and in-order queue. The library retains all three until
 * fgmm_device_close. queue may be NULL: the library makes its own. options->match is ignored; options may be NULL. */
FGMM_API fgmm_status fgmm_device_from_opencl(fgmm_device **device, cl_context context, cl_device_id id,
                                             cl_command_queue queue, const fgmm_device_options *options);

/* Rows that lie in a buffer of the same context: (rows, dims), dense, beginning at byte `offset_bytes` (a multiple of
 * the element size). U8, I8, F16 or F32. Retains the buffer; the rows are read in place and must not change while in
 * use. */
FGMM_API fgmm_status fgmm_source_from_cl_mem(fgmm_source **source, fgmm_device *device, cl_mem buffer, fgmm_type type,
                                             uint64_t rows, uint64_t dims, size_t offset_bytes);

#ifdef __cplusplus
}
#endif
#endif
