/* backends.c - the table of backends, and which of them a shape gets. */
#include "backend.h"

#include "shape.h"

static const fg_backend *const rows[] = {&fg_cpu_simd,   &fg_gpu_workgroup, &fg_matrix_plain,
                                         &fg_matrix_amx, &fg_matrix_warp,   &fg_matrix_nvidia};
enum { ROWS = sizeof rows / sizeof rows[0] };

const fg_backend *fg_backend_row(size_t i)
{
    return i < ROWS ? rows[i] : NULL;
}

const fg_backend *fg_backend_find(fgmm_backend kernels, fg_matrix_unit unit)
{
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i]->kernels == kernels && rows[i]->unit == unit) return rows[i];
    return NULL;
}

const fg_backend *fg_backend_of(const fgmm_device *device)
{
    return fg_backend_find(fg_device_backend(device), FG_UNIT_NONE);
}

/* Below these, padding to the unit's 32 components and 32 dimensions costs more than it gains. */
enum { LEAST_K = 32, LEAST_D = 16 };

const fg_backend *fg_backend_choose(const fg_shape *s, const fgmm_device *device)
{
    const fg_backend *plain = fg_backend_of(device), *row = fg_backend_find(plain->kernels, fg_device_unit(device));
    const int is_large = s->k >= LEAST_K && s->d >= LEAST_D;
    const int fits = row && (!row->suits || (row->suits(s) && (is_large || fg_device_is_backend_forced(device))));
    return fits ? row : plain;
}

#define MEMBER(member)                                                                                                 \
    {                                                                                                                  \
#member, offsetof(fg_backend, member)                                                                          \
    }

const char *fg_backend_missing(const fg_backend *backend)
{
    static const struct {
        const char *name;
        size_t offset;
    } members[] = {MEMBER(name),
                   MEMBER(unit_text),
                   MEMBER(is_filled),
                   MEMBER(native_width),
                   MEMBER(most_registers),
                   MEMBER(plan),
                   MEMBER(row_pitch),
                   MEMBER(common_options),
                   MEMBER(check_rows),
                   MEMBER(sum_items),
                   MEMBER(full_leaf),
                   MEMBER(common_leaf),
                   MEMBER(leaves[FG_PROGRAM_SPARSE]),
                   MEMBER(leaves[FG_PROGRAM_DENSE]),
                   MEMBER(leaves[FG_PROGRAM_MATRIX]),
                   MEMBER(sparse),
                   MEMBER(transpose),
                   MEMBER(dense),
                   MEMBER(moments),
                   MEMBER(whitening),
                   MEMBER(search),
                   MEMBER(tiles.parameters),
                   MEMBER(tiles.reject),
                   MEMBER(tiles.repair),
                   MEMBER(tiles.needs)};
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const char *at = (const char *)backend + members[i].offset;
        int is_set = 0;
        for (size_t b = 0; b < sizeof(void *); b++) is_set |= at[b] != 0;
        if (!is_set) return members[i].name;
    }
    if (backend->suits && !backend->split) return "split";
    if (backend->pruning && !backend->sparse->run_pruned) return "sparse->run_pruned";
    return NULL;
}
