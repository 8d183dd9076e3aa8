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
    return status == FGMM_FORMAT || status == FGMM_DATA || status == FGMM_IO || status == FGMM_MEMORY ||
           status == FGMM_UNSUPPORTED;
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
    fgmm_source_info info = fgmm_source_info_init();
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

/* The same bytes as ids, in the formats that only ids have. */
static void check_ids(const char *path)
{
    static const char *const endings[] = {".ivecs", ".ibin", ".npy"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char name[64];
        int64_t *ids;
        uint64_t rows, cols;
        snprintf(name, sizeof name, "%s%s", path, endings[i]);
        REQUIRE(link(path, name) == 0);
        const fgmm_status status = fgmm_ids_read(&ids, &rows, &cols, name);
        unlink(name);
        REQUIRE(status == FGMM_OK || (is_expected(status) && ids == NULL && strstr(fgmm_last_error(), name)));
        free(status == FGMM_OK ? ids : NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static const char *const formats[] = {"npy", "npz", "fvecs", "bvecs", "fbin", "u8bin", "i8bin", "csv"};
    char path[] = "/tmp/flashgmm-fuzz-XXXXXX";
    const int file = mkstemp(path);
    REQUIRE(file >= 0 && write(file, bytes, count) == (ssize_t)count);
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        fgmm_file_options options = fgmm_file_options_init();
        options.format = formats[i];
        fgmm_source *source;
        fgmm_status status = fgmm_source_open(&source, path, &options);
        check(source, status, path);
        options.columns = "0";
        options.skip_nan_rows = 1;
        status = fgmm_source_open(&source, path, &options);
        check(source, status, path);
    }
    for (uint64_t limit = 0; limit < 2; limit++) { /* in memory, in a temporary file */
        fgmm_source *source;
        REQUIRE(lseek(file, 0, SEEK_SET) == 0);
        fgmm_file_options options = fgmm_file_options_init();
        options.format = "npy";
        options.memory_limit_bytes = limit;
        const fgmm_status status = fg_once_open(&source, file, "standard input", &options);
        check(source, status, "standard input");
    }
    check_ids(path);
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
        SEED(",a,\"b\"\n0,\"1.5\",\n1,NA,2\n2,3,4\n"),
        SEED("\2\0\0\0\2\0\0\0aaaabbbbccccdddd"),
        SEED("1\t2\t3\n4\t5\t6\n"),
        SEED("width\n1\n2\n3\n"),
        SEED("\x93NUMPY\x01\x00\x45\x00{'descr': '>i8', 'fortran_order': True, 'shape': (3, 1), }          \n"
             "abcdefghijklmnopqrstuvwx"),
        /* numpy.savez and savez_compressed of a 2 x 3 and of a 1-D array */
        SEED("\x50\x4b\x03\x04\x2d\x00\x00\x00\x00\x00\x00\x00\x21\x00\x4f\xe9\x00\x2a\xff\xff\xff\xff\xff\xff"
             "\xff\xff\x09\x00\x14\x00\x61\x72\x72\x5f\x30\x2e\x6e\x70\x79\x01\x00\x10\x00\x98\x00\x00\x00\x00"
             "\x00\x00\x00\x98\x00\x00\x00\x00\x00\x00\x00\x93\x4e\x55\x4d\x50\x59\x01\x00\x76\x00\x7b\x27\x64"
             "\x65\x73\x63\x72\x27\x3a\x20\x27\x3c\x66\x34\x27\x2c\x20\x27\x66\x6f\x72\x74\x72\x61\x6e\x5f\x6f"
             "\x72\x64\x65\x72\x27\x3a\x20\x46\x61\x6c\x73\x65\x2c\x20\x27\x73\x68\x61\x70\x65\x27\x3a\x20\x28"
             "\x32\x2c\x20\x33\x29\x2c\x20\x7d\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20"
             "\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20"
             "\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x0a\x00\x00\x00\x00\x00"
             "\x00\x80\x3f\x00\x00\x00\x40\x00\x00\x40\x40\x00\x00\x80\x40\x00\x00\xa0\x40\x50\x4b\x01\x02\x2d"
             "\x03\x2d\x00\x00\x00\x00\x00\x00\x00\x21\x00\x4f\xe9\x00\x2a\x98\x00\x00\x00\x98\x00\x00\x00\x09"
             "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x01\x00\x00\x00\x00\x61\x72\x72\x5f\x30\x2e\x6e"
             "\x70\x79\x50\x4b\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00\x37\x00\x00\x00\xd3\x00\x00\x00\x00\x00"),
        SEED("\x50\x4b\x03\x04\x2d\x00\x00\x00\x08\x00\x00\x00\x21\x00\x69\xe3\xbe\x04\xff\xff\xff\xff\xff\xff"
             "\xff\xff\x09\x00\x14\x00\x61\x72\x72\x5f\x30\x2e\x6e\x70\x79\x01\x00\x10\x00\x92\x00\x00\x00\x00"
             "\x00\x00\x00\x56\x00\x00\x00\x00\x00\x00\x00\x9b\xec\x17\xea\x1b\x10\xc9\xc8\x50\xc6\x50\xad\x9e"
             "\x92\x5a\x9c\x5c\xa4\x6e\xa5\xa0\x6e\x93\x69\xa4\xae\xa3\xa0\x9e\x96\x5f\x54\x52\x94\x98\x17\x9f"
             "\x5f\x94\x92\x0a\x12\x77\x4b\xcc\x29\x4e\x05\x8a\x17\x67\x24\x16\xa4\x02\xf9\x1a\x96\x3a\x9a\x3a"
             "\x0a\xb5\x0a\x14\x00\x2e\x06\x06\x46\x06\x26\x06\x66\x06\x16\x06\x56\x06\x36\x06\x76\x06\x0e\x06"
             "\x00\x50\x4b\x01\x02\x2d\x03\x2d\x00\x00\x00\x08\x00\x00\x00\x21\x00\x69\xe3\xbe\x04\x56\x00\x00"
             "\x00\x92\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x01\x00\x00\x00\x00\x61"
             "\x72\x72\x5f\x30\x2e\x6e\x70\x79\x50\x4b\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00\x37\x00\x00\x00"
             "\x91\x00\x00\x00\x00\x00"),
    };
    if (index >= sizeof seeds / sizeof seeds[0] || seeds[index].count > capacity) return 0;
    memcpy(bytes, seeds[index].bytes, seeds[index].count);
    return seeds[index].count;
}
