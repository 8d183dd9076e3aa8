/* test_data_source.c - rows from memory and callbacks, the order of calls, which file is which format. No device. */
#define _POSIX_C_SOURCE 200809L
#include "rows.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

START_TEST(test_source__memory_dense_and_strided)
{
    const float data[4][3] = {{0, 1, 2}, {3, 4, 5}, {6, 7, 8}, {9, 10, 11}};
    fgmm_source *source;
    uint64_t rows;
    ck_ok(fgmm_source_from_memory(&source, data, FGMM_F32, 4, 3, 0));
    for (uint64_t capacity = 1; capacity <= 5; capacity++) {
        float *all = read_rows(source, capacity, &rows);
        ck_assert_uint_eq(rows, 4);
        ck_assert_mem_eq(all, data, sizeof data);
        free(all);
    }
    fgmm_source_close(source);

    ck_ok(fgmm_source_from_memory(&source, &data[0][1], FGMM_F32, 4, 2, sizeof data[0]));
    fgmm_source_info info = fgmm_source_info_init();
    ck_ok(fgmm_source_describe(source, &info));
    ck_assert_uint_eq(info.rows, 4);
    ck_assert_uint_eq(info.dims, 2);
    ck_assert_int_eq(info.type, FGMM_F32);
    ck_assert_str_eq(info.format, "memory");
    ck_assert_uint_eq(info.size, sizeof info);
    float *all = read_rows(source, 3, &rows);
    const float expected[] = {1, 2, 4, 5, 7, 8, 10, 11};
    ck_assert_uint_eq(rows, 4);
    ck_assert_mem_eq(all, expected, sizeof expected);
    free(all);
    fgmm_source_close(source);
}
END_TEST

START_TEST(test_source__memory_refuses_bad_arguments)
{
    const float data[4] = {0};
    fgmm_source *source = (fgmm_source *)1;
    ck_fails(fgmm_source_from_memory(&source, NULL, FGMM_F32, 1, 1, 0), FGMM_ARGUMENT, "data");
    ck_assert_ptr_null(source);
    ck_fails(fgmm_source_from_memory(&source, data, (fgmm_type)9, 1, 1, 0), FGMM_ARGUMENT, "type = 9");
    ck_fails(fgmm_source_from_memory(&source, data, FGMM_F32, 0, 1, 0), FGMM_ARGUMENT, "rows = 0");
    ck_fails(fgmm_source_from_memory(&source, data, FGMM_F32, 1, 0, 0), FGMM_ARGUMENT, "dims = 0");
    ck_fails(fgmm_source_from_memory(&source, data, FGMM_F32, 2, 2, 7), FGMM_ARGUMENT, "stride_bytes = 7");
    ck_fails(fgmm_source_from_memory(&source, data, FGMM_F32, 1, UINT64_MAX / 2, 0), FGMM_MEMORY, "row");
    ck_fails(fgmm_source_from_memory(&source, data, FGMM_F32, UINT64_MAX / 4, 2, 0), FGMM_MEMORY, "rows");
    ck_fails(fgmm_source_from_memory(NULL, data, FGMM_F32, 1, 1, 0), FGMM_ARGUMENT, "source");
}
END_TEST

START_TEST(test_source__calls_out_of_order_are_refused)
{
    const float data[2] = {1, 2};
    float row[2];
    uint64_t count;
    fgmm_source *source;
    ck_ok(fgmm_source_from_memory(&source, data, FGMM_F32, 2, 1, 0));
    ck_fails(fgmm_source_next(source, row, 1, &count), FGMM_ARGUMENT, "fgmm_source_rewind");
    ck_ok(fgmm_source_rewind(source));
    ck_fails(fgmm_source_next(source, row, 0, &count), FGMM_ARGUMENT, "capacity = 0");
    ck_fails(fgmm_source_next(source, NULL, 1, &count), FGMM_ARGUMENT, "rows");
    ck_fails(fgmm_source_next(source, row, 1, NULL), FGMM_ARGUMENT, "count");
    ck_ok(fgmm_source_next(source, row, 2, &count));
    ck_assert_uint_eq(count, 2);
    for (int i = 0; i < 3; i++) { /* the end stays the end */
        ck_ok(fgmm_source_next(source, row, 2, &count));
        ck_assert_uint_eq(count, 0);
    }
    fgmm_source_info info = {0};
    ck_fails(fgmm_source_describe(source, &info), FGMM_ARGUMENT, "fgmm_source_info_init()");
    ck_fails(fgmm_source_describe(NULL, &info), FGMM_ARGUMENT, "source");
    ck_fails(fgmm_source_rewind(NULL), FGMM_ARGUMENT, "source");
    fgmm_source_close(source);
    fgmm_source_close(NULL);
}
END_TEST

/* A caller built with an older, shorter info struct gets what fits and nothing more. */
START_TEST(test_source__describe_respects_the_callers_size)
{
    const float data[1] = {1};
    fgmm_source *source;
    ck_ok(fgmm_source_from_memory(&source, data, FGMM_F32, 1, 1, 0));
    fgmm_source_info info;
    memset(&info, 0x55, sizeof info);
    info.size = offsetof(fgmm_source_info, dims);
    ck_ok(fgmm_source_describe(source, &info));
    ck_assert_uint_eq(info.rows, 1);
    ck_assert_uint_eq(info.dims, 0x5555555555555555u);
    fgmm_source_close(source);
}
END_TEST

/* ---- callbacks ---- */

typedef struct maker {
    uint64_t per_pass[3]; /* rows of each pass */
    int pass;
    uint64_t given;
    int fail_at; /* row at which next fails; -1: never */
    int fails_rewind, overfills;
} maker;

static int maker_rewind(void *user)
{
    maker *m = user;
    m->pass++;
    m->given = 0;
    return m->fails_rewind ? 7 : 0;
}

static int maker_next(void *user, void *rows, uint64_t capacity, uint64_t *count, char *message, size_t message_bytes)
{
    maker *m = user;
    if (m->overfills) {
        *count = capacity + 1;
        return 0;
    }
    uint64_t n = m->per_pass[m->pass] - m->given;
    if (n > capacity) n = capacity;
    for (uint64_t i = 0; i < n; i++, m->given++) {
        if ((int)m->given == m->fail_at) {
            memset(message, 'x', message_bytes); /* not terminated: the library must not run off the end */
            memcpy(message, "the tape broke", 14);
            return 3;
        }
        ((float *)rows)[i] = (float)m->given;
    }
    *count = n;
    return 0;
}

static fgmm_source *source_of(maker *m, uint64_t rows)
{
    fgmm_callback_source callbacks = fgmm_callback_source_init();
    callbacks.rows = rows;
    callbacks.dims = 1;
    callbacks.type = FGMM_F32;
    callbacks.rewind = maker_rewind;
    callbacks.next = maker_next;
    callbacks.user = m;
    m->pass = -1;
    fgmm_source *source;
    ck_ok(fgmm_source_from_callback(&source, &callbacks));
    return source;
}

START_TEST(test_source__callback_rows_are_counted_once)
{
    maker m = {{5, 5, 5}, 0, 0, -1, 0, 0};
    fgmm_source *source = source_of(&m, FGMM_ROWS_UNKNOWN);
    fgmm_source_info info = fgmm_source_info_init();
    ck_ok(fgmm_source_describe(source, &info));
    ck_assert(info.rows == FGMM_ROWS_UNKNOWN);
    ck_assert_str_eq(info.format, "callback");
    for (int pass = 0; pass < 3; pass++) {
        uint64_t rows;
        float *all = read_rows(source, 2, &rows);
        ck_assert_uint_eq(rows, 5);
        for (int i = 0; i < 5; i++) ck_assert(all[i] == (float)i);
        free(all);
        ck_ok(fgmm_source_describe(source, &info));
        ck_assert_uint_eq(info.rows, 5);
    }
    fgmm_source_close(source);
}
END_TEST

START_TEST(test_source__callback_counts_must_agree)
{
    const struct {
        uint64_t stated, first, second;
        const char *text;
    } cases[] = {
        {FGMM_ROWS_UNKNOWN, 5, 3, "3 rows in this pass; 5"},
        {FGMM_ROWS_UNKNOWN, 5, 6, "at least 6 rows in this pass; 5"},
        {6, 5, 6, "5 rows in this pass; 6"},
        {4, 5, 6, "at least 5 rows in this pass; 4"},
        {FGMM_ROWS_UNKNOWN, 0, 0, "no rows"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        maker m = {{cases[i].first, cases[i].second, 0}, 0, 0, -1, 0, 0};
        fgmm_source *source = source_of(&m, cases[i].stated);
        fgmm_status status = read_until_failure(source, 1);
        if (status == FGMM_OK) status = read_until_failure(source, 1);
        ck_fails(status, FGMM_DATA, cases[i].text);
        fgmm_source_close(source);
    }
}
END_TEST

/* A loop over an array with room for exactly all rows asks once more with room for none. */
START_TEST(test_source__no_room_at_the_end_is_no_error)
{
    const uint64_t stated[] = {5, FGMM_ROWS_UNKNOWN};
    for (size_t i = 0; i < 2; i++) {
        maker m = {{5, 5, 5}, 0, 0, -1, 0, 0};
        fgmm_source *source = source_of(&m, stated[i]);
        float rows[5];
        uint64_t done = 0, count = 1;
        ck_ok(fgmm_source_rewind(source));
        while (count > 0) {
            ck_ok(fgmm_source_next(source, done == 5 ? NULL : rows + done, done + 3 <= 5 ? 3 : 5 - done, &count));
            done += count;
        }
        ck_assert_uint_eq(done, 5);
        ck_ok(fgmm_source_next(source, rows, 1, &count));
        ck_assert_uint_eq(count, 0);
        fgmm_source_close(source);
        source = source_of(&m, stated[i]);
        ck_ok(fgmm_source_rewind(source));
        ck_ok(fgmm_source_next(source, rows, 3, &count));
        ck_fails(fgmm_source_next(source, rows, 0, &count), FGMM_ARGUMENT, "capacity = 0 with rows left");
        fgmm_source_close(source);
    }
}
END_TEST

START_TEST(test_source__callback_failures_are_reported)
{
    maker m = {{5, 5, 5}, 0, 0, 3, 0, 0};
    fgmm_source *source = source_of(&m, 5);
    ck_fails(read_until_failure(source, 2), FGMM_CALLBACK, "returned 3: the tape broke");
    float row;
    uint64_t count = 9;
    ck_fails(fgmm_source_next(source, &row, 1, &count), FGMM_ARGUMENT, "after a failure");
    ck_assert_uint_eq(count, 0);
    m.fail_at = -1;
    ck_assert_int_eq(read_until_failure(source, 2), FGMM_OK); /* a rewind makes it usable again */
    m.overfills = 1;
    m.pass = -1;
    ck_fails(read_until_failure(source, 2), FGMM_CALLBACK, "gave 3 rows; at most 2");
    m.fails_rewind = 1;
    ck_fails(fgmm_source_rewind(source), FGMM_CALLBACK, "rewind callback returned 7");
    fgmm_source_close(source);
}
END_TEST

START_TEST(test_source__callback_refuses_bad_arguments)
{
    fgmm_callback_source callbacks = fgmm_callback_source_init();
    fgmm_source *source;
    ck_fails(fgmm_source_from_callback(&source, NULL), FGMM_ARGUMENT, "callbacks");
    ck_fails(fgmm_source_from_callback(&source, &callbacks), FGMM_ARGUMENT, "rewind is NULL");
    callbacks.rewind = maker_rewind;
    callbacks.next = maker_next;
    ck_fails(fgmm_source_from_callback(&source, &callbacks), FGMM_ARGUMENT, "rows = 0");
    callbacks.rows = 1;
    ck_fails(fgmm_source_from_callback(&source, &callbacks), FGMM_ARGUMENT, "dims = 0");
    callbacks.dims = 1;
    callbacks.type = (fgmm_type)-1;
    ck_fails(fgmm_source_from_callback(&source, &callbacks), FGMM_ARGUMENT, "type = -1");
    callbacks.size = 0;
    ck_fails(fgmm_source_from_callback(&source, &callbacks), FGMM_ARGUMENT, "fgmm_callback_source_init()");
}
END_TEST

START_TEST(test_source__callback_struct_may_grow)
{
    /* A later header adds fields behind `user`: this library takes the larger struct, and later ones the smaller. */
    struct {
        fgmm_callback_source known;
        int (*later)(void *user);
    } grown = {fgmm_callback_source_init(), NULL};
    fgmm_source *source;
    grown.known.size = sizeof grown;
    grown.known.rows = 1;
    grown.known.dims = 1;
    grown.known.rewind = maker_rewind;
    grown.known.next = maker_next;
    ck_ok(fgmm_source_from_callback(&source, &grown.known));
    fgmm_source_close(source);
    grown.known.size = offsetof(fgmm_callback_source, user) + sizeof grown.known.user;
    ck_ok(fgmm_source_from_callback(&source, &grown.known));
    fgmm_source_close(source);
    grown.known.size = offsetof(fgmm_callback_source, user);
    ck_fails(fgmm_source_from_callback(&source, &grown.known), FGMM_ARGUMENT, "size");
}
END_TEST

/* ---- paths ---- */

START_TEST(test_source__paths_that_cannot_be_opened)
{
    fgmm_source *source = (fgmm_source *)1;
    ck_fails(fgmm_source_open(&source, "/nonexistent/x.npy", NULL), FGMM_IO, "/nonexistent/x.npy: cannot be opened");
    ck_assert_ptr_null(source);
    ck_fails(fgmm_source_open(&source, NULL, NULL), FGMM_ARGUMENT, "path is NULL");
    ck_fails(fgmm_source_open(&source, "", NULL), FGMM_ARGUMENT, "path is empty");
    ck_fails(fgmm_source_open(&source, write_file("x.parquet", "x", 1), NULL), FGMM_UNSUPPORTED, ".fvecs");
    ck_fails(fgmm_source_open(&source, write_file("npy", "x", 1), NULL), FGMM_UNSUPPORTED, ".npy");
    ck_fails(fgmm_source_open(&source, "nowhere", NULL), FGMM_IO, "nowhere: cannot be opened: No such file");
    fgmm_file_options options = fgmm_file_options_init();
    options.format = "parquet";
    ck_fails(fgmm_source_open(&source, "x.npy", &options), FGMM_UNSUPPORTED, "\"parquet\"");
    ck_fails(fgmm_source_open(&source, "-", &options), FGMM_UNSUPPORTED, "standard input: format \"parquet\"");
    options.format = "hdf5";
    ck_fails(fgmm_source_open(&source, "-", &options), FGMM_UNSUPPORTED, "hdf5 is read from files only");
    options.size = 0;
    ck_fails(fgmm_source_open(&source, "x.npy", &options), FGMM_ARGUMENT, "fgmm_file_options_init()");
    const char *const names[] = {"d.npy", "d.fvecs", "d.bvecs", "d.fbin", "d.u8bin", "d.i8bin", "d.h5", "d.csv"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *path = temporary_path(names[i]);
        ck_assert_int_eq(mkdir(path, 0700), 0);
        ck_fails(fgmm_source_open(&source, path, NULL), FGMM_IO, "is a folder");
        ck_assert_int_eq(remove(path), 0);
        path = write_file(names[i], "", 0);
        ck_fails(fgmm_source_open(&source, path, NULL), FGMM_DATA, "is empty (0 bytes)");
        ck_assert_int_eq(remove(path), 0);
    }
    const char *pipe = temporary_path("pipe.npy");
    ck_assert_int_eq(mkfifo(pipe, 0600), 0);
    ck_fails(fgmm_source_open(&source, pipe, NULL), FGMM_DATA, "pipe.npy: is empty (0 bytes)"); /* nobody writes */
    options = fgmm_file_options_init();
    options.format = "csv";
    ck_fails(fgmm_source_open(&source, "/dev/zero", &options), FGMM_IO, "neither a regular file nor a pipe");
}
END_TEST

START_TEST(test_source__format_by_option_or_ending)
{
    const uint32_t file[] = {2, 1, 7, 8};
    fgmm_file_options options = fgmm_file_options_init();
    options.format = "fbin";
    fgmm_source *source;
    ck_ok(fgmm_source_open(&source, write_file("anything.dat", file, sizeof file), &options));
    fgmm_source_close(source);
    ck_ok(fgmm_source_open(&source, write_file("LOUD.FBIN", file, sizeof file), NULL));
    fgmm_source_close(source);
    /* an older, shorter options struct: format is there, the memory limit is not */
    options.size = offsetof(fgmm_file_options, memory_limit_bytes);
    ck_ok(fgmm_source_open(&source, temporary_path("anything.dat"), &options));
    fgmm_source_close(source);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_source__memory_dense_and_strided,       test_source__memory_refuses_bad_arguments,
        test_source__calls_out_of_order_are_refused, test_source__describe_respects_the_callers_size,
        test_source__callback_rows_are_counted_once, test_source__callback_counts_must_agree,
        test_source__no_room_at_the_end_is_no_error, test_source__callback_failures_are_reported,
        test_source__callback_refuses_bad_arguments, test_source__callback_struct_may_grow,
        test_source__paths_that_cannot_be_opened,    test_source__format_by_option_or_ending,
    };
    Suite *s = suite_create("data_source");
    ADD_CASE(s, "source", NULL, NULL, 60, tests);
    return s;
}
