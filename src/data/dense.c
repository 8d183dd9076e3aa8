/* dense.c - dense rows behind a header, read straight into the caller's batch, converted there where they have to be.
 */
#include "dense.h"

#include "size.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a column that is read at once, on the stack: read_at may be called by any number of threads. */
enum { BLOCK_BYTES = 16384, BLOCK_ROWS = BLOCK_BYTES / 8 };

typedef struct dense_rows {
    fg_input *input;
    fg_dense_layout layout;
    size_t stored_row_bytes, row_bytes; /* in the file, as given */
    uint64_t position;
} dense_rows;

static fgmm_status dense_rewind(void *self)
{
    ((dense_rows *)self)->position = 0;
    return FGMM_OK;
}

fgmm_status fg_dense_refuse(const fg_dense_layout *layout, const char *path, uint64_t first, uint64_t at,
                            const void *from)
{
    char text[FG_ELEMENT_TEXT_BYTES];
    return fg_fail(
        FGMM_DATA,
        "%s: row %llu, column %llu: %s has no exact value in float64 (whole numbers have up to 2^53; counted "
        "from 0)",
        path, (unsigned long long)(first + at / layout->dims), (unsigned long long)(at % layout->dims),
        fg_element_text(text, from, layout->element));
}

/* Column after column: n elements of each from row `first` on, block by block. */
static fgmm_status read_columns(const dense_rows *dense, uint64_t first, unsigned char *rows, uint64_t n)
{
    fgmm_status status = FGMM_OK;
    const fg_dense_layout *layout = &dense->layout;
    const uint64_t bytes = layout->element.bytes;
    const size_t given = dense->row_bytes / (size_t)layout->dims;
    unsigned char block[BLOCK_BYTES];
    for (uint64_t column = 0; column < layout->dims; column++)
        for (uint64_t i = 0; i < n; i += BLOCK_ROWS) {
            const size_t part = (size_t)fg_min_u64(BLOCK_ROWS, n - i);
            unsigned char *from = block + part * (given - (size_t)bytes);
            const uint64_t offset = layout->offset + (column * layout->rows + first + i) * bytes;
            FG_TRY(fg_input_read_at(dense->input, offset, from, part * (size_t)bytes));
            const size_t good = fg_element_convert(block, from, part, layout->element);
            if (good < part)
                return fg_dense_refuse(layout, dense->input->path, first + i + good, column, from + good * bytes);
            unsigned char *to = rows + i * dense->row_bytes + column * given;
            for (size_t j = 0; j < part; j++) memcpy(to + j * dense->row_bytes, block + j * given, given);
        }
done:
    return status;
}

static fgmm_status dense_read_at(const void *self, uint64_t first, void *rows, uint64_t n)
{
    fgmm_status status = FGMM_OK;
    const dense_rows *dense = self;
    const fg_dense_layout *layout = &dense->layout;
    const size_t stored = (size_t)n * dense->stored_row_bytes, count = (size_t)(n * layout->dims);
    if (layout->is_columns) return read_columns(dense, first, rows, n);
    /* What becomes longer is read to the end of its room, from where converted elements do not run into it. */
    unsigned char *from = (unsigned char *)rows + ((size_t)n * dense->row_bytes - stored);
    FG_TRY(fg_input_read_at(dense->input, layout->offset + first * dense->stored_row_bytes, from, stored));
    if (fg_element_is_plain(layout->element)) return FGMM_OK;
    const size_t good = fg_element_convert(rows, from, count, layout->element);
    if (good < count)
        status = fg_dense_refuse(layout, dense->input->path, first, good, from + good * layout->element.bytes);
done:
    return status;
}

static fgmm_status dense_next(void *self, void *rows, uint64_t capacity, uint64_t *count)
{
    dense_rows *dense = self;
    const uint64_t n = fg_min_u64(capacity, dense->layout.rows - dense->position);
    fgmm_status status = dense_read_at(dense, dense->position, rows, n);
    if (status != FGMM_OK) return status;
    dense->position += n;
    *count = n;
    return FGMM_OK;
}

static void dense_close(void *self)
{
    dense_rows *dense = self;
    fg_input_close(dense->input);
    free(dense);
}

static const fg_source_kind dense_kind = {dense_rewind, dense_next, dense_close, dense_read_at};

/* Bytes of an element in the file or in a row, whichever is more. */
static uint64_t widest(const fg_dense_layout *layout)
{
    return fg_max_u64(layout->element.bytes, fgmm_type_bytes(fg_element_row_type(layout->element)));
}

fgmm_status fg_dense_end(uint64_t *end, const fg_dense_layout *layout, const char *path)
{
    fgmm_status status = FGMM_OK;
    const unsigned long long rows = layout->rows, dims = layout->dims;
    const uint64_t most = INT64_MAX; /* file offsets are signed */
    *end = 0;
    FG_CHECK(rows >= 1, FGMM_DATA, "%s: the header says N = 0 rows (D = %llu)", path, dims);
    FG_CHECK(dims >= 1, FGMM_DATA, "%s: the header says D = 0 columns (N = %llu)", path, rows);
    FG_CHECK(dims <= most / widest(layout) && rows <= (most - layout->offset) / (dims * widest(layout)), FGMM_FORMAT,
             "%s: the header says N = %llu, D = %llu with %u bytes each: more than any file holds", path, rows, dims,
             layout->element.bytes);
    *end = layout->offset + rows * dims * layout->element.bytes;
done:
    return status;
}

fgmm_source_info fg_dense_info(const fg_dense_layout *layout, const char *format)
{
    fgmm_source_info info = fgmm_source_info_init();
    info.rows = layout->rows;
    info.dims = layout->dims;
    info.type = fg_element_row_type(layout->element);
    snprintf(info.format, sizeof info.format, "%s", format);
    return info;
}

fgmm_status fg_dense_open(fgmm_source **source, fg_input *input, const fg_dense_layout *layout, const char *format)
{
    fgmm_status status = FGMM_OK;
    dense_rows *dense = NULL;
    uint64_t end;
    const uint64_t limit = layout->end ? layout->end : input->size;
    *source = NULL;
    FG_TRY(fg_dense_end(&end, layout, input->path));
    const unsigned long long stored_row_bytes = layout->dims * layout->element.bytes;
    assert(stored_row_bytes > 0);
    FG_CHECK(layout->offset <= limit && end <= limit, FGMM_FORMAT,
             "%s: the header promises %llu rows of %llu bytes from byte offset %llu; the file holds %llu of them "
             "(%llu bytes in all)",
             input->path, (unsigned long long)layout->rows, stored_row_bytes, (unsigned long long)layout->offset,
             (limit - fg_min_u64(layout->offset, limit)) / stored_row_bytes, (unsigned long long)input->size);
    FG_CHECK(end == limit, FGMM_FORMAT, "%s: byte offset %llu: %llu bytes follow the last of %llu rows", input->path,
             (unsigned long long)end, (unsigned long long)(limit - end), (unsigned long long)layout->rows);
    FG_TRY(FG_ALLOC(&dense, 1, "source"));
    const fgmm_source_info info = fg_dense_info(layout, format);
    *dense =
        (dense_rows){input, *layout, (size_t)stored_row_bytes, (size_t)(info.dims * fgmm_type_bytes(info.type)), 0};
    return fg_source_create(source, &dense_kind, dense, &info);
done:
    fg_input_close(input);
    return status;
}
