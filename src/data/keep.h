/* keep.h - bytes that come only once, kept so that they can be read again and at any place: in memory up to a limit,
 * beyond it in an unlinked temporary file in $TMPDIR or /tmp. */
#ifndef FG_KEEP_H
#define FG_KEEP_H

#include "input.h"

typedef struct fg_keeper {
    const char *name;     /* whose bytes they are, for messages; borrowed */
    unsigned char *bytes; /* (capacity), owned; NULL once there is a file */
    uint64_t used, capacity, limit;
    int file; /* -1: none */
} fg_keeper;

/* At most `limit` bytes stay in memory. Allocates nothing. */
void fg_keeper_begin(fg_keeper *keeper, const char *name, uint64_t limit);

/* Room for `count` bytes more at once, in memory as far as the limit allows, else in a file. Errors: IO names whose
 * bytes, the folder and the reason. */
fgmm_status fg_keeper_reserve(fg_keeper *keeper, uint64_t count);
/* `count` more bytes; errors as before. */
fgmm_status fg_keeper_add(fg_keeper *keeper, const void *bytes, uint64_t count);

/* All of them. The keeper is empty then, also on failure. */
fgmm_status fg_keeper_finish(fg_input **input, fg_keeper *keeper);
void fg_keeper_clear(fg_keeper *keeper);

#endif
