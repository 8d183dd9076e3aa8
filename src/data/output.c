/* output.c - rows to .npy, .fvecs, .ivecs, .bvecs through an atomically replaced file. See flashgmm/output.h. */
#include "flashgmm/output.h"

#include "file.h"
#include "size.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "rows are written as they lie in memory: little-endian machines only"
#endif

/* Fixed, so that it can be rewritten in place; room for two 20-digit numbers, and NumPy's alignment to 64. */
enum { NPY_HEADER_BYTES = 128, NPY_PREFIX_BYTES = 10 };

static const struct dtype {
    const char *name;
    size_t bytes;
    const char *vecs_ending; /* NULL: .npy only */
} dtypes[] = {
    {"<f4", 4, ".fvecs"}, {"<f8", 8, NULL},     {"<f2", 2, NULL}, {"<i4", 4, ".ivecs"},
    {"<i8", 8, NULL},     {"|u1", 1, ".bvecs"}, {"|i1", 1, NULL},
};
enum { DTYPE_COUNT = sizeof dtypes / sizeof dtypes[0] };

struct fgmm_writer {
    fg_atomic_file *file;
    const struct dtype *dtype;
    uint64_t rows, cols; /* cols = 0: 1-D */
    size_t row_bytes;
    int is_npy;
    int has_failed;
};

static void npy_header(char header[NPY_HEADER_BYTES], const fgmm_writer *writer)
{
    char shape[48];
    if (writer->cols)
        snprintf(shape, sizeof shape, "(%" PRIu64 ", %" PRIu64 ")", writer->rows, writer->cols);
    else
        snprintf(shape, sizeof shape, "(%" PRIu64 ",)", writer->rows);
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = NPY_HEADER_BYTES - NPY_PREFIX_BYTES;
    header[9] = 0;
    char *text = header + NPY_PREFIX_BYTES;
    const size_t room = NPY_HEADER_BYTES - NPY_PREFIX_BYTES;
    const int used =
        snprintf(text, room, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", writer->dtype->name, shape);
    memset(text + used, ' ', room - (size_t)used);
    header[NPY_HEADER_BYTES - 1] = '\n';
}

static fgmm_status choose_format(fgmm_writer *writer, const char *path)
{
    writer->is_npy = fg_has_ending(path, ".npy");
    if (writer->is_npy) return FGMM_OK;
    for (size_t i = 0; i < DTYPE_COUNT; i++) {
        if (!dtypes[i].vecs_ending || !fg_has_ending(path, dtypes[i].vecs_ending)) continue;
        if (writer->dtype != &dtypes[i])
            return fg_fail(FGMM_ARGUMENT, "%s: dtype %s; a %s file holds %s", path, writer->dtype->name,
                           dtypes[i].vecs_ending, dtypes[i].name);
        if (writer->cols < 1 || writer->cols > INT32_MAX)
            return fg_fail(FGMM_ARGUMENT, "%s: cols = %llu; need 1..%d", path, (unsigned long long)writer->cols,
                           INT32_MAX);
        return FGMM_OK;
    }
    return fg_fail(FGMM_UNSUPPORTED, "%s: the name's ending tells no format; need .npy, .fvecs, .ivecs or .bvecs",
                   path);
}

fgmm_status fgmm_writer_open(fgmm_writer **out, const char *path, const char *dtype, uint64_t cols)
{
    fgmm_status status = FGMM_OK;
    fgmm_writer *writer = NULL;
    if (!out) return fg_fail(FGMM_ARGUMENT, "writer is NULL; need a place for the handle");
    *out = NULL;
    FG_CHECK(path && *path, FGMM_ARGUMENT, "path is %s; need a file name", path ? "empty" : "NULL");
    FG_CHECK(dtype, FGMM_ARGUMENT, "%s: dtype is NULL", path);
    FG_TRY(FG_ALLOC(&writer, 1, "writer"));
    for (size_t i = 0; i < DTYPE_COUNT; i++)
        if (strcmp(dtypes[i].name, dtype) == 0) writer->dtype = &dtypes[i];
    FG_CHECK(writer->dtype, FGMM_ARGUMENT, "%s: dtype \"%s\"; need <f2, <f4, <f8, <i4, <i8, |u1 or |i1", path, dtype);
    writer->cols = cols;
    FG_TRY(choose_format(writer, path));
    FG_TRY(fg_size_product(&writer->row_bytes, cols ? cols : 1, writer->dtype->bytes, "bytes of a row"));
    FG_TRY(fg_atomic_open(&writer->file, path));
    if (writer->is_npy) {
        char header[NPY_HEADER_BYTES];
        npy_header(header, writer);
        FG_TRY(fg_atomic_write(writer->file, header, sizeof header));
    }
    *out = writer;
    writer = NULL;
done:
    fgmm_writer_abandon(writer);
    return status;
}

fgmm_status fgmm_writer_append(fgmm_writer *writer, const void *data, uint64_t rows)
{
    fgmm_status status = FGMM_OK;
    size_t bytes;
    if (!writer || (!data && rows > 0)) return fg_fail(FGMM_ARGUMENT, "%s is NULL", writer ? "data" : "writer");
    FG_CHECK(!writer->has_failed, FGMM_IO, "the file has failed before; it can only be abandoned");
    FG_TRY(fg_size_product(&bytes, rows, writer->row_bytes, "bytes of the rows"));
    if (writer->is_npy) {
        if (bytes > 0) status = fg_atomic_write(writer->file, data, bytes);
    } else {
        const int32_t dims = (int32_t)writer->cols;
        const unsigned char *row = data;
        for (uint64_t i = 0; i < rows && status == FGMM_OK; i++, row += writer->row_bytes) {
            status = fg_atomic_write(writer->file, &dims, sizeof dims);
            if (status == FGMM_OK) status = fg_atomic_write(writer->file, row, writer->row_bytes);
        }
    }
    writer->has_failed = status != FGMM_OK;
    writer->rows += rows;
done:
    return status;
}

fgmm_status fgmm_writer_flush(fgmm_writer *writer)
{
    fgmm_status status = FGMM_OK;
    if (!writer) return fg_fail(FGMM_ARGUMENT, "writer is NULL");
    FG_CHECK(!writer->has_failed, FGMM_IO, "the file has failed before; it can only be abandoned");
    if (writer->is_npy) {
        char header[NPY_HEADER_BYTES];
        npy_header(header, writer);
        FG_TRY(fg_atomic_rewrite(writer->file, 0, header, sizeof header));
    }
    FG_TRY(fg_atomic_flush(writer->file));
done:
    if (status != FGMM_OK) writer->has_failed = 1;
    return status;
}

fgmm_status fgmm_writer_commit(fgmm_writer *writer)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fgmm_writer_flush(writer));
    status = fg_atomic_commit(writer->file);
    writer->file = NULL;
done:
    fgmm_writer_abandon(writer);
    return status;
}

void fgmm_writer_abandon(fgmm_writer *writer)
{
    if (!writer) return;
    fg_atomic_abandon(writer->file);
    free(writer);
}

fgmm_status fgmm_file_write(const char *path, const void *bytes, size_t count)
{
    if (!path || !*path) return fg_fail(FGMM_ARGUMENT, "path is %s; need a file name", path ? "empty" : "NULL");
    if (!bytes && count > 0) return fg_fail(FGMM_ARGUMENT, "%s: bytes is NULL; need an array", path);
    return fg_file_replace(path, bytes, count);
}
