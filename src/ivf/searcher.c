/* searcher.c - answers batches of queries: the nearest centroids, then the lists that a fixed number or the predictor
 * asks for, in rounds that share each list among all queries. */
#include "searcher.h"

#include "memory_plan.h"
#include "size.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- opening ---- */

/* Bytes for lists on the device, and the scratch of each of the two scans. Of the device's own memory lists may take
 * all but an eighth; of a limit to the process only half, since rows that are read, queries, results and what the
 * driver and the allocator keep count in it too. */
static uint64_t share_memory(fgmm_searcher *s, uint64_t memory_limit)
{
    enum { LEAST_SCRATCH = 1 << 18 };
    const fg_memory_left memory = fg_memory_left_of(s->device, memory_limit, fg_memory_plan_held_bytes());
    uint64_t left = memory.device, lists = memory.device / 8 * 7;
    if (memory_limit && memory.is_shared) {
        left = fg_min_u64(left, memory.host);
        lists = fg_min_u64(lists, left / 2);
    }
    const uint64_t scratch = fg_max_u64(LEAST_SCRATCH, left / 16 / sizeof(float));
    s->scratch_floats = fg_min_u64(scratch, memory.is_shared ? FG_SCAN_CPU_FLOATS : FG_SCAN_GPU_FLOATS);
    return lists;
}

fgmm_status fg_searcher_open(fgmm_searcher **searcher, const fgmm_index *index, fgmm_device *device,
                             const fg_calibration *calibration, uint64_t memory_limit_bytes)
{
    fgmm_status status = FGMM_OK;
    fgmm_searcher *s = NULL;
    *searcher = NULL;
    FG_TRY(FG_ALLOC(&s, 1, "searcher"));
    s->index = index;
    s->device = device;
    FG_TRY(fg_centroid_storage(&s->centroids, device, index->centroids, index->info.lists, index->info.dims));
    const uint64_t bytes = share_memory(s, memory_limit_bytes);
    const fg_scan_options coarse = {.type = FGMM_F32, .d = index->info.dims, .scratch_floats = s->scratch_floats};
    FG_TRY(fg_scan_create(&s->coarse, device, &coarse));
    FG_TRY(fg_list_cache_open(&s->list_cache, index, device, bytes));
    if (!calibration && index->calibration.for_top) calibration = &index->calibration;
    if (calibration) FG_TRY(fg_predictor_create(&s->predictor, index, calibration, s->coarse, s->centroids));
    *searcher = s;
    s = NULL;
done:
    fgmm_searcher_close(s);
    return status;
}

void fgmm_searcher_close(fgmm_searcher *s)
{
    if (!s) return;
    char text[FG_ERROR_TEXT_BYTES];
    fg_error_save(text);
    fg_scan_free(s->coarse);
    fg_scan_free(s->scans[0]);
    fg_scan_free(s->scans[1]);
    fg_list_cache_clear(&s->list_cache);
    fg_list_storage_free(s->centroids);
    fg_predictor_clear(&s->predictor);
    fg_id_set_free(&s->seen);
    free(s);
    fg_error_restore(text);
}

/* ---- one batch ---- */

/* Queries at a time, few enough that their ranked lists stay small; queries times lists that are wanted at a time where
 * all are. */
enum { BATCH_QUERIES = 4096, BATCH_RANKS = 1 << 20, PROBES = 1 << 18 };

typedef struct batch {
    fgmm_searcher *s;
    const fg_search_request *request;
    fg_scan *scan;
    const float *queries;   /* (n,d) */
    const int64_t *exclude; /* (n) or NULL */
    uint64_t first, n;      /* of the call's queries */
    uint64_t ranks;         /* lists that may be probed, nearest first; 0: all, in their own order */
    uint64_t probe_capacity;
    int64_t *order;                     /* (n,ranks) lists by ascending distance */
    float *d;                           /* (n,ranks) */
    fg_predictor_query *predictor_rows; /* (n) views of both */
    uint32_t *next;                     /* (n) the next rank */
    uint32_t *from;                     /* (n) the rank at which k results were known */
    float *rho2;                        /* (n) */
    float *best;                        /* (n,top) */
    fg_probe *probes;                   /* of this round */
    uint64_t probe_count;
    fg_probe *all; /* of all rounds, where ids are counted */
    uint64_t all_count;
} batch;

static void batch_free(batch *b)
{
    free(b->order);
    free(b->d);
    free(b->predictor_rows);
    free(b->next);
    free(b->from);
    free(b->rho2);
    free(b->best);
    free(b->probes);
    free(b->all);
}

static fgmm_status batch_create(batch *b)
{
    fgmm_status status = FGMM_OK;
    size_t count;
    const int is_by_predictor = !b->request->probing.nprobe;
    FG_TRY(fg_size_product(&count, b->n, b->ranks, "lists of a batch"));
    FG_TRY(FG_ALLOC(&b->order, count, "lists of a batch"));
    FG_TRY(FG_ALLOC(&b->d, count, "lists of a batch"));
    b->probe_capacity = b->ranks ? count : fg_max_u64(b->n, PROBES);
    FG_TRY(FG_ALLOC(&b->probes, b->probe_capacity, "lists of a batch"));
    if (b->request->count_unique && b->ranks) FG_TRY(FG_ALLOC(&b->all, count, "lists of a batch"));
    if (!is_by_predictor) goto done;
    FG_TRY(FG_ALLOC(&b->predictor_rows, b->n, "queries of a batch"));
    FG_TRY(FG_ALLOC(&b->next, b->n, "queries of a batch"));
    FG_TRY(FG_ALLOC(&b->from, b->n, "queries of a batch"));
    FG_TRY(FG_ALLOC(&b->rho2, b->n, "queries of a batch"));
    FG_TRY(FG_ALLOC(&b->best, b->n * b->request->top, "queries of a batch"));
    for (uint64_t q = 0; q < b->n; q++)
        b->predictor_rows[q] = (fg_predictor_query){b->order + q * b->ranks, b->d + q * b->ranks};
done:
    return status;
}

typedef struct ranked {
    float d;
    uint32_t list;
} ranked;

static int compare_ranked(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->d != y->d) return x->d < y->d ? -1 : 1;
    return (x->list > y->list) - (x->list < y->list);
}

/* More lists in order than the device keeps: all distances are fetched and sorted here, of `part` queries at a time. */
static fgmm_status rank_on_host(batch *b)
{
    enum { PART_FLOATS = 1 << 22 };
    fgmm_status status = FGMM_OK;
    const uint64_t k = b->s->index->info.lists, d = b->s->index->info.dims, stride = fg_round_up(k, FG_BLOCK_ROWS);
    const uint64_t part = fg_max_u64(1, PART_FLOATS / stride);
    float *row = NULL;
    ranked *sorted = NULL;
    FG_TRY(FG_ALLOC(&row, k, "distances to centroids"));
    FG_TRY(FG_ALLOC(&sorted, k, "distances to centroids"));
    for (uint64_t q = 0; q < b->n; q++) {
        if (q % part == 0)
            FG_TRY(
                fg_scan_distances(NULL, b->s->coarse, b->s->centroids, b->queries + q * d, fg_min_u64(part, b->n - q)));
        FG_TRY(fg_scan_read_distances(row, b->s->coarse, q % part, k));
        for (uint64_t i = 0; i < k; i++) sorted[i] = (ranked){row[i], (uint32_t)i};
        qsort(sorted, (size_t)k, sizeof *sorted, compare_ranked);
        for (uint64_t i = 0; i < b->ranks; i++) {
            b->order[q * b->ranks + i] = sorted[i].list;
            b->d[q * b->ranks + i] = sorted[i].d;
        }
    }
done:
    free(row);
    free(sorted);
    return status;
}

static fgmm_status rank_lists(batch *b)
{
    fgmm_status status = FGMM_OK;
    if (b->ranks > FGMM_TOP_MAX) return rank_on_host(b);
    for (uint64_t q = 0; q < b->n; q++) b->probes[q] = (fg_probe){(uint32_t)q, 0};
    FG_TRY(fg_scan_begin(b->s->coarse, b->queries, b->n, (uint32_t)b->ranks, NULL));
    FG_TRY(fg_scan_run(b->s->coarse, b->s->centroids, b->probes, b->n));
    FG_TRY(fg_scan_results(b->s->coarse, b->order, b->d));
    /* a query so far away that no distance is a number takes the lists as they come */
    for (uint64_t i = 0; i < b->n * b->ranks; i++)
        if (b->order[i] < 0) b->order[i] = (int64_t)(i % b->ranks);
done:
    return status;
}

/* Query q is to look into a list. */
static void want(batch *b, uint64_t q, uint64_t list, fgmm_search_stats *stats)
{
    const uint64_t length = b->s->index->counts[list];
    stats->probed++;
    stats->scanned += length;
    if (length == 0) return;
    b->probes[b->probe_count++] = (fg_probe){(uint32_t)q, (uint32_t)list};
    if (b->all) b->all[b->all_count++] = (fg_probe){(uint32_t)q, (uint32_t)list};
}

static void want_rank(batch *b, uint64_t q, uint32_t rank, fgmm_search_stats *stats)
{
    want(b, q, (uint64_t)b->order[q * b->ranks + rank], stats);
}

static fgmm_status scan_wanted(batch *b)
{
    const fgmm_status status = fg_list_cache_scan(&b->s->list_cache, b->scan, b->probes, b->probe_count);
    b->probe_count = 0;
    return status;
}

/* ---- how far to probe ---- */

/* Every list: no order is needed. */
static fgmm_status probe_all(batch *b, fgmm_search_stats *stats)
{
    fgmm_status status = FGMM_OK;
    for (uint64_t list = 0; list < b->s->index->info.lists; list++) {
        if (b->probe_count + b->n > b->probe_capacity) FG_TRY(scan_wanted(b));
        for (uint64_t q = 0; q < b->n; q++) want(b, q, list, stats);
    }
    FG_TRY(scan_wanted(b));
done:
    return status;
}

static fgmm_status probe_fixed(batch *b, fgmm_search_stats *stats)
{
    for (uint64_t q = 0; q < b->n; q++)
        for (uint32_t i = 0; i < b->ranks; i++) want_rank(b, q, i, stats);
    return scan_wanted(b);
}

/* Of the queries that still have ranks before them; of the others the predictor has asked. */
static fgmm_status read_rho(batch *b)
{
    const fgmm_status status = fg_scan_results(b->scan, NULL, b->best);
    const uint32_t top = b->request->top;
    for (uint64_t q = 0; q < b->n; q++)
        if (b->next[q] < b->ranks) b->rho2[q] = b->best[q * top + top - 1];
    return status;
}

/* The lists that query q takes in this round: until k results are known the next one, then all that the predictor asks
 * for. Renewing the k-th distance in between was measured to save nothing (docs/ivf.md), and lists are shared by fewer
 * queries the more rounds there are. */
static void choose(batch *b, uint64_t q, fgmm_search_stats *stats)
{
    const float threshold = b->request->probing.threshold;
    if (b->next[q] == b->ranks) return;
    if (!isfinite(b->rho2[q])) {
        want_rank(b, q, b->next[q]++, stats);
        b->from[q] = b->next[q];
        return;
    }
    for (; b->next[q] < b->ranks; b->next[q]++)
        if (threshold == -INFINITY ||
            fg_predictor_score(&b->s->predictor, &b->predictor_rows[q], b->next[q], b->rho2[q]) > threshold)
            want_rank(b, q, b->next[q], stats);
}

static fgmm_status probe_by_predictor(batch *b, fgmm_search_stats *stats)
{
    fgmm_status status = FGMM_OK;
    const fg_probing *probing = &b->request->probing;
    for (uint64_t q = 0; q < b->n; q++) b->rho2[q] = INFINITY;
    for (int is_going = 1; is_going;) {
        is_going = 0;
        for (uint64_t q = 0; q < b->n; q++) {
            choose(b, q, stats);
            is_going = is_going || b->next[q] < b->ranks;
        }
        FG_TRY(scan_wanted(b));
        if (is_going) FG_TRY(read_rho(b));
    }
    const fg_observation observation = {b->first, b->n, b->predictor_rows, b->from, b->rho2};
    if (probing->observe) probing->observe(probing->user, &observation);
done:
    return status;
}

/* ---- counting different ids ---- */

/* Different ids in `count` lists. */
static fgmm_status count_ids(uint64_t *unique, fgmm_searcher *s, const uint32_t *lists, uint64_t count)
{
    fgmm_status status = FGMM_OK;
    const fgmm_index *index = s->index;
    uint64_t entries = 0;
    for (uint64_t i = 0; i < count; i++) entries += index->counts[lists[i]];
    if (index->info.entries == index->info.rows) { /* each id stands in one list */
        *unique += entries;
        goto done;
    }
    FG_TRY(fg_id_set_begin(&s->seen, entries));
    for (uint64_t i = 0; i < count; i++)
        for (uint64_t e = index->first_id[lists[i]]; e < index->first_id[lists[i] + 1]; e++)
            *unique += (uint64_t)fg_id_set_add(&s->seen, index->ids[e]);
done:
    return status;
}

static fgmm_status count_unique(batch *b, fgmm_search_stats *stats)
{
    fgmm_status status = FGMM_OK;
    uint64_t *first = NULL;
    uint32_t *lists = NULL;
    if (!b->ranks) { /* all there are */
        stats->unique += b->n * b->s->index->info.rows;
        goto done;
    }
    FG_TRY(FG_ALLOC(&first, b->n + 2, "lists of a batch"));
    FG_TRY(FG_ALLOC(&lists, b->all_count + 1, "lists of a batch"));
    for (uint64_t i = 0; i < b->all_count; i++) first[b->all[i].query + 2]++;
    for (uint64_t q = 0; q < b->n; q++) first[q + 2] += first[q + 1];
    for (uint64_t i = 0; i < b->all_count; i++) lists[first[b->all[i].query + 1]++] = b->all[i].list;
    for (uint64_t q = 0; q < b->n; q++)
        FG_TRY(count_ids(&stats->unique, b->s, lists + first[q], first[q + 1] - first[q]));
done:
    free(first);
    free(lists);
    return status;
}

/* ---- all batches ---- */

static fgmm_status get_scan(fg_scan **scan, fgmm_searcher *s, int is_integer)
{
    fgmm_status status = FGMM_OK;
    const fg_scan_options options = {.type = s->index->info.type,
                                     .d = s->index->info.dims,
                                     .is_integer = is_integer,
                                     .scratch_floats = s->scratch_floats};
    if (!s->scans[is_integer]) FG_TRY(fg_scan_create(&s->scans[is_integer], s->device, &options));
    *scan = s->scans[is_integer];
done:
    return status;
}

static fgmm_status run_batch(batch *b, int64_t *ids, float *distances, fgmm_search_stats *stats)
{
    fgmm_status status = FGMM_OK;
    const fgmm_index_info *info = &b->s->index->info;
    FG_TRY(batch_create(b));
    if (b->ranks) FG_TRY(rank_lists(b));
    FG_TRY(fg_scan_begin(b->scan, b->queries, b->n, b->request->top, b->exclude));
    FG_TRY(!b->ranks                    ? probe_all(b, stats)
           : b->request->probing.nprobe ? probe_fixed(b, stats)
                                        : probe_by_predictor(b, stats));
    FG_TRY(fg_scan_results(b->scan, ids, distances));
    if (b->request->count_unique) FG_TRY(count_unique(b, stats));
    stats->queries += b->n;
    if (b->ranks) stats->coarse += b->n * info->lists;
done:
    return status;
}

fgmm_status fg_searcher_run(fgmm_searcher *s, const fg_search_request *request, int64_t *ids, float *distances,
                            fgmm_search_stats *stats)
{
    fgmm_status status = FGMM_OK;
    const fgmm_index_info *info = &s->index->info;
    const uint64_t nprobe = request->probing.nprobe;
    const uint64_t ranks = nprobe == 0 ? s->predictor.calibration->ranks : nprobe < info->lists ? nprobe : 0;
    const uint64_t most = ranks ? fg_max_u64(1, fg_min_u64(BATCH_QUERIES, BATCH_RANKS / ranks)) : BATCH_QUERIES;
    fg_scan *scan;
    FG_TRY(get_scan(&scan, s, request->is_integer));
    for (uint64_t at = 0; at < request->n;) {
        batch b = {.s = s, .request = request, .scan = scan, .ranks = ranks, .first = at};
        b.n = fg_min_u64(most, request->n - at);
        b.queries = request->queries + (size_t)(at * info->dims);
        b.exclude = request->exclude ? request->exclude + at : NULL;
        status = run_batch(&b, ids + at * request->top, distances ? distances + at * request->top : NULL, stats);
        batch_free(&b);
        if (status != FGMM_OK) goto done;
        at += b.n;
    }
done:
    return status;
}
