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

/* A member that a row, or a table of launches, must have. */
typedef struct member {
    const char *name;
    size_t offset, bytes;
} member;
#define MEMBER(table, prefix, name)                                                                                    \
    {                                                                                                                  \
        prefix #name, offsetof(table, name), sizeof(((const table *)NULL)->name)                                       \
    }
#define COUNT(members) (sizeof(members) / sizeof((members)[0]))

static const member backend_members[] = {
    MEMBER(fg_backend, "", name),
    MEMBER(fg_backend, "", unit_text),
    MEMBER(fg_backend, "", is_filled),
    MEMBER(fg_backend, "", native_width),
    MEMBER(fg_backend, "", most_registers),
    MEMBER(fg_backend, "", plan),
    MEMBER(fg_backend, "", row_pitch),
    MEMBER(fg_backend, "", common_options),
    MEMBER(fg_backend, "", check_rows),
    MEMBER(fg_backend, "", sum_items),
    MEMBER(fg_backend, "", full_leaf),
    MEMBER(fg_backend, "", common_leaf),
    MEMBER(fg_backend, "", leaves[FG_PROGRAM_SPARSE]),
    MEMBER(fg_backend, "", leaves[FG_PROGRAM_DENSE]),
    MEMBER(fg_backend, "", leaves[FG_PROGRAM_MATRIX]),
    MEMBER(fg_backend, "", sparse),
    MEMBER(fg_backend, "", transpose),
    MEMBER(fg_backend, "", dense),
    MEMBER(fg_backend, "", moments),
    MEMBER(fg_backend, "", whitening),
    MEMBER(fg_backend, "", search),
    MEMBER(fg_backend, "", tiles.parameters),
    MEMBER(fg_backend, "", tiles.reject),
    MEMBER(fg_backend, "", tiles.repair),
    MEMBER(fg_backend, "", tiles.needs),
};
static const member sparse_members[] = {MEMBER(fg_sparse_launches, "sparse->", scratch_floats),
                                        MEMBER(fg_sparse_launches, "sparse->", run)};
static const member transpose_members[] = {MEMBER(fg_transpose_launches, "transpose->", blocks),
                                           MEMBER(fg_transpose_launches, "transpose->", get_kernels),
                                           MEMBER(fg_transpose_launches, "transpose->", run)};
static const member dense_members[] = {
    MEMBER(fg_dense_launches, "dense->", tile_bytes),  MEMBER(fg_dense_launches, "dense->", product_count),
    MEMBER(fg_dense_launches, "dense->", y_stride),    MEMBER(fg_dense_launches, "dense->", scratch_floats),
    MEMBER(fg_dense_launches, "dense->", get_kernels), MEMBER(fg_dense_launches, "dense->", normalise),
    MEMBER(fg_dense_launches, "dense->", multiply),
};
static const member moments_members[] = {
    MEMBER(fg_moments_launches, "moments->", bands), MEMBER(fg_moments_launches, "moments->", scratch_elements),
    MEMBER(fg_moments_launches, "moments->", least_jobs), MEMBER(fg_moments_launches, "moments->", run)};
static const member whitening_members[] = {MEMBER(fg_whitening_launches, "whitening->", scratch_floats),
                                           MEMBER(fg_whitening_launches, "whitening->", run)};
static const member search_members[] = {
    MEMBER(fg_search_launches, "search->", leaf), MEMBER(fg_search_launches, "search->", vector_width),
    MEMBER(fg_search_launches, "search->", items), MEMBER(fg_search_launches, "search->", seeding_kernel)};
static const member split_members[] = {MEMBER(fg_split_method, "split->", buffers),
                                       MEMBER(fg_split_method, "split->", load)};
static const member pruning_members[] = {
    MEMBER(fg_pruning_method, "pruning->", name), MEMBER(fg_pruning_method, "pruning->", may_gain),
    MEMBER(fg_pruning_method, "pruning->", buffers), MEMBER(fg_pruning_method, "pruning->", load)};

/* The name of the first of `count` members that is zero in the table, or NULL. */
static const char *first_missing(const void *table, const member *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *at = (const char *)table + members[i].offset;
        int is_set = 0;
        for (size_t b = 0; b < members[i].bytes; b++) is_set |= at[b] != 0;
        if (!is_set) return members[i].name;
    }
    return NULL;
}

const char *fg_backend_missing(const fg_backend *backend)
{
    const struct {
        const void *table;
        const member *members;
        size_t count;
    } parts[] = {{backend, backend_members, COUNT(backend_members)},
                 {backend->sparse, sparse_members, COUNT(sparse_members)},
                 {backend->transpose, transpose_members, COUNT(transpose_members)},
                 {backend->dense, dense_members, COUNT(dense_members)},
                 {backend->moments, moments_members, COUNT(moments_members)},
                 {backend->whitening, whitening_members, COUNT(whitening_members)},
                 {backend->search, search_members, COUNT(search_members)},
                 {backend->split, split_members, COUNT(split_members)},
                 {backend->pruning, pruning_members, COUNT(pruning_members)}};
    for (size_t i = 0; i < COUNT(parts); i++) {
        const char *missing = parts[i].table ? first_missing(parts[i].table, parts[i].members, parts[i].count) : NULL;
        if (missing) return missing;
    }
    if (backend->suits && !backend->split) return "split";
    if (backend->pruning && !backend->sparse->run_pruned) return "sparse->run_pruned";
    return NULL;
}
