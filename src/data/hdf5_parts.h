/* hdf5_parts.h - whether all that a dataset consists of is there. */
#ifndef FG_HDF5_PARTS_H
#define FG_HDF5_PARTS_H

#include "hdf5_file.h"

/* What messages name. */
typedef struct fg_hdf5_place {
    const char *path, *name;
} fg_hdf5_place;

/* Filters that can be undone, all chunks written, all parts of a virtual dataset there. Errors: UNSUPPORTED (filters),
 * DATA (missing), FORMAT (damaged). */
fgmm_status fg_hdf5_check_parts(const fg_hdf5_place *place, hid_t file, hid_t dataset);

/* Of a dataset that cannot be opened: DATA when a link on its path leads nowhere; OK otherwise. */
fgmm_status fg_hdf5_check_links(const fg_hdf5_place *place, hid_t file);

#endif
