/* places.h - results in the order of a file's rows, those that were left out (--skip-nan-rows) included: number i of a
 * result belongs to row i of the file. */
#ifndef CLI_PLACES_H
#define CLI_PLACES_H

#include "flashgmm/flashgmm.h"

/* Where in the file the next result belongs. One of them for each file that is written. */
typedef struct cli_places {
    const fgmm_source *source; /* borrowed */
    uint64_t row;              /* of the file */
    uint64_t left;             /* rows that were left out, from `row` on */
} cli_places;

cli_places cli_places_begin(const fgmm_source *source);

/* Row of the file that the next result belongs to; rows that were left out are passed over, *skipped of them. */
uint64_t cli_places_next(cli_places *places, uint64_t *skipped);

/* Appends n results of `bytes` each, and `fill` for each row that was left out before them. */
fgmm_status cli_places_append(cli_places *places, fgmm_writer *writer, const void *results, size_t bytes, uint64_t n,
                              const void *fill);
/* `fill` for each row that was left out behind the last result. */
fgmm_status cli_places_finish(cli_places *places, fgmm_writer *writer, const void *fill);

#endif
