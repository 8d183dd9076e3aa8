/* test_shuffle.c - rows in a random order: each once, the same in every pass, from all over the data; and rows that
 * come in order only, kept so that they can be shuffled. No device. */
#include "support.h"

#include "reading.h"
#include "rows.h"
#include "seekable.h"
#include "shuffle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { D = 3, MOST = 5000 };

static float rows[MOST][D];

static void setup(void)
{
    for (int i = 0; i < MOST; i++)
        for (int j = 0; j < D; j++) rows[i][j] = (float)(i * D + j);
}

/* Their first numbers, in the order in which they come, asked for in pieces. */
static void read_all(float *firsts, fgmm_source *source, uint64_t n, uint64_t chunk)
{
    float buffer[MOST][D];
    uint64_t done = 0, count = chunk;
    ck_ok(fgmm_source_rewind(source));
    for (; count == chunk; done += count) {
        ck_ok(fg_rows_fill(source, buffer, chunk, &count));
        ck_assert_uint_le(done + count, n);
        for (uint64_t i = 0; i < count; i++) {
            firsts[done + i] = buffer[i][0];
            ck_assert(buffer[i][1] == buffer[i][0] + 1 && buffer[i][2] == buffer[i][0] + 2);
        }
    }
    ck_assert_uint_eq(done, n);
}

static fgmm_source *shuffled_source(fgmm_source **base, uint64_t n, const fg_shuffle_cut *cut, uint64_t seed)
{
    fgmm_source *shuffled;
    ck_ok(fgmm_source_from_memory(base, rows, FGMM_F32, n, D, 0));
    ck_ok(fg_shuffle_open(&shuffled, *base, cut, seed));
    return shuffled;
}

/* Also where the last block is short, a stratum has fewer blocks than others, or all rows are one window. */
START_TEST(test_shuffle__each_row_comes_once_and_every_pass_is_alike)
{
    static const struct {
        uint64_t n, block_rows, window_blocks;
    } cases[] = {{1, 1, 1},    {2, 1, 1},      {100, 100, 1}, {100, 1, 10},  {101, 1, 10}, {1000, 7, 13},
                 {999, 7, 13}, {5000, 1, 512}, {4999, 3, 64}, {4993, 50, 9}, {640, 64, 3}, {64, 64, 2}};
    static float first[MOST], again[MOST];
    static int seen[MOST];
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        const fg_shuffle_cut cut = {cases[c].n, cases[c].block_rows, cases[c].window_blocks};
        fgmm_source *base, *shuffled = shuffled_source(&base, cut.rows, &cut, c);
        read_all(first, shuffled, cut.rows, MOST);
        memset(seen, 0, sizeof seen);
        for (uint64_t i = 0; i < cut.rows; i++) seen[(int)first[i] / D]++;
        for (uint64_t i = 0; i < cut.rows; i++) ck_assert_int_eq(seen[i], 1);
        read_all(again, shuffled, cut.rows, 17);
        ck_assert_mem_eq(first, again, cut.rows * sizeof *first);
        ck_ok(fgmm_source_rewind(shuffled)); /* in the midst of a pass */
        read_all(again, shuffled, cut.rows, 1);
        ck_assert_mem_eq(first, again, cut.rows * sizeof *first);
        fgmm_source_close(shuffled);
        fgmm_source_close(base);
    }
}
END_TEST

/* Any 100 rows in a row: about as many from each tenth of the data. 10 expected, deviation 3. */
START_TEST(test_shuffle__rows_come_from_all_over_the_data)
{
    static float order[MOST], other[MOST];
    const uint64_t windows[] = {600, MOST};
    for (int w = 0; w < 2; w++) {
        const fg_shuffle_cut cut = fg_shuffle_cut_of(MOST, sizeof rows[0], windows[w], 0);
        fgmm_source *base, *shuffled = shuffled_source(&base, MOST, &cut, 1);
        read_all(order, shuffled, MOST, 100);
        for (int first = 0; first < MOST; first += 100) {
            int tenths[10] = {0}, rising = 0;
            for (int i = first; i < first + 100; i++) tenths[(int)order[i] / D / (MOST / 10)]++;
            for (int i = first + 1; i < first + 100; i++) rising += order[i] > order[i - 1];
            for (int t = 0; t < 10; t++) ck_assert_msg(tenths[t] > 0 && tenths[t] < 25, "%d of a tenth", tenths[t]);
            ck_assert_int_lt(rising, 75); /* half of 99, deviation 3 */
        }
        fgmm_source_close(shuffled);
        shuffled = NULL;
        ck_ok(fg_shuffle_open(&shuffled, base, &cut, 2));
        read_all(other, shuffled, MOST, 100);
        ck_assert_mem_ne(order, other, sizeof order);
        fgmm_source_close(shuffled);
        fgmm_source_close(base);
    }
}
END_TEST

/* What a memory limit leaves, and what was noted is taken again. */
START_TEST(test_shuffle__windows_are_as_large_as_memory_allows)
{
    const uint64_t limits[] = {0, 1u << 30, 100u << 20, 1};
    for (int i = 0; i < 4; i++) {
        const fg_shuffle_cut cut = fg_shuffle_cut_of(1u << 30, 512, 0, limits[i]);
        const uint64_t most = i == 0 ? 32u << 20 : i == 3 ? 1u << 20 : limits[i] / 32;
        ck_assert_uint_le(fg_shuffle_window_rows(&cut) * 512, most);
        ck_assert_uint_ge(fg_shuffle_window_rows(&cut) * 512, most / 2);
        ck_assert_uint_ge(cut.window_blocks, 512);
        const fg_shuffle_cut again = fg_shuffle_cut_of(1u << 30, 512, fg_shuffle_window_rows(&cut), 0);
        ck_assert_mem_eq(&cut, &again, sizeof cut);
    }
    const fg_shuffle_cut small = fg_shuffle_cut_of(1000, 512, 0, 0);
    ck_assert_uint_eq(small.block_rows, 1000); /* one window */
    ck_assert_uint_eq(fg_shuffle_bytes(&small, 512), 1000 * (512 + sizeof(uint32_t)));
    ck_assert_uint_ge(fg_shuffle_window_rows(&(fg_shuffle_cut){1, 1, 1}), 1);
}
END_TEST

typedef struct counted {
    uint64_t position, n, fails_at;
} counted;

static int counted_rewind(void *user)
{
    ((counted *)user)->position = 0;
    return 0;
}

static int counted_next(void *user, void *to, uint64_t capacity, uint64_t *count, char *message, size_t message_bytes)
{
    counted *c = user;
    uint64_t n = c->n - c->position;
    if (n > capacity) n = capacity;
    if (n > 33) n = 33;
    if (c->position >= c->fails_at) {
        snprintf(message, message_bytes, "row %d is gone", (int)c->position);
        return 1;
    }
    memcpy(to, rows[c->position], n * sizeof rows[0]);
    c->position += n;
    *count = n;
    return 0;
}

/* A callback of unknown length, in memory and in a file; a source that seeks is not copied. */
START_TEST(test_seekable__rows_that_come_in_order_are_kept)
{
    static float firsts[MOST], buffer[MOST][D];
    /* a quarter is for rows; 60 KB are more than what is not worth a file */
    const uint64_t limits[] = {0, 1};
    for (int l = 0; l < 2; l++)
        for (int is_known = 0; is_known < 2; is_known++) {
            counted c = {0, MOST, MOST + 1};
            fg_progress progress;
            fgmm_callback_source callbacks = fgmm_callback_source_init();
            fgmm_source *source, *kept;
            callbacks.rewind = counted_rewind;
            callbacks.next = counted_next;
            callbacks.user = &c;
            callbacks.rows = is_known ? MOST : FGMM_ROWS_UNKNOWN;
            callbacks.dims = D;
            callbacks.type = FGMM_F32;
            ck_ok(fgmm_source_from_callback(&source, &callbacks));
            fg_progress_begin(&progress, NULL, NULL, NULL);
            ck_assert(!fg_reading_is_seekable(source));
            ck_ok(fg_seekable_rows(&kept, source, 0, limits[l], &progress));
            ck_assert(fg_reading_is_seekable(kept));
            read_all(firsts, kept, MOST, 100);
            for (int i = 0; i < MOST; i++) ck_assert(firsts[i] == (float)(i * D));
            ck_ok(kept->kind->read_at(kept->self, 777, buffer, 10));
            ck_assert_mem_eq(buffer, rows[777], 10 * sizeof rows[0]);
            fgmm_source_close(kept);
            c.fails_at = 100;
            ck_fails(fg_seekable_rows(&kept, source, 0, limits[l], &progress), FGMM_CALLBACK, "is gone");
            ck_assert_ptr_null(kept);
            fgmm_source_close(source);
        }
    fgmm_source *memory, *kept;
    fg_progress progress;
    fg_progress_begin(&progress, NULL, NULL, NULL);
    ck_ok(fgmm_source_from_memory(&memory, rows, FGMM_F32, MOST, D, 0));
    ck_ok(fg_seekable_rows(&kept, memory, 0, 0, &progress));
    ck_assert_ptr_null(kept);
    fgmm_source_close(memory);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_shuffle__each_row_comes_once_and_every_pass_is_alike,
        test_shuffle__rows_come_from_all_over_the_data,
        test_shuffle__windows_are_as_large_as_memory_allows,
        test_seekable__rows_that_come_in_order_are_kept,
    };
    Suite *s = suite_create("shuffle");
    ADD_CASE(s, "shuffle", setup, NULL, 60, tests);
    return s;
}
