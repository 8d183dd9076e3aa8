/* shape.c - the derived sizes of a pass: how its components are cut into panels, how large lists and scratch are, what
 * its programs are compiled with. Starts no kernels. */
#include "shape.h"

#include "backend.h"

#include "size.h"
#include "status.h"

#include <math.h>
#include <stdio.h>

/* Rows go straight into sums as long as the sums of a range of rows, K D floats, stay in a core's L2 cache (of 2 MiB;
 * with a smaller one in the last cache, from where lists would gather the rows). */
enum { FUSED_SUMS = 1 << 18 };

/* What lists cost a row is more than what a matrix unit saves it in products while K D stays below UNIT_SAVES (D +
 * UNIT_LIST); bytes take half of the products. Measured at K = 256 .. 1024, D = 32 .. 784. */
enum { UNIT_SAVES = 256, UNIT_LIST = 128 };

static int has_fused_sums(const fg_shape *s)
{
    const uint64_t sums = (uint64_t)s->padded_k * s->row_stride * (s->is_diag_s2 ? 2 : 1);
    return s->backend->leaves[FG_PROGRAM_FUSED] && s->matrices == 0 && sums <= FUSED_SUMS;
}

static int prefers_fused(const fg_shape *s, fgmm_path path)
{
    const int is_bytes = s->type == FGMM_U8 || s->type == FGMM_I8;
    const uint64_t most = (uint64_t)(is_bytes ? UNIT_SAVES / 2 : UNIT_SAVES) * (s->d + UNIT_LIST);
    const int is_slower = s->backend->split && (uint64_t)s->k * s->d > most;
    return path == FGMM_PATH_AUTO && has_fused_sums(s) && !is_slower;
}

/* Matrices of more dimensions are beyond what their factorisation on the host is made for. */
enum { MOST_MATRIX_DIMS = 16384 };

/* Room in a row's list. Rows of trained mixtures keep about ten components; one that needs more goes the dense way. */
enum { LIST_CAPACITY = 64 };

/* Room in a row's list. Where covariances are matrices there is no dense path, and lists have room for all. */
static uint64_t row_capacity_of(const fg_pass_options *options)
{
    if (options->assignment == FG_ASSIGN_HARD) return 1;
    if (fg_covariance_matrices(options->covariance, options->k)) return fg_round_up(options->k, 16);
    /* lists are padded to whole vectors while they are normalised */
    return fg_round_up(fg_min_u64(options->k, LIST_CAPACITY), 16);
}

/* Legal sizes, for which products of two of them and a panel do not leave 64 bits. */
static fgmm_status check_sizes(const fg_pass_options *options)
{
    fgmm_status status = FGMM_OK;
    const uint64_t most = INT32_MAX;
    FG_CHECK(options->k > 0 && options->k <= most / 64, FGMM_ARGUMENT, "components = %llu; need 1..%llu",
             (unsigned long long)options->k, (unsigned long long)(most / 64));
    FG_CHECK(options->d > 0 && options->d <= most / 64, FGMM_ARGUMENT, "dims = %llu; need 1..%llu",
             (unsigned long long)options->d, (unsigned long long)(most / 64));
    FG_CHECK(!fg_covariance_matrices(options->covariance, options->k) || options->d <= MOST_MATRIX_DIMS, FGMM_ARGUMENT,
             "dims = %llu; covariance matrices need 1..%d", (unsigned long long)options->d, MOST_MATRIX_DIMS);
    const uint64_t most_rows = most / fg_max_u64(row_capacity_of(options), LIST_CAPACITY);
    FG_CHECK(options->batch_rows > 0 && options->batch_rows <= most_rows, FGMM_ARGUMENT,
             "batch rows = %zu; need 1..%llu", options->batch_rows, (unsigned long long)most_rows);
done:
    return status;
}

/* What follows from the tile. */
static void plan_panels(fg_shape *s)
{
    fg_tile *tile = &s->tile;
    tile->depth =
        (uint32_t)fg_min_u64(tile->depth, fg_round_up(s->d, tile->vw)); /* dimensions beyond D are not staged */
    s->row_stride = (uint32_t)fg_round_up(s->d, tile->vw);
    s->backend->plan(s);
    s->panels = (uint32_t)fg_ceil_div(s->k, s->panel);
    s->padded_k = s->panels * s->panel;
    /* blocks of outputs are as even as can be: what fills up the last one is wasted */
    s->outputs = (uint32_t)fg_ceil_div(s->d, fg_ceil_div(s->d, FG_OUTPUTS(tile->vw)));
}

/* What follows from the device. */
static void plan_launches(fg_shape *s, const fgmm_device *device)
{
    const fg_device_facts *facts = fg_device_facts_of(device);
    const uint32_t units = facts->compute_units;
    const int has_limit = facts->has_register_limit && s->tile.registers < FG_REGISTERS_FREE;
    s->register_limit = has_limit ? s->tile.registers : 0;
    s->launch_work = fg_device_launch_work(device);
    s->compute_units = units;
    /* more workers than cores, so that a core that is busy elsewhere does not hold up the launch */
    s->workers = units * (units < 16 ? 4 : 2);
}

static fgmm_status choose_tile(fg_shape *s, fgmm_device *device, const fg_pass_options *options)
{
    if (options->tile)
        s->tile = *options->tile;
    else if (!options->tile_text || !fg_tile_read(&s->tile, s, device, options->tile_text))
        return fg_tile_choose(&s->tile, s, device);
    return FGMM_OK;
}

/* A pass of fewer multiplications gains less by pruning than the host takes for an estimate, and so could one of more
 * dimensions. */
static const double least_pruned_work = 0x1p33;
enum { MOST_PRUNED_DIMS = 2048 };

const fg_pruning_method *fg_pruning_choose(const fg_shape *s, const fg_pass_options *options)
{
    const fg_pruning_method *method = s->backend->pruning;
    const double work = (double)options->rows * s->k * s->d;
    if (!method || !fg_density_of(s->covariance)->is_isotropic || s->matrices > 0 || options->path == FGMM_PATH_DENSE)
        return NULL;
    if (options->pruning != FG_PRUNING_AUTO) return options->pruning == FG_PRUNING_ALWAYS ? method : NULL;
    return method->may_gain(s) && s->d <= MOST_PRUNED_DIMS && work >= least_pruned_work ? method : NULL;
}

fgmm_status fg_shape_init(fg_shape *shape, fgmm_device *device, const fg_pass_options *options)
{
    fgmm_status status = FGMM_OK;
    const int is_hard = options->assignment == FG_ASSIGN_HARD;
    FG_TRY(fg_covariance_check((int)options->covariance));
    FG_TRY(check_sizes(options));
    const fg_covariance_type *type = &fg_covariance_types[options->covariance];
    *shape = (fg_shape){
        .covariance = is_hard ? FG_DENSITY_OF_DISTANCES : options->covariance,
        .is_diag_s2 = !type->is_spherical && !type->has_matrices,
        .matrices = (uint32_t)fg_covariance_matrices(options->covariance, options->k),
        .assignment = options->assignment,
        .type = options->type,
        .k = (uint32_t)options->k,
        .d = (uint32_t)options->d,
        .capacity = (uint32_t)row_capacity_of(options),
        .batch_rows = (uint32_t)options->batch_rows,
        .is_pruning_forced = options->pruning == FG_PRUNING_ALWAYS,
        .has_differences = options->has_differences,
        .row_scale = options->row_scale > 0 ? options->row_scale : 1,
    };
    const char *missing = fg_density_missing(shape->covariance);
    FG_CHECK(!missing, FGMM_INTERNAL, "%s covariances: the table of densities has no %s", type->name, missing);
    shape->backend = options->backend ? options->backend : fg_backend_choose(shape, device);
    missing = fg_backend_missing(shape->backend);
    FG_CHECK(!missing, FGMM_INTERNAL, "%s%s kernels: the table of backends has no %s", shape->backend->name,
             shape->backend->unit_text, missing);
    FG_TRY(choose_tile(shape, device, options));
    if (shape->matrices > 0 && shape->backend->leaves[FG_PROGRAM_BLAS] && fg_device_blas(device) != FGMM_BLAS_AUTO)
        shape->tile.blas = fg_device_blas(device) == FGMM_BLAS_CLBLAST ? FG_BLAS_CLBLAST : FG_BLAS_OWN;
    plan_panels(shape);
    plan_launches(shape, device);
    shape->is_fused = prefers_fused(shape, options->path);
    shape->has_fused_dense = has_fused_sums(shape) && !is_hard;
    shape->pruning = fg_pruning_choose(shape, options);
    shape->projection_dims = shape->pruning && shape->pruning->dims ? shape->pruning->dims(shape) : 0;
    shape->cutoff = (float)(log(2.0) * (24.0 + log2((double)shape->k)));
    shape->is_wide = options->has_wide_sums || is_hard; /* nothing is known of what clusters will look like */
    if (shape->matrices && options->path == FGMM_PATH_DENSE) shape->cutoff = FG_CUTOFF_NONE;
done:
    return status;
}

uint32_t fg_shape_s2_kind(const fg_shape *s)
{
    return s->is_diag_s2 ? 2 : s->matrices ? 0 : 1;
}

uint32_t fg_shape_dense_v(const fg_shape *s)
{
    return (uint32_t)fg_min_u64(s->tile.dense_v, s->row_stride / s->tile.vw);
}

size_t fg_shape_sparse_options(const fg_shape *s, char *text, size_t capacity)
{
    const int is_diag = fg_density_of(s->covariance)->has_dim_scales, is_hard = s->assignment == FG_ASSIGN_HARD;
    return (size_t)snprintf(
        text, capacity,
        "-DROW_TYPE=%d -DDIMS=%u -DVW=%u -DCOV_DIAG=%d -DS2_DIAG=%d -DS2_MATRIX=%d -DHARD_ASSIGNMENT=%d "
        "-DSUM_ITEMS=%u",
        (int)s->type, s->d, s->tile.vw, is_diag, s->is_diag_s2, s->matrices > 0, is_hard, s->sum_items);
}

void fg_shape_options(const fg_shape *shape, fg_program program, char *text, size_t capacity)
{
    const fg_tile *t = &shape->tile;
    const int is_dense = program == FG_PROGRAM_DENSE || program == FG_PROGRAM_FUSED;
    const fg_program kind = is_dense ? FG_PROGRAM_DENSE : FG_PROGRAM_SPARSE;
    const fg_backend *backend = shape->backend;
    const fg_space *space = &backend->tiles;
    size_t used = backend->common_options(shape, kind, text, capacity);
    if (fg_density_of(shape->covariance)->has_factors && used < capacity)
        used += (size_t)snprintf(text + used, capacity - used, " -DOUTPUTS=%u -DROW_GROUPS=%u", shape->outputs,
                                 shape->row_groups);
    for (size_t i = 0; i < space->count; i++) {
        const fg_space_parameter *p = &space->parameters[i];
        if (p->macro && (p->programs >> kind & 1) && used < capacity)
            used += (size_t)snprintf(text + used, capacity - used, " -D%s=%u", p->macro, fg_space_get(space, t, i));
    }
    if (shape->register_limit && used < capacity)
        used += (size_t)snprintf(text + used, capacity - used, " -cl-nv-maxrregcount=%u", shape->register_limit);
    if (shape->projection_dims > 0 && program == FG_PROGRAM_PRUNED && used < capacity)
        used += (size_t)snprintf(text + used, capacity - used, " -DBOUND_DIMS=%u", shape->projection_dims);
    if (backend->own_options && used < capacity) backend->own_options(shape, text + used, capacity - used);
}

void fg_shape_matrix_options(const fg_shape *s, char *text, size_t capacity)
{
    snprintf(text, capacity,
             "-DROW_TYPE=%d -DDIMS=%u -DVW=%u -DOUTPUTS=%u -DROW_GROUPS=%u -DMOMENT_ROWS=%u -DMOMENT_BLOCK=%u",
             (int)s->type, s->d, s->tile.vw, s->outputs, s->row_groups, s->moment_rows,
             (unsigned)fg_max_u64(s->tile.vw, 8));
}

void fg_shape_describe(const fg_shape *shape, char *text, size_t capacity)
{
    const fg_backend *backend = shape->backend;
    size_t used = (size_t)snprintf(text, capacity, "%s ", backend->name);
    if (used < capacity) used += (size_t)fg_space_format(&backend->tiles, &shape->tile, text + used, capacity - used);
    if (backend->describe && used < capacity) used += backend->describe(shape, text + used, capacity - used);
    if (used < capacity) snprintf(text + used, capacity - used, "%s", backend->unit_text);
}

uint32_t fg_launch_rows(const fg_shape *s, double row_work, uint32_t step)
{
    const double rows = fmin(s->launch_work / row_work, s->batch_rows);
    return (uint32_t)fg_round_up((uint64_t)fmax(rows, 1), step);
}

uint32_t fg_sparse_launch_rows(const fg_shape *s, uint32_t step)
{
    const fg_density *density = fg_density_of(s->covariance);
    const double per_element = density->has_factors ? s->d : density->has_dim_scales ? 2 : 1;
    return fg_launch_rows(s, 2.0 * s->padded_k * s->d * per_element, step);
}

/* fg_cholesky_loss, by dimension, from which on second moments are summed wide: variances then are off by some
 * 4 x 2^-24 in float (docs/math.md, "Wide sums"). */
static const double most_float_loss = 4;

int fg_sums_are_wide(double loss, uint64_t d)
{
    return !(loss <= most_float_loss * (double)d);
}
