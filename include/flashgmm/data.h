/* flashgmm/data.h - where rows come from: memory, a file, or a callback of the application.
 *
 * A source delivers N rows of D elements, in order, as often as it is rewound. EM passes over it many times, so it
 * must give the same rows each time. A source serves one call at a time; the library reads it from threads of its own,
 * a callback from one of them at a time.
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
    uint64_t rows; /* FGMM_ROWS_UNKNOWN until a callback without a stated count has been read once */
    uint64_t dims;
    fgmm_type type;
    char format[16];       /* "memory", "callback", "opencl", "npy", "npz", "fvecs", "bvecs", "fbin", "u8bin", "i8bin",
                              "hdf5", "csv" */
    uint64_t skipped_rows; /* of the file that are left out (fgmm_file_options.skip_nan_rows); not among `rows` */
    char warning[256]; /* what looks as if the file was meant otherwise than it is read, for the user; "": nothing */
} fgmm_source_info;

static inline fgmm_source_info fgmm_source_info_init(void)
{
    fgmm_source_info info;
    memset(&info, 0, sizeof info);
    info.size = sizeof info;
    return info;
}

/* Rows in memory: (rows, dims), row-major, consecutive rows stride_bytes apart (0: dense). Borrows the array until
 * the source is closed. rows = 0 or dims = 0 is an error (ARGUMENT). */
FGMM_API fgmm_status fgmm_source_from_memory(fgmm_source **source, const void *data, fgmm_type type, uint64_t rows,
                                             uint64_t dims, size_t stride_bytes);

typedef struct fgmm_file_options {
    size_t size;
    const char *dataset;         /* HDF5: name of the dataset; NULL: "train". npz: of the array; NULL: the only one */
    const char *format;          /* NULL: from the file name's ending; else one of the names in fgmm_source_info */
    uint64_t memory_limit_bytes; /* standard input and pipes: kept in memory up to this, beyond in a temporary file
                                    in $TMPDIR or /tmp; 0: 1 GiB */
    const char *columns;         /* NULL: all. Between commas, numbers from 0 or, where the file has them (csv), names;
                                    also ranges of both with their ends: "0,3", "2:5", "4:", "x,y". In this order */
    int skip_nan_rows; /* leave out rows in which a value is NaN (csv: or is missing, that is empty or NA). The
                          file is read once more to know them; they take a bit per row of memory */
    const fgmm_source *skip_like; /* leave out the rows that this source has left out, of as many (weights); NULL: none.
                                     Borrowed during the call */
} fgmm_file_options;

static inline fgmm_file_options fgmm_file_options_init(void)
{
    fgmm_file_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    return options;
}

/* Opens a data file: .npy (numbers of any width and byte order, and bool; 2-D; 1-D is read as D = 1), .npz, .fvecs,
 * .bvecs, .fbin, .u8bin, .i8bin, .hdf5/.h5, .csv; "-" reads standard input, as .npy unless options say otherwise. What
 * can be read only once (standard input, a pipe) is kept. Integers of more than 8 bits become f32 (16 bits) or f64. The
 * header is checked against the file's size here; what only reading can tell (a row with another dimension, a bad
 * number) is reported while reading, with file, offset (or line) and reason. docs/formats.md describes each format.
 * options may be NULL. Errors: IO (cannot open), FORMAT, DATA (no rows), UNSUPPORTED (HDF5 not built in, unknown
 * ending), ARGUMENT (columns that are not there). */
FGMM_API fgmm_status fgmm_source_open(fgmm_source **source, const char *path, const fgmm_file_options *options);

/* The format that the ending of a file's name tells ("npy", ...), NULL where it tells none. */
FGMM_API const char *fgmm_source_format_of(const char *path);

/* 1 when row number `row` of the file (from 0) has been left out of the source's rows. */
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

/* Rows made by the application. */
typedef struct fgmm_callback_source {
    size_t size;
    uint64_t rows; /* N, or FGMM_ROWS_UNKNOWN: counted in the first pass. Every later pass must give as many */
    uint64_t dims; /* D >= 1 */
    fgmm_type type;
    /* Starts over. Nonzero: failure. */
    int (*rewind)(void *user);
    /* Writes up to `capacity` rows, dense, to `rows` and their number to *count; *count = 0 is the end of the pass.
     * Nonzero: failure; the text in `message` (message_capacity bytes, terminated) becomes part of the error. */
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

/* Copies *callbacks; `user` is borrowed until the source is closed. */
FGMM_API fgmm_status fgmm_source_from_callback(fgmm_source **source, const fgmm_callback_source *callbacks);

FGMM_API fgmm_status fgmm_source_describe(const fgmm_source *source, fgmm_source_info *info);

/* Reads rows by hand: rewind (before the first row and after a failure), then next until *count is 0. rows: room for
 * capacity rows, dense, in the source's type; with room for none, the end of the pass can still be asked for, and rows
 * that are left are an error. Errors: ARGUMENT (not rewound, no room), FORMAT and IO (file, offset or line,
 * reason), DATA (a pass gives more or fewer rows than the first), CALLBACK. */
FGMM_API fgmm_status fgmm_source_rewind(fgmm_source *source);
FGMM_API fgmm_status fgmm_source_next(fgmm_source *source, void *rows, uint64_t capacity, uint64_t *count);

/* Closes; NULL is accepted. */
FGMM_API void fgmm_source_close(fgmm_source *source);

#ifdef __cplusplus
}
#endif
#endif
