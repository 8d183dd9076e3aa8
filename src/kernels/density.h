/* density.h - how kernels take the log-densities of a covariance type, as data: a row of the table in densities.c for
 * each type, some of which share one. What a type's array holds is in model/covariance.h. */
#ifndef FG_DENSITY_H
#define FG_DENSITY_H

#include "covariance.h"

typedef struct fg_packing_method fg_packing_method; /* packing.h */

typedef struct fg_density {
    const char *shipped_tiles; /* the lines of tiles.def that are meant for it */
    const char *tuned_tiles;   /* the covariance under which tuned tiles are remembered */
    int is_isotropic;          /* a factor of the component times |x - m|^2, which k-means compares: what matrix
                                  units multiply and upper bounds prune */
    int has_dim_scales;        /* a scale for each dimension and component: two packed numbers instead of one */
    int whitens_rows;          /* one triangular factor, which makes spheres of all components, meets rows first */
    int has_factors;           /* a triangular factor for each component: D^2 work, and no product form */
    const fg_packing_method *packing; /* what a component is to kernels */
} fg_density;

/* What k-means compares: squared distances. */
#define FG_DENSITY_OF_DISTANCES FGMM_SPHERICAL

/* The row of a type; NULL where there is none. */
const fg_density *fg_density_of(fgmm_covariance covariance);
/* The name of a member that a type's row lacks, or NULL. */
const char *fg_density_missing(fgmm_covariance covariance);

#endif
