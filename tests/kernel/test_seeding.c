/* test_seeding.c - k-means++ on the device against its double-precision reference. */
#include "mixtures.h"
#include "support.h"

#include "reference.h"
#include "rng.h"
#include "seeding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A float sum of d squares has d + 2 roundings of 2^-24, a block's sum up to 256 more; the bound is for d <= 300. */
static const double FLOAT_TOLERANCE = 600 * 0x1p-24;

static fgmm_device *device;

static void setup_vector(void)
{
    device = open_test_backend(FGMM_BACKEND_CPU_SIMD);
}

static void setup_group(void)
{
    device = open_test_backend(FGMM_BACKEND_GPU_WORKGROUP);
}

static void teardown(void)
{
    fgmm_device_close(device);
}

/* Takes two rounds of candidates and compares potentials and least distances with the reference. Returns the launches
 * that this took. */
static uint64_t compare(uint64_t n, uint64_t d, uint32_t c)
{
    fg_seeding *seeding;
    fg_rng rng;
    fg_rng_init(&rng, n + d + c, 1, 0);
    double *x = malloc(n * d * sizeof *x), *centres = malloc(c * d * sizeof *centres);
    double *d2 = malloc(n * c * sizeof *d2), *least = malloc(n * sizeof *least);
    float *x32 = malloc(n * d * sizeof *x32), *centres32 = malloc(c * d * sizeof *centres32);
    float block_least[FG_SEEDING_BLOCK], *weights = malloc(n * sizeof *weights);
    const int is_weighted = c % 2; /* every other case has weights */
    for (uint64_t i = 0; i < n; i++) weights[i] = is_weighted ? (float)fg_rng_uniform(&rng) * 1000 : 1;
    for (uint64_t i = 0; i < n * d; i++) x[i] = x32[i] = (float)fg_rng_normal(&rng);
    for (uint64_t i = 0; i < n; i++) least[i] = (double)INFINITY;
    const uint64_t launches = fg_device_launches(device);
    ck_ok(fg_seeding_create(&seeding, device, n, d, c));
    const uint64_t blocks = fg_seeding_blocks(seeding);
    float *potentials = malloc(blocks * c * sizeof *potentials);
    for (uint64_t b = 0; b < blocks; b++) {
        const uint64_t first = b * FG_SEEDING_BLOCK;
        ck_ok(fg_seeding_write(seeding, b, x32 + first * d, is_weighted ? weights + first : NULL,
                               n - first < FG_SEEDING_BLOCK ? n - first : FG_SEEDING_BLOCK));
    }
    for (uint32_t round = 0; round < 2; round++) {
        const uint32_t taken = round == 0 ? c - 1 : 0;
        for (uint64_t i = 0; i < c * d; i++) centres[i] = centres32[i] = (float)fg_rng_normal(&rng);
        fg_reference_squared_distances(d2, x, n, centres, c, d);
        ck_ok(fg_seeding_try(seeding, centres32, c, potentials));
        for (uint64_t b = 0; b < blocks; b++)
            for (uint32_t t = 0; t < c; t++) {
                double expected = 0;
                for (uint64_t i = b * FG_SEEDING_BLOCK; i < n && i < (b + 1) * FG_SEEDING_BLOCK; i++)
                    expected += (double)weights[i] * fmin(least[i], d2[i * c + t]);
                ck_assert_double_le(fabs((double)potentials[b * c + t] - expected), FLOAT_TOLERANCE * expected);
            }
        ck_ok(fg_seeding_take(seeding, taken));
        for (uint64_t i = 0; i < n; i++) least[i] = fmin(least[i], d2[i * c + taken]);
        for (uint64_t i = 0; i < n; i++) {
            if (i % FG_SEEDING_BLOCK == 0) ck_ok(fg_seeding_least(seeding, i / FG_SEEDING_BLOCK, block_least));
            ck_assert_double_le(fabs((double)block_least[i % FG_SEEDING_BLOCK] - least[i]), FLOAT_TOLERANCE * least[i]);
        }
        for (uint64_t i = n % FG_SEEDING_BLOCK; i > 0 && i < FG_SEEDING_BLOCK; i++) ck_assert(block_least[i] == 0);
    }
    fg_seeding_free(seeding);
    free(x);
    free(centres);
    free(d2);
    free(least);
    free(weights);
    free(x32);
    free(centres32);
    free(potentials);
    return fg_device_launches(device) - launches;
}

START_TEST(test_seeding__agrees_with_the_reference)
{
    static const uint64_t rows[] = {1, 2, 255, 256, 257, 1000}, dims[] = {1, 3, 16, 257};
    static const uint32_t candidates[] = {1, 2, 8, 9};
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < 4; j++)
            for (size_t c = 0; c < 4; c++) compare(rows[i], dims[j], candidates[c]);
}
END_TEST

/* Launches as small as can be: a block of rows each. */
START_TEST(test_seeding__least_launches)
{
    enum { N = 3 * FG_SEEDING_BLOCK + 1, ROUNDS = 2, KERNELS = 2 };
    ck_assert_uint_eq(compare(N, 3, 9), ROUNDS * KERNELS);
    fg_device_set_launch_work(device, 1);
    ck_assert_uint_eq(compare(N, 3, 9), ROUNDS * KERNELS * 4);
}
END_TEST

START_TEST(test_seeding__a_row_is_at_distance_zero_from_itself)
{
    float rows[2 * 5], least[FG_SEEDING_BLOCK], potential;
    fg_seeding *seeding;
    for (int i = 0; i < 10; i++) rows[i] = 0.1f * (float)(i * i);
    ck_ok(fg_seeding_create(&seeding, device, 2, 5, 1));
    ck_ok(fg_seeding_write(seeding, 0, rows, NULL, 2));
    ck_ok(fg_seeding_try(seeding, rows + 5, 1, &potential));
    ck_ok(fg_seeding_take(seeding, 0));
    ck_ok(fg_seeding_least(seeding, 0, least));
    ck_assert(least[1] == 0);
    ck_assert(least[0] > 0);
    ck_assert(potential == least[0]);
    fg_seeding_free(seeding);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_seeding__agrees_with_the_reference,
        test_seeding__least_launches,
        test_seeding__a_row_is_at_distance_zero_from_itself,
    };
    Suite *s = suite_create("seeding");
    ADD_CASE(s, "seeding, vector", setup_vector, teardown, 300, tests);
    ADD_CASE(s, "seeding, group", setup_group, teardown, 300, tests);
    return s;
}
