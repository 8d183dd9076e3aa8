/* programs.c - which files of cl/ make up a family's programs; every operation gets its kernels here. A new kernel adds
 * its file to a list. */
#include "ops.h"

/* Files of a program, in order. */
typedef const char *program_files[10];
static const program_files sparse_files[] = {
    [FGMM_KERNEL_VECTOR] = {"prelude.cl", "lanes.cl", "rows.cl", "distances_vector.cl", "combine.cl",
                            "responsibilities_vector.cl", "lists.cl", "accumulate_vector.cl"},
    [FGMM_KERNEL_GROUP] = {"prelude.cl", "rows.cl", "distances_group.cl", "combine.cl", "responsibilities_group.cl",
                           "lists_group.cl", "accumulate_group.cl"},
};
static const program_files dense_files[] = {
    [FGMM_KERNEL_VECTOR] = {"prelude.cl", "lanes.cl", "rows.cl", "distances_vector.cl", "combine.cl", "dense_vector.cl",
                            "direct_vector.cl"},
    [FGMM_KERNEL_GROUP] = {"prelude.cl", "rows.cl", "distances_group.cl", "combine.cl", "dense_group.cl"},
};

fgmm_status fg_pass_kernel(cl_kernel *kernel, const fg_pass *pass, int is_dense, const char *name)
{
    const program_files *files = is_dense ? dense_files : sparse_files;
    char options[640];
    fg_shape_options(&pass->shape, is_dense ? FG_PROGRAM_DENSE : FG_PROGRAM_SPARSE, options, sizeof options);
    return fg_kernel_get(kernel, pass->device, files[pass->shape.family], options, name);
}
