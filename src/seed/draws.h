/* draws.h - rows drawn without replacement with probability proportional to their weights, in one pass: a row of weight
 * w has the key -log(u) / w, u uniform, and the least keys win (Efraimidis and Spirakis 2006). The total need not be
 * known before, and where u belongs to the row's number, nothing depends on how rows are cut into batches. */
#ifndef FG_DRAWS_H
#define FG_DRAWS_H

#include "status.h"

typedef struct fg_draw {
    double key;
    uint64_t row;
    size_t index; /* 0 .. capacity - 1: where the caller keeps the row's values */
} fg_draw;

typedef struct fg_draws {
    fg_draw *heap; /* (capacity), the largest key first; owned */
    uint64_t capacity, count;
} fg_draws;

fgmm_status fg_draws_create(fg_draws *draws, uint64_t capacity);
void fg_draws_clear(fg_draws *draws);

/* 1 when the row is among the `capacity` least keys so far: its values go to *index, whose row, if there was one, is
 * out. */
int fg_draws_offer(fg_draws *draws, double key, uint64_t row, size_t *index);

#endif
