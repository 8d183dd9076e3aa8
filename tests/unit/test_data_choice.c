/* test_data_choice.c - a part of a file: columns by name and number, rows without NaN, and what belongs to those rows.
 * No device. */
#include "rows.h"
#include "support.h"

#include "source.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char csv[] = "id,x,\"y, or so\",z:w\nr0,1,2,3\nr1,4,5,6\nr2,7,8,9\n";

/* All rows as doubles, in batches of every size; the test owns them. */
static double *read_all(const char *path, const fgmm_file_options *options, fgmm_source_info *info)
{
    fgmm_source *source;
    double *first = NULL;
    *info = fgmm_source_info_init();
    ck_ok(fgmm_source_open(&source, path, options));
    ck_ok(fgmm_source_describe(source, info));
    ck_assert_int_eq(info->type, FGMM_F64);
    for (uint64_t capacity = 1; capacity <= info->rows + 2; capacity++) {
        uint64_t rows;
        double *all = read_rows(source, capacity, &rows);
        ck_assert_uint_eq(rows, info->rows);
        if (first) ck_assert_mem_eq(all, first, rows * info->dims * sizeof *all);
        free(first);
        first = all;
    }
    fgmm_source_close(source);
    return first;
}

START_TEST(test_columns__by_name_and_number)
{
    static const struct {
        const char *columns;
        int count, expected[4]; /* of the columns of numbers 0..8 = (row,3) */
    } cases[] = {
        {"x", 1, {0}},
        {"x,\"z:w\"", 2, {0, 2}},
        {"\"z:w\",x", 2, {2, 0}},
        {"1", 1, {0}},
        {"1:3", 3, {0, 1, 2}},
        {"1:", 3, {0, 1, 2}},
        {"x:\"y, or so\"", 2, {0, 1}},
        {"3,1:2", 3, {2, 0, 1}},
        {"\"y, or so\":", 2, {1, 2}},
    };
    const char *path = write_file("c.csv", csv, sizeof csv - 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fgmm_source_info info;
        fgmm_file_options options = fgmm_file_options_init();
        options.columns = cases[i].columns;
        double *all = read_all(path, &options, &info);
        ck_assert_uint_eq(info.rows, 3);
        ck_assert_uint_eq(info.dims, (uint64_t)cases[i].count);
        for (int row = 0; row < 3; row++)
            for (int j = 0; j < cases[i].count; j++)
                ck_assert_double_eq(all[row * cases[i].count + j], 3 * row + cases[i].expected[j] + 1);
        free(all);
    }
}
END_TEST

/* A quote within a quoted name is written twice, and a separator behind it is the name's still. */
START_TEST(test_columns__behind_names_with_quotes)
{
    static const char text[] = "\"a \"\"b\"\", c\",d\n1,2\n3,4\n";
    fgmm_source_info info;
    fgmm_file_options options = fgmm_file_options_init();
    options.columns = "d";
    double *all = read_all(write_file("quotes.csv", text, sizeof text - 1), &options, &info);
    ck_assert(info.rows == 2 && info.dims == 1);
    ck_assert(all[0] == 2 && all[1] == 4);
    free(all);
}
END_TEST

START_TEST(test_columns__what_is_not_there_is_refused)
{
    static const struct {
        const char *columns, *text;
    } cases[] = {
        {"q", "column q; need a name of the header, or a number from 0 to 3"},
        {"4", "column 4; need"},
        {"99999999999999999999999", "need a name of the header, or a number"},
        {"x,x", "column 1 is asked for twice"},
        {"1,x", "column 1 is asked for twice"},
        {"3:1", "ends before it begins"},
        {"x,", "an empty part"},
        {",x", "an empty part"},
        {"\"y", "a quote is not closed"},
        {"1:2:3", "need names or numbers between commas"},
        {"-1", "column -1; need"},
    };
    const char *path = write_file("c.csv", csv, sizeof csv - 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fgmm_source *source;
        fgmm_file_options options = fgmm_file_options_init();
        options.columns = cases[i].columns;
        ck_fails(fgmm_source_open(&source, path, &options), FGMM_ARGUMENT, cases[i].text);
        ck_assert_ptr_null(source);
    }
    /* names that several columns have */
    const char *twice = write_file("twice.csv", "a,b,a\n1,2,3\n4,5,6\n", 18);
    fgmm_source *ambiguous;
    fgmm_file_options names = fgmm_file_options_init();
    names.columns = "b,a";
    ck_fails(fgmm_source_open(&ambiguous, twice, &names), FGMM_ARGUMENT,
             "twice.csv: column a: several have that name; need their numbers, from 0");
    names.columns = "b,2";
    ck_ok(fgmm_source_open(&ambiguous, twice, &names));
    fgmm_source_close(ambiguous);
    /* a column that is read holds no numbers */
    fgmm_source *source;
    fgmm_file_options options = fgmm_file_options_init();
    options.columns = "0:1";
    ck_fails(fgmm_source_open(&source, path, &options), FGMM_FORMAT, "line 2, column 1: r0 is not a number");
}
END_TEST

/* Formats without names: the same by numbers, from whole rows. */
START_TEST(test_columns__of_any_format)
{
    enum { ROWS = 20000, DIMS = 5 };
    static double data[ROWS * DIMS];
    for (int i = 0; i < ROWS * DIMS; i++) data[i] = i;
    const char *path =
        write_npy("c.npy", 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (20000, 5), }", data, sizeof data);
    fgmm_source *source;
    fgmm_file_options options = fgmm_file_options_init();
    options.columns = "4,0:1";
    ck_ok(fgmm_source_open(&source, path, &options));
    for (uint64_t capacity = 1; capacity <= ROWS + 1; capacity += ROWS / 2) {
        uint64_t rows;
        double *all = read_rows(source, capacity, &rows);
        ck_assert_uint_eq(rows, ROWS);
        for (int i = 0; i < ROWS; i++) {
            ck_assert_double_eq(all[3 * i], DIMS * i + 4);
            ck_assert_double_eq(all[3 * i + 1], DIMS * i);
            ck_assert_double_eq(all[3 * i + 2], DIMS * i + 1);
        }
        free(all);
    }
    fgmm_source_close(source);
    options.columns = "x";
    ck_fails(fgmm_source_open(&source, path, &options), FGMM_ARGUMENT, "column x; need a number from 0 to 4");
    options.columns = "5";
    ck_fails(fgmm_source_open(&source, path, &options), FGMM_ARGUMENT, "column 5; need a number from 0 to 4");
}
END_TEST

/* ---- rows without NaN ---- */

/* Row i is left out when bit i of the pattern is set. */
static const char *write_pattern(const char *name, uint64_t pattern, int rows)
{
    double data[64][2];
    char dictionary[80];
    for (int i = 0; i < rows; i++) {
        data[i][0] = i;
        data[i][1] = pattern >> i & 1 ? (double)NAN : -i;
    }
    snprintf(dictionary, sizeof dictionary, "{'descr': '<f8', 'fortran_order': False, 'shape': (%d, 2), }", rows);
    return write_npy(name, 1, dictionary, data, (size_t)rows * sizeof data[0]);
}

START_TEST(test_skip__rows_with_nan_are_left_out_and_known)
{
    static const uint64_t patterns[] = {
        0, 1, 0x8000000000000000, 0xaaaaaaaaaaaaaaaa, 0x7fffffffffffffff, 0xff00000000000ff0};
    fgmm_file_options options = fgmm_file_options_init();
    options.skip_nan_rows = 1;
    for (size_t p = 0; p < sizeof patterns / sizeof patterns[0]; p++) {
        const char *path = write_pattern("p.npy", patterns[p], 64);
        fgmm_source_info info;
        double *all = read_all(path, &options, &info);
        fgmm_source *source;
        ck_ok(fgmm_source_open(&source, path, &options));
        uint64_t kept = 0;
        for (uint64_t i = 0; i < 64; i++) {
            const int is_out = (int)(patterns[p] >> i & 1);
            ck_assert_int_eq(fgmm_source_is_skipped(source, i), is_out);
            if (is_out) continue;
            ck_assert_double_eq(all[2 * kept], (double)i);
            ck_assert_uint_eq(fg_source_row(source, kept), i);
            kept++;
        }
        ck_assert_int_eq(fgmm_source_is_skipped(source, 64), 0);
        ck_assert_uint_eq(info.rows, kept);
        ck_assert_uint_eq(info.skipped_rows, 64 - kept);
        fgmm_source_close(source);
        free(all);
    }
    fgmm_source *source;
    ck_fails(fgmm_source_open(&source, write_pattern("p.npy", 7, 3), &options), FGMM_DATA,
             "each of the 3 rows holds NaN");
    options.skip_nan_rows = 0;
    ck_ok(fgmm_source_open(&source, write_pattern("p.npy", 7, 3), &options));
    fgmm_source_close(source);
}
END_TEST

START_TEST(test_skip__every_float_type_and_infinity)
{
    const uint16_t f2[] = {0x3c00, 0x7e00, 0xfe01, 0x3c00, 0x7c00}; /* 1, NaN, -NaN, 1, infinity */
    const float f4[] = {1, NAN, -NAN, 1, -INFINITY};
    const struct {
        const char *dictionary;
        const void *data;
        size_t bytes;
    } cases[] = {{"{'descr': '<f2', 'fortran_order': False, 'shape': (5,), }", f2, sizeof f2},
                 {"{'descr': '<f4', 'fortran_order': False, 'shape': (5,), }", f4, sizeof f4}};
    fgmm_file_options options = fgmm_file_options_init();
    options.skip_nan_rows = 1;
    for (size_t i = 0; i < 2; i++) {
        fgmm_source *source;
        fgmm_source_info info = fgmm_source_info_init();
        ck_ok(fgmm_source_open(&source, write_npy("f.npy", 1, cases[i].dictionary, cases[i].data, cases[i].bytes),
                               &options));
        ck_ok(fgmm_source_describe(source, &info));
        ck_assert(info.rows == 3 && info.skipped_rows == 2);
        ck_fails(read_until_failure(source, 2), FGMM_DATA, "f.npy: row 4, column 0: value is infinite");
        fgmm_source_close(source);
    }
    const unsigned char bytes[] = {255, 0};
    fgmm_source *source;
    ck_ok(fgmm_source_open(&source,
                           write_npy("u.npy", 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }", bytes, 2),
                           &options));
    fgmm_source_close(source);
}
END_TEST

/* Missing values of text, in columns that are read. */
START_TEST(test_skip__missing_values_of_text)
{
    static const char text[] = "a,b,c\n1,,3\n4,5,NA\n7,8,9\n,11,nan\n";
    const struct {
        const char *columns;
        uint64_t rows;
        double first;
    } cases[] = {{NULL, 1, 7}, {"a,b", 2, 4}, {"a", 3, 1}, {"b", 3, 5}, {"c", 2, 3}};
    const char *path = write_file("m.csv", text, sizeof text - 1);
    fgmm_file_options options = fgmm_file_options_init();
    fgmm_source *source;
    ck_fails(fgmm_source_open(&source, path, &options), FGMM_FORMAT, "line 2, column 2: the field is empty");
    options.skip_nan_rows = 1;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fgmm_source_info info;
        options.columns = cases[i].columns;
        double *all = read_all(path, &options, &info);
        ck_assert_uint_eq(info.rows, cases[i].rows);
        ck_assert_uint_eq(info.skipped_rows, 4 - cases[i].rows);
        ck_assert_double_eq(all[0], cases[i].first);
        free(all);
    }
}
END_TEST

START_TEST(test_skip__what_belongs_to_the_rows_is_left_out_with_them)
{
    static const int64_t counts[] = {10, 11, 12, 13, 14};
    fgmm_file_options options = fgmm_file_options_init(), like = fgmm_file_options_init();
    fgmm_source *rows, *weights;
    uint64_t n;
    options.skip_nan_rows = 1;
    ck_ok(fgmm_source_open(&rows, write_pattern("p.npy", 10, 5), &options)); /* rows 1 and 3 */
    like.skip_like = rows;
    const char *path = write_npy("w.npy", 1, "{'descr': '<i8', 'fortran_order': False, 'shape': (5,), }", counts, 40);
    ck_ok(fgmm_source_open(&weights, path, &like));
    double *all = read_rows(weights, 2, &n);
    ck_assert_uint_eq(n, 3);
    ck_assert(all[0] == 10 && all[1] == 12 && all[2] == 14);
    free(all);
    fgmm_source_close(weights);
    path = write_npy("w.npy", 1, "{'descr': '<i8', 'fortran_order': False, 'shape': (4,), }", counts, 32);
    ck_fails(fgmm_source_open(&weights, path, &like), FGMM_DATA, "w.npy: 4 values, but the data has 5 rows");
    fgmm_source_close(rows);
    ck_ok(fgmm_source_open(&rows, write_pattern("p.npy", 0, 5), &options)); /* nothing to leave out */
    like.skip_like = rows;
    ck_ok(fgmm_source_open(&weights, path, &like));
    fgmm_source_close(weights);
    fgmm_source_close(rows);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_columns__by_name_and_number,
        test_columns__behind_names_with_quotes,
        test_columns__what_is_not_there_is_refused,
        test_columns__of_any_format,
        test_skip__rows_with_nan_are_left_out_and_known,
        test_skip__every_float_type_and_infinity,
        test_skip__missing_values_of_text,
        test_skip__what_belongs_to_the_rows_is_left_out_with_them,
    };
    Suite *s = suite_create("data_choice");
    ADD_CASE(s, "choice", NULL, NULL, 120, tests);
    return s;
}
