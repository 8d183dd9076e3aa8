/* searcher.c - brings an index to a device, and answers batches of queries: the nearest centroids, then the lists that
 * a fixed number or the rule asks for, in rounds that share each list among all queries. */
#include "searcher.h"

#include "assign.h"
#include "size.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- opening ---- */

enum { READ_BYTES = 4 << 20 };

static fgmm_status load_lists(fgmm_searcher *s)
{
    fgmm_status status = FGMM_OK;
    const fgmm_index *index = s->index;
    const size_t row_bytes = fg_index_row_bytes(index);
    const uint64_t most = fg_round_up(fg_max_u64(1, READ_BYTES / row_bytes), FG_BLOCK_ROWS);
    unsigned char *rows = NULL;
    FG_TRY(fg_store_create(&s->lists, s->device, index->info.type, index->info.dims, index->counts, index->info.lists));
    FG_TRY(fg_alloc((void **)&rows, most, row_bytes, "rows of a list"));
    for (uint64_t list = 0; list < index->info.lists; list++)
        for (uint64_t first = 0; first < index->counts[list]; first += most) {
            const uint64_t n = fg_min_u64(most, index->counts[list] - first);
            FG_TRY(fg_index_read_rows(index, list, first, n, rows));
            FG_TRY(fg_store_write(s->lists, list, first, n, rows, index->ids + index->first_id[list] + first));
        }
done:
    free(rows);
    return status;
}

fgmm_status fg_searcher_open(fgmm_searcher **searcher, const fgmm_index *index, fgmm_device *device,
                             const fg_dial *dial)
{
    fgmm_status status = FGMM_OK;
    fgmm_searcher *s = NULL;
    const fg_scan_options coarse = {.type = FGMM_F32, .d = index->info.dims};
    *searcher = NULL;
    FG_TRY(FG_ALLOC(&s, 1, "searcher"));
    s->index = index;
    s->device = device;
    FG_TRY(fg_centroid_store(&s->centroids, device, index->centroids, index->info.lists, index->info.dims));
    FG_TRY(fg_scan_create(&s->coarse, device, &coarse));
    FG_TRY(load_lists(s));
    if (!dial && index->dial.for_top) dial = &index->dial;
    if (dial) FG_TRY(fg_rule_create(&s->rule, index, dial));
    *searcher = s;
    s = NULL;
done:
    fgmm_searcher_close(s);
    return status;
}

void fgmm_searcher_close(fgmm_searcher *s)
{
    if (!s) return;
    fg_scan_free(s->coarse);
    fg_scan_free(s->scans[0]);
    fg_scan_free(s->scans[1]);
    fg_store_free(s->lists);
    fg_store_free(s->centroids);
    fg_rule_clear(&s->rule);
    fg_id_set_free(&s->seen);
    free(s);
}

/* ---- one batch ---- */

typedef struct batch {
    fgmm_searcher *s;
    const fg_search_request *request;
    fg_scan *scan;
    const float *queries;   /* (n,d) */
    const int64_t *exclude; /* (n) or NULL */
    uint64_t n;
    uint32_t ranks;           /* lists that may be probed */
    int64_t *order;           /* (n,ranks) lists by ascending distance */
    float *d;                 /* (n,ranks) */
    fg_rule_query *rule_rows; /* (n) views of both */
    uint32_t *next;           /* (n) the next rank */
    float *rho2;              /* (n) */
    float *best;              /* (n,top) */
    fg_probe *probes;         /* of this round */
    uint64_t probe_count;
    fg_probe *all; /* of all rounds, where ids are counted */
    uint64_t all_count;
} batch;

static void batch_free(batch *b)
{
    free(b->order);
    free(b->d);
    free(b->rule_rows);
    free(b->next);
    free(b->rho2);
    free(b->best);
    free(b->probes);
    free(b->all);
}

static fgmm_status batch_create(batch *b)
{
    fgmm_status status = FGMM_OK;
    size_t count;
    FG_TRY(fg_size_product(&count, b->n, b->ranks, "lists of a batch"));
    FG_TRY(FG_ALLOC(&b->order, count, "lists of a batch"));
    FG_TRY(FG_ALLOC(&b->d, count, "lists of a batch"));
    FG_TRY(FG_ALLOC(&b->probes, count, "lists of a batch"));
    if (b->request->count_unique) FG_TRY(FG_ALLOC(&b->all, count, "lists of a batch"));
    FG_TRY(FG_ALLOC(&b->rule_rows, b->n, "queries of a batch"));
    FG_TRY(FG_ALLOC(&b->next, b->n, "queries of a batch"));
    FG_TRY(FG_ALLOC(&b->rho2, b->n, "queries of a batch"));
    FG_TRY(FG_ALLOC(&b->best, b->n * b->request->top, "queries of a batch"));
    for (uint64_t q = 0; q < b->n; q++) b->rule_rows[q] = (fg_rule_query){b->order + q * b->ranks, b->d + q * b->ranks};
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

/* More lists in order than the device keeps: all distances are fetched and sorted here. */
static fgmm_status rank_on_host(batch *b)
{
    fgmm_status status = FGMM_OK;
    const uint64_t k = b->s->index->info.lists, stride = fg_round_up(k, FG_BLOCK_ROWS);
    const fg_buffer *distances;
    float *row = NULL;
    ranked *sorted = NULL;
    FG_TRY(FG_ALLOC(&row, k, "distances to centroids"));
    FG_TRY(FG_ALLOC(&sorted, k, "distances to centroids"));
    FG_TRY(fg_scan_distances(&distances, b->s->coarse, b->s->centroids, b->queries, b->n));
    for (uint64_t q = 0; q < b->n; q++) {
        FG_TRY(fg_buffer_read(distances, (size_t)(q * stride) * sizeof *row, row, (size_t)k * sizeof *row));
        for (uint64_t i = 0; i < k; i++) sorted[i] = (ranked){row[i], (uint32_t)i};
        qsort(sorted, (size_t)k, sizeof *sorted, compare_ranked);
        for (uint32_t i = 0; i < b->ranks; i++) {
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
    FG_TRY(fg_scan_begin(b->s->coarse, b->queries, b->n, b->ranks, NULL));
    FG_TRY(fg_scan_run(b->s->coarse, b->s->centroids, b->probes, b->n));
    FG_TRY(fg_scan_results(b->s->coarse, b->order, b->d));
    /* a query so far away that no distance is a number takes the lists as they come */
    for (uint64_t i = 0; i < b->n * b->ranks; i++)
        if (b->order[i] < 0) b->order[i] = (int64_t)(i % b->ranks);
done:
    return status;
}

static void want(batch *b, uint64_t q, uint32_t rank, fgmm_search_stats *stats)
{
    const int64_t list = b->order[q * b->ranks + rank];
    const uint64_t length = b->s->index->counts[list];
    stats->probed++;
    stats->scanned += length;
    if (length == 0) return;
    b->probes[b->probe_count++] = (fg_probe){(uint32_t)q, (uint32_t)list};
    if (b->all) b->all[b->all_count++] = (fg_probe){(uint32_t)q, (uint32_t)list};
}

static fgmm_status scan_wanted(batch *b)
{
    const fgmm_status status = fg_scan_run(b->scan, b->s->lists, b->probes, b->probe_count);
    b->probe_count = 0;
    return status;
}

static fgmm_status read_rho(batch *b)
{
    const fgmm_status status = fg_scan_results(b->scan, NULL, b->best);
    const uint32_t top = b->request->top;
    for (uint64_t q = 0; q < b->n; q++) b->rho2[q] = b->best[q * top + top - 1];
    return status;
}

/* ---- how far to probe ---- */

static fgmm_status probe_fixed(batch *b, fgmm_search_stats *stats)
{
    for (uint64_t q = 0; q < b->n; q++)
        for (uint32_t i = 0; i < b->ranks; i++) want(b, q, i, stats);
    return scan_wanted(b);
}

static fgmm_status probe_recording(batch *b, fgmm_search_stats *stats)
{
    fgmm_status status = FGMM_OK;
    const fg_probing *probing = &b->request->probing;
    for (uint64_t q = 0; q < b->n; q++) b->rho2[q] = INFINITY;
    for (uint32_t i = 0; i < b->ranks; i++) {
        probing->record(probing->user, i + 1, b->rule_rows, b->rho2);
        for (uint64_t q = 0; q < b->n; q++) want(b, q, i, stats);
        FG_TRY(scan_wanted(b));
        FG_TRY(read_rho(b));
    }
done:
    return status;
}

/* The lists that query q takes in this round: until k results are known the next one, then all that the rule asks for.
 * Renewing the k-th distance in between was measured to save nothing (docs/ivf.md), and lists are shared by fewer
 * queries the more rounds there are. */
static void choose(batch *b, uint64_t q, fgmm_search_stats *stats)
{
    if (!isfinite(b->rho2[q]) && b->next[q] < b->ranks) {
        want(b, q, b->next[q]++, stats);
        return;
    }
    for (; b->next[q] < b->ranks; b->next[q]++)
        if (fg_rule_score(&b->s->rule, &b->rule_rows[q], b->next[q], b->rho2[q]) > b->request->probing.threshold)
            want(b, q, b->next[q], stats);
}

static fgmm_status probe_by_rule(batch *b, fgmm_search_stats *stats)
{
    fgmm_status status = FGMM_OK;
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

/* Queries at a time: few enough that their ranked lists stay small. */
enum { BATCH_QUERIES = 4096, BATCH_RANKS = 1 << 22 };

static fgmm_status get_scan(fg_scan **scan, fgmm_searcher *s, int is_integer)
{
    fgmm_status status = FGMM_OK;
    const fg_scan_options options = {.type = s->index->info.type, .d = s->index->info.dims, .is_integer = is_integer};
    if (!s->scans[is_integer]) FG_TRY(fg_scan_create(&s->scans[is_integer], s->device, &options));
    *scan = s->scans[is_integer];
done:
    return status;
}

static fgmm_status run_batch(batch *b, int64_t *ids, float *distances, fgmm_search_stats *stats)
{
    fgmm_status status = FGMM_OK;
    const fg_probing *probing = &b->request->probing;
    FG_TRY(batch_create(b));
    FG_TRY(rank_lists(b));
    FG_TRY(fg_scan_begin(b->scan, b->queries, b->n, b->request->top, b->exclude));
    FG_TRY(probing->nprobe         ? probe_fixed(b, stats)
           : probing->is_recording ? probe_recording(b, stats)
                                   : probe_by_rule(b, stats));
    FG_TRY(fg_scan_results(b->scan, ids, distances));
    if (b->request->count_unique) FG_TRY(count_unique(b, stats));
    stats->queries += b->n;
    stats->coarse += b->n * b->s->index->info.lists;
done:
    return status;
}

fgmm_status fg_searcher_run(fgmm_searcher *s, const fg_search_request *request, int64_t *ids, float *distances,
                            fgmm_search_stats *stats)
{
    fgmm_status status = FGMM_OK;
    const fgmm_index_info *info = &s->index->info;
    const uint32_t ranks = (uint32_t)(request->probing.nprobe ? request->probing.nprobe : s->rule.dial->ranks);
    const uint64_t most = fg_min_u64(BATCH_QUERIES, fg_max_u64(1, BATCH_RANKS / ranks));
    fg_scan *scan;
    FG_TRY(get_scan(&scan, s, request->is_integer));
    for (uint64_t at = 0; at < request->n;) {
        batch b = {.s = s, .request = request, .scan = scan, .ranks = ranks};
        b.n = request->probing.is_recording ? request->n : fg_min_u64(most, request->n - at);
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
