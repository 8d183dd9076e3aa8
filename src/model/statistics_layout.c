/* statistics_layout.c - the size of statistics, and their parts. */
#include "statistics_layout.h"

#include "model.h"
#include "size.h"

fgmm_status fg_statistics_layout_of(fg_statistics_layout *layout, fgmm_covariance covariance, uint64_t k, uint64_t d)
{
    fgmm_status status = FGMM_OK;
    size_t bytes;
    /* Twice (k,d) and twice (k) doubles and the two sums: 6 (k,d) bounds them for every k, d >= 1; matrices have up to
     * (k,d,d) in place of one (k,d). Each takes at most half of the address space. */
    FG_TRY(fg_size_product3(&bytes, k, d, 12 * sizeof(double), "statistics"));
    FG_TRY(fg_size_product3(&bytes, fg_covariance_matrices(covariance, k), d, d, "statistics"));
    FG_TRY(fg_size_product(&bytes, bytes, 2 * sizeof(double), "statistics"));
    layout->counts = 2;
    layout->s1 = layout->counts + (size_t)k;
    layout->s2 = layout->s1 + (size_t)(k * d);
    layout->count = layout->s2 + (size_t)fg_covariance_count(covariance, k, d);
done:
    return status;
}
