/* away.c - recognises queries by their distances to the nearest lists, and finds how far these must look by searching
 * all lists for some of them. */
#include "away.h"

#include "size.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Queries that are searched exhaustively; their mean recall is then known to a hundredth. */
enum { SAMPLE = 128, BISECTIONS = 4, FIRST_LISTS = 8 };

/* The distance to the nearest list over that to the last one: near 1 where all are about equally far. d (ranks). */
static double flatness_of(const float *d, uint32_t ranks)
{
    return ranks > 1 && d[ranks - 1] > 0 ? (double)d[0] / (double)d[ranks - 1] : 0;
}

void fg_seen_record(fg_seen *seen, const float *d, uint32_t ranks)
{
    if (isfinite(d[0])) seen->nearest = fmax(seen->nearest, (double)d[0]);
    seen->flatness = fmax(seen->flatness, flatness_of(d, ranks));
}

/* Beyond the farthest of some three thousand queries: one in a thousand of the data's own kind is. */
static int is_away(const fg_seen *seen, const float *d, uint32_t ranks)
{
    /* no number at all is as far away as can be */
    return !((double)d[0] <= seen->nearest) || flatness_of(d, ranks) > seen->flatness;
}

typedef struct away {
    fgmm_searcher *s;
    const fg_search_request *request;
    uint64_t *numbers; /* (n) of the queries that are away, in the order of the call */
    uint64_t count;
    float *queries; /* of them, (count,d) */
    int64_t *ids;   /* (count,top) */
    float *distances;
} away;

static void observe(void *user, const fg_observation *seen)
{
    away *a = user;
    for (uint64_t i = 0; i < seen->n; i++)
        if (is_away(&a->s->index->seen, seen->queries[i].d, a->s->predictor.calibration->ranks))
            a->numbers[a->count++] = seen->first + i;
}

/* What a search of queries that have been counted already adds. */
static void add_stats(fgmm_search_stats *stats, const fgmm_search_stats *more)
{
    stats->coarse += more->coarse;
    stats->probed += more->probed;
    stats->scanned += more->scanned;
    stats->unique += more->unique;
}

/* n queries in so many lists, the nearest. */
static fgmm_status search_lists(const away *a, const float *queries, uint64_t n, uint64_t lists, int64_t *ids,
                                float *distances, fgmm_search_stats *stats)
{
    fgmm_status status = FGMM_OK;
    fgmm_search_stats more = fgmm_search_stats_init();
    const fg_search_request request = {.queries = queries,
                                       .n = n,
                                       .is_integer = a->request->is_integer,
                                       .top = a->request->top,
                                       .probing = {.nprobe = lists},
                                       .count_unique = a->request->count_unique};
    FG_TRY(fg_searcher_run(a->s, &request, ids, distances, &more));
    add_stats(stats, &more);
done:
    return status;
}

/* Mean share of the true neighbours, (n,top), that were found, minus its standard error. */
static double sure_recall(const int64_t *found, const int64_t *truth, uint64_t n, uint32_t top)
{
    double sum = 0, squares = 0;
    for (uint64_t q = 0; q < n; q++, found += top, truth += top) {
        uint32_t hits = 0, wanted = 0;
        for (uint32_t i = 0; i < top && truth[i] >= 0; i++, wanted++)
            for (uint32_t j = 0; j < top; j++) hits += found[j] == truth[i];
        const double share = wanted ? (double)hits / wanted : 1;
        sum += share;
        squares += share * share;
    }
    const double mean = sum / (double)n, variance = squares / (double)n - mean * mean;
    return mean - sqrt(fmax(variance, 0) / (double)n);
}

/* Lists by which the sample, whose neighbours are `truth`, has the recall: doubled, then bisected. */
static fgmm_status find_lists(uint64_t *lists, const away *a, const float *sample, const int64_t *truth, double recall,
                              fgmm_search_stats *stats)
{
    fgmm_status status = FGMM_OK;
    const uint64_t all = a->s->index->info.lists;
    const uint32_t top = a->request->top;
    uint64_t low = 0, high = fg_min_u64(FIRST_LISTS, all);
    int64_t *found = NULL;
    FG_TRY(FG_ALLOC(&found, SAMPLE * top, "results"));
    for (; high < all; low = high, high = fg_min_u64(2 * high, all)) {
        FG_TRY(search_lists(a, sample, SAMPLE, high, found, NULL, stats));
        if (sure_recall(found, truth, SAMPLE, top) >= recall) break;
    }
    for (int i = 0; i < BISECTIONS && high - low > 1; i++) {
        const uint64_t middle = low + (high - low) / 2;
        FG_TRY(search_lists(a, sample, SAMPLE, middle, found, NULL, stats));
        *(sure_recall(found, truth, SAMPLE, top) >= recall ? &high : &low) = middle;
    }
    *lists = high;
done:
    free(found);
    return status;
}

/* Which of the queries the i-th of the sample is: they are spread evenly, since queries side by side are often
 * alike. */
static uint64_t sample_place(const away *a, uint64_t i)
{
    return i * a->count / SAMPLE;
}

/* More queries than a sample: the others follow it. */
static fgmm_status search_by_sample(const away *a, double recall, fgmm_search_stats *stats)
{
    fgmm_status status = FGMM_OK;
    const uint64_t d = a->s->index->info.dims, all = a->s->index->info.lists, top = a->request->top;
    float *sample = NULL, *distances = NULL;
    int64_t *truth = NULL;
    uint64_t lists;
    FG_TRY(FG_ALLOC(&sample, SAMPLE * d, "queries"));
    FG_TRY(FG_ALLOC(&truth, SAMPLE * top, "results"));
    FG_TRY(FG_ALLOC(&distances, SAMPLE * top, "results"));
    for (uint64_t i = 0; i < SAMPLE; i++)
        memcpy(sample + i * d, a->queries + sample_place(a, i) * d, (size_t)d * sizeof *sample);
    FG_TRY(search_lists(a, sample, SAMPLE, all, truth, distances, stats));
    FG_TRY(find_lists(&lists, a, sample, truth, recall, stats));
    FG_TRY(search_lists(a, a->queries, a->count, lists, a->ids, a->distances, stats));
    for (uint64_t i = 0; i < SAMPLE; i++) {
        memcpy(a->ids + sample_place(a, i) * top, truth + i * top, (size_t)top * sizeof *truth);
        memcpy(a->distances + sample_place(a, i) * top, distances + i * top, (size_t)top * sizeof *distances);
    }
done:
    free(sample);
    free(truth);
    free(distances);
    return status;
}

static fgmm_status search_away(away *a, double recall, int64_t *ids, float *distances, fgmm_search_stats *stats)
{
    fgmm_status status = FGMM_OK;
    const uint64_t d = a->s->index->info.dims, top = a->request->top, all = a->s->index->info.lists;
    FG_TRY(FG_ALLOC(&a->queries, a->count * d, "queries"));
    FG_TRY(FG_ALLOC(&a->ids, a->count * top, "results"));
    FG_TRY(FG_ALLOC(&a->distances, a->count * top, "results"));
    for (uint64_t i = 0; i < a->count; i++)
        memcpy(a->queries + i * d, a->request->queries + a->numbers[i] * d, (size_t)d * sizeof *a->queries);
    if (a->count <= SAMPLE)
        FG_TRY(search_lists(a, a->queries, a->count, all, a->ids, a->distances, stats));
    else
        FG_TRY(search_by_sample(a, recall, stats));
    for (uint64_t i = 0; i < a->count; i++) {
        memcpy(ids + a->numbers[i] * top, a->ids + i * top, (size_t)top * sizeof *ids);
        if (distances) memcpy(distances + a->numbers[i] * top, a->distances + i * top, (size_t)top * sizeof *distances);
    }
done:
    return status;
}

fgmm_status fg_away_run(fgmm_searcher *s, const fg_search_request *request, double recall, int64_t *ids,
                        float *distances, fgmm_search_stats *stats)
{
    fgmm_status status = FGMM_OK;
    away a = {.s = s, .request = request};
    fg_search_request counted = *request;
    const int is_known = s->index->seen.nearest > 0; /* not of old files, nor where all rows are centroids */
    if (!is_known || request->n == 0) return fg_searcher_run(s, request, ids, distances, stats);
    FG_TRY(FG_ALLOC(&a.numbers, request->n, "queries"));
    counted.probing.observe = observe;
    counted.probing.user = &a;
    FG_TRY(fg_searcher_run(s, &counted, ids, distances, stats));
    stats->away += a.count;
    if (a.count > 0) FG_TRY(search_away(&a, recall, ids, distances, stats));
done:
    free(a.numbers);
    free(a.queries);
    free(a.ids);
    free(a.distances);
    return status;
}
