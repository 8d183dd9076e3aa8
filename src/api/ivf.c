/* ivf.c - the public verbs of flashgmm/ivf.h: argument checks, then ivf/. */
#include "flashgmm/ivf.h"

#include "arguments.h"
#include "away.h"
#include "build.h"
#include "calibration.h"
#include "rows.h"
#include "searcher.h"
#include "size.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

static fgmm_status check_path(const char *path)
{
    if (path && *path) return FGMM_OK;
    return fg_fail(FGMM_ARGUMENT, "path is %s; need a file name", path ? "empty" : "NULL");
}

static fgmm_status check_options(const fgmm_index_options *o)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK((unsigned)o->assignment <= FGMM_ASSIGN_RESIDUAL, FGMM_ARGUMENT, "assignment = %d; need 0..%d",
             (int)o->assignment, FGMM_ASSIGN_RESIDUAL);
    FG_CHECK((unsigned)o->format <= FGMM_INDEX_FAISS, FGMM_ARGUMENT, "format = %d; need native (0) or faiss (1)",
             (int)o->format);
    FG_CHECK(o->max_lists >= 1 && o->max_lists <= FGMM_LISTS_PER_ROW_MAX, FGMM_ARGUMENT, "max_lists = %u; need 1..%d",
             o->max_lists, FGMM_LISTS_PER_ROW_MAX);
    FG_CHECK(o->tau >= 0 && o->tau < 1, FGMM_ARGUMENT, "tau = %g; need 0 (1/K) or a number below 1", o->tau);
    FG_CHECK(o->copies_per_row == 0 || o->copies_per_row >= 1, FGMM_ARGUMENT,
             "copies_per_row = %g; need 0 (the default) or 1 and more", o->copies_per_row);
    FG_CHECK(o->assignment != FGMM_ASSIGN_RESIDUAL || o->copies_per_row <= 2, FGMM_ARGUMENT,
             "copies_per_row = %g; a residual assignment gives a row at most 2 lists: need 1..2", o->copies_per_row);
    FG_CHECK(isfinite(o->copies_per_row), FGMM_ARGUMENT, "copies_per_row = %g; need a finite number",
             o->copies_per_row);
    FG_CHECK(o->for_top <= FGMM_TOP_MAX, FGMM_ARGUMENT, "for_top = %u; need 0..%d", o->for_top, FGMM_TOP_MAX);
done:
    return status;
}

fgmm_status fgmm_index_build(fgmm_device *device, fgmm_source *source, const char *path,
                             const fgmm_index_options *options, fgmm_index_info *info)
{
    fgmm_status status = FGMM_OK;
    fgmm_index_options o = fgmm_index_options_init();
    FG_TRY(fg_check_handles(device, source));
    FG_TRY(check_path(path));
    FG_CHECK(options, FGMM_ARGUMENT, "options is NULL; the quantizer must be set");
    FG_TRY(fg_read_options(&o, options, sizeof o, "index options"));
    FG_CHECK(o.quantizer, FGMM_ARGUMENT, "quantizer is NULL; need a model");
    FG_TRY(check_options(&o));
    if (info) FG_TRY(fg_index_check_info(info));
    FG_TRY(fg_check_model(o.quantizer, source, "quantizer"));
    FG_CHECK(!o.calibration || o.calibration->info.dims == source->info.dims, FGMM_DATA,
             "calibration queries: D = %llu, but the data has D = %llu", (ull)o.calibration->info.dims,
             (ull)source->info.dims);
    FG_TRY(fg_index_build(device, source, path, &o, info));
done:
    return status;
}

fgmm_status fgmm_index_add(fgmm_device *device, const char *path, fgmm_source *source, const fgmm_index_options *limits)
{
    fgmm_status status = FGMM_OK;
    fgmm_index_options o = fgmm_index_options_init();
    FG_TRY(fg_check_handles(device, source));
    FG_TRY(check_path(path));
    FG_TRY(fg_read_options(&o, limits, sizeof o, "index options"));
    FG_TRY(fg_index_add(device, path, source, &o));
done:
    return status;
}

fgmm_status fgmm_index_remove(const char *path, const int64_t *ids, uint64_t count, uint64_t *missing)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(check_path(path));
    FG_CHECK(ids || count == 0, FGMM_ARGUMENT, "ids is NULL; need an array (count)");
    FG_TRY(fg_index_remove(path, ids, count, missing));
done:
    return status;
}

fgmm_status fgmm_index_compact(const char *path)
{
    const fgmm_status status = check_path(path);
    return status == FGMM_OK ? fg_index_compact(path) : status;
}

fgmm_status fgmm_index_save(const fgmm_index *index, const char *path, fgmm_index_format format)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(index, FGMM_ARGUMENT, "index is NULL; need an open index");
    FG_TRY(check_path(path));
    FG_CHECK((unsigned)format <= FGMM_INDEX_FAISS, FGMM_ARGUMENT, "format = %d; need native (0) or faiss (1)",
             (int)format);
    FG_TRY(fg_index_save(index, path, format));
done:
    return status;
}

fgmm_status fgmm_searcher_open(fgmm_searcher **searcher, const fgmm_index *index, fgmm_device *device,
                               const fgmm_searcher_options *options)
{
    fgmm_status status = FGMM_OK;
    fgmm_searcher_options o = fgmm_searcher_options_init();
    if (!searcher) return fg_fail(FGMM_ARGUMENT, "searcher is NULL; need a place for the handle");
    *searcher = NULL;
    FG_CHECK(index && device, FGMM_ARGUMENT, "%s is NULL; need an open one", index ? "device" : "index");
    FG_TRY(fg_device_check(device));
    FG_TRY(fg_read_options(&o, options, sizeof o, "searcher options"));
    FG_TRY(fg_searcher_open(searcher, index, device, NULL, o.memory_limit_bytes));
done:
    return status;
}

static fgmm_status check_search(const fgmm_searcher *s, const fgmm_search_options *o)
{
    fgmm_status status = FGMM_OK;
    const fgmm_index_info *info = &s->index->info;
    FG_CHECK(o->top >= 1 && o->top <= FGMM_TOP_MAX, FGMM_ARGUMENT, "top = %u; need 1..%d", o->top, FGMM_TOP_MAX);
    FG_CHECK(o->nprobe <= info->lists, FGMM_ARGUMENT, "nprobe = %llu; need 1..%llu, the lists of the index",
             (ull)o->nprobe, (ull)info->lists);
    if (o->nprobe) goto done;
    FG_CHECK(info->for_top, FGMM_ARGUMENT, "the index has no dial for a recall; set nprobe");
    FG_CHECK(o->top == info->for_top, FGMM_ARGUMENT,
             "top = %u, but the dial is made for %u results; set nprobe, or build the index for that many", o->top,
             info->for_top);
    FG_CHECK(o->recall > 0 && o->recall <= 1, FGMM_ARGUMENT, "recall = %g; need a number above 0, at most 1",
             o->recall);
done:
    return status;
}

/* Queries converted at a time. */
enum { PART_FLOATS = 1 << 22 };

/* Squared distances in the index's unit -> the data's own. */
static fgmm_status to_given_unit(float *distances, uint64_t count, uint32_t top, uint64_t first, double unit)
{
    for (uint64_t i = 0; i < count && unit != 1; i++) {
        if (isinf(distances[i])) continue; /* a result that is missing */
        const double value = (double)distances[i] * unit * unit;
        if (value > (double)FLT_MAX || (value > 0 && value < (double)FLT_MIN))
            return fg_fail(FGMM_DATA, "query %llu, result %llu: its squared distance %g does not fit float32",
                           (ull)(first + i / top), (ull)(i % top), value);
        distances[i] = (float)value;
    }
    return FGMM_OK;
}

/* What a search fills in. */
typedef struct results {
    int64_t *ids;     /* (n,top) */
    float *distances; /* (n,top) or NULL */
    fgmm_search_stats stats;
} results;

static fgmm_status search_parts(results *found, fgmm_searcher *s, const fgmm_rows *queries, fg_search_request *request,
                                double recall)
{
    fgmm_status status = FGMM_OK;
    const fgmm_type type = queries->type;
    const uint64_t n = queries->count, d = s->index->info.dims, most = fg_max_u64(1, PART_FLOATS / d);
    const size_t row_bytes = (size_t)d * fgmm_type_bytes(type);
    float *floats = NULL;
    FG_TRY(FG_ALLOC(&floats, fg_min_u64(most, n) * d, "queries"));
    for (uint64_t at = 0; at < n; at += most) {
        const uint64_t part = fg_min_u64(most, n - at), first = at * request->top;
        const unsigned char *rows = (const unsigned char *)queries->data + (size_t)at * row_bytes;
        FG_TRY(fg_rows_check(rows, type, part, d, at, fg_most_value(type)));
        fg_rows_to_float(floats, rows, type, part, d, s->index->shift, s->index->unit);
        if (s->index->is_shifted) FG_TRY(fg_index_check_rows(floats, part, d, at));
        request->queries = floats;
        request->n = part;
        float *of_part = found->distances ? found->distances + first : NULL;
        FG_TRY(request->probing.nprobe ? fg_searcher_run(s, request, found->ids + first, of_part, &found->stats)
                                       : fg_away_run(s, request, recall, found->ids + first, of_part, &found->stats));
        if (of_part) FG_TRY(to_given_unit(of_part, part * request->top, request->top, at, s->index->unit));
    }
done:
    free(floats);
    return status;
}

fgmm_status fgmm_searcher_search(fgmm_searcher *s, const fgmm_rows *queries, const fgmm_search_options *options,
                                 int64_t *ids, float *distances, fgmm_search_stats *stats)
{
    fgmm_status status = FGMM_OK;
    fgmm_search_options o = fgmm_search_options_init();
    fgmm_rows q = fgmm_rows_init(NULL, FGMM_U8, 0);
    results found = {ids, distances, fgmm_search_stats_init()};
    FG_CHECK(s, FGMM_ARGUMENT, "searcher is NULL; need an open one");
    FG_CHECK(queries, FGMM_ARGUMENT, "queries is NULL");
    FG_TRY(fg_read_options(&q, queries, sizeof q, "queries"));
    FG_CHECK((q.data && ids) || q.count == 0, FGMM_ARGUMENT, "%s is NULL; need an array",
             q.data ? "ids" : "queries.data");
    FG_CHECK(fgmm_type_bytes(q.type) > 0, FGMM_ARGUMENT, "type = %d; need 0..%d", (int)q.type, FGMM_F64);
    FG_TRY(fg_device_check(s->device));
    FG_TRY(fg_read_options(&o, options, sizeof o, "search options"));
    FG_TRY(check_search(s, &o));
    FG_CHECK(!stats || stats->size >= sizeof stats->size, FGMM_ARGUMENT,
             "stats.size = %zu; set the struct up with its _init function", stats->size);
    fg_search_request request = {.is_integer =
                                     q.type == s->index->info.type && (q.type == FGMM_U8 || q.type == FGMM_I8),
                                 .top = o.top,
                                 .probing = {.nprobe = o.nprobe},
                                 .count_unique = o.count_unique};
    if (!o.nprobe) request.probing.threshold = (float)fg_calibration_threshold(&s->index->calibration, o.recall);
    FG_TRY(search_parts(&found, s, &q, &request, o.recall));
    if (stats) {
        const size_t size = stats->size;
        memcpy(stats, &found.stats, fg_min_u64(size, sizeof found.stats));
        stats->size = size;
    }
done:
    return status;
}
