/* columns.h - which columns of a file are read: fgmm_file_options.columns, and a source that picks them from whole rows
 * where the format itself cannot (csv.c does). */
#ifndef FG_COLUMNS_H
#define FG_COLUMNS_H

#include "source.h"

/* Columns that have been asked for, in that order; numbers from 0. */
typedef struct fg_columns {
    uint64_t *index; /* (count), owned */
    uint64_t count;
} fg_columns;

/* What a file has. */
typedef struct fg_columns_of {
    const char *path;
    uint64_t total;
    /* Number of the column of that name (length bytes); total where there is none, total + 1 where several have it.
     * NULL: columns have no names. */
    uint64_t (*find)(void *user, const char *name, size_t length);
    void *user;
} fg_columns_of;

/* Reads "x,y", "0,3", "2:5", "x:z", ":3", "4:", in any mixture; ends are included; a name with , or : stands in double
 * quotes. Errors: ARGUMENT names the part. */
fgmm_status fg_columns_parse(fg_columns *columns, const char *text, const fg_columns_of *of);
void fg_columns_clear(fg_columns *columns);

/* Rows of `inner` with these columns only. Owns inner, also on failure: *source is then NULL. */
fgmm_status fg_columns_open(fgmm_source **source, fgmm_source *inner, const char *text, const char *path);

#endif
