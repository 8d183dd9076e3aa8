/* tile_choice.c - which tile a pass gets: the one that tuning has found for the shape, or for one near it, where the
 * device's folder has a file of tiles; else the shipped one. The file is read once per handle, so that all passes of a
 * run see the same. */
#include "parts.h"

#include "status.h"

#include <stdio.h>
#include <string.h>

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
                                .covariance = fgmm_covariance_name(shape->covariance),
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
        if (text && fg_tile_take(tile, shape, device, text) &&
            (octaves == 0 || shape->backend->is_filled(tile, shape->k)))
            return FGMM_OK;
    }
    status = fg_tile_shipped(tile, &is_measured, shape, device);
done:
    return status;
}
