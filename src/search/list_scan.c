/* list_scan.c - turns probes into tasks of a few queries and one chunk of a list, and enqueues
 * cl/search/scan_{cpu,gpu}.cl and cl/search/select_{cpu,gpu}.cl on them, as many at a time as the scratch for distances
 * holds. */
#include "list_scan.h"

#include "arguments/search.h"
#include "backend.h"
#include "options.h"

#include "size.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Queries of a tile (cl/search/scan_{cpu,gpu}.cl): 4 x 4 sums, 4 rows and a query of 32 AVX-512 registers; on 16
 * narrower registers one block is two to four vectors. A task has more queries than a tile, so that its rows come from
 * the first cache. */
enum { TILE_QUERIES = 4, TILE_BLOCKS_WIDE = 4, TILE_BLOCKS_NARROW = 1, TASK_PAIRS = 16, TASK_WORDS = 5 };
enum { GROUP_ITEMS = 128 };

/* Up to this D a float holds D 255^2, beyond WIDE_DIMS a uint does not. */
enum { NARROW_DIMS = 258, WIDE_DIMS = 66051 };

/* A buffer that grows; its contents are lost when it does. */
typedef struct growing_buffer {
    fg_buffer *buffer;
    const char *what;
} growing_buffer;

/* A query that wants a chunk of a list; sorted by chunk. */
typedef struct pair {
    uint32_t query, chunk;
} pair;

struct fg_scan {
    fgmm_device *device;
    fg_scan_options options;
    int is_wide;
    size_t local;         /* a work-item on a CPU, or a group, per task and per query */
    uint64_t launch_rows; /* most distances of a launch, but for a query and FG_CHUNK_ROWS rows */
    uint64_t n;           /* queries of the batch */
    uint32_t k;
    cl_kernel scan, select;
    growing_buffer queries, best_d, best_ids, counts, exclude, out, tasks, pairs, finds, ranges;
};

static fgmm_status get_kernels(fg_scan *s)
{
    fgmm_status status = FGMM_OK;
    const fg_device_facts *facts = fg_device_facts_of(s->device);
    const fg_search_launches *search = fg_backend_of(s->device)->search;
    char options[160];
    s->local = search->items(facts, GROUP_ITEMS);
    snprintf(options, sizeof options,
             "-DROW_TYPE=%d -DVW=%u -DWIDE_SUMS=%d -DTILE_QUERIES=%d -DTILE_BLOCKS=%d "
             "-DTILE_ITEMS=%zu",
             (int)s->options.type, search->vector_width, s->is_wide, TILE_QUERIES,
             facts->vector_width >= 16 ? TILE_BLOCKS_WIDE : TILE_BLOCKS_NARROW, s->local);
    FG_TRY(fg_kernel_get(&s->scan, s->device, search->leaf, options, "scan"));
    FG_TRY(fg_kernel_get(&s->select, s->device, search->leaf, options, "select_nearest"));
done:
    return status;
}

fgmm_status fg_scan_create(fg_scan **scan, fgmm_device *device, const fg_scan_options *options)
{
    fgmm_status status = FGMM_OK;
    fg_scan *s = NULL;
    *scan = NULL;
    FG_CHECK(options->d >= 1 && options->d <= UINT32_MAX / FG_BLOCK_ROWS, FGMM_ARGUMENT, "dims = %llu; need 1..%u",
             (unsigned long long)options->d, UINT32_MAX / FG_BLOCK_ROWS);
    FG_TRY(FG_ALLOC(&s, 1, "scan"));
    s->device = device;
    s->options = *options;
    s->is_wide = options->is_integer && options->d > NARROW_DIMS && options->d <= WIDE_DIMS;
    const int is_cpu = fg_device_facts_of(device)->kind == FGMM_DEVICE_CPU;
    if (s->options.scratch_floats == 0) s->options.scratch_floats = is_cpu ? FG_SCAN_CPU_FLOATS : FG_SCAN_GPU_FLOATS;
    s->launch_rows = (uint64_t)(fg_device_launch_work(device) / FG_DIFFERENCE_WORK) / options->d;
    s->queries.what = "queries";
    s->best_d.what = s->best_ids.what = s->counts.what = s->exclude.what = "results";
    s->out.what = "distances";
    s->tasks.what = s->pairs.what = s->finds.what = s->ranges.what = "tasks of a scan";
    FG_TRY(get_kernels(s));
    *scan = s;
    s = NULL;
done:
    fg_scan_free(s);
    return status;
}

void fg_scan_free(fg_scan *s)
{
    if (!s) return;
    growing_buffer *const growing[] = {&s->queries, &s->best_d, &s->best_ids, &s->counts, &s->exclude,
                                       &s->out,     &s->tasks,  &s->pairs,    &s->finds,  &s->ranges};
    for (size_t i = 0; i < sizeof growing / sizeof growing[0]; i++) fg_buffer_free(growing[i]->buffer);
    free(s);
}

static fgmm_status reserve(growing_buffer *r, fgmm_device *device, uint64_t count, uint64_t element_bytes)
{
    fgmm_status status = FGMM_OK;
    size_t bytes;
    FG_TRY(fg_size_product(&bytes, count, element_bytes, r->what));
    if (r->buffer && fg_buffer_bytes(r->buffer) >= bytes) goto done;
    fg_buffer_free(r->buffer);
    r->buffer = NULL;
    FG_TRY(fg_buffer_create(&r->buffer, device, bytes, FG_BUFFER_DEVICE, r->what));
done:
    return status;
}

/* Makes room and writes. */
static fgmm_status upload(growing_buffer *r, fgmm_device *device, const void *bytes, uint64_t count,
                          size_t element_bytes)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(reserve(r, device, count, element_bytes));
    FG_TRY(fg_buffer_write(r->buffer, 0, bytes, (size_t)count * element_bytes));
done:
    return status;
}

fgmm_status fg_scan_begin(fg_scan *s, const float *queries, uint64_t n, uint32_t k, const int64_t *exclude)
{
    fgmm_status status = FGMM_OK;
    int64_t *nobody = NULL;
    FG_CHECK(n <= UINT32_MAX / 2, FGMM_INTERNAL, "queries of a batch = %llu", (unsigned long long)n);
    s->n = n;
    s->k = k;
    if (!exclude) {
        FG_TRY(FG_ALLOC(&nobody, n, "results"));
        for (uint64_t i = 0; i < n; i++) nobody[i] = -1;
    }
    FG_TRY(upload(&s->queries, s->device, queries, n * s->options.d, sizeof *queries));
    FG_TRY(upload(&s->exclude, s->device, exclude ? exclude : nobody, n, sizeof *exclude));
    FG_TRY(reserve(&s->best_d, s->device, n * k, sizeof(float)));
    FG_TRY(reserve(&s->best_ids, s->device, n * k, sizeof(cl_long)));
    FG_TRY(reserve(&s->counts, s->device, n, sizeof(cl_uint)));
    FG_TRY(fg_buffer_zero(s->counts.buffer, 0, (size_t)n * sizeof(cl_uint)));
done:
    free(nobody);
    return status;
}

/* ---- what one launch works on ---- */

/* Arrays of a launch on the host; as cl/search/scan.cl and cl/search/select.cl describe them. */
typedef struct work {
    cl_uint *tasks;                /* [pairs][TASK_WORDS] */
    cl_uint *pairs;                /* [pairs][2] */
    cl_uint *finds;                /* [pairs][3] */
    cl_uint *ranges;               /* [n][2] */
    uint64_t task_count, capacity; /* capacity: pairs */
} work;

static void work_free(work *w)
{
    free(w->tasks);
    free(w->pairs);
    free(w->finds);
    free(w->ranges);
    *w = (work){0};
}

/* Makes room; what was there is lost when there was too little. */
static fgmm_status work_reserve(work *w, uint64_t pairs, uint64_t n)
{
    fgmm_status status = FGMM_OK;
    if (w->ranges && pairs <= w->capacity) goto done;
    work_free(w);
    FG_TRY(FG_ALLOC(&w->tasks, pairs * TASK_WORDS, "tasks of a scan"));
    FG_TRY(FG_ALLOC(&w->pairs, pairs * 2, "tasks of a scan"));
    FG_TRY(FG_ALLOC(&w->finds, pairs * 3, "tasks of a scan"));
    FG_TRY(FG_ALLOC(&w->ranges, n * 2, "tasks of a scan"));
    w->capacity = pairs;
done:
    return status;
}

static uint32_t blocks_of(const fg_list_chunk *chunk)
{
    return (uint32_t)fg_ceil_div(chunk->rows, FG_BLOCK_ROWS);
}

/* Gives pairs[0..count-1], in the order of their chunks, a place in out; up to TASK_PAIRS of one chunk make a task. */
static void make_tasks(work *w, const fg_list_storage *storage, const pair *pairs, uint64_t count)
{
    uint64_t at = 0;
    w->task_count = 0;
    for (uint64_t p = 0; p < count; p++) {
        const fg_list_chunk *chunk = &storage->chunks[pairs[p].chunk];
        cl_uint *task = w->tasks + (w->task_count ? w->task_count - 1 : 0) * TASK_WORDS;
        const int is_same = p > 0 && pairs[p - 1].chunk == pairs[p].chunk && task[1] < TASK_PAIRS;
        if (!is_same) {
            task = w->tasks + w->task_count++ * TASK_WORDS;
            task[0] = (cl_uint)p;
            task[1] = 0;
            task[2] = chunk->first_block;
            task[3] = blocks_of(chunk);
            task[4] = 0;
        }
        task[1]++;
        w->pairs[2 * p] = pairs[p].query;
        w->pairs[2 * p + 1] = (cl_uint)at;
        at += blocks_of(chunk);
    }
}

/* What each query finds where: the pairs again, in the order of their queries. */
static void make_finds(work *w, const fg_list_storage *storage, const pair *pairs, uint64_t count, uint64_t n)
{
    memset(w->ranges, 0, (size_t)n * 2 * sizeof *w->ranges);
    for (uint64_t p = 0; p < count; p++) w->ranges[2 * pairs[p].query + 1]++;
    cl_uint first = 0;
    for (uint64_t q = 0; q < n; q++) {
        const cl_uint found = w->ranges[2 * q + 1];
        w->ranges[2 * q] = w->ranges[2 * q + 1] = first;
        first += found;
    }
    for (uint64_t p = 0; p < count; p++) {
        const fg_list_chunk *chunk = &storage->chunks[pairs[p].chunk];
        cl_uint *find = w->finds + 3 * (size_t)w->ranges[2 * pairs[p].query + 1]++;
        find[0] = w->pairs[2 * p + 1];
        find[1] = chunk->first_block;
        find[2] = blocks_of(chunk);
    }
}

static fgmm_status launch_scan(fg_scan *s, const fg_segment *segment, uint64_t tasks)
{
    const cl_uint d = (cl_uint)s->options.d;
    const fg_argument arguments[] = {
        FG_ARG_BUFFER(segment->rows),   FG_ARG_BUFFER(s->queries.buffer), FG_ARG_VALUE(d),
        FG_ARG_BUFFER(s->tasks.buffer), FG_ARG_BUFFER(s->pairs.buffer),   FG_ARG_BUFFER(s->out.buffer)};
    const size_t global = (size_t)tasks * s->local;
    return FG_LAUNCH(s->device, s->scan, arguments, 1, &global, &s->local);
}

FG_ARGUMENTS(select, SELECT_ARGUMENTS)

static fgmm_status select_nearest(fg_scan *s, const fg_segment *segment)
{
    const select_arguments arguments = {
        .out = s->out.buffer,
        .ids = segment->ids,
        .finds = s->finds.buffer,
        .ranges = s->ranges.buffer,
        .exclude = s->exclude.buffer,
        .k = s->k,
        .best_d = s->best_d.buffer,
        .best_ids = s->best_ids.buffer,
        .counts = s->counts.buffer,
    };
    const size_t global = (size_t)s->n * s->local;
    return launch_select(s->device, s->select, &arguments, 1, &global, &s->local);
}

/* One launch: pairs of one segment whose distances fit the scratch. */
static fgmm_status scan_part(fg_scan *s, const fg_list_storage *storage, work *w, const pair *pairs, uint64_t count)
{
    fgmm_status status = FGMM_OK;
    const fg_segment *segment = &storage->segments[storage->chunks[pairs[0].chunk].segment];
    make_tasks(w, storage, pairs, count);
    make_finds(w, storage, pairs, count, s->n);
    FG_TRY(upload(&s->tasks, s->device, w->tasks, w->task_count * TASK_WORDS, sizeof *w->tasks));
    FG_TRY(upload(&s->pairs, s->device, w->pairs, count * 2, sizeof *w->pairs));
    FG_TRY(upload(&s->finds, s->device, w->finds, count * 3, sizeof *w->finds));
    FG_TRY(upload(&s->ranges, s->device, w->ranges, s->n * 2, sizeof *w->ranges));
    FG_TRY(launch_scan(s, segment, w->task_count));
    FG_TRY(select_nearest(s, segment));
done:
    return status;
}

/* Probes become pairs in the order of their chunks (counting sort: stable, so that the order is fixed). */
static fgmm_status sort_pairs(pair **pairs, uint64_t *count, const fg_list_storage *storage, const fg_probe *probes,
                              uint64_t probe_count)
{
    fgmm_status status = FGMM_OK;
    const uint64_t chunks = storage->first_chunk[storage->lists];
    uint64_t *next = NULL;
    *pairs = NULL;
    *count = 0;
    FG_TRY(FG_ALLOC(&next, chunks + 1, "tasks of a scan"));
    for (uint64_t p = 0; p < probe_count; p++)
        for (uint64_t i = storage->first_chunk[probes[p].list]; i < storage->first_chunk[probes[p].list + 1]; i++)
            next[i + 1]++;
    for (uint64_t i = 0; i < chunks; i++) next[i + 1] += next[i];
    *count = next[chunks];
    FG_TRY(FG_ALLOC(pairs, *count + 1, "tasks of a scan"));
    for (uint64_t p = 0; p < probe_count; p++)
        for (uint64_t i = storage->first_chunk[probes[p].list]; i < storage->first_chunk[probes[p].list + 1]; i++)
            (*pairs)[next[i]++] = (pair){probes[p].query, (uint32_t)i};
done:
    free(next);
    return status;
}

fgmm_status fg_scan_run(fg_scan *s, const fg_list_storage *storage, const fg_probe *probes, uint64_t probe_count)
{
    fgmm_status status = FGMM_OK;
    pair *pairs = NULL;
    work w = {0};
    uint64_t count = 0;
    const uint64_t most = fg_min_u64(s->options.scratch_floats, s->launch_rows);
    const uint64_t capacity_blocks = fg_max_u64(most, FG_CHUNK_ROWS) / FG_BLOCK_ROWS;
    if (probe_count == 0) return FGMM_OK;
    FG_TRY(sort_pairs(&pairs, &count, storage, probes, probe_count));
    for (uint64_t first = 0; first < count;) {
        const uint32_t segment = storage->chunks[pairs[first].chunk].segment;
        uint64_t blocks = 0, end = first;
        while (end < count && storage->chunks[pairs[end].chunk].segment == segment &&
               blocks + blocks_of(&storage->chunks[pairs[end].chunk]) <= capacity_blocks)
            blocks += blocks_of(&storage->chunks[pairs[end++].chunk]);
        FG_TRY(work_reserve(&w, end - first, s->n));
        FG_TRY(reserve(&s->out, s->device, blocks * FG_BLOCK_ROWS, sizeof(float)));
        FG_TRY(scan_part(s, storage, &w, pairs + first, end - first));
        first = end;
    }
done:
    free(pairs);
    work_free(&w);
    return status;
}

fgmm_status fg_scan_results(fg_scan *s, int64_t *ids, float *distances)
{
    fgmm_status status = FGMM_OK;
    cl_uint *counts = NULL;
    const size_t all = (size_t)s->n * s->k;
    FG_TRY(FG_ALLOC(&counts, s->n, "results"));
    FG_TRY(fg_buffer_read(s->counts.buffer, 0, counts, (size_t)s->n * sizeof *counts));
    if (ids) FG_TRY(fg_buffer_read(s->best_ids.buffer, 0, ids, all * sizeof *ids));
    if (distances) FG_TRY(fg_buffer_read(s->best_d.buffer, 0, distances, all * sizeof *distances));
    for (uint64_t q = 0; q < s->n; q++) {
        float *d = distances ? distances + q * s->k : NULL;
        for (uint32_t i = 0; d && s->is_wide && i < counts[q]; i++) {
            cl_uint whole;
            memcpy(&whole, d + i, sizeof whole);
            d[i] = (float)whole;
        }
        for (uint32_t i = counts[q]; i < s->k; i++) {
            if (ids) ids[q * s->k + i] = -1;
            if (d) d[i] = INFINITY;
        }
    }
done:
    free(counts);
    return status;
}

fgmm_status fg_scan_distances(const fg_buffer **distances, fg_scan *s, const fg_list_storage *storage,
                              const float *queries, uint64_t n)
{
    fgmm_status status = FGMM_OK;
    work w = {0};
    const uint64_t chunks = storage->first_chunk[1], stride_blocks = fg_ceil_div(storage->lengths[0], FG_BLOCK_ROWS);
    FG_TRY(work_reserve(&w, fg_ceil_div(n, TASK_PAIRS) * chunks + n, 1));
    for (uint64_t q = 0; q < n; q++) {
        w.pairs[2 * q] = (cl_uint)q;
        w.pairs[2 * q + 1] = (cl_uint)(q * stride_blocks);
    }
    for (uint64_t q = 0; q < n; q += TASK_PAIRS)
        for (uint64_t p = 0; p < chunks; p++) {
            cl_uint *task = w.tasks + w.task_count++ * TASK_WORDS;
            task[0] = (cl_uint)q;
            task[1] = (cl_uint)fg_min_u64(TASK_PAIRS, n - q);
            task[2] = storage->chunks[p].first_block;
            task[3] = blocks_of(&storage->chunks[p]);
            task[4] = (cl_uint)(p * (FG_CHUNK_ROWS / FG_BLOCK_ROWS));
        }
    FG_TRY(upload(&s->queries, s->device, queries, n * s->options.d, sizeof *queries));
    FG_TRY(upload(&s->pairs, s->device, w.pairs, n * 2, sizeof *w.pairs));
    FG_TRY(reserve(&s->out, s->device, n * stride_blocks * FG_BLOCK_ROWS, sizeof(float)));
    const uint64_t task_rows = TASK_PAIRS * fg_min_u64(FG_CHUNK_ROWS, storage->lengths[0]);
    const uint64_t most = fg_max_u64(1, s->launch_rows / task_rows); /* tasks of a launch */
    for (uint64_t first = 0; first < w.task_count; first += most) {
        const uint64_t part = fg_min_u64(most, w.task_count - first);
        FG_TRY(upload(&s->tasks, s->device, w.tasks + first * TASK_WORDS, part * TASK_WORDS, sizeof *w.tasks));
        FG_TRY(launch_scan(s, &storage->segments[0], part));
    }
    if (distances) *distances = s->out.buffer;
done:
    work_free(&w);
    return status;
}

fgmm_status fg_scan_read_distances(float *to, const fg_scan *s, uint64_t query, uint64_t length)
{
    const uint64_t stride = fg_round_up(length, FG_BLOCK_ROWS);
    return fg_buffer_read(s->out.buffer, (size_t)(query * stride) * sizeof *to, to, (size_t)length * sizeof *to);
}
