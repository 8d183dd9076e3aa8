/* searcher.h - searching an index on a device: coarse step, then lists in rounds. Below fgmm_searcher_search. */
#ifndef FG_SEARCHER_H
#define FG_SEARCHER_H

#include "id_set.h"
#include "index.h"
#include "list_cache.h"
#include "list_scan.h"
#include "predictor.h"

struct fgmm_searcher {
    const fgmm_index *index;
    fgmm_device *device;
    fg_list_cache list_cache;
    fg_list_storage *centroids;
    fg_scan *coarse;
    fg_scan *scans[2];       /* by is_integer; made at first use */
    uint64_t scratch_floats; /* of the scans */
    fg_predictor predictor;  /* where the index has a calibration */
    fg_id_set seen;          /* for counting different ids */
};

/* calibration: borrowed; NULL: the index's own, where it has one. memory_limit_bytes: of the process, on a CPU device
 * with what that holds; 0: the device's own limit is the only one. */
fgmm_status fg_searcher_open(fgmm_searcher **searcher, const fgmm_index *index, fgmm_device *device,
                             const fg_calibration *calibration, uint64_t memory_limit_bytes);

/* What the predictor goes by, of n queries (first .. first + n - 1 of the call): their nearest lists, which the queries
 * have looked into up to rank `from` (n); by then, and not before, k results were known, the last at rho2 (n);
 * infinite: there are fewer. */
typedef struct fg_observation {
    uint64_t first, n;
    const fg_predictor_query *queries;
    const uint32_t *from;
    const float *rho2;
} fg_observation;

/* How far to probe. */
typedef struct fg_probing {
    uint64_t nprobe; /* lists per query; 0: by the predictor */
    float threshold; /* the predictor: a list is probed when its score is above; -INFINITY: all of the calibration's
                        ranks */
    void (*observe)(void *user, const fg_observation *observation); /* or NULL; by the predictor only */
    void *user;
} fg_probing;

typedef struct fg_search_request {
    const float *queries; /* (n,d) */
    uint64_t n;
    int is_integer; /* of the rows' own integer type */
    uint32_t top;
    const int64_t *exclude; /* (n) ids that are not found, or NULL */
    fg_probing probing;
    int count_unique;
} fg_search_request;

/* ids, distances (n,top), distances may be NULL. Adds to stats. */
fgmm_status fg_searcher_run(fgmm_searcher *searcher, const fg_search_request *request, int64_t *ids, float *distances,
                            fgmm_search_stats *stats);

#endif
