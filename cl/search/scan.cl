/* search/scan.cl - what search/scan_{cpu,gpu}.cl share: tasks, pairs, the type of a distance.
 *
 *     distance_qx = sum_j (q_j - x_j)^2          by differences, so that nothing cancels
 *
 * Rows of inverted lists lie in blocks of BLOCK, dimension-major, so that lanes and work-items run along rows; the last
 * block of a list is filled up with zero rows, whose ids are -1:
 *
 *     rows     row_t [blocks][d][BLOCK]
 *     queries  float [queries][d]
 *     tasks    uint [tasks][TASK]: first pair, pairs, first block, blocks, blocks that come before them in each pair's
 *              output
 *     pairs    uint [pairs][2]: query, and where its distances begin in out, in blocks
 *     out      dist_t: a pair's distances in the order of the rows
 *
 *   WIDE_SUMS  1: queries and rows are both integers of 8 bits, and D is so large that a float cannot hold the sum
 *              exactly: floats sum CHUNK dimensions, whose sums uint adds
 *   BLOCK      16
 * Precision: with integers every result is exact, 255^2 CHUNK < 2^24; with floats the relative error is at most
 * (D + 2) 2^-24.
 */
#include "common/prelude.cl"

enum { BLOCK = 16, TASK = 5, CHUNK = 256 };

#if WIDE_SUMS
typedef uint dist_t;
typedef uint16 distv;
#define DISTANCE_MAX 0xffffffffu
#else
typedef float dist_t;
typedef float16 distv;
#define DISTANCE_MAX INFINITY
#endif
