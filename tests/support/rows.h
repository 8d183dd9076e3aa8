/* rows.h - for tests that read or write data files: files from bytes, rows from sources. */
#ifndef FG_TEST_ROWS_H
#define FG_TEST_ROWS_H

#include "flashgmm/flashgmm.h"

/* Writes count bytes to temporary_path(name) and returns the path. */
const char *write_file(const char *name, const void *bytes, size_t count);

/* Rewinds and reads everything in batches of `capacity` rows; *rows receives their number. The result, (rows,dims) in
 * the source's type, is malloc'ed; the test fails when reading fails. */
void *read_rows(fgmm_source *source, uint64_t capacity, uint64_t *rows);

/* Rewinds and reads until the end or the first failure, whose status it returns. */
fgmm_status read_until_failure(fgmm_source *source, uint64_t capacity);

/* Writes an .npy: version 1 to 3, the dictionary padded as NumPy does it, then the bytes. */
const char *write_npy(const char *name, int version, const char *dictionary, const void *bytes, size_t count);

#endif
