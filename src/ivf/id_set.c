/* id_set.c - open addressing; a place counts as used in the present round only, so that emptying costs nothing. */
#include "id_set.h"

#include "size.h"

#include <stdlib.h>
#include <string.h>

fgmm_status fg_id_set_begin(fg_id_set *set, uint64_t most)
{
    fgmm_status status = FGMM_OK;
    uint64_t capacity = 64;
    FG_CHECK(most <= UINT64_MAX / 4, FGMM_MEMORY, "ids to be counted = %llu", (unsigned long long)most);
    while (capacity / 2 < most) capacity *= 2; /* at most half full */
    if (capacity > set->capacity) {
        fg_id_set_free(set);
        FG_TRY(FG_ALLOC(&set->ids, capacity, "ids to be counted"));
        FG_TRY(FG_ALLOC(&set->rounds, capacity, "ids to be counted"));
        set->capacity = capacity;
    }
    if (++set->round == 0) { /* the numbers are used up: begin anew */
        memset(set->rounds, 0, (size_t)set->capacity * sizeof *set->rounds);
        set->round = 1;
    }
done:
    return status;
}

void fg_id_set_free(fg_id_set *set)
{
    free(set->ids);
    free(set->rounds);
    *set = (fg_id_set){0};
}

int fg_id_set_add(fg_id_set *set, int64_t id)
{
    const uint64_t mask = set->capacity - 1;
    uint64_t hash = (uint64_t)id * 0x9e3779b97f4a7c15u; /* 2^64 over the golden ratio: neighbours scatter */
    uint64_t at = (hash ^ hash >> 32) & mask;
    for (; set->rounds[at] == set->round; at = (at + 1) & mask)
        if (set->ids[at] == id) return 0;
    set->ids[at] = id;
    set->rounds[at] = set->round;
    return 1;
}
