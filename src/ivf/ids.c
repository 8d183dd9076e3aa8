/* ids.c - whole numbers from files: ids, groups, ground truth. .ivecs, .ibin and .npy hold them as integers, which are
 * read as such; of every other format of data they are rows whose values are whole numbers. */
#include "flashgmm/ivf.h"

#include "file.h"
#include "npy.h"
#include "rows.h"
#include "size.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

/* Where the numbers lie. */
typedef struct numbers {
    uint64_t rows, cols, at, stride_bytes; /* of row 0; from row to row */
    fg_element element;
    int is_fortran;
    int has_counts; /* each row's number of columns stands before it */
} numbers;

static fgmm_status ivecs_layout(numbers *n, const fg_input *input)
{
    int32_t cols;
    if (input->size < sizeof cols)
        return fg_fail(FGMM_FORMAT, "%s: byte offset 0: the file ends within its first row", input->path);
    const fgmm_status status = fg_input_read_at(input, 0, &cols, sizeof cols);
    if (status != FGMM_OK) return status;
    const uint64_t stride = 4 + 4 * (uint64_t)(cols > 0 ? cols : 0);
    if (cols < 1 || input->size % stride != 0)
        return fg_fail(FGMM_FORMAT, "%s: byte offset 0: rows of %d numbers do not make up %llu bytes", input->path,
                       cols, (ull)input->size);
    *n = (numbers){input->size / stride, (uint64_t)cols, 4, stride, {FG_SIGNED, 4, 0}, 0, 1};
    return FGMM_OK;
}

/* Two counts, then the ids; in the ground truth of big-ann-benchmarks as many float32 distances behind them. */
static fgmm_status ibin_layout(numbers *n, const fg_input *input)
{
    fgmm_status status = FGMM_OK;
    uint32_t head[2] = {0};
    FG_CHECK(input->size >= sizeof head, FGMM_FORMAT,
             "%s: byte offset %llu: the file ends within its header of %zu bytes", input->path, (ull)input->size,
             sizeof head);
    FG_TRY(fg_input_read_at(input, 0, head, sizeof head));
    const uint64_t rows = head[0], cols = head[1], bytes = input->size - sizeof head, stride = 4 * cols;
    const int is_sound = rows >= 1 && cols >= 1 && (bytes / stride == rows || bytes / stride == 2 * rows);
    FG_CHECK(
        is_sound && bytes % stride == 0, FGMM_FORMAT,
        "%s: the header says %llu rows of %llu numbers; need %llu bytes, or twice as many with distances, behind it, "
        "not %llu",
        input->path, (ull)rows, (ull)cols, (ull)(rows * stride), (ull)bytes);
    *n = (numbers){rows, cols, sizeof head, stride, {FG_SIGNED, 4, 0}, 0, 0};
done:
    return status;
}

static fgmm_status npy_layout(numbers *n, const fg_input *input)
{
    fgmm_status status = FGMM_OK;
    fg_npy_array array;
    fg_dense_layout layout;
    uint64_t end;
    FG_TRY(fg_npy_read_array(&array, input));
    FG_TRY(fg_npy_rows_of(&layout, &array, input->path));
    FG_CHECK(array.element.kind != FG_FLOAT, FGMM_FORMAT, "%s: its elements are no integers", input->path);
    if (layout.rows == 0 && layout.offset == input->size) return FGMM_OK; /* no numbers are no error: n is 0 */
    FG_TRY(fg_dense_end(&end, &layout, input->path));
    FG_CHECK(end == input->size, FGMM_FORMAT, "%s: %llu x %llu numbers of %u bytes do not make up %llu bytes",
             input->path, (ull)layout.rows, (ull)layout.dims, array.element.bytes, (ull)input->size);
    *n = (numbers){layout.rows,
                   layout.dims,
                   layout.offset,
                   layout.dims * array.element.bytes,
                   array.element,
                   layout.is_columns,
                   0};
done:
    return status;
}

static fgmm_status check_count(const numbers *n, const fg_input *input, uint64_t row)
{
    fgmm_status status = FGMM_OK;
    int32_t cols;
    if (!n->has_counts) return FGMM_OK;
    FG_TRY(fg_input_read_at(input, row * n->stride_bytes, &cols, sizeof cols));
    FG_CHECK((uint64_t)cols == n->cols, FGMM_FORMAT, "%s: byte offset %llu: row %llu has %d numbers; the first %llu",
             input->path, (ull)(row * n->stride_bytes), (ull)row, cols, (ull)n->cols);
done:
    return status;
}

/* In the order of the file: rows, or of an array in Fortran order columns. */
static fgmm_status read_numbers(int64_t *ids, const numbers *n, const fg_input *input)
{
    fgmm_status status = FGMM_OK;
    unsigned char *line = NULL;
    const uint64_t lines = n->is_fortran ? n->cols : n->rows, length = n->is_fortran ? n->rows : n->cols;
    const uint64_t stride = n->is_fortran ? n->rows * n->element.bytes : n->stride_bytes;
    FG_TRY(fg_alloc((void **)&line, fg_max_u64(1, length), fg_max_u64(1, n->element.bytes), "ids"));
    for (uint64_t i = 0; i < lines; i++) {
        FG_TRY(check_count(n, input, i));
        FG_TRY(fg_input_read_at(input, n->at + i * stride, line, (size_t)length * n->element.bytes));
        for (uint64_t j = 0; j < length; j++) {
            const uint64_t row = n->is_fortran ? j : i, col = n->is_fortran ? i : j;
            char text[FG_ELEMENT_TEXT_BYTES];
            const unsigned char *from = line + j * n->element.bytes;
            FG_CHECK(fg_element_integer(&ids[row * n->cols + col], from, n->element), FGMM_DATA,
                     "%s: row %llu, column %llu: %s is beyond 2^63 - 1 (counted from 0)", input->path, (ull)row,
                     (ull)col, fg_element_text(text, from, n->element));
        }
    }
done:
    free(line);
    return status;
}

/* A file of integers. */
static fgmm_status read_integers(int64_t **ids, uint64_t *rows, uint64_t *cols, const char *path,
                                 fgmm_status (*layout)(numbers *n, const fg_input *input))
{
    fgmm_status status = FGMM_OK;
    fg_input *input = NULL;
    numbers n = {0};
    size_t count;
    FG_TRY(fg_input_open(&input, path));
    FG_TRY(layout(&n, input));
    FG_TRY(fg_size_product(&count, n.rows, n.cols, "ids"));
    FG_TRY(FG_ALLOC(ids, fg_max_u64(1, count), "ids"));
    FG_TRY(read_numbers(*ids, &n, input));
    *rows = n.rows;
    *cols = n.cols;
done:
    fg_input_close(input);
    return status;
}

/* Any other format. In .hdf5 files the dataset is called as ann-benchmarks calls it. */
static fgmm_status read_rows(int64_t **ids, uint64_t *rows, uint64_t *cols, const char *path)
{
    fgmm_status status = FGMM_OK;
    fgmm_source *source = NULL;
    fgmm_file_options options = fgmm_file_options_init();
    void *row = NULL;
    const char *format = fgmm_source_format_of(path);
    size_t count;
    uint64_t given = 1;
    if (strcmp(format, "hdf5") == 0) options.dataset = "neighbors";
    FG_TRY(fgmm_source_open(&source, path, &options));
    const fgmm_source_info *info = &source->info;
    FG_TRY(fg_size_product(&count, info->rows, info->dims, "ids"));
    FG_TRY(FG_ALLOC(ids, count, "ids"));
    FG_TRY(fg_alloc(&row, info->dims, fgmm_type_bytes(info->type), "ids"));
    FG_TRY(fgmm_source_rewind(source));
    for (uint64_t i = 0; i < info->rows && given > 0; i++) {
        FG_TRY(fgmm_source_next(source, row, 1, &given));
        for (uint64_t j = 0; j < info->dims; j++) {
            const double value = fg_row_value(row, info->type, (size_t)j);
            FG_CHECK(fabs(value) < 0x1p63 && value == floor(value), FGMM_DATA,
                     "%s: row %llu, column %llu: %g is no whole number (counted from 0)", path, (ull)i, (ull)j, value);
            (*ids)[i * info->dims + j] = (int64_t)value;
        }
    }
    *rows = info->rows;
    *cols = info->dims;
done:
    free(row);
    fgmm_source_close(source);
    return status;
}

fgmm_status fgmm_ids_read(int64_t **ids, uint64_t *rows, uint64_t *cols, const char *path)
{
    fgmm_status status = FGMM_OK;
    if (!ids || !rows || !cols) return fg_fail(FGMM_ARGUMENT, "ids, rows or cols is NULL; need a place for each");
    *ids = NULL;
    FG_CHECK(path && *path, FGMM_ARGUMENT, "path is %s; need a file name", path ? "empty" : "NULL");
    const char *format = fgmm_source_format_of(path);
    if (format && strcmp(format, "npy") == 0)
        FG_TRY(read_integers(ids, rows, cols, path, npy_layout));
    else if (fg_has_ending(path, ".ibin"))
        FG_TRY(read_integers(ids, rows, cols, path, ibin_layout));
    else if (format)
        FG_TRY(read_rows(ids, rows, cols, path));
    else
        FG_TRY(read_integers(ids, rows, cols, path, ivecs_layout));
done:
    if (status != FGMM_OK && ids) {
        free(*ids);
        *ids = NULL;
    }
    return status;
}
