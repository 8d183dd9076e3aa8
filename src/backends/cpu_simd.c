/* cpu_simd.c - the backend of CPUs: a work-item is a tile, its sums stay in vector registers, nothing is shared. Its
 * tiles, the sizes that follow from them, and its launches. */
#include "cpu_simd.h"

#include "arguments/dense.h"
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

/* ---- tiles: a work-item owns one, its sums lie in vector registers ---- */

const fg_space_parameter fg_cpu_tile_parameters[FG_CPU_TILE_PARAMETERS] = {
    PARAMETER("vw", NULL, vw, SPARSE | DENSE, 3, 4, 16, {4, 8, 16}),
    PARAMETER("rows", "TILE_ROWS", rows, SPARSE | DENSE, 0, 1, 64, {4, 6, 8, 10, 12, 14, 24, 32, 48}),
    PARAMETER("vectors", "TILE_VECTORS", vectors, SPARSE | DENSE, 0, 1, 8, {1, 2, 3, 4}),
    PARAMETER("block", "TILE_BLOCK", block, SPARSE | DENSE, 1, 1, 1024, {12, 24, 36, 48, 64, 96}),
    PARAMETER("dense_k", "TILE_DENSE_K", dense_k, DENSE, 0, 1, 32, {2, 4, 8, 16}),
    PARAMETER("dense_v", NULL, dense_v, DENSE, 0, 1, 16, {1, 2, 3, 4}),
    PARAMETER("piece", "TILE_CHUNK", chunk_vectors, SPARSE, 2, 1, 32, {2, 4, 6, 8, 12}),
    PARAMETER("chunk", "SEGMENT", chunk, SPARSE, 4, 1, 4096, {64, 256, 1024}),
};

const char *fg_cpu_reject(const void *tile, const void *problem)
{
    const fg_tile *t = tile;
    const fg_tile_problem *p = problem;
    const int has_factors = fg_density_of(p->covariance)->has_factors;
    if (has_factors && t->rows % t->vw) return "rows is no multiple of vw";
    if (has_factors && t->vectors != 1) return "vectors is not 1";
    if (t->vw != 4 && t->vw != 8 && t->vw != 16) return "vw is none of 4, 8, 16";
    if (t->block % t->rows) return "block is no multiple of rows";
    /* kernels number the elements of a block's rows in 32 bits */
    if (t->block * ((uint64_t)p->d + t->vw) > UINT32_MAX) return "a block of rows has 2^32 elements and more";
    if (t->vw * t->vectors % t->dense_k) return "dense_k does not divide vw x vectors";
    return NULL;
}

void fg_cpu_repair(void *tile)
{
    fg_tile *t = tile;
    t->block = (uint32_t)fg_max_u64(t->rows, t->block / t->rows * t->rows);
    while (t->vw * t->vectors % t->dense_k) t->dense_k--;
}

/* Vector registers of the sweep over components, and of the dense product where that takes more. A vector wider than
 * the device's takes several. */
void fg_cpu_needs(fg_space_needs *needs, const void *tile, const void *problem)
{
    const fg_tile *t = tile;
    const fg_tile_problem *p = problem;
    const fg_density *density = fg_density_of(p->covariance);
    const uint64_t operands = density->has_dim_scales ? 2 : 1, parts = fg_ceil_div(t->vw, p->vector_width);
    const uint64_t sweep = t->rows * t->vectors + operands * t->vectors + operands;
    const uint64_t product = t->dense_k * t->dense_v + t->dense_v + 1;
    const uint64_t groups = t->rows / t->vw, triangle = groups * FG_OUTPUTS(t->vw) + groups + 1;
    /* cl/cpu/distances_full.cl; there is no dense path */
    *needs = (fg_space_needs){0, 1, parts * (density->has_factors ? triangle : fg_max_u64(sweep, product))};
}

/* ---- sizes ---- */

int fg_cpu_is_filled(const fg_tile *tile, uint32_t k)
{
    (void)tile;
    (void)k;
    return 1; /* panels are narrow */
}

uint32_t fg_cpu_native_width(const fg_device_facts *facts)
{
    return facts->vector_width;
}

uint64_t fg_cpu_most_registers(const fg_device_facts *facts)
{
    return facts->vector_width >= 16 ? 32 : 16;
}

/* Entries whose second moments are summed in float: ill-conditioned matrices feel the rounding of these sums (256 of
 * them moved 20 iterations on wdbc by 1e-6 of the log-likelihood, 32 by 1.6e-7). Gathered rows stay in a second-level
 * cache. */
enum { GATHERED_FLOATS = 1 << 16, MOST_ROWS = 32, LEAST_ROWS = 16 };

void fg_cpu_plan(fg_shape *s)
{
    const uint64_t rows = fg_min_u64(MOST_ROWS, GATHERED_FLOATS / s->row_stride) / LEAST_ROWS * LEAST_ROWS;
    s->panel = s->tile.vw * s->tile.vectors;
    s->sum_items = s->backend->sum_items;
    s->moment_rows = (uint32_t)fg_max_u64(LEAST_ROWS, rows);
    s->row_groups = s->tile.vw == 16 ? 3 : 2; /* with the outputs they fill the registers */
    if (fg_density_of(s->covariance)->has_factors) s->row_groups = s->tile.rows / s->tile.vw;
}

uint32_t fg_cpu_row_pitch(const fg_shape *s)
{
    /* a power of two, and a cache line of 64 bytes: rows then begin in different sets of a cache */
    enum { LEAST_PITCH = 128, LINE_FLOATS = 16 };
    uint32_t pitch = LEAST_PITCH;
    while (pitch < s->row_stride) pitch *= 2;
    return pitch + LINE_FLOATS;
}

/* The dense program serves many D; with second moments per dimension k-means has its own. */
size_t fg_cpu_common_options(const fg_shape *s, fg_program program, char *text, size_t capacity)
{
    const int is_diag = fg_density_of(s->covariance)->has_dim_scales;
    if (program != FG_PROGRAM_DENSE) return fg_shape_sparse_options(s, text, capacity);
    return (size_t)snprintf(text, capacity,
                            "-DROW_TYPE=%d -DVW=%u -DCOV_DIAG=%d -DS2_DIAG=%d -DS2_MATRIX=0 -DROW_PITCH=%u "
                            "-DDENSE_V=%u -DHAS_HARD=%d -DHAS_SOFT=%d",
                            (int)s->type, s->tile.vw, is_diag, s->is_diag_s2, fg_cpu_row_pitch(s), fg_shape_dense_v(s),
                            !is_diag, is_diag || !s->is_diag_s2);
}

size_t fg_cpu_own_options(const fg_shape *s, char *text, size_t capacity)
{
    return (size_t)snprintf(text, capacity, " -DLANES_AVX512=%d -DLANES_AVX=%d", s->tile.lanes == 2,
                            s->tile.lanes == 1);
}

size_t fg_cpu_describe(const fg_shape *s, char *text, size_t capacity)
{
    return (size_t)snprintf(text, capacity, " lanes=%u workers=%u", s->tile.lanes, s->workers);
}

uint64_t fg_cpu_check_rows(const fg_shape *s)
{
    return s->tile.block * ((uint64_t)s->workers + 1);
}

/* ---- sparse responsibilities: cl/cpu/responsibilities.cl, responsibilities_pruned.cl ---- */

/* Floats of scratch that a block's log-densities may take, so that they stay in a core's L2 cache next
 * to the packed components of a panel. */
enum { SCRATCH_DENSITIES = 96 * 1024, SWEEP_VECTORS = 4 };

/* How many panels a block passes over before its rows are swept, and the layout of a worker's scratch. */
fg_cpu_scratch fg_cpu_scratch_of(const fg_shape *s)
{
    fg_cpu_scratch plan;
    const fg_tile *tile = &s->tile;
    const uint32_t per_panel = tile->block * s->panel;
    const uint64_t most = fg_max_u64(1, SCRATCH_DENSITIES / per_panel);
    plan.panels = (uint32_t)fg_min_u64(s->panels, most);
    /* whole sweeps, and a vector more so that rows do not share cache sets */
    const uint32_t sweep = SWEEP_VECTORS * tile->vw;
    plan.l_stride = (uint32_t)fg_round_up((uint64_t)plan.panels * s->panel, sweep) + tile->vw;
    /* scratch_t of cl/cpu/sweep.cl: four arrays have a number a row, filled up to whole vectors; then a list */
    const uint64_t rows = (uint64_t)tile->block * (s->row_stride + tile->vw + plan.l_stride);
    const uint64_t numbers =
        4 * fg_round_up(tile->block, tile->vw) + 2 * (fg_round_up(s->capacity, tile->vw) + tile->vw);
    const uint64_t split_floats = fg_split_row_values(s) / 2; /* with a matrix unit: bf16 terms of the rows */
    const uint64_t pruning = s->pruning ? (uint64_t)tile->block * s->projection_dims + plan.l_stride : 0;
    plan.floats = fg_round_up(rows + numbers + split_floats + pruning, 64);
    return plan;
}

uint64_t fg_cpu_sparse_scratch(const fg_shape *s)
{
    return s->workers * fg_cpu_scratch_of(s).floats;
}

fg_cpu_workers fg_cpu_workers_of(const fg_sparse *sparse, const fg_inputs *in, const fg_buffer *column_counts,
                                 float cutoff)
{
    const fg_shape *s = in->shape;
    const cl_uint most = fg_sparse_launch_rows(s, s->tile.block * s->workers);
    return (fg_cpu_workers){sparse, in, column_counts, cutoff, fg_cpu_scratch_of(s), most, s->workers};
}

FG_ARGUMENTS(sparse, CPU_SPARSE_ARGUMENTS)
FG_ARGUMENTS(pruned, CPU_PRUNED_ARGUMENTS)

/* Rows (row type of the program) minus shift. */
static fgmm_status run_sparse(const fg_sparse *sparse, const fg_inputs *in, const fg_buffer *column_counts,
                              float cutoff)
{
    fgmm_status status = FGMM_OK;
    const fg_cpu_workers w = fg_cpu_workers_of(sparse, in, column_counts, cutoff);
    const size_t one = 1;
    for (fg_row_part part = fg_row_part_of(in->rows, 0, w.most); part.first_row < part.n;
         part = fg_row_part_of(in->rows, part.end, w.most)) {
        const sparse_arguments arguments = {
            FG_CPU_WORKER_MEMBERS(w, part),
            .shift = in->shift,
            FG_PACKED_MEMBERS(in->parameters),
        };
        FG_TRY(launch_sparse(in->device, sparse->plain, &arguments, 1, &w.count, &one));
    }
done:
    return status;
}

/* The same with upper bounds; not for whitened rows. */
static fgmm_status run_pruned(const fg_sparse *sparse, const fg_inputs *in, const fg_buffer *column_counts,
                              float cutoff)
{
    fgmm_status status = FGMM_OK;
    const fg_packed *p = in->parameters;
    const fg_cpu_workers w = fg_cpu_workers_of(sparse, in, column_counts, cutoff);
    const size_t one = 1;
    for (fg_row_part part = fg_row_part_of(in->rows, 0, w.most); part.first_row < part.n;
         part = fg_row_part_of(in->rows, part.end, w.most)) {
        const pruned_arguments arguments = {
            FG_CPU_WORKER_MEMBERS(w, part),
            .shift = p->shift,
            .packed = p->pruning.packed,
            .scale = p->scale,
            .offset = p->pruning.offset,
            .axes = p->pruning.axes,
            .means = p->means,
            .normaliser = p->normaliser,
        };
        FG_TRY(launch_pruned(in->device, sparse->pruned, &arguments, 1, &w.count, &one));
    }
done:
    return status;
}

static const fg_sparse_launches sparse_launches = {fg_cpu_sparse_scratch, run_sparse, run_pruned};

/* ---- transpose: cl/cpu/transpose.cl; responsibilities have counted already, in as many parts as there are workers
 * ---- */

static uint64_t blocks_of(const fg_shape *s)
{
    return s->workers;
}

static fgmm_status get_transpose_kernels(fg_transpose *transpose, fgmm_device *device, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_program_kernel_once(&transpose->scan, device, s, FG_PROGRAM_SPARSE, "scan_nonzeros"));
    FG_TRY(fg_program_kernel_once(&transpose->scatter, device, s, FG_PROGRAM_SPARSE, "scatter_nonzeros"));
done:
    return status;
}

FG_ARGUMENTS(scatter, CPU_SCATTER_ARGUMENTS)

static fgmm_status run_transpose(const fg_transpose *transpose, const fg_inputs *in, const fg_sparse *sparse)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = in->shape;
    const fg_argument scan[] = {
        FG_ARG_VALUE(s->workers),
        FG_ARG_VALUE(s->k),
        FG_ARG_BUFFER(transpose->column_counts),
        FG_ARG_BUFFER(transpose->segment_component),
        FG_ARG_BUFFER(transpose->segment_first),
        FG_ARG_BUFFER(transpose->segment_end),
        FG_ARG_BUFFER(transpose->component_segment),
        FG_ARG_BUFFER(transpose->counters),
    };
    const scatter_arguments scatter = {
        .n = (cl_uint)in->rows->n,
        FG_NONZERO_MEMBERS(sparse, s),
        .column_counts = transpose->column_counts,
        .transposed_rows = transpose->rows,
        .transposed_values = transpose->values,
    };
    const size_t global = s->workers, one = 1;
    FG_TRY(FG_LAUNCH(in->device, transpose->scan, scan, 1, &one, &one));
    FG_TRY(launch_scatter(in->device, transpose->scatter, &scatter, 1, &global, &one));
done:
    return status;
}

const fg_transpose_launches fg_cpu_transpose = {blocks_of, 0, get_transpose_kernels, run_transpose};

/* ---- dense path: cl/cpu/dense.cl ---- */

static uint64_t product_count(const fg_shape *s)
{
    return s->panels;
}

/* Groups of vectors, the last one filled up. */
static uint32_t y_stride(const fg_shape *s)
{
    return (uint32_t)fg_round_up(s->row_stride, fg_shape_dense_v(s) * s->tile.vw);
}

static uint64_t dense_scratch(const fg_shape *s)
{
    return s->workers * fg_block_floats(s);
}

static fgmm_status get_dense_kernels(fg_dense *dense, fgmm_device *device, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_program_kernel(&dense->responsibilities, device, s, FG_PROGRAM_DENSE, "dense_responsibilities"));
    FG_TRY(fg_program_kernel(&dense->accumulate, device, s, FG_PROGRAM_DENSE, "dense_accumulate"));
done:
    return status;
}

FG_ARGUMENTS(dense, CPU_DENSE_ARGUMENTS)
FG_ARGUMENTS(product, CPU_PRODUCT_ARGUMENTS)

static fgmm_status normalise(const fg_dense *dense, const fg_inputs *in, const fg_dense_span *span,
                             const fg_buffer *logz)
{
    const fg_shape *s = in->shape;
    const fg_packed *p = in->parameters;
    const fg_weight_arguments weights = fg_weight_arguments_of(in->rows);
    const dense_arguments arguments = {
        FG_ROW_MEMBERS(in),
        FG_WEIGHT_MEMBERS(weights),
        .shift = p->shift,
        FG_ROW_LIST_MEMBERS(span, dense),
        FG_PACKED_MEMBERS(p),
        FG_NORMALISING_MEMBERS(p, s),
        .scratch = dense->scratch,
        .scratch_floats = fg_block_floats(s),
        .y = dense->y,
        FG_DENSE_RESULT_MEMBERS(dense, logz),
        .dims = s->d,
        .batch_rows = (cl_uint)in->rows->n,
    };
    const size_t global = s->workers, one = 1;
    return launch_dense(in->device, dense->responsibilities, &arguments, 1, &global, &one);
}

/* Adds to the partial products that are there. */
static fgmm_status multiply(const fg_dense *dense, const fg_inputs *in, cl_uint n)
{
    const fg_shape *s = in->shape;
    const product_arguments arguments = {FG_PRODUCT_MEMBERS(dense, in, n), .dims = s->d};
    const size_t local[3] = {1, 1, 1}, tiles[3] = {s->panels, 1, (size_t)fg_ceil_div(n, dense->plan.split_rows)};
    return launch_product(in->device, dense->accumulate, &arguments, 3, tiles, local);
}

const fg_dense_launches fg_cpu_dense = {
    .tile_bytes = 8 << 20,
    .most_tile_rows = FG_DENSE_MOST_ROWS,
    .product_count = product_count,
    .y_stride = y_stride,
    .scratch_floats = dense_scratch,
    .get_kernels = get_dense_kernels,
    .normalise = normalise,
    .multiply = multiply,
};

/* ---- second moments as matrices: cl/cpu/moments.cl ---- */

/* A band is what has few enough rows of a triangle to keep a worker busy for a while. */
static uint32_t moment_bands(const fg_shape *s, uint64_t wanted)
{
    enum { BAND_DIMS = 64 };
    return (uint32_t)fg_min_u64(wanted, fg_ceil_div(s->d, BAND_DIMS));
}

/* Wide sums gather doubles. */
static uint64_t moment_scratch(const fg_shape *s)
{
    return (uint64_t)s->workers * s->moment_rows * s->row_stride;
}

static uint64_t least_moment_jobs(const fg_shape *s)
{
    return s->workers;
}

FG_ARGUMENTS(moment, CPU_MOMENT_ARGUMENTS)

/* Jobs first_job .. end_job - 1: a launch. */
static fgmm_status run_moments(const fg_moments *m, const fg_inputs *in, const fg_transpose *transpose,
                               const fg_moment_jobs *jobs)
{
    const fg_shape *s = in->shape;
    const moment_arguments arguments = {
        FG_MOMENT_INPUT_MEMBERS(in, transpose),
        .bands = m->plan.bands,
        .splits = m->plan.splits,
        .first_job = jobs->first,
        .end_job = jobs->end,
        .scratch = m->scratch,
        .out = jobs->out,
    };
    const size_t global = s->workers, local = 1;
    return launch_moment(in->device, m->moments, &arguments, 1, &global, &local);
}

const fg_moments_launches fg_cpu_moments = {moment_bands, moment_scratch, least_moment_jobs, run_moments, NULL};

/* ---- whitening: cl/cpu/whiten.cl ---- */

static uint64_t whitening_scratch(const fg_shape *s)
{
    return (uint64_t)s->workers * s->row_groups * s->tile.vw * s->row_stride;
}

static fgmm_status whiten(const fg_whitening *w, const fg_inputs *in)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = in->shape;
    const cl_ulong first = fg_first_element(in);
    const size_t global = s->workers, local = 1;
    const cl_uint most = fg_launch_rows(s, (double)s->d * s->d, s->row_groups * s->tile.vw * s->workers);
    for (fg_row_part p = fg_row_part_of(in->rows, 0, most); p.first_row < p.n;
         p = fg_row_part_of(in->rows, p.end, most)) {
        const fg_argument arguments[] = {
            FG_ARG_BUFFER(in->rows->buffer), FG_ARG_VALUE(first),
            FG_ARG_VALUE(p.first_row),       FG_ARG_VALUE(p.end),
            FG_ARG_BUFFER(in->shift),        FG_ARG_BUFFER(w->factor),
            FG_ARG_BUFFER(w->scratch),       FG_ARG_BUFFER(w->rows),
        };
        FG_TRY(FG_LAUNCH(in->device, w->whiten, arguments, 1, &global, &local));
    }
done:
    return status;
}

const fg_whitening_launches fg_cpu_whitening = {whitening_scratch, whiten, NULL};

/* ---- kernels that know nothing of a pass ---- */

static size_t one_item(const fg_device_facts *facts, size_t most)
{
    (void)facts;
    (void)most;
    return 1;
}

static fgmm_status seeding_kernel(cl_kernel *kernel, fgmm_device *device, size_t items, const char *name)
{
    (void)items;
    return fg_common_kernel(kernel, device, &fg_cpu_simd, fg_device_facts_of(device)->vector_width, name);
}

const fg_search_launches fg_cpu_search = {"search/cpu.cl", 16, one_item, seeding_kernel};

const fg_backend fg_cpu_simd = {
    FG_CPU_MEMBERS,
    .name = "vector",
    .unit_text = "",
    .reported = FGMM_BACKEND_CPU_SIMD,
    .shipped = FGMM_BACKEND_CPU_SIMD,
    .tiles = {"vector", sizeof(fg_tile), fg_cpu_tile_parameters, FG_CPU_TILE_PARAMETERS, fg_cpu_reject, fg_cpu_repair,
              fg_cpu_needs},
    .leaves = {FG_CPU_LEAVES, [FG_PROGRAM_SPARSE] = "cpu/sparse.cl", [FG_PROGRAM_WHITE] = "cpu/sparse.cl",
               [FG_PROGRAM_PRUNED] = "cpu/responsibilities_pruned.cl"},
    .sparse = &sparse_launches,
    .pruning = &fg_prune_projection,
};
