/* test_data_numbers.c - numbers that no row type is, and arrays that lie otherwise than rows do: integers, big-endian,
 * Fortran order, arrays within .npz archives. No device. */
#include "rows.h"
#include "support.h"

#include "npz.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows 0..n-1 of the file, as doubles, read `capacity` at a time, must be `expected` (rows,dims). */
static void expect(const char *path, fgmm_type type, uint64_t rows, uint64_t dims, const double *expected)
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
        for (size_t i = 0; i < rows * dims; i++) {
            const double value = type == FGMM_F64   ? ((double *)all)[i]
                                 : type == FGMM_F32 ? (double)((float *)all)[i]
                                 : type == FGMM_I8  ? ((int8_t *)all)[i]
                                                    : ((uint8_t *)all)[i];
            ck_assert_msg(value == expected[i], "element %zu: %.17g, not %.17g", i, value, expected[i]);
        }
        free(all);
    }
    fgmm_source_close(source);
}

/* Writes (rows,dims) whole numbers as elements of `bytes` bytes, in either byte order and in either order of
 * elements. */
static const char *write_whole(const char *name, const char *descr, int is_fortran, const int64_t *values, size_t rows,
                               size_t dims)
{
    unsigned char data[1024];
    char dictionary[128];
    const size_t bytes = (size_t)(descr[2] - '0');
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < dims; j++) {
            const size_t at = is_fortran ? j * rows + i : i * dims + j;
            for (size_t b = 0; b < bytes; b++)
                data[at * bytes + (descr[0] == '>' ? bytes - 1 - b : b)] =
                    (unsigned char)((uint64_t)values[i * dims + j] >> 8 * b);
        }
    snprintf(dictionary, sizeof dictionary, "{'descr': '%s', 'fortran_order': %s, 'shape': (%zu, %zu), }", descr,
             is_fortran ? "True" : "False", rows, dims);
    return write_npy(name, 1, dictionary, data, rows * dims * bytes);
}

START_TEST(test_npy__integers_of_every_width_become_exact_floats)
{
    static const struct {
        const char *descr;
        fgmm_type type;
        int64_t least, most;
    } cases[] = {
        {"|b1", FGMM_U8, 0, 1},
        {"|u1", FGMM_U8, 0, 255},
        {"|i1", FGMM_I8, -128, 127},
        {"<u2", FGMM_F32, 0, 65535},
        {">u2", FGMM_F32, 0, 65535},
        {"<i2", FGMM_F32, -32768, 32767},
        {">i2", FGMM_F32, -32768, 32767},
        {"<u4", FGMM_F64, 0, 4294967295},
        {">u4", FGMM_F64, 0, 4294967295},
        {"<i4", FGMM_F64, -2147483648, 2147483647},
        {">i4", FGMM_F64, -2147483648, 2147483647},
        {"<u8", FGMM_F64, 0, 9007199254740992},
        {">u8", FGMM_F64, 0, 9007199254740992},
        {"<i8", FGMM_F64, -9007199254740992, 9007199254740992},
        {">i8", FGMM_F64, -9007199254740992, 9007199254740992},
        {"<i8", FGMM_F64, INT64_MIN, 3LL << 61}, /* beyond 2^53, and exact all the same */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int is_fortran = 0; is_fortran < 2; is_fortran++) {
            const int64_t values[] = {cases[i].least, cases[i].most, 0, 1, 1, 0};
            double expected[6];
            for (int j = 0; j < 6; j++) expected[j] = (double)values[j];
            expect(write_whole("whole.npy", cases[i].descr, is_fortran, values, 3, 2), cases[i].type, 3, 2, expected);
            expect(write_whole("whole.npy", cases[i].descr, is_fortran, values, 1, 6), cases[i].type, 1, 6, expected);
        }
}
END_TEST

START_TEST(test_npy__integers_without_an_exact_float_are_refused_by_place)
{
    static const struct {
        const char *descr;
        int64_t value;
        const char *text;
    } cases[] = {{"<i8", 9007199254740993, "row 1, column 0: 9007199254740993 has no exact value"},
                 {">i8", -9007199254740993, "row 1, column 0: -9007199254740993"},
                 {"<i8", INT64_MAX, "9223372036854775807"},
                 {"<u8", -1, "18446744073709551615"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int is_fortran = 0; is_fortran < 2; is_fortran++) {
            const int64_t values[] = {0, 1, cases[i].value, 3, 4, 5};
            fgmm_source *source;
            ck_ok(fgmm_source_open(&source, write_whole("large.npy", cases[i].descr, is_fortran, values, 3, 2), NULL));
            for (uint64_t capacity = 1; capacity < 5; capacity++)
                ck_fails(read_until_failure(source, capacity), FGMM_DATA, cases[i].text);
            fgmm_source_close(source);
        }
}
END_TEST

START_TEST(test_npy__floats_in_either_byte_order_and_order_of_elements)
{
    enum { ROWS = 5000, DIMS = 3 }; /* more rows than a block of a column has */
    static float rows[ROWS * DIMS], columns[ROWS * DIMS];
    static const unsigned char big[] = {0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0xc0, 0x04, 0, 0, 0, 0, 0, 0};
    static const double two[] = {1, -2.5};
    for (size_t i = 0; i < ROWS * DIMS; i++) rows[i] = sinf((float)i);
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < DIMS; j++) columns[j * ROWS + i] = rows[i * DIMS + j];
    expect(write_npy("big.npy", 1, "{'descr': '>f8', 'fortran_order': False, 'shape': (2,), }", big, 16), FGMM_F64, 2,
           1, two);
    const char *path =
        write_npy("f.npy", 1, "{'descr': '<f4', 'fortran_order': True, 'shape': (5000, 3), }", columns, sizeof columns);
    fgmm_source *source;
    ck_ok(fgmm_source_open(&source, path, NULL));
    for (uint64_t capacity = 1; capacity <= ROWS; capacity += 1666) {
        uint64_t count;
        float *all = read_rows(source, capacity, &count);
        ck_assert_uint_eq(count, ROWS);
        ck_assert_mem_eq(all, rows, sizeof rows);
        free(all);
    }
    fgmm_source_close(source);
    ck_fails(
        fgmm_source_open(
            &source, write_npy("f.npy", 1, "{'descr': '>i2', 'fortran_order': True, 'shape': (3, 4)}", rows, 22), NULL),
        FGMM_FORMAT, "promises 3 rows of 8 bytes");
}
END_TEST

/* ---- .npz ---- */

static const double npz_values[] = {1, 2, 3, 4, 5, 6};

START_TEST(test_npz__one_array_is_rows)
{
    const char *path = temporary_path("one.npz");
    const fg_npz_array one = {"arr_0", 2, {3, 2}, npz_values, NULL};
    ck_ok(fg_npz_write(path, &one, 1));
    expect(path, FGMM_F64, 3, 2, npz_values);
}
END_TEST

START_TEST(test_npz__several_arrays_need_a_name)
{
    const char *path = temporary_path("two.npz");
    const fg_npz_array arrays[] = {{"x", 2, {3, 2}, npz_values, NULL}, {"y", 1, {6}, npz_values, NULL}};
    ck_ok(fg_npz_write(path, arrays, 2));
    fgmm_source *source;
    fgmm_source_info info = fgmm_source_info_init();
    fgmm_file_options options = fgmm_file_options_init();
    ck_fails(fgmm_source_open(&source, path, NULL), FGMM_FORMAT,
             "holds 2 arrays (x y); name the one to read (--dataset, ");
    options.dataset = "z";
    ck_fails(fgmm_source_open(&source, path, &options), FGMM_FORMAT, "has no array z");
    options.dataset = "y";
    ck_ok(fgmm_source_open(&source, path, &options));
    ck_ok(fgmm_source_describe(source, &info));
    ck_assert_str_eq(info.format, "npz");
    ck_assert(info.rows == 6 && info.dims == 1);
    fgmm_source_close(source);
    ck_ok(fg_npz_write(path, arrays, 0));
    ck_fails(fgmm_source_open(&source, path, NULL), FGMM_DATA, "holds no array");
}
END_TEST

/* What zlib's best compression makes of .npy bytes: 2 x 3 float32 1..6, as numpy.savez_compressed writes them. */
static const unsigned char squeezed[] = {
    0x50, 0x4b, 0x03, 0x04, 0x2d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0x7c, 0x9c, 0xde, 0xa2, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x09, 0x00, 0x14, 0x00, 0x61, 0x72, 0x72, 0x5f, 0x30, 0x2e, 0x6e, 0x70,
    0x79, 0x01, 0x00, 0x10, 0x00, 0x98, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x58, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x9b, 0xec, 0x17, 0xea, 0x1b, 0x10, 0xc9, 0xc8, 0x50, 0xc6, 0x50, 0xad, 0x9e, 0x92, 0x5a, 0x9c, 0x5c,
    0xa4, 0x6e, 0xa5, 0xa0, 0x6e, 0x93, 0x66, 0xa2, 0xae, 0xa3, 0xa0, 0x9e, 0x96, 0x5f, 0x54, 0x52, 0x94, 0x98, 0x17,
    0x9f, 0x5f, 0x94, 0x92, 0x0a, 0x12, 0x77, 0x4b, 0xcc, 0x29, 0x4e, 0x05, 0x8a, 0x17, 0x67, 0x24, 0x16, 0xa4, 0x02,
    0xf9, 0x1a, 0x46, 0x3a, 0x0a, 0xc6, 0x9a, 0x3a, 0x0a, 0xb5, 0x0a, 0x64, 0x03, 0x2e, 0x06, 0x86, 0x06, 0x7b, 0x06,
    0x06, 0x06, 0x07, 0x20, 0x02, 0xe2, 0x06, 0x20, 0x5e, 0x00, 0xc4, 0x07, 0x1c, 0x00, 0x50, 0x4b, 0x01, 0x02, 0x2d,
    0x03, 0x2d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0x7c, 0x9c, 0xde, 0xa2, 0x58, 0x00, 0x00, 0x00,
    0x98, 0x00, 0x00, 0x00, 0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x01, 0x00,
    0x00, 0x00, 0x00, 0x61, 0x72, 0x72, 0x5f, 0x30, 0x2e, 0x6e, 0x70, 0x79, 0x50, 0x4b, 0x05, 0x06, 0x00, 0x00, 0x00,
    0x00, 0x01, 0x00, 0x01, 0x00, 0x37, 0x00, 0x00, 0x00, 0x93, 0x00, 0x00, 0x00, 0x00, 0x00,
};

START_TEST(test_npz__deflated_rows_and_their_damage)
{
    static const double expected[] = {1, 2, 3, 4, 5, 6};
    unsigned char changed[sizeof squeezed];
    fgmm_source *source;
    fgmm_status status = fgmm_source_open(&source, write_file("s.npz", squeezed, sizeof squeezed), NULL);
    if (status == FGMM_UNSUPPORTED) {
        ck_fails(status, FGMM_UNSUPPORTED, "without zlib");
        return;
    }
    fgmm_source_close(source);
    expect(temporary_path("s.npz"), FGMM_F32, 2, 3, expected);
    /* every byte wrong once: an error or the same rows, and most of them are errors */
    size_t errors = 0;
    for (size_t i = 0; i < sizeof squeezed; i++) {
        memcpy(changed, squeezed, sizeof squeezed);
        changed[i] ^= 0x15;
        status = fgmm_source_open(&source, write_file("s.npz", changed, sizeof changed), NULL);
        if (status == FGMM_OK) status = read_until_failure(source, 2);
        fgmm_source_close(source);
        if (status == FGMM_OK) continue;
        errors++;
        ck_assert_ptr_nonnull(strstr(fgmm_last_error(), "s.npz"));
    }
    ck_assert_uint_gt(errors, sizeof squeezed / 2);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_npy__integers_of_every_width_become_exact_floats,
        test_npy__integers_without_an_exact_float_are_refused_by_place,
        test_npy__floats_in_either_byte_order_and_order_of_elements,
        test_npz__one_array_is_rows,
        test_npz__several_arrays_need_a_name,
        test_npz__deflated_rows_and_their_damage,
    };
    Suite *s = suite_create("data_numbers");
    ADD_CASE(s, "numbers", NULL, NULL, 120, tests);
    return s;
}
