/* gpu_workgroup.c - the backend of GPUs: work-groups share tiles in local memory. OpenCL C 1.2, nothing beyond. Its
 * tiles, the sizes that follow from them, and its launches. */
#include "gpu_workgroup.h"

#include "arguments/dense.h"
#include "arguments/densities_full.h"
#include "arguments/moments.h"
#include "arguments/responsibilities.h"
#include "arguments/transpose.h"
#include "size.h"
#include "status.h"

#include <stdio.h>

enum { SPARSE = 1u << FG_PROGRAM_SPARSE, DENSE = 1u << FG_PROGRAM_DENSE };

#define PARAMETER(name, macro, field, programs, group, least, most, ...)                                               \
    {                                                                                                                  \
        name, macro, offsetof(fg_tile, field), programs, group, least, most, __VA_ARGS__                               \
    }

/* ---- tiles: a work-group owns one, slabs of it lie in local memory ---- */

const fg_space_parameter fg_gpu_tile_parameters[FG_GPU_TILE_PARAMETERS] = {
    PARAMETER("rows", "TILE_ROWS", rows, SPARSE | DENSE, 0, 4, 1024, {32, 64, 128, 256}),
    PARAMETER("components", "TILE_COMPONENTS", vectors, SPARSE | DENSE, 0, 4, 512, {16, 32, 64, 128, 256}),
    PARAMETER("items", "TILE_ITEMS", local, SPARSE | DENSE, 1, 32, 1024, {64, 128, 256, 512}),
    PARAMETER("across", "TILE_ACROSS", across, SPARSE | DENSE, 1, 1, 128, {4, 8, 16, 32}),
    PARAMETER("depth", "TILE_DEPTH", depth, SPARSE | DENSE, 2, 4, 64, {8, 16, 32}),
    PARAMETER("block", "TILE_BLOCK", block, DENSE, 0, 1, 1024, {16, 32, 64, 128}),
    PARAMETER("chunk", "SEGMENT", chunk, SPARSE, 3, 1, 4096, {64, 256, 1024}),
    PARAMETER("registers", NULL, registers, SPARSE | DENSE, 2, 32, FG_REGISTERS_FREE,
              {96, 128, 168, FG_REGISTERS_FREE}),
    PARAMETER("blas", NULL, blas, SPARSE, 4, FG_BLAS_OWN, FG_BLAS_CLBLAST, {FG_BLAS_OWN, FG_BLAS_CLBLAST}, FG_BLAS_OWN),
};

const char *fg_gpu_reject(const void *tile, const void *problem)
{
    const fg_tile *t = tile;
    const fg_tile_problem *p = problem;
    if (t->registers != FG_REGISTERS_FREE && !p->has_register_limit) return "the compiler takes no limit of registers";
    if (t->blas != FG_BLAS_OWN && !p->has_blas) return "there is no BLAS, or nothing for it to multiply";
    if (t->depth % 4) return "depth is no multiple of 4";
    if (t->local % 32) return "items is no multiple of 32";
    if (t->local % t->across) return "across does not divide items";
    if (t->rows % (4 * (t->local / t->across))) return "rows is no multiple of 4 x items / across";
    if (t->vectors % (4 * t->across)) return "components is no multiple of 4 x across";
    if (t->local % t->block) return "block does not divide items";
    return NULL;
}

void fg_gpu_repair(void *tile)
{
    fg_tile *t = tile;
    const uint32_t down = t->local / t->across;
    t->rows = (uint32_t)fg_round_up(t->rows, 4 * fg_max_u64(down, 1));
    t->vectors = (uint32_t)fg_round_up(t->vectors, 4 * t->across);
    t->block = (uint32_t)fg_min_u64(t->block, t->local);
}

/* Formulas of the headers of cl/gpu/distances.cl, responsibilities.cl, transpose.cl and dense.cl. */
void fg_gpu_needs(fg_space_needs *needs, const void *tile, const void *problem)
{
    enum { TRANSPOSE_BYTES = 16 * 1024, BOOKKEEPING_REGISTERS = 24 };
    const fg_tile *t = tile;
    const fg_tile_problem *p = problem;
    const uint64_t per_dim = fg_density_of(p->covariance)->has_dim_scales ? 2 : 1, rows = t->rows,
                   components = t->vectors;
    const uint64_t slabs = 8 * t->depth * (rows + 4 + per_dim * components), exchange = 4 * rows * t->across;
    const uint64_t sweep = fg_max_u64(slabs, exchange) + rows * (16 + 4 * fg_ceil_div(components, 32));
    const uint64_t dense_depth = rows + components >= 256 ? 8 : 16;
    const uint64_t dense = fg_max_u64(8 * dense_depth * (components + rows), 12 * t->local);
    const uint64_t item_rows = rows / fg_max_u64(1, t->local / t->across), item_components = components / t->across;
    const uint64_t loads =
        fg_ceil_div(rows * t->depth, t->local) + fg_ceil_div(per_dim * components * t->depth, t->local);
    *needs = (fg_space_needs){.local_bytes = fg_max_u64(fg_max_u64(sweep, dense), TRANSPOSE_BYTES + t->local / 8),
                              .work_group = t->local,
                              .registers = item_rows * item_components + item_rows + per_dim * item_components + loads +
                                           BOOKKEEPING_REGISTERS};
}

/* ---- sizes ---- */

void fg_gpu_set_tile(fg_tile *tile)
{
    tile->vw = 4; /* float4 */
}

int fg_gpu_is_filled(const fg_tile *tile, uint32_t k)
{
    enum { NARROW_PANEL = 64 };
    return tile->vectors <= NARROW_PANEL || 4 * fg_round_up(k, tile->vectors) <= 5 * fg_round_up(k, NARROW_PANEL);
}

uint32_t fg_gpu_native_width(const fg_device_facts *facts)
{
    return facts->wave_items; /* 0: the driver is silent */
}

/* Beyond which sums are spilled or too few work-groups are active. */
uint64_t fg_gpu_most_registers(const fg_device_facts *facts)
{
    return facts->vendor_id == FG_VENDOR_NVIDIA || facts->vendor_id == FG_VENDOR_AMD ? 168 : 72;
}

void fg_gpu_plan(fg_shape *s)
{
    enum { MOMENT_ROWS = 64 };
    s->panel = s->tile.vectors;
    s->sum_items = s->backend->sum_items;
    s->moment_rows = MOMENT_ROWS;
    s->row_groups = 2;
}

uint32_t fg_gpu_row_pitch(const fg_shape *s)
{
    return s->row_stride;
}

size_t fg_gpu_common_options(const fg_shape *s, fg_program program, char *text, size_t capacity)
{
    (void)program;
    return fg_shape_sparse_options(s, text, capacity);
}

uint64_t fg_gpu_check_rows(const fg_shape *s)
{
    enum { GROUPS = 3 };
    return GROUPS * fg_max_u64(s->tile.rows, FG_SUM_BLOCK);
}

/* ---- sparse responsibilities: cl/gpu/responsibilities.cl ---- */

static uint64_t no_scratch(const fg_shape *s)
{
    (void)s;
    return 0;
}

FG_ARGUMENTS(sparse, GPU_SPARSE_ARGUMENTS)

static fgmm_status run_sparse(const fg_sparse *sparse, const fg_inputs *in, const fg_buffer *column_counts,
                              float cutoff)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = in->shape;
    const fg_packed *p = in->parameters;
    (void)column_counts; /* transposing counts */
    const cl_uint n = (cl_uint)in->rows->n, most = fg_sparse_launch_rows(s, s->tile.rows);
    for (cl_uint first_row = 0; first_row < n; first_row += most) {
        const sparse_arguments arguments = {
            FG_PART_MEMBERS(in, first_row, n),
            .shift = in->shift,
            .packed = in->log_densities ? in->log_densities : p->packed,
            .scale = p->scale,
            .offset = p->offset,
            .is_exact = p->is_exact,
            .panels = s->panels,
            .components = s->k,
            .cutoff = cutoff,
            FG_SPARSE_RESULT_MEMBERS(sparse, s),
        };
        const uint64_t launched = fg_min_u64(most, n - first_row);
        const size_t local = s->tile.local, global = (size_t)fg_ceil_div(launched, s->tile.rows) * local;
        FG_TRY(launch_sparse(in->device, sparse->plain, &arguments, 1, &global, &local));
    }
done:
    return status;
}

static const fg_sparse_launches sparse_launches = {no_scratch, run_sparse, NULL};

/* ---- transpose: cl/gpu/transpose.cl ---- */

enum { SCAN_ACROSS = 8 }; /* components that a group of scan_blocks has */

/* A block is a work-group that walks its rows as many at a time as it has items. column_counts take no more than 16
 * numbers a row, as much as short lists. */
static uint32_t block_rows(const fg_shape *s)
{
    return (uint32_t)fg_round_up(fg_ceil_div((uint64_t)s->k + 1, 16), s->tile.local);
}

static uint64_t blocks_of(const fg_shape *s)
{
    return fg_ceil_div(s->batch_rows, block_rows(s));
}

/* Counts the nonzeros of each block of rows by component: a work-group of `local` a block. */
static fgmm_status count_nonzeros(const fg_transpose *transpose, const fg_inputs *in, const fg_sparse *sparse,
                                  size_t global)
{
    const fg_shape *s = in->shape;
    const cl_uint n = (cl_uint)in->rows->n, rows_of_block = block_rows(s);
    const size_t local = s->tile.local;
    const fg_argument arguments[] = {
        FG_ARG_VALUE(n),
        FG_ARG_VALUE(rows_of_block),
        FG_ARG_VALUE(s->k),
        FG_ARG_VALUE(s->capacity),
        FG_ARG_BUFFER(sparse->counts),
        FG_ARG_BUFFER(sparse->components),
        FG_ARG_BUFFER(transpose->column_counts),
    };
    return FG_LAUNCH(in->device, transpose->count, arguments, 1, &global, &local);
}

static fgmm_status get_transpose_kernels(fg_transpose *transpose, fgmm_device *device, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_program_kernel_once(&transpose->scan, device, s, FG_PROGRAM_SPARSE, "scan_nonzeros"));
    FG_TRY(fg_program_kernel_once(&transpose->scatter, device, s, FG_PROGRAM_SPARSE, "scatter_nonzeros"));
    FG_TRY(fg_program_kernel_once(&transpose->count, device, s, FG_PROGRAM_SPARSE, "count_nonzeros"));
    FG_TRY(fg_program_kernel_once(&transpose->scan_blocks, device, s, FG_PROGRAM_SPARSE, "scan_blocks"));
done:
    return status;
}

FG_ARGUMENTS(scatter, GPU_SCATTER_ARGUMENTS)

static fgmm_status run_transpose(const fg_transpose *transpose, const fg_inputs *in, const fg_sparse *sparse)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = in->shape;
    const cl_uint n = (cl_uint)in->rows->n, rows_of_block = block_rows(s);
    const cl_uint blocks = (cl_uint)fg_ceil_div(n, rows_of_block);
    const fg_argument scan_blocks[] = {
        FG_ARG_VALUE(blocks),
        FG_ARG_VALUE(s->k),
        FG_ARG_BUFFER(transpose->column_counts),
        FG_ARG_BUFFER(transpose->component_first),
    };
    const fg_argument scan[] = {
        FG_ARG_VALUE(s->k),
        FG_ARG_BUFFER(transpose->component_first),
        FG_ARG_BUFFER(transpose->segment_component),
        FG_ARG_BUFFER(transpose->segment_first),
        FG_ARG_BUFFER(transpose->segment_end),
        FG_ARG_BUFFER(transpose->component_segment),
        FG_ARG_BUFFER(transpose->counters),
    };
    const scatter_arguments scatter = {
        .n = n,
        .block_rows = rows_of_block,
        FG_NONZERO_MEMBERS(sparse, s),
        .column_counts = transpose->column_counts,
        .component_first = transpose->component_first,
        .transposed_rows = transpose->rows,
        .transposed_values = transpose->values,
    };
    const size_t local = s->tile.local, global = blocks * local;
    const size_t across = (size_t)fg_ceil_div((uint64_t)s->k + 1, SCAN_ACROSS) * local;
    FG_TRY(count_nonzeros(transpose, in, sparse, global));
    FG_TRY(FG_LAUNCH(in->device, transpose->scan_blocks, scan_blocks, 1, &across, &local));
    FG_TRY(FG_LAUNCH(in->device, transpose->scan, scan, 1, &local, &local));
    FG_TRY(launch_scatter(in->device, transpose->scatter, &scatter, 1, &global, &local));
done:
    return status;
}

const fg_transpose_launches fg_gpu_transpose = {blocks_of, 1, get_transpose_kernels, run_transpose};

/* ---- dense path: cl/gpu/dense.cl ---- */

/* A panel's columns, in tiles of `rows` dimensions. */
static uint64_t product_count(const fg_shape *s)
{
    return s->panels * fg_ceil_div(s->d, s->tile.rows);
}

static uint32_t y_stride(const fg_shape *s)
{
    return s->row_stride;
}

/* Scales per dimension have no product form. */
static int has_differences_only(const fg_shape *s)
{
    return fg_density_of(s->covariance)->has_dim_scales;
}

static fgmm_status get_dense_kernels(fg_dense *dense, fgmm_device *device, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_program_kernel(&dense->densities, device, s, FG_PROGRAM_DENSE, "dense_densities"));
    FG_TRY(fg_program_kernel(&dense->responsibilities, device, s, FG_PROGRAM_DENSE, "dense_responsibilities"));
    FG_TRY(fg_program_kernel(&dense->differences, device, s, FG_PROGRAM_DENSE, "dense_differences"));
    if (!has_differences_only(s))
        FG_TRY(fg_program_kernel(&dense->accumulate, device, s, FG_PROGRAM_DENSE, "dense_accumulate"));
done:
    return status;
}

FG_ARGUMENTS(density, GPU_DENSITY_ARGUMENTS)
FG_ARGUMENTS(dense, GPU_DENSE_ARGUMENTS)
FG_ARGUMENTS(product, GPU_PRODUCT_ARGUMENTS)

static fgmm_status normalise_tile(const fg_dense *dense, const fg_inputs *in, const fg_dense_span *span,
                                  const fg_buffer *logz)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = in->shape;
    const fg_packed *p = in->parameters;
    const fg_weight_arguments weights = fg_weight_arguments_of(in->rows);
    const density_arguments densities = {
        FG_ROW_MEMBERS(in),   .shift = p->shift, FG_ROW_LIST_MEMBERS(span, dense),
        FG_PACKED_MEMBERS(p), .y = dense->y,     .r = dense->r,
    };
    const dense_arguments normalise = {
        FG_WEIGHT_MEMBERS(weights),
        FG_ROW_LIST_MEMBERS(span, dense),
        FG_NORMALISING_MEMBERS(p, s),
        FG_DENSE_RESULT_MEMBERS(dense, logz),
    };
    const size_t tiles[2] = {(size_t)fg_ceil_div(span->count, s->tile.rows) * s->tile.local, s->panels};
    const size_t local[2] = {s->tile.local, 1};
    const size_t blocks = (size_t)fg_ceil_div(span->count, s->tile.block) * s->tile.local;
    FG_TRY(launch_density(in->device, dense->densities, &densities, 2, tiles, local));
    FG_TRY(launch_dense(in->device, dense->responsibilities, &normalise, 1, &blocks, local));
done:
    return status;
}

static fgmm_status multiply(const fg_dense *dense, const fg_inputs *in, cl_uint n)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = in->shape;
    const product_arguments arguments = {FG_PRODUCT_MEMBERS(dense, in, n)};
    const size_t local[3] = {s->tile.local, 1, 1};
    const size_t tiles[3] = {s->panels * local[0], (size_t)fg_ceil_div(s->d, s->tile.rows),
                             (size_t)fg_ceil_div(n, dense->plan.split_rows)};
    if (!has_differences_only(s)) FG_TRY(launch_product(in->device, dense->accumulate, &arguments, 3, tiles, local));
    if (in->parameters->has_exact || has_differences_only(s))
        FG_TRY(launch_product(in->device, dense->differences, &arguments, 3, tiles, local));
done:
    return status;
}

const fg_dense_launches fg_gpu_dense = {
    .tile_bytes = 32 << 20, /* more rows, for the device to be busy */
    .product_count = product_count,
    .y_stride = y_stride,
    .scratch_floats = no_scratch,
    .get_kernels = get_dense_kernels,
    .normalise = normalise_tile,
    .multiply = multiply,
};

/* ---- second moments as matrices: cl/gpu/moments.cl ---- */

enum { MOMENT_TILE = 32, MOMENT_ITEMS = 64 };

static uint32_t moment_bands(const fg_shape *s, uint64_t wanted)
{
    const uint64_t tiles = fg_ceil_div(s->d, MOMENT_TILE);
    (void)wanted;
    return (uint32_t)(tiles * (tiles + 1) / 2);
}

static uint64_t least_moment_jobs(const fg_shape *s)
{
    enum { GROUPS_PER_UNIT = 4 };
    return (uint64_t)s->compute_units * GROUPS_PER_UNIT;
}

FG_ARGUMENTS(moment, GPU_MOMENT_ARGUMENTS)

/* A kernel for the matrices that are summed wide and one for the others, each where there are such. */
static fgmm_status run_moments(const fg_moments *m, const fg_inputs *in, const fg_transpose *transpose,
                               const fg_moment_jobs *jobs)
{
    fgmm_status status = FGMM_OK;
    const uint64_t k = in->shape->k;
    uint64_t wide = 0;
    const moment_arguments arguments = {
        FG_MOMENT_INPUT_MEMBERS(in, transpose),
        .tiles = m->plan.bands,
        .splits = m->plan.splits,
        .first_job = jobs->first,
        .out = jobs->out,
    };
    const size_t global = (size_t)(jobs->end - jobs->first) * MOMENT_ITEMS, local = MOMENT_ITEMS;
    for (uint64_t c = 0; c < k; c++) wide += in->parameters->facts.is_wide[c];
    if (wide < k) FG_TRY(launch_moment(in->device, m->moments, &arguments, 1, &global, &local));
    if (wide > 0) FG_TRY(launch_moment(in->device, m->wide_moments, &arguments, 1, &global, &local));
done:
    return status;
}

const fg_moments_launches fg_gpu_moments = {moment_bands, no_scratch, least_moment_jobs, run_moments, "wide_moments"};

/* ---- whitening, and log-densities of full covariances: cl/gpu/whiten.cl, densities_full.cl ---- */

/* cl/gpu/triangle.cl */
enum { TRIANGLE_ROWS = 32, TRIANGLE_COLUMNS = 32, TRIANGLE_ITEMS = 64 };

/* Work-groups of cl/gpu/triangle.cl that a part's rows make. */
static size_t row_tiles(const fg_row_part *p)
{
    return (size_t)fg_ceil_div(p->end - p->first_row, TRIANGLE_ROWS);
}

/* Rows of a launch of work-groups, whose second dimension some devices limit. */
static cl_uint most_group_rows(const fg_shape *s, double row_work)
{
    enum { MOST_TILES = 65535 };
    return (cl_uint)fg_min_u64(fg_launch_rows(s, row_work, TRIANGLE_ROWS), (uint64_t)MOST_TILES * TRIANGLE_ROWS);
}

static fgmm_status whiten(const fg_whitening *w, const fg_inputs *in)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = in->shape;
    const cl_ulong first = fg_first_element(in);
    const size_t columns = (size_t)fg_ceil_div(s->d, TRIANGLE_COLUMNS), local[2] = {TRIANGLE_ITEMS, 1};
    const cl_uint most = most_group_rows(s, (double)s->d * s->d);
    for (fg_row_part p = fg_row_part_of(in->rows, 0, most); p.first_row < p.n;
         p = fg_row_part_of(in->rows, p.end, most)) {
        const fg_argument arguments[] = {
            FG_ARG_BUFFER(in->rows->buffer), FG_ARG_VALUE(first),      FG_ARG_VALUE(p.first_row), FG_ARG_VALUE(p.n),
            FG_ARG_BUFFER(in->shift),        FG_ARG_BUFFER(w->factor), FG_ARG_BUFFER(w->rows),
        };
        const size_t global[2] = {columns * TRIANGLE_ITEMS, row_tiles(&p)};
        FG_TRY(FG_LAUNCH(in->device, w->whiten, arguments, 2, global, local));
    }
done:
    return status;
}

FG_ARGUMENTS(full_density, FULL_DENSITY_ARGUMENTS)

static fgmm_status full_densities(const fg_whitening *w, const fg_inputs *in)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = in->shape;
    const fg_packed *packed = in->parameters;
    const size_t local[2] = {TRIANGLE_ITEMS, 1};
    const cl_uint most = most_group_rows(s, (double)s->k * s->d * s->d);
    for (fg_row_part p = fg_row_part_of(in->rows, 0, most); p.first_row < p.n;
         p = fg_row_part_of(in->rows, p.end, most)) {
        const full_density_arguments arguments = {
            FG_PART_MEMBERS(in, p.first_row, p.n),
            .shift = in->shift,
            .packed = packed->packed,
            .offset = packed->offset,
            .padded_components = s->padded_k,
            .densities = w->densities,
        };
        const size_t global[2] = {(size_t)s->k * TRIANGLE_ITEMS, row_tiles(&p)};
        FG_TRY(launch_full_density(in->device, w->densify, &arguments, 2, global, local));
    }
done:
    return status;
}

const fg_whitening_launches fg_gpu_whitening = {no_scratch, whiten, full_densities};

/* ---- kernels that know nothing of a pass ---- */

static size_t items_of(const fg_device_facts *facts, size_t most)
{
    size_t items = 1;
    while (2 * items <= most && 2 * items <= facts->max_work_group) items *= 2;
    return items;
}

/* A work-item has one row. */
static fgmm_status seeding_kernel(cl_kernel *kernel, fgmm_device *device, size_t items, const char *name)
{
    char options[192];
    snprintf(options, sizeof options,
             "-DROW_TYPE=3 -DVW=1 -DTILE_ROWS=1 -DTILE_CANDIDATES=%d -DLOCAL=%zu -DSEEDING_BLOCK=%d",
             FG_SEEDING_CANDIDATES, items, FG_SEEDING_BLOCK);
    return fg_kernel_get(kernel, device, "common/seeding.cl", options, name);
}

const fg_search_launches fg_gpu_search = {"search/gpu.cl", 1, items_of, seeding_kernel};

const fg_backend fg_gpu_workgroup = {
    FG_GPU_MEMBERS,
    .name = "group",
    .unit_text = "",
    .reported = FGMM_BACKEND_GPU_WORKGROUP,
    .tiles = {"group", sizeof(fg_tile), fg_gpu_tile_parameters, FG_GPU_TILE_PARAMETERS, fg_gpu_reject, fg_gpu_repair,
              fg_gpu_needs},
    .leaves = {FG_GPU_LEAVES, [FG_PROGRAM_SPARSE] = "gpu/sparse.cl", [FG_PROGRAM_WHITE] = "gpu/sparse.cl"},
    .sparse = &sparse_launches,
};
