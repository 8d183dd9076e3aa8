/* fuzz_data.c - any bytes, opened as every format: an error that names the file, or the same rows in two passes whose
 * number is the one that was announced. Never anything else. */
#define _POSIX_C_SOURCE 200809L
#include "fuzz.h"

#include "flashgmm/flashgmm.h"

#include "file.h"
#include "formats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s (last error: %s)\n", __FILE__, __LINE__, #condition, fgmm_last_error());        \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* An announced row or pass beyond these is not read (only HDF5 can announce more than the file holds: fill values). */
enum { ROW_BYTES_MAX = 1 << 20, BATCH_ROWS = 7, PASS_ROWS_MAX = 100000 };

static int is_expected(fgmm_status status)
{
    return status == FGMM_FORMAT || status == FGMM_DATA || status == FGMM_IO || status == FGMM_MEMORY;
}

/* One pass; *hash identifies its bytes. */
static fgmm_status read_pass(fgmm_source *source, const fgmm_source_info *info, uint64_t *hash)
{
    const size_t row_bytes = info->dims * fgmm_type_bytes(info->type);
    unsigned char *rows = malloc(BATCH_ROWS * row_bytes);
    uint64_t total = 0, count = 1;
    REQUIRE(rows);
    *hash = FG_HASH_BEGIN;
    fgmm_status status = fgmm_source_rewind(source);
    while (status == FGMM_OK && count > 0 && total < PASS_ROWS_MAX) {
        status = fgmm_source_next(source, rows, BATCH_ROWS, &count);
        REQUIRE(status != FGMM_OK || count <= BATCH_ROWS);
        if (status == FGMM_OK) *hash = fg_hash(*hash, rows, (size_t)count * row_bytes);
        total += count;
    }
    REQUIRE(status != FGMM_OK || count > 0 || total == info->rows);
    free(rows);
    return status;
}

static void check(fgmm_source *source, fgmm_status status, const char *name)
{
    if (status != FGMM_OK) {
        REQUIRE(is_expected(status) && source == NULL);
        REQUIRE(strstr(fgmm_last_error(), name));
        return;
    }
    fgmm_source_info info = FGMM_SOURCE_INFO_INIT;
    REQUIRE(fgmm_source_describe(source, &info) == FGMM_OK);
    REQUIRE(info.rows >= 1 && info.dims >= 1 && fgmm_type_bytes(info.type) > 0);
    if (info.dims <= ROW_BYTES_MAX / fgmm_type_bytes(info.type)) {
        uint64_t first, second;
        const fgmm_status passes[2] = {read_pass(source, &info, &first), read_pass(source, &info, &second)};
        REQUIRE(passes[0] == passes[1] && first == second);
        REQUIRE(passes[0] == FGMM_OK || (is_expected(passes[0]) && fgmm_last_error()[0]));
    }
    fgmm_source_close(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static const char *const formats[] = {"npy", "fvecs", "bvecs", "fbin", "u8bin", "i8bin", "csv"};
    char path[] = "/tmp/flashgmm-fuzz-XXXXXX";
    const int file = mkstemp(path);
    REQUIRE(file >= 0 && write(file, bytes, count) == (ssize_t)count);
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        fgmm_file_options options = FGMM_FILE_OPTIONS_INIT;
        options.format = formats[i];
        fgmm_source *source;
        const fgmm_status status = fgmm_source_open(&source, path, &options);
        check(source, status, path);
    }
    for (uint64_t limit = 0; limit < 2; limit++) { /* in memory, in a temporary file */
        fgmm_source *source;
        REQUIRE(lseek(file, 0, SEEK_SET) == 0);
        const fgmm_status status = fg_stdin_open(&source, file, limit);
        check(source, status, "standard input");
    }
    close(file);
    unlink(path);
    return 0;
}

/* ---- seeds ---- */

#define SEED(text)                                                                                                     \
    {                                                                                                                  \
        text, sizeof text - 1                                                                                          \
    }

size_t fuzz_seed(size_t index, uint8_t *bytes, size_t capacity)
{
    static const struct {
        const char *bytes;
        size_t count;
    } seeds[] = {
        SEED("\x93NUMPY\x01\x00\x45\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }         \n"
             "abcdefghijklmnopqrstuvwx"),
        SEED("\x93NUMPY\x02\x00\x42\x00\x00\x00{'shape': (5,), 'descr': '|u1', 'fortran_order': False}          \n"
             "12345"),
        SEED("\2\0\0\0abcdefgh\2\0\0\0ijklmnop\2\0\0\0qrstuvwx"),
        SEED("\3\0\0\0abc\3\0\0\0def\3\0\0\0ghi"),
        SEED("\2\0\0\0\3\0\0\0abcdefghijklmnopqrstuvwx"),
        SEED("\2\0\0\0\3\0\0\0abcdef"),
        SEED("\xef\xbb\xbf\"x, or so\",y\r\n\r\n1.5,-2e-3\r\n0.12345678901234567890123,nan\r\n+.5,1e308"),
        SEED("x y z\n 1  2\t3 \n\n4 5 6\n"),
        SEED("1;2\n3;4\n"),
        SEED("1\t2\t3\n4\t5\t6\n"),
        SEED("width\n1\n2\n3\n"),
    };
    if (index >= sizeof seeds / sizeof seeds[0] || seeds[index].count > capacity) return 0;
    memcpy(bytes, seeds[index].bytes, seeds[index].count);
    return seeds[index].count;
}
