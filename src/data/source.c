/* source.c - what all sources share (order of calls, row counts), rows in memory, rows from callbacks.
 * Files are in formats.c and one file per format. */
#include "source.h"

#include "size.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

fgmm_status fg_source_create(fgmm_source **source, const fg_source_kind *kind, void *self, const fgmm_source_info *info)
{
    fgmm_status status = FG_ALLOC(source, 1, "source");
    if (status != FGMM_OK) {
        kind->close(self);
        return status;
    }
    (*source)->kind = kind;
    (*source)->self = self;
    (*source)->info = *info;
    return FGMM_OK;
}

fgmm_status fgmm_source_describe(const fgmm_source *source, fgmm_source_info *info)
{
    if (!source || !info) return fg_fail(FGMM_ARGUMENT, "%s is NULL", source ? "info" : "source");
    const size_t size = info->size;
    if (size < sizeof info->size)
        return fg_fail(FGMM_ARGUMENT, "source info: size = %zu; set it up with fgmm_source_info_init()", size);
    memcpy(info, &source->info, size < sizeof *info ? size : sizeof *info);
    info->size = size;
    return FGMM_OK;
}

fgmm_status fgmm_source_rewind(fgmm_source *source)
{
    if (!source) return fg_fail(FGMM_ARGUMENT, "source is NULL");
    source->phase = FG_SOURCE_FAILED;
    fgmm_status status = source->kind->rewind(source->self);
    if (status != FGMM_OK) return status;
    source->position = 0;
    source->phase = FG_SOURCE_READING;
    return FGMM_OK;
}

/* Every pass must give the same number of rows: as the file's header or the application said, or as the first pass. */
static fgmm_status check_count(fgmm_source *source, uint64_t count)
{
    const uint64_t total = source->position + count, rows = source->info.rows;
    if (rows == FGMM_ROWS_UNKNOWN && count == 0 && total == 0) return fg_fail(FGMM_DATA, "the source gave no rows");
    if (rows == FGMM_ROWS_UNKNOWN) {
        if (count == 0) source->info.rows = total;
        return FGMM_OK;
    }
    if (total <= rows && (count > 0 || total == rows)) return FGMM_OK;
    return fg_fail(FGMM_DATA, "the source gave %s%llu rows in this pass; %llu were stated or given in the first pass",
                   total > rows ? "at least " : "", (unsigned long long)total, (unsigned long long)rows);
}

/* A caller whose room is just that of all rows comes with none left when it asks whether there are more. Where their
 * number is not known, one more row is read to tell. */
static fgmm_status expect_end(fgmm_source *source)
{
    const int is_known = source->info.rows != FGMM_ROWS_UNKNOWN;
    uint64_t given = is_known ? source->info.rows - source->position : 0;
    fgmm_status status = FGMM_OK;
    unsigned char *row = NULL;
    if (!is_known) {
        source->phase = FG_SOURCE_FAILED;
        FG_TRY(FG_ALLOC(&row, source->info.dims * fgmm_type_bytes(source->info.type), "a row"));
        FG_TRY(source->kind->next(source->self, row, 1, &given));
        FG_TRY(check_count(source, given));
    }
    FG_CHECK(given == 0, FGMM_ARGUMENT, "capacity = 0 with rows left; need at least 1 row%s",
             is_known ? "" : ", after fgmm_source_rewind");
    source->phase = FG_SOURCE_ENDED;
done:
    free(row);
    return status;
}

fgmm_status fgmm_source_next(fgmm_source *source, void *rows, uint64_t capacity, uint64_t *count)
{
    if (count) *count = 0;
    if (!source || (!rows && capacity > 0) || !count)
        return fg_fail(FGMM_ARGUMENT, "%s is NULL", !source ? "source" : !count ? "count" : "rows");
    if (source->phase == FG_SOURCE_ENDED) return FGMM_OK;
    if (source->phase != FG_SOURCE_READING)
        return fg_fail(FGMM_ARGUMENT, "rows are asked for before fgmm_source_rewind (or after a failure)");
    if (capacity == 0) return expect_end(source);
    uint64_t given = 0;
    fgmm_status status = source->kind->next(source->self, rows, capacity, &given);
    if (status == FGMM_OK) status = check_count(source, given);
    if (status != FGMM_OK) {
        source->phase = FG_SOURCE_FAILED;
        return status;
    }
    source->position += given;
    if (given == 0) source->phase = FG_SOURCE_ENDED;
    *count = given;
    return FGMM_OK;
}

void fgmm_source_close(fgmm_source *source)
{
    if (!source) return;
    source->kind->close(source->self);
    free(source);
}

/* ---- rows in memory ---- */

typedef struct memory_rows {
    const unsigned char *data; /* borrowed */
    uint64_t rows, position;
    size_t row_bytes, stride_bytes;
} memory_rows;

static fgmm_status memory_rewind(void *self)
{
    ((memory_rows *)self)->position = 0;
    return FGMM_OK;
}

static fgmm_status memory_read_at(const void *self, uint64_t first, void *rows, uint64_t n)
{
    const memory_rows *memory = self;
    const unsigned char *from = memory->data + first * memory->stride_bytes;
    if (memory->stride_bytes == memory->row_bytes) {
        memcpy(rows, from, n * memory->row_bytes);
    } else {
        unsigned char *to = rows;
        for (uint64_t i = 0; i < n; i++)
            memcpy(to + i * memory->row_bytes, from + i * memory->stride_bytes, memory->row_bytes);
    }
    return FGMM_OK;
}

static fgmm_status memory_next(void *self, void *rows, uint64_t capacity, uint64_t *count)
{
    memory_rows *memory = self;
    *count = fg_min_u64(capacity, memory->rows - memory->position);
    const fgmm_status status = memory_read_at(memory, memory->position, rows, *count);
    memory->position += *count;
    return status;
}

static const fg_source_kind memory_kind = {memory_rewind, memory_next, free, memory_read_at};

fgmm_status fgmm_source_from_memory(fgmm_source **source, const void *data, fgmm_type type, uint64_t rows,
                                    uint64_t dims, size_t stride_bytes)
{
    fgmm_status status = FGMM_OK;
    if (!source) return fg_fail(FGMM_ARGUMENT, "source is NULL; need a place for the handle");
    *source = NULL;
    FG_CHECK(data, FGMM_ARGUMENT, "data is NULL");
    FG_CHECK(fgmm_type_bytes(type) > 0, FGMM_ARGUMENT, "type = %d; need u8, i8, f16, f32 or f64", (int)type);
    FG_CHECK(rows >= 1 && rows < FGMM_ROWS_UNKNOWN, FGMM_ARGUMENT, "rows = %llu; need at least 1",
             (unsigned long long)rows);
    FG_CHECK(dims >= 1, FGMM_ARGUMENT, "dims = 0; need at least 1");
    size_t row_bytes, all_bytes;
    FG_TRY(fg_size_product(&row_bytes, dims, fgmm_type_bytes(type), "bytes of a row"));
    FG_CHECK(stride_bytes == 0 || stride_bytes >= row_bytes, FGMM_ARGUMENT,
             "stride_bytes = %zu; need 0 or at least the %zu bytes of a row", stride_bytes, row_bytes);
    if (stride_bytes == 0) stride_bytes = row_bytes;
    FG_TRY(fg_size_product(&all_bytes, rows, stride_bytes, "bytes of all rows"));
    memory_rows *memory;
    FG_TRY(FG_ALLOC(&memory, 1, "memory source"));
    *memory = (memory_rows){data, rows, 0, row_bytes, stride_bytes};
    const fgmm_source_info info = {sizeof info, rows, dims, type, "memory"};
    FG_TRY(fg_source_create(source, &memory_kind, memory, &info));
done:
    return status;
}

/* ---- rows from the application ---- */

enum { CALLBACK_MESSAGE_BYTES = 512 };

/* The struct of the first version, up to `user`; what later ones add behind it is optional. */
enum { CALLBACK_LEAST_BYTES = offsetof(fgmm_callback_source, user) + sizeof(void *) };

static fgmm_status callback_rewind(void *self)
{
    const fgmm_callback_source *callbacks = self;
    const int code = callbacks->rewind(callbacks->user);
    return code ? fg_fail(FGMM_CALLBACK, "the application's rewind callback returned %d", code) : FGMM_OK;
}

static fgmm_status callback_next(void *self, void *rows, uint64_t capacity, uint64_t *count)
{
    const fgmm_callback_source *callbacks = self;
    char message[CALLBACK_MESSAGE_BYTES] = "";
    const int code = callbacks->next(callbacks->user, rows, capacity, count, message, sizeof message);
    message[sizeof message - 1] = 0;
    if (code)
        return fg_fail(FGMM_CALLBACK, "the application's next callback returned %d: %s", code,
                       message[0] ? message : "no message");
    if (*count > capacity)
        return fg_fail(FGMM_CALLBACK, "the application's next callback gave %llu rows; at most %llu were asked for",
                       (unsigned long long)*count, (unsigned long long)capacity);
    return FGMM_OK;
}

static const fg_source_kind callback_kind = {callback_rewind, callback_next, free, NULL};

fgmm_status fgmm_source_from_callback(fgmm_source **source, const fgmm_callback_source *callbacks)
{
    fgmm_status status = FGMM_OK;
    if (!source) return fg_fail(FGMM_ARGUMENT, "source is NULL; need a place for the handle");
    *source = NULL;
    FG_CHECK(callbacks, FGMM_ARGUMENT, "callbacks is NULL");
    FG_CHECK(callbacks->size >= CALLBACK_LEAST_BYTES, FGMM_ARGUMENT,
             "callbacks: size = %zu; set them up with fgmm_callback_source_init()", callbacks->size);
    FG_CHECK(callbacks->rewind && callbacks->next, FGMM_ARGUMENT, "callbacks: %s is NULL",
             callbacks->rewind ? "next" : "rewind");
    FG_CHECK(callbacks->rows >= 1, FGMM_ARGUMENT, "callbacks: rows = 0; need at least 1, or FGMM_ROWS_UNKNOWN");
    FG_CHECK(callbacks->dims >= 1, FGMM_ARGUMENT, "callbacks: dims = 0; need at least 1");
    FG_CHECK(fgmm_type_bytes(callbacks->type) > 0, FGMM_ARGUMENT, "callbacks: type = %d; need u8, i8, f16, f32 or f64",
             (int)callbacks->type);
    size_t row_bytes;
    FG_TRY(fg_size_product(&row_bytes, callbacks->dims, fgmm_type_bytes(callbacks->type), "bytes of a row"));
    fgmm_callback_source *copy;
    FG_TRY(FG_ALLOC(&copy, 1, "callback source"));
    memcpy(copy, callbacks, callbacks->size < sizeof *copy ? callbacks->size : sizeof *copy);
    const fgmm_source_info info = {sizeof info, copy->rows, copy->dims, copy->type, "callback"};
    FG_TRY(fg_source_create(source, &callback_kind, copy, &info));
done:
    return status;
}
