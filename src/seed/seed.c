/* seed.c - which rows become the first centres: the method that AUTO stands for, the sample that a method wants, and
 * rows drawn at random. */
#include "seed.h"

#include "size.h"

enum { SAMPLE_ROWS = 65536, SAMPLE_ROWS_PER_COMPONENT = 32 };

/* k-means|| is the method for more components than this, and for so many rows that k-means++'s sample holds one in 64
 * of them at most: clusters of fewer than some hundred rows are then missing from it, while k-means|| looks at every
 * row. Mini-batches are for so many rows that its passes would take longer than all that follows. Where no more rows
 * exist than it would draw, it would be k-means++ on all of them, after passes that gain nothing. */
enum { MOST_KMEANSPP_COMPONENTS = 256, ROWS_PER_SAMPLE_ROW = 64 };

fgmm_init fg_seed_choose(fgmm_init init, uint64_t k, uint64_t n, int is_mini_batch)
{
    if (init != FGMM_INIT_AUTO) return init;
    const uint64_t rows = n == FGMM_ROWS_UNKNOWN && !is_mini_batch ? 0 : n;
    const int are_many = rows >= (uint64_t)ROWS_PER_SAMPLE_ROW * SAMPLE_ROWS;
    const int is_large = are_many ? !is_mini_batch : k > MOST_KMEANSPP_COMPONENTS;
    const int are_all_drawn = n != FGMM_ROWS_UNKNOWN && n <= fg_seed_parallel_candidates(k);
    return is_large && !are_all_drawn ? FGMM_INIT_KMEANS_PARALLEL : FGMM_INIT_KMEANSPP;
}

uint64_t fg_seed_sample_rows(fgmm_init init, uint64_t k, uint64_t d)
{
    if (init == FGMM_INIT_MODEL) return 0;
    if (init == FGMM_INIT_RANDOM) return k;
    if (init == FGMM_INIT_KMEANS_PARALLEL) {
        /* where a source of unknown length has no more rows than candidates, k-means++ sees all of them instead */
        const uint64_t swap_rows = fg_seed_swap_rows(k, d), candidates = fg_seed_parallel_candidates(k);
        return fg_max_u64(candidates, swap_rows > candidates ? swap_rows - candidates : 0);
    }
    return fg_max_u64(SAMPLE_ROWS, k <= UINT64_MAX / SAMPLE_ROWS_PER_COMPONENT ? SAMPLE_ROWS_PER_COMPONENT * k : k);
}

uint64_t fg_seed_fitting_rows(const fg_memory_plan_request *request, uint64_t wanted)
{
    const uint64_t k = request->pass.k, d = request->source->info.dims;
    const uint64_t limit = fg_memory_plan_limit(request->memory_limit_bytes);
    const fg_memory_left left = fg_memory_left_of(request->device, limit, request->held_bytes);
    /* On the device: the row, and its distances to the candidates of a step, 2 + ln 2^31 at most. */
    const uint64_t raw = d * fgmm_type_bytes(request->source->info.type), copy = (d + 24) * sizeof(float);
    const uint64_t drawn = request->weights.source ? sizeof(fg_draw) + sizeof(double) : 0;
    const uint64_t host_row = raw + drawn + (left.is_shared ? copy : 0);
    const uint64_t device_left = fg_min_u64(left.device, left.buffer);
    uint64_t rows = fg_min_u64(wanted, request->source->info.rows);
    while (rows > k && (rows > left.host / host_row || rows > device_left / copy)) rows = fg_max_u64(k, rows / 2);
    return rows;
}

void fg_seed_random(double *centres, const fg_seed_request *request)
{
    for (uint64_t c = 0; c < request->k; c++)
        fg_sample_values(centres + c * request->d, request->sample, c, request->type, request->d);
}
