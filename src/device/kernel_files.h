/* kernel_files.h - the sources of cl/ as bytes, and which of them make up a program; the table is made by
 * cmake/EmbedKernels.cmake. */
#ifndef FG_KERNEL_FILES_H
#define FG_KERNEL_FILES_H

#include <stddef.h>

typedef struct fg_kernel_file {
    const char *name;           /* "cpu/sparse.cl"; NULL ends the table */
    const unsigned char *bytes; /* its text, with #include lines as comments */
    size_t count;
    const unsigned short *parts; /* (part_count): places in the table of what it includes, each before what includes it;
                                  * the last is the file itself */
    size_t part_count;
} fg_kernel_file;

extern const fg_kernel_file fg_kernel_files[];

#endif
