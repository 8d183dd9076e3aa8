/* npz.h - NumPy's .npz: a ZIP archive of .npy arrays, as numpy.savez (stored) and savez_compressed (deflated)
 * write it; written stored. Knows nothing of mixtures. docs/formats.md. */
#ifndef FG_NPZ_H
#define FG_NPZ_H

#include "status.h"

enum { FG_NPZ_RANK = 3 };

/* What is written: float64 arrays, and strings, as NumPy keeps a str. */
typedef struct fg_npz_array {
    const char *name; /* without ".npy" */
    uint64_t rank, shape[FG_NPZ_RANK];
    const double *values;
    const char *text; /* ASCII, of rank 0, in place of values; NULL: values */
} fg_npz_array;

/* Writes beside path, then renames. Errors: UNSUPPORTED (4 GiB and more), IO, MEMORY. */
fgmm_status fg_npz_write(const char *path, const fg_npz_array *arrays, size_t count);

typedef struct fg_npz fg_npz;

/* Reads the whole file and its directory. Errors: IO, FORMAT. */
fgmm_status fg_npz_open(fg_npz **npz, const char *path);
void fg_npz_close(fg_npz *npz);

/* The array of that name: float32 or float64 in C order, as doubles, released with free(). Its name stays that of the
 * caller. Errors: FORMAT (missing, damaged, another type, more than 3 dimensions), UNSUPPORTED (compressed, and
 * built without zlib). */
fgmm_status fg_npz_read(fg_npz_array *array, double **values, const fg_npz *npz, const char *name);

/* The string of that name, of at most room - 1 ASCII characters; "" where the archive has none of that name. Errors:
 * as above. */
fgmm_status fg_npz_read_text(char *text, size_t room, const fg_npz *npz, const char *name);

#endif
