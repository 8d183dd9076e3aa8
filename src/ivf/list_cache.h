/* list_cache.h - the lists of an index on a device: all of them, or, where they do not fit, a part after the other,
 * brought there for as long as they are scanned. */
#ifndef FG_LIST_CACHE_H
#define FG_LIST_CACHE_H

#include "index.h"
#include "list_scan.h"

typedef struct fg_list_cache {
    const fgmm_index *index;
    fgmm_device *device;
    fg_list_storage *storage;   /* what is on the device now; NULL: nothing yet */
    int is_whole;               /* all lists, once and for all */
    uint64_t part_blocks;       /* most blocks of rows of a part */
    uint64_t *begins, *lengths; /* (k) rows of each list that the part has */
    unsigned char *is_wanted;   /* (k) */
    fg_probe *probes;           /* of a part */
    uint64_t probe_capacity;
} fg_list_cache;

/* Lists and ids take at most `bytes` of the device, but at least a few blocks of rows. Borrows index and device. A
 * cache begins as zeros, and is cleared also after a failure. */
fgmm_status fg_list_cache_open(fg_list_cache *list_cache, const fgmm_index *index, fgmm_device *device, uint64_t bytes);
void fg_list_cache_clear(fg_list_cache *list_cache);

/* fg_scan_run on the index's lists, in parts where they are not all there. */
fgmm_status fg_list_cache_scan(fg_list_cache *list_cache, fg_scan *scan, const fg_probe *probes, uint64_t count);

#endif
