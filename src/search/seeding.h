/* seeding.h - the device side of k-means++: a sample of rows held on the device, distances to candidates, potentials.
 * The random choices are made above (seed/kmeans_plusplus.c); reference: fg_reference_squared_distances. */
#ifndef FG_SEEDING_H
#define FG_SEEDING_H

#include "options.h"

typedef struct fg_seeding fg_seeding;

/* Room for `rows` rows of d floats; at most `candidates` are tried at a time. Errors: MEMORY, COMPILE, DEVICE. */
fgmm_status fg_seeding_create(fg_seeding **seeding, fgmm_device *device, uint64_t rows, uint64_t d,
                              uint32_t candidates);
void fg_seeding_free(fg_seeding *seeding);

/* Blocks of FG_SEEDING_BLOCK rows; the last may be shorter. */
uint64_t fg_seeding_blocks(const fg_seeding *seeding);

/* Stores the rows of a block: x (n,d), n = FG_SEEDING_BLOCK but for the last block; weights (n) multiply their
 * distances in potentials, NULL: 1 each. No centre is taken yet: every row's least distance is FLT_MAX. */
fgmm_status fg_seeding_write(fg_seeding *seeding, uint64_t block, const float *x, const float *weights, uint64_t n);

/* Measures c candidates (c,d). potentials (blocks,c): per block the weighted sum over rows of the least squared
 * distance to the centres taken so far and this candidate. Blocks. */
fgmm_status fg_seeding_try(fg_seeding *seeding, const float *candidates, uint32_t c, float *potentials);

/* Makes candidate t of the last try a centre. */
fgmm_status fg_seeding_take(fg_seeding *seeding, uint32_t t);

/* least (FG_SEEDING_BLOCK): squared distance of each row of the block to the nearest centre; 0 behind the last row. */
fgmm_status fg_seeding_least(const fg_seeding *seeding, uint64_t block, float *least);

#endif
