/* tile.c - tiles as the tuner and the tests see them, whatever the backend: from a text, legal or not, and which of
 * those that are shipped an untuned device gets. The parameters themselves, their values and constraints are the
 * backends' (cpu_simd.c, gpu_workgroup.c). Starts no kernels. */
#include "backend.h"
#include "blas.h"
#include "shape.h"

#include "size.h"
#include "status.h"

#include <stdio.h>
#include <string.h>

int fg_tile_parse(fg_tile *tile, const fg_backend *backend, const char *text)
{
    if (!fg_space_parse(&backend->tiles, tile, text)) return 0;
    if (backend->set_tile) backend->set_tile(tile);
    return 1;
}

int fg_tile_parse_legal(fg_tile *tile, const fg_shape *shape, const fgmm_device *device, const char *text)
{
    if (!fg_tile_parse(tile, shape->backend, text)) return 0;
    return !fg_tile_reject(tile, shape, device);
}

int fg_tile_read(fg_tile *tile, const fg_shape *shape, const fgmm_device *device, const char *text)
{
    const char *name = shape->backend->name;
    return strncmp(text, name, strlen(name)) == 0 && text[strlen(name)] == ' ' &&
           fg_tile_parse_legal(tile, shape, device, text + strlen(name));
}

fg_tile_problem fg_tile_problem_of(const fg_shape *shape, const fgmm_device *device)
{
    const fg_device_facts *facts = fg_device_facts_of(device);
    return (fg_tile_problem){.covariance = shape->covariance,
                             .k = shape->k,
                             .d = shape->d,
                             .vector_width = facts->vector_width,
                             .has_register_limit = facts->has_register_limit,
                             .has_blas = shape->matrices > 0 && fg_blas_is_built()};
}

fg_space_needs fg_tile_limits(const fgmm_device *device, const fg_backend *backend)
{
    enum { DRIVER_BYTES = 1024 }; /* what NVIDIA's driver keeps of local memory for itself */
    const fg_device_facts *facts = fg_device_facts_of(device);
    return (fg_space_needs){facts->local_bytes > DRIVER_BYTES ? facts->local_bytes - DRIVER_BYTES : 0,
                            facts->max_work_group, backend->most_registers(facts)};
}

const char *fg_tile_reject(const fg_tile *tile, const fg_shape *shape, const fgmm_device *device)
{
    const fg_tile_problem problem = fg_tile_problem_of(shape, device);
    const fg_space_needs limits = fg_tile_limits(device, shape->backend);
    return fg_space_reject(&shape->backend->tiles, tile, &problem, &limits);
}

/* ---- shipped tiles ---- */

enum { BASIS_ESTIMATED = 0, BASIS_MEASURED = 1 };

typedef struct shipped_tile {
    fgmm_backend backend;
    uint32_t vendor, width, local_kib;
    const char *covariance; /* ALL, or fg_density.shipped_tiles */
    uint32_t most_k;
    int is_measured;
    const char *text;
} shipped_tile;

static const shipped_tile shipped_tiles[] = {
#define FG_TILE(backend, vendor, width, local, covariance, k, basis, text)                                             \
    {FGMM_BACKEND_##backend, FG_VENDOR_##vendor, width, local, #covariance, k, BASIS_##basis, text},
#include "tiles.def"
};
enum { SHIPPED_TILES = sizeof shipped_tiles / sizeof shipped_tiles[0] };

/* Is the line meant for this device and shape? */
static int is_meant(const shipped_tile *line, const fg_shape *shape, const fg_device_facts *facts)
{
    const uint32_t width = shape->backend->native_width(facts); /* 0: the driver does not tell */
    const char *tiles = fg_density_of(shape->covariance)->shipped_tiles;
    return line->backend == shape->backend->shipped &&
           (line->vendor == FG_VENDOR_ANY || line->vendor == facts->vendor_id) &&
           (line->width == 0 || width == 0 || line->width == width) &&
           line->local_kib * 1024ull <= facts->local_bytes &&
           (strcmp(line->covariance, "ALL") == 0 || strcmp(line->covariance, tiles) == 0) &&
           (line->most_k == 0 || shape->k <= line->most_k);
}

fgmm_status fg_tile_shipped(fg_tile *tile, int *is_measured, const fg_shape *shape, const fgmm_device *device)
{
    const fg_backend *backend = shape->backend;
    const fg_device_facts *facts = fg_device_facts_of(device);
    const char *reason = "none is meant for it";
    for (size_t i = 0; i < SHIPPED_TILES; i++) {
        const shipped_tile *line = &shipped_tiles[i];
        if (!is_meant(line, shape, facts) || !fg_tile_parse(tile, backend, line->text)) continue;
        reason = backend->takes_any_tile ? NULL : fg_tile_reject(tile, shape, device);
        if (reason || !backend->is_filled(tile, shape->k)) continue;
        *is_measured = line->is_measured;
        return FGMM_OK;
    }
    return fg_fail(FGMM_UNSUPPORTED,
                   "%s kernels: no tile fits the device (%s): local memory = %llu bytes, work-items of "
                   "a group = %zu at most",
                   backend->name, reason ? reason : "mostly padding", (unsigned long long)facts->local_bytes,
                   facts->max_work_group);
}

/* ---- the tile that a pass gets: the one that tuning has found for the shape, or for one near it, where the device's
 * folder has a file of tiles; else the shipped one. The file is read once per handle, so that all passes of a run see
 * the same. ---- */

void fg_tile_place_of(fg_tile_place *place, const fg_shape *shape, const fgmm_device *device)
{
    fgmm_device_info info = fgmm_device_info_init();
    const char *folder = fg_device_cache_folder(device);
    fgmm_device_describe(device, &info);
    *place = (fg_tile_place){.path = ""};
    if (folder && strlen(folder) < sizeof place->path - sizeof "/tiles.txt")
        snprintf(place->path, sizeof place->path, "%s/tiles.txt", folder);
    snprintf(place->device, sizeof place->device, "%s / %s", info.platform, info.name);
    snprintf(place->driver, sizeof place->driver, "%s", info.driver);
    snprintf(place->op, sizeof place->op, "pass %s", fgmm_backend_name(shape->backend->reported));
    place->key = (fg_tiles_key){.device = place->device,
                                .driver = place->driver,
                                .op = place->op,
                                .covariance = fg_density_of(shape->covariance)->tuned_tiles,
                                .type = fgmm_type_name(shape->type),
                                .k = shape->k,
                                .d = shape->d};
}

static void release_tiles(void *tiles)
{
    fg_tiles_free(tiles);
}

static fgmm_status remembered_tiles(fg_tiles **tiles, fgmm_device *device, const char *path)
{
    fgmm_status status = FGMM_OK;
    *tiles = fg_device_companion(device);
    if (*tiles) return FGMM_OK;
    FG_TRY(fg_tiles_read(tiles, path, fg_device_log, device));
    fg_device_set_companion(device, *tiles, release_tiles);
done:
    return status;
}

fgmm_status fg_tile_choose(fg_tile *tile, const fg_shape *shape, fgmm_device *device)
{
    fgmm_status status = FGMM_OK;
    fg_tile_place place;
    fg_tiles *tiles;
    double octaves;
    int is_measured;
    fg_tile_place_of(&place, shape, device);
    if (place.path[0]) {
        FG_TRY(remembered_tiles(&tiles, device, place.path));
        const char *text = fg_tiles_find(tiles, &place.key, &octaves);
        if (text && fg_tile_parse_legal(tile, shape, device, text) &&
            (octaves == 0 || shape->backend->is_filled(tile, shape->k)))
            return FGMM_OK;
    }
    status = fg_tile_shipped(tile, &is_measured, shape, device);
done:
    return status;
}
