/* away.h - queries unlike those that the index was calibrated with: the threshold that gives them a recall is another.
 */
#ifndef FG_AWAY_H
#define FG_AWAY_H

#include "searcher.h"

/* Takes a query's distances into account, (ranks) as the predictor sees them. */
void fg_seen_record(fg_seen *seen, const float *d, uint32_t ranks);

/* A search by recall: request->probing.threshold is what the calibration says for it. Queries that lie beyond
 * index->seen are found by a fixed number of lists, in which a part of them has the recall: for up to 128 of them every
 * list is searched, and where there are more, these tell how many lists the others need. Errors and arguments as
 * fg_searcher_run; stats->away is their number. */
fgmm_status fg_away_run(fgmm_searcher *searcher, const fg_search_request *request, double recall, int64_t *ids,
                        float *distances, fgmm_search_stats *stats);

#endif
