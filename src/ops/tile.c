/* tile.c - the tiles of a pass as the tuner and the tests see them: per kernel backend the parameters, their values and
 * constraints, what a tile takes of the device; and which tile an untuned device gets. The headers of the .cl files say
 * what the parameters mean. Starts no kernels. */
#include "parts.h"

#include "size.h"
#include "status.h"

#include <stdio.h>
#include <string.h>

enum { SPARSE = 1u << FG_PROGRAM_SPARSE, DENSE = 1u << FG_PROGRAM_DENSE };

#define PARAMETER(name, macro, field, programs, group, least, most, ...)                                               \
    {                                                                                                                  \
        name, macro, offsetof(fg_tile, field), programs, group, least, most, __VA_ARGS__                               \
    }

/* ---- vector: work-items own tiles, sums in vector registers ---- */

static const fg_space_parameter vector_parameters[] = {
    PARAMETER("vw", NULL, vw, SPARSE | DENSE, 3, 4, 16, {4, 8, 16}),
    PARAMETER("rows", "TILE_ROWS", rows, SPARSE | DENSE, 0, 1, 64, {4, 6, 8, 10, 12, 14, 24, 32, 48}),
    PARAMETER("vectors", "TILE_VECTORS", vectors, SPARSE | DENSE, 0, 1, 8, {1, 2, 3, 4}),
    PARAMETER("block", "TILE_BLOCK", block, SPARSE | DENSE, 1, 1, 1024, {12, 24, 36, 48, 64, 96}),
    PARAMETER("dense_k", "TILE_DENSE_K", dense_k, DENSE, 0, 1, 32, {2, 4, 8, 16}),
    PARAMETER("dense_v", NULL, dense_v, DENSE, 0, 1, 16, {1, 2, 3, 4}),
    PARAMETER("piece", "TILE_PIECE", piece, SPARSE, 2, 1, 32, {2, 4, 6, 8, 12}),
    PARAMETER("chunk", "CHUNK", chunk, SPARSE, 4, 1, 4096, {64, 256, 1024}),
};

static const char *vector_reject(const void *tile, const void *problem)
{
    const fg_tile *t = tile;
    const fg_tile_problem *p = problem;
    if (p->covariance == FGMM_FULL && t->rows % t->vw) return "rows is no multiple of vw";
    if (p->covariance == FGMM_FULL && t->vectors != 1) return "vectors is not 1";
    if (t->vw != 4 && t->vw != 8 && t->vw != 16) return "vw is none of 4, 8, 16";
    if (t->block % t->rows) return "block is no multiple of rows";
    /* kernels number the elements of a block's rows in 32 bits */
    if (t->block * ((uint64_t)p->d + t->vw) > UINT32_MAX) return "a block of rows has 2^32 elements and more";
    if (t->vw * t->vectors % t->dense_k) return "dense_k does not divide vw x vectors";
    if (t->unit != FG_UNIT_NONE && t->vw * t->vectors != FG_SPLIT_ROWS) return "vw x vectors is not the matrix unit's";
    if (t->unit != FG_UNIT_NONE && t->block % FG_SPLIT_ROWS) return "block is no multiple of the matrix unit's rows";
    return NULL;
}

static void vector_repair(void *tile)
{
    fg_tile *t = tile;
    uint32_t step = t->rows;
    if (t->unit != FG_UNIT_NONE) {
        t->vectors = FG_SPLIT_ROWS / t->vw;
        while (step % FG_SPLIT_ROWS) step += t->rows;
    }
    t->block = (uint32_t)fg_max_u64(step, t->block / step * step);
    while (t->vw * t->vectors % t->dense_k) t->dense_k--;
}

/* Vector registers of the sweep over components, and of the dense product where that takes more. A vector wider than
 * the device's takes several. */
static void vector_needs(fg_space_needs *needs, const void *tile, const void *problem)
{
    const fg_tile *t = tile;
    const fg_tile_problem *p = problem;
    const uint64_t operands = p->covariance == FGMM_DIAG ? 2 : 1, parts = fg_ceil_div(t->vw, p->vector_width);
    const uint64_t sweep = t->rows * t->vectors + operands * t->vectors + operands;
    const uint64_t product = t->dense_k * t->dense_v + t->dense_v + 1;
    const uint64_t groups = t->rows / t->vw, triangle = groups * FG_OUTPUTS(t->vw) + groups + 1;
    const int is_full = p->covariance == FGMM_FULL; /* cl/cpu/distances_full.cl; there is no dense path */
    *needs = (fg_space_needs){0, 1, parts * (is_full ? triangle : fg_max_u64(sweep, product))};
}

/* ---- group: work-groups own tiles, slabs in local memory ---- */

static const fg_space_parameter group_parameters[] = {
    PARAMETER("rows", "TILE_ROWS", rows, SPARSE | DENSE, 0, 4, 1024, {32, 64, 128, 256}),
    PARAMETER("components", "TILE_COMPONENTS", vectors, SPARSE | DENSE, 0, 4, 512, {16, 32, 64, 128, 256}),
    PARAMETER("items", "TILE_ITEMS", local, SPARSE | DENSE, 1, 32, 1024, {64, 128, 256, 512}),
    PARAMETER("across", "TILE_ACROSS", across, SPARSE | DENSE, 1, 1, 128, {4, 8, 16, 32}),
    PARAMETER("depth", "TILE_DEPTH", depth, SPARSE | DENSE, 2, 4, 64, {8, 16, 32}),
    PARAMETER("block", "TILE_BLOCK", block, DENSE, 0, 1, 1024, {16, 32, 64, 128}),
    PARAMETER("chunk", "CHUNK", chunk, SPARSE, 3, 1, 4096, {64, 256, 1024}),
    PARAMETER("registers", NULL, registers, SPARSE | DENSE, 2, 32, FG_REGISTERS_FREE,
              {96, 128, 168, FG_REGISTERS_FREE}),
};

static const char *group_reject(const void *tile, const void *problem)
{
    const fg_tile *t = tile;
    const fg_tile_problem *p = problem;
    if (t->registers != FG_REGISTERS_FREE && !p->has_register_limit) return "the compiler takes no limit of registers";
    if (t->depth % 4) return "depth is no multiple of 4";
    if (t->local % 32) return "items is no multiple of 32";
    if (t->local % t->across) return "across does not divide items";
    if (t->rows % (4 * (t->local / t->across))) return "rows is no multiple of 4 x items / across";
    if (t->vectors % (4 * t->across)) return "components is no multiple of 4 x across";
    if (t->local % t->block) return "block does not divide items";
    if (t->unit != FG_UNIT_NONE && t->vectors % 32) return "components is no multiple of the matrix unit's";
    return NULL;
}

static void group_repair(void *tile)
{
    fg_tile *t = tile;
    const uint32_t down = t->local / t->across;
    t->rows = (uint32_t)fg_round_up(t->rows, 4 * fg_max_u64(down, 1));
    t->vectors = (uint32_t)fg_round_up(t->vectors, 4 * t->across);
    t->block = (uint32_t)fg_min_u64(t->block, t->local);
}

/* Formulas of the headers of gpu/distances.cl, gpu/responsibilities.cl, gpu/transpose.cl and gpu/dense.cl. */
static void group_needs(fg_space_needs *needs, const void *tile, const void *problem)
{
    enum { LISTS_BYTES = 16 * 1024, BOOKKEEPING_REGISTERS = 24 };
    const fg_tile *t = tile;
    const fg_tile_problem *p = problem;
    const uint64_t per_dim = p->covariance == FGMM_DIAG ? 2 : 1, rows = t->rows, components = t->vectors;
    const uint64_t slabs = 8 * t->depth * (rows + 4 + per_dim * components), exchange = 4 * rows * t->across;
    const uint64_t sweep = fg_max_u64(slabs, exchange) + rows * (16 + 4 * fg_ceil_div(components, 32));
    const uint64_t dense_depth = rows + components >= 256 ? 8 : 16;
    const uint64_t dense = fg_max_u64(8 * dense_depth * (components + rows), 12 * t->local);
    const uint64_t item_rows = rows / fg_max_u64(1, t->local / t->across), item_components = components / t->across;
    const uint64_t loads =
        fg_ceil_div(rows * t->depth, t->local) + fg_ceil_div(per_dim * components * t->depth, t->local);
    *needs = (fg_space_needs){.local_bytes = fg_max_u64(fg_max_u64(sweep, dense), LISTS_BYTES),
                              .work_group = t->local,
                              .registers = item_rows * item_components + item_rows + per_dim * item_components + loads +
                                           BOOKKEEPING_REGISTERS};
}

/* ---- the backends ---- */

#define SPACE(name, parameters, reject, repair, needs)                                                                 \
    {                                                                                                                  \
        name, sizeof(fg_tile), parameters, sizeof(parameters) / sizeof((parameters)[0]), reject, repair, needs         \
    }

static const fg_space spaces[] = {
    [FGMM_BACKEND_CPU_SIMD] = SPACE("vector", vector_parameters, vector_reject, vector_repair, vector_needs),
    [FGMM_BACKEND_GPU_WORKGROUP] = SPACE("group", group_parameters, group_reject, group_repair, group_needs),
};

const fg_space *fg_tile_space(fgmm_backend backend)
{
    return &spaces[backend];
}

int fg_tile_parse(fg_tile *tile, fgmm_backend backend, const char *text)
{
    if (!fg_space_parse(&spaces[backend], tile, text)) return 0;
    if (backend == FGMM_BACKEND_GPU_WORKGROUP) tile->vw = 4; /* float4 */
    return 1;
}

fg_matrix_unit fg_tile_unit(const fg_shape *shape, const fgmm_device *device)
{
    enum { LEAST_K = 32, LEAST_D = 16 };
    const fg_matrix_unit unit = fg_device_unit(device);
    if (shape->covariance != FGMM_SPHERICAL || shape->matrices) return FG_UNIT_NONE;
    if (shape->backend != (fg_unit_is_warp(unit) ? FGMM_BACKEND_GPU_WORKGROUP : FGMM_BACKEND_CPU_SIMD))
        return FG_UNIT_NONE;
    if (fg_unit_is_warp(unit) && shape->d > FG_WARP_DIMS) return FG_UNIT_NONE;
    if (!fg_device_is_backend_forced(device) && (shape->k < LEAST_K || shape->d < LEAST_D)) return FG_UNIT_NONE;
    return unit;
}

fgmm_backend fg_tile_backend(const fg_shape *shape, const fgmm_device *device)
{
    return fg_tile_unit(shape, device) == FG_UNIT_NONE ? shape->backend : FGMM_BACKEND_MATRIX_UNIT;
}

int fg_tile_take(fg_tile *tile, const fg_shape *shape, const fgmm_device *device, const char *text)
{
    if (!fg_tile_parse(tile, shape->backend, text)) return 0;
    tile->unit = fg_tile_unit(shape, device);
    return !fg_tile_reject(tile, shape, device);
}

int fg_tile_read(fg_tile *tile, const fg_shape *shape, const fgmm_device *device, const char *text)
{
    const char *name = spaces[shape->backend].name;
    return strncmp(text, name, strlen(name)) == 0 && text[strlen(name)] == ' ' &&
           fg_tile_take(tile, shape, device, text + strlen(name));
}

fg_tile_problem fg_tile_problem_of(const fg_shape *shape, const fgmm_device *device)
{
    const fg_device_facts *facts = fg_device_facts_of(device);
    return (fg_tile_problem){shape->covariance, shape->k, shape->d, facts->vector_width, facts->has_register_limit};
}

/* PCI numbers of the makers of GPUs. */
enum { VENDOR_ANY = 0, VENDOR_NVIDIA = 0x10de, VENDOR_AMD = 0x1002, VENDOR_INTEL = 0x8086 };

/* Of a GPU's compiler beyond which sums are spilled or too few work-groups are active. */
static uint64_t most_registers(const fg_device_facts *facts, fgmm_backend backend)
{
    if (backend == FGMM_BACKEND_CPU_SIMD) return facts->vector_width >= 16 ? 32 : 16;
    return facts->vendor_id == VENDOR_NVIDIA || facts->vendor_id == VENDOR_AMD ? 168 : 72;
}

fg_space_needs fg_tile_limits(const fgmm_device *device, fgmm_backend backend)
{
    enum { DRIVER_BYTES = 1024 }; /* what NVIDIA's driver keeps of local memory for itself */
    const fg_device_facts *facts = fg_device_facts_of(device);
    return (fg_space_needs){facts->local_bytes > DRIVER_BYTES ? facts->local_bytes - DRIVER_BYTES : 0,
                            facts->max_work_group, most_registers(facts, backend)};
}

const char *fg_tile_reject(const fg_tile *tile, const fg_shape *shape, const fgmm_device *device)
{
    const fg_tile_problem problem = fg_tile_problem_of(shape, device);
    const fg_space_needs limits = fg_tile_limits(device, shape->backend);
    return fg_space_reject(&spaces[shape->backend], tile, &problem, &limits);
}

/* ---- shipped tiles ---- */

enum {
    COVARIANCE_SPHERICAL = FGMM_SPHERICAL,
    COVARIANCE_DIAG = FGMM_DIAG,
    COVARIANCE_FULL = FGMM_FULL,
    COVARIANCE_ALL = -1
};
enum { BASIS_ESTIMATED = 0, BASIS_MEASURED = 1 };

typedef struct shipped_tile {
    fgmm_backend backend;
    uint32_t vendor, width, local_kib;
    int covariance;
    uint32_t most_k;
    int is_measured;
    const char *text;
} shipped_tile;

static const shipped_tile shipped_tiles[] = {
#define FG_TILE(backend, vendor, width, local, covariance, k, basis, text)                                             \
    {FGMM_BACKEND_##backend, VENDOR_##vendor, width, local, COVARIANCE_##covariance, k, BASIS_##basis, text},
#include "tiles.def"
};
enum { SHIPPED_TILES = sizeof shipped_tiles / sizeof shipped_tiles[0] };

/* Is the line meant for this device and shape? */
static int is_meant(const shipped_tile *line, const fg_shape *shape, const fg_device_facts *facts)
{
    const uint32_t width =
        shape->backend == FGMM_BACKEND_CPU_SIMD ? facts->vector_width : facts->wave_items; /* 0: the driver is silent */
    const fgmm_covariance covariance = shape->covariance == FGMM_TIED ? FGMM_SPHERICAL : shape->covariance;
    return (line->vendor == VENDOR_ANY || line->vendor == facts->vendor_id) &&
           (line->width == 0 || width == 0 || line->width == width) &&
           line->local_kib * 1024ull <= facts->local_bytes &&
           (line->covariance == COVARIANCE_ALL || line->covariance == (int)covariance) &&
           (line->most_k == 0 || shape->k <= line->most_k);
}

int fg_tile_is_filled(const fg_tile *tile, const fg_shape *shape)
{
    enum { NARROW_PANEL = 64 };
    if (shape->backend == FGMM_BACKEND_CPU_SIMD || tile->vectors <= NARROW_PANEL) return 1;
    return 4 * fg_round_up(shape->k, tile->vectors) <= 5 * fg_round_up(shape->k, NARROW_PANEL);
}

fgmm_status fg_tile_shipped(fg_tile *tile, int *is_measured, const fg_shape *shape, const fgmm_device *device)
{
    const fg_matrix_unit unit = fg_tile_unit(shape, device);
    /* a GPU's unit cuts its own work; all other kernels keep the group backend's tile */
    const fgmm_backend backend = fg_unit_is_warp(unit) ? FGMM_BACKEND_GPU_WORKGROUP : fg_tile_backend(shape, device);
    const fg_device_facts *facts = fg_device_facts_of(device);
    const char *reason = "none is meant for it";
    for (size_t i = 0; i < SHIPPED_TILES; i++) {
        const shipped_tile *line = &shipped_tiles[i];
        if (line->backend != backend || !is_meant(line, shape, facts) ||
            !fg_tile_parse(tile, shape->backend, line->text))
            continue;
        tile->unit = unit;
        /* on other devices the register tile of a matrix line serves few panels, and may be larger than its registers
         */
        reason = unit == FG_UNIT_PLAIN ? NULL : fg_tile_reject(tile, shape, device);
        if (reason || !fg_tile_is_filled(tile, shape)) continue;
        *is_measured = line->is_measured;
        return FGMM_OK;
    }
    return fg_fail(FGMM_UNSUPPORTED,
                   "%s kernels: no tile fits the device (%s): local memory = %llu bytes, work-items of "
                   "a group = %zu at most",
                   spaces[shape->backend].name, reason ? reason : "mostly padding",
                   (unsigned long long)facts->local_bytes, facts->max_work_group);
}
