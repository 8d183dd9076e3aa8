/* skip.h - leaves rows out: those that hold NaN, or those that another source has left out. A bit per row of the file
 * says which; rows that are left keep their order, and messages and results can name them by their place in the file.
 */
#ifndef FG_SKIP_H
#define FG_SKIP_H

#include "source.h"

/* Rows of `inner` without those that hold NaN; reads them all once to know. A type that has no NaN, and rows without
 * one, give inner itself. Owns inner, also on failure: *source is then NULL. Errors: DATA (no row is left), and while
 * reading, infinite values, with their place in the file. */
fgmm_status fg_skip_nan_open(fgmm_source **source, fgmm_source *inner, const char *path);

/* Rows of `inner` without those that `like` has left out of as many; likewise. Errors: DATA (another number of
 * rows). */
fgmm_status fg_skip_like_open(fgmm_source **source, fgmm_source *inner, const fgmm_source *like, const char *path);

#endif
