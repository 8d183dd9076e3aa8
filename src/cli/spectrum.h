/* spectrum.h - the variances of a model along its components' own axes, largest first: eigenvalues where covariances
 * are matrices. On the host, in one thread; what would take seconds is left out, and the summary says so. */
#ifndef CLI_SPECTRUM_H
#define CLI_SPECTRUM_H

#include "flashgmm/flashgmm.h"

/* Matrices of more dimensions show their diagonal; and the matrices of so many components are taken, the heaviest
 * first, that D^3 for each makes at most CLI_SPECTRUM_WORK in all: about three seconds. */
enum { CLI_SPECTRUM_DIMS = 256, CLI_SPECTRUM_WORK = 1 << 27 };

typedef struct cli_spectrum {
    double *mean;           /* (count) by rank: geometric, by weight, over the components; owned, as below */
    double *least, *most;   /* (count) over the components */
    size_t count;           /* D; of a spherical model K, one variance per component */
    size_t component_count; /* components that were taken */
    int is_diagonal;        /* the diagonal of matrices that are too large for their eigenvalues */
} cli_spectrum;

/* order: (K) components, the heaviest first. 1 when done; 0: memory ran out. */
int cli_spectrum_compute(cli_spectrum *spectrum, const fgmm_model *model, const fgmm_model_info *info,
                         const uint32_t *order);

void cli_spectrum_clear(cli_spectrum *spectrum);

#endif
