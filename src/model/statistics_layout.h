/* statistics_layout.h - where the parts of a flat array of sufficient statistics begin: what an E-step fills and an
 * M-step uses up (flashgmm/stats.h). */
#ifndef FG_STATISTICS_LAYOUT_H
#define FG_STATISTICS_LAYOUT_H

#include "flashgmm/model.h"
#include "status.h"

/* [ rows, log-likelihood, N (k), S1 (k,d), S2 (as covariances) ] */
typedef struct fg_statistics_layout {
    size_t counts, s1, s2; /* index of the first element */
    size_t count;          /* elements in all */
} fg_statistics_layout;

/* Responsibilities below 2^-24 / K of a row may have been dropped (docs/math.md, equation 6): a component that holds no
 * more than this share of a K-th of all rows cannot be told from an empty one. */
#define FG_EMPTY_SHARE 0x1p-24

/* Errors: MEMORY when k and d are so large that the array does not fit the address space. */
fgmm_status fg_statistics_layout_of(fg_statistics_layout *layout, fgmm_covariance covariance, uint64_t k, uint64_t d);

#endif
