/* database.h - the tiles that were found, in one small text file which users may read, edit, copy and delete
 * (docs/tuning.md): by device, driver, operation, covariance, type of rows and shape.
 *
 *     flashgmm tiles 1
 *     # comments stay
 *     tile | DEVICE | DRIVER | pass vector | spherical | u8 | k=1024 d=128 | rows=12 .. | REMARK | 0123456789abcdef
 *     trying | .. the same, of a candidate that is being built ..              | process 4711 893 | 0123456789abcdef
 *
 * The last field is the checksum of the line, or the word "edited", by which a user vouches for the line. A line that
 * is neither is not used, nor is a file of another version; both are told to the log, and neither is ever an error. A
 * process (its number, and when it began) that has died while a candidate was tried leaves its "trying" line behind. It
 * was killed or has crashed, which cannot be told apart: the candidate is left out once two processes have died so, and
 * the lines go when one comes back from it.
 *
 * Files are replaced whole and changed under a lock, so that several processes may tune at once. Knows nothing of what
 * tiles mean. */
#ifndef FG_DATABASE_H
#define FG_DATABASE_H

#include "flashgmm/device.h"
#include "status.h"

typedef struct fg_tiles fg_tiles;

/* What a tile is for. Texts: '|' and control letters become '/'. */
typedef struct fg_tiles_key {
    const char *device, *driver; /* as the platform calls them */
    const char *op;              /* "pass vector" */
    const char *covariance;      /* "spherical" */
    const char *type;            /* of the rows: "u8" */
    uint64_t k, d;               /* remembered by powers of two: the nearest stands for the shape */
} fg_tiles_key;

/* Shapes more than this many octaves away, K and D together, tell nothing; another type of rows counts as a half. */
enum { FG_TILES_MOST_OCTAVES = 2 };

/* What the file says now; empty where there is none or it cannot be read. log: about lines that are not used; may be
 * NULL. Errors: MEMORY. */
fgmm_status fg_tiles_read(fg_tiles **tiles, const char *path, fgmm_log_fn log, void *log_user);
void fg_tiles_free(fg_tiles *tiles);

/* The tile remembered for the nearest shape (borrowed), NULL where none is near; the earlier line among equals.
 * *octaves: how far the shape is, 0 for the very bucket and type. */
const char *fg_tiles_find(const fg_tiles *tiles, const fg_tiles_key *key, double *octaves);

/* 1 where two processes that are no more were trying this tile for this key. */
int fg_tiles_is_suspect(const fg_tiles *tiles, const fg_tiles_key *key, const char *tile);

/* Replaces what the file holds for the key's bucket and type. Creates folder and file. Errors: IO. */
fgmm_status fg_tiles_remember(const char *path, const fg_tiles_key *key, const char *tile, const char *remark);

/* This process begins to try a tile, and has come back from the one before; NULL: none. Errors: IO. */
fgmm_status fg_tiles_trying(const char *path, const fg_tiles_key *key, const char *tile);

#endif
