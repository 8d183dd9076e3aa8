/* npy.h - NumPy's .npy header. Reading the rows is dense.c's work. */
#ifndef FG_NPY_H
#define FG_NPY_H

#include "dense.h"

/* The longest header that is read: a plain array's is 128 bytes; only structured types need more. */
enum { FG_NPY_HEADER_MAX = 65536 };

/* Parses versions 1 to 3. Sizes are not compared with the input's (fg_dense_open does).
 * Errors: FORMAT with the byte offset and the reason (truncated, Fortran order, big-endian, other types, not 1-D or
 * 2-D). */
fgmm_status fg_npy_read_header(fg_dense_layout *layout, const fg_input *input);

#endif
