/* common/partial_sums.cl - says where numbers lie in the partial sums that common/combine.cl adds up, and adds to sums
 * with a low part. All backends.
 *
 *   partial (segments, PARTIAL):  S1 (ROW_STRIDE) | S2 (diag ROW_STRIDE, else 1) | N, filled up to whole vectors
 *                   matrices:     S1 (ROW_STRIDE) | its low part (ROW_STRIDE) | N | its low part
 *   products of a component:      S1 (ROW_STRIDE) | diag: S2 (ROW_STRIDE)        = DENSE_STRIDE
 *   S2_DIAG     1: second moments per dimension
 *   S2_MATRIX   1: second moments are matrices, summed by {cpu,gpu}/moments.cl
 */
#include "common/rows.cl"

#if S2_DIAG || S2_MATRIX
#define PARTIAL_S2 ROW_STRIDE
#else
#define PARTIAL_S2 1
#endif
#if S2_DIAG
#define DENSE_STRIDE (2 * ROW_STRIDE)
#else
#define DENSE_STRIDE ROW_STRIDE
#endif
#define PARTIAL ((ROW_STRIDE + PARTIAL_S2 + 1 + S2_MATRIX + VW - 1) / VW * VW)

#if S2_MATRIX
/* Sums (high, low) += more + more_low; Knuth's two-sum for the high parts. */
static inline void add_pair(floatv *high, floatv *low, floatv more, floatv more_low)
{
    const floatv sum = *high + more, z = sum - *high;
    *low += ((*high - (sum - z)) + (more - z)) + more_low;
    *high = sum;
}

/* Sums (high, low) += a b, the product exact. */
static inline void add_exactly(floatv *high, floatv *low, floatv a, floatv b)
{
    const floatv product = a * b;
    add_pair(high, low, product, fma(a, b, -product));
}
#endif
