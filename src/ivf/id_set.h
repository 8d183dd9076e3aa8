/* id_set.h - a set of 64-bit ids that is emptied and filled again and again: how many of a query's entries are
 * different rows. Its size follows from how many ids it must hold, not from how high they are. */
#ifndef FG_ID_SET_H
#define FG_ID_SET_H

#include "status.h"

typedef struct fg_id_set {
    int64_t *ids;      /* (capacity) */
    uint32_t *rounds;  /* (capacity) the round in which the place was last used */
    uint64_t capacity; /* a power of 2, or 0 */
    uint32_t round;
} fg_id_set;

/* Empties the set and makes room for `most` ids. A set begins as zeros. */
fgmm_status fg_id_set_begin(fg_id_set *set, uint64_t most);
void fg_id_set_free(fg_id_set *set);

/* 1 when the id is new. */
int fg_id_set_add(fg_id_set *set, int64_t id);

#endif
