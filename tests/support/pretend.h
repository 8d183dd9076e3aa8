/* pretend.h - an open device takes itself for another, so that what such a device would run can be tested on any. */
#ifndef FG_TEST_PRETEND_H
#define FG_TEST_PRETEND_H

#include "device.h"

/* An NVIDIA GPU whose warps' unit is OpenCL C: matrix backend on top of the group backend, memory apart from the
 * host's. */
void pretend_warps(fgmm_device *device);
/* A device without double precision. */
void pretend_no_doubles(fgmm_device *device);

#endif
