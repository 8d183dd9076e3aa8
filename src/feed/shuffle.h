/* shuffle.h - a source that gives another's rows in a random order, for algorithms that take steps after a part of
 * them: rows that a file holds side by side are often alike.
 *
 * The rows are cut into strata, these into blocks. A window is one block of each stratum, which one in each is drawn at
 * random; its rows are given in random order, and then the next window's. So every few hundred rows are drawn from all
 * over the data, while a file is read in blocks that are large enough for a disk, and memory is two windows, of which
 * one is read while the other is given. What fits one window is shuffled as a whole. The order depends on the seed, the
 * number of rows and fg_shuffle_cut alone, and is the same in every pass. */
#ifndef FG_SHUFFLE_H
#define FG_SHUFFLE_H

#include "source.h"
#include "status.h"

/* How rows are cut. */
typedef struct fg_shuffle_cut {
    uint64_t rows;          /* N */
    uint64_t block_rows;    /* of a block; the last one of all may be shorter */
    uint64_t window_blocks; /* most blocks of a window */
} fg_shuffle_cut;

/* window_rows: at most that many rows in a window; 0: as many as memory_limit_bytes (0: none) allows. */
fg_shuffle_cut fg_shuffle_cut_of(uint64_t rows, size_t row_bytes, uint64_t window_rows, uint64_t memory_limit_bytes);

/* Most rows of a window. */
static inline uint64_t fg_shuffle_window_rows(const fg_shuffle_cut *cut)
{
    return cut->block_rows * cut->window_blocks;
}

/* Bytes of both windows, for rows of row_bytes. */
uint64_t fg_shuffle_bytes(const fg_shuffle_cut *cut, size_t row_bytes);

/* source: borrowed until the new one is closed, and not used otherwise while that is read; it gives rows at any place
 * (fg_reading_is_seekable), cut->rows of them. Two sources with the same cut and seed are shuffled alike. Errors:
 * MEMORY. */
fgmm_status fg_shuffle_open(fgmm_source **shuffled, const fgmm_source *source, const fg_shuffle_cut *cut,
                            uint64_t seed);

#endif
