/* safetensors.h - the safetensors container: named tensors and strings in one file. Knows nothing of mixtures.
 * Layout: 8 bytes little-endian length H, H bytes JSON, then the tensors' bytes without gaps (docs/formats.md). */
#ifndef FG_SAFETENSORS_H
#define FG_SAFETENSORS_H

#include "status.h"

enum { FG_TENSOR_RANK = 3 };

typedef struct fg_tensor {
    const char *name;
    const char *dtype;              /* "F64", ... */
    uint64_t rank;                  /* may exceed FG_TENSOR_RANK for tensors that are not ours */
    uint64_t shape[FG_TENSOR_RANK]; /* the first extents */
    uint64_t begin, end;            /* bytes behind the header */
} fg_tensor;

typedef struct fg_safetensors fg_safetensors;

/* Opens and checks the whole header: JSON, duplicate names, types, shapes against sizes, and that the tensors cover the
 * rest of the file exactly. No tensor is read yet. Errors: IO, FORMAT name the file, the tensor and the value. */
fgmm_status fg_safetensors_open(fg_safetensors **file, const char *path);
void fg_safetensors_close(fg_safetensors *file);

/* The tensor or metadata string of that name; NULL when there is none. Borrowed until the file is closed. */
const fg_tensor *fg_safetensors_tensor(const fg_safetensors *file, const char *name);
const char *fg_safetensors_metadata(const fg_safetensors *file, const char *key);

/* Reads an F32 or F64 tensor as doubles into a new array, released with free(). Errors: FORMAT (another type),
 * IO; the caller puts the file's name before them. */
fgmm_status fg_safetensors_read(double **values, fg_safetensors *file, const fg_tensor *tensor);

/* What is written: float64 tensors and strings. */
typedef struct fg_tensor_out {
    const char *name;
    uint64_t rank, shape[FG_TENSOR_RANK];
    const double *values;
} fg_tensor_out;

typedef struct fg_metadata_out {
    const char *key, *value;
} fg_metadata_out;

typedef struct fg_safetensors_out {
    const fg_tensor_out *tensors;
    size_t tensor_count;
    const fg_metadata_out *metadata;
    size_t metadata_count;
} fg_safetensors_out;

/* Writes beside path, then renames. Errors: IO, MEMORY. */
fgmm_status fg_safetensors_write(const char *path, const fg_safetensors_out *contents);

#endif
