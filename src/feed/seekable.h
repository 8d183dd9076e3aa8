/* seekable.h - rows in any order, whatever kind of source they come from. */
#ifndef FG_SEEKABLE_H
#define FG_SEEKABLE_H

#include "progress.h"
#include "source.h"
#include "status.h"

/* *kept: a source of the same rows that gives them at any place, to be closed by the caller; NULL where the given one
 * does so itself, or is NULL. Its rows are then read once and kept, in memory where they take at most a quarter of
 * memory_limit_bytes (0: of the default), otherwise in a temporary file. Rows are looked at on the way, so that bad
 * ones are named by their place in the file; weights are not (weights.c). Errors: the source's, DATA, MEMORY, IO,
 * CANCELLED. */
fgmm_status fg_seekable_rows(fgmm_source **kept, fgmm_source *source, int are_weights, uint64_t memory_limit_bytes,
                             fg_progress *progress);

#endif
