/* feed.c - the reader thread, the batches that are on their way, and the one loop over them. */
#include "feed.h"

#include "batch.h"
#include "lent.h"
#include "reading.h"
#include "resident.h"
#include "size.h"
#include "thread.h"

#include <stdlib.h>

/* Batches on their way at a time: one is read while the device works on another; apart from the host, a third
 * travels. */
enum { SHARED_TRANSFERS = 2, MOST_TRANSFERS = 3 };

enum { UPLOAD_BYTES = 1 << 24 }; /* a chunk of a batch: 0.3 ms of a fast link, so that it hardly waits for the first */

/* A batch on its way. Two threads alternate by passing its number through the queues. */
typedef struct transfer {
    fg_buffer *own;         /* for batches that do not stay; NULL: all do */
    fg_buffer *buffer;      /* where kernels find the batch: the own one, or a resident one; borrowed */
    fg_batch_layout layout; /* of that buffer */
    fg_upload *upload;      /* through which the reader fills it */
    uint64_t first, n;      /* its rows */
    double weight;          /* sum of their weights */
} transfer;

struct fg_feed {
    fg_feed_options options;
    fg_batch_layout layout; /* of a whole batch */
    fg_lent lent;
    fg_resident resident;
    uint64_t position; /* rows of this pass that the caller has had */
    double waited_s;

    transfer transfers[MOST_TRANSFERS];
    size_t transfer_count;
    size_t last;           /* the one that the device may still use */
    int has_last;          /* there is one */
    uint64_t next_batch;   /* that the reader is asked for */
    uint64_t weights_read; /* by the reader in this pass */

    fg_thread *reader;
    fg_queue *empty, *full; /* transfers on their way to and from the reader */
    fg_reading *reading;    /* what it reads; NULL: rows are lent */
    fgmm_status reader_status;
    char reader_text[FG_ERROR_TEXT_BYTES];
};

/* ---- the reader's side ---- */

/* Weights of rows that are on the device already, before the batch's: they are read, into memory that the batch will
 * fill, and not used. */
static fgmm_status skip_weights(fg_feed *f, const transfer *t, float *memory)
{
    fgmm_status status = FGMM_OK;
    while (f->weights_read < t->first) {
        const uint64_t n = fg_min_u64(t->layout.capacity, t->first - f->weights_read);
        FG_TRY(fg_weights_read(&f->options.weights, memory, n, NULL));
        f->weights_read += n;
    }
done:
    return status;
}

static fgmm_status read_weights(fg_feed *f, transfer *t, float *memory)
{
    fgmm_status status = FGMM_OK;
    if (t->layout.weight_bytes == 0) return FGMM_OK;
    FG_TRY(skip_weights(f, t, memory));
    FG_TRY(fg_weights_read(&f->options.weights, memory, t->n, &t->weight));
    f->weights_read += t->n;
    if (t->n > 0) FG_TRY(fg_upload_send(t->upload, 0, (size_t)t->n * t->layout.weight_bytes));
done:
    return status;
}

/* A batch, each chunk on its way to the device as soon as it is read. */
static fgmm_status read_batch(fg_feed *f, transfer *t)
{
    fgmm_status status = FGMM_OK;
    void *memory;
    uint64_t count = 0, wanted = 0;
    const size_t row_bytes = f->layout.row_bytes;
    const uint64_t capacity = f->options.batch_rows, chunk = fg_max_u64(1, UPLOAD_BYTES / row_bytes);
    FG_TRY(fg_upload_begin(t->upload, t->buffer, &memory));
    if (f->resident.is_filled) fg_reading_seek(f->reading, t->first);
    for (t->n = 0; t->n < capacity && count == wanted; t->n += count) {
        const size_t at = fg_batch_rows_at(&t->layout) + (size_t)t->n * row_bytes;
        wanted = fg_min_u64(chunk, capacity - t->n);
        FG_TRY(fg_reading_fill(f->reading, (char *)memory + at, wanted, &count));
        if (count > 0) FG_TRY(fg_upload_send(t->upload, at, (size_t)count * row_bytes));
    }
    FG_TRY(read_weights(f, t, memory));
    FG_TRY(fg_upload_end(t->upload));
done:
    return status;
}

static void reader_main(void *argument)
{
    fg_feed *f = argument;
    size_t number;
    int is_end = 0;
    while (!is_end && fg_queue_pop(f->empty, &number)) {
        f->reader_status = read_batch(f, &f->transfers[number]);
        if (f->reader_status != FGMM_OK) {
            fg_error_save(f->reader_text);
            break;
        }
        is_end = f->transfers[number].n < f->options.batch_rows || fg_reading_is_at_end(f->reading);
        if (f->transfers[number].n > 0) fg_queue_push(f->full, number);
    }
    fg_queue_close(f->full);
}

/* ---- the caller's side ---- */

/* The buffer that a transfer fills: its own, or a new one for a batch that stays. */
static fgmm_status choose_buffer(fg_feed *f, transfer *t, uint64_t batch)
{
    fgmm_status status = FGMM_OK;
    t->first = batch * f->options.batch_rows;
    t->buffer = t->own;
    t->layout = f->layout;
    if (!fg_resident_has(&f->resident, batch)) return FGMM_OK;
    t->layout.capacity = fg_min_u64(f->options.batch_rows, f->options.rows - t->first);
    FG_TRY(fg_resident_add(&f->resident, batch, f->options.device, fg_batch_bytes(&t->layout)));
    t->buffer = f->resident.buffers[batch];
done:
    return status;
}

/* Asks the reader for the next batch that is not on the device, if there is one. It waits until the device is done with
 * what the transfer was used for before. */
static fgmm_status request_batch(fg_feed *f, size_t number)
{
    fgmm_status status = FGMM_OK;
    transfer *t = &f->transfers[number];
    const fg_resident *resident = &f->resident;
    while (f->next_batch < resident->batches && !fg_resident_is_missing(resident, f->next_batch)) f->next_batch++;
    if (resident->batches > 0 && f->next_batch == resident->batches) return FGMM_OK;
    FG_TRY(choose_buffer(f, t, f->next_batch++));
    FG_TRY(fg_upload_release(t->upload));
    fg_queue_push(f->empty, number);
done:
    return status;
}

/* Stops the reader. Keeps the thread's error text. */
static void end_pass(fg_feed *f)
{
    char text[FG_ERROR_TEXT_BYTES];
    fg_error_save(text);
    if (f->reader) {
        fg_queue_close(f->empty);
        fg_queue_close(f->full);
        fg_thread_join(f->reader);
        f->reader = NULL;
    }
    fg_queue_free(f->empty);
    fg_queue_free(f->full);
    f->empty = f->full = NULL;
    for (transfer *t = f->transfers; t < f->transfers + f->transfer_count; t++)
        if (t->upload) fg_upload_end(t->upload);
    f->has_last = 0;
    fg_error_restore(text);
}

fgmm_status fg_feed_begin(fg_feed *f)
{
    fgmm_status status = FGMM_OK;
    const fg_feed_options *o = &f->options;
    f->position = f->next_batch = f->weights_read = 0;
    if (f->resident.is_filled && f->resident.count == f->resident.batches) return FGMM_OK;
    if (o->weights.source) FG_TRY(fgmm_source_rewind(o->weights.source));
    if (f->lent.rows) return o->most > 0 ? fg_lent_check(o->source, o->most) : FGMM_OK;
    f->reader_status = FGMM_OK;
    FG_TRY(fg_reading_rewind(f->reading));
    FG_TRY(fg_queue_create(&f->empty, f->transfer_count));
    FG_TRY(fg_queue_create(&f->full, f->transfer_count));
    for (size_t i = 0; i < f->transfer_count; i++) FG_TRY(request_batch(f, i));
    FG_TRY(fg_thread_start(&f->reader, reader_main, f));
done:
    if (status != FGMM_OK) end_pass(f);
    return status;
}

/* A batch that is on the device already, or the end of a pass whose end is known. */
static fgmm_status next_in_place(fg_feed *f, fg_rows *rows)
{
    const uint64_t n = fg_min_u64(f->options.batch_rows, f->options.rows - f->position);
    if (n == 0) return FGMM_OK;
    if (f->lent.rows) return fg_lent_batch(rows, &f->lent, &f->layout, &f->options.weights, f->position, n);
    *rows = f->resident.rows[f->position / f->options.batch_rows];
    return FGMM_OK;
}

/* A batch from the reader, for kernels that are launched after this. */
static fgmm_status next_read(fg_feed *f, fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    const uint64_t batch = f->position / f->options.batch_rows;
    const double began_s = fg_now_s();
    f->has_last = fg_queue_pop(f->full, &f->last);
    f->waited_s += fg_now_s() - began_s;
    if (f->has_last) {
        const transfer *t = &f->transfers[f->last];
        FG_TRY(fg_upload_use(t->upload));
        *rows = fg_batch_rows(&t->layout, t->buffer, t->n, t->weight);
        if (fg_resident_has(&f->resident, batch)) f->resident.rows[batch] = *rows;
    } else if (f->reader_status != FGMM_OK) {
        status = f->reader_status;
        fg_error_restore(f->reader_text);
    } else {
        f->resident.is_filled = f->resident.batches > 0;
        end_pass(f);
    }
done:
    return status;
}

static int is_in_place(const fg_feed *f)
{
    if (f->lent.rows) return 1;
    return f->resident.is_filled && (f->position == f->options.rows ||
                                     !fg_resident_is_missing(&f->resident, f->position / f->options.batch_rows));
}

/* The next batch, valid until the next call; rows->n = 0: the end of the pass. */
static fgmm_status next_batch(fg_feed *f, fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    *rows = (fg_rows){0};
    /* The transfer used before goes back to the reader first, so that it reads while the device computes. */
    if (f->has_last) FG_TRY(request_batch(f, f->last));
    f->has_last = 0;
    FG_TRY(is_in_place(f) ? next_in_place(f, rows) : next_read(f, rows));
    f->position += rows->n;
done:
    if (status != FGMM_OK || (f->resident.is_filled && rows->n == 0)) end_pass(f);
    return status;
}

fgmm_status fg_feed_each(fg_feed *feed, fg_progress *progress, fg_batch_fn work, void *user)
{
    fgmm_status status = FGMM_OK;
    fg_rows rows;
    FG_TRY(next_batch(feed, &rows));
    while (rows.n > 0) {
        FG_TRY(work(user, &rows));
        FG_TRY(fg_progress_rows(progress, rows.n));
        FG_TRY(next_batch(feed, &rows));
    }
done:
    return status;
}

double fg_feed_waited_s(const fg_feed *feed)
{
    return feed->waited_s;
}

/* ---- the whole ---- */

static size_t transfers_of(const fgmm_device *device)
{
    return fg_device_facts_of(device)->has_unified_memory ? SHARED_TRANSFERS : MOST_TRANSFERS;
}

uint64_t fg_feed_bytes(const fgmm_device *device, uint64_t batch_bytes, int is_resident)
{
    const uint64_t batches = transfers_of(device) * batch_bytes;
    const uint64_t pinned = fg_device_facts_of(device)->has_unified_memory ? 0 : batches;
    return (is_resident ? 0 : batches) + pinned;
}

/* What a feed with a reader holds between passes. */
static fgmm_status open_reader(fg_feed *f)
{
    fgmm_status status = FGMM_OK;
    const fg_feed_options *o = &f->options;
    const size_t bytes = fg_batch_bytes(&f->layout);
    if (o->resident_rows > 0)
        FG_TRY(fg_resident_open(&f->resident, fg_ceil_div(o->rows, o->batch_rows),
                                fg_ceil_div(o->resident_rows, o->batch_rows)));
    const int do_all_stay = f->resident.batches > 0 && f->resident.count == f->resident.batches;
    for (transfer *t = f->transfers; t < f->transfers + f->transfer_count; t++) {
        if (!do_all_stay) FG_TRY(fg_buffer_create(&t->own, o->device, bytes, FG_BUFFER_DEVICE, "a batch of rows"));
        FG_TRY(fg_upload_create(&t->upload, o->device, bytes));
    }
    const fg_reading_options reading = {o->source, o->rows, o->most, o->shift};
    FG_TRY(fg_reading_open(&f->reading, &reading));
done:
    return status;
}

fgmm_status fg_feed_open(fg_feed **feed, const fg_feed_options *options)
{
    fgmm_status status = FGMM_OK;
    fg_feed *f = NULL;
    *feed = NULL;
    FG_TRY(FG_ALLOC(&f, 1, "feed"));
    f->options = *options;
    f->transfer_count = transfers_of(options->device);
    FG_TRY(fg_batch_layout_of(&f->layout, options->source, &options->weights, options->batch_rows));
    if (options->source->opencl)
        FG_TRY(fg_lent_open(&f->lent, options->device, options->source, &f->layout));
    else
        FG_TRY(open_reader(f));
    *feed = f;
    f = NULL;
done:
    fg_feed_close(f);
    return status;
}

void fg_feed_close(fg_feed *f)
{
    if (!f) return;
    char text[FG_ERROR_TEXT_BYTES];
    fg_error_save(text);
    end_pass(f);
    for (transfer *t = f->transfers; t < f->transfers + f->transfer_count; t++) {
        fg_upload_free(t->upload);
        fg_buffer_free(t->own);
    }
    fg_resident_clear(&f->resident);
    fg_lent_clear(&f->lent);
    fg_reading_close(f->reading);
    free(f);
    fg_error_restore(text);
}
