/* columns.c - reads a choice of columns, and picks them from whole rows. See columns.h. */
#include "columns.h"

#include "size.h"

#include <stdlib.h>
#include <string.h>

/* Of whole rows that are read at once, at least one. */
enum { BUFFER_BYTES = 256 * 1024 };

typedef unsigned long long ull;

/* ---- the text ---- */

/* One end of a range at *text, which moves behind it; *is_given = 0 where nothing stands there. */
static fgmm_status parse_end(uint64_t *column, int *is_given, const char **text, const fg_columns_of *of)
{
    fgmm_status status = FGMM_OK;
    const char *name = *text;
    size_t length = strcspn(name, ",:");
    uint64_t number = 0;
    const int is_quoted = *name == '"';
    if (is_quoted) {
        length = strcspn(++name, "\"");
        FG_CHECK(name[length], FGMM_ARGUMENT, "columns = %s: a quote is not closed", *text);
    }
    *text = name + length + is_quoted;
    *is_given = length > 0;
    *column = of->total;
    if (length == 0) return FGMM_OK;
    if (of->find) *column = of->find(of->user, name, length);
    if (*column < of->total) return FGMM_OK;
    FG_CHECK(*column == of->total, FGMM_ARGUMENT, "%s: column %.*s: several have that name; need their numbers, from 0",
             of->path, (int)length, name);
    size_t digits = 0;
    for (; digits < length && name[digits] >= '0' && name[digits] <= '9' && number < of->total; digits++)
        number = number * 10 + (uint64_t)(name[digits] - '0');
    FG_CHECK(digits == length && !is_quoted && number < of->total, FGMM_ARGUMENT,
             "%s: column %.*s; need %s0 to %llu (columns are counted from 0)", of->path, (int)length, name,
             of->find ? "a name of the header, or a number from " : "a number from ", (ull)(of->total - 1));
    *column = number;
done:
    return status;
}

/* All columns of one part, into index from `count` on; is_taken (total). */
static fgmm_status parse_part(fg_columns *columns, unsigned char *is_taken, const char **text, const fg_columns_of *of)
{
    fgmm_status status = FGMM_OK;
    const char *part = *text;
    uint64_t first, last;
    int has_first, has_last;
    FG_TRY(parse_end(&first, &has_first, text, of));
    last = first;
    if (**text == ':') {
        (*text)++;
        FG_TRY(parse_end(&last, &has_last, text, of));
        if (!has_first) first = 0;
        if (!has_last) last = of->total - 1;
    } else {
        FG_CHECK(has_first, FGMM_ARGUMENT, "columns: an empty part before \"%s\"; need names or numbers between commas",
                 part);
    }
    FG_CHECK(first <= last, FGMM_ARGUMENT, "columns = %.*s: ends before it begins", (int)(*text - part), part);
    FG_CHECK(**text == 0 || **text == ',', FGMM_ARGUMENT, "columns = %s: need names or numbers between commas", part);
    for (uint64_t i = first; i <= last; i++) {
        FG_CHECK(!is_taken[i], FGMM_ARGUMENT, "%s: column %llu is asked for twice", of->path, (ull)i);
        is_taken[i] = 1;
        columns->index[columns->count++] = i;
    }
done:
    return status;
}

fgmm_status fg_columns_parse(fg_columns *columns, const char *text, const fg_columns_of *of)
{
    fgmm_status status = FGMM_OK;
    unsigned char *is_taken = NULL;
    *columns = (fg_columns){NULL, 0};
    FG_TRY(FG_ALLOC(&columns->index, of->total, "columns"));
    FG_TRY(FG_ALLOC(&is_taken, of->total, "columns"));
    for (const char *at = text;; at++) {
        FG_TRY(parse_part(columns, is_taken, &at, of));
        if (*at == 0) break;
    }
done:
    free(is_taken);
    if (status != FGMM_OK) fg_columns_clear(columns);
    return status;
}

void fg_columns_clear(fg_columns *columns)
{
    free(columns->index);
    *columns = (fg_columns){NULL, 0};
}

/* ---- the source ---- */

typedef struct picked_rows {
    fgmm_source *inner;
    fg_columns columns;
    size_t element, whole_row_bytes;
    uint64_t buffer_rows;
    unsigned char *buffer; /* (buffer_rows) whole rows */
} picked_rows;

static fgmm_status picked_rewind(void *self)
{
    return fgmm_source_rewind(((picked_rows *)self)->inner);
}

static fgmm_status picked_next(void *self, void *rows, uint64_t capacity, uint64_t *count)
{
    fgmm_status status = FGMM_OK;
    picked_rows *picked = self;
    unsigned char *to = rows;
    uint64_t n;
    FG_TRY(fgmm_source_next(picked->inner, picked->buffer, fg_min_u64(capacity, picked->buffer_rows), &n));
    for (uint64_t i = 0; i < n; i++) {
        const unsigned char *row = picked->buffer + i * picked->whole_row_bytes;
        for (uint64_t j = 0; j < picked->columns.count; j++, to += picked->element)
            memcpy(to, row + picked->columns.index[j] * picked->element, picked->element);
    }
    *count = n;
done:
    return status;
}

static void picked_close(void *self)
{
    picked_rows *picked = self;
    fgmm_source_close(picked->inner);
    fg_columns_clear(&picked->columns);
    free(picked->buffer);
    free(picked);
}

static const fg_source_kind picked_kind = {picked_rewind, picked_next, picked_close, NULL};

fgmm_status fg_columns_open(fgmm_source **source, fgmm_source *inner, const char *text, const char *path)
{
    fgmm_status status = FGMM_OK;
    picked_rows *picked = NULL;
    fgmm_source_info info = inner->info;
    const fg_columns_of of = {.path = path, .total = info.dims};
    size_t bytes;
    *source = NULL;
    status = FG_ALLOC(&picked, 1, "source");
    if (status != FGMM_OK) {
        fgmm_source_close(inner);
        return status;
    }
    picked->inner = inner;
    picked->element = fgmm_type_bytes(info.type);
    FG_TRY(fg_columns_parse(&picked->columns, text, &of));
    FG_TRY(fg_size_product(&picked->whole_row_bytes, info.dims, picked->element, "bytes of a row"));
    picked->buffer_rows = fg_max_u64(1, BUFFER_BYTES / picked->whole_row_bytes);
    FG_TRY(fg_size_product(&bytes, picked->buffer_rows, picked->whole_row_bytes, "whole rows"));
    FG_TRY(FG_ALLOC(&picked->buffer, bytes, "whole rows"));
    info.dims = picked->columns.count;
    return fg_source_create(source, &picked_kind, picked, &info);
done:
    picked_close(picked);
    return status;
}
