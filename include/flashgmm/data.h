/* flashgmm/data.h - where rows come from: memory, a file, or a callback of the application.
 *
 * A source gives N rows of D elements, in order, as often as it is rewound. EM passes over it many times, so it must
 * give the same rows each time. A source serves one call at a time. The library reads it from threads of its own; it
 * calls a callback from one of them at a time.
 */
#ifndef FLASHGMM_DATA_H
#define FLASHGMM_DATA_H

#include "flashgmm/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fgmm_source fgmm_source;

#define FGMM_ROWS_UNKNOWN UINT64_MAX

typedef struct fgmm_source_info {
    size_t size;
    uint64_t rows; /* FGMM_ROWS_UNKNOWN until a callback that states no count has been read once */
    uint64_t dims;
    fgmm_type type;
    char format[16]; /* "memory", "callback", "opencl", "npy", "npz", "fvecs", "bvecs", "fbin", "u8bin", "i8bin",
                        "hdf5", "csv" */
    /* Rows of the file that were left out (fgmm_file_options.skip_nan_rows); not part of `rows`. */
    uint64_t skipped_rows;
    char warning[256]; /* a doubt to show to the user, that the file may be meant differently; "": none */
} fgmm_source_info;

static inline fgmm_source_info fgmm_source_info_init(void)
{
    fgmm_source_info info;
    memset(&info, 0, sizeof info);
    info.size = sizeof info;
    return info;
}

/* Rows in memory: (rows, dims), row-major, consecutive rows stride_bytes apart (0: dense). Borrows the array until the
 * source is closed with fgmm_source_close, as every source must be. Errors: ARGUMENT (also rows = 0 or dims = 0). */
FGMM_API fgmm_status fgmm_source_from_memory(fgmm_source **source, const void *data, fgmm_type type, uint64_t rows,
                                             uint64_t dims, size_t stride_bytes);

typedef struct fgmm_file_options {
    size_t size;
    const char *dataset; /* HDF5: the name of the dataset; NULL: "train". npz: that of the array; NULL: the only one */
    const char *format;  /* NULL: by the ending of the file's name; else one of the names in fgmm_source_info */
    /* Standard input and pipes are kept: in memory up to this (0: 1 GiB), beyond that in a temporary file in $TMPDIR or
     * /tmp. */
    uint64_t memory_limit_bytes;
    /* The columns to read, in this order; NULL: all. Between commas stand numbers from 0 or, if the file has them
     * (csv), names, and ranges of either that include both ends: "0,3", "2:5", "4:", "x,y". */
    const char *columns;
    /* 1: leave out rows in which a value is NaN, or in csv missing, that is empty or NA. The file is read once more to
     * find them, and a bit per row is kept in memory. */
    int skip_nan_rows;
    /* Leave out the rows that this source, of as many rows, has left out: for weights. NULL: none. Borrowed for the
     * call. */
    const fgmm_source *skip_like;
} fgmm_file_options;

static inline fgmm_file_options fgmm_file_options_init(void)
{
    fgmm_file_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    return options;
}

/* Opens a data file: .npy (numbers of any width and byte order, and bool; 2-D; 1-D is read as D = 1), .npz, .fvecs,
 * .bvecs, .fbin, .u8bin, .i8bin, .hdf5/.h5 or .csv; docs/formats.md describes each. "-" reads standard input, as .npy
 * unless options say otherwise. What can be read only once (standard input, a pipe) is kept. Integers of more than 8
 * bits become f32 (16 bits) or f64. The header is checked against the file's size here. What only reading can find (a
 * row with another dimension, a bad number) is reported while reading, with file, offset or line, and reason. options
 * may be NULL. Errors: IO (cannot open), FORMAT, DATA (no rows), UNSUPPORTED (HDF5 is not built in, unknown ending),
 * ARGUMENT (columns that do not exist), MEMORY. */
FGMM_API fgmm_status fgmm_source_open(fgmm_source **source, const char *path, const fgmm_file_options *options);

/* The format that a file's name has by its ending ("npy", ...); NULL if the ending is none of them. */
FGMM_API const char *fgmm_source_format_of(const char *path);

/* 1 if row number `row` of the file (from 0) was left out of the source's rows. */
FGMM_API int fgmm_source_is_skipped(const fgmm_source *source, uint64_t row);

/* Rows in memory whose number of dimensions D is known from elsewhere, from a model or an index. */
typedef struct fgmm_rows {
    size_t size;
    const void *data; /* (count,D) dense, borrowed during the call */
    fgmm_type type;
    uint64_t count;
} fgmm_rows;

static inline fgmm_rows fgmm_rows_init(const void *data, fgmm_type type, uint64_t count)
{
    fgmm_rows rows;
    memset(&rows, 0, sizeof rows);
    rows.size = sizeof rows;
    rows.data = data;
    rows.type = type;
    rows.count = count;
    return rows;
}

/* Rows that the application makes. */
typedef struct fgmm_callback_source {
    size_t size;
    uint64_t rows; /* N, or FGMM_ROWS_UNKNOWN: the first pass counts them. Every later pass must give as many */
    uint64_t dims; /* D >= 1 */
    fgmm_type type;
    /* Starts over. Nonzero means failure. */
    int (*rewind)(void *user);
    /* Writes up to `capacity` rows, dense, to `rows` and their number to *count; *count = 0 is the end of the pass.
     * Nonzero means failure: the text in `message` (message_capacity bytes, terminated) becomes part of the error. */
    int (*next)(void *user, void *rows, uint64_t capacity, uint64_t *count, char *message, size_t message_capacity);
    void *user;
} fgmm_callback_source;

static inline fgmm_callback_source fgmm_callback_source_init(void)
{
    fgmm_callback_source callbacks;
    memset(&callbacks, 0, sizeof callbacks);
    callbacks.size = sizeof callbacks;
    return callbacks;
}

/* Makes a source of the rows that callbacks give. Copies *callbacks; `user` is borrowed until the source is closed.
 * Errors: ARGUMENT (no callbacks, rows = 0, dims = 0, no such type), MEMORY. */
FGMM_API fgmm_status fgmm_source_from_callback(fgmm_source **source, const fgmm_callback_source *callbacks);

/* Fills *info, which comes from fgmm_source_info_init. Errors: ARGUMENT. */
FGMM_API fgmm_status fgmm_source_describe(const fgmm_source *source, fgmm_source_info *info);

/* Read rows by hand: rewind before the first row and after a failure, then call next until *count is 0. rows has room
 * for `capacity` dense rows in the source's type. With a capacity of 0 only the end of the pass can be asked for: rows
 * that are left are then an error. Errors: ARGUMENT (not rewound, no room), FORMAT and IO (file, offset or line,
 * reason), DATA (a pass gives more or fewer rows than the first), CALLBACK. */
FGMM_API fgmm_status fgmm_source_rewind(fgmm_source *source);
FGMM_API fgmm_status fgmm_source_next(fgmm_source *source, void *rows, uint64_t capacity, uint64_t *count);

/* Closes; NULL is accepted. */
FGMM_API void fgmm_source_close(fgmm_source *source);

#ifdef __cplusplus
}
#endif
#endif
