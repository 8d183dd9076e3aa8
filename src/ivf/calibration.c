/* calibration.c - how the probing predictor learns: rows of the index stand for queries, themselves left out.
 *
 * Fit: FIT_ROWS rows look into all of their nearest lists that the predictor may ever ask for; what the predictor knows
 * of each list is set against how many of the row's neighbours the list was the first to hold. Calibration: of other
 * rows, or of the user's queries, an exhaustive search tells the true neighbours; a neighbour is found by every
 * threshold below the score of a list that holds it, so that the scores alone give the recall of all thresholds.
 *
 * That is four passes over the rows of the index, however many thresholds there are. */
#include "calibration.h"

#include "away.h"
#include "rng.h"
#include "rows.h"
#include "searcher.h"
#include "size.h"
#include "source.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIT_ROWS = 2048, CALIBRATION_ROWS = 1024, CALIBRATION_QUERIES_MAX = 4096 };
/* Ranks that the predictor considers: a quarter of the lists, at least 32, at most what the device keeps in order. */
enum { LEAST_RANKS = 32, RANK_SHARE = 4 };

static uint32_t ranks_of(uint64_t k)
{
    return (uint32_t)fg_min_u64(fg_min_u64(k, FGMM_TOP_MAX), fg_max_u64(LEAST_RANKS, k / RANK_SHARE));
}

/* What making the calibration holds beside the searcher, per learning row and rank: notes, hits, and a batch's order,
 * distances and probes. */
enum { RANK_BYTES = (FG_PREDICTOR_FEATURES + 2) * sizeof(float) + sizeof(uint16_t) + 40 };

/* The searcher's share of a memory limit, at least a byte; 0: there is no limit. */
static uint64_t searcher_limit(uint64_t limit, uint32_t ranks)
{
    const uint64_t own = (uint64_t)FIT_ROWS * ranks * RANK_BYTES;
    return limit == 0 ? 0 : limit > own ? limit - own : 1;
}

/* ---- rows as queries ---- */

typedef struct queries {
    uint64_t n;
    float *x;         /* (n,d) */
    int64_t *exclude; /* (n), NULL: the user's queries */
    int is_integer;
} queries;

static void queries_free(queries *q)
{
    free(q->x);
    free(q->exclude);
    *q = (queries){0};
}

/* The list that holds entry e of ids. */
static uint64_t list_of(const fgmm_index *index, uint64_t e)
{
    uint64_t low = 0, high = index->info.lists;
    while (high - low > 1) {
        const uint64_t middle = (low + high) / 2;
        if (index->first_id[middle] <= e)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* `wanted` entries with different ids, drawn uniformly, to queries. A row with copies is a little likelier than
 * others. */
static fgmm_status draw_rows(queries *q, const fgmm_index *index, uint64_t wanted, fg_rng *rng)
{
    fgmm_status status = FGMM_OK;
    const uint64_t d = index->info.dims, entries = index->info.entries;
    unsigned char *row = NULL;
    double *zero = NULL;
    int64_t *sorted = NULL;
    FG_TRY(fg_alloc((void **)&row, 1, fg_index_row_bytes(index), "a row"));
    FG_TRY(FG_ALLOC(&zero, d, "shift"));
    FG_TRY(FG_ALLOC(&sorted, wanted + 1, "ids"));
    FG_TRY(FG_ALLOC(&q->x, wanted * d, "sample rows"));
    FG_TRY(FG_ALLOC(&q->exclude, wanted, "ids"));
    for (uint64_t tries = 0; q->n < wanted && tries < 4 * wanted; tries++) {
        const uint64_t e = fg_rng_below(rng, entries), list = list_of(index, e);
        const int64_t id = index->ids[e];
        if (bsearch(&id, sorted, (size_t)q->n, sizeof *sorted, fg_index_compare_ids)) continue;
        FG_TRY(fg_index_read_rows(index, list, e - index->first_id[list], 1, row));
        fg_rows_to_float(q->x + q->n * d, row, index->info.type, 1, d, zero, 1);
        q->exclude[q->n] = id;
        uint64_t at = q->n++;
        for (; at > 0 && sorted[at - 1] > id; at--) sorted[at] = sorted[at - 1];
        sorted[at] = id;
    }
    q->is_integer = index->info.type == FGMM_U8 || index->info.type == FGMM_I8;
done:
    free(row);
    free(zero);
    free(sorted);
    return status;
}

/* The user's queries, at most CALIBRATION_QUERIES_MAX. */
static fgmm_status read_queries(queries *q, const fgmm_index *index, fgmm_source *source)
{
    fgmm_status status = FGMM_OK;
    const uint64_t d = source->info.dims;
    const fgmm_type type = source->info.type;
    unsigned char *rows = NULL;
    FG_TRY(fg_alloc((void **)&rows, CALIBRATION_QUERIES_MAX, (size_t)d * fgmm_type_bytes(type), "queries"));
    FG_TRY(FG_ALLOC(&q->x, CALIBRATION_QUERIES_MAX * d, "queries"));
    FG_TRY(fgmm_source_rewind(source));
    FG_TRY(fg_rows_fill(source, rows, CALIBRATION_QUERIES_MAX, &q->n));
    FG_TRY(fg_rows_check_given(source, rows, q->n, 0, fg_most_value(type)));
    fg_rows_to_float(q->x, rows, type, q->n, d, index->shift, index->unit);
    if (index->is_shifted) FG_TRY(fg_index_check_rows(q->x, q->n, d, 0));
    q->is_integer = type == index->info.type && (type == FGMM_U8 || type == FGMM_I8);
done:
    free(rows);
    return status;
}

static fgmm_status search(fgmm_searcher *s, const queries *q, uint32_t top, const fg_probing *probing, int64_t *ids)
{
    fgmm_search_stats stats = fgmm_search_stats_init();
    const fg_search_request request = {.queries = q->x,
                                       .n = q->n,
                                       .is_integer = q->is_integer,
                                       .top = top,
                                       .exclude = q->exclude,
                                       .probing = *probing};
    return fg_searcher_run(s, &request, ids, NULL, &stats);
}

/* ---- what the predictor knows ---- */

/* Of each query and rank. The predictor is asked from rank `from` on; before it k results are not known. */
typedef struct records {
    const fg_predictor *predictor;
    uint64_t n;
    uint32_t ranks;
    uint32_t *lists; /* (n, ranks) */
    uint32_t *from;  /* (n) */
    float *scores;   /* (n, ranks): the higher, the sooner a list is probed. By the calibration, INFINITY: whatever it
                        says; in   the fit, where there is none yet, minus the rank */
    float *features; /* (n, ranks, FG_PREDICTOR_FEATURES), in the fit */
    fg_seen *seen;   /* by all of them, borrowed */
} records;

static fgmm_status records_create(records *o, fg_seen *seen, const fg_predictor *predictor, uint64_t n, int is_fit)
{
    fgmm_status status = FGMM_OK;
    *o = (records){.predictor = predictor, .n = n, .ranks = predictor->calibration->ranks, .seen = seen};
    const uint64_t all = n * o->ranks;
    FG_TRY(FG_ALLOC(&o->lists, all, "features"));
    FG_TRY(FG_ALLOC(&o->from, n, "features"));
    FG_TRY(FG_ALLOC(&o->scores, all, "features"));
    if (is_fit) FG_TRY(FG_ALLOC(&o->features, all * FG_PREDICTOR_FEATURES, "features"));
done:
    return status;
}

static void records_free(records *o)
{
    free(o->lists);
    free(o->from);
    free(o->scores);
    free(o->features);
}

static void observe(void *user, const fg_observation *seen)
{
    records *o = user;
    for (uint64_t i = 0; i < seen->n; i++) {
        const uint64_t q = seen->first + i;
        const fg_predictor_query *query = &seen->queries[i];
        const float rho2 = seen->rho2[i];
        fg_seen_record(o->seen, query->d, o->ranks);
        o->from[q] = isfinite(rho2) ? seen->from[i] : o->ranks;
        for (uint32_t rank = 0; rank < o->ranks; rank++) {
            const uint64_t at = q * o->ranks + rank;
            const int is_asked = rank >= o->from[q];
            o->lists[at] = (uint32_t)query->lists[rank];
            if (o->features) {
                o->scores[at] = -(float)rank;
                if (is_asked)
                    fg_predictor_features(o->features + at * FG_PREDICTOR_FEATURES, o->predictor, query, rank, rho2);
            } else {
                o->scores[at] = is_asked ? fg_predictor_score(o->predictor, query, rank, rho2) : INFINITY;
            }
        }
    }
}

/* ---- which lists hold the neighbours ---- */

/* A wanted id, and the lists that hold it. */
typedef struct place {
    int64_t id;
    uint32_t list;
} place;

static int compare_places(const void *a, const void *b)
{
    const place *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* The first place of an id, or where it would be. */
static uint64_t first_place(const place *places, uint64_t count, int64_t id)
{
    uint64_t low = 0, high = count;
    while (low < high) {
        const uint64_t middle = (low + high) / 2;
        if (places[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* All entries of the index whose ids are among `wanted` (ascending), by id; malloc'ed. */
static fgmm_status find_places(place **places, uint64_t *count, const fgmm_index *index, const int64_t *wanted,
                               uint64_t n)
{
    fgmm_status status = FGMM_OK;
    uint64_t found = 0;
    *places = NULL;
    for (int is_filling = 0; is_filling < 2; is_filling++) {
        if (is_filling) FG_TRY(FG_ALLOC(places, found + 1, "places of neighbours"));
        found = 0;
        for (uint64_t list = 0; list < index->info.lists; list++)
            for (uint64_t e = index->first_id[list]; e < index->first_id[list + 1]; e++) {
                if (!bsearch(&index->ids[e], wanted, (size_t)n, sizeof *wanted, fg_index_compare_ids)) continue;
                if (is_filling) (*places)[found] = (place){index->ids[e], (uint32_t)list};
                found++;
            }
    }
    qsort(*places, (size_t)found, sizeof **places, compare_places);
    *count = found;
done:
    return status;
}

/* best (n,top): for each id, the highest score of its query's lists that hold it; -INFINITY: none does. */
static fgmm_status find_scores(float *best, const records *o, const fgmm_index *index, const int64_t *ids, uint32_t top)
{
    fgmm_status status = FGMM_OK;
    int64_t *wanted = NULL;
    place *places = NULL;
    float *score_of = NULL; /* (K) to the present query */
    uint64_t count;
    const uint64_t all = o->n * top;
    FG_TRY(FG_ALLOC(&wanted, all + 1, "ids"));
    memcpy(wanted, ids, (size_t)all * sizeof *ids);
    qsort(wanted, (size_t)all, sizeof *wanted, fg_index_compare_ids);
    FG_TRY(find_places(&places, &count, index, wanted, all));
    FG_TRY(FG_ALLOC(&score_of, index->info.lists, "scores"));
    for (uint64_t i = 0; i < index->info.lists; i++) score_of[i] = -INFINITY;
    for (uint64_t q = 0; q < o->n; q++) {
        const uint32_t *lists = o->lists + q * o->ranks;
        for (uint32_t r = 0; r < o->ranks; r++) score_of[lists[r]] = o->scores[q * o->ranks + r];
        for (uint64_t i = q * top; i < (q + 1) * top; i++) {
            best[i] = -INFINITY;
            for (uint64_t at = first_place(places, count, ids[i]); at < count && places[at].id == ids[i]; at++)
                best[i] = fmaxf(best[i], score_of[places[at].list]);
        }
        for (uint32_t r = 0; r < o->ranks; r++) score_of[lists[r]] = -INFINITY;
    }
done:
    free(wanted);
    free(places);
    free(score_of);
    return status;
}

/* ---- the fit ---- */

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* T0: the median over queries of d_11 - d_1, or of the last rank's where there are fewer. */
static fgmm_status set_scale(fg_calibration *calibration, fgmm_searcher *s, const queries *q)
{
    fgmm_status status = FGMM_OK;
    const uint64_t k = s->index->info.lists;
    const uint32_t ranks = (uint32_t)fg_min_u64(11, k);
    float *d = NULL, *spread = NULL;
    fg_probe *probes = NULL;
    calibration->scale = 1;
    FG_TRY(FG_ALLOC(&d, q->n * ranks, "distances to centroids"));
    FG_TRY(FG_ALLOC(&spread, q->n, "distances to centroids"));
    FG_TRY(FG_ALLOC(&probes, q->n, "distances to centroids"));
    for (uint64_t i = 0; i < q->n; i++) probes[i] = (fg_probe){(uint32_t)i, 0};
    FG_TRY(fg_scan_begin(s->coarse, q->x, q->n, ranks, NULL));
    FG_TRY(fg_scan_run(s->coarse, s->centroids, probes, q->n));
    FG_TRY(fg_scan_results(s->coarse, NULL, d));
    for (uint64_t i = 0; i < q->n; i++) spread[i] = d[i * ranks + ranks - 1] - d[i * ranks];
    qsort(spread, (size_t)q->n, sizeof *spread, compare_floats);
    if (spread[q->n / 2] > 0 && isfinite(spread[q->n / 2])) calibration->scale = (double)spread[q->n / 2];
done:
    free(d);
    free(spread);
    free(probes);
    return status;
}

/* Leaves only what can be fitted on, features and hits (n, ranks) of ranks that the predictor was asked for, and the
 * number of them; lists likewise. */
static uint64_t pack(records *o, uint16_t *hits)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < o->n * o->ranks; i++) {
        if (i % o->ranks < o->from[i / o->ranks]) continue;
        memmove(o->features + count * FG_PREDICTOR_FEATURES, o->features + i * FG_PREDICTOR_FEATURES,
                FG_PREDICTOR_FEATURES * sizeof *o->features);
        o->lists[count] = o->lists[i];
        hits[count++] = hits[i];
    }
    return count;
}

static int compare_falling(const void *a, const void *b)
{
    return compare_floats(b, a);
}

/* Thresholds by which 0, then GROWTH times more and more of the lists behind the first are probed. */
static fgmm_status set_thresholds(fg_calibration *calibration, const records *o, uint64_t count,
                                  const fg_predictor *predictor)
{
    static const double first = 0.25, growth = 1.25;
    fgmm_status status = FGMM_OK;
    float *scores = NULL;
    FG_TRY(FG_ALLOC(&scores, count + 1, "scores"));
    for (uint64_t i = 0; i < count; i++) {
        double score = calibration->bias - (double)predictor->log_length[o->lists[i]];
        for (int j = 0; j < FG_PREDICTOR_FEATURES; j++)
            score += calibration->weights[j] * (double)o->features[i * FG_PREDICTOR_FEATURES + (uint64_t)j];
        scores[i] = (float)score;
    }
    qsort(scores, (size_t)count, sizeof *scores, compare_falling);
    calibration->points = 0;
    calibration->threshold[calibration->points++] = count ? (double)scores[0] : 0;
    for (double lists = first; count && calibration->points < FG_CALIBRATION_POINTS - 1 && lists < o->ranks;
         lists *= growth) {
        const uint64_t at = (uint64_t)(lists * (double)o->n);
        if (at < count) calibration->threshold[calibration->points++] = (double)scores[at];
    }
    calibration->threshold[calibration->points++] = count ? (double)scores[count - 1] - 10 : -1;
done:
    free(scores);
    return status;
}

static fgmm_status fit(fg_calibration *calibration, fg_seen *seen, fgmm_searcher *s, const queries *q)
{
    fgmm_status status = FGMM_OK;
    records o = {0};
    const fg_probing probing = {.threshold = -INFINITY, .observe = observe, .user = &o};
    const uint32_t top = calibration->for_top;
    int64_t *ids = NULL;
    float *best = NULL;
    uint16_t *hits = NULL; /* (n, ranks), each at most FGMM_TOP_MAX */
    FG_TRY(records_create(&o, seen, &s->predictor, q->n, 1));
    FG_TRY(FG_ALLOC(&ids, q->n * top, "results"));
    FG_TRY(FG_ALLOC(&best, q->n * top, "results"));
    FG_TRY(FG_ALLOC(&hits, q->n * o.ranks, "features"));
    FG_TRY(search(s, q, top, &probing, ids));
    FG_TRY(find_scores(best, &o, s->index, ids, top));
    for (uint64_t i = 0; i < q->n; i++)
        for (uint64_t j = i * top; j < (i + 1) * top; j++)
            if (isfinite(best[j])) hits[i * o.ranks + (uint32_t)-best[j]]++;
    const uint64_t count = pack(&o, hits);
    fg_predictor_fit(calibration->weights, &calibration->bias, o.features, hits, count);
    FG_TRY(set_thresholds(calibration, &o, count, &s->predictor));
done:
    records_free(&o);
    free(ids);
    free(best);
    free(hits);
    return status;
}

/* ---- the calibration ---- */

/* Mean share of the true neighbours, (n,top), that a threshold finds: those with a higher score. What does not exist
 * (-1) is not asked for. */
static double recall_of(float threshold, const float *scores, const int64_t *truth, uint64_t n, uint32_t top)
{
    double sum = 0;
    for (uint64_t q = 0; q < n; q++) {
        uint32_t hits = 0, wanted = 0;
        for (uint64_t i = q * top; i < (q + 1) * top; i++) {
            wanted += truth[i] >= 0;
            hits += truth[i] >= 0 && scores[i] > threshold;
        }
        sum += wanted ? (double)hits / wanted : 1;
    }
    return sum / (double)n;
}

/* Nothing more is won by lower thresholds. */
static const double FULL_RECALL = 0.9995;

static fgmm_status calibrate(fg_calibration *calibration, fg_seen *seen, fgmm_searcher *s, const queries *q)
{
    fgmm_status status = FGMM_OK;
    const uint32_t top = calibration->for_top;
    records o = {0};
    const fg_probing nearest = {.threshold = INFINITY, .observe = observe, .user = &o};
    const fg_probing everything = {.nprobe = s->index->info.lists};
    int64_t *ids = NULL;
    float *scores = NULL;
    double reached = 0;
    uint32_t points = 0;
    FG_TRY(records_create(&o, seen, &s->predictor, q->n, 0));
    FG_TRY(FG_ALLOC(&ids, q->n * top, "results"));
    FG_TRY(FG_ALLOC(&scores, q->n * top, "results"));
    FG_TRY(search(s, q, top, &nearest, ids));
    FG_TRY(search(s, q, top, &everything, ids));
    FG_TRY(find_scores(scores, &o, s->index, ids, top));
    for (; points < calibration->points && reached < FULL_RECALL; points++) {
        reached = fmax(reached, recall_of((float)calibration->threshold[points], scores, ids, q->n, top));
        calibration->recall[points] = reached;
    }
    calibration->points = points;
done:
    records_free(&o);
    free(ids);
    free(scores);
    return status;
}

/* A calibration with one setting: all ranks. */
static void set_trivial(fg_calibration *calibration)
{
    calibration->bias = 0;
    calibration->scale = 1;
    calibration->points = 1;
    calibration->threshold[0] = -1e30;
    calibration->recall[0] = 1;
}

fgmm_status fg_calibration_make(fg_calibration *calibration, fg_seen *seen, const fgmm_index *index,
                                fgmm_device *device, const fgmm_index_options *o, fg_progress *progress)
{
    fgmm_status status = FGMM_OK;
    fgmm_searcher *s = NULL;
    queries learning = {0}, testing = {0};
    fg_rng rng;
    *calibration = (fg_calibration){
        .for_top = o->for_top, .ranks = ranks_of(index->info.lists), .is_on_queries = o->calibration != NULL};
    *seen = (fg_seen){0};
    set_trivial(calibration);
    if (index->info.rows < 2) return FGMM_OK;
    fg_rng_init(&rng, o->seed, FG_STREAM_SAMPLE_ROWS, 0);
    FG_TRY(fg_searcher_open(&s, index, device, calibration, searcher_limit(o->memory_limit_bytes, calibration->ranks)));
    FG_TRY(draw_rows(&learning, index, fg_min_u64(FIT_ROWS, index->info.rows), &rng));
    FG_TRY(set_scale(calibration, s, &learning));
    FG_TRY(fit(calibration, seen, s, &learning));
    FG_TRY(fg_progress_rows(progress, index->info.rows / 2));
    if (o->calibration)
        FG_TRY(read_queries(&testing, index, o->calibration));
    else
        FG_TRY(draw_rows(&testing, index, fg_min_u64(CALIBRATION_ROWS, index->info.rows), &rng));
    FG_TRY(calibrate(calibration, seen, s, &testing));
    FG_TRY(fg_progress_rows(progress, index->info.rows - index->info.rows / 2));
done:
    queries_free(&learning);
    queries_free(&testing);
    fgmm_searcher_close(s);
    return status;
}

double fg_calibration_threshold(const fg_calibration *calibration, double recall)
{
    uint32_t i = 0;
    while (i < calibration->points && calibration->recall[i] < recall) i++;
    if (i == 0) return calibration->threshold[0];
    if (i == calibration->points) return calibration->threshold[i - 1];
    const double share = (recall - calibration->recall[i - 1]) / (calibration->recall[i] - calibration->recall[i - 1]);
    return calibration->threshold[i - 1] + share * (calibration->threshold[i] - calibration->threshold[i - 1]);
}
