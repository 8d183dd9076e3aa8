/* npy.h - NumPy's .npy header. Reading the rows is dense.c's work. */
#ifndef FG_NPY_H
#define FG_NPY_H

#include "dense.h"

/* The longest header that is read: a plain array's is 128 bytes; only structured types need more. */
enum { FG_NPY_HEADER_MAX = 65536 };

/* An array of up to 3 dimensions, as its header says. */
typedef struct fg_npy_array {
    unsigned rank; /* 0 to 3 */
    uint64_t shape[3];
    fg_element element;
    int is_fortran;  /* the first index runs fastest */
    uint64_t offset; /* of the first element */
} fg_npy_array;

/* As fg_npy_read_header, for any array of up to 3 dimensions. */
fgmm_status fg_npy_read_array(fg_npy_array *array, const fg_input *input);

/* Rows of an array of one or two dimensions. FORMAT names `label` where it has others. */
fgmm_status fg_npy_rows_of(fg_dense_layout *layout, const fg_npy_array *array, const char *label);

/* Parses versions 1 to 3. Sizes are not compared with the input's (fg_dense_open does).
 * Errors: FORMAT with the byte offset and the reason (truncated, other types, not 1-D or 2-D). */
fgmm_status fg_npy_read_header(fg_dense_layout *layout, const fg_input *input);

#endif
