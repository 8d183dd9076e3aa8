/* test_data_files.c - .npy, .fvecs, .bvecs, .fbin and its kin: sound files, damaged files, files of many gigabytes,
 * real files; .npy from standard input. No device. */
#define _POSIX_C_SOURCE 200809L
#include "rows.h"
#include "support.h"

#include "formats.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* numpy.save of arange(6, dtype='<f4').reshape(2, 3), as NumPy 2 writes it. */
static const char numpy_f4[] = "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
                               "                                                          \n"
                               "\x00\x00\x00\x00\x00\x00\x80?\x00\x00\x00@\x00\x00@@\x00\x00\x80@\x00\x00\xa0@";

static fgmm_status open_close(const char *path)
{
    fgmm_source *source;
    fgmm_status status = fgmm_source_open(&source, path, NULL);
    if (status != FGMM_OK) ck_assert_ptr_null(source);
    fgmm_source_close(source);
    return status;
}

static void expect(const char *path, fgmm_type type, uint64_t rows, uint64_t dims, const void *data)
{
    fgmm_source *source;
    fgmm_source_info info = fgmm_source_info_init();
    ck_ok(fgmm_source_open(&source, path, NULL));
    ck_ok(fgmm_source_describe(source, &info));
    ck_assert_int_eq(info.type, type);
    ck_assert_uint_eq(info.rows, rows);
    ck_assert_uint_eq(info.dims, dims);
    for (uint64_t capacity = 1; capacity <= rows + 1; capacity++) {
        uint64_t count;
        void *all = read_rows(source, capacity, &count);
        ck_assert_uint_eq(count, rows);
        ck_assert_mem_eq(all, data, rows * dims * fgmm_type_bytes(type));
        free(all);
    }
    fgmm_source_close(source);
}

/* ---- .npy ---- */

START_TEST(test_npy__every_type_and_version)
{
    const float f4[] = {0, 1, 2, 3, 4, 5};
    const double f8[] = {0, 1, 2, 3, 4, -5};
    const uint16_t f2[] = {0x3c00, 0xc000, 0x7bff, 1, 0x7e00, 0x8000}; /* raw: nothing is converted */
    const uint8_t bytes[] = {0, 1, 127, 128, 254, 255};
    expect(write_file("numpy.npy", numpy_f4, sizeof numpy_f4 - 1), FGMM_F32, 2, 3, f4);
    const char *path =
        write_npy("a.npy", 2, "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }", f8, sizeof f8);
    expect(path, FGMM_F64, 3, 2, f8);
    path = write_npy("a.npy", 3, "{'descr': '<f2', 'fortran_order': False, 'shape': (6, 1), }", f2, sizeof f2);
    expect(path, FGMM_F16, 6, 1, f2);
    path = write_npy("a.npy", 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 6), }", bytes, 6);
    expect(path, FGMM_U8, 1, 6, bytes);
    path = write_npy("a.npy", 1, "{'descr': '|i1', 'fortran_order': False, 'shape': (2, 3), }", bytes, 6);
    expect(path, FGMM_I8, 2, 3, bytes);
    path = write_npy("a.npy", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", f4, sizeof f4);
    expect(path, FGMM_F32, 6, 1, f4);
    /* other writers: keys in another order, double quotes, no blanks, no comma at the end, Python 2's long numbers */
    path = write_npy("a.npy", 1, "{\"shape\":(2L,3L),\"fortran_order\":False,\"descr\":\"<f4\"}", f4, sizeof f4);
    expect(path, FGMM_F32, 2, 3, f4);
}
END_TEST

START_TEST(test_npy__what_is_not_read_is_refused_by_name)
{
    const char zeros[64] = {0};
    const struct {
        const char *dictionary, *text;
    } cases[] = {
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (2, 2), }", "'<c8'"},
        {"{'descr': '<U4', 'fortran_order': False, 'shape': (2, 2), }", "'<U4'"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (2, 2), }", "'|O'"},
        {"{'descr': 'f4', 'fortran_order': False, 'shape': (2, 2), }", "'f4'"},
        {"{'descr': '=f4', 'fortran_order': False, 'shape': (2, 2), }", "'=f4'"},
        {"{'descr': '|f4', 'fortran_order': False, 'shape': (2, 2), }", "byte order"},
        {"{'descr': '', 'fortran_order': False, 'shape': (2, 2), }", "''"},
        {"{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (2,), }", "structured"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (), }", "0-D"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2, 1), }", "3-D"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 2), }", "negative"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 2), }", "beyond 64 bits"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 2), }", "more than any file"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 9223372036854775807), }", "more than any file"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", "more than any file"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2.5, 2), }", "not closed"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2 2), }", "not closed"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (a,), }", "no number"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': 4, }", "no tuple"},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 2), }", "neither True nor False"},
        {"{'descr': '<f4', 'fortran_order': False, }", "lacks"},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", "comes twice"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), 'extra': 1, }", "unknown"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), } }", "follows"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2)", "not closed"},
        {"{'descr': '<f4", "no short string"},
        {"{'descr' '<f4', }", "colon"},
        {"[1, 2]", "begin with {"},
        {"", "begin with {"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *path = write_npy("bad.npy", 1, cases[i].dictionary, zeros, 16);
        ck_fails(open_close(path), FGMM_FORMAT, cases[i].text);
        ck_fails(open_close(path), FGMM_FORMAT, "bad.npy: ");
    }
    const char *path = write_npy("bad.npy", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 5), }", "", 0);
    ck_fails(open_close(path), FGMM_DATA, "N = 0");
    path = write_npy("bad.npy", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 0), }", "", 0);
    ck_fails(open_close(path), FGMM_DATA, "D = 0");
}
END_TEST

START_TEST(test_npy__every_truncation_fails)
{
    char bytes[sizeof numpy_f4];
    for (size_t count = 1; count < sizeof numpy_f4 - 1; count++) {
        fgmm_status status = open_close(write_file("cut.npy", numpy_f4, count));
        ck_assert_msg(status == FGMM_FORMAT, "%zu bytes gave %s", count, fgmm_status_text(status));
        ck_assert_ptr_nonnull(strstr(fgmm_last_error(), "cut.npy"));
    }
    ck_fails(open_close(write_file("cut.npy", numpy_f4, 128 + 12 + 5)), FGMM_FORMAT,
             "promises 2 rows of 12 bytes from byte offset 128; the file holds 1 of them (145 bytes in all)");
    ck_fails(open_close(write_file("cut.npy", numpy_f4, sizeof numpy_f4)), FGMM_FORMAT,
             "byte offset 152: 1 bytes follow the last of 2 rows");
    memcpy(bytes, numpy_f4, sizeof bytes);
    bytes[6] = 4;
    ck_fails(open_close(write_file("cut.npy", bytes, sizeof bytes - 1)), FGMM_FORMAT, "version 4.0");
    memcpy(bytes, "\x93NUMPY\x02\x00\xff\xff\xff\x7f", 12);
    ck_fails(open_close(write_file("cut.npy", bytes, sizeof bytes - 1)), FGMM_FORMAT, "header of 2147483647 bytes");
    memcpy(bytes, "\x93NUMPY\x01\x00\xff\xff", 10);
    ck_fails(open_close(write_file("cut.npy", bytes, sizeof bytes - 1)), FGMM_FORMAT, "header of 65535 bytes");
    ck_fails(open_close(write_file("cut.npy", "PK\x03\x04 and so on, a zip", 22)), FGMM_FORMAT, "no .npy file");
}
END_TEST

START_TEST(test_npy__file_that_shrinks_while_being_read)
{
    const char *path = write_file("shrink.npy", numpy_f4, sizeof numpy_f4 - 1);
    fgmm_source *source;
    float row[3];
    uint64_t count;
    ck_ok(fgmm_source_open(&source, path, NULL));
    ck_ok(fgmm_source_rewind(source));
    ck_ok(fgmm_source_next(source, row, 1, &count));
    ck_assert_int_eq(truncate(path, 128 + 12 + 4), 0);
    ck_fails(fgmm_source_next(source, row, 1, &count), FGMM_FORMAT,
             "byte offset 144: the file ends here; it held 152 bytes");
    ck_assert_uint_eq(count, 0);
    fgmm_source_close(source);
}
END_TEST

/* ---- .fvecs, .bvecs, .fbin, .u8bin, .i8bin ---- */

START_TEST(test_vecs__rows_and_their_dimensions)
{
    unsigned char file[3 * (4 + 2)] = {2, 0, 0, 0, 1, 255, 2, 0, 0, 0, 3, 4, 2, 0, 0, 0, 5, 6};
    const unsigned char rows[] = {1, 255, 3, 4, 5, 6};
    expect(write_file("a.bvecs", file, sizeof file), FGMM_U8, 3, 2, rows);
    file[12] = 3;
    const char *path = write_file("b.bvecs", file, sizeof file);
    fgmm_source *source;
    ck_ok(fgmm_source_open(&source, path, NULL));
    ck_fails(read_until_failure(source, 1), FGMM_FORMAT,
             "b.bvecs: byte offset 12: row 2 says dimension 3; the first row has 2");
    ck_fails(read_until_failure(source, 8), FGMM_FORMAT, "byte offset 12");
    fgmm_source_close(source);

    const struct {
        int32_t dims;
        float values[3];
    } f[2] = {{3, {1, 2, 3}}, {3, {-1, 0.5f, 1e30f}}};
    const float values[] = {1, 2, 3, -1, 0.5f, 1e30f};
    expect(write_file("a.fvecs", f, sizeof f), FGMM_F32, 2, 3, values);
    for (size_t count = 1; count < sizeof f; count++) {
        if (count == sizeof f[0]) continue; /* one sound row */
        ck_fails(open_close(write_file("cut.fvecs", f, count)), FGMM_FORMAT, "cut.fvecs: byte offset");
    }
    ck_fails(open_close(write_file("cut.fvecs", f, 21)), FGMM_FORMAT, "1 rows of dimension 3 (16 bytes each), then 5");
    const int32_t bad[] = {0, -1, INT32_MIN, INT32_MAX};
    const char *const texts[] = {"dimension 0", "dimension -1", "dimension -2147483648",
                                 "0 rows of dimension 2147483647"};
    for (size_t i = 0; i < 4; i++) ck_fails(open_close(write_file("bad.fvecs", &bad[i], 4)), FGMM_FORMAT, texts[i]);
}
END_TEST

/* Rows that straddle the read buffer, and rows that are longer than it. */
START_TEST(test_vecs__rows_across_the_buffer)
{
    const int32_t sizes[] = {1000, 65536 + 7};
    for (size_t s = 0; s < 2; s++) {
        const int32_t dims = sizes[s], rows = 2000000 / dims;
        float *data = malloc((size_t)rows * (size_t)dims * sizeof *data);
        const char *path = temporary_path("long.fvecs");
        fgmm_writer *writer;
        for (int32_t i = 0; i < rows * dims; i++) data[i] = (float)i;
        ck_ok(fgmm_writer_open(&writer, path, "<f4", (uint64_t)dims));
        ck_ok(fgmm_writer_append(writer, data, (uint64_t)rows));
        ck_ok(fgmm_writer_commit(writer));
        fgmm_source *source;
        uint64_t count;
        ck_ok(fgmm_source_open(&source, path, NULL));
        float *all = read_rows(source, 7, &count);
        ck_assert_int_eq((int)count, rows);
        ck_assert_mem_eq(all, data, (size_t)rows * (size_t)dims * sizeof *data);
        free(all);
        free(data);
        ck_assert_int_eq(truncate(path, 5000), 0);
        ck_fails(read_until_failure(source, 7), FGMM_FORMAT, "byte offset 5000: the file ends here");
        fgmm_source_close(source);
    }
}
END_TEST

START_TEST(test_bin__types_and_sizes)
{
    const struct {
        uint32_t rows, dims;
        float values[6];
    } f = {3, 2, {1, 2, 3, 4, 5, 6}};
    expect(write_file("a.fbin", &f, sizeof f), FGMM_F32, 3, 2, f.values);
    const unsigned char bytes[] = {2, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3, 253, 254, 255};
    expect(write_file("a.u8bin", bytes, sizeof bytes), FGMM_U8, 2, 3, bytes + 8);
    expect(write_file("a.i8bin", bytes, sizeof bytes), FGMM_I8, 2, 3, bytes + 8);
    for (size_t count = 1; count < sizeof bytes; count++)
        ck_fails(open_close(write_file("cut.u8bin", bytes, count)), FGMM_FORMAT, count < 8 ? "header" : "promises 2");
    const uint32_t headers[][2] = {{0, 5}, {5, 0}, {UINT32_MAX, UINT32_MAX}, {2, 2}};
    ck_fails(open_close(write_file("b.fbin", headers[0], 8)), FGMM_DATA, "N = 0");
    ck_fails(open_close(write_file("b.fbin", headers[1], 8)), FGMM_DATA, "D = 0");
    ck_fails(open_close(write_file("b.fbin", headers[2], 8)), FGMM_FORMAT, "more than any file");
    ck_fails(open_close(write_file("b.u8bin", headers[2], 8)), FGMM_FORMAT, "more than any file");
    ck_fails(open_close(write_file("b.fbin", headers[3], 8)), FGMM_FORMAT, "holds 0 of them");
    ck_fails(open_close(write_file("b.u8bin", bytes, 8)), FGMM_FORMAT, "holds 0 of them");
    ck_fails(open_close(write_file("b.i8bin", (const char[20]){1, 0, 0, 0, 1}, 20)), FGMM_FORMAT, "11 bytes follow");
}
END_TEST

/* ---- many gigabytes, as sparse files ---- */

START_TEST(test_bin__counts_beyond_32_bits_of_bytes)
{
    const uint32_t header[2] = {4000000000u, 2};
    const char *path = write_file("large.u8bin", header, sizeof header);
    fgmm_source *source;
    fgmm_source_info info = fgmm_source_info_init();
    ck_assert_int_eq(truncate(path, 8000000008), 0);
    ck_ok(fgmm_source_open(&source, path, NULL));
    ck_ok(fgmm_source_describe(source, &info));
    ck_assert_uint_eq(info.rows, 4000000000u);
    unsigned char rows[64];
    uint64_t count;
    ck_ok(fgmm_source_rewind(source));
    ck_ok(fgmm_source_next(source, rows, 32, &count));
    ck_assert_uint_eq(count, 32);
    fgmm_source_close(source);
    ck_assert_int_eq(truncate(path, 8000000007), 0);
    ck_fails(open_close(path), FGMM_FORMAT, "holds 3999999999 of them");
}
END_TEST

START_TEST(test_npy__five_billion_rows)
{
    const char *path =
        write_npy("large.npy", 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (5000000000, 1), }", "", 0);
    const uint64_t rows = 5000000000u, size = 128 + rows;
    fgmm_source *source;
    fgmm_source_info info = fgmm_source_info_init();
    ck_assert_int_eq(truncate(path, (off_t)size), 0);
    int file = open(path, O_WRONLY);
    ck_assert_int_eq((int)pwrite(file, "\x2a", 1, (off_t)size - 1), 1);
    close(file);
    ck_ok(fgmm_source_open(&source, path, NULL));
    ck_ok(fgmm_source_describe(source, &info));
    ck_assert_uint_eq(info.rows, rows);
    unsigned char first[16];
    uint64_t count;
    ck_ok(fgmm_source_rewind(source));
    ck_ok(fgmm_source_next(source, first, 16, &count));
    ck_assert_uint_eq(count, 16);
    fgmm_source_close(source);
    fg_input *input; /* the last row, without reading all before it */
    unsigned char last;
    ck_ok(fg_input_open(&input, path));
    ck_ok(fg_input_read_at(input, size - 1, &last, 1));
    ck_assert_uint_eq(last, 0x2a);
    ck_fails(fg_input_read_at(input, size, &last, 1), FGMM_FORMAT, "byte offset 5000000128: the file ends here");
    fg_input_close(input);
}
END_TEST

/* ---- standard input ---- */

static fgmm_status open_as_stdin(fgmm_source **source, const void *bytes, size_t count, uint64_t limit)
{
    const char *path = write_file("stdin", bytes, count);
    int file = open(path, O_RDONLY);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(dup2(file, 0), 0);
    close(file);
    fgmm_file_options options = fgmm_file_options_init();
    options.memory_limit_bytes = limit;
    return fgmm_source_open(source, "-", &options);
}

START_TEST(test_stdin__kept_in_memory_or_in_a_file)
{
    enum { ROWS = 40000, DIMS = 3 };
    static float data[ROWS][DIMS];
    for (int i = 0; i < ROWS * DIMS; i++) data[i / DIMS][i % DIMS] = (float)i;
    const char *path =
        write_npy("all.npy", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (40000, 3), }", data, sizeof data);
    static unsigned char file[sizeof data + 128];
    FILE *stream = fopen(path, "rb");
    ck_assert_uint_eq(fread(file, 1, sizeof file, stream), sizeof file);
    fclose(stream);
    const uint64_t limits[] = {0, sizeof file, sizeof file - 1, 1};
    for (size_t i = 0; i < 4; i++) {
        fgmm_source *source;
        uint64_t rows;
        ck_ok(open_as_stdin(&source, file, sizeof file, limits[i]));
        for (int pass = 0; pass < 2; pass++) {
            float *all = read_rows(source, 999, &rows);
            ck_assert_uint_eq(rows, ROWS);
            ck_assert_mem_eq(all, data, sizeof data);
            free(all);
        }
        fgmm_source_close(source);
    }
    setenv("TMPDIR", "/nonexistent", 1);
    fgmm_source *source;
    ck_fails(open_as_stdin(&source, file, sizeof file, 1), FGMM_IO, "cannot be made in /nonexistent");
}
END_TEST

START_TEST(test_stdin__damaged_streams)
{
    char longer[sizeof numpy_f4];
    memcpy(longer, numpy_f4, sizeof longer);
    fgmm_source *source;
    for (uint64_t limit = 0; limit < 2; limit++) {
        for (size_t count = 1; count < sizeof numpy_f4 - 1; count++) {
            ck_fails(open_as_stdin(&source, numpy_f4, count, limit), FGMM_FORMAT, "standard input: ");
            ck_assert_ptr_null(source);
        }
        ck_fails(open_as_stdin(&source, numpy_f4, 145, limit), FGMM_FORMAT, "holds 1 of them (145 bytes in all)");
        ck_fails(open_as_stdin(&source, longer, sizeof longer, limit), FGMM_FORMAT, "byte offset 152: more bytes");
        ck_fails(open_as_stdin(&source, "", 0, limit), FGMM_DATA, "is empty");
    }
    close(0);
    ck_fails(fgmm_source_open(&source, "-", NULL), FGMM_IO, "reading failed");
}
END_TEST

/* Other formats do not say at their beginning how long they are: all is kept, in memory and then in a file. */
START_TEST(test_stdin__every_format_but_hdf5)
{
    enum { LINES = 50000 };
    static char text[16 * LINES];
    static double expected[2 * LINES];
    size_t used = 0;
    for (int i = 0; i < LINES; i++) {
        used += (size_t)sprintf(text + used, "%d,%d\n", i, 7 * i % 100);
        expected[2 * i] = i;
        expected[2 * i + 1] = 7 * i % 100;
    }
    const uint64_t limits[] = {0, used, used - 1, 300000, 1};
    fgmm_file_options options = fgmm_file_options_init();
    options.format = "csv";
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        int ends[2];
        fgmm_source *source;
        uint64_t rows;
        char path[64];
        ck_assert_int_eq(pipe(ends), 0);
        const pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            for (size_t at = 0; at < used;) at += (size_t)write(ends[1], text + at, used - at);
            _exit(0);
        }
        close(ends[1]);
        snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
        options.memory_limit_bytes = limits[i];
        ck_ok(fgmm_source_open(&source, path, &options));
        close(ends[0]);
        for (int pass = 0; pass < 2; pass++) {
            double *all = read_rows(source, 1234, &rows);
            ck_assert_uint_eq(rows, LINES);
            ck_assert_mem_eq(all, expected, sizeof expected);
            free(all);
        }
        fgmm_source_close(source);
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
    }
}
END_TEST

/* ---- real files ---- */

static const char *real_file(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/../shared/data/%s", FG_TEST_SOURCE_DIR, name);
    if (access(path, R_OK) == 0) return path;
    printf("skipped: no data (%s)\n", name);
    return NULL;
}

static void compare_with_file(const char *name, size_t header, size_t row_prefix, uint64_t rows, uint64_t dims)
{
    const char *path = real_file(name);
    if (!path) return;
    fgmm_source *source;
    fgmm_source_info info = fgmm_source_info_init();
    ck_ok(fgmm_source_open(&source, path, NULL));
    ck_ok(fgmm_source_describe(source, &info));
    ck_assert_uint_eq(info.rows, rows);
    ck_assert_uint_eq(info.dims, dims);
    uint64_t count;
    const size_t row_bytes = dims * fgmm_type_bytes(info.type);
    unsigned char *all = read_rows(source, 4096, &count), *row = malloc(row_bytes);
    ck_assert_uint_eq(count, rows);
    FILE *file = fopen(path, "rb");
    fseek(file, (long)header, SEEK_SET);
    for (uint64_t i = 0; i < rows; i++) {
        fseek(file, (long)row_prefix, SEEK_CUR);
        ck_assert_uint_eq(fread(row, 1, row_bytes, file), row_bytes);
        ck_assert_mem_eq(row, all + i * row_bytes, row_bytes);
    }
    fclose(file);
    free(row);
    free(all);
    fgmm_source_close(source);
}

START_TEST(test_files__real_data)
{
    compare_with_file("siftsmall/siftsmall_base.fvecs", 0, 4, 10000, 128);
    compare_with_file("deep96-photos-150k/base.npy", 128, 0, 150000, 96);
    compare_with_file("fashion-mnist-10k/images.npy", 128, 0, 10000, 784);
    compare_with_file("sift-photos-1m/query.bvecs", 0, 4, 2000, 128);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_npy__every_type_and_version,
        test_npy__what_is_not_read_is_refused_by_name,
        test_npy__every_truncation_fails,
        test_npy__file_that_shrinks_while_being_read,
        test_vecs__rows_and_their_dimensions,
        test_vecs__rows_across_the_buffer,
        test_bin__types_and_sizes,
        test_bin__counts_beyond_32_bits_of_bytes,
        test_npy__five_billion_rows,
        test_stdin__kept_in_memory_or_in_a_file,
        test_stdin__damaged_streams,
        test_stdin__every_format_but_hdf5,
        test_files__real_data,
    };
    Suite *s = suite_create("data_files");
    ADD_CASE(s, "files", NULL, NULL, 120, tests);
    return s;
}
