/* flashgmm/opencl.h - for applications that already use OpenCL: they lend a context, a device, a queue, or rows in a
 * cl_mem. flashgmm.h does not include it, so that other users need no OpenCL headers. */
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
 * fgmm_device_close. queue may be NULL: the library makes its own. options->match is ignored; options may be NULL.
 * Errors: ARGUMENT (objects that do not belong together, a queue out of order), DEVICE, MEMORY. */
FGMM_API fgmm_status fgmm_device_from_opencl(fgmm_device **device, cl_context context, cl_device_id id,
                                             cl_command_queue queue, const fgmm_device_options *options);

/* A source of rows that lie in a buffer of the same context: (rows, dims), dense, beginning at byte offset_bytes, which
 * is a multiple of the element size; u8, i8, f16 or f32. The buffer is retained until the source is closed. Rows are
 * read in place and must not change while in use. Errors: ARGUMENT (type, sizes, another context), DEVICE, MEMORY. */
FGMM_API fgmm_status fgmm_source_from_cl_mem(fgmm_source **source, fgmm_device *device, cl_mem buffer, fgmm_type type,
                                             uint64_t rows, uint64_t dims, size_t offset_bytes);

#ifdef __cplusplus
}
#endif
#endif
