/* shape.c - the derived sizes of a pass: how its components are cut into strips, how large lists and scratch are, what
 * its programs are compiled with. Starts no kernels. */
#include "ops.h"

#include "size.h"
#include "status.h"

#include <math.h>
#include <stdio.h>

/* Small mixtures go straight into sums: all responsibilities and products of a row, K (D + DIRECT_OVERHEAD) with what
 * an exponential and its share of the sums cost as many multiplications and additions, are then cheaper than a list. */
enum { DIRECT_OVERHEAD = 24, DIRECT_WORK = 8192 };

static int prefers_direct(const fg_shape *s, fgmm_path path)
{
    return s->family == FGMM_KERNEL_VECTOR && path == FGMM_PATH_AUTO &&
           (uint64_t)s->k * ((uint64_t)s->d + DIRECT_OVERHEAD) <= DIRECT_WORK;
}

/* Room in a row's list. Rows of trained mixtures keep about ten components; one that needs more goes the dense way. */
enum { LIST_CAPACITY = 64 };

fgmm_status fg_shape_init(fg_shape *shape, const fgmm_device *device, const fg_pass_options *options)
{
    const uint64_t most = INT32_MAX;
    if (options->k == 0 || options->k > most / 64)
        return fg_fail(FGMM_ARGUMENT, "components = %llu; need 1..%llu", (unsigned long long)options->k,
                       (unsigned long long)(most / 64));
    if (options->d == 0 || options->d > most / 64)
        return fg_fail(FGMM_ARGUMENT, "dims = %llu; need 1..%llu", (unsigned long long)options->d,
                       (unsigned long long)(most / 64));
    if (options->batch_rows == 0 || options->batch_rows > most / LIST_CAPACITY)
        return fg_fail(FGMM_ARGUMENT, "batch rows = %zu; need 1..%llu", options->batch_rows,
                       (unsigned long long)(most / LIST_CAPACITY));
    const int is_best = options->keep == FG_KEEP_BEST;
    *shape = (fg_shape){
        .family = fg_device_family(device),
        .covariance = is_best ? FGMM_SPHERICAL : options->covariance,
        .is_diag_s2 = options->covariance == FGMM_DIAG,
        .keep = options->keep,
        .type = options->type,
        .k = (uint32_t)options->k,
        .d = (uint32_t)options->d,
        .batch_rows = (uint32_t)options->batch_rows,
    };
    int is_measured;
    if (options->tile) shape->tile = *options->tile;
    fgmm_status status = options->tile ? FGMM_OK : fg_tile_shipped(&shape->tile, &is_measured, shape, device);
    if (status != FGMM_OK) return status;
    fg_tile *tile = &shape->tile;
    tile->depth = (uint32_t)fg_min_u64(tile->depth, fg_round_up(shape->d, tile->vw)); /* nothing is staged in vain */
    shape->strip = shape->family == FGMM_KERNEL_VECTOR ? tile->vw * tile->vectors : tile->vectors;
    shape->strips = (uint32_t)fg_ceil_div(shape->k, shape->strip);
    shape->padded_k = shape->strips * shape->strip;
    shape->row_stride = (uint32_t)fg_round_up(shape->d, tile->vw);
    /* lists are padded to whole vectors while they are normalised */
    shape->capacity = is_best ? 1 : (uint32_t)fg_round_up(fg_min_u64(shape->k, LIST_CAPACITY), 16);
    /* more workers than cores, so that a core that is busy elsewhere does not hold up the launch */
    const uint32_t units = fg_device_facts_of(device)->compute_units;
    shape->sum_items = shape->family == FGMM_KERNEL_VECTOR ? 1 : FG_SUM_ITEMS;
    shape->register_limit =
        fg_device_facts_of(device)->has_register_limit && tile->registers < FG_REGISTERS_FREE ? tile->registers : 0;
    shape->workers = units * (units < 16 ? 4 : 2);
    shape->is_direct = prefers_direct(shape, options->path);
    shape->spread = (float)(log(2.0) * (24.0 + log2((double)shape->k)));
    return FGMM_OK;
}

void fg_shape_options(const fg_shape *shape, int program, char *text, size_t room)
{
    const fg_tile *t = &shape->tile;
    const fg_space *space = fg_tile_space(shape->family);
    size_t used = (size_t)snprintf(text, room,
                                   "-DROW_TYPE=%d -DDIMS=%u -DVW=%u -DCOV_DIAG=%d -DS2_DIAG=%d -DKEEP_BEST=%d "
                                   "-DSUM_BLOCK=%d -DSUM_ITEMS=%u",
                                   (int)shape->type, shape->d, t->vw, shape->covariance == FGMM_DIAG, shape->is_diag_s2,
                                   shape->keep == FG_KEEP_BEST, FG_SUM_BLOCK, shape->sum_items);
    for (size_t i = 0; i < space->count; i++) {
        const fg_space_parameter *p = &space->parameters[i];
        if (p->macro && (p->programs >> program & 1) && used < room)
            used += (size_t)snprintf(text + used, room - used, " -D%s=%u", p->macro, fg_space_get(space, t, i));
    }
    if (shape->register_limit && used < room)
        snprintf(text + used, room - used, " -cl-nv-maxrregcount=%u", shape->register_limit);
    if (shape->family == FGMM_KERNEL_VECTOR && program == FG_PROGRAM_SPARSE && used < room)
        snprintf(text + used, room - used, " -DLANES_AVX512=%d -DLANES_AVX=%d", t->lanes == 2, t->lanes == 1);
}

void fg_shape_describe(const fg_shape *shape, char *text, size_t room)
{
    const fg_space *space = fg_tile_space(shape->family);
    size_t used = (size_t)snprintf(text, room, "%s ", space->name);
    if (used < room) used += (size_t)fg_space_format(space, &shape->tile, text + used, room - used);
    if (shape->family == FGMM_KERNEL_VECTOR && used < room)
        snprintf(text + used, room - used, " lanes=%u workers=%u", shape->tile.lanes, shape->workers);
}
