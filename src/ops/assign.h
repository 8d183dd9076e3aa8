/* assign.h - rows to centroids: the nearest, and the second one by the direction of the residual (cl/assign.cl). Twin:
 * fg_reference_assign. */
#ifndef FG_ASSIGN_H
#define FG_ASSIGN_H

#include "store.h"

typedef struct fg_assign fg_assign;

/* Centroids (k,d) as a store with one list; ids are their numbers. */
fgmm_status fg_centroid_store(fg_store **store, fgmm_device *device, const float *centroids, uint64_t k, uint64_t d);

/* between (k,k), malloc'ed: squared distances of centroids, in float from double sums. */
fgmm_status fg_centroid_distances(float **between, const float *centroids, uint64_t k, uint64_t d);

/* centroids: as from fg_centroid_store, borrowed. between (k,k): copied. */
fgmm_status fg_assign_create(fg_assign **assign, fgmm_device *device, const fg_store *centroids, const float *between);
void fg_assign_free(fg_assign *assign);

/* rows (n,d) float. first, second (n): components; ratio (n): the second's cost over the first's squared distance,
 * infinite where there is no use in a second. Blocks. */
fgmm_status fg_assign_run(fg_assign *assign, const float *rows, uint64_t n, uint32_t *first, uint32_t *second,
                          float *ratio);

#endif
