/* feed.c - the reader thread, its slots, and where their rows go. */
#include "feed.h"

#include "reading.h"
#include "size.h"
#include "thread.h"

#include <stdlib.h>
#include <string.h>

/* A batch on its way. Two threads take turns by passing its number through the queues. */
typedef struct slot {
    fg_buffer *own;    /* for rows that do not stay; NULL: all do */
    fg_buffer *buffer; /* where kernels find the rows: the own one, or one of fg_feed.resident; borrowed */
    fg_upload *upload; /* through which the reader fills it */
    uint64_t capacity; /* rows that fit; their weights, where there are some, lie before them: float (capacity) */
    uint64_t first;    /* row of the batch */
    uint64_t n;        /* rows in it */
    double weight;     /* sum of their weights */
} slot;

struct fg_feed {
    fg_feed_options options;
    uint64_t d;
    fgmm_type type;   /* of the source */
    size_t row_bytes; /* on the device */
    const fg_lent_rows *lent;
    uint64_t position; /* rows given in this pass */
    double waited_s;

    slot slots[FG_FEED_MOST_BUFFERS];
    size_t slot_count;
    size_t last;  /* the slot that the device may still use */
    int has_last; /* there is one */

    fg_buffer **resident;     /* (batches) the buffers of those that stay, NULL for others; NULL: none stays */
    double *resident_weights; /* (batches) sums of weights */
    uint64_t batches, kept;   /* all, where some are resident, and how many are */
    uint64_t handed;          /* batches of this pass that slots were handed out for, and kept ones before the next */
    uint64_t weights_read;    /* by the reader in this pass */
    int is_filled;            /* what is to stay is on the device */
    fg_buffer *lent_weights;  /* float (batch_rows) of the batch at hand, where rows are lent; NULL: no weights */
    float *host_weights;      /* (batch_rows) likewise */

    fg_thread *reader;
    fg_queue *empty, *full; /* slots on their way to and from the reader */
    fg_reading *reading;    /* what it reads; NULL: rows are lent */
    fgmm_status reader_status;
    char reader_text[FG_ERROR_TEXT_BYTES];
};

static size_t weight_bytes(const fg_feed *s, uint64_t rows)
{
    return s->options.weights.source ? (size_t)rows * sizeof(float) : 0;
}

enum { UPLOAD_BYTES = 1 << 24 }; /* a chunk of a batch: 0.3 ms of a fast link, so that it hardly waits for the first */

/* ---- the reader's side ---- */

/* Weights of rows that are on the device already, before the batch's: read in vain, to memory that the batch will fill.
 */
static fgmm_status skip_weights(fg_feed *s, const slot *into, float *memory)
{
    fgmm_status status = FGMM_OK;
    while (s->weights_read < into->first) {
        const uint64_t n = fg_min_u64(into->capacity, into->first - s->weights_read);
        FG_TRY(fg_weights_read(&s->options.weights, memory, n, NULL));
        s->weights_read += n;
    }
    s->weights_read += into->n;
done:
    return status;
}

/* A batch, each chunk on its way to the device as soon as it is read. */
static fgmm_status read_batch(fg_feed *s, slot *into)
{
    fgmm_status status = FGMM_OK;
    void *memory;
    uint64_t given = 0, wanted = 0;
    const uint64_t capacity = s->options.batch_rows, piece = fg_max_u64(1, UPLOAD_BYTES / s->row_bytes);
    const size_t rows_at = weight_bytes(s, into->capacity);
    FG_TRY(fg_upload_begin(into->upload, into->buffer, &memory));
    if (s->is_filled) fg_reading_seek(s->reading, into->first);
    for (into->n = 0; into->n < capacity && given == wanted; into->n += given) {
        const size_t at = rows_at + (size_t)into->n * s->row_bytes;
        wanted = fg_min_u64(piece, capacity - into->n);
        FG_TRY(fg_reading_fill(s->reading, (char *)memory + at, wanted, &given));
        if (given > 0) FG_TRY(fg_upload_send(into->upload, at, (size_t)given * s->row_bytes));
    }
    if (rows_at > 0) {
        FG_TRY(skip_weights(s, into, memory));
        FG_TRY(fg_weights_read(&s->options.weights, memory, into->n, &into->weight));
    }
    if (rows_at > 0 && into->n > 0) FG_TRY(fg_upload_send(into->upload, 0, weight_bytes(s, into->n)));
    FG_TRY(fg_upload_end(into->upload));
done:
    return status;
}

static void reader_main(void *argument)
{
    fg_feed *s = argument;
    size_t number;
    int is_end = 0;
    while (!is_end && fg_queue_pop(s->empty, &number)) {
        s->reader_status = read_batch(s, &s->slots[number]);
        if (s->reader_status != FGMM_OK) {
            fg_error_save(s->reader_text);
            break;
        }
        is_end = s->slots[number].n < s->options.batch_rows || fg_reading_is_at_end(s->reading);
        if (s->slots[number].n > 0) fg_queue_push(s->full, number);
    }
    fg_queue_close(s->full);
}

/* ---- slots ---- */

/* Does the batch stay on the device? Those that do are spread evenly, so that others are read while these are used. */
static int is_kept(const fg_feed *s, uint64_t batch)
{
    return s->resident && (batch + 1) * s->kept / s->batches > batch * s->kept / s->batches;
}

/* Room on the device for a batch that stays. */
static fgmm_status keep_batch(fg_feed *s, slot *out, uint64_t batch)
{
    fgmm_status status = FGMM_OK;
    const uint64_t n = fg_min_u64(s->options.batch_rows, s->options.rows - out->first);
    FG_TRY(fg_buffer_create(&s->resident[batch], s->options.device, weight_bytes(s, n) + (size_t)n * s->row_bytes,
                            FG_BUFFER_DEVICE, "rows on the device"));
    out->buffer = s->resident[batch];
    out->capacity = n;
done:
    return status;
}

/* Gives slot `number` to the reader, for the next batch that is to be read, if there is one. The reader waits until the
 * device is done with what it was given before. */
static fgmm_status hand_out(fg_feed *s, size_t number)
{
    fgmm_status status = FGMM_OK;
    slot *out = &s->slots[number];
    while (s->is_filled && s->handed < s->batches && is_kept(s, s->handed)) s->handed++;
    if (s->resident && s->handed == s->batches) goto done;
    const uint64_t batch = s->handed++;
    out->first = batch * s->options.batch_rows;
    out->buffer = out->own;
    out->capacity = s->options.batch_rows;
    if (is_kept(s, batch)) FG_TRY(keep_batch(s, out, batch));
    FG_TRY(fg_upload_release(out->upload));
    fg_queue_push(s->empty, number);
done:
    return status;
}

/* n rows, and before them room for the weights of `capacity`. */
static fg_rows rows_of_buffer(const fg_feed *s, const fg_buffer *buffer, uint64_t capacity, uint64_t n, double weight)
{
    fg_rows rows = {buffer, weight_bytes(s, capacity), (size_t)n};
    if (s->options.weights.source) {
        rows.weights = buffer;
        rows.weight = weight;
    }
    return rows;
}

/* A filled slot's rows, for kernels that are launched after this. */
static fgmm_status bring(const fg_feed *s, const slot *in, fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_upload_use(in->upload));
    *rows = rows_of_buffer(s, in->buffer, in->capacity, in->n, in->weight);
done:
    return status;
}

/* Stops the reader and takes the slots back. Keeps the thread's error text. */
static void end_pass(fg_feed *s)
{
    char text[FG_ERROR_TEXT_BYTES];
    fg_error_save(text);
    if (s->reader) {
        fg_queue_close(s->empty);
        fg_queue_close(s->full);
        fg_thread_join(s->reader);
        s->reader = NULL;
    }
    fg_queue_free(s->empty);
    fg_queue_free(s->full);
    s->empty = s->full = NULL;
    for (slot *each = s->slots; each < s->slots + s->slot_count; each++)
        if (each->upload) fg_upload_end(each->upload);
    s->has_last = 0;
    fg_error_restore(text);
}

/* ---- the whole ---- */

size_t fg_feed_slots(const fgmm_device *device)
{
    return fg_device_facts_of(device)->has_unified_memory ? 2 : FG_FEED_MOST_BUFFERS;
}

uint64_t fg_feed_bytes(const fgmm_device *device, uint64_t batch_bytes, int is_resident)
{
    const uint64_t batches = fg_feed_slots(device) * batch_bytes;
    const uint64_t pinned = fg_device_facts_of(device)->has_unified_memory ? 0 : batches;
    return (is_resident ? 0 : batches) + pinned;
}

/* What a stream with a reader holds between passes. */
static fgmm_status make_buffers(fg_feed *s)
{
    fgmm_status status = FGMM_OK;
    size_t bytes;
    FG_TRY(fg_size_product(&bytes, s->options.batch_rows, s->row_bytes + weight_bytes(s, 1), "a batch of rows"));
    for (slot *each = s->slots; each < s->slots + s->slot_count; each++) {
        if (s->kept == 0 || s->kept < s->batches)
            FG_TRY(fg_buffer_create(&each->own, s->options.device, bytes, FG_BUFFER_DEVICE, "a batch of rows"));
        FG_TRY(fg_upload_create(&each->upload, s->options.device, bytes));
    }
    const fg_reading_options reading = {s->options.source, s->options.rows, s->options.most, s->options.shift};
    FG_TRY(fg_reading_open(&s->reading, &reading));
done:
    return status;
}

fgmm_status fg_feed_open(fg_feed **feed, const fg_feed_options *options)
{
    fgmm_status status = FGMM_OK;
    fg_feed *s = NULL;
    *feed = NULL;
    FG_TRY(FG_ALLOC(&s, 1, "stream"));
    s->options = *options;
    s->d = options->source->info.dims;
    s->type = options->source->info.type;
    s->lent = options->source->opencl;
    s->slot_count = fg_feed_slots(options->device);
    FG_TRY(fg_size_product(&s->row_bytes, s->d, fgmm_type_bytes(fg_device_type(s->type)), "a row"));
    if (!s->lent) {
        if (options->resident_rows > 0) {
            s->batches = fg_ceil_div(options->rows, options->batch_rows);
            s->kept = fg_ceil_div(options->resident_rows, options->batch_rows);
            FG_TRY(FG_ALLOC(&s->resident, s->batches, "batches"));
            FG_TRY(FG_ALLOC(&s->resident_weights, s->batches, "batches"));
        }
        FG_TRY(make_buffers(s));
    } else if (options->weights.source) {
        const size_t bytes = weight_bytes(s, options->batch_rows);
        FG_TRY(fg_buffer_create(&s->lent_weights, options->device, bytes, FG_BUFFER_DEVICE, "weights of a batch"));
        FG_TRY(FG_ALLOC(&s->host_weights, options->batch_rows, "weights of a batch"));
    }
    *feed = s;
    s = NULL;
done:
    fg_feed_close(s);
    return status;
}

void fg_feed_close(fg_feed *s)
{
    if (!s) return;
    char text[FG_ERROR_TEXT_BYTES];
    fg_error_save(text);
    end_pass(s);
    for (slot *each = s->slots; each < s->slots + s->slot_count; each++) {
        fg_upload_free(each->upload);
        fg_buffer_free(each->own);
    }
    for (uint64_t i = 0; s->resident && i < s->batches; i++) fg_buffer_free(s->resident[i]);
    fg_buffer_free(s->lent_weights);
    free(s->host_weights);
    free(s->resident_weights);
    free(s->resident);
    fg_reading_close(s->reading);
    free(s);
    fg_error_restore(text);
}

enum { CHECK_BYTES = 1 << 18 }; /* a block of rows that stays in a second-level cache while it is checked */

/* Lent rows never pass through the host, except to be looked at. */
static fgmm_status check_lent(fg_feed *s)
{
    fgmm_status status = FGMM_OK;
    void *rows = NULL;
    uint64_t first = 0;
    const uint64_t capacity = fg_max_u64(1, CHECK_BYTES / s->row_bytes);
    FG_TRY(fg_alloc(&rows, capacity, s->row_bytes, "a block of rows"));
    FG_TRY(fgmm_source_rewind(s->options.source));
    for (uint64_t n = capacity; n == capacity; first += n) {
        FG_TRY(fg_rows_fill(s->options.source, rows, capacity, &n));
        FG_TRY(fg_rows_check_given(s->options.source, rows, n, first, s->options.most));
    }
done:
    free(rows);
    return status;
}

fgmm_status fg_feed_begin(fg_feed *s)
{
    fgmm_status status = FGMM_OK;
    s->position = s->handed = s->weights_read = 0;
    if (s->is_filled && s->kept == s->batches) return FGMM_OK;
    if (s->options.weights.source) FG_TRY(fgmm_source_rewind(s->options.weights.source));
    if (s->lent) return s->options.most > 0 ? check_lent(s) : FGMM_OK;
    s->reader_status = FGMM_OK;
    FG_TRY(fg_reading_rewind(s->reading));
    FG_TRY(fg_queue_create(&s->empty, s->slot_count));
    FG_TRY(fg_queue_create(&s->full, s->slot_count));
    for (size_t i = 0; i < s->slot_count; i++) FG_TRY(hand_out(s, i));
    FG_TRY(fg_thread_start(&s->reader, reader_main, s));
done:
    if (status != FGMM_OK) end_pass(s);
    return status;
}

/* Rows that are on the device already. */
static fgmm_status next_in_place(fg_feed *s, fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    const uint64_t n = fg_min_u64(s->options.batch_rows, s->options.rows - s->position);
    if (n == 0) return FGMM_OK;
    if (s->lent) {
        *rows = (fg_rows){s->lent->buffer, s->lent->offset_bytes + (size_t)s->position * s->row_bytes, (size_t)n};
        if (!s->lent_weights) return FGMM_OK;
        rows->weights = s->lent_weights;
        FG_TRY(fg_weights_read(&s->options.weights, s->host_weights, n, &rows->weight));
        FG_TRY(fg_buffer_write(s->lent_weights, 0, s->host_weights, weight_bytes(s, n)));
    } else {
        const uint64_t batch = s->position / s->options.batch_rows;
        *rows = rows_of_buffer(s, s->resident[batch], n, n, s->resident_weights[batch]);
    }
done:
    return status;
}

/* Rows from the reader. */
static fgmm_status next_read(fg_feed *s, fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    const double began_s = fg_now_s();
    s->has_last = fg_queue_pop(s->full, &s->last);
    s->waited_s += fg_now_s() - began_s;
    if (s->has_last) {
        FG_TRY(bring(s, &s->slots[s->last], rows));
        if (s->resident) s->resident_weights[s->position / s->options.batch_rows] = rows->weight; /* of all */
    } else if (s->reader_status != FGMM_OK) {
        status = s->reader_status;
        fg_error_restore(s->reader_text);
    } else {
        s->is_filled = s->resident != NULL;
        end_pass(s);
    }
done:
    return status;
}

/* Is the next batch, or the end of a pass whose end is known, on the device? */
static int is_in_place(const fg_feed *s)
{
    if (s->lent) return 1;
    return s->is_filled && (s->position == s->options.rows || is_kept(s, s->position / s->options.batch_rows));
}

fgmm_status fg_feed_next(fg_feed *s, fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    *rows = (fg_rows){0};
    /* The slot used before goes back to the reader first, so that it reads while the device computes. */
    if (s->has_last) FG_TRY(hand_out(s, s->last));
    s->has_last = 0;
    FG_TRY(is_in_place(s) ? next_in_place(s, rows) : next_read(s, rows));
    s->position += rows->n;
done:
    if (status != FGMM_OK || (s->is_filled && rows->n == 0)) end_pass(s);
    return status;
}

double fg_feed_waited_s(const fg_feed *s)
{
    return s->waited_s;
}
