/* test_data_output.c - rows to files: layout, replacement whole or not at all, full disks. No device. */
#define _XOPEN_SOURCE 700
#include "rows.h"
#include "support.h"

#include "file.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

START_TEST(test_output__npy_is_what_numpy_writes)
{
    static const char numpy_i8[] = "\x93NUMPY\x01\x00v\x00{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }"
                                   "                                                            \n"
                                   "\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff";
    const int64_t data[] = {1, 2, -1};
    const char *path = temporary_path("a.npy");
    fgmm_writer *writer;
    ck_ok(fgmm_writer_open(&writer, path, "<i8", 0));
    ck_ok(fgmm_writer_append(writer, data, 1));
    ck_ok(fgmm_writer_append(writer, NULL, 0));
    ck_ok(fgmm_writer_append(writer, data + 1, 2));
    ck_ok(fgmm_writer_commit(writer));
    unsigned char *bytes;
    size_t count;
    ck_ok(fg_file_read_all(&bytes, &count, path, 1000));
    ck_assert_uint_eq(count, sizeof numpy_i8 - 1);
    ck_assert_mem_eq(bytes, numpy_i8, count);
    free(bytes);
}
END_TEST

START_TEST(test_output__what_is_written_can_be_read)
{
    const struct {
        const char *name, *dtype;
        fgmm_type type;
    } cases[] = {{"a.npy", "<f4", FGMM_F32}, {"a.npy", "<f8", FGMM_F64}, {"a.npy", "<f2", FGMM_F16},
                 {"a.npy", "|u1", FGMM_U8},  {"a.npy", "|i1", FGMM_I8},  {"a.fvecs", "<f4", FGMM_F32},
                 {"a.bvecs", "|u1", FGMM_U8}};
    unsigned char data[6 * 8];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * 37);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *path = temporary_path(cases[i].name);
        const size_t row_bytes = 3 * fgmm_type_bytes(cases[i].type);
        fgmm_writer *writer;
        ck_ok(fgmm_writer_open(&writer, path, cases[i].dtype, 3));
        ck_ok(fgmm_writer_append(writer, data, 1));
        ck_ok(fgmm_writer_append(writer, data + row_bytes, 1));
        ck_ok(fgmm_writer_commit(writer));
        fgmm_source *source;
        fgmm_source_info info = fgmm_source_info_init();
        uint64_t rows;
        ck_ok(fgmm_source_open(&source, path, NULL));
        ck_ok(fgmm_source_describe(source, &info));
        ck_assert_int_eq(info.type, cases[i].type);
        ck_assert_uint_eq(info.dims, 3);
        unsigned char *all = read_rows(source, 5, &rows);
        ck_assert_uint_eq(rows, 2);
        ck_assert_mem_eq(all, data, 2 * row_bytes);
        free(all);
        fgmm_source_close(source);
    }
}
END_TEST

START_TEST(test_output__ivecs_layout)
{
    const int32_t data[] = {7, -8}, expected[] = {1, 7, 1, -8};
    const char *path = temporary_path("a.ivecs");
    fgmm_writer *writer;
    unsigned char *bytes;
    size_t count;
    ck_ok(fgmm_writer_open(&writer, path, "<i4", 1));
    ck_ok(fgmm_writer_append(writer, data, 2));
    ck_ok(fgmm_writer_commit(writer));
    ck_ok(fg_file_read_all(&bytes, &count, path, 1000));
    ck_assert_uint_eq(count, sizeof expected);
    ck_assert_mem_eq(bytes, expected, count);
    free(bytes);
}
END_TEST

START_TEST(test_output__csv_reads_back_as_the_same_numbers)
{
    const double reals[] = {0.1, -1.0 / 3, 1e300, 5e-324, 0, -0.0, 123456789, NAN, -INFINITY};
    const float narrow[] = {0.1f, -16777216, 3.4028235e38f, 1};
    const int64_t whole[] = {-1, 0, INT64_MAX};
    char text[512];
    fgmm_writer *writer;
    const char *path = temporary_path("t.csv");
    ck_ok(fgmm_writer_open(&writer, path, "<f8", 3));
    ck_ok(fgmm_writer_append(writer, reals, 1));
    ck_ok(fgmm_writer_append(writer, reals + 3, 2));
    ck_ok(fgmm_writer_commit(writer));
    FILE *file = fopen(path, "rb");
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    ck_assert_str_eq(text, "0.1,-0.3333333333333333,1e+300\n4.94065645841247e-324,0,-0\n123456789,nan,-inf\n");
    fgmm_source *source;
    uint64_t rows;
    ck_ok(fgmm_source_open(&source, path, NULL));
    double *all = read_rows(source, 2, &rows);
    ck_assert_uint_eq(rows, 3);
    ck_assert_mem_eq(all, reals, 7 * sizeof *reals);
    free(all);
    fgmm_source_close(source);
    ck_ok(fgmm_writer_open(&writer, path, "<f4", 0));
    ck_ok(fgmm_writer_append(writer, narrow, 4));
    ck_ok(fgmm_writer_commit(writer));
    ck_ok(fgmm_source_open(&source, path, NULL));
    all = read_rows(source, 9, &rows);
    ck_assert_uint_eq(rows, 4);
    for (int i = 0; i < 4; i++) ck_assert((float)all[i] == narrow[i]);
    free(all);
    fgmm_source_close(source);
    ck_ok(fgmm_writer_open(&writer, path, "<i8", 0));
    ck_ok(fgmm_writer_append(writer, whole, 3));
    ck_ok(fgmm_writer_commit(writer));
    file = fopen(path, "rb");
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    ck_assert_str_eq(text, "-1\n0\n9223372036854775807\n");
    ck_fails(fgmm_writer_open(&writer, path, "<f2", 1), FGMM_ARGUMENT, "is not written as text");
}
END_TEST

START_TEST(test_output__bad_arguments)
{
    fgmm_writer *writer = (fgmm_writer *)1;
    ck_fails(fgmm_writer_open(&writer, NULL, "<f4", 1), FGMM_ARGUMENT, "path is NULL");
    ck_assert_ptr_null(writer);
    ck_fails(fgmm_writer_open(&writer, "a.npy", NULL, 1), FGMM_ARGUMENT, "dtype is NULL");
    ck_fails(fgmm_writer_open(&writer, "a.npy", ">f4", 1), FGMM_ARGUMENT, "dtype \">f4\"");
    ck_fails(fgmm_writer_open(&writer, "a.txt", "<f4", 1), FGMM_UNSUPPORTED, "a.txt: the name's ending");
    ck_fails(fgmm_writer_open(&writer, "a.fvecs", "<f8", 1), FGMM_ARGUMENT, "a .fvecs file holds <f4");
    ck_fails(fgmm_writer_open(&writer, "a.fvecs", "<f4", 0), FGMM_ARGUMENT, "cols = 0; need 1..2147483647");
    ck_fails(fgmm_writer_open(&writer, "a.fvecs", "<f4", 1ull << 31), FGMM_ARGUMENT, "cols = 2147483648");
    ck_fails(fgmm_writer_open(&writer, "a.npy", "<f8", UINT64_MAX / 4), FGMM_MEMORY, "bytes of a row");
    ck_fails(fgmm_writer_open(&writer, "/nonexistent/a.npy", "<f4", 1), FGMM_IO, "/nonexistent/a.npy");
    ck_fails(fgmm_writer_append(NULL, "", 1), FGMM_ARGUMENT, "writer");
    ck_fails(fgmm_writer_commit(NULL), FGMM_ARGUMENT, "writer");
    fgmm_writer_abandon(NULL);
}
END_TEST

static size_t files_beside(const char *name)
{
    size_t count = 0;
    DIR *folder = opendir(temporary_path(""));
    for (struct dirent *entry; (entry = readdir(folder));) count += strncmp(entry->d_name, name, strlen(name)) == 0;
    closedir(folder);
    return count;
}

START_TEST(test_output__abandoned_leaves_the_old_file)
{
    const char *path = write_file("kept.npy", "old", 3);
    fgmm_writer *writer;
    unsigned char *bytes;
    size_t count;
    ck_ok(fgmm_writer_open(&writer, path, "<f4", 1));
    ck_ok(fgmm_writer_append(writer, "abcd", 1));
    ck_assert_uint_eq(files_beside("kept.npy"), 2);
    fgmm_writer_abandon(writer);
    ck_assert_uint_eq(files_beside("kept.npy"), 1);
    ck_ok(fg_file_read_all(&bytes, &count, path, 1000));
    ck_assert_str_eq((char *)bytes, "old");
    free(bytes);
}
END_TEST

/* What a writer says when the disk is full. */
typedef struct full_disk {
    fgmm_status opened, appended, again, committed;
    char text[256], text_again[256];
} full_disk;

static void record(char text[256])
{
    snprintf(text, 256, "%s", fgmm_last_error());
}

/* A limit on file sizes stands for a full disk: writes beyond it fail with EFBIG. It holds for Check's own files too,
 * of which every check writes a part: none may stand in here. */
static full_disk write_to_full_disk(const char *path, const void *block, uint64_t count)
{
    full_disk result = {0};
    fgmm_writer *writer;
    struct rlimit limit, small;
    getrlimit(RLIMIT_FSIZE, &limit);
    small = limit;
    small.rlim_cur = 500;
    setrlimit(RLIMIT_FSIZE, &small);
    result.opened = fgmm_writer_open(&writer, path, "|u1", 1);
    result.appended = fgmm_writer_append(writer, block, count);
    record(result.text);
    if (result.appended == FGMM_OK) {
        result.committed = fgmm_writer_commit(writer);
        record(result.text);
    } else {
        result.again = fgmm_writer_append(writer, block, 1);
        record(result.text_again);
        fgmm_writer_abandon(writer);
    }
    setrlimit(RLIMIT_FSIZE, &limit);
    return result;
}

/* The failure may come while appending or, for what is still buffered, at commit. */
START_TEST(test_output__full_disk_leaves_the_old_file)
{
    static const char block[100000] = {0};
    const uint64_t appended[] = {1000, sizeof block};
    signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < 2; i++) {
        const char *path = write_file("full.npy", "old", 3);
        const full_disk result = write_to_full_disk(path, block, appended[i]);
        ck_assert_int_eq(result.opened, FGMM_OK);
        ck_assert_ptr_nonnull(strstr(result.text, "full.npy: writing failed"));
        if (result.appended == FGMM_OK) {
            ck_assert_int_eq(result.committed, FGMM_IO);
        } else {
            ck_assert_int_eq(result.appended, FGMM_IO);
            ck_assert_int_eq(result.again, FGMM_IO);
            ck_assert_ptr_nonnull(strstr(result.text_again, "abandoned"));
        }
        ck_assert_uint_eq(files_beside("full.npy"), 1);
        unsigned char *bytes;
        size_t count;
        ck_ok(fg_file_read_all(&bytes, &count, path, 1000));
        ck_assert_str_eq((char *)bytes, "old");
        free(bytes);
    }
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_output__npy_is_what_numpy_writes,
        test_output__what_is_written_can_be_read,
        test_output__ivecs_layout,
        test_output__csv_reads_back_as_the_same_numbers,
        test_output__bad_arguments,
        test_output__abandoned_leaves_the_old_file,
        test_output__full_disk_leaves_the_old_file,
    };
    Suite *s = suite_create("data_output");
    ADD_CASE(s, "output", NULL, NULL, 60, tests);
    return s;
}
