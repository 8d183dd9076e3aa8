/* flashgmm/output.h - writes rows to a file, batch by batch: results of fgmm_evaluate, drawn rows, anything of one
 * width.
 *
 * The file appears whole or not at all: rows go to a temporary file beside it, which replaces it at commit. Until then,
 * and if anything fails (a full disk too), an existing file stays as it was. Memory is bounded whatever N is.
 */
#ifndef FLASHGMM_OUTPUT_H
#define FLASHGMM_OUTPUT_H

#include "flashgmm/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fgmm_writer fgmm_writer;

/* Begins a file. End it with fgmm_writer_commit or fgmm_writer_abandon. The ending of path decides the format
 * (docs/formats.md):
 *     .npy                   any dtype; cols = 0: a 1-D array (N), else 2-D (N,cols), C order
 *     .fvecs .ivecs .bvecs   dtype "<f4", "<i4", "|u1"; cols >= 1
 *     .csv                   any dtype but "<f2": a line per row, numbers with commas between them, no header
 * dtype is the element type by NumPy's name: "<f2" "<f4" "<f8" "<i4" "<i8" "|u1" "|i1". Errors: ARGUMENT (dtype, cols),
 * UNSUPPORTED (ending), IO (the folder cannot be written), MEMORY. */
FGMM_API fgmm_status fgmm_writer_open(fgmm_writer **writer, const char *path, const char *dtype, uint64_t cols);

/* Appends rows: data (rows,cols) dense, or (rows) for a 1-D array; copied. rows = 0 does nothing. Errors: IO; after
 * that the writer can only be abandoned. */
FGMM_API fgmm_status fgmm_writer_append(fgmm_writer *writer, const void *data, uint64_t rows);

/* Brings everything that was appended to the disk, and the header for it. Flush all of several files that belong
 * together before the first is committed: a full disk can then no longer leave one new and one old. Errors: IO; after
 * that the writer can only be abandoned. */
FGMM_API fgmm_status fgmm_writer_flush(fgmm_writer *writer);

/* Completes the header, flushes to the disk, and renames. Frees the writer, also on failure. Errors: IO. */
FGMM_API fgmm_status fgmm_writer_commit(fgmm_writer *writer);

/* Removes the temporary file and frees the writer. NULL is accepted. The thread's error text stays. */
FGMM_API void fgmm_writer_abandon(fgmm_writer *writer);

/* Writes a whole file: count bytes become the file at path, replaced whole or not at all. Errors: IO. */
FGMM_API fgmm_status fgmm_file_write(const char *path, const void *bytes, size_t count);

#ifdef __cplusplus
}
#endif
#endif
