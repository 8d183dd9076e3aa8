/* programs.h - the programs of a pass and their kernels. */
#ifndef FG_PROGRAMS_H
#define FG_PROGRAMS_H

#include "backend.h"
#include "shape.h"

/* 0, 1 or 2 for fg_tile.lanes: the best lane-mask builtin that compiles and gives right bits on this device. */
fgmm_status fg_lanes_check(uint32_t *lanes, fgmm_device *device, uint32_t vw);
/* 1 when a work-item's loops are run to the end, however many rounds they have. For drivers that make no machine code
 * of their own. */
fgmm_status fg_loops_check(int *are_whole, fgmm_device *device);

/* A kernel of one of the shape's programs. Compiles the program, if that has not been done. */
fgmm_status fg_program_kernel(cl_kernel *kernel, fgmm_device *device, const fg_shape *shape, fg_program program,
                              const char *name);

/* The same where it is not there yet (NULL): kernels are compiled when a pass first needs them. */
fgmm_status fg_program_kernel_once(cl_kernel *kernel, fgmm_device *device, const fg_shape *shape, fg_program program,
                                   const char *name);
/* Kernels of the program that does not depend on the shape: common/combine.cl, and on CPUs cpu/lanes.cl and
 * common/seeding.cl. vw: as the tile has it. */
fgmm_status fg_common_kernel(cl_kernel *kernel, fgmm_device *device, const fg_backend *backend, uint32_t vw,
                             const char *name);

#endif
