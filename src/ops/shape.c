/* shape.c - tile parameters and derived sizes of a pass: which tile for which device and shape, how large its lists and
 * scratch are. The only place that knows the shipped tiles. Starts no kernels. */
#include "ops.h"

#include "size.h"
#include "status.h"

#include <math.h>
#include <stdio.h>

/* Shipped tiles of the vector family. Registers: rows x vectors sums, the components' vectors, one broadcast row value;
 * AVX-512 has 32 vector registers, AVX and NEON 16 (32 on AArch64). */
typedef struct vector_tile {
    uint32_t vw;
    int is_diag;
    fg_tile tile;
} vector_tile;

static const vector_tile vector_tiles[] = {
    /* vw diag    vw rows vectors block dense_k dense_v piece chunk */
    {16, 0, {16, 12, 2, 24, 8, 2, 8, 256, 0, 0, 0, 0}}, {16, 1, {16, 8, 2, 48, 8, 2, 6, 256, 0, 0, 0, 0}},
    {8, 0, {8, 6, 2, 48, 4, 2, 4, 256, 0, 0, 0, 0}},    {8, 1, {8, 4, 2, 48, 4, 2, 2, 256, 0, 0, 0, 0}},
    {4, 0, {4, 6, 2, 48, 4, 2, 4, 256, 0, 0, 0, 0}},    {4, 1, {4, 4, 2, 48, 4, 2, 2, 256, 0, 0, 0, 0}},
};

/* Shipped tiles of the group family. 4 x 4 sums an item fit the registers of every GPU; 8 x 8 halve the traffic with
 * local memory, but need some 110 registers an item. All stay within 32 KiB of local memory. */
enum { GROUP_NARROW, GROUP_SHORT, GROUP_LARGE, GROUP_MEDIUM, GROUP_SMALL };
static const fg_tile group_tiles[] = {
    /*               vw rows components block - - - chunk depth items - across */
    [GROUP_NARROW] = {4, 256, 16, 64, 0, 0, 0, 256, 8, 256, 0, 4},  /* up to 16 components */
    [GROUP_SHORT] = {4, 128, 32, 64, 0, 0, 0, 256, 8, 256, 0, 8},   /* up to 32 */
    [GROUP_LARGE] = {4, 128, 128, 64, 0, 0, 0, 256, 8, 256, 0, 16}, /* many registers */
    [GROUP_MEDIUM] = {4, 64, 64, 64, 0, 0, 0, 256, 16, 256, 0, 16}, /* any GPU */
    [GROUP_SMALL] = {4, 32, 32, 64, 0, 0, 0, 256, 8, 64, 0, 8},     /* work-groups below 256 */
};

/* PCI numbers of makers whose GPUs give each of 256 work-items 128 registers and more. */
enum { VENDOR_NVIDIA = 0x10de, VENDOR_AMD = 0x1002 };

static fgmm_status choose_group_tile(fg_shape *shape, const fg_device_facts *facts)
{
    const fg_tile *tiles = group_tiles;
    const uint64_t k = shape->k;
    const int has_registers = facts->vendor_id == VENDOR_NVIDIA || facts->vendor_id == VENDOR_AMD;
    /* not where the last strip would be mostly padding */
    const int is_filled =
        4 * fg_round_up(k, tiles[GROUP_LARGE].vectors) <= 5 * fg_round_up(k, tiles[GROUP_MEDIUM].vectors);
    if (facts->max_work_group < tiles[GROUP_SMALL].local)
        return fg_fail(FGMM_UNSUPPORTED, "work-items of a group = %zu at most; group kernels need %u",
                       facts->max_work_group, tiles[GROUP_SMALL].local);
    shape->tile = facts->max_work_group < tiles[GROUP_MEDIUM].local ? tiles[GROUP_SMALL]
                  : k <= tiles[GROUP_NARROW].vectors                ? tiles[GROUP_NARROW]
                  : k <= tiles[GROUP_SHORT].vectors                 ? tiles[GROUP_SHORT]
                  : has_registers && is_filled                      ? tiles[GROUP_LARGE]
                                                                    : tiles[GROUP_MEDIUM];
    return FGMM_OK;
}

static fgmm_status choose_tile(fg_shape *shape, const fgmm_device *device)
{
    const fg_device_facts *facts = fg_device_facts_of(device);
    if (shape->family == FGMM_KERNEL_GROUP) return choose_group_tile(shape, facts);
    const uint32_t vw = facts->vector_width >= 16 ? 16 : facts->vector_width >= 8 ? 8 : 4;
    const int is_diag = shape->covariance == FGMM_DIAG;
    for (size_t i = 0; i < sizeof vector_tiles / sizeof vector_tiles[0]; i++)
        if (vector_tiles[i].vw == vw && vector_tiles[i].is_diag == is_diag) shape->tile = vector_tiles[i].tile;
    return FGMM_OK;
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
    if (options->tile) shape->tile = *options->tile;
    fgmm_status status = options->tile ? FGMM_OK : choose_tile(shape, device);
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
    shape->workers = units * (units < 16 ? 4 : 2);
    shape->spread = (float)(log(2.0) * (24.0 + log2((double)shape->k)));
    return FGMM_OK;
}

void fg_shape_options(const fg_shape *shape, char *text, size_t room)
{
    const fg_tile *t = &shape->tile;
    int used = snprintf(text, room,
                        "-DROW_TYPE=%d -DDIMS=%u -DVW=%u -DCOV_DIAG=%d -DS2_DIAG=%d -DKEEP_BEST=%d -DTILE_ROWS=%u "
                        "-DCHUNK=%u -DSUM_BLOCK=%d -DSUM_ITEMS=%u",
                        (int)shape->type, shape->d, t->vw, shape->covariance == FGMM_DIAG, shape->is_diag_s2,
                        shape->keep == FG_KEEP_BEST, t->rows, t->chunk, FG_SUM_BLOCK, shape->sum_items);
    if (shape->family == FGMM_KERNEL_VECTOR)
        snprintf(text + used, room - (size_t)used,
                 " -DTILE_VECTORS=%u -DTILE_BLOCK=%u -DTILE_DENSE_K=%u -DTILE_DENSE_V=%u -DTILE_PIECE=%u "
                 "-DLANES_AVX512=%d -DLANES_AVX=%d",
                 t->vectors, t->block, t->dense_k, t->dense_v, t->piece, t->lanes == 2, t->lanes == 1);
    else
        snprintf(text + used, room - (size_t)used,
                 " -DTILE_COMPONENTS=%u -DTILE_DEPTH=%u -DTILE_ITEMS=%u -DTILE_ACROSS=%u -DTILE_BLOCK=%u", t->vectors,
                 t->depth, t->local, t->across, t->block);
}

void fg_shape_describe(const fg_shape *shape, char *text, size_t room)
{
    const fg_tile *t = &shape->tile;
    if (shape->family == FGMM_KERNEL_VECTOR)
        snprintf(text, room, "vector rows=%u components=%u block=%u dense=%ux%u piece=%u chunk=%u lanes=%u workers=%u",
                 t->rows, shape->strip, t->block, t->dense_k, t->dense_v, t->piece, t->chunk, t->lanes, shape->workers);
    else
        snprintf(text, room, "group rows=%u components=%u depth=%u items=%ux%u chunk=%u", t->rows, t->vectors, t->depth,
                 t->across, t->local / t->across, t->chunk);
}
