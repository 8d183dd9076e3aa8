/* ids.c - whole numbers from files: ids, ground truth. .ivecs, and .npy of 32- or 64-bit integers. */
#include "flashgmm/ivf.h"

#include "file.h"
#include "input.h"
#include "size.h"

#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

/* Where the numbers lie. */
typedef struct numbers {
    uint64_t rows, cols, at, stride_bytes; /* of row 0; from row to row */
    size_t bytes;                          /* of a number */
    int is_unsigned;
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
    *n = (numbers){input->size / stride, (uint64_t)cols, 4, stride, 4, 0};
    return FGMM_OK;
}

/* The header as NumPy writes it: 'descr': '<i8', 'shape': (N, M). */
static fgmm_status npy_layout(numbers *n, const fg_input *input)
{
    fgmm_status status = FGMM_OK;
    unsigned char start[10];
    char text[1024] = "", type;
    unsigned long long shape[2] = {0, 1};
    int bytes;
    FG_CHECK(input->size >= sizeof start, FGMM_FORMAT, "%s: byte offset 0: the file ends within its header",
             input->path);
    FG_TRY(fg_input_read_at(input, 0, start, sizeof start));
    const uint64_t length = start[8] + 256u * start[9];
    FG_CHECK(memcmp(start, "\x93NUMPY\x01", 7) == 0 && length < sizeof text, FGMM_FORMAT,
             "%s: byte offset 0: no .npy file of version 1", input->path);
    FG_TRY(fg_input_read_at(input, sizeof start, text, (size_t)length));
    const char *descr = strstr(text, "'descr':"), *dims = strstr(text, "'shape':");
    const int is_typed = descr && sscanf(descr, "'descr': '<%c%d'", &type, &bytes) == 2;
    FG_CHECK(is_typed && (type == 'i' || type == 'u') && (bytes == 4 || bytes == 8), FGMM_FORMAT,
             "%s: no integers of 32 or 64 bits; need '<i4' or '<i8'", input->path);
    FG_CHECK(!strstr(text, "'fortran_order': True") && dims &&
                 sscanf(dims, "'shape': (%llu, %llu", &shape[0], &shape[1]) >= 1,
             FGMM_FORMAT, "%s: is in Fortran order, or has no shape", input->path);
    *n = (numbers){shape[0], shape[1], sizeof start + length, shape[1] * (uint64_t)bytes, (size_t)bytes, type == 'u'};
    FG_CHECK(shape[1] >= 1 && shape[1] <= input->size && shape[0] <= input->size &&
                 input->size - n->at == n->rows * n->stride_bytes,
             FGMM_FORMAT, "%s: %llu x %llu numbers of %d bytes do not make up %llu bytes", input->path, shape[0],
             shape[1], bytes, (ull)input->size);
done:
    return status;
}

static fgmm_status read_rows(int64_t *ids, const numbers *n, const fg_input *input)
{
    fgmm_status status = FGMM_OK;
    unsigned char *row = NULL;
    const size_t bytes = n->bytes;
    FG_TRY(fg_alloc((void **)&row, n->cols, bytes, "ids"));
    for (uint64_t i = 0; i < n->rows; i++) {
        int32_t cols;
        FG_TRY(fg_input_read_at(input, n->at + i * n->stride_bytes, row, (size_t)n->cols * bytes));
        for (uint64_t j = 0; j < n->cols; j++) {
            int32_t narrow;
            int64_t wide;
            memcpy(&narrow, row + j * bytes, sizeof narrow);
            memcpy(&wide, row + j * bytes, bytes == 8 ? sizeof wide : sizeof narrow);
            ids[i * n->cols + j] = bytes == 8 ? wide : n->is_unsigned ? (int64_t)(uint32_t)narrow : narrow;
        }
        if (n->stride_bytes == n->cols * bytes) continue;
        FG_TRY(fg_input_read_at(input, i * n->stride_bytes, &cols, sizeof cols));
        FG_CHECK((uint64_t)cols == n->cols, FGMM_FORMAT,
                 "%s: byte offset %llu: row %llu has %d numbers; the first %llu", input->path,
                 (ull)(i * n->stride_bytes), (ull)i, cols, (ull)n->cols);
    }
done:
    free(row);
    return status;
}

fgmm_status fgmm_ids_read(int64_t **ids, uint64_t *rows, uint64_t *cols, const char *path)
{
    fgmm_status status = FGMM_OK;
    fg_input *input = NULL;
    numbers n = {0};
    int64_t *made = NULL;
    size_t count;
    if (!ids || !rows || !cols) return fg_fail(FGMM_ARGUMENT, "ids, rows or cols is NULL; need a place for each");
    *ids = NULL;
    FG_CHECK(path && *path, FGMM_ARGUMENT, "path is %s; need a file name", path ? "empty" : "NULL");
    FG_TRY(fg_input_open(&input, path));
    FG_TRY(fg_has_ending(path, ".npy") ? npy_layout(&n, input) : ivecs_layout(&n, input));
    FG_TRY(fg_size_product(&count, n.rows, n.cols, "ids"));
    FG_TRY(FG_ALLOC(&made, fg_max_u64(1, count), "ids"));
    FG_TRY(read_rows(made, &n, input));
    *ids = made;
    *rows = n.rows;
    *cols = n.cols;
    made = NULL;
done:
    free(made);
    fg_input_close(input);
    return status;
}
