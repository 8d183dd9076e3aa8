/* programs.c - which file of cl/ is a program's leaf, by backend; every operation gets its kernels here. */
#include "programs.h"

#include "seeding.h"

#include <stdio.h>

/* Whose kernels a program consists of. A matrix unit has rows of its own: it takes over some programs of the backend
 * below it, which keeps the others. */
enum { CPU_SIMD, GPU_WORKGROUP, MATRIX_PLAIN, MATRIX_AMX, MATRIX_WARP, MATRIX_NVIDIA };

/* The sparse program where covariances are full. */
enum { FULL = FG_PROGRAM_FUSED + 1, PROGRAMS };

/* The file of cl/ that is a program's leaf, and includes the others. */
static const char *const leaves[][PROGRAMS] = {
    [CPU_SIMD] =
        {
            [FG_PROGRAM_SPARSE] = "cpu/sparse.cl",
            [FULL] = "cpu/sparse_full.cl",
            [FG_PROGRAM_PRUNED] = "cpu/responsibilities_pruned.cl",
            [FG_PROGRAM_DENSE] = "cpu/dense.cl",
            [FG_PROGRAM_FUSED] = "cpu/fused.cl",
            [FG_PROGRAM_MATRIX] = "cpu/matrices.cl",
        },
    [GPU_WORKGROUP] =
        {
            [FG_PROGRAM_SPARSE] = "gpu/sparse.cl",
            [FULL] = "gpu/sparse_full.cl",
            [FG_PROGRAM_DENSE] = "gpu/dense.cl",
            [FG_PROGRAM_MATRIX] = "gpu/matrices.cl",
        },
    [MATRIX_PLAIN] = {[FG_PROGRAM_SPARSE] = "matrix/sparse_plain.cl", [FG_PROGRAM_PRUNED] = "matrix/pruned_plain.cl"},
    [MATRIX_AMX] = {[FG_PROGRAM_SPARSE] = "matrix/sparse_amx.cl", [FG_PROGRAM_PRUNED] = "matrix/pruned_amx.cl"},
    [MATRIX_WARP] = {[FG_PROGRAM_SPARSE] = "matrix/sparse_warp.cl"},
    [MATRIX_NVIDIA] = {[FG_PROGRAM_SPARSE] = "matrix/sparse_nvidia.cl"},
};

static const char *leaf_of(const fg_shape *shape, fg_program program)
{
    static const int of_backend[] = {[FGMM_BACKEND_CPU_SIMD] = CPU_SIMD, [FGMM_BACKEND_GPU_WORKGROUP] = GPU_WORKGROUP};
    static const int of_unit[] = {[FG_UNIT_PLAIN] = MATRIX_PLAIN,
                                  [FG_UNIT_AMX] = MATRIX_AMX,
                                  [FG_UNIT_WARP] = MATRIX_WARP,
                                  [FG_UNIT_NVIDIA] = MATRIX_NVIDIA};
    const int is_sparse = program == FG_PROGRAM_SPARSE || program == FG_PROGRAM_WHITE;
    const int sparse = shape->covariance == FGMM_FULL ? (int)FULL : (int)FG_PROGRAM_SPARSE;
    const int column = is_sparse ? sparse : (int)program;
    const char *of_its_own = shape->tile.unit == FG_UNIT_NONE ? NULL : leaves[of_unit[shape->tile.unit]][column];
    return of_its_own ? of_its_own : leaves[of_backend[shape->backend]][column];
}

fgmm_status fg_program_kernel(cl_kernel *kernel, fgmm_device *device, const fg_shape *shape, fg_program program,
                              const char *name)
{
    char options[640];
    fg_shape told = *shape;
    if (program == FG_PROGRAM_WHITE) told.type = FGMM_F32;
    if (program == FG_PROGRAM_MATRIX)
        fg_shape_matrix_options(&told, options, sizeof options);
    else
        fg_shape_options(&told, (int)program, options, sizeof options);
    return fg_kernel_get(kernel, device, leaf_of(shape, program), options, name);
}

fgmm_status fg_program_kernel_once(cl_kernel *kernel, fgmm_device *device, const fg_shape *shape, fg_program program,
                                   const char *name)
{
    return *kernel ? FGMM_OK : fg_program_kernel(kernel, device, shape, program, name);
}

/* What needs neither D nor the row type is one program, so that it is compiled once for a device. On GPUs seeding has
 * vectors of its own (seeding.c), and nobody looks at lanes. */
fgmm_status fg_common_kernel(cl_kernel *kernel, fgmm_device *device, fgmm_backend backend, uint32_t vw,
                             const char *name)
{
    static const char *const common_leaves[] = {
        [FGMM_BACKEND_CPU_SIMD] = "cpu/shared.cl",
        [FGMM_BACKEND_GPU_WORKGROUP] = "common/combine.cl",
    };
    char options[256];
    if (backend == FGMM_BACKEND_CPU_SIMD)
        snprintf(options, sizeof options,
                 "-DROW_TYPE=3 -DVW=%u -DSUM_BLOCK=%d -DSUM_ITEMS=1 -DTILE_ROWS=%d -DTILE_CANDIDATES=%d -DLOCAL=1 "
                 "-DSEEDING_BLOCK=%d -DLANES_AVX512=%d -DLANES_AVX=%d",
                 vw, FG_SUM_BLOCK, FG_SEEDING_ROWS, FG_SEEDING_CANDIDATES, FG_SEEDING_BLOCK, vw == 16, vw == 8);
    else
        snprintf(options, sizeof options, "-DROW_TYPE=3 -DVW=%u -DSUM_BLOCK=%d -DSUM_ITEMS=%d", vw, FG_SUM_BLOCK,
                 FG_SUM_ITEMS);
    return fg_kernel_get(kernel, device, common_leaves[backend], options, name);
}
