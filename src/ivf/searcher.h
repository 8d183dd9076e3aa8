/* searcher.h - searching an index on a device: coarse step, then lists in rounds. Below fgmm_searcher_search. */
#ifndef FG_SEARCHER_H
#define FG_SEARCHER_H

#include "id_set.h"
#include "index.h"
#include "rule.h"
#include "scan.h"

struct fgmm_searcher {
    const fgmm_index *index;
    fgmm_device *device;
    fg_store *lists, *centroids;
    fg_scan *coarse;
    fg_scan *scans[2]; /* by is_integer; made at first use */
    fg_rule rule;      /* where the index has a dial */
    fg_id_set seen;    /* for counting different ids */
};

/* dial: borrowed; NULL: the index's own, where it has one. */
fgmm_status fg_searcher_open(fgmm_searcher **searcher, const fgmm_index *index, fgmm_device *device,
                             const fg_dial *dial);

/* How far to probe. */
typedef struct fg_probing {
    uint64_t nprobe;  /* lists per query; 0: by the rule */
    float threshold;  /* the rule: a list is probed when its score is above */
    int is_recording; /* probe list after list up to the dial's ranks, and tell `record` before each */
    /* rank (from 1); rho2 (n): k-th squared distance, infinite while fewer are known */
    void (*record)(void *user, uint32_t rank, const fg_rule_query *queries, const float *rho2);
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
