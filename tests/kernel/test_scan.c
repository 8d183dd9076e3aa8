/* test_scan.c - posting lists on the device against their double-precision twins: distances, selection, assignment. */
#include "mixtures.h"
#include "support.h"

#include "assign.h"
#include "list_scan.h"
#include "options.h"
#include "reference.h"
#include "rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A float sum of d squared differences has d + 2 roundings of 2^-24; the bound is for d <= 600. */
static const double FLOAT_TOLERANCE = 602 * 0x1p-24;
/* A cost is a sum of distances whose errors the division by |r|^2 may enlarge, for rows not nearly on their
 * centroid. */
static const double COST_TOLERANCE = 1e-3;

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

/* A case: lists of given lengths, the same id in several lists, queries that want all lists or some. */
typedef struct scan_case {
    fgmm_type type;
    uint64_t d, n, lists;
    uint64_t lengths[4];
    uint32_t k;
    int is_integer;
    uint64_t scratch_floats;
    double launch_work; /* fg_device_set_launch_work */
} scan_case;

typedef struct made {
    uint64_t rows;
    unsigned char *stored; /* (rows,d) in the case's type */
    double *x, *queries;   /* (rows,d), (n,d) */
    float *queries32;
    int64_t *ids; /* (rows): some twice, with equal rows */
} made;

static double draw(fg_rng *rng, fgmm_type type)
{
    if (type == FGMM_U8) return (double)fg_rng_below(rng, 256);
    if (type == FGMM_I8) return (double)fg_rng_below(rng, 256) - 128;
    return (double)(float)fg_rng_below(rng, 2048) / 64; /* exact in binary16 */
}

/* Positive multiples of 1/64 below 32, and 0, as binary16. */
static uint16_t half_bits(double value)
{
    int exponent;
    if (value == 0) return 0;
    const double fraction = frexp(value, &exponent);
    return (uint16_t)((exponent + 14) << 10 | (int)((fraction * 2 - 1) * 1024));
}

static void storage(unsigned char *to, size_t i, fgmm_type type, double value)
{
    if (type == FGMM_U8) to[i] = (uint8_t)value;
    if (type == FGMM_I8) ((int8_t *)to)[i] = (int8_t)value;
    if (type == FGMM_F16) ((uint16_t *)(void *)to)[i] = half_bits(value);
    if (type == FGMM_F32) ((float *)(void *)to)[i] = (float)value;
}

static made make(const scan_case *c)
{
    made m = {0};
    fg_rng rng;
    fg_rng_init(&rng, c->d * 7 + c->n, 1, 0);
    for (uint64_t i = 0; i < c->lists; i++) m.rows += c->lengths[i];
    m.stored = calloc(m.rows * c->d + 1, 4);
    m.x = malloc((m.rows * c->d + 1) * sizeof *m.x);
    m.queries = malloc(c->n * c->d * sizeof *m.queries);
    m.queries32 = malloc(c->n * c->d * sizeof *m.queries32);
    m.ids = malloc((m.rows + 1) * sizeof *m.ids);
    for (uint64_t i = 0; i < m.rows; i++) {
        const int is_copy = i >= 3 && i % 3 == 0;
        const uint64_t original = is_copy ? i / 3 * 2 % i : i;
        m.ids[i] = is_copy ? m.ids[original] : (int64_t)(((i * 37) % 1009) + 1009 * i) << 20; /* beyond 32 bits */
        for (uint64_t j = 0; j < c->d; j++)
            m.x[i * c->d + j] = is_copy ? m.x[original * c->d + j] : draw(&rng, c->type);
    }
    for (uint64_t i = 0; i < m.rows * c->d; i++) storage(m.stored, i, c->type, m.x[i]);
    for (uint64_t i = 0; i < c->n * c->d; i++) m.queries32[i] = (float)(m.queries[i] = draw(&rng, c->type));
    return m;
}

static void made_free(made *m)
{
    free(m->stored);
    free(m->x);
    free(m->queries);
    free(m->queries32);
    free(m->ids);
}

typedef struct hit {
    double d;
    int64_t id;
} hit;

static int compare_hits(const void *a, const void *b)
{
    const hit *x = a, *y = b;
    if (x->d != y->d) return x->d < y->d ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* Query q wants list l? Every third pair of them is left out. */
static int wants(uint64_t q, uint64_t l)
{
    return (q + l) % 3 != 1;
}

static void check_query(const scan_case *c, const made *m, uint64_t q, const int64_t *ids, const float *distances)
{
    hit *hits = malloc((m->rows + 1) * sizeof *hits);
    uint64_t count = 0, unique = 0, row = 0;
    for (uint64_t l = 0; l < c->lists; l++)
        for (uint64_t i = 0; i < c->lengths[l]; i++, row++) {
            if (!wants(q, l)) continue;
            fg_reference_squared_distances(&hits[count].d, m->queries + q * c->d, 1, m->x + row * c->d, 1, c->d);
            hits[count++].id = m->ids[row];
        }
    qsort(hits, count, sizeof *hits, compare_hits);
    for (uint64_t i = 0; i < count; i++)
        if (i == 0 || hits[i].id != hits[unique - 1].id || hits[i].d != hits[unique - 1].d) hits[unique++] = hits[i];
    for (uint32_t i = 0; i < c->k; i++) {
        if (i >= unique) {
            ck_assert_int_eq(ids[i], -1);
            ck_assert(isinf(distances[i]));
            continue;
        }
        if (c->is_integer) {
            ck_assert_int_eq(ids[i], hits[i].id);
            ck_assert(distances[i] == (float)hits[i].d);
        } else {
            ck_assert_double_le(fabs((double)distances[i] - hits[i].d), FLOAT_TOLERANCE * hits[i].d);
        }
        for (uint32_t j = 0; j < i; j++) ck_assert_int_ne(ids[i], ids[j]);
    }
    free(hits);
}

static void check_case(const scan_case *c)
{
    made m = make(c);
    fg_list_storage *lists;
    fg_scan *scan;
    uint64_t first = 0, count = 0;
    const size_t row_bytes = c->d * fgmm_type_bytes(c->type);
    ck_ok(fg_list_storage_create(&lists, device, c->type, c->d, c->lengths, c->lists));
    for (uint64_t l = 0; l < c->lists; first += c->lengths[l++]) {
        const uint64_t half = c->lengths[l] / 32 * 16; /* in two parts */
        ck_ok(fg_list_storage_write(lists, l, 0, half, m.stored + first * row_bytes, m.ids + first));
        ck_ok(fg_list_storage_write(lists, l, half, c->lengths[l] - half, m.stored + (first + half) * row_bytes,
                                    m.ids + first + half));
    }
    const fg_scan_options options = {c->type, c->d, c->is_integer, c->scratch_floats};
    fg_device_set_launch_work(device, c->launch_work);
    ck_ok(fg_scan_create(&scan, device, &options));
    fg_probe *probes = malloc(c->n * c->lists * sizeof *probes);
    int64_t *ids = malloc(c->n * c->k * sizeof *ids);
    float *distances = malloc(c->n * c->k * sizeof *distances);
    ck_ok(fg_scan_begin(scan, m.queries32, c->n, c->k, NULL));
    for (uint64_t l = 0; l < c->lists; l++) /* list 0 in a call of its own */
        for (uint64_t q = 0; q < c->n; q++) {
            if (wants(q, l)) probes[count++] = (fg_probe){(uint32_t)q, (uint32_t)l};
            if (l > 0 || q + 1 < c->n) continue;
            ck_ok(fg_scan_run(scan, lists, probes, count));
            count = 0;
        }
    ck_ok(fg_scan_run(scan, lists, probes, count));
    ck_ok(fg_scan_results(scan, ids, distances));
    for (uint64_t q = 0; q < c->n; q++) check_query(c, &m, q, ids + q * c->k, distances + q * c->k);
    free(probes);
    free(ids);
    free(distances);
    fg_device_set_launch_work(device, 0);
    fg_scan_free(scan);
    fg_list_storage_free(lists);
    made_free(&m);
}

START_TEST(test_scan__agrees_with_the_reference)
{
    static const scan_case cases[] = {
        {FGMM_U8, 1, 1, 1, {1}, 1, 1, 0, 0},
        {FGMM_U8, 3, 4, 2, {15, 16}, 5, 1, 0, 0},
        {FGMM_U8, 128, 17, 4, {63, 0, 64, 65}, 10, 1, 0, 0},
        {FGMM_U8, 258, 5, 3, {17, 64, 81}, 200, 1, 0, 0},
        {FGMM_U8, 259, 5, 3, {17, 64, 81}, 10, 1, 0, 0},
        {FGMM_U8, 600, 3, 2, {80, 5}, 10, 1, 0, 0},
        {FGMM_I8, 7, 33, 3, {100, 200, 1}, 10, 1, 0, 0},
        {FGMM_F16, 9, 6, 2, {70, 33}, 10, 0, 0, 0},
        {FGMM_F32, 100, 19, 4, {128, 129, 3, 200}, 20, 0, 0, 0},
        {FGMM_U8, 1, 3, 3, {1700, 900, 500}, FGMM_TOP_MAX, 1, 0, 0}, /* a third are copies, most have equals */
        {FGMM_U8, 300, 2, 2, {700, 600}, 129, 1, 0, 0},
    };
    check_case(&cases[_i]);
}
END_TEST

/* Many equal distances: the lower ids win, whatever order they are met in. */
START_TEST(test_scan__ties_go_by_id)
{
    enum { ROWS = 40, K = 7 };
    uint8_t rows[ROWS] = {0};
    int64_t ids[ROWS], found[K];
    const uint64_t lengths[2] = {25, 15};
    const fg_probe probes[2] = {{0, 1}, {0, 0}};
    const float query = 3;
    const fg_scan_options options = {FGMM_U8, 1, 1, 0};
    fg_list_storage *lists;
    fg_scan *scan;
    for (int i = 0; i < ROWS; i++) ids[i] = ROWS - 1 - i;
    ck_ok(fg_list_storage_create(&lists, device, FGMM_U8, 1, lengths, 2));
    ck_ok(fg_list_storage_write(lists, 0, 0, 25, rows, ids));
    ck_ok(fg_list_storage_write(lists, 1, 0, 15, rows, ids + 25));
    ck_ok(fg_scan_create(&scan, device, &options));
    const int64_t exclude = 2;
    ck_ok(fg_scan_begin(scan, &query, 1, K, &exclude));
    ck_ok(fg_scan_run(scan, lists, probes, 2));
    ck_ok(fg_scan_results(scan, found, NULL));
    for (int i = 0; i < K; i++) ck_assert_int_eq(found[i], i < 2 ? i : i + 1);
    fg_scan_free(scan);
    fg_list_storage_free(lists);
}
END_TEST

/* Pieces that do not fit the scratch, or a launch, together, and a list of several pieces. */
START_TEST(test_scan__parts_and_long_lists)
{
    static const scan_case cases[2] = {
        {FGMM_U8, 2, 5, 3, {FG_CHUNK_ROWS + 17, 100, 2 * FG_CHUNK_ROWS}, 30, 1, FG_CHUNK_ROWS, 0},
        {FGMM_U8,
         2,
         5,
         3,
         {FG_CHUNK_ROWS + 17, 100, 2 * FG_CHUNK_ROWS},
         30,
         1,
         0,
         4 * FG_CHUNK_ROWS * FG_DIFFERENCE_WORK},
    };
    check_case(&cases[_i]);
}
END_TEST

/* Launches as small as can be: a query and a chunk of a list each, and 16 queries where all distances are wanted. */
START_TEST(test_scan__least_launches)
{
    static const uint64_t lengths[1] = {FG_CHUNK_ROWS + 16};
    enum { QUERIES = 17 };
    static const float queries[QUERIES];
    fg_probe probes[QUERIES];
    const fg_scan_options options = {FGMM_F32, 1, 0, 0};
    fg_list_storage *lists;
    fg_scan *scan;
    float *rows = calloc(lengths[0], sizeof *rows);
    int64_t *ids = calloc(lengths[0], sizeof *ids);
    for (uint32_t q = 0; q < QUERIES; q++) probes[q] = (fg_probe){q, 0};
    ck_ok(fg_list_storage_create(&lists, device, FGMM_F32, 1, lengths, 1));
    ck_ok(fg_list_storage_write(lists, 0, 0, lengths[0], (const unsigned char *)rows, ids));
    for (int is_least = 0; is_least < 2; is_least++) {
        fg_device_set_launch_work(device, is_least);
        ck_ok(fg_scan_create(&scan, device, &options));
        ck_ok(fg_scan_begin(scan, queries, QUERIES, 1, NULL));
        const uint64_t begun = fg_device_launches(device);
        ck_ok(fg_scan_run(scan, lists, probes, QUERIES));
        const uint64_t scanned = fg_device_launches(device);
        ck_ok(fg_scan_distances(NULL, scan, lists, queries, QUERIES));
        /* the shorter chunk has 1/1024 of the rows, so that all queries for it are one launch; a launch selects */
        ck_assert_uint_eq(scanned - begun, is_least ? 2 * (QUERIES + 1) : 2);
        ck_assert_uint_eq(fg_device_launches(device) - scanned, is_least ? 4 : 1);
        fg_scan_free(scan);
    }
    free(rows);
    free(ids);
    fg_list_storage_free(lists);
}
END_TEST

static void check_assignment(uint64_t n, uint64_t k, uint64_t d)
{
    fg_rng rng;
    fg_rng_init(&rng, n + k + d, 1, 0);
    double *x = malloc(n * d * sizeof *x), *centroids = malloc(k * d * sizeof *centroids);
    float *x32 = malloc(n * d * sizeof *x32), *centroids32 = malloc(k * d * sizeof *centroids32);
    uint32_t *first = malloc(2 * n * sizeof *first), *second = malloc(2 * n * sizeof *second);
    double *ratio = malloc(n * sizeof *ratio);
    float *ratio32 = malloc(n * sizeof *ratio32);
    fg_list_storage *storage_of_centroids;
    fg_assign *assign;
    for (uint64_t i = 0; i < k * d; i++) centroids[i] = centroids32[i] = (float)fg_rng_normal(&rng);
    for (uint64_t i = 0; i < n * d; i++) x[i] = x32[i] = (float)fg_rng_normal(&rng);
    memcpy(x, centroids, d * sizeof *x); /* the first row lies on a centroid */
    memcpy(x32, centroids32, d * sizeof *x32);
    fg_reference_assign(first, second, ratio, x, n, centroids, k, d);
    ck_ok(fg_centroid_storage(&storage_of_centroids, device, centroids32, k, d));
    ck_ok(fg_assign_create(&assign, storage_of_centroids, centroids32, 1));
    ck_ok(fg_assign_run(assign, x32, n, first + n, second + n, ratio32));
    ck_assert_uint_eq(first[n], 0);
    ck_assert(isinf(ratio32[0]));
    for (uint64_t i = 0; i < n; i++) {
        ck_assert_uint_eq(first[n + i], first[i]);
        if (k == 1 || i == 0) continue;
        ck_assert_double_le(fabs((double)ratio32[i] - ratio[i]), COST_TOLERANCE * ratio[i]);
        ck_assert_uint_eq(second[n + i], second[i]);
    }
    if (k == 1) ck_assert(isinf(ratio32[n - 1]));
    fg_assign_free(assign);
    memset(first + n, 0xff, n * sizeof *first);
    ck_ok(fg_assign_create(&assign, storage_of_centroids, centroids32, 0));
    ck_ok(fg_assign_run(assign, x32, n, first + n, NULL, NULL));
    ck_assert_mem_eq(first, first + n, n * sizeof *first);
    fg_assign_free(assign);
    fg_list_storage_free(storage_of_centroids);
    free(x);
    free(centroids);
    free(x32);
    free(centroids32);
    free(first);
    free(second);
    free(ratio);
    free(ratio32);
}

START_TEST(test_scan__tiny)
{
    static const scan_case c = {FGMM_U8, 2, 3, 2, {300, 20}, 5, 1, 0, 0};
    check_case(&c);
    check_assignment(3, 17, 2);
}
END_TEST

START_TEST(test_assign__agrees_with_the_reference)
{
    static const uint64_t components[] = {1, 2, 15, 16, 17, 65};
    for (size_t i = 0; i < 6; i++) check_assignment(50, components[i], 24);
    check_assignment(1, 3, 1);
    check_assignment(33, 20, 300);
    check_assignment(20, FG_CENTROID_TABLE_LISTS + 1, 24); /* distances of centroids as they are needed */
}
END_TEST

static void add_backend(Suite *s, TCase *c, void (*setup)(void))
{
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 300);
    tcase_add_loop_test(c, test_scan__agrees_with_the_reference, 0, 11);
    tcase_add_test(c, test_scan__ties_go_by_id);
    tcase_add_loop_test(c, test_scan__parts_and_long_lists, 0, 2);
    tcase_add_test(c, test_scan__least_launches);
    tcase_add_test(c, test_assign__agrees_with_the_reference);
    suite_add_tcase(s, c);
}

/* Small enough for a simulator of a device. */
static TCase *tiny(void)
{
    TCase *c = tcase_create("tiny");
    tcase_add_checked_fixture(c, setup_group, teardown);
    tcase_set_timeout(c, 300);
    tcase_add_test(c, test_scan__tiny);
    tcase_add_test(c, test_scan__ties_go_by_id);
    return c;
}

Suite *suite(void)
{
    Suite *s = suite_create("scan");
    add_backend(s, tcase_create("scan, vector"), setup_vector);
    add_backend(s, tcase_create("scan, group"), setup_group);
    suite_add_tcase(s, tiny());
    return s;
}
