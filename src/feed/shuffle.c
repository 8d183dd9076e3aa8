/* shuffle.c - strata, windows, and the thread that reads one ahead. */
#include "shuffle.h"

#include "rng.h"
#include "size.h"
#include "thread.h"

#include <stdlib.h>
#include <string.h>

/* A block is up to 64 KiB: a disk without moving parts reads such at two thirds of its full rate, and the first-seen
 * rows of a window come from 512 places. */
enum { WINDOW_BYTES = 32 << 20, LEAST_WINDOW_BYTES = 1 << 20, LIMIT_SHARE = 32, STRATA = 512 };
/* Most rows, so that the numbers of tiny rows do not take more than these; least, of rows as large as a window. */
enum { MOST_WINDOW_ROWS = 1 << 20, LEAST_WINDOW_ROWS = 64 };
enum { WINDOWS = 2 };

typedef struct window {
    unsigned char *rows; /* (n) in the order of the data */
    uint32_t *order;     /* (n) in which they are given */
    uint64_t n;
} window;

typedef struct shuffle {
    const fgmm_source *source;
    fg_shuffle_cut cut;
    uint64_t seed;
    size_t row_bytes;
    uint64_t blocks, windows, strata; /* windows: also the blocks of a stratum */
    uint64_t *starts;                 /* (strata) the block that the first window has */

    window window[WINDOWS];
    size_t count;  /* of windows that there is room for: 1 where all rows fit one */
    int has_read;  /* that one is filled */
    size_t at;     /* the window at hand */
    int has_at;    /* there is one */
    uint64_t used; /* rows of it that are given */

    fg_thread *reader; /* where there are more windows */
    fg_queue *empty, *full;
    fgmm_status status; /* the reader's */
    char text[FG_ERROR_TEXT_BYTES];
} shuffle;

fg_shuffle_cut fg_shuffle_cut_of(uint64_t rows, size_t row_bytes, uint64_t window_rows, uint64_t memory_limit_bytes)
{
    if (window_rows == 0) {
        const uint64_t bytes =
            memory_limit_bytes == 0
                ? WINDOW_BYTES
                : fg_min_u64(WINDOW_BYTES, fg_max_u64(LEAST_WINDOW_BYTES, memory_limit_bytes / LIMIT_SHARE));
        window_rows = fg_min_u64(MOST_WINDOW_ROWS, fg_max_u64(LEAST_WINDOW_ROWS, bytes / row_bytes));
    }
    if (window_rows >= rows) return (fg_shuffle_cut){rows, rows, 1};
    const uint64_t block_rows = fg_max_u64(1, window_rows / STRATA);
    return (fg_shuffle_cut){rows, block_rows, window_rows / block_rows};
}

uint64_t fg_shuffle_bytes(const fg_shuffle_cut *cut, size_t row_bytes)
{
    const uint64_t windows = fg_shuffle_window_rows(cut) < cut->rows ? WINDOWS : 1;
    return windows * fg_shuffle_window_rows(cut) * (row_bytes + sizeof(uint32_t));
}

/* ---- reading ---- */

/* Window `number`: of stratum i block i * windows + (starts_i + number) mod windows, where that exists. */
static fgmm_status read_window(const shuffle *s, window *w, uint64_t number)
{
    fgmm_status status = FGMM_OK;
    fg_rng rng;
    w->n = 0;
    for (uint64_t i = 0; i < s->strata; i++) {
        const uint64_t block = i * s->windows + (s->starts[i] + number) % s->windows;
        if (block >= s->blocks) continue;
        const uint64_t first = block * s->cut.block_rows, n = fg_min_u64(s->cut.block_rows, s->cut.rows - first);
        FG_TRY(s->source->kind->read_at(s->source->self, first, w->rows + (size_t)w->n * s->row_bytes, n));
        w->n += n;
    }
    fg_rng_init(&rng, s->seed, FG_STREAM_SHUFFLE, (number + 1) << 32); /* far apart */
    for (uint64_t i = 0; i < w->n; i++) {                              /* Fisher and Yates, inside out */
        const uint64_t j = fg_rng_below(&rng, i + 1);
        w->order[i] = w->order[j];
        w->order[j] = (uint32_t)i;
    }
done:
    return status;
}

static void reader_main(void *argument)
{
    shuffle *s = argument;
    size_t index;
    for (uint64_t number = 0; number < s->windows && fg_queue_pop(s->empty, &index); number++) {
        s->status = read_window(s, &s->window[index], number);
        if (s->status != FGMM_OK) {
            fg_error_save(s->text);
            break;
        }
        fg_queue_push(s->full, index);
    }
    fg_queue_close(s->full);
}

static void end_pass(shuffle *s)
{
    if (s->reader) {
        fg_queue_close(s->empty);
        fg_queue_close(s->full);
        fg_thread_join(s->reader);
        s->reader = NULL;
    }
    fg_queue_free(s->empty);
    fg_queue_free(s->full);
    s->empty = s->full = NULL;
    s->has_at = 0;
}

/* ---- the kind of source ---- */

static fgmm_status shuffle_rewind(void *self)
{
    fgmm_status status = FGMM_OK;
    shuffle *s = self;
    end_pass(s);
    s->used = 0;
    s->status = FGMM_OK;
    if (s->count == 1) {
        if (!s->has_read) FG_TRY(read_window(s, &s->window[0], 0));
        s->has_read = s->has_at = 1;
        s->at = 0;
        return FGMM_OK;
    }
    FG_TRY(fg_queue_create(&s->empty, s->count));
    FG_TRY(fg_queue_create(&s->full, s->count));
    for (size_t i = 0; i < s->count; i++) fg_queue_push(s->empty, i);
    FG_TRY(fg_thread_start(&s->reader, reader_main, s));
done:
    if (status != FGMM_OK) end_pass(s);
    return status;
}

/* The window at hand has rows left, or there are no more. */
static fgmm_status next_window(shuffle *s)
{
    while (s->reader && (!s->has_at || s->used == s->window[s->at].n)) {
        if (s->has_at) fg_queue_push(s->empty, s->at);
        s->used = 0;
        s->has_at = fg_queue_pop(s->full, &s->at);
        if (s->has_at) continue;
        if (s->status == FGMM_OK) return FGMM_OK;
        fg_error_restore(s->text);
        return s->status;
    }
    return FGMM_OK;
}

static fgmm_status shuffle_next(void *self, void *rows, uint64_t capacity, uint64_t *count)
{
    shuffle *s = self;
    const fgmm_status status = next_window(s);
    if (status != FGMM_OK || !s->has_at) return status;
    const window *w = &s->window[s->at];
    unsigned char *to = rows;
    *count = fg_min_u64(capacity, w->n - s->used);
    for (uint64_t i = 0; i < *count; i++)
        memcpy(to + i * s->row_bytes, w->rows + (size_t)w->order[s->used + i] * s->row_bytes, s->row_bytes);
    s->used += *count;
    return FGMM_OK;
}

static void shuffle_close(void *self)
{
    shuffle *s = self;
    end_pass(s);
    for (window *w = s->window; w < s->window + WINDOWS; w++) {
        free(w->rows);
        free(w->order);
    }
    free(s->starts);
    free(s);
}

static const fg_source_kind shuffle_kind = {shuffle_rewind, shuffle_next, shuffle_close, NULL};

fgmm_status fg_shuffle_open(fgmm_source **shuffled, const fgmm_source *source, const fg_shuffle_cut *cut, uint64_t seed)
{
    fgmm_status status = FGMM_OK;
    shuffle *s = NULL;
    fg_rng rng;
    *shuffled = NULL;
    FG_TRY(FG_ALLOC(&s, 1, "shuffled rows"));
    s->source = source;
    s->cut = *cut;
    s->seed = seed;
    FG_TRY(fg_size_product(&s->row_bytes, source->info.dims, fgmm_type_bytes(source->info.type), "a row"));
    s->blocks = fg_ceil_div(cut->rows, cut->block_rows);
    s->windows = fg_ceil_div(s->blocks, cut->window_blocks);
    s->strata = fg_ceil_div(s->blocks, s->windows);
    s->count = s->windows == 1 ? 1 : WINDOWS;
    FG_TRY(FG_ALLOC(&s->starts, s->strata, "shuffled rows"));
    fg_rng_init(&rng, seed, FG_STREAM_SHUFFLE, 0);
    for (uint64_t i = 0; i < s->strata; i++) s->starts[i] = fg_rng_below(&rng, s->windows);
    for (window *w = s->window; w < s->window + s->count; w++) {
        FG_TRY(fg_alloc((void **)&w->rows, fg_shuffle_window_rows(cut), s->row_bytes, "a window of rows"));
        FG_TRY(FG_ALLOC(&w->order, fg_shuffle_window_rows(cut), "a window of rows"));
    }
    const fgmm_source_info info = source->info;
    status = fg_source_create(shuffled, &shuffle_kind, s, &info);
    s = NULL;
done:
    if (s) shuffle_close(s);
    return status;
}
