/* test_pass.c - a pass on the device against the double-precision twin: both kernel families, both paths, all row types
 * and covariances, at sizes around the tile's edges. The case "tiny" is small enough for a simulator. */
#include "support.h"

#include "ops.h"
#include "pass.h"
#include "reference.h"
#include "rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Float sums of D terms and a few roundings of the log-density itself: some 2^-20 relative, absolute near 1. */
static const double log_tolerance = 4e-6;
/* What the a-priori bound promises where single precision is short of digits (docs/math.md, "Rounding"). */
static const double promised_nats = 1e-3;
/* Sums of N rows, each weighted with a responsibility whose exponent is off by log_tolerance x |log p|. */
static const double sum_tolerance = 2e-4;

typedef struct shape_case {
    fgmm_kernel_family family;
    fgmm_covariance covariance;
    fg_keep keep;
    fgmm_type type;
    fgmm_path path;
    uint64_t n, d, k;
    double overlap;      /* standard deviation of components over the spread of their means */
    double nats;         /* absolute error of log-normalisers that is allowed besides log_tolerance */
    const fg_tile *tile; /* NULL: the shipped one */
} shape_case;

/* Rows in their type and as doubles, and parameters near them. */
typedef struct problem {
    void *rows;
    double *x, *weights, *means, *covariances;
    float *shift;
    fg_parameters parameters;
} problem;

static float half_to_float(uint16_t h)
{
    const int exponent = h >> 10 & 31, mantissa = h & 1023;
    const float value = exponent ? ldexpf((float)(mantissa + 1024), exponent - 25) : ldexpf((float)mantissa, -24);
    return h >> 15 ? -value : value;
}

/* One element of the type that is near `value` (in -100..100), and its exact value. */
static double store_element(void *rows, fgmm_type type, size_t i, double value)
{
    switch (type) {
    case FGMM_U8:
        return ((uint8_t *)rows)[i] = (uint8_t)fmin(255, fmax(0, rint(value + 128)));
    case FGMM_I8:
        return ((int8_t *)rows)[i] = (int8_t)rint(fmin(127, fmax(-128, value)));
    case FGMM_F16: {
        int exponent;
        const double fraction = frexp(fabs(value), &exponent); /* 0.5 .. 1 */
        uint16_t half = 0;
        if (fabs(value) > 1e-4) half = (uint16_t)((exponent + 14) << 10 | ((int)(fraction * 2048) - 1024));
        if (value < 0) half |= 0x8000;
        ((uint16_t *)rows)[i] = half;
        return (double)half_to_float(half);
    }
    default:
        return (double)(((float *)rows)[i] = (float)value);
    }
}

/* variance (diag (0.5 .. 1.5) + B B^T / d), B random (d,d): correlated, and safely positive definite. */
static void make_matrix(double *matrix, uint64_t d, double variance, fg_rng *rng)
{
    double *b = calloc((size_t)(d * d), sizeof *b);
    for (uint64_t i = 0; i < d * d; i++) b[i] = fg_rng_normal(rng);
    for (uint64_t i = 0; i < d; i++)
        for (uint64_t j = 0; j <= i; j++) {
            double sum = i == j ? 0.5 + fg_rng_uniform(rng) : 0;
            for (uint64_t e = 0; e < d; e++) sum += b[i * d + e] * b[j * d + e] / (double)d;
            matrix[i * d + j] = matrix[j * d + i] = variance * sum;
        }
    free(b);
}

static problem make_problem(const shape_case *c)
{
    problem p = {0};
    const size_t count = (size_t)(c->n * c->d), variances = (size_t)fg_covariance_count(c->covariance, c->k, c->d);
    const uint64_t matrices = fg_covariance_matrices(c->covariance, c->k);
    fg_rng rng;
    fg_rng_init(&rng, c->n * 1000003 + c->d * 1009 + c->k, 77, 0);
    p.rows = calloc(count, fgmm_type_bytes(c->type));
    p.x = calloc(count, sizeof(double));
    p.weights = calloc(c->k, sizeof(double));
    p.means = calloc((size_t)(c->k * c->d), sizeof(double));
    p.covariances = calloc(variances, sizeof(double));
    p.shift = calloc(c->d, sizeof(float));
    double sum = 0;
    for (uint64_t k = 0; k < c->k; k++) sum += p.weights[k] = 0.5 + fg_rng_uniform(&rng);
    for (uint64_t k = 0; k < c->k; k++) p.weights[k] /= sum;
    const double origin = c->type == FGMM_U8 ? 128 : 0;
    for (uint64_t i = 0; i < c->k * c->d; i++) p.means[i] = origin + 25 * fg_rng_normal(&rng);
    const double sigma = 25 * c->overlap;
    for (size_t i = 0; i < variances && !matrices; i++) p.covariances[i] = sigma * sigma * (0.5 + fg_rng_uniform(&rng));
    for (uint64_t m = 0; m < matrices; m++) make_matrix(p.covariances + m * c->d * c->d, c->d, sigma * sigma, &rng);
    for (uint64_t i = 0; i < c->n; i++) {
        const uint64_t k = fg_rng_below(&rng, c->k);
        for (uint64_t d = 0; d < c->d; d++) {
            const double value = p.means[k * c->d + d] - origin + sigma * fg_rng_normal(&rng);
            p.x[i * c->d + d] = store_element(p.rows, c->type, (size_t)(i * c->d + d), value);
        }
    }
    for (uint64_t d = 0; d < c->d; d++) p.shift[d] = (float)origin + (float)(d % 3);
    p.parameters = (fg_parameters){c->covariance, c->k, c->d, p.weights, p.means, p.covariances};
    return p;
}

static void free_problem(problem *p)
{
    free(p->rows);
    free(p->x);
    free(p->weights);
    free(p->means);
    free(p->covariances);
    free(p->shift);
}

static fgmm_device *device;
static fgmm_kernel_family open_family;

static void open_device(fgmm_kernel_family family)
{
    if (device && open_family == family) return;
    fgmm_device_close(device);
    fgmm_device_options options = FGMM_DEVICE_OPTIONS_INIT;
    options.family = family;
    ck_ok(fgmm_device_open(&device, &options));
    fg_device_poison_buffers(device);
    open_family = family;
}

static void teardown(void)
{
    fgmm_device_close(device);
    device = NULL;
}

static void describe_failure(const shape_case *c, const char *what, double error, double tolerance)
{
    ck_abort_msg("%s: error %g above %g (family %d covariance %d keep %d type %s path %d N %llu D %llu K %llu)", what,
                 error, tolerance, (int)c->family, (int)c->covariance, (int)c->keep, fgmm_type_name(c->type),
                 (int)c->path, (unsigned long long)c->n, (unsigned long long)c->d, (unsigned long long)c->k);
}

/* Largest difference of two arrays, relative to `scale`. */
static double worst(const double *a, const double *b, size_t count, double scale)
{
    double error = 0;
    for (size_t i = 0; i < count; i++) {
        const double difference = fabs(a[i] - b[i]) / scale;
        if (!(difference <= error)) error = difference; /* a NaN is kept */
    }
    return error;
}

static double magnitude(const double *a, size_t count)
{
    double largest = 1e-30;
    for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs(a[i]));
    return largest;
}

/* Twin of one batch: log-normalisers, and the flat statistics. */
static void reference_batch(const shape_case *c, const problem *p, double *logz, double *values)
{
    double *r = calloc((size_t)(c->n * c->k), sizeof(double));
    if (c->keep == FG_KEEP_BEST) {
        uint32_t *nearest = calloc(c->n, sizeof *nearest);
        fg_reference_nearest(nearest, logz, &p->parameters, p->x, c->n);
        for (uint64_t i = 0; i < c->n; i++) {
            r[i * c->k + nearest[i]] = 1;
            logz[i] = -logz[i];
        }
        free(nearest);
    } else {
        fg_reference_log_density(r, &p->parameters, p->x, c->n);
        fg_reference_responsibilities(logz, r, r, c->n, c->k);
    }
    fg_reference_statistics(values, &p->parameters, p->x, logz, r, c->n);
    free(r);
}

static void compare_statistics(const shape_case *c, const double *found, const double *expected)
{
    const size_t k = (size_t)c->k, kd = (size_t)(c->k * c->d);
    const size_t s2 = (size_t)fg_covariance_count(c->covariance, c->k, c->d);
    const double n = (double)c->n, sd = 25 * fmax(c->overlap, 1);
    const struct {
        const char *name;
        size_t first, count;
        double scale;
    } parts[] = {
        {"rows", 0, 1, 1},
        {"log-likelihood", 1, 1, magnitude(expected + 1, 1) + n},
        {"N", 2, k, magnitude(expected + 2, k)},
        {"S1", 2 + k, kd, n / (double)k * sd + sd},
        {"S2", 2 + k + kd, s2, magnitude(expected + 2 + k + kd, s2)},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const double error = worst(found + parts[i].first, expected + parts[i].first, parts[i].count, parts[i].scale);
        if (!(error <= sum_tolerance)) describe_failure(c, parts[i].name, error, sum_tolerance);
    }
}

static void run_pass(const shape_case *c, const problem *p, size_t batch_rows, double *values, double *logz)
{
    fg_pass *pass;
    fg_buffer *buffer;
    const fg_pass_options options = {c->covariance, c->keep, c->k, c->d, c->type, batch_rows, c->path, c->tile};
    const size_t row_bytes = (size_t)c->d * fgmm_type_bytes(c->type);
    ck_ok(fg_pass_create(&pass, device, &options));
    ck_ok(fg_buffer_create(&buffer, device, (size_t)c->n * row_bytes, FG_BUFFER_DEVICE, "rows"));
    ck_ok(fg_buffer_write(buffer, 0, p->rows, (size_t)c->n * row_bytes));
    ck_ok(fg_pass_load(pass, &p->parameters, p->shift));
    for (size_t first = 0; first < c->n; first += batch_rows) {
        const size_t n = c->n - first < batch_rows ? (size_t)c->n - first : batch_rows;
        const fg_rows rows = {buffer, first * row_bytes, n};
        const fg_evaluation_rows out = {.log_likelihood = logz + first};
        ck_ok(fg_pass_accumulate(pass, &rows));
        ck_ok(fg_pass_evaluate(pass, &rows, &out));
    }
    ck_ok(fg_pass_statistics(pass, values));
    fg_buffer_free(buffer);
    fg_pass_free(pass);
}

static void check_case(const shape_case *c)
{
    open_device(c->family);
    problem p = make_problem(c);
    const size_t count = 2 + (size_t)c->k * (1 + (size_t)c->d) + (size_t)fg_covariance_count(c->covariance, c->k, c->d);
    double *found = calloc(count, sizeof(double)), *expected = calloc(count, sizeof(double));
    double *logz = calloc(c->n, sizeof(double)), *expected_logz = calloc(c->n, sizeof(double));
    reference_batch(c, &p, expected_logz, expected);
    run_pass(c, &p, c->n > 64 ? c->n - c->n / 3 : c->n, found, logz); /* large cases in two uneven batches */
    if (c->keep == FG_KEEP_MIXTURE) {
        const double allowed = log_tolerance * (magnitude(expected_logz, c->n) + 1) + c->nats;
        const double error = worst(logz, expected_logz, c->n, 1);
        if (!(error <= allowed)) describe_failure(c, "log-normaliser", error, allowed);
    }
    compare_statistics(c, found, expected);
    free(found);
    free(expected);
    free(logz);
    free(expected_logz);
    free_problem(&p);
}

static const fgmm_kernel_family families[] = {FGMM_KERNEL_VECTOR, FGMM_KERNEL_GROUP};
enum { FAMILIES = sizeof families / sizeof families[0] };

/* Covariance, kept components and path that a family must get right; each is run for every size below. */
typedef struct variant {
    fgmm_covariance covariance;
    fg_keep keep;
    fgmm_path path;
} variant;

static const variant variants[] = {
    {FGMM_SPHERICAL, FG_KEEP_MIXTURE, FGMM_PATH_SPARSE}, {FGMM_SPHERICAL, FG_KEEP_MIXTURE, FGMM_PATH_DENSE},
    {FGMM_DIAG, FG_KEEP_MIXTURE, FGMM_PATH_SPARSE},      {FGMM_DIAG, FG_KEEP_MIXTURE, FGMM_PATH_DENSE},
    {FGMM_SPHERICAL, FG_KEEP_BEST, FGMM_PATH_SPARSE},    {FGMM_DIAG, FG_KEEP_BEST, FGMM_PATH_SPARSE},
};
enum { VARIANTS = sizeof variants / sizeof variants[0] };

/* The same for matrices; the dense path is the sparse one that drops nothing. */
static const variant matrix_variants[] = {
    {FGMM_TIED, FG_KEEP_MIXTURE, FGMM_PATH_SPARSE},
    {FGMM_FULL, FG_KEEP_MIXTURE, FGMM_PATH_SPARSE},
    {FGMM_TIED, FG_KEEP_BEST, FGMM_PATH_AUTO},
    {FGMM_FULL, FG_KEEP_BEST, FGMM_PATH_AUTO},
};
enum { MATRIX_VARIANTS = sizeof matrix_variants / sizeof matrix_variants[0] };

static void check_sizes(fgmm_kernel_family family, const fg_tile *tile, const uint64_t (*sizes)[3], size_t count,
                        double overlap)
{
    for (size_t v = 0; v < VARIANTS; v++)
        for (size_t i = 0; i < count; i++) {
            const shape_case c = {family,
                                  variants[v].covariance,
                                  variants[v].keep,
                                  FGMM_F32,
                                  variants[v].path,
                                  sizes[i][0],
                                  sizes[i][1],
                                  sizes[i][2],
                                  overlap,
                                  0,
                                  tile};
            check_case(&c);
        }
}

/* 1, tile - 1, tile, tile + 1 for N and K of the vector family's larger tiles (48 rows, 32 components), and a K for
 * each shipped tile; then for D (16 lanes). Few different D, here and below: each is a compilation, and what one test
 * compiled the next one finds. */
static const uint64_t edge_sizes[][3] = {
    {1, 1, 1},    {11, 17, 2},  {12, 17, 7},  {13, 17, 31}, {47, 17, 32},   {48, 17, 33},
    {49, 17, 63}, {63, 17, 64}, {65, 17, 65}, {100, 1, 1},  {257, 17, 130},
};
static const uint64_t edge_dims[] = {3, 15, 16, 33};
enum { EDGE_SIZES = sizeof edge_sizes / sizeof edge_sizes[0], EDGE_DIMS = sizeof edge_dims / sizeof edge_dims[0] };

START_TEST(test_pass__vector_equals_the_twin_at_tile_edges)
{
    check_sizes(FGMM_KERNEL_VECTOR, NULL, edge_sizes, EDGE_SIZES, 0.5);
}
END_TEST

/* Each D with two variants, one with all components and one of the others. */
START_TEST(test_pass__vector_equals_the_twin_at_vector_edges)
{
    for (size_t v = (size_t)_i % 3; v < VARIANTS; v += 3) {
        const shape_case c = {.family = FGMM_KERNEL_VECTOR,
                              .covariance = variants[v].covariance,
                              .keep = variants[v].keep,
                              .type = FGMM_F32,
                              .path = variants[v].path,
                              .n = 65,
                              .d = edge_dims[_i],
                              .k = 33,
                              .overlap = 0.5};
        check_case(&c);
    }
}
END_TEST

/* Left to itself, the vector family takes small mixtures straight into sums: more rows than a range has, K and D around
 * strips and vectors, also far from the shift. */
START_TEST(test_pass__vector_small_mixtures_equal_the_twin)
{
    static const uint64_t sizes[][3] = {{1, 1, 1}, {47, 17, 16}, {48, 17, 33}, {3100, 17, 17}, {2049, 17, 150}};
    for (int covariance = FGMM_SPHERICAL; covariance <= FGMM_DIAG; covariance++)
        for (int keep = FG_KEEP_MIXTURE; keep <= FG_KEEP_BEST; keep++)
            for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                const int is_tight = keep == FG_KEEP_MIXTURE && i == 1;
                const shape_case c = {.family = FGMM_KERNEL_VECTOR,
                                      .covariance = (fgmm_covariance)covariance,
                                      .keep = (fg_keep)keep,
                                      .type = FGMM_F32,
                                      .path = FGMM_PATH_AUTO,
                                      .n = sizes[i][0],
                                      .d = sizes[i][1],
                                      .k = sizes[i][2],
                                      .overlap = is_tight ? 1e-3 : 0.5,
                                      .nats = is_tight ? promised_nats : 0};
                check_case(&c);
            }
}
END_TEST

/* The group family's tiles; on CPUs such kernels take seconds to compile, so edges are those of the smallest. */
static const fg_tile group_tiles[] = {
    {.vw = 4, .rows = 32, .vectors = 32, .block = 64, .chunk = 256, .depth = 8, .local = 64, .across = 8},
    {.vw = 4, .rows = 256, .vectors = 16, .block = 64, .chunk = 256, .depth = 8, .local = 256, .across = 4},
    {.vw = 4, .rows = 128, .vectors = 32, .block = 64, .chunk = 256, .depth = 8, .local = 256, .across = 8},
    {.vw = 4, .rows = 128, .vectors = 128, .block = 64, .chunk = 256, .depth = 8, .local = 256, .across = 16},
    {.vw = 4, .rows = 64, .vectors = 64, .block = 32, .chunk = 16, .depth = 16, .local = 256, .across = 16},
};
enum { GROUP_TILES = sizeof group_tiles / sizeof group_tiles[0] };

/* Per family: the shipped tile, or the one that compiles fastest. */
static const fg_tile *const quick_tiles[FAMILIES] = {NULL, &group_tiles[0]};

START_TEST(test_pass__group_equals_the_twin_at_tile_edges)
{
    static const uint64_t sizes[][3] = {{1, 9, 1}, {31, 9, 31}, {32, 9, 32}, {33, 9, 33}, {300, 9, 65}};
    check_sizes(FGMM_KERNEL_GROUP, &group_tiles[0], sizes, sizeof sizes / sizeof sizes[0], 0.5);
}
END_TEST

START_TEST(test_pass__group_equals_the_twin_with_every_tile)
{
    const int all = getenv("FG_TEST_ALL") != NULL;
    for (size_t v = 0; v < VARIANTS; v++) {
        if (!all && v != (size_t)_i % 4 && v != 4) continue; /* every variant with some tile */
        const shape_case c = {.family = FGMM_KERNEL_GROUP,
                              .covariance = variants[v].covariance,
                              .keep = variants[v].keep,
                              .type = FGMM_F32,
                              .path = variants[v].path,
                              .n = 300,
                              .d = 19,
                              .k = 140,
                              .overlap = 0.7,
                              .tile = &group_tiles[_i]};
        check_case(&c);
    }
}
END_TEST

/* The vector family's tile space (tile.c): with each of its values of a parameter in turn, the others as in a small
 * tile; and tiles with everything at its least, and at odd numbers, for each vector width. */
static const fg_tile vector_middle = {
    .vw = 4, .rows = 4, .vectors = 2, .block = 12, .dense_k = 4, .dense_v = 2, .piece = 2, .chunk = 64};
static const fg_tile vector_corners[] = {
    {.vw = 4, .rows = 1, .vectors = 1, .block = 1, .dense_k = 1, .dense_v = 1, .piece = 1, .chunk = 1},
    {.vw = 8, .rows = 1, .vectors = 1, .block = 4, .dense_k = 1, .dense_v = 1, .piece = 1, .chunk = 1},
    {.vw = 16, .rows = 5, .vectors = 3, .block = 20, .dense_k = 2, .dense_v = 3, .piece = 3, .chunk = 256},
    {.vw = 16, .rows = 14, .vectors = 4, .block = 98, .dense_k = 16, .dense_v = 4, .piece = 12, .chunk = 1024},
    {.vw = 8, .rows = 12, .vectors = 3, .block = 12, .dense_k = 4, .dense_v = 4, .piece = 8, .chunk = 256},
    {.vw = 4, .rows = 12, .vectors = 3, .block = 48, .dense_k = 4, .dense_v = 4, .piece = 8, .chunk = 256},
};
enum { VECTOR_CORNERS = sizeof vector_corners / sizeof vector_corners[0], MOST_TILES = 64 };

/* Corner i, then each value of each parameter. 0: there are no more. */
static int vector_tile(fg_tile *tile, unsigned i)
{
    const fg_space *space = fg_tile_space(FGMM_KERNEL_VECTOR);
    if (i < VECTOR_CORNERS) {
        *tile = vector_corners[i];
        return 1;
    }
    i -= VECTOR_CORNERS;
    for (size_t p = 0; p < space->count; p++) {
        const unsigned values = (unsigned)fg_space_value_count(&space->parameters[p]);
        if (i < values) {
            fg_space_neighbour(space, tile, &vector_middle, p, i);
            return 1;
        }
        i -= values;
    }
    return 0;
}

/* FG_TEST_ALL in the environment: all tiles, and every variant with each. */
START_TEST(test_pass__vector_equals_the_twin_in_the_tile_space)
{
    const int all = getenv("FG_TEST_ALL") != NULL;
    fg_tile tile;
    if ((!all && _i >= VECTOR_CORNERS) || !vector_tile(&tile, (unsigned)_i)) return;
    ck_assert(_i < MOST_TILES - 1); /* the loop covers them all */
    const fg_tile_problem about = {FGMM_DIAG, 19, 19, 16};
    const fg_space_needs limits = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
    ck_assert_ptr_null(fg_space_reject(fg_tile_space(FGMM_KERNEL_VECTOR), &tile, &about, &limits));
    const uint64_t strip = tile.vw * tile.vectors;
    for (size_t v = 0; v < VARIANTS; v++) {
        if (!all && v != (size_t)_i % 4 && v != 4) continue; /* one with all components, one with the nearest */
        for (uint64_t near = 0; near < 3; near++) {          /* a tile less one, a tile, a tile and one */
            const shape_case c = {FGMM_KERNEL_VECTOR,
                                  variants[v].covariance,
                                  variants[v].keep,
                                  FGMM_F32,
                                  variants[v].path,
                                  tile.block * 2 - 1 + near,
                                  19,
                                  strip - 1 + near,
                                  0.6,
                                  0,
                                  &tile};
            if (c.k > 0) check_case(&c);
        }
    }
}
END_TEST

/* 1, tile - 1, tile, tile + 1 of rows (48, group 32), of components (a strip of 16, group 32) and of dimensions (blocks
 * of 8 outputs, vectors of 16, group 32 columns). Few different D: each is four programs, which take seconds; k-means,
 * which has only the moments of its own, runs one size. */
enum { MATRIX_SIZES = 5, KMEANS_SIZE = 3 };
static const uint64_t matrix_sizes[FAMILIES][MATRIX_SIZES][3] = {
    {{1, 8, 1}, {47, 8, 15}, {48, 8, 16}, {49, 9, 17}, {300, 17, 40}},
    {{1, 9, 1}, {31, 9, 31}, {32, 9, 32}, {33, 9, 33}, {300, 33, 65}},
};

START_TEST(test_pass__matrices_equal_the_twin_at_tile_edges)
{
    const int family = _i % FAMILIES;
    const variant *v = &matrix_variants[_i / FAMILIES];
    for (size_t i = 0; i < MATRIX_SIZES; i++) {
        const uint64_t *size = matrix_sizes[family][i];
        const shape_case c = {.family = families[family],
                              .covariance = v->covariance,
                              .keep = v->keep,
                              .type = FGMM_F32,
                              .path = v->path,
                              .n = size[0],
                              .d = size[1],
                              .k = size[2],
                              .overlap = 0.5,
                              .tile = quick_tiles[family]};
        if (v->keep == FG_KEEP_MIXTURE || i == KMEANS_SIZE) check_case(&c);
    }
}
END_TEST

/* Matrix units: each with the shipped tile of 16 lanes, AMX where this machine has it; a warp's in OpenCL C. */
static const fg_tile unit_tiles[] = {
    {.vw = 16,
     .rows = 12,
     .vectors = 2,
     .block = 96,
     .dense_k = 8,
     .dense_v = 2,
     .piece = 8,
     .chunk = 256,
     .unit = FG_UNIT_PLAIN},
    {.vw = 16,
     .rows = 12,
     .vectors = 2,
     .block = 96,
     .dense_k = 8,
     .dense_v = 2,
     .piece = 8,
     .chunk = 256,
     .unit = FG_UNIT_AMX},
    {.vw = 4,
     .rows = 1,
     .vectors = 8,
     .block = 32,
     .dense_k = 4,
     .dense_v = 2,
     .piece = 4,
     .chunk = 256,
     .unit = FG_UNIT_PLAIN}, /* another vector */
    {.vw = 4,
     .rows = 32,
     .vectors = 32,
     .block = 64,
     .chunk = 256,
     .depth = 8,
     .local = 64,
     .across = 8,
     .unit = FG_UNIT_WARP},
};
enum { UNITS = 2, UNIT_TILES = sizeof unit_tiles / sizeof unit_tiles[0], WARP = UNIT_TILES - 1 };

static fgmm_kernel_family unit_family(const fg_tile *tile)
{
    return fg_unit_is_warp(tile->unit) ? FGMM_KERNEL_GROUP : FGMM_KERNEL_MATRIX;
}

static int has_unit(const fg_tile *tile)
{
    open_device(unit_family(tile));
    const int is_there = tile->unit == FG_UNIT_PLAIN || tile->unit == FG_UNIT_WARP ||
                         fg_device_facts_of(device)->matrix_unit == tile->unit;
    if (!is_there) printf("skipped: no AMX here\n");
    return is_there;
}

static shape_case unit_case(const fg_tile *tile, fg_keep keep, fgmm_type type, const uint64_t size[3])
{
    return (shape_case){unit_family(tile),
                        FGMM_SPHERICAL,
                        keep,
                        type,
                        FGMM_PATH_SPARSE,
                        size[0],
                        size[1],
                        size[2],
                        0.4,
                        promised_nats,
                        tile};
}

START_TEST(test_pass__unit_equals_the_twin_at_tile_edges)
{
    static const uint64_t sizes[][3] = {{1, 33, 1}, {31, 31, 31}, {32, 32, 32}, {33, 33, 33}, {193, 33, 97}};
    const fg_tile *tile = &unit_tiles[_i];
    if (!has_unit(tile)) return;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int keep = FG_KEEP_MIXTURE; keep <= FG_KEEP_BEST; keep++) {
            const shape_case c = unit_case(tile, (fg_keep)keep, FGMM_F32, sizes[i]);
            /* each D with each kept is a compilation: all sizes with the mixture, one with the nearest */
            if (sizes[i][1] == 33 || (_i < UNITS && keep == FG_KEEP_MIXTURE)) check_case(&c);
        }
}
END_TEST

START_TEST(test_pass__unit_with_every_row_type)
{
    /* warps: so many dimensions that they have one fragment of rows or two, by the type */
    static const uint64_t short_rows[] = {97, 33, 65}, long_rows[] = {97, 100, 65};
    const uint64_t *size = _i == WARP ? long_rows : short_rows;
    if (!has_unit(&unit_tiles[_i])) return;
    for (int type = FGMM_U8; type <= FGMM_F32; type++) {
        if (_i == WARP && type != FGMM_U8 && type != FGMM_F16) continue; /* the others are loaded alike */
        const shape_case c = unit_case(&unit_tiles[_i], FG_KEEP_MIXTURE, (fgmm_type)type, size);
        check_case(&c);
    }
}
END_TEST

/* Strips that need the exact form beside others, lists of many entries, some of which larger ones made negligible, and
 * lists that overflow. */
START_TEST(test_pass__unit_in_hard_cases)
{
    static const uint64_t size[] = {97, 33, 200};
    static const double overlaps[] = {1e-3, 0.9, 1.1, 3};
    if (!has_unit(&unit_tiles[_i])) return;
    shape_case c = unit_case(&unit_tiles[_i], FG_KEEP_MIXTURE, FGMM_F32, size);
    for (size_t i = 0; i < sizeof overlaps / sizeof overlaps[0]; i++) {
        c.overlap = overlaps[i];
        check_case(&c);
    }
}
END_TEST

/* One component on a point far out, one row farther still: their own strip takes the exact form, the other strips keep
 * theirs, and every log-normaliser keeps the promise. Twice, to the same bits. */
START_TEST(test_pass__unit_with_a_collapsed_component_and_an_outlier)
{
    static const uint64_t size[] = {97, 33, 65};
    if (!has_unit(&unit_tiles[_i])) return;
    const shape_case c = unit_case(&unit_tiles[_i], FG_KEEP_MIXTURE, FGMM_F32, size);
    problem p = make_problem(&c);
    const size_t count = 2 + (size_t)c.k * (2 + (size_t)c.d);
    double *values = calloc(3 * count, sizeof *values), logz[3][97];
    p.covariances[0] = 1e-6;
    for (size_t d = 0; d < c.d; d++) {
        p.means[d] = 100;
        p.x[5 * c.d + d] = ((float *)p.rows)[5 * c.d + d] = 100.0f + 1e-3f * (float)(d % 3); /* a row of it */
        p.x[9 * c.d + d] = ((float *)p.rows)[9 * c.d + d] = -1e5f;
    }
    for (size_t i = 0; i < c.n * c.d; i++) p.x[i] = (double)((float *)p.rows)[i];
    reference_batch(&c, &p, logz[2], values + 2 * count);
    run_pass(&c, &p, c.n, values, logz[0]);
    run_pass(&c, &p, c.n, values + count, logz[1]);
    for (size_t i = 0; i < c.n; i++) {
        const double error = fabs(logz[0][i] - logz[2][i]), allowed = promised_nats + log_tolerance * fabs(logz[2][i]);
        if (!(error <= allowed)) describe_failure(&c, "log-normaliser", error, allowed);
    }
    ck_assert_mem_eq(logz[0], logz[1], sizeof logz[0]);
    ck_assert_mem_eq(values, values + count, count * sizeof *values);
    free(values);
    free_problem(&p);
}
END_TEST

/* Components that overlap so much that every row keeps more than its list holds. */
START_TEST(test_pass__overflowing_rows_take_the_dense_path)
{
    static const uint64_t sizes[][3] = {{130, 9, 200}, {70, 9, 129}};
    check_sizes(families[_i], quick_tiles[_i], sizes, 2, 3.0);
}
END_TEST

/* Each type with two variants; with all of them on request. */
START_TEST(test_pass__every_row_type)
{
    const int all = getenv("FG_TEST_ALL") != NULL;
    for (int type = FGMM_U8; type <= FGMM_F32; type++)
        for (size_t v = 0; v < VARIANTS; v++) {
            if (!all && v != (size_t)type % VARIANTS && v != (size_t)(type + 3) % VARIANTS) continue;
            const shape_case c = {families[_i],
                                  variants[v].covariance,
                                  variants[v].keep,
                                  (fgmm_type)type,
                                  variants[v].path,
                                  101,
                                  9,
                                  40,
                                  0.3,
                                  0,
                                  quick_tiles[_i]};
            check_case(&c);
        }
}
END_TEST

/* Far from the shift, with spreads of a thousandth of that distance: products alone would lose all digits. */
START_TEST(test_pass__tight_components_far_from_the_shift)
{
    for (size_t v = 0; v < 4; v++) {
        const shape_case c = {
            families[_i], variants[v].covariance, FG_KEEP_MIXTURE, FGMM_F32, variants[v].path, 90, 9, 20,
            1e-3,         promised_nats,          quick_tiles[_i]};
        check_case(&c);
    }
}
END_TEST

/* The memory decision rests on it: what a pass takes, with the dense path's buffers, is known before it is made. */
START_TEST(test_pass__bytes_are_foreseen)
{
    const shape_case c = {families[_i], FGMM_DIAG, FG_KEEP_MIXTURE, FGMM_F32, FGMM_PATH_DENSE, 300, 9, 40,
                          0.5,          0,         quick_tiles[_i]};
    const fg_pass_options options = {c.covariance, c.keep, c.k, c.d, c.type, (size_t)c.n, c.path, c.tile};
    fg_pass *pass;
    fg_buffer *buffer;
    problem p = make_problem(&c);
    open_device(c.family);
    ck_ok(fg_buffer_create(&buffer, device, sizeof(float) * c.n * c.d, FG_BUFFER_DEVICE, "rows"));
    ck_ok(fg_buffer_write(buffer, 0, p.rows, sizeof(float) * c.n * c.d));
    const fg_rows rows = {buffer, 0, (size_t)c.n};
    const uint64_t before = fgmm_device_bytes(device);
    ck_ok(fg_pass_create(&pass, device, &options));
    ck_ok(fg_pass_load(pass, &p.parameters, p.shift));
    ck_ok(fg_pass_accumulate(pass, &rows));
    ck_assert_uint_eq(fgmm_device_bytes(device) - before, fg_pass_bytes(device, &options));
    fg_pass_free(pass);
    fg_buffer_free(buffer);
    free_problem(&p);
}
END_TEST

START_TEST(test_pass__tiny)
{
    static const uint64_t sizes[][3] = {{5, 3, 2}, {13, 3, 34}};
    check_sizes(families[_i], quick_tiles[_i], sizes, 2, 1.0);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pass");
    TCase *vector = tcase_create("vector"), *group = tcase_create("group"), *both = tcase_create("both");
    TCase *matrices = tcase_create("matrices"), *units = tcase_create("units"), *tiny = tcase_create("tiny");
    TCase *warps = tcase_create("warps");
    TCase *const cases[] = {vector, group, both, matrices, units, warps, tiny};
    tcase_add_test(vector, test_pass__vector_equals_the_twin_at_tile_edges);
    tcase_add_loop_test(vector, test_pass__vector_equals_the_twin_at_vector_edges, 0, EDGE_DIMS);
    tcase_add_test(vector, test_pass__vector_small_mixtures_equal_the_twin);
    tcase_add_loop_test(vector, test_pass__vector_equals_the_twin_in_the_tile_space, 0, MOST_TILES);
    tcase_add_test(group, test_pass__group_equals_the_twin_at_tile_edges);
    tcase_add_loop_test(group, test_pass__group_equals_the_twin_with_every_tile, 0, GROUP_TILES);
    tcase_add_loop_test(units, test_pass__unit_equals_the_twin_at_tile_edges, 0, WARP);
    tcase_add_loop_test(units, test_pass__unit_with_every_row_type, 0, UNITS);
    tcase_add_loop_test(units, test_pass__unit_in_hard_cases, 0, UNITS);
    tcase_add_loop_test(units, test_pass__unit_with_a_collapsed_component_and_an_outlier, 0, UNITS);
    tcase_add_loop_test(warps, test_pass__unit_equals_the_twin_at_tile_edges, WARP, UNIT_TILES);
    tcase_add_loop_test(warps, test_pass__unit_with_every_row_type, WARP, UNIT_TILES);
    tcase_add_loop_test(warps, test_pass__unit_in_hard_cases, WARP, UNIT_TILES);
    tcase_add_loop_test(warps, test_pass__unit_with_a_collapsed_component_and_an_outlier, WARP, UNIT_TILES);
    tcase_add_loop_test(matrices, test_pass__matrices_equal_the_twin_at_tile_edges, 0, MATRIX_VARIANTS * FAMILIES);
    tcase_add_loop_test(both, test_pass__overflowing_rows_take_the_dense_path, 0, FAMILIES);
    tcase_add_loop_test(both, test_pass__every_row_type, 0, FAMILIES);
    tcase_add_loop_test(both, test_pass__bytes_are_foreseen, 0, FAMILIES);
    tcase_add_loop_test(both, test_pass__tight_components_far_from_the_shift, 0, FAMILIES);
    tcase_add_loop_test(tiny, test_pass__tiny, 0, FAMILIES);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tcase_add_checked_fixture(cases[i], NULL, teardown);
        tcase_set_timeout(cases[i], 600);
        suite_add_tcase(s, cases[i]);
    }
    return s;
}
