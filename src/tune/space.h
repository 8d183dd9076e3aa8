/* space.h - what an operation tells the tuner of its tiles: parameters and the values worth trying, what is legal, what
 * a tile takes of the device; and the text form of a tile, which reports, checkpoints and the file of winners share.
 *
 * A tile is the operation's own struct of uint32_t fields; this file knows only their offsets. Starts no kernels and
 * knows no OpenCL, so that everything here is tested with synthetic operations.
 *
 * src/tune/ holds what is done with any table of tile parameters: legality, text, search, the file of winners, and the
 * shipped tiles. It does not know what a tile is for; src/kernels/ says. */
#ifndef FG_SPACE_H
#define FG_SPACE_H

#include <stddef.h>
#include <stdint.h>

enum {
    FG_SPACE_MOST_VALUES = 12,
    FG_TILE_BYTES = 128,     /* room for any operation's tile struct */
    FG_TILE_TEXT_BYTES = 128 /* room for its text; as fgmm_fit_report.tile */
};

typedef struct fg_space_parameter {
    const char *name;     /* in texts: "rows" */
    const char *macro;    /* in kernels: "TILE_ROWS"; NULL: the operation sets it by itself */
    size_t offset;        /* of the field in the tile struct */
    unsigned programs;    /* bit i: program i of the operation is compiled with it. It is tuned by timing the first */
    unsigned group;       /* parameters of one group are searched together, all combinations; groups in order */
    uint32_t least, most; /* legal range, before the operation's own constraints */
    uint32_t values[FG_SPACE_MOST_VALUES]; /* worth trying, ascending; ends with 0 where shorter */
    uint32_t usual;                        /* the value that texts leave out; 0: they always have one */
} fg_space_parameter;

/* What a tile takes, and what there is. */
typedef struct fg_space_needs {
    uint64_t local_bytes; /* local memory of the hungriest kernel */
    uint64_t work_group;  /* work-items of a work-group */
    uint64_t registers;   /* of a work-item; an estimate: the search leaves out what needs more, users may try */
} fg_space_needs;

/* problem: the operation's own description of shape and device, passed through. */
typedef struct fg_space {
    const char *name; /* "vector" */
    size_t tile_bytes;
    const fg_space_parameter *parameters;
    size_t count;
    /* NULL where the operation's constraints hold, else what is wrong: "block is no multiple of rows". */
    const char *(*reject)(const void *tile, const void *problem);
    /* Moves parameters that depend on others, after one of those has moved. */
    void (*repair)(void *tile);
    void (*needs)(fg_space_needs *needs, const void *tile, const void *problem);
} fg_space;

uint32_t fg_space_get(const fg_space *space, const void *tile, size_t parameter);
void fg_space_set(const fg_space *space, void *tile, size_t parameter, uint32_t value);
size_t fg_space_value_count(const fg_space_parameter *parameter);

/* NULL where the tile may be built: all parameters within their ranges, the constraints hold, local memory and
 * work-group fit `limits`. Otherwise the reason. */
const char *fg_space_reject(const fg_space *space, const void *tile, const void *problem, const fg_space_needs *limits);

/* The tile's neighbour: the parameter has its `value`-th value, dependent ones are repaired. */
void fg_space_neighbour(const fg_space *space, void *neighbour, const void *tile, size_t parameter, size_t value);

/* "rows=12 vectors=2 ..." in the table's order, without parameters of their usual value; returns the letters written,
 * as snprintf. */
int fg_space_format(const fg_space *space, const void *tile, char *text, size_t capacity);
/* The reverse, in any order. Words with other names are passed over; 0 where a parameter is missing, comes twice or is
 * no number: the tile is then undefined. */
int fg_space_parse(const fg_space *space, void *tile, const char *text);

#endif
