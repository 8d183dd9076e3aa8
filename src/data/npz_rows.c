/* npz_rows.c - rows from one array of an .npz archive: in place where it is stored, unpacked anew in each pass where it
 * is deflated. docs/formats.md. */
#include "dense.h"
#include "formats.h"
#include "npz.h"
#include "size.h"

#include <stdlib.h>

/* A deflated array. */
typedef struct packed_rows {
    fg_npz *npz;
    fg_npz_stream stream;
    fg_dense_layout layout;
    size_t stored_row_bytes, row_bytes;
    uint64_t position;
} packed_rows;

static fgmm_status packed_rewind(void *self)
{
    packed_rows *packed = self;
    packed->position = 0;
    fg_npz_stream_rewind(&packed->stream);
    return fg_npz_stream_skip(&packed->stream, packed->layout.offset);
}

static fgmm_status packed_next(void *self, void *rows, uint64_t capacity, uint64_t *count)
{
    fgmm_status status = FGMM_OK;
    packed_rows *packed = self;
    const fg_dense_layout *layout = &packed->layout;
    const uint64_t n = fg_min_u64(capacity, layout->rows - packed->position);
    const size_t stored = (size_t)n * packed->stored_row_bytes, elements = (size_t)(n * layout->dims);
    unsigned char *from = (unsigned char *)rows + ((size_t)n * packed->row_bytes - stored);
    FG_TRY(fg_npz_stream_read(&packed->stream, from, stored));
    if (!fg_element_is_plain(layout->element)) {
        const size_t good = fg_element_convert(rows, from, elements, layout->element);
        if (good < elements)
            return fg_dense_refuse(layout, packed->stream.label, packed->position, good,
                                   from + good * layout->element.bytes);
    }
    packed->position += n;
    *count = n;
done:
    return status;
}

static void packed_close(void *self)
{
    packed_rows *packed = self;
    fg_npz_stream_close(&packed->stream);
    fg_npz_close(packed->npz);
    free(packed);
}

static const fg_source_kind packed_kind = {packed_rewind, packed_next, packed_close, NULL};

/* Owns npz and stream, also on failure. */
static fgmm_status open_packed(fgmm_source **source, fg_npz *npz, fg_npz_stream *stream, const fg_dense_layout *layout)
{
    fgmm_status status = FGMM_OK;
    packed_rows *packed = NULL;
    uint64_t end;
    FG_CHECK(!layout->is_columns, FGMM_UNSUPPORTED,
             "%s: is compressed and in Fortran order, whose rows are scattered; save it with numpy.savez, or as "
             "numpy.ascontiguousarray(array)",
             stream->label);
    FG_TRY(fg_dense_end(&end, layout, stream->label));
    FG_TRY(FG_ALLOC(&packed, 1, "source"));
    const fgmm_source_info info = fg_dense_info(layout, "npz");
    *packed = (packed_rows){npz,
                            *stream,
                            *layout,
                            (size_t)layout->dims * layout->element.bytes,
                            (size_t)info.dims * fgmm_type_bytes(info.type),
                            0};
    return fg_source_create(source, &packed_kind, packed, &info);
done:
    fg_npz_stream_close(stream);
    fg_npz_close(npz);
    return status;
}

fgmm_status fg_npz_rows_open(fgmm_source **source, fg_input *input, const fgmm_file_options *options)
{
    fgmm_status status = FGMM_OK;
    fg_npz *npz = NULL;
    fg_npz_stream stream = {.inflater = NULL};
    fg_npz_member member;
    fg_npy_array array;
    fg_dense_layout layout;
    *source = NULL;
    FG_TRY(fg_npz_open(&npz, input));
    if (options->dataset)
        FG_TRY(fg_npz_find(&member, NULL, npz, options->dataset));
    else
        FG_TRY(fg_npz_find_only(&member, npz));
    FG_TRY(fg_npz_stream_open(&stream, npz, &member));
    FG_TRY(fg_npz_stream_header(&array, &stream));
    FG_TRY(fg_npy_rows_of(&layout, &array, stream.label));
    if (member.is_deflated) return open_packed(source, npz, &stream, &layout);
    layout.offset += member.at;
    layout.end = member.at + member.bytes;
    fg_npz_stream_close(&stream);
    return fg_dense_open(source, fg_npz_release(npz), &layout, "npz");
done:
    fg_npz_stream_close(&stream);
    fg_npz_close(npz);
    return status;
}
