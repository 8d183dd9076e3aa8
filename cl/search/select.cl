/* search/select.cl - what search/select_{cpu,gpu}.cl share: where the distances of a query lie, and their order.
 *
 *     finds    uint [finds][FIND]: begin in out (blocks), first block of its rows in ids, blocks
 *     ranges   uint [queries][2]: the finds of a query, first and one behind the last
 *     ids      long [blocks][BLOCK], -1: no row
 *     best_d   dist_t [queries][k]     best_ids  long [queries][k]     counts  uint [queries]: results so far, in order
 *     exclude  long [queries]: an id that is not kept; -1: none
 *
 * The order is (distance, id): equal distances go by the lower id, whatever order lists come in. A row that lies in
 * several lists has the same distance in each, to the last bit, so that its copies meet in one place and one is kept.
 */
#include "search/scan.cl"

enum { FIND = 3 };

/* How many of `count` results, or of others in order, come before (d, id). */
#define DEFINE_PLACE(name, space)                                                                                      \
    static inline uint name(space const dist_t *ds, space const long *ids, uint count, dist_t d, long id)              \
    {                                                                                                                  \
        uint low = 0, high = count;                                                                                    \
        while (low < high) {                                                                                           \
            const uint middle = (low + high) / 2;                                                                      \
            if (ds[middle] < d || (ds[middle] == d && ids[middle] < id))                                               \
                low = middle + 1;                                                                                      \
            else                                                                                                       \
                high = middle;                                                                                         \
        }                                                                                                              \
        return low;                                                                                                    \
    }
DEFINE_PLACE(place_in_results, __global)
