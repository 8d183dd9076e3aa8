/* programs.c - the programs of a pass: a backend's .cl file and the options that it is compiled with. */
#include "programs.h"

#include <stdio.h>

static const char *leaf_of(const fg_shape *shape, fg_program program)
{
    const int is_sparse = program == FG_PROGRAM_SPARSE || program == FG_PROGRAM_WHITE;
    return is_sparse && fg_density_of(shape->covariance)->has_factors ? shape->backend->full_leaf
                                                                      : shape->backend->leaves[program];
}

fgmm_status fg_program_kernel(cl_kernel *kernel, fgmm_device *device, const fg_shape *shape, fg_program program,
                              const char *name)
{
    char options[640];
    fg_shape told = *shape;
    if (program == FG_PROGRAM_WHITE) told.type = FGMM_F32;
    if (program == FG_PROGRAM_MATRIX || program == FG_PROGRAM_BLAS)
        fg_shape_matrix_options(&told, options, sizeof options);
    else
        fg_shape_options(&told, program, options, sizeof options);
    return fg_kernel_get(kernel, device, leaf_of(shape, program), options, name);
}

fgmm_status fg_program_kernel_once(cl_kernel *kernel, fgmm_device *device, const fg_shape *shape, fg_program program,
                                   const char *name)
{
    return *kernel ? FGMM_OK : fg_program_kernel(kernel, device, shape, program, name);
}

/* On GPUs seeding has vectors of its own, and nobody looks at lanes. */
fgmm_status fg_common_kernel(cl_kernel *kernel, fgmm_device *device, const fg_backend *backend, uint32_t vw,
                             const char *name)
{
    char options[256];
    const size_t used = (size_t)snprintf(options, sizeof options, "-DROW_TYPE=3 -DVW=%u -DSUM_BLOCK=%d -DSUM_ITEMS=%u",
                                         vw, FG_SUM_BLOCK, backend->sum_items);
    if (backend->has_lane_masks)
        snprintf(options + used, sizeof options - used,
                 " -DTILE_ROWS=%d -DTILE_CANDIDATES=%d -DLOCAL=1 -DSEEDING_BLOCK=%d -DLANES_AVX512=%d -DLANES_AVX=%d",
                 FG_SEEDING_ROWS, FG_SEEDING_CANDIDATES, FG_SEEDING_BLOCK, vw == 16, vw == 8);
    return fg_kernel_get(kernel, device, backend->common_leaf, options, name);
}
