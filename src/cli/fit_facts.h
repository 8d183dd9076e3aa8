/* fit_facts.h - what a report on a mixture shows and training does not tell: how many rows each component has, its
 * variances, and of data in two dimensions some of the points. Reads the rows again. */
#ifndef CLI_FIT_FACTS_H
#define CLI_FIT_FACTS_H

#include "fit_kmeans.h"
#include "spectrum.h"

enum { CLI_POINTS = 2000 }; /* at most; more make a plane darker, not clearer */

typedef struct cli_fit_facts {
    fgmm_model_info info;
    fgmm_criteria criteria;
    uint32_t *order; /* (K) components by descending weight; owned, as all below */
    uint64_t *sizes; /* (K) rows whose most probable component it is */
    uint64_t rows;   /* N */
    uint64_t every;  /* rows 0, every, 2 every ... are among the points */
    double *points;  /* (2, point_count) their coordinates: all first ones, then all second ones; NULL unless D = 2 */
    int32_t *labels; /* (point_count) their components */
    size_t point_count;
    cli_spectrum spectrum;
} cli_fit_facts;

/* Passes over the source once more, twice where D = 2. A CLI_DO step; clear also after a failure. */
int cli_fit_facts_gather(cli_fit_facts *facts, const cli_training *training, const fgmm_model *model,
                         fgmm_device *device, fgmm_source *source);

void cli_fit_facts_clear(cli_fit_facts *facts);

#endif
