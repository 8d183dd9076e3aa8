/* dense.c - dense rows behind a header, read straight into the caller's batch. */
#include "dense.h"

#include "size.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct dense_rows {
    fg_input *input;
    fg_dense_layout layout;
    size_t row_bytes;
    uint64_t position;
} dense_rows;

static fgmm_status dense_rewind(void *self)
{
    ((dense_rows *)self)->position = 0;
    return FGMM_OK;
}

static fgmm_status dense_read_at(const void *self, uint64_t first, void *rows, uint64_t n)
{
    const dense_rows *dense = self;
    const uint64_t offset = dense->layout.offset + first * dense->row_bytes;
    return fg_input_read_at(dense->input, offset, rows, (size_t)n * dense->row_bytes);
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

fgmm_status fg_dense_end(uint64_t *end, const fg_dense_layout *layout, const char *path)
{
    fgmm_status status = FGMM_OK;
    const unsigned long long rows = layout->rows, dims = layout->dims;
    const uint64_t element = fgmm_type_bytes(layout->type), most = INT64_MAX; /* file offsets are signed */
    *end = 0;
    FG_CHECK(rows >= 1, FGMM_DATA, "%s: the header says N = 0 rows (D = %llu)", path, dims);
    FG_CHECK(dims >= 1, FGMM_DATA, "%s: the header says D = 0 columns (N = %llu)", path, rows);
    FG_CHECK(dims <= most / element && rows <= (most - layout->offset) / (dims * element), FGMM_FORMAT,
             "%s: the header says N = %llu, D = %llu with %llu bytes each: more than any file holds", path, rows, dims,
             (unsigned long long)element);
    *end = layout->offset + rows * dims * element;
done:
    return status;
}

fgmm_status fg_dense_open(fgmm_source **source, fg_input *input, const fg_dense_layout *layout, const char *format)
{
    fgmm_status status = FGMM_OK;
    dense_rows *dense = NULL;
    uint64_t end;
    *source = NULL;
    FG_TRY(fg_dense_end(&end, layout, input->path));
    const unsigned long long row_bytes = layout->dims * fgmm_type_bytes(layout->type);
    assert(row_bytes > 0);
    FG_CHECK(layout->offset <= input->size && end <= input->size, FGMM_FORMAT,
             "%s: the header promises %llu rows of %llu bytes from byte offset %llu; the file holds %llu of them "
             "(%llu bytes in all)",
             input->path, (unsigned long long)layout->rows, row_bytes, (unsigned long long)layout->offset,
             (input->size - fg_min_u64(layout->offset, input->size)) / row_bytes, (unsigned long long)input->size);
    FG_CHECK(end == input->size, FGMM_FORMAT, "%s: byte offset %llu: %llu bytes follow the last of %llu rows",
             input->path, (unsigned long long)end, (unsigned long long)(input->size - end),
             (unsigned long long)layout->rows);
    FG_TRY(FG_ALLOC(&dense, 1, "source"));
    *dense = (dense_rows){input, *layout, (size_t)row_bytes, 0};
    fgmm_source_info info = {sizeof info, layout->rows, layout->dims, layout->type, ""};
    snprintf(info.format, sizeof info.format, "%s", format);
    return fg_source_create(source, &dense_kind, dense, &info);
done:
    fg_input_close(input);
    return status;
}
