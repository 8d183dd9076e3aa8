/* programs.c - which files of cl/ make up a backend's programs; every operation gets its kernels here. A new kernel
 * adds its file to a list. */
#include "programs.h"

#include "seeding.h"

#include <stdio.h>

/* Files of a program, in order. */
typedef const char *program_files[12];
static const program_files sparse_files[] = {
    [FGMM_BACKEND_CPU_SIMD] = {"prelude.cl", "lanes.cl", "rows.cl", "distances_vector.cl", "partials.cl", "sweep.cl",
                               "responsibilities_vector.cl", "lists.cl", "accumulate_vector.cl"},
    [FGMM_BACKEND_GPU_WORKGROUP] = {"prelude.cl", "rows.cl", "tile_group.cl", "distances_group.cl", "partials.cl",
                                    "responsibilities_group.cl", "lists_group.cl", "accumulate_group.cl"},
};
/* Programs where a matrix unit multiplies in responsibilities; all the rest is the vector backend's, warps: the group
 * backend's. */
static const program_files unit_files[] = {
    [FG_UNIT_PLAIN] = {"prelude.cl", "lanes.cl", "rows.cl", "distances_vector.cl", "partials.cl", "sweep.cl",
                       "matrix_plain.h", "products_matrix.cl", "responsibilities_matrix.cl", "lists.cl",
                       "accumulate_vector.cl"},
    [FG_UNIT_AMX] = {"prelude.cl", "lanes.cl", "rows.cl", "distances_vector.cl", "partials.cl", "sweep.cl",
                     "matrix_amx.h", "products_matrix.cl", "responsibilities_matrix.cl", "lists.cl",
                     "accumulate_vector.cl"},
    [FG_UNIT_WARP] = {"prelude.cl", "rows.cl", "tile_warp.cl", "partials.cl", "matrix_warp.h",
                      "responsibilities_warp.cl", "lists_group.cl", "accumulate_group.cl"},
    [FG_UNIT_NVIDIA] = {"prelude.cl", "rows.cl", "tile_warp.cl", "partials.cl", "matrix_nvidia.h",
                        "responsibilities_warp.cl", "lists_group.cl", "accumulate_group.cl"},
};
static const program_files bounded_files = {
    "prelude.cl",       "lanes.cl", "rows.cl",       "distances_vector.cl",
    "bounds_vector.cl", "sweep.cl", "candidates.cl", "responsibilities_bounded.cl"};
static const program_files bounded_unit_files[] = {
    [FG_UNIT_PLAIN] = {"prelude.cl", "lanes.cl", "rows.cl", "distances_vector.cl", "sweep.cl", "candidates.cl",
                       "matrix_plain.h", "products_matrix.cl", "responsibilities_matrix_bounded.cl"},
    [FG_UNIT_AMX] = {"prelude.cl", "lanes.cl", "rows.cl", "distances_vector.cl", "sweep.cl", "candidates.cl",
                     "matrix_amx.h", "products_matrix.cl", "responsibilities_matrix_bounded.cl"},
};
static const program_files dense_files[] = {
    [FGMM_BACKEND_CPU_SIMD] = {"prelude.cl", "lanes.cl", "rows.cl", "distances_vector.cl", "partials.cl",
                               "blocks_vector.cl", "dense_vector.cl"},
    [FGMM_BACKEND_GPU_WORKGROUP] = {"prelude.cl", "rows.cl", "tile_group.cl", "distances_group.cl", "partials.cl",
                                    "dense_group.cl"},
};
static const program_files fused_files = {"prelude.cl",  "lanes.cl",         "rows.cl",         "distances_vector.cl",
                                          "partials.cl", "blocks_vector.cl", "direct_vector.cl"};

/* What stands in the place of the sparse program's distances where covariances are full. */
static const program_files full_files[] = {
    [FGMM_BACKEND_CPU_SIMD] = {"prelude.cl", "lanes.cl", "rows.cl", "triangle_vector.cl", "distances_full_vector.cl",
                               "partials.cl", "sweep.cl", "responsibilities_vector.cl", "lists.cl",
                               "accumulate_vector.cl"},
    [FGMM_BACKEND_GPU_WORKGROUP] = {"prelude.cl", "rows.cl", "tile_group.cl", "distances_full_group.cl", "partials.cl",
                                    "responsibilities_group.cl", "lists_group.cl", "accumulate_group.cl"},
};
static const program_files matrix_files[] = {
    [FGMM_BACKEND_CPU_SIMD] = {"prelude.cl", "rows.cl", "triangle_vector.cl", "whiten_vector.cl", "combine_moments.cl",
                               "moments_vector.cl"},
    [FGMM_BACKEND_GPU_WORKGROUP] = {"prelude.cl", "rows.cl", "triangle_group.cl", "whiten_group.cl",
                                    "densities_full_group.cl", "combine_moments.cl", "moments_group.cl"},
};

fgmm_status fg_program_kernel(cl_kernel *kernel, fgmm_device *device, const fg_shape *shape, fg_program program,
                              const char *name)
{
    const int is_full = shape->covariance == FGMM_FULL;
    const fg_matrix_unit unit = shape->tile.unit;
    const program_files *files = program == FG_PROGRAM_DENSE    ? &dense_files[shape->backend]
                                 : program == FG_PROGRAM_FUSED  ? &fused_files
                                 : program == FG_PROGRAM_MATRIX ? &matrix_files[shape->backend]
                                 : program == FG_PROGRAM_BOUNDED
                                     ? (unit != FG_UNIT_NONE ? &bounded_unit_files[unit] : &bounded_files)
                                 : is_full              ? &full_files[shape->backend]
                                 : unit != FG_UNIT_NONE ? &unit_files[unit]
                                                        : &sparse_files[shape->backend];
    char options[640];
    fg_shape told = *shape;
    if (program == FG_PROGRAM_WHITE) told.type = FGMM_F32;
    if (program == FG_PROGRAM_MATRIX)
        fg_shape_matrix_options(&told, options, sizeof options);
    else
        fg_shape_options(&told, (int)program, options, sizeof options);
    return fg_kernel_get(kernel, device, *files, options, name);
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
    static const program_files files[] = {
        [FGMM_BACKEND_CPU_SIMD] = {"prelude.cl", "lanes.cl", "seeding.cl", "combine.cl"},
        [FGMM_BACKEND_GPU_WORKGROUP] = {"prelude.cl", "combine.cl"},
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
    return fg_kernel_get(kernel, device, files[backend], options, name);
}
