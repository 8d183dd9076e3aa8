/* vecs.c - .fvecs and .bvecs: each row is an int32 dimension, then that many float32 or uint8. docs/formats.md.
 * The file's size is checked when it is opened, every row's dimension while reading. */
#include "formats.h"

#include "size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 1 << 16 }; /* of a file, read at a time where rows are asked for at any place */

typedef struct vecs_rows {
    fg_input *input;
    fg_reader reader;
    uint64_t rows, position;
    int32_t dims;
    size_t row_bytes; /* without the dimension */
} vecs_rows;

static fgmm_status vecs_rewind(void *self)
{
    vecs_rows *vecs = self;
    fg_reader_seek(&vecs->reader, 0);
    vecs->position = 0;
    return FGMM_OK;
}

static fgmm_status check_dims(const vecs_rows *vecs, int32_t dims, uint64_t row, uint64_t offset)
{
    if (dims == vecs->dims) return FGMM_OK;
    return fg_fail(FGMM_FORMAT, "%s: byte offset %llu: row %llu says dimension %ld; the first row has %ld",
                   vecs->input->path, (unsigned long long)offset, (unsigned long long)row, (long)dims,
                   (long)vecs->dims);
}

/* A chunk of the file at a time, from which the dimensions are left out. */
static fgmm_status vecs_read_at(const void *self, uint64_t first, void *rows, uint64_t n)
{
    fgmm_status status = FGMM_OK;
    const vecs_rows *vecs = self;
    const size_t step = vecs->row_bytes + sizeof vecs->dims;
    const uint64_t most = fg_max_u64(1, CHUNK_BYTES / step);
    unsigned char *chunk = NULL, *to = rows;
    FG_TRY(fg_alloc((void **)&chunk, fg_min_u64(n, most), step, "a chunk of rows"));
    for (uint64_t done = 0, part; done < n; done += part) {
        part = fg_min_u64(most, n - done);
        FG_TRY(fg_input_read_at(vecs->input, (first + done) * step, chunk, (size_t)part * step));
        for (uint64_t i = 0; i < part; i++, to += vecs->row_bytes) {
            int32_t dims;
            memcpy(&dims, chunk + (size_t)i * step, sizeof dims);
            FG_TRY(check_dims(vecs, dims, first + done + i, (first + done + i) * step));
            memcpy(to, chunk + (size_t)i * step + sizeof dims, vecs->row_bytes);
        }
    }
done:
    free(chunk);
    return status;
}

static fgmm_status vecs_next(void *self, void *rows, uint64_t capacity, uint64_t *count)
{
    fgmm_status status = FGMM_OK;
    vecs_rows *vecs = self;
    const uint64_t n = fg_min_u64(capacity, vecs->rows - vecs->position);
    unsigned char *to = rows;
    for (uint64_t i = 0; i < n; i++, to += vecs->row_bytes) {
        int32_t dims;
        const uint64_t offset = fg_reader_position(&vecs->reader);
        FG_TRY(fg_reader_read(&vecs->reader, &dims, sizeof dims));
        FG_TRY(check_dims(vecs, dims, vecs->position + i, offset));
        FG_TRY(fg_reader_read(&vecs->reader, to, vecs->row_bytes));
    }
    vecs->position += n;
    *count = n;
done:
    return status;
}

static void vecs_close(void *self)
{
    vecs_rows *vecs = self;
    fg_reader_release(&vecs->reader);
    fg_input_close(vecs->input);
    free(vecs);
}

static const fg_source_kind vecs_kind = {vecs_rewind, vecs_next, vecs_close, vecs_read_at};

static fgmm_status vecs_open(fgmm_source **source, fg_input *input, fgmm_type type, const char *format)
{
    fgmm_status status = FGMM_OK;
    vecs_rows *vecs = NULL;
    int32_t dims;
    *source = NULL;
    FG_CHECK(input->size >= sizeof dims, FGMM_FORMAT,
             "%s: byte offset %llu: the file ends within the first row's dimension", input->path,
             (unsigned long long)input->size);
    FG_TRY(fg_input_read_at(input, 0, &dims, sizeof dims));
    FG_CHECK(dims >= 1, FGMM_FORMAT, "%s: byte offset 0: the first row says dimension %ld; need at least 1",
             input->path, (long)dims);
    const uint64_t row_bytes = (uint64_t)dims * fgmm_type_bytes(type), step = row_bytes + sizeof dims;
    FG_CHECK(input->size % step == 0, FGMM_FORMAT,
             "%s: byte offset %llu: %llu rows of dimension %ld (%llu bytes each), then %llu bytes that are no row",
             input->path, (unsigned long long)(input->size / step * step), (unsigned long long)(input->size / step),
             (long)dims, (unsigned long long)step, (unsigned long long)(input->size % step));
    FG_TRY(FG_ALLOC(&vecs, 1, "source"));
    *vecs = (vecs_rows){.input = input, .rows = input->size / step, .dims = dims, .row_bytes = (size_t)row_bytes};
    FG_TRY(fg_reader_create(&vecs->reader, input));
    fgmm_source_info info = {sizeof info, vecs->rows, (uint64_t)dims, type, ""};
    snprintf(info.format, sizeof info.format, "%s", format);
    return fg_source_create(source, &vecs_kind, vecs, &info);
done:
    free(vecs);
    fg_input_close(input);
    return status;
}

fgmm_status fg_fvecs_open(fgmm_source **source, fg_input *input, const fgmm_file_options *options)
{
    (void)options;
    return vecs_open(source, input, FGMM_F32, "fvecs");
}

fgmm_status fg_bvecs_open(fgmm_source **source, fg_input *input, const fgmm_file_options *options)
{
    (void)options;
    return vecs_open(source, input, FGMM_U8, "bvecs");
}
