/* kernel_files.h - the sources of cl/ as bytes; the table is made by cmake/EmbedKernels.cmake. */
#ifndef FG_KERNEL_FILES_H
#define FG_KERNEL_FILES_H

#include <stddef.h>

typedef struct fg_kernel_file {
    const char *name; /* "prelude.cl"; NULL ends the table */
    const unsigned char *bytes;
    size_t count;
} fg_kernel_file;

extern const fg_kernel_file fg_kernel_files[];

#endif
