/* blas.h - matrix products by CLBlast, a BLAS for OpenCL devices, in libraries that were built with it. It compiles its
 * kernels at first use, and keeps them for the process until a device that used them is closed. */
#ifndef FG_BLAS_H
#define FG_BLAS_H

#include "buffer.h"

/* Was the library built with CLBlast? */
int fg_blas_is_built(void);

/* A factor of a product: float, row-major, rows `pitch` floats apart; element 0 of the i-th of several lies at
 * first + i stride. */
typedef struct fg_blas_matrix {
    const fg_buffer *buffer;
    size_t first, pitch, stride;
    int is_transposed;
} fg_blas_matrix;

/* c_i = a_i b_i for each i < count, where a_i, transposed if it says so, has m rows and k columns, and b_i k rows and n
 * columns. c_i must not overlap with another matrix. */
typedef struct fg_blas_product {
    fg_blas_matrix a, b, c;
    size_t m, n, k, count;
} fg_blas_product;

/* Enqueues it. Errors: UNSUPPORTED without CLBlast; DEVICE with CLBlast's status. */
fgmm_status fg_blas_multiply(fgmm_device *device, const fg_blas_product *product);

#endif
