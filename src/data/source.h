/* source.h - what a kind of rows must provide; the generic part checks counts and keeps the order of calls right.
 * One file per format implements fg_source_kind; source.c holds memory, callback and the dispatch by file ending.
 *
 * src/data/ holds where rows come from and go to: memory, callbacks and one file per format; chosen columns, rows that
 * are left out. It does not shift, scale or look at rows, and knows no device. */
#ifndef FG_SOURCE_H
#define FG_SOURCE_H

#include "flashgmm/data.h"

typedef struct fg_source_kind {
    /* Back to the first row. */
    fgmm_status (*rewind)(void *self);
    /* Up to `capacity` rows, dense; *count = 0 at the end. Errors name file, offset or line, and reason. */
    fgmm_status (*next)(void *self, void *rows, uint64_t capacity, uint64_t *count);
    void (*close)(void *self);
    /* Rows first..first + n - 1 of those that the source has stated, dense; moves nothing, and any number of threads
     * may call it at once. NULL: rows come in order only. */
    fgmm_status (*read_at)(const void *self, uint64_t first, void *rows, uint64_t n);
} fg_source_kind;

/* Rows are given only between a successful rewind and a failure. */
typedef enum fg_source_phase { FG_SOURCE_NEW, FG_SOURCE_READING, FG_SOURCE_ENDED, FG_SOURCE_FAILED } fg_source_phase;

struct fgmm_source {
    const fg_source_kind *kind;
    void *self;
    fgmm_source_info info;
    fg_source_phase phase;
    uint64_t position;  /* rows delivered since the last rewind */
    const void *opencl; /* rows already in a device buffer: the device layer's fg_lent_rows; NULL otherwise */
};

/* Where row number `row` of a source lies in its file: not the same where rows have been left out (skip.h). For
 * messages: it looks at all rows before. */
uint64_t fg_source_row(const fgmm_source *source, uint64_t row);

/* Makes a source from a kind; takes ownership of self (closed also on failure). */
fgmm_status fg_source_create(fgmm_source **source, const fg_source_kind *kind, void *self,
                             const fgmm_source_info *info);

#endif
