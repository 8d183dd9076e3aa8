/* test_reading.c - batches are the same whoever reads them: several threads bite by bite, or one in order. */
#define _POSIX_C_SOURCE 200809L
#include "mixtures.h"
#include "support.h"

#include "reading.h"
#include "thread.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* With 64 dimensions a bite of 2^18 bytes has this many rows of F32; of F64 half, of bytes four times as many. */
enum { D = 64, CHUNK = 1024, ROUNDS = 200 };

static double *offset;

static void setup(void)
{
    offset = calloc(D, sizeof *offset);
    for (int j = 0; j < D; j++) offset[j] = 0.5 * j;
}

static void teardown(void)
{
    free(offset);
}

/* Element i of made rows: whole numbers up to 127, so that every type holds them. */
static int element(size_t i)
{
    return (int)(i * 2654435761u >> 7 & 127);
}

static void *make_rows(fgmm_type type, uint64_t n)
{
    unsigned char *u8 = calloc(n * D, fgmm_type_bytes(type));
    for (size_t i = 0; i < n * D; i++) {
        if (type == FGMM_U8) u8[i] = (unsigned char)element(i);
        if (type == FGMM_F32) ((float *)(void *)u8)[i] = (float)element(i);
        if (type == FGMM_F64) ((double *)(void *)u8)[i] = element(i);
    }
    return u8;
}

/* Passes over the source in batches; compares every row. */
static void check_pass(fg_reading *reading, fgmm_type type, uint64_t n, uint64_t batch)
{
    const size_t bytes = fgmm_type_bytes(fg_type_on_device(type));
    unsigned char *rows = malloc(batch * D * bytes);
    uint64_t count, done = 0;
    ck_ok(fg_reading_rewind(reading));
    for (; done < n; done += count) {
        ck_assert(!fg_reading_is_at_end(reading));
        ck_ok(fg_reading_fill(reading, rows, batch, &count));
        ck_assert_uint_eq(count, n - done < batch ? n - done : batch);
        for (size_t i = 0; i < count * D; i++) {
            const double got = type == FGMM_U8 ? rows[i] : (double)((float *)(void *)rows)[i];
            const double want = element(done * D + i) - (type == FGMM_F64 ? offset[i % D] : 0);
            if (got != want) ck_abort_msg("row %zu, column %zu: %g, not %g", done + i / D, i % D, got, want);
        }
    }
    ck_assert(fg_reading_is_at_end(reading));
    free(rows);
}

static fg_reading *open_reading(fgmm_source *source, uint64_t rows, int is_checked)
{
    fg_reading *reading;
    static fg_shift shift;
    shift = (fg_shift){.host = offset, .unit = 1, .row_unit = 1};
    const fg_reading_options options = {source, rows, is_checked ? 1e30 : 0, &shift};
    ck_ok(fg_reading_open(&reading, &options));
    return reading;
}

START_TEST(test_reading__threads_give_what_one_gives)
{
    static const uint64_t sizes[] = {1, CHUNK - 1, CHUNK, CHUNK + 1, 7 * CHUNK + 3};
    static const fgmm_type types[] = {FGMM_U8, FGMM_F32, FGMM_F64};
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            const uint64_t n = sizes[s];
            void *rows = make_rows(types[t], n);
            rows_feed feed = {.rows = rows, .type = types[t], .n = n, .d = D, .chunk = 333};
            fgmm_source *const sources[] = {memory_source(rows, types[t], n, D), feed_source(&feed, n)};
            for (int i = 0; i < 2; i++) {
                fg_reading *reading = open_reading(sources[i], n, 1);
                check_pass(reading, types[t], n, 3 * CHUNK);
                check_pass(reading, types[t], n, 3 * CHUNK + 1);
                fg_reading_close(reading);
                fgmm_source_close(sources[i]);
            }
            free(rows);
        }
    fg_reading_close(NULL);
}
END_TEST

/* Of the rows that are no numbers, one in each bite but two, the first is named, whichever thread comes upon it
 * when. */
START_TEST(test_reading__names_the_first_bad_row)
{
    enum { N = 8 * CHUNK };
    float *rows = make_rows(FGMM_F32, N), *to = malloc(N * D * sizeof *to);
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
    uint64_t count;
    for (int chunk = 2; chunk < N / CHUNK; chunk++) rows[(chunk * CHUNK + 5) * D + 3] = NAN;
    for (int round = 0; round < ROUNDS; round++) {
        fg_reading *reading = open_reading(source, N, 1);
        ck_ok(fg_reading_rewind(reading));
        ck_ok(fg_reading_fill(reading, to, CHUNK, &count));
        ck_fails(fg_reading_fill(reading, to, N, &count), FGMM_DATA, "row 2053, column 3: value is nan");
        ck_assert_uint_eq(count, 0);
        fg_reading_close(reading);
    }
    fg_reading *reading = open_reading(source, N, 0);
    ck_ok(fg_reading_rewind(reading));
    ck_ok(fg_reading_fill(reading, to, N, &count));
    fg_reading_close(reading);
    fgmm_source_close(source);
    free(to);
    free(rows);
}
END_TEST

/* Another process cuts a file that is being read: an error, at the place where it ends now. */
START_TEST(test_reading__notices_a_file_that_shrinks)
{
    enum { N = 4 * CHUNK, HEADER = 128 };
    float *rows = make_rows(FGMM_F32, N);
    const char *path = temporary_path("shrinks.npy");
    fgmm_writer *writer;
    fgmm_source *source;
    uint64_t count;
    ck_ok(fgmm_writer_open(&writer, path, "<f4", D));
    ck_ok(fgmm_writer_append(writer, rows, N));
    ck_ok(fgmm_writer_commit(writer));
    ck_ok(fgmm_source_open(&source, path, NULL));
    fg_reading *reading = open_reading(source, N, 0);
    check_pass(reading, FGMM_F32, N, N);
    ck_assert_int_eq(truncate(path, HEADER + 2 * CHUNK * D * (off_t)sizeof *rows + 8), 0);
    ck_ok(fg_reading_rewind(reading));
    ck_fails(fg_reading_fill(reading, rows, N, &count), FGMM_FORMAT, "byte offset 524424: the file ends here");
    fg_reading_close(reading);
    fgmm_source_close(source);
    free(rows);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_reading__threads_give_what_one_gives,
        test_reading__names_the_first_bad_row,
        test_reading__notices_a_file_that_shrinks,
    };
    Suite *s = suite_create("reading");
    ADD_CASE(s, "reading", setup, teardown, 60, tests);
    return s;
}
