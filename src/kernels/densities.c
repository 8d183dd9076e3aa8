/* densities.c - the table of densities: a row for each covariance type. */
#include "density.h"

#include <stddef.h>

/* Packing is done by params/packing.c. */
extern const fg_packing_method fg_pack_spheres, fg_pack_scales, fg_pack_whitened, fg_pack_factors;

static const fg_density isotropic = {
    .shipped_tiles = "SPHERICAL", .tuned_tiles = "spherical", .is_isotropic = 1, .packing = &fg_pack_spheres};
static const fg_density diagonal = {
    .shipped_tiles = "DIAG", .tuned_tiles = "diag", .has_dim_scales = 1, .packing = &fg_pack_scales};
static const fg_density whitened = {
    .shipped_tiles = "SPHERICAL", .tuned_tiles = "tied", .whitens_rows = 1, .packing = &fg_pack_whitened};
static const fg_density factored = {
    .shipped_tiles = "FULL", .tuned_tiles = "full", .has_factors = 1, .packing = &fg_pack_factors};

static const fg_density *const rows[] = {
    [FGMM_SPHERICAL] = &isotropic,
    [FGMM_DIAG] = &diagonal,
    [FGMM_TIED] = &whitened,
    [FGMM_FULL] = &factored,
};
enum { ROWS = sizeof rows / sizeof rows[0] };

const fg_density *fg_density_of(fgmm_covariance covariance)
{
    return (size_t)covariance < ROWS ? rows[covariance] : NULL;
}

const char *fg_density_missing(fgmm_covariance covariance)
{
    const fg_density *d = fg_density_of(covariance);
    if (!d) return "row";
    if (!d->shipped_tiles) return "shipped_tiles";
    if (!d->tuned_tiles) return "tuned_tiles";
    if (d->is_isotropic + d->has_dim_scales + d->whitens_rows + d->has_factors != 1) return "kind of distance";
    return d->packing ? NULL : "packing";
}
