/* responsibilities.c - enqueues the responsibilities kernels of cl/cpu, cl/gpu and cl/matrix: a batch's log-normalisers
 * and lists.
 */
#include "parts.h"

#include "size.h"
#include "status.h"

#include <math.h>
#include <string.h>

/* Vector backend: floats of scratch that a block's log-densities may take, so that they stay in a core's L2 cache next
 * to the packed components of a panel. */
enum { SCRATCH_DENSITIES = 96 * 1024, SWEEP_VECTORS = 4 };

/* Vector backend: how many panels a block passes over before its rows are swept, and the layout of a worker's scratch.
 */
static void plan_scratch(fg_lists *lists, const fg_shape *s)
{
    const fg_tile *tile = &s->tile;
    const uint32_t per_panel = tile->block * s->panel;
    const uint64_t most = fg_max_u64(1, SCRATCH_DENSITIES / per_panel);
    lists->chunk_panels = (uint32_t)fg_min_u64(s->panels, most);
    /* whole sweeps, and a vector more so that rows do not share cache sets */
    const uint32_t sweep = SWEEP_VECTORS * tile->vw;
    lists->l_stride = (uint32_t)fg_round_up((uint64_t)lists->chunk_panels * s->panel, sweep) + tile->vw;
    /* scratch_t of cl/cpu/sweep.cl: four arrays have a number a row, filled up to whole vectors; then a list */
    const uint64_t rows = (uint64_t)tile->block * (s->row_stride + tile->vw + lists->l_stride);
    const uint64_t numbers =
        4 * fg_round_up(tile->block, tile->vw) + 2 * (fg_round_up(s->capacity, tile->vw) + tile->vw);
    const uint64_t split_floats = fg_split_row_values(s) / 2; /* matrix: bf16 terms of the rows */
    const uint64_t pruning = s->has_bounds ? (uint64_t)tile->block * s->projection_dims + lists->l_stride : 0;
    lists->scratch_floats = fg_round_up(rows + numbers + split_floats + pruning, 64);
}

/* Warps: rows of a launch, about what a device works on at a time; their lanes' lists are used again by the next. */
static uint32_t most_warp_rows(const fg_shape *s)
{
    enum { GROUPS_PER_UNIT = 4 };
    const uint64_t tile_rows = fg_warp_tile_rows(s), groups = (uint64_t)s->compute_units * GROUPS_PER_UNIT;
    return (uint32_t)fg_min_u64(fg_round_up(s->batch_rows, tile_rows), groups * tile_rows);
}

static uint64_t warp_list_bytes(const fg_shape *s)
{
    enum { LANES_PER_ROW = 4 };
    return (uint64_t)most_warp_rows(s) * LANES_PER_ROW * FG_WARP_ENTRIES * (sizeof(float) + sizeof(cl_uint));
}

uint64_t fg_responsibilities_bytes(fg_pass *pass)
{
    const fg_shape *s = &pass->shape;
    const uint64_t lists = (uint64_t)s->batch_rows * (sizeof(float) + sizeof(cl_uint)) * (1 + s->capacity);
    if (fg_unit_is_warp(s->tile.unit)) return lists + warp_list_bytes(s);
    if (s->backend != FGMM_BACKEND_CPU_SIMD) return lists;
    plan_scratch(&pass->lists, s);
    return lists + s->workers * pass->lists.scratch_floats * sizeof(float);
}

fgmm_status fg_responsibilities_create(fg_pass *pass)
{
    fgmm_status status = FGMM_OK;
    fg_lists *lists = &pass->lists;
    const fg_shape *s = &pass->shape;
    size_t bytes;
    FG_TRY(fg_buffer_create(&lists->logz, pass->device, sizeof(float) * s->batch_rows, FG_BUFFER_DEVICE,
                            "log-normalisers"));
    FG_TRY(fg_buffer_poison(lists->logz)); /* rows that a driver leaves out are seen in the sum */
    FG_TRY(fg_buffer_create(&lists->counts, pass->device, sizeof(cl_uint) * s->batch_rows, FG_BUFFER_DEVICE,
                            "list lengths"));
    FG_TRY(fg_size_product3(&bytes, s->batch_rows, s->capacity, sizeof(float), "lists"));
    FG_TRY(fg_buffer_create(&lists->components, pass->device, bytes, FG_BUFFER_DEVICE, "lists"));
    FG_TRY(fg_buffer_create(&lists->values, pass->device, bytes, FG_BUFFER_DEVICE, "lists"));
    if (s->backend == FGMM_BACKEND_CPU_SIMD) {
        plan_scratch(lists, s);
        FG_TRY(fg_size_product3(&bytes, s->workers, lists->scratch_floats, sizeof(float), "scratch"));
        FG_TRY(fg_buffer_create(&lists->scratch, pass->device, bytes, FG_BUFFER_DEVICE, "scratch"));
    }
    if (fg_unit_is_warp(s->tile.unit))
        FG_TRY(fg_buffer_create(&lists->scratch, pass->device, warp_list_bytes(s), FG_BUFFER_DEVICE, "lists of lanes"));
done:
    return status;
}

/* Rows of a launch of distances. */
static uint32_t launch_rows(const fg_shape *s, uint32_t step)
{
    const double per_element = s->covariance == FGMM_DIAG ? 2 : s->covariance == FGMM_FULL ? s->d : 1;
    return fg_launch_rows(s, 2.0 * s->padded_k * s->d * per_element, step);
}

/* What a kernel of the vector and matrix backends takes besides the batch, what is common to their components, and
 * results. */
typedef struct own_arguments {
    const fg_argument *arguments;
    size_t count;
} own_arguments;

enum { MOST_OWN = 8 };

/* Workers over the rows of a batch. The kernels take: rows, first element, first and last row | own | the rest. */
static fgmm_status run_workers(fg_pass *pass, cl_kernel kernel, const fg_rows *rows, cl_ulong first,
                               const own_arguments *own)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = &pass->shape;
    const fg_lists *lists = &pass->lists;
    const cl_uint n = (cl_uint)rows->n, most = launch_rows(s, s->tile.block * s->workers);
    const size_t global = s->workers, local = 1;
    for (cl_uint first_row = 0; first_row < n; first_row += most) {
        const cl_uint end = (cl_uint)fg_min_u64(n, (uint64_t)first_row + most);
        const fg_argument batch[] = {FG_ARG_BUFFER(rows->buffer), FG_ARG_VALUE(first), FG_ARG_VALUE(first_row),
                                     FG_ARG_VALUE(end)};
        const fg_argument rest[] = {
            FG_ARG_VALUE(s->panels),       FG_ARG_VALUE(lists->chunk_panels), FG_ARG_VALUE(s->k),
            FG_ARG_VALUE(s->cutoff),       FG_ARG_BUFFER(lists->scratch),     FG_ARG_VALUE(lists->scratch_floats),
            FG_ARG_VALUE(lists->l_stride), FG_ARG_VALUE(s->capacity),         FG_ARG_BUFFER(lists->logz),
            FG_ARG_BUFFER(lists->counts),  FG_ARG_BUFFER(lists->components),  FG_ARG_BUFFER(lists->values),
            FG_ARG_BUFFER(lists->bins),
        };
        enum { BATCH = sizeof batch / sizeof batch[0], REST = sizeof rest / sizeof rest[0] };
        fg_argument all[BATCH + MOST_OWN + REST];
        memcpy(all, batch, sizeof batch);
        memcpy(all + BATCH, own->arguments, own->count * sizeof *all);
        memcpy(all + BATCH + own->count, rest, sizeof rest);
        FG_TRY(fg_kernel_launch(pass->device, kernel, all, BATCH + own->count + REST, 1, &global, &local));
    }
done:
    return status;
}

/* Rows (row type of the program) minus shift. */
static fgmm_status run_vector(fg_pass *pass, const fg_rows *rows, cl_ulong first, const fg_buffer *shift)
{
    const fg_packed *p = &pass->packed;
    const fg_argument own[] = {FG_ARG_BUFFER(shift), FG_ARG_BUFFER(p->packed), FG_ARG_BUFFER(p->scale),
                               FG_ARG_BUFFER(p->offset), FG_ARG_BUFFER(p->is_exact)};
    return run_workers(pass, pass->responsibilities, rows, first, &(own_arguments){own, sizeof own / sizeof own[0]});
}

/* The same with bounds; not for whitened rows. */
static fgmm_status run_pruned(fg_pass *pass, const fg_rows *rows, cl_ulong first)
{
    const fg_packed *p = &pass->packed;
    const fg_argument own[] = {FG_ARG_BUFFER(p->shift),        FG_ARG_BUFFER(p->pruning.packed),
                               FG_ARG_BUFFER(p->scale),        FG_ARG_BUFFER(p->pruning.offset),
                               FG_ARG_BUFFER(p->pruning.axes), FG_ARG_BUFFER(p->means),
                               FG_ARG_BUFFER(p->normaliser)};
    return run_workers(pass, pass->pruned, rows, first, &(own_arguments){own, sizeof own / sizeof own[0]});
}

static fgmm_status run_matrix(fg_pass *pass, const fg_rows *rows, cl_ulong first)
{
    const fg_packed *p = &pass->packed;
    const fg_argument own[MOST_OWN] = {FG_ARG_BUFFER(p->shift),       FG_ARG_BUFFER(p->packed),
                                       FG_ARG_BUFFER(p->scale),       FG_ARG_BUFFER(p->offset),
                                       FG_ARG_BUFFER(p->is_exact),    FG_ARG_BUFFER(p->split_means),
                                       FG_ARG_BUFFER(p->panel_terms), FG_ARG_VALUE(p->row_terms)};
    return run_workers(pass, pass->responsibilities, rows, first, &(own_arguments){own, MOST_OWN});
}

/* The same with bounds. */
static fgmm_status run_matrix_pruned(fg_pass *pass, const fg_rows *rows, cl_ulong first)
{
    const fg_packed *p = &pass->packed;
    const fg_pruning *b = &p->pruning;
    const fg_argument own[MOST_OWN] = {FG_ARG_BUFFER(p->shift),    FG_ARG_BUFFER(p->scale),
                                       FG_ARG_BUFFER(b->offset),   FG_ARG_BUFFER(p->split_means),
                                       FG_ARG_BUFFER(p->means),    FG_ARG_BUFFER(p->normaliser),
                                       FG_ARG_VALUE(b->row_share), FG_ARG_VALUE(b->rest_share)};
    return run_workers(pass, pass->pruned, rows, first, &(own_arguments){own, MOST_OWN});
}

static fgmm_status run_group(fg_pass *pass, const fg_rows *rows, cl_ulong first, const fg_buffer *shift)
{
    const fg_buffer *packed = pass->whitening.densities ? pass->whitening.densities : pass->packed.packed;
    fgmm_status status = FGMM_OK;
    const fg_shape *s = &pass->shape;
    const fg_packed *p = &pass->packed;
    const fg_lists *lists = &pass->lists;
    const cl_uint n = (cl_uint)rows->n, most = launch_rows(s, s->tile.rows);
    for (cl_uint first_row = 0; first_row < n; first_row += most) {
        const fg_argument arguments[] = {
            FG_ARG_BUFFER(rows->buffer),  FG_ARG_VALUE(first),
            FG_ARG_VALUE(first_row),      FG_ARG_VALUE(n),
            FG_ARG_BUFFER(shift),         FG_ARG_BUFFER(packed),
            FG_ARG_BUFFER(p->scale),      FG_ARG_BUFFER(p->offset),
            FG_ARG_BUFFER(p->is_exact),   FG_ARG_VALUE(s->panels),
            FG_ARG_VALUE(s->k),           FG_ARG_VALUE(s->cutoff),
            FG_ARG_VALUE(s->capacity),    FG_ARG_BUFFER(lists->logz),
            FG_ARG_BUFFER(lists->counts), FG_ARG_BUFFER(lists->components),
            FG_ARG_BUFFER(lists->values),
        };
        const uint64_t launched = fg_min_u64(most, n - first_row);
        const size_t local = s->tile.local, global = (size_t)fg_ceil_div(launched, s->tile.rows) * local;
        FG_TRY(FG_LAUNCH(pass, pass->responsibilities, arguments, 1, &global, &local));
    }
done:
    return status;
}

static fgmm_status run_warp(fg_pass *pass, const fg_rows *rows, cl_ulong first)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = &pass->shape;
    const fg_packed *p = &pass->packed;
    const fg_lists *lists = &pass->lists;
    const cl_uint n = (cl_uint)rows->n, tile_rows = fg_warp_tile_rows(s), panels = s->padded_k / FG_SPLIT_ROWS;
    const cl_uint most = (cl_uint)fg_min_u64(most_warp_rows(s), launch_rows(s, tile_rows));
    for (cl_uint first_row = 0; first_row < n; first_row += most) {
        const fg_argument arguments[] = {
            FG_ARG_BUFFER(rows->buffer),   FG_ARG_VALUE(first),
            FG_ARG_VALUE(first_row),       FG_ARG_VALUE(n),
            FG_ARG_BUFFER(p->shift),       FG_ARG_BUFFER(p->means),
            FG_ARG_BUFFER(p->split_means), FG_ARG_BUFFER(p->panel_terms),
            FG_ARG_VALUE(panels),          FG_ARG_VALUE(s->k),
            FG_ARG_VALUE(s->cutoff),       FG_ARG_BUFFER(lists->scratch),
            FG_ARG_VALUE(s->capacity),     FG_ARG_BUFFER(lists->logz),
            FG_ARG_BUFFER(lists->counts),  FG_ARG_BUFFER(lists->components),
            FG_ARG_BUFFER(lists->values),
        };
        const uint64_t launched = fg_min_u64(most, n - first_row);
        const size_t local = FG_WARP_ITEMS, global = (size_t)fg_ceil_div(launched, tile_rows) * local;
        FG_TRY(FG_LAUNCH(pass, pass->responsibilities, arguments, 1, &global, &local));
    }
done:
    return status;
}

static fgmm_status get_kernel(fg_pass *pass)
{
    const int is_white = pass->shape.covariance == FGMM_TIED;
    if (pass->packed.pruning.is_used)
        return fg_program_kernel_once(&pass->pruned, pass->device, &pass->shape, FG_PROGRAM_PRUNED, "responsibilities");
    return fg_program_kernel_once(&pass->responsibilities, pass->device, &pass->shape,
                                  is_white ? FG_PROGRAM_WHITE : FG_PROGRAM_SPARSE, "responsibilities");
}

fgmm_status fg_responsibilities_run(fg_pass *pass, const fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    const fg_matrix_unit unit = pass->shape.tile.unit;
    cl_ulong first = rows->offset_bytes / fgmm_type_bytes(pass->shape.type);
    const fg_buffer *shift = pass->packed.shift;
    fg_rows white;
    FG_TRY(get_kernel(pass));
    if (pass->shape.covariance == FGMM_TIED) {
        FG_TRY(fg_whitening_run(pass, rows, &white));
        rows = &white;
        first = 0;
        shift = pass->whitening.no_shift;
    }
    if (pass->whitening.densities) {
        FG_TRY(fg_whitening_densify(pass, rows));
        first = 0; /* the kernel sees row numbers only */
    }
    const int is_pruned = pass->packed.pruning.is_used;
    FG_TRY(fg_unit_is_warp(unit)                               ? run_warp(pass, rows, first)
           : unit != FG_UNIT_NONE && is_pruned                 ? run_matrix_pruned(pass, rows, first)
           : unit != FG_UNIT_NONE                              ? run_matrix(pass, rows, first)
           : is_pruned                                         ? run_pruned(pass, rows, first)
           : pass->shape.backend == FGMM_BACKEND_GPU_WORKGROUP ? run_group(pass, rows, first, shift)
                                                               : run_vector(pass, rows, first, shift));
done:
    return status;
}
