/* output.c - rows to .npy, .fvecs, .ivecs, .bvecs, .csv through an atomically replaced file. See flashgmm/output.h. */
#include "flashgmm/output.h"

#include "file.h"
#include "size.h"

#include <inttypes.h>
#include <math.h>
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
    const char *vecs_ending; /* NULL: not as such */
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
    int is_npy, is_csv;
    int has_failed;
};

/* Of a number as text: 17 digits, sign, point, exponent. */
enum { NUMBER_BYTES = 32 };

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
    const size_t padded = NPY_HEADER_BYTES - NPY_PREFIX_BYTES;
    const int used =
        snprintf(text, padded, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", writer->dtype->name, shape);
    memset(text + used, ' ', padded - (size_t)used);
    header[NPY_HEADER_BYTES - 1] = '\n';
}

static fgmm_status choose_format(fgmm_writer *writer, const char *path)
{
    writer->is_npy = fg_has_ending(path, ".npy");
    writer->is_csv = fg_has_ending(path, ".csv");
    if (writer->is_npy) return FGMM_OK;
    if (writer->is_csv && writer->dtype->bytes == 2)
        return fg_fail(FGMM_ARGUMENT, "%s: dtype %s is not written as text", path, writer->dtype->name);
    if (writer->is_csv) return FGMM_OK;
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
    return fg_fail(FGMM_UNSUPPORTED, "%s: the name's ending tells no format; need .npy, .fvecs, .ivecs, .bvecs or .csv",
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

/* ---- text ---- */

/* The fewest digits that read back as the same number, with a point whatever the application's locale prints. */
static int print_real(char text[NUMBER_BYTES], double value, int is_narrow)
{
    char printed[2 * NUMBER_BYTES];
    int length = 0;
    if (isnan(value)) return snprintf(text, NUMBER_BYTES, "nan");
    if (isinf(value)) return snprintf(text, NUMBER_BYTES, value < 0 ? "-inf" : "inf");
    for (int digits = is_narrow ? 6 : 15; digits <= 17; digits++) {
        const int used = snprintf(printed, sizeof printed, "%.*g", digits, value);
        const double back = strtod(printed, NULL);
        if (used > 0 && (is_narrow ? (float)back == (float)value : back == value)) break;
    }
    for (const char *c = printed; *c; c++) {
        const int is_number = strchr("0123456789+-e", *c) != NULL;
        if (is_number || length == 0 || text[length - 1] != '.') text[length++] = is_number ? *c : '.';
    }
    text[length] = 0;
    return length;
}

/* The element at `from` as text; its length. */
static int print_element(char text[NUMBER_BYTES], const struct dtype *dtype, const unsigned char *from)
{
    const char kind = dtype->name[1];
    double real = 0;
    float narrow = 0;
    int64_t whole = 0;
    int32_t narrow_whole = 0;
    memcpy(&narrow, from, dtype->bytes == 4 ? sizeof narrow : 0);
    memcpy(&narrow_whole, from, dtype->bytes == 4 ? sizeof narrow_whole : 0);
    memcpy(&real, from, dtype->bytes == 8 ? sizeof real : 0);
    memcpy(&whole, from, dtype->bytes == 8 ? sizeof whole : 0);
    if (kind == 'f') return print_real(text, dtype->bytes == 4 ? (double)narrow : real, dtype->bytes == 4);
    if (dtype->bytes == 4) whole = narrow_whole;
    if (dtype->bytes == 1) whole = kind == 'u' ? *from : (signed char)*from;
    return snprintf(text, NUMBER_BYTES, "%" PRId64, whole);
}

/* One line per row. */
static fgmm_status append_text(fgmm_writer *writer, const unsigned char *data, uint64_t rows)
{
    fgmm_status status = FGMM_OK;
    const uint64_t cols = fg_max_u64(1, writer->cols);
    for (uint64_t i = 0; i < rows * cols; i++) {
        char text[NUMBER_BYTES + 1];
        const int length = print_element(text, writer->dtype, data + i * writer->dtype->bytes);
        text[length] = (i + 1) % cols ? ',' : '\n';
        FG_TRY(fg_atomic_write(writer->file, text, (size_t)length + 1));
    }
done:
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
    } else if (writer->is_csv) {
        status = append_text(writer, data, rows);
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
