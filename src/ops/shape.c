/* shape.c - the derived sizes of a pass: how its components are cut into strips, how large lists and scratch are, what
 * its programs are compiled with. Starts no kernels. */
#include "ops.h"

#include "size.h"
#include "status.h"

#include <math.h>
#include <stdio.h>

/* Rows go straight into sums as long as the sums of a range of rows, K D floats, stay in a core's L2 cache (of 2 MiB;
 * with a smaller one in the last cache, from where lists would gather the rows). */
enum { DIRECT_SUMS = 1 << 18 };

/* What lists cost a row is more than what a matrix unit saves it in products while K D stays below UNIT_SAVES (D +
 * UNIT_LIST); bytes take half of the products. Measured at K = 256 .. 1024, D = 32 .. 784. */
enum { UNIT_SAVES = 256, UNIT_LIST = 128 };

static int has_direct_sums(const fg_shape *s)
{
    const uint64_t sums = (uint64_t)s->padded_k * s->row_stride * (s->is_diag_s2 ? 2 : 1);
    return s->family == FGMM_KERNEL_VECTOR && s->matrices == 0 && sums <= DIRECT_SUMS;
}

static int prefers_direct(const fg_shape *s, fgmm_path path)
{
    const int is_bytes = s->type == FGMM_U8 || s->type == FGMM_I8;
    const uint64_t most = (uint64_t)(is_bytes ? UNIT_SAVES / 2 : UNIT_SAVES) * (s->d + UNIT_LIST);
    const int is_slower = s->tile.unit != FG_UNIT_NONE && (uint64_t)s->k * s->d > most;
    return path == FGMM_PATH_AUTO && has_direct_sums(s) && !is_slower;
}

/* Matrices of more dimensions are beyond what their factorisation on the host is made for. */
enum { MOST_MATRIX_DIMS = 16384 };

/* Room in a row's list. Rows of trained mixtures keep about ten components; one that needs more goes the dense way. */
enum { LIST_CAPACITY = 64 };

/* Sizes of the kernels that work with triangular factors. Blocks of outputs are as even as can be: what fills up the
 * last one is computed in vain. */
static void plan_triangles(fg_shape *s)
{
    s->outputs = (uint32_t)fg_ceil_div(s->d, fg_ceil_div(s->d, FG_OUTPUTS(s->tile.vw)));
    s->row_groups = s->tile.vw == 16 ? 3 : 2; /* with the outputs they fill the registers */
    if (s->covariance == FGMM_FULL && s->family == FGMM_KERNEL_VECTOR) s->row_groups = s->tile.rows / s->tile.vw;
}

/* Room in a row's list. Where covariances are matrices there is no dense path, and lists have room for all. */
static uint64_t list_room(const fg_pass_options *options)
{
    if (options->keep == FG_KEEP_BEST) return 1;
    if (fg_covariance_matrices(options->covariance, options->k)) return fg_round_up(options->k, 16);
    /* lists are padded to whole vectors while they are normalised */
    return fg_round_up(fg_min_u64(options->k, LIST_CAPACITY), 16);
}

fgmm_status fg_shape_init(fg_shape *shape, fgmm_device *device, const fg_pass_options *options)
{
    const uint64_t most = INT32_MAX;
    if (options->k == 0 || options->k > most / 64)
        return fg_fail(FGMM_ARGUMENT, "components = %llu; need 1..%llu", (unsigned long long)options->k,
                       (unsigned long long)(most / 64));
    if (options->d == 0 || options->d > most / 64)
        return fg_fail(FGMM_ARGUMENT, "dims = %llu; need 1..%llu", (unsigned long long)options->d,
                       (unsigned long long)(most / 64));
    const uint64_t matrices = fg_covariance_matrices(options->covariance, options->k);
    if (matrices && options->d > MOST_MATRIX_DIMS)
        return fg_fail(FGMM_ARGUMENT, "dims = %llu; tied and full covariances need 1..%d",
                       (unsigned long long)options->d, MOST_MATRIX_DIMS);
    const uint64_t room = list_room(options), most_rows = most / fg_max_u64(room, LIST_CAPACITY);
    if (options->batch_rows == 0 || options->batch_rows > most_rows)
        return fg_fail(FGMM_ARGUMENT, "batch rows = %zu; need 1..%llu", options->batch_rows,
                       (unsigned long long)most_rows);
    const int is_best = options->keep == FG_KEEP_BEST;
    *shape = (fg_shape){
        .family = fg_device_family(device),
        .covariance = is_best ? FGMM_SPHERICAL : options->covariance,
        .is_diag_s2 = options->covariance == FGMM_DIAG,
        .matrices = (uint32_t)matrices,
        .keep = options->keep,
        .type = options->type,
        .k = (uint32_t)options->k,
        .d = (uint32_t)options->d,
        .batch_rows = (uint32_t)options->batch_rows,
    };
    fgmm_status status = FGMM_OK;
    if (options->tile)
        shape->tile = *options->tile;
    else if (!options->tile_text || !fg_tile_read(&shape->tile, shape, device, options->tile_text))
        status = fg_tile_choose(&shape->tile, shape, device);
    if (status != FGMM_OK) return status;
    fg_tile *tile = &shape->tile;
    tile->depth = (uint32_t)fg_min_u64(tile->depth, fg_round_up(shape->d, tile->vw)); /* nothing is staged in vain */
    shape->strip = shape->family == FGMM_KERNEL_VECTOR ? tile->vw * tile->vectors : tile->vectors;
    shape->strips = (uint32_t)fg_ceil_div(shape->k, shape->strip);
    shape->padded_k = shape->strips * shape->strip;
    shape->row_stride = (uint32_t)fg_round_up(shape->d, tile->vw);
    shape->capacity = (uint32_t)room;
    /* more workers than cores, so that a core that is busy elsewhere does not hold up the launch */
    const uint32_t units = fg_device_facts_of(device)->compute_units;
    shape->sum_items = shape->family == FGMM_KERNEL_VECTOR ? 1 : FG_SUM_ITEMS;
    shape->register_limit =
        fg_device_facts_of(device)->has_register_limit && tile->registers < FG_REGISTERS_FREE ? tile->registers : 0;
    shape->compute_units = units;
    shape->workers = units * (units < 16 ? 4 : 2);
    /* a core makes some 1e11 a second, a small GPU 1e12 */
    shape->launch_work = shape->family == FGMM_KERNEL_VECTOR ? 0x1p33 : 0x1p36;
    if (options->launch_work > 0) shape->launch_work = options->launch_work;
    shape->is_direct = prefers_direct(shape, options->path);
    shape->is_dense_direct = has_direct_sums(shape) && !is_best;
    shape->has_bounds = fg_bounds_are_possible(shape, options);
    shape->bound_dims = shape->has_bounds ? fg_bounds_dims(shape) : 0;
    shape->has_forced_bounds = options->bounds == FG_BOUNDS_ALWAYS;
    shape->spread = (float)(log(2.0) * (24.0 + log2((double)shape->k)));
    if (matrices) plan_triangles(shape);
    if (matrices && options->path == FGMM_PATH_DENSE) shape->spread = FG_SPREAD_ALL;
    return FGMM_OK;
}

void fg_shape_options(const fg_shape *shape, int program, char *text, size_t room)
{
    const fg_tile *t = &shape->tile;
    const int kind = program == FG_PROGRAM_DENSE ? FG_PROGRAM_DENSE : FG_PROGRAM_SPARSE;
    const fg_space *space = fg_tile_space(shape->family);
    size_t used = (size_t)snprintf(text, room,
                                   "-DROW_TYPE=%d -DDIMS=%u -DVW=%u -DCOV_DIAG=%d -DS2_DIAG=%d -DKEEP_BEST=%d "
                                   "-DSUM_BLOCK=%d -DSUM_ITEMS=%u -DS2_MATRIX=%d",
                                   (int)shape->type, shape->d, t->vw, shape->covariance == FGMM_DIAG, shape->is_diag_s2,
                                   shape->keep == FG_KEEP_BEST, FG_SUM_BLOCK, shape->sum_items, shape->matrices > 0);
    if (shape->covariance == FGMM_FULL && used < room)
        used += (size_t)snprintf(text + used, room - used, " -DOUTPUTS=%u -DROW_GROUPS=%u", shape->outputs,
                                 shape->row_groups);
    for (size_t i = 0; i < space->count; i++) {
        const fg_space_parameter *p = &space->parameters[i];
        if (p->macro && (p->programs >> kind & 1) && used < room)
            used += (size_t)snprintf(text + used, room - used, " -D%s=%u", p->macro, fg_space_get(space, t, i));
    }
    if (fg_unit_is_warp(t->unit) && used < room)
        used += (size_t)snprintf(text + used, room - used, " -DWARPS=%d -DDOWN=%u -DROW_TERMS=%u -DENTRIES=%d",
                                 FG_WARPS, fg_warp_down(shape), fg_warp_row_terms(shape), FG_WARP_ENTRIES);
    if (shape->register_limit && used < room)
        used += (size_t)snprintf(text + used, room - used, " -cl-nv-maxrregcount=%u", shape->register_limit);
    if (shape->bound_dims > 0 && program == FG_PROGRAM_BOUNDED && used < room)
        used += (size_t)snprintf(text + used, room - used, " -DBOUND_DIMS=%u", shape->bound_dims);
    if (shape->family == FGMM_KERNEL_VECTOR && used < room)
        snprintf(text + used, room - used, " -DLANES_AVX512=%d -DLANES_AVX=%d", t->lanes == 2, t->lanes == 1);
}

void fg_shape_matrix_options(const fg_shape *s, char *text, size_t room)
{
    snprintf(text, room,
             "-DROW_TYPE=%d -DDIMS=%u -DVW=%u -DOUTPUTS=%u -DROW_GROUPS=%u -DMOMENT_ROWS=%u -DMOMENT_BLOCK=%u",
             (int)s->type, s->d, s->tile.vw, s->outputs, s->row_groups, fg_moments_rows(s),
             (unsigned)fg_max_u64(s->tile.vw, 8));
}

void fg_shape_describe(const fg_shape *shape, char *text, size_t room)
{
    static const char *const units[] = {[FG_UNIT_NONE] = "",
                                        [FG_UNIT_PLAIN] = " unit=plain",
                                        [FG_UNIT_AMX] = " unit=amx",
                                        [FG_UNIT_WARP] = " unit=warp",
                                        [FG_UNIT_NVIDIA] = " unit=nvidia"};
    const fg_space *space = fg_tile_space(shape->family);
    size_t used = (size_t)snprintf(text, room, "%s ", space->name);
    if (used < room) used += (size_t)fg_space_format(space, &shape->tile, text + used, room - used);
    if (shape->family == FGMM_KERNEL_VECTOR && used < room)
        used += (size_t)snprintf(text + used, room - used, " lanes=%u workers=%u", shape->tile.lanes, shape->workers);
    if (used < room) snprintf(text + used, room - used, "%s", units[shape->tile.unit]);
}

uint32_t fg_launch_rows(const fg_shape *s, double row_work, uint32_t step)
{
    const double rows = fmin(s->launch_work / row_work, s->batch_rows);
    return (uint32_t)fg_round_up((uint64_t)fmax(rows, 1), step);
}
