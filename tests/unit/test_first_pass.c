/* test_first_pass.c - the first pass over a source: counts, moments, finiteness, the sample; and the shift made of it.
 */
#include "mixtures.h"
#include "support.h"

#include "first_pass.h"
#include "rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Sums of doubles in another order: a few hundred roundings. */
static const double DOUBLE_TOLERANCE = 1e-12;

static fg_first_pass first_pass;

static fgmm_status first_pass_source(fgmm_source *source, uint64_t sample_rows, uint64_t seed)
{
    fg_progress progress;
    double read_s = 0;
    fg_progress_begin(&progress, NULL, NULL, NULL);
    const fg_weights weights = {.scale = 1};
    const fg_first_pass_request request = {source, &weights, sample_rows, seed, &progress};
    fgmm_status status = fg_first_pass_run(&first_pass, &request, &read_s);
    fgmm_source_close(source);
    return status;
}

/* Mean and variance by two passes in long double. */
static void check_moments(const void *rows, fgmm_type type, uint64_t n, uint64_t d)
{
    ck_assert_uint_eq(first_pass.rows, n);
    for (uint64_t j = 0; j < d; j++) {
        long double sum = 0, squares = 0;
        for (uint64_t i = 0; i < n; i++) sum += (long double)fg_row_value(rows, type, i * d + j);
        const long double mean = sum / (long double)n;
        for (uint64_t i = 0; i < n; i++) {
            const long double y = (long double)fg_row_value(rows, type, i * d + j) - mean;
            squares += y * y;
        }
        const double variance = (double)(squares / (long double)n);
        /* a multiple of a power of two below the standard deviation, the nearest to the mean */
        ck_assert_double_le(fabs(first_pass.range.centre[j] - (double)mean),
                            0.5 * sqrt(variance) + DOUBLE_TOLERANCE * fabs((double)mean));
        ck_assert_double_le(fabs(first_pass.variance[j] - variance), 1e3 * DOUBLE_TOLERANCE * variance);
    }
}

START_TEST(test_first_pass__moments_of_every_type)
{
    enum { N = 70000, D = 3 }; /* more than one block */
    double *wide = malloc(N * D * sizeof *wide);
    float *f32 = malloc(N * D * sizeof *f32);
    uint8_t *u8 = malloc(N * D);
    int8_t *i8 = malloc(N * D);
    uint16_t *f16 = malloc(N * D * sizeof *f16);
    fg_rng rng;
    fg_rng_init(&rng, 1, 1, 0);
    for (size_t i = 0; i < N * D; i++) {
        wide[i] = 1e9 + fg_rng_normal(&rng);
        f32[i] = (float)(1e4 + fg_rng_normal(&rng));
        u8[i] = (uint8_t)fg_rng_below(&rng, 256);
        i8[i] = (int8_t)((int)fg_rng_below(&rng, 256) - 128);
        f16[i] = (uint16_t)(fg_rng_below(&rng, 2) << 15 | fg_rng_below(&rng, 0x7c00));
    }
    const void *const rows[] = {u8, i8, f16, f32, wide};
    for (int type = FGMM_U8; type <= FGMM_F64; type++) {
        ck_ok(first_pass_source(memory_source(rows[type], (fgmm_type)type, N, D), 0, 0));
        check_moments(rows[type], (fgmm_type)type, N, D);
        fg_first_pass_clear(&first_pass);
    }
    free(wide);
    free(f32);
    free(u8);
    free(i8);
    free(f16);
}
END_TEST

START_TEST(test_first_pass__half_precision_values)
{
    const uint16_t bits[] = {0x0000, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x0001, 0x03ff, 0x0400};
    const double values[] = {0, -0.0, 1, -2, 65504, 0x1p-24, 0x1.ff8p-15, 0x1p-14};
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++)
        ck_assert_double_eq(fg_row_value(bits, FGMM_F16, i), values[i]);
}
END_TEST

START_TEST(test_first_pass__names_row_and_column_of_what_is_not_a_number)
{
    enum { N = 100, D = 7 };
    float f32[N * D];
    double f64[N * D];
    uint16_t f16[N * D];
    for (int i = 0; i < N * D; i++) f32[i] = 1, f64[i] = 1, f16[i] = 0x3c00;
    f32[12 * D + 3] = NAN;
    f64[99 * D + 6] = -(double)INFINITY;
    f16[0] = 0x7c00;
    ck_fails(
        first_pass_source(memory_source(f32, FGMM_F32, N, D), 0, 0), FGMM_DATA,
        "row 12, column 3: value is nan (rows and columns are counted from 0; a file's rows with NaN can be skipped: ");
    ck_fails(first_pass_source(memory_source(f64, FGMM_F64, N, D), 0, 0), FGMM_DATA, "row 99, column 6: value is -inf");
    ck_fails(first_pass_source(memory_source(f16, FGMM_F16, N, D), 0, 0), FGMM_DATA, "row 0, column 0: value is inf");
    f64[99 * D + 6] = 1e200;
    ck_fails(first_pass_source(memory_source(f64, FGMM_F64, N, D), 0, 0), FGMM_DATA, "row 99, column 6: value 1e+200");
}
END_TEST

/* Also where rows before it have been left out. */
START_TEST(test_first_pass__names_rows_by_their_place_in_the_file)
{
    const float values[] = {1, NAN, 3e38f};
    const char *dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }";
    fgmm_file_options options = fgmm_file_options_init();
    fgmm_source *source;
    options.skip_nan_rows = 1;
    ck_ok(fgmm_source_open(&source, write_npy("big.npy", 1, dictionary, values, sizeof values), &options));
    ck_fails(first_pass_source(source, 0, 0), FGMM_DATA, "row 2, column 0: value 3e+38");
}
END_TEST

static fgmm_status first_pass_pair(fgmm_type type, double value)
{
    enum { N = 100 };
    static double f64[N];
    static float f32[N];
    for (int i = 0; i < N; i++) {
        f64[i] = i % 2 ? value : -value;
        f32[i] = (float)f64[i];
    }
    return first_pass_source(memory_source(type == FGMM_F64 ? (void *)f64 : (void *)f32, type, N, 1), 10, 0);
}

/* The unit is the power of two at or below the deviation, whatever it is. */
START_TEST(test_first_pass__unit_follows_the_deviation)
{
    for (int exponent = -330; exponent <= 330; exponent += 5) {
        ck_ok(first_pass_pair(FGMM_F64, ldexp(1.5, exponent)));
        ck_assert_double_eq(first_pass.range.unit, ldexp(1, exponent));
        fg_first_pass_clear(&first_pass);
    }
    ck_ok(first_pass_pair(FGMM_F32, 0));
    ck_assert_double_eq(first_pass.range.unit, 1);
    fg_first_pass_clear(&first_pass);
}
END_TEST

START_TEST(test_first_pass__refuses_what_its_type_cannot_hold)
{
    ck_fails(first_pass_pair(FGMM_F32, 2e38), FGMM_DATA, "row 0, column 0: value -2e+38 is beyond +-1.70141e+38");
    ck_fails(first_pass_pair(FGMM_F64, 1e101), FGMM_DATA, "row 0, column 0: value -1e+101 is beyond +-1e+100");
    ck_fails(first_pass_pair(FGMM_F32, 1e-31), FGMM_DATA, "the deviation of the data is 1e-31; f32 rows need at least");
    ck_fails(first_pass_pair(FGMM_F64, 1e-101), FGMM_DATA,
             "the deviation of the data is 1e-101; f64 rows need at least");
    ck_fails(first_pass_pair(FGMM_F64, 1e-200), FGMM_DATA,
             "the deviation of the data is 0; f64 rows need at least 1e-100");
    ck_ok(first_pass_pair(FGMM_F32, 1.6e38));
    fg_first_pass_clear(&first_pass);
    ck_ok(first_pass_pair(FGMM_F32, 1e-30));
    fg_first_pass_clear(&first_pass);
}
END_TEST

START_TEST(test_first_pass__sample_is_in_order_and_independent_of_chunks)
{
    enum { N = 100000, S = 500 };
    float *rows = malloc(N * sizeof *rows), *first = malloc(S * sizeof *first);
    for (int i = 0; i < N; i++) rows[i] = (float)i;
    ck_ok(first_pass_source(memory_source(rows, FGMM_F32, N, 1), S, 9));
    ck_assert_uint_eq(first_pass.sample.count, S);
    for (uint64_t i = 0; i < S; i++) memcpy(first + i, fg_sample_row(&first_pass.sample, i), sizeof *first);
    for (uint64_t i = 1; i < S; i++) ck_assert(first[i] > first[i - 1]); /* also: no row twice */
    fg_first_pass_clear(&first_pass);
    rows_feed feed = {.rows = rows, .type = FGMM_F32, .n = N, .d = 1, .chunk = 333};
    ck_ok(first_pass_source(feed_source(&feed, FGMM_ROWS_UNKNOWN), S, 9));
    for (uint64_t i = 0; i < S; i++) ck_assert_mem_eq(first + i, fg_sample_row(&first_pass.sample, i), sizeof *first);
    fg_first_pass_clear(&first_pass);
    ck_ok(first_pass_source(memory_source(rows, FGMM_F32, N, 1), S, 10));
    int different = 0;
    for (uint64_t i = 0; i < S; i++)
        different += memcmp(first + i, fg_sample_row(&first_pass.sample, i), sizeof *first) != 0;
    ck_assert_int_gt(different, S / 2);
    fg_first_pass_clear(&first_pass);
    free(rows);
    free(first);
}
END_TEST

START_TEST(test_first_pass__sample_is_uniform)
{
    enum { N = 2000, S = 100, RUNS = 400, BINS = 10 };
    /* Each bin expects 4000 rows; the deviation of a hypergeometric count is below 60, of which six are allowed. */
    const double expected = (double)S * RUNS / BINS, allowed = 360;
    float rows[N];
    double bins[BINS] = {0};
    for (int i = 0; i < N; i++) rows[i] = (float)i;
    for (uint64_t seed = 0; seed < RUNS; seed++) {
        ck_ok(first_pass_source(memory_source(rows, FGMM_F32, N, 1), S, seed));
        for (uint64_t i = 0; i < S; i++) bins[first_pass.sample.numbers[i] * BINS / N]++;
        fg_first_pass_clear(&first_pass);
    }
    for (int b = 0; b < BINS; b++) ck_assert_double_le(fabs(bins[b] - expected), allowed);
}
END_TEST

START_TEST(test_first_pass__small_source_is_its_own_sample)
{
    const uint8_t rows[] = {5, 6, 7};
    ck_ok(first_pass_source(memory_source(rows, FGMM_U8, 3, 1), 10, 0));
    ck_assert_uint_eq(first_pass.sample.count, 3);
    for (uint64_t i = 0; i < 3; i++) ck_assert_mem_eq(fg_sample_row(&first_pass.sample, i), rows + i, 1);
    fg_first_pass_clear(&first_pass);
}
END_TEST

/* ---- rows with weights ---- */

static void first_pass_weighted(fgmm_source *source, const float *given, uint64_t n, uint64_t sample_rows,
                                uint64_t seed)
{
    fg_progress progress;
    fg_weights weights;
    double read_s = 0;
    fgmm_source *weight_source = memory_source(given, FGMM_F32, n, 1);
    fg_progress_begin(&progress, NULL, NULL, NULL);
    ck_ok(fg_weights_open(&weights, weight_source, n));
    const fg_first_pass_request request = {source, &weights, sample_rows, seed, &progress};
    ck_ok(fg_first_pass_run(&first_pass, &request, &read_s));
    fgmm_source_close(weight_source);
    fgmm_source_close(source);
}

/* The first block has no weight at all, and lies elsewhere. */
START_TEST(test_first_pass__weighted_moments_of_every_type)
{
    enum { N = 200000, D = 3, WITHOUT = 90000 };
    double *wide = malloc(N * D * sizeof *wide);
    float *f32 = malloc(N * D * sizeof *f32), *weights = malloc(N * sizeof *weights);
    uint8_t *u8 = malloc(N * D);
    int8_t *i8 = malloc(N * D);
    uint16_t *f16 = malloc(N * D * sizeof *f16);
    fg_rng rng;
    fg_rng_init(&rng, 2, 1, 0);
    for (size_t i = 0; i < N; i++) weights[i] = i < WITHOUT || i % 3 == 0 ? 0 : (float)(1 + i % 5);
    for (size_t i = 0; i < N * D; i++) {
        wide[i] = (i < WITHOUT * D ? 0 : 1e9) + fg_rng_normal(&rng);
        f32[i] = (float)((i < WITHOUT * D ? 0 : 1e4) + fg_rng_normal(&rng));
        u8[i] = (uint8_t)fg_rng_below(&rng, 256);
        i8[i] = (int8_t)((int)fg_rng_below(&rng, 256) - 128);
        f16[i] = (uint16_t)(fg_rng_below(&rng, 2) << 15 | fg_rng_below(&rng, 0x7c00));
    }
    const void *const rows[] = {u8, i8, f16, f32, wide};
    for (int type = FGMM_U8; type <= FGMM_F64; type++) {
        first_pass_weighted(memory_source(rows[type], (fgmm_type)type, N, D), weights, N, 0, 0);
        ck_assert_uint_eq(first_pass.rows, N);
        for (size_t j = 0; j < D; j++) {
            long double sum = 0, squares = 0, total = 0;
            for (size_t i = 0; i < N; i++) {
                total += (long double)weights[i];
                sum += (long double)weights[i] * (long double)fg_row_value(rows[type], (fgmm_type)type, i * D + j);
            }
            for (size_t i = 0; i < N; i++) {
                const long double y = (long double)fg_row_value(rows[type], (fgmm_type)type, i * D + j) - sum / total;
                squares += (long double)weights[i] * y * y;
            }
            const double mean = (double)(sum / total), variance = (double)(squares / total);
            ck_assert_double_le(fabs(first_pass.range.centre[j] - mean),
                                0.5 * sqrt(variance) + DOUBLE_TOLERANCE * fabs(mean));
            ck_assert_double_le(fabs(first_pass.variance[j] - variance), 1e3 * DOUBLE_TOLERANCE * variance);
        }
        fg_first_pass_clear(&first_pass);
    }
    free(wide);
    free(f32);
    free(weights);
    free(u8);
    free(i8);
    free(f16);
}
END_TEST

/* Rows of weight 0 are never drawn, and what the drawn ones stand for adds up to the weights of all: of each of four
 * classes of rows, whose weights differ by up to 16, on average. */
START_TEST(test_first_pass__weighted_sample_stands_for_all_rows)
{
    enum { N = 2000, S = 100, RUNS = 400, CLASSES = 4 };
    /* A class's estimate has a deviation of about sqrt(1 / (rows drawn of it)): 1/3 for the lightest, which 16 in 100
     * draws are of at least; over 400 runs 0.02, of which five are allowed. */
    const double allowed = 0.1;
    float rows[N], weights[N];
    double expected[CLASSES] = {0}, found[CLASSES] = {0}, drawn[CLASSES] = {0};
    for (int i = 0; i < N; i++) {
        rows[i] = (float)i;
        weights[i] = i % 10 == 0 ? 0 : (float)(1 << i % CLASSES) * (i % CLASSES == 3 ? 2 : 1); /* 1 2 4 16 */
        expected[i % CLASSES] += (double)weights[i] / 16;
    }
    for (uint64_t seed = 0; seed < RUNS; seed++) {
        first_pass_weighted(memory_source(rows, FGMM_F32, N, 1), weights, N, S, seed);
        ck_assert_uint_eq(first_pass.sample.count, S);
        for (uint64_t i = 0; i < S; i++) {
            float row;
            memcpy(&row, fg_sample_row(&first_pass.sample, i), sizeof row);
            ck_assert(weights[(int)row] > 0);
            found[(int)row % CLASSES] += fg_sample_weight(&first_pass.sample, i) / RUNS;
            drawn[(int)row % CLASSES] += 1;
        }
        fg_first_pass_clear(&first_pass);
    }
    for (int c = 0; c < CLASSES; c++)
        ck_assert_msg(fabs(found[c] / expected[c] - 1) <= allowed, "class %d: %g instead of %g", c, found[c],
                      expected[c]);
    ck_assert_double_gt(drawn[3], 3 * drawn[2]); /* four times as heavy, a little less for being drawn once only */
}
END_TEST

START_TEST(test_first_pass__shift_keeps_bytes_exact)
{
    const double mean[] = {127.6, -3.2};
    fg_shift shift;
    ck_ok(fg_shift_create(&shift, FGMM_U8, 2, mean, 4));
    ck_assert(shift.kernel[0] == 128);
    ck_assert(shift.kernel[1] == -3);
    ck_assert_double_eq(shift.host[0], 0);
    fg_shift_clear(&shift);
    ck_ok(fg_shift_create(&shift, FGMM_F64, 2, mean, 4));
    ck_assert(shift.kernel[0] == 0);
    ck_assert_double_eq(shift.host[0], 127.6);
    fg_shift_clear(&shift);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_first_pass__moments_of_every_type,
        test_first_pass__half_precision_values,
        test_first_pass__names_row_and_column_of_what_is_not_a_number,
        test_first_pass__names_rows_by_their_place_in_the_file,
        test_first_pass__unit_follows_the_deviation,
        test_first_pass__refuses_what_its_type_cannot_hold,
        test_first_pass__sample_is_in_order_and_independent_of_chunks,
        test_first_pass__sample_is_uniform,
        test_first_pass__small_source_is_its_own_sample,
        test_first_pass__weighted_moments_of_every_type,
        test_first_pass__weighted_sample_stands_for_all_rows,
        test_first_pass__shift_keeps_bytes_exact,
    };
    Suite *s = suite_create("first_pass");
    ADD_CASE(s, "first_pass", NULL, NULL, 60, tests);
    return s;
}
