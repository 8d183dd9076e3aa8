/* list_scan.h - nearest rows of posting lists: a batch of queries against the lists that each wants, grouped by list,
 * and the k nearest per query kept on the device from call to call. Reference: fg_reference_squared_distances. What to
 * probe is decided above (ivf/).
 *
 * src/search/ holds distances without a pass: inverted lists on the device and scans of them, rows to their nearest
 * centroids, the device's part of k-means++. It does not know what a mixture is. */
#ifndef FG_LIST_SCAN_H
#define FG_LIST_SCAN_H

#include "list_storage.h"

typedef struct fg_scan fg_scan;

/* Most distances that a scan holds at a time, where nothing else is asked for. */
enum { FG_SCAN_CPU_FLOATS = 1 << 24, FG_SCAN_GPU_FLOATS = 1 << 26 };

typedef struct fg_scan_options {
    fgmm_type type; /* of the rows: U8 I8 F16 F32 */
    uint64_t d;
    int is_integer;          /* queries are whole numbers of the rows' own 8-bit type: distances are exact */
    uint64_t scratch_floats; /* most distances held at a time; 0: the above */
} fg_scan_options;

fgmm_status fg_scan_create(fg_scan **scan, fgmm_device *device, const fg_scan_options *options);
void fg_scan_free(fg_scan *scan);

/* Begins a batch: queries (n,d) float, k results each, none found yet. exclude (n): an id that each query shall not
 * find, -1: none; NULL: none at all. */
fgmm_status fg_scan_begin(fg_scan *scan, const float *queries, uint64_t n, uint32_t k, const int64_t *exclude);

/* A query that wants a list. */
typedef struct fg_probe {
    uint32_t query, list;
} fg_probe;

/* Scans; probes come in any order and none is met twice. Afterwards each query holds the k nearest of all it has met.
 */
fgmm_status fg_scan_run(fg_scan *scan, const fg_list_storage *storage, const fg_probe *probes, uint64_t count);

/* ids (n,k) nearest first, -1: none; distances (n,k), INFINITY there. Either may be NULL. Blocks. */
fgmm_status fg_scan_results(fg_scan *scan, int64_t *ids, float *distances);

/* Distances of n float queries (n,d) to all rows of a storage's only list: (n, stride) on the device, stride the list's
 * length rounded up to 16. Ends the batch that was begun. Not for wide sums. *distances: the scan's own buffer; NULL:
 * not wanted. */
fgmm_status fg_scan_distances(const fg_buffer **distances, fg_scan *scan, const fg_list_storage *storage,
                              const float *queries, uint64_t n);
/* to (length): those of one query, 0..n-1, to the list's rows, of which there are `length`. Blocks. */
fgmm_status fg_scan_read_distances(float *to, const fg_scan *scan, uint64_t query, uint64_t length);

#endif
