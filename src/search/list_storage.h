/* list_storage.h - posting lists on the device: rows in blocks of 16, dimension-major, and their ids (cl/search/scan.cl
 * has the picture). Lists are cut into chunks, and chunks are laid into as few buffers as the device's largest
 * allocation allows. */
#ifndef FG_LIST_STORAGE_H
#define FG_LIST_STORAGE_H

#include "device.h"

enum { FG_BLOCK_ROWS = 16, FG_CHUNK_ROWS = 16384 };

/* Consecutive rows of one list in one buffer. */
typedef struct fg_list_chunk {
    uint32_t segment, first_block, rows;
} fg_list_chunk;

typedef struct fg_segment {
    fg_buffer *rows; /* row_t [blocks][d][16] */
    fg_buffer *ids;  /* long [blocks][16], -1: no row */
    uint64_t blocks; /* that there is room for */
} fg_segment;

typedef struct fg_list_storage {
    fgmm_device *device;
    fgmm_type type;
    uint64_t d, lists;
    uint64_t *lengths;     /* (lists) rows */
    uint64_t *first_chunk; /* (lists + 1) */
    fg_list_chunk *chunks; /* (first_chunk[lists]) */
    fg_segment *segments;  /* (segment_count) */
    uint64_t segment_count, segment_capacity;
    unsigned char *staging; /* a few blocks of rows, transposed */
} fg_list_storage;

/* Lays out lists of these lengths (lists); rows and ids follow by fg_list_storage_write. type: U8 I8 F16 F32. Errors:
 * MEMORY (the device's budget), ARGUMENT (a chunk has more than 2^32 blocks' worth of addresses). */
fgmm_status fg_list_storage_create(fg_list_storage **storage, fgmm_device *device, fgmm_type type, uint64_t d,
                                   const uint64_t *lengths, uint64_t lists);
void fg_list_storage_free(fg_list_storage *storage);

/* Lays out other lists in place of those that are there, in the same buffers where these are large enough: as many
 * lists, of these lengths (lists). Errors: as fg_list_storage_create; the storage can then only be freed. */
fgmm_status fg_list_storage_lay_out(fg_list_storage *storage, const uint64_t *lengths);

/* Writes rows first .. first + n - 1 of a list, first a multiple of 16. rows (n,d) dense, ids (n). What fills up the
 * last block behind the end of the list becomes zero rows with id -1. Blocks. */
fgmm_status fg_list_storage_write(fg_list_storage *storage, uint64_t list, uint64_t first, uint64_t n, const void *rows,
                                  const int64_t *ids);

#endif
