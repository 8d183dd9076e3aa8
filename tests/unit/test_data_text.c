/* test_data_text.c - decimal numbers and .csv: every separator, headers, damaged lines, locales. No device. */
#define _POSIX_C_SOURCE 200809L
#include "rows.h"
#include "support.h"

#include "number.h"
#include "rng.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- numbers ---- */

static locale_t c_locale(void)
{
    return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

START_TEST(test_number__what_is_a_number)
{
    const char *const good[] = {"0",
                                "-0",
                                "+1",
                                "1.",
                                ".5",
                                "-.5e-3",
                                "1e5",
                                "1E+05",
                                "1e-400",
                                "00001.50",
                                "4e-324",
                                "5e-325",
                                "1e22",
                                "1e23",
                                "nan",
                                "-NaN",
                                "inf",
                                "-Infinity",
                                "9007199254740993",
                                "0.1",
                                "123456789012345678901234567890"};
    const char *const bad[] = {"",
                               "-",
                               ".",
                               "+.",
                               "e5",
                               "1e",
                               "1e+",
                               "0x10",
                               "1.2.3",
                               "1,5",
                               "1 2",
                               "--1",
                               "1-",
                               "nan(1)",
                               "info",
                               "1f",
                               "1e5.",
                               "\xc2\xa0"
                               "1",
                               "in"};
    locale_t locale = c_locale();
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        double value, expected = strtod(good[i], NULL);
        ck_assert_msg(fg_number_parse(&value, good[i], strlen(good[i]), locale) == FG_NUMBER_OK, "%s", good[i]);
        ck_assert_msg(isnan(expected) ? isnan(value) : memcmp(&value, &expected, sizeof value) == 0, "%s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        double value;
        ck_assert_msg(fg_number_parse(&value, bad[i], strlen(bad[i]), locale) == FG_NUMBER_NONE, "'%s'", bad[i]);
    }
    double value;
    ck_assert_int_eq(fg_number_parse(&value, "1e309", 5, locale), FG_NUMBER_TOO_LARGE);
    ck_assert_int_eq(fg_number_parse(&value, "-1e99999999999999999999", 23, locale), FG_NUMBER_TOO_LARGE);
    ck_assert_int_eq(fg_number_parse(&value, "1\0002", 3, locale), FG_NUMBER_NONE);
    ck_assert_int_eq(fg_number_parse(&value, "nan\0x", 5, locale), FG_NUMBER_NONE);
    freelocale(locale);
}
END_TEST

/* The same bits as strtod for every shape of number: fast path, slow path and their border. */
START_TEST(test_number__agrees_with_strtod)
{
    locale_t locale = c_locale();
    fg_rng rng;
    fg_rng_init(&rng, 11, 0, 0);
    for (int i = 0; i < 200000; i++) {
        char text[64];
        uint64_t bits = fg_rng_u64(&rng);
        double number;
        memcpy(&number, &bits, sizeof number);
        const int digits = 1 + (int)fg_rng_below(&rng, 20);
        if (i % 4 == 0 && isfinite(number))
            snprintf(text, sizeof text, "%.*e", digits, number);
        else if (i % 4 == 1)
            snprintf(text, sizeof text, "%.*f", digits, fg_rng_normal(&rng));
        else if (i % 4 == 2)
            snprintf(text, sizeof text, "%.17g", fg_rng_normal(&rng));
        else
            snprintf(text, sizeof text, "%llue%d", (unsigned long long)(bits >> fg_rng_below(&rng, 60)),
                     (int)fg_rng_below(&rng, 60) - 30);
        double value;
        const double expected = strtod(text, NULL);
        ck_assert_int_eq(fg_number_parse(&value, text, strlen(text), locale), FG_NUMBER_OK);
        ck_assert_msg(memcmp(&value, &expected, sizeof value) == 0, "%s: %a, not %a", text, value, expected);
    }
    freelocale(locale);
}
END_TEST

/* ---- .csv ---- */

static fgmm_status open_close(const char *path)
{
    fgmm_source *source;
    fgmm_status status = fgmm_source_open(&source, path, NULL);
    if (status == FGMM_OK) status = read_until_failure(source, 3);
    fgmm_source_close(source);
    return status;
}

/* The text must read as rows 1..rows of dims columns, filled with 1, 2, 3 ... */
static void expect_counting(const char *text, size_t length, uint64_t rows, uint64_t dims)
{
    fgmm_source *source;
    fgmm_source_info info = fgmm_source_info_init();
    fgmm_status status = fgmm_source_open(&source, write_file("a.csv", text, length), NULL);
    ck_assert_msg(status == FGMM_OK, "%s in: %s", fgmm_last_error(), text);
    ck_ok(fgmm_source_describe(source, &info));
    ck_assert_msg(info.rows == rows && info.dims == dims, "%d x %d in: %s", (int)info.rows, (int)info.dims, text);
    ck_assert_int_eq(info.type, FGMM_F64);
    ck_assert_str_eq(info.format, "csv");
    for (uint64_t capacity = 1; capacity <= rows + 1; capacity++) {
        uint64_t count;
        double *all = read_rows(source, capacity, &count);
        ck_assert_uint_eq(count, rows);
        for (uint64_t i = 0; i < rows * dims; i++) ck_assert_double_eq(all[i], (double)(i + 1));
        free(all);
    }
    fgmm_source_close(source);
}

START_TEST(test_csv__separators_headers_and_blank_lines)
{
    const struct {
        const char *text;
        uint64_t rows, dims;
    } cases[] = {
        {"1,2\n3,4\n", 2, 2},
        {"1,2\n3,4", 2, 2},
        {"1,2\r\n3,4\r\n", 2, 2},
        {"1;2\n3;4\n", 2, 2},
        {"1\t2\n3\t4\n", 2, 2},
        {"1 2\n3 4\n", 2, 2},
        {"  1   2  \n 3\t4 \r\n", 2, 2},
        {"1 , 2\n3,\t4 \n", 2, 2},
        {"\n\n1,2\n\n  \n\r\n3,4\n\n", 2, 2},
        {"1\n2\n3\n", 3, 1},
        {"1\r\n2\r\n3\r\n", 3, 1},
        {" 1 \n2", 2, 1},
        {"x,y\n1,2\n3,4\n", 2, 2},
        {"\xef\xbb\xbf"
         "x,y\n1,2\n3,4\n",
         2, 2},
        {"\xef\xbb\xbf"
         "1,2\n",
         1, 2},
        {"\"x\",\"y\"\n1,2\n", 1, 2},
        {"\"x, or so\";\"y \"\"quoted\"\"\"\n1;2\n", 1, 2},
        {"\n  x y\n\n1 2\n", 1, 2},
        {"petal length\n1\n2\n", 2, 1},
        {"petal length,petal width\n1,2\n", 1, 2},
        {"petal length\tpetal width\n1\t2\n", 1, 2},
        {"1.0,2e0\n30e-1,+4.000\n", 2, 2},
        {"\"1\",\"2\"\n\"3\",\"4\"\n", 2, 2}, /* every field quoted */
        {"x,\"y\"\n\"1.0\",2\n3,\"4\"\n", 2, 2},
        {"x,\n1,2\n", 1, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_counting(cases[i].text, strlen(cases[i].text), cases[i].rows, cases[i].dims);
}
END_TEST

START_TEST(test_csv__damage_is_named_by_line_and_column)
{
    const struct {
        const char *text;
        fgmm_status code;
        const char *part;
    } cases[] = {
        {"1,2\n3,x\n", FGMM_FORMAT, "a.csv: line 2, column 2: x is not a number"},
        {"a,b\n\n1,2\n3,4\n5,6,7\n", FGMM_FORMAT, "a.csv: line 5: 3 columns; the first row has 2"},
        {"1,2\n3\n", FGMM_FORMAT, "line 2: 1 columns; the first row has 2"},
        {"1,2\n3,\n", FGMM_FORMAT, "line 2, column 2: the field is empty"},
        {"1,2\n,3\n", FGMM_FORMAT, "line 2, column 1: the field is empty"},
        {"1,2,\n3,4,\n", FGMM_FORMAT, "line 1, column 3: the field is empty"},
        {",,\n1,2,3\n", FGMM_FORMAT, "line 1, column 1: the field is empty"},
        {"1,x\n3,4\n", FGMM_FORMAT, "line 1, column 2: x is not a number"},
        {",0,2\n0,1,2\n", FGMM_FORMAT, "line 1, column 1: the field is empty"},
        {"a,b,c\n1,2\n", FGMM_FORMAT, "line 1: the header has 3 columns; the first row (line 2) has 2"},
        {"a,b\n1\n2\n", FGMM_FORMAT, "the header has 2 columns; the first row (line 2) has 1"},
        {"a b\n1,2,3\n", FGMM_FORMAT, "the header has 1 columns; the first row (line 2) has 3"},
        {"1,5;2,5\n", FGMM_DATA, "no rows"}, /* decimal commas: words, so a header */
        {"1\t2\n3\t\t4\n", FGMM_FORMAT, "line 2, column 2: the field is empty"},
        {"1 2\n3 4 5\n", FGMM_FORMAT, "line 2: 3 columns; the first row has 2"},
        {"1\n2 3\n", FGMM_FORMAT, "line 2, column 1: 2 3 is not a number"},
        {"1,2\n\"3 4\",4\n", FGMM_FORMAT, "line 2, column 1: \"3 4\" is not a number"},
        {"1,2\n1e999,2\n", FGMM_FORMAT, "line 2, column 1: 1e999 is beyond float64"},
        {"1,2\n3,4\x01\xff\n", FGMM_FORMAT, "line 2, column 2: 4?? is not a number"},
        {"1,2\n3,0x10\n", FGMM_FORMAT, "0x10 is not a number"},
        {"a,b\n", FGMM_DATA, "holds no rows, only a header in line 1"},
        {"\n \n\r\n", FGMM_DATA, "holds no rows"},
        {"a,b\nc,d\n", FGMM_FORMAT, "line 2, column 1: c is not a number"},
        {"1\r2\r3\r", FGMM_DATA, "holds no rows"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_fails(open_close(write_file("a.csv", cases[i].text, strlen(cases[i].text))), cases[i].code, cases[i].part);
    }
    ck_ok(open_close(write_file("a.csv", ",a,b\n0,1,2\n", 11))); /* as pandas writes an index: a first name is empty */
    ck_fails(open_close(write_file("a.csv", "1,2\n3,\0004\n", 9)), FGMM_FORMAT, "line 2, column 2: ?4 is not a number");
    ck_fails(open_close(write_file("a.csv",
                                   "\xff\xfe"
                                   "1\0,\0002\0\n\0",
                                   10)),
             FGMM_FORMAT, "a.csv: is text in UTF-16");
    ck_fails(open_close(write_file("a.csv", "\xfe\xff\0001\0,\0002\0\n", 10)), FGMM_FORMAT, "a.csv: is text in UTF-16");
}
END_TEST

START_TEST(test_csv__what_looks_like_an_index_or_names_is_warned_about)
{
    const struct {
        const char *text, *columns;
        uint64_t rows, dims;
        const char *warning; /* NULL: none */
    } cases[] = {
        {",x,y\n0,1,2\n1,3,4\n", NULL, 2, 3, "the first column has no name"},
        {"\"\",\"x\",\"y\"\n\"1\",1,2\n", NULL, 1, 3, "the first column has no name"}, /* as R writes it */
        {"Unnamed: 0,x\n0,1\n", NULL, 1, 2, "the first column has no name"},
        {",0,1\n0,1,2\n1,3,4\n", NULL, 2, 3, "the first column has no name"},
        {",x,y\n0,1,2\n1,3,4\n", "1:", 2, 2, NULL},
        {"0,1,2\n1.5,2,3\n", NULL, 2, 3, "line 1 is 0,1,2"},
        {"\"0\",\"1\"\n1.5,2\n", NULL, 2, 2, "line 1 is 0,1,2"},
        {"0,1,3\n1.5,2,3\n", NULL, 2, 3, NULL},
        {"0\n1.5\n", NULL, 2, 1, NULL},
        {"x,y\n0,1\n", NULL, 1, 2, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fgmm_source *source;
        fgmm_source_info info = fgmm_source_info_init();
        fgmm_file_options options = fgmm_file_options_init();
        options.columns = cases[i].columns;
        ck_ok(fgmm_source_open(&source, write_file("w.csv", cases[i].text, strlen(cases[i].text)), &options));
        ck_ok(fgmm_source_describe(source, &info));
        ck_assert_msg(info.rows == cases[i].rows && info.dims == cases[i].dims, "%s", cases[i].text);
        if (cases[i].warning)
            ck_assert_msg(strstr(info.warning, cases[i].warning) != NULL, "%s: %s", cases[i].text, info.warning);
        else
            ck_assert_str_eq(info.warning, "");
        ck_ok(read_until_failure(source, 2));
        fgmm_source_close(source);
    }
}
END_TEST

START_TEST(test_csv__not_finite_numbers_are_read_as_such)
{
    fgmm_source *source;
    uint64_t rows;
    ck_ok(fgmm_source_open(&source, write_file("a.csv", "nan,1\ninf,-Inf\n", 15), NULL));
    double *all = read_rows(source, 4, &rows);
    ck_assert_uint_eq(rows, 2);
    ck_assert(isnan(all[0]) && isinf(all[2]) && all[2] > 0 && isinf(all[3]) && all[3] < 0);
    free(all);
    fgmm_source_close(source);
}
END_TEST

/* Lines and fields that straddle the read buffer, with both line ends; a line longer than the buffer. */
START_TEST(test_csv__across_the_buffer)
{
    enum { LINES = 60000, WIDE = 60000 };
    char *text = malloc(20u * LINES * 2);
    for (int with_return = 0; with_return < 2; with_return++) {
        size_t used = 0;
        for (int i = 0; i < LINES; i++)
            used += (size_t)sprintf(text + used, "%d,%d.0%s\n", 2 * i + 1, 2 * i + 2, with_return ? "\r" : "");
        fgmm_source *source;
        uint64_t rows;
        ck_ok(fgmm_source_open(&source, write_file("long.csv", text, used), NULL));
        double *all = read_rows(source, 1000, &rows);
        ck_assert_uint_eq(rows, LINES);
        for (int i = 0; i < 2 * LINES; i++) ck_assert_double_eq(all[i], i + 1);
        free(all);
        ck_assert_int_eq(truncate(temporary_path("long.csv"), 300000), 0);
        ck_fails(read_until_failure(source, 1000), FGMM_FORMAT, "byte offset 300000: the file ends here");
        fgmm_source_close(source);
    }
    size_t used = 0;
    for (int i = 0; i < WIDE; i++) used += (size_t)sprintf(text + used, "%d%c", i + 1, i + 1 < WIDE ? ' ' : '\n');
    ck_assert_uint_gt(used, 256 * 1024);
    fgmm_source *source;
    uint64_t rows;
    ck_ok(fgmm_source_open(&source, write_file("wide.csv", text, used), NULL));
    double *all = read_rows(source, 2, &rows);
    ck_assert_uint_eq(rows, 1);
    for (int i = 0; i < WIDE; i++) ck_assert_double_eq(all[i], i + 1);
    free(all);
    fgmm_source_close(source);
    /* a field beyond every limit is refused, not cut to a number */
    memset(text, '1', 600);
    memcpy(text + 600, ",2\n", 3);
    ck_fails(open_close(write_file("field.csv", text, 603)), FGMM_FORMAT, "line 1, column 1: 1111111111");
    free(text);
}
END_TEST

/* A program that has set a locale with a decimal comma reads the same numbers. */
START_TEST(test_csv__locale_does_not_matter)
{
    char command[512];
    const char *folder = temporary_path("");
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 '%sde_DE.UTF-8' >/dev/null 2>&1", folder);
    if (system(command) == 0) setenv("LOCPATH", folder, 1);
    if (!setlocale(LC_ALL, "de_DE.UTF-8") || strcmp(localeconv()->decimal_point, ",") != 0) {
        printf("skipped: no locale with a decimal comma\n");
        return;
    }
    fgmm_source *source;
    uint64_t rows;
    const char text[] = "1.5,0.12345678901234567890123\n"; /* both ways of parsing */
    ck_ok(fgmm_source_open(&source, write_file("a.csv", text, sizeof text - 1), NULL));
    double *all = read_rows(source, 4, &rows);
    ck_assert_double_eq(all[0], 1.5);
    ck_assert_double_eq(all[1], 0.12345678901234567890123);
    ck_assert_str_eq(localeconv()->decimal_point, ","); /* and the program's locale is as it was */
    free(all);
    fgmm_source_close(source);
}
END_TEST

START_TEST(test_csv__real_data)
{
    const char *path = FG_TEST_SOURCE_DIR "/../shared/data/mclust-oracle/faithful.csv";
    if (access(path, R_OK) != 0) {
        printf("skipped: no data (faithful.csv)\n");
        return;
    }
    fgmm_source *source;
    fgmm_source_info info = fgmm_source_info_init();
    ck_ok(fgmm_source_open(&source, path, NULL));
    ck_ok(fgmm_source_describe(source, &info));
    ck_assert_uint_eq(info.rows, 272);
    ck_assert_uint_eq(info.dims, 2);
    ck_assert_int_eq(read_until_failure(source, 100), FGMM_OK);
    fgmm_source_close(source);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_number__what_is_a_number,
        test_number__agrees_with_strtod,
        test_csv__separators_headers_and_blank_lines,
        test_csv__damage_is_named_by_line_and_column,
        test_csv__what_looks_like_an_index_or_names_is_warned_about,
        test_csv__not_finite_numbers_are_read_as_such,
        test_csv__across_the_buffer,
        test_csv__locale_does_not_matter,
        test_csv__real_data,
    };
    Suite *s = suite_create("data_text");
    ADD_CASE(s, "text", NULL, NULL, 120, tests);
    return s;
}
