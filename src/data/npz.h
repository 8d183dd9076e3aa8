/* npz.h - NumPy's .npz: a ZIP archive of .npy arrays, as numpy.savez (stored) and savez_compressed (deflated)
 * write it; written stored. Knows nothing of mixtures. docs/formats.md. */
#ifndef FG_NPZ_H
#define FG_NPZ_H

#include "inflate.h"
#include "input.h"
#include "npy.h"

enum { FG_NPZ_RANK = 3, FG_NPZ_NAME_BYTES = 128 };

/* What is written: float64 arrays, and strings, as NumPy keeps a str. */
typedef struct fg_npz_array {
    const char *name; /* without ".npy" */
    uint64_t rank, shape[FG_NPZ_RANK];
    const double *values;
    const char *text; /* ASCII, of rank 0, in place of values; NULL: values */
} fg_npz_array;

/* Writes beside path, then renames. Errors: UNSUPPORTED (4 GiB and more), IO, MEMORY. */
fgmm_status fg_npz_write(const char *path, const fg_npz_array *arrays, size_t count);

/* CRC-32 of ZIP (polynomial 0x04C11DB7, reflected), continued from `crc`; begin with 0. */
uint32_t fg_crc32(uint32_t crc, const void *bytes, size_t count);

typedef struct fg_npz fg_npz;

/* Finds the archive's directory; owns the input, also on failure. Errors: IO, FORMAT. */
fgmm_status fg_npz_open(fg_npz **npz, fg_input *input);
void fg_npz_close(fg_npz *npz);
/* Closes all but the input, which is the caller's again. */
fg_input *fg_npz_release(fg_npz *npz);

/* A member: one array. */
typedef struct fg_npz_member {
    char name[FG_NPZ_NAME_BYTES]; /* without ".npy"; longer ones are cut */
    int is_deflated;
    uint32_t crc;
    uint64_t at, packed, bytes; /* where it lies in the file, how long it is there, and unpacked */
} fg_npz_member;

/* The array of that name. is_there NULL: it must be there. Errors: FORMAT (missing, damaged), UNSUPPORTED (compressed
 * otherwise). */
fgmm_status fg_npz_find(fg_npz_member *member, int *is_there, const fg_npz *npz, const char *name);

/* The one array of an archive. Errors: FORMAT (there are more; they are listed), DATA (there is none). */
fgmm_status fg_npz_find_only(fg_npz_member *member, const fg_npz *npz);

/* The bytes of a member in sequence, stored or deflated. */
typedef struct fg_npz_stream {
    const fg_input *input; /* borrowed */
    fg_npz_member member;
    char *label; /* "PATH: NAME", for messages */
    uint64_t given;
    uint32_t crc;
    fg_inflater *inflater; /* NULL: stored */
} fg_npz_stream;

fgmm_status fg_npz_stream_open(fg_npz_stream *stream, const fg_npz *npz, const fg_npz_member *member);
void fg_npz_stream_close(fg_npz_stream *stream);
void fg_npz_stream_rewind(fg_npz_stream *stream);
/* Exactly `count` bytes; the last ones only when the checksum is right. Errors: FORMAT. */
fgmm_status fg_npz_stream_read(fg_npz_stream *stream, void *bytes, uint64_t count);
/* Passes over bytes. */
fgmm_status fg_npz_stream_skip(fg_npz_stream *stream, uint64_t count);

/* The header of a member's array, from its beginning; the stream is then at the first element. Errors: FORMAT, when the
 * elements do not make up the rest of the member too. */
fgmm_status fg_npz_stream_header(fg_npy_array *array, fg_npz_stream *stream);

/* The array of that name: float32 or float64 as doubles in C order, released with free(). Its name stays that of the
 * caller. Errors: FORMAT (missing, damaged, another type, more than 3 dimensions, arrays that take many times the
 * memory of the file), UNSUPPORTED (compressed, and built without zlib). */
fgmm_status fg_npz_read(fg_npz_array *array, double **values, fg_npz *npz, const char *name);

/* The string of that name, of at most capacity - 1 ASCII characters; "" where the archive has none of that name.
 * Errors: as above. */
fgmm_status fg_npz_read_text(char *text, size_t capacity, const fg_npz *npz, const char *name);

#endif
