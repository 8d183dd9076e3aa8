/* reading.c - the threads that share a batch, and the chunks that they read. */
#include "reading.h"

#include "size.h"
#include "thread.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

/* More threads would only wait for memory. */
enum { MOST_WORKERS = 8 };

/* Who reads: the caller is the first. */
typedef struct worker {
    fg_reading *reading;
    size_t index;
    fg_thread *thread;     /* NULL: the caller's own */
    void *raw;             /* (chunk_rows,d) F64 rows before they are shifted, else one row */
    uint64_t failed_chunk; /* where status is not OK */
    fgmm_status status;
    char text[FG_ERROR_TEXT_BYTES];
} worker;

struct fg_reading {
    fg_reading_options options;
    uint64_t d;
    fgmm_type type;                  /* of the source */
    size_t raw_row_bytes, row_bytes; /* in the source, on the device */
    uint64_t position;               /* rows given in this pass */
    uint64_t chunk_rows;
    int is_shared; /* the source gives rows at any place */
    /* The batch at hand: n rows from `position` on go to `to`. */
    char *to;
    uint64_t n;
    atomic_uint_fast64_t next_chunk;
    worker workers[MOST_WORKERS];
    size_t worker_count, most_workers; /* that there are, and will be */
    fg_queue *shares, *done;           /* a share is for any worker but the first; a quick one may take several */
};

/* Rows that have been read to `raw` (F64) or in place. first: of the batch. */
static fgmm_status finish_rows(const fg_reading *r, char *to, const void *raw, uint64_t n, uint64_t first)
{
    fgmm_status status = FGMM_OK;
    const int is_f64 = r->type == FGMM_F64;
    const double most = r->options.most > 0 ? r->options.most : fg_most_value(r->type);
    if (is_f64 || r->options.most > 0)
        FG_TRY(fg_rows_check_given(r->options.source, is_f64 ? raw : to, n, r->position + first, most));
    if (is_f64)
        fg_rows_to_float((float *)(void *)to, raw, r->type, n, r->d, r->options.shift->host, r->options.shift->unit);
done:
    return status;
}

/* ---- several threads ---- */

static fgmm_status read_chunk(const fg_reading *r, void *raw, uint64_t first)
{
    fgmm_status status = FGMM_OK;
    const fgmm_source *source = r->options.source;
    const uint64_t n = fg_min_u64(r->chunk_rows, r->n - first);
    char *to = r->to + (size_t)first * r->row_bytes;
    void *in = r->type == FGMM_F64 ? raw : to;
    FG_TRY(source->kind->read_at(source->self, r->position + first, in, n));
    FG_TRY(finish_rows(r, to, raw, n, first));
done:
    return status;
}

/* Chunks are read in order, so that of several that fail the first is always among those that were read. */
static void read_chunks(worker *w)
{
    fg_reading *r = w->reading;
    const uint64_t chunks = fg_ceil_div(r->n, r->chunk_rows);
    for (uint64_t chunk; (chunk = atomic_fetch_add(&r->next_chunk, 1u)) < chunks;) {
        const fgmm_status status = read_chunk(r, w->raw, chunk * r->chunk_rows);
        if (status == FGMM_OK) continue;
        w->status = status;
        w->failed_chunk = chunk;
        fg_error_save(w->text);
        atomic_store(&r->next_chunk, chunks);
        return;
    }
}

static void worker_main(void *argument)
{
    worker *w = argument;
    size_t share;
    fg_thread_places places;
    fg_thread_spread(&places, w->index, w->reading->most_workers);
    while (fg_queue_pop(w->reading->shares, &share)) {
        read_chunks(w);
        fg_queue_push(w->reading->done, share);
    }
}

static fgmm_status read_together(fg_reading *r)
{
    const size_t shares = (size_t)fg_min_u64(r->worker_count, fg_ceil_div(r->n, r->chunk_rows)) - 1;
    const worker *first = NULL;
    fg_thread_places places;
    atomic_store(&r->next_chunk, 0u);
    for (worker *w = r->workers; w < r->workers + r->worker_count; w++) w->status = FGMM_OK;
    for (size_t i = 0; i < shares; i++) fg_queue_push(r->shares, i);
    /* For as long as it reads only: threads that a driver makes in the caller's name shall not be kept to a part. */
    fg_thread_spread(&places, 0, r->worker_count);
    read_chunks(&r->workers[0]);
    fg_thread_return(&places);
    for (size_t i = 0, share; i < shares; i++) fg_queue_pop(r->done, &share);
    for (const worker *w = r->workers; w < r->workers + r->worker_count; w++)
        if (w->status != FGMM_OK && (!first || w->failed_chunk < first->failed_chunk)) first = w;
    if (!first) return FGMM_OK;
    fg_error_restore(first->text);
    return first->status;
}

/* ---- one thread ---- */

/* F64 rows become float rows minus the offset, block by block. */
static fgmm_status read_in_order(fg_reading *r)
{
    fgmm_status status = FGMM_OK;
    const int is_f64 = r->type == FGMM_F64;
    uint64_t wanted = 1, given = 1, n = 0;
    for (; n < r->n && given == wanted; n += given) {
        wanted = is_f64 ? fg_min_u64(r->chunk_rows, r->n - n) : r->n;
        void *raw = is_f64 ? r->workers[0].raw : r->to;
        FG_TRY(fg_rows_fill(r->options.source, raw, wanted, &given));
        FG_TRY(finish_rows(r, r->to + (size_t)n * r->row_bytes, raw, given, n));
    }
    r->n = n;
    /* All expected rows are there: the source says by itself when it has more. */
    if (r->position + n == r->options.rows) FG_TRY(fg_rows_fill(r->options.source, r->workers[0].raw, 1, &given));
done:
    return status;
}

/* ---- the whole ---- */

fgmm_status fg_reading_rewind(fg_reading *reading)
{
    reading->position = 0;
    return fgmm_source_rewind(reading->options.source);
}

fgmm_status fg_reading_fill(fg_reading *r, void *rows, uint64_t capacity, uint64_t *count)
{
    fgmm_status status = FGMM_OK;
    *count = 0;
    r->to = rows;
    r->n = fg_min_u64(capacity, r->options.rows - r->position);
    if (r->n > 0) FG_TRY(r->is_shared ? read_together(r) : read_in_order(r));
    r->position += r->n;
    *count = r->n;
done:
    return status;
}

int fg_reading_is_seekable(const fgmm_source *source)
{
    return source->kind->read_at && source->info.rows != FGMM_ROWS_UNKNOWN;
}

void fg_reading_seek(fg_reading *reading, uint64_t first)
{
    assert(reading->is_shared && first <= reading->options.rows);
    reading->position = first;
}

int fg_reading_is_at_end(const fg_reading *reading)
{
    return reading->position == reading->options.rows;
}

static fgmm_status start_workers(fg_reading *r, size_t count)
{
    fgmm_status status = FGMM_OK;
    r->most_workers = count;
    FG_TRY(fg_queue_create(&r->shares, count));
    FG_TRY(fg_queue_create(&r->done, count));
    for (; r->worker_count < count; r->worker_count++) {
        worker *w = &r->workers[r->worker_count];
        w->reading = r;
        w->index = r->worker_count;
        FG_TRY(fg_alloc(&w->raw, r->type == FGMM_F64 ? r->chunk_rows : 1, r->raw_row_bytes, "a block of rows"));
        if (r->worker_count > 0) FG_TRY(fg_thread_start(&w->thread, worker_main, w));
    }
done:
    return status;
}

fgmm_status fg_reading_open(fg_reading **reading, const fg_reading_options *options)
{
    fgmm_status status = FGMM_OK;
    fg_reading *r = NULL;
    const fgmm_source *source = options->source;
    *reading = NULL;
    FG_TRY(FG_ALLOC(&r, 1, "reading"));
    r->options = *options;
    r->d = source->info.dims;
    r->type = source->info.type;
    FG_TRY(fg_size_product(&r->raw_row_bytes, r->d, fgmm_type_bytes(r->type), "a row"));
    FG_TRY(fg_size_product(&r->row_bytes, r->d, fgmm_type_bytes(fg_type_on_device(r->type)), "a row"));
    r->chunk_rows = fg_max_u64(1, FG_CACHED_BYTES / r->raw_row_bytes);
    r->is_shared = fg_reading_is_seekable(source) && options->rows == source->info.rows;
    FG_TRY(start_workers(r, r->is_shared ? (size_t)fg_min_u64(fg_processors(), MOST_WORKERS) : 1));
    *reading = r;
    r = NULL;
done:
    fg_reading_close(r);
    return status;
}

void fg_reading_close(fg_reading *reading)
{
    if (!reading) return;
    if (reading->shares) fg_queue_close(reading->shares);
    for (worker *w = reading->workers; w < reading->workers + MOST_WORKERS; w++) {
        fg_thread_join(w->thread);
        free(w->raw);
    }
    fg_queue_free(reading->shares);
    fg_queue_free(reading->done);
    free(reading);
}
