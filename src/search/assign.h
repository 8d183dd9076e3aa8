/* assign.h - rows to centroids: the nearest, and the second one by the direction of the residual (cl/search/assign.cl).
 * Reference: fg_reference_assign. */
#ifndef FG_ASSIGN_H
#define FG_ASSIGN_H

#include "list_scan.h"

typedef struct fg_assign fg_assign;

/* Makes a storage of centroids (k,d), one list; ids are their numbers. Errors: MEMORY, DEVICE. */
fgmm_status fg_centroid_storage(fg_list_storage **storage, fgmm_device *device, const float *centroids, uint64_t k,
                                uint64_t d);

/* Up to this K a table of the distances of all centroids, 64 MiB, is made at once; beyond, what is needed of it is
 * computed when it is needed. */
enum { FG_CENTROID_TABLE_LISTS = 4096 };

/* between (k,k): squared distances of centroids, computed on the device by a scan of float rows. */
fgmm_status fg_centroid_distances(float *between, fg_scan *scan, const fg_list_storage *storage,
                                  const float *centroids);

/* Borrows centroids (k,d) and their storage, as from fg_centroid_storage. Errors: MEMORY, COMPILE, DEVICE. */
fgmm_status fg_assign_create(fg_assign **assign, const fg_list_storage *storage, const float *centroids,
                             int has_second);
void fg_assign_free(fg_assign *assign);

/* rows (n,d) float. first, second (n): components; ratio (n): the second's cost over the first's squared distance,
 * infinite where there is no use in a second. Both are left as they are without has_second, and may be NULL then.
 * Blocks. */
fgmm_status fg_assign_run(fg_assign *assign, const float *rows, uint64_t n, uint32_t *first, uint32_t *second,
                          float *ratio);

#endif
