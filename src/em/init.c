/* init.c - which rows become the first centres: the method that AUTO stands for, the sample that a method wants, and
 * rows drawn at random. */
#include "init.h"

#include "size.h"

enum { SAMPLE_ROWS = 65536, SAMPLE_ROWS_PER_COMPONENT = 32 };

/* k-means|| is the method for more components than this, and for so many rows that k-means++'s sample holds one in 64
 * of them at most: clusters of fewer than some hundred rows are then missing from it, while k-means|| looks at every
 * row. Mini-batches are for so many rows that its passes would take longer than all that follows. Where no more rows
 * exist than it would draw, it would be k-means++ on all of them after passes in vain. */
enum { MOST_KMEANSPP_COMPONENTS = 256, ROWS_PER_SAMPLE_ROW = 64 };

fgmm_init fg_init_choose(fgmm_init init, uint64_t k, uint64_t n, int is_mini_batch)
{
    if (init != FGMM_INIT_AUTO) return init;
    const uint64_t rows = n == FGMM_ROWS_UNKNOWN && !is_mini_batch ? 0 : n;
    const int are_many = rows >= (uint64_t)ROWS_PER_SAMPLE_ROW * SAMPLE_ROWS;
    const int is_large = are_many ? !is_mini_batch : k > MOST_KMEANSPP_COMPONENTS;
    const int are_all_drawn = n != FGMM_ROWS_UNKNOWN && n <= fg_init_parallel_candidates(k);
    return is_large && !are_all_drawn ? FGMM_INIT_KMEANS_PARALLEL : FGMM_INIT_KMEANSPP;
}

uint64_t fg_init_sample_rows(fgmm_init init, uint64_t k, uint64_t d)
{
    if (init == FGMM_INIT_MODEL) return 0;
    if (init == FGMM_INIT_RANDOM) return k;
    if (init == FGMM_INIT_KMEANS_PARALLEL) {
        /* where a source of unknown length has no more rows than candidates, k-means++ sees all of them instead */
        const uint64_t swap_rows = fg_init_swap_rows(k, d), candidates = fg_init_parallel_candidates(k);
        return fg_max_u64(candidates, swap_rows > candidates ? swap_rows - candidates : 0);
    }
    return fg_max_u64(SAMPLE_ROWS, k <= UINT64_MAX / SAMPLE_ROWS_PER_COMPONENT ? SAMPLE_ROWS_PER_COMPONENT * k : k);
}

void fg_init_random(double *centres, const fg_init_request *request)
{
    for (uint64_t c = 0; c < request->k; c++)
        fg_sample_values(centres + c * request->d, request->sample, c, request->type, request->d);
}
