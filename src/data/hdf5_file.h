/* hdf5_file.h - which dataset of an HDF5 file holds the rows, and whether it can be read: what hdf5.c asks before it
 * reads. Both are called by one thread at a time, between enter and leave. */
#ifndef FG_HDF5_FILE_H
#define FG_HDF5_FILE_H

#define H5_USE_110_API /* the same names in 1.10, 1.12 and 1.14 */
#include "element.h"

#include <hdf5.h>

/* Between the two, this thread alone is in libhdf5, and it prints nothing. */
typedef struct fg_hdf5_guard {
    H5E_auto2_t print;
    void *user;
} fg_hdf5_guard;

void fg_hdf5_enter(fg_hdf5_guard *guard);
void fg_hdf5_leave(const fg_hdf5_guard *guard);

/* The first cause that libhdf5 noted for the last failed call; its next call forgets it. */
enum { FG_HDF5_REASON_BYTES = 160 };
void fg_hdf5_reason(char text[FG_HDF5_REASON_BYTES]);

/* An open dataset of one or two dimensions. */
typedef struct fg_hdf5_dataset {
    const char *path, *name; /* borrowed */
    hid_t file, dataset;
    int rank;
    hsize_t shape[2]; /* (rank) as in the file */
    uint64_t rows, dims;
    int is_turned; /* (dims, rows) in the file: MATLAB writes matrices column by column */
    fg_element element;
} fg_hdf5_dataset;

/* Opens it, with a chunk cache for the rows in their order. Errors: FORMAT (no such dataset, with a list of those that
 * there are; another shape or type; damaged), DATA (no rows, never written or not all of it, a link or a part of a
 * virtual dataset that leads nowhere), UNSUPPORTED (compressed by a filter that libhdf5 has not). */
fgmm_status fg_hdf5_open_file(fg_hdf5_dataset *dataset, const char *path, const char *name);
void fg_hdf5_close_file(fg_hdf5_dataset *dataset);

#endif
