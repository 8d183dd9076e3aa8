/* opencl_api.h - OpenCL's own header, of the version that everything here is written for. */
#ifndef FG_OPENCL_API_H
#define FG_OPENCL_API_H

#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120
#endif
#include <CL/cl.h>

#endif
