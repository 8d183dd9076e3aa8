/* test_pass.c - a pass on the device against the double-precision reference: the vector and the group backend, both
 * paths, all row types, spherical and diagonal covariances, at sizes around the tile's edges. Matrices:
 * test_pass_matrices.c; matrix units: test_pass_units.c. The case "tiny" is small enough for a simulator. */
#include "covariances.h"
#include "passes.h"
#include "support.h"
#include "wrong_driver.h"

#include <math.h>
#include <stdlib.h>

static const fgmm_backend backends[] = {FGMM_BACKEND_CPU_SIMD, FGMM_BACKEND_GPU_WORKGROUP};
enum { BACKENDS = sizeof backends / sizeof backends[0] };

/* Entries of a component are joined in float within a batch, and in double across batches: some roundings. */
static const double joining_tolerance = 1e-5;

/* Covariance, kept components and path that a backend must get right; each is run for every size below. */
typedef struct variant {
    fgmm_covariance covariance;
    fg_assignment assignment;
    fgmm_path path;
} variant;

#define SOFT(type) {FGMM_##type, FG_ASSIGN_SOFT, FGMM_PATH_SPARSE}, {FGMM_##type, FG_ASSIGN_SOFT, FGMM_PATH_DENSE},
#define HARD(type) {FGMM_##type, FG_ASSIGN_HARD, FGMM_PATH_SPARSE},
static const variant variants[] = {VARIANCE_TYPES(SOFT) VARIANCE_TYPES(HARD)};
enum { VARIANTS = sizeof variants / sizeof variants[0] };

static void check_sizes(fgmm_backend backend, const fg_tile *tile, const uint64_t (*sizes)[3], size_t count,
                        double overlap)
{
    for (size_t v = 0; v < VARIANTS; v++)
        for (size_t i = 0; i < count; i++) {
            const shape_case c = {backend,
                                  variants[v].covariance,
                                  variants[v].assignment,
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

/* 1, tile - 1, tile, tile + 1 for N and K of the vector backend's larger tiles (48 rows, 32 components), and a K for
 * each shipped tile; then for D (16 lanes). Few different D, here and below: each is a compilation, and what one test
 * compiled the next one finds. */
static const uint64_t edge_sizes[][3] = {
    {1, 1, 1},    {11, 17, 2},  {12, 17, 7},  {13, 17, 31}, {47, 17, 32},   {48, 17, 33},
    {49, 17, 63}, {63, 17, 64}, {65, 17, 65}, {100, 1, 1},  {257, 17, 130},
};
static const uint64_t edge_dims[] = {3, 15, 16, 33};
enum { EDGE_SIZES = sizeof edge_sizes / sizeof edge_sizes[0], EDGE_DIMS = sizeof edge_dims / sizeof edge_dims[0] };

START_TEST(test_pass__vector_equals_the_reference_at_tile_edges)
{
    check_sizes(FGMM_BACKEND_CPU_SIMD, NULL, edge_sizes, EDGE_SIZES, 0.5);
}
END_TEST

/* Each D with two variants, one with all components and one of the others. */
START_TEST(test_pass__vector_equals_the_reference_at_vector_edges)
{
    for (size_t v = (size_t)_i % 3; v < VARIANTS; v += 3) {
        const shape_case c = {.backend = FGMM_BACKEND_CPU_SIMD,
                              .covariance = variants[v].covariance,
                              .assignment = variants[v].assignment,
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

/* Left to itself, the vector backend takes small mixtures straight into sums: more rows than a range has, K and D
 * around panels and vectors, also far from the shift. */
START_TEST(test_pass__vector_small_mixtures_equal_the_reference)
{
    static const uint64_t sizes[][3] = {{1, 1, 1}, {47, 17, 16}, {48, 17, 33}, {3100, 17, 17}, {2049, 17, 150}};
    for (int covariance = covariance_from(0, 0); covariance < COVARIANCES;
         covariance = covariance_from(covariance + 1, 0))
        for (int assignment = FG_ASSIGN_SOFT; assignment <= FG_ASSIGN_HARD; assignment++)
            for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                const int is_tight = assignment == FG_ASSIGN_SOFT && i == 1;
                const shape_case c = {.backend = FGMM_BACKEND_CPU_SIMD,
                                      .covariance = (fgmm_covariance)covariance,
                                      .assignment = (fg_assignment)assignment,
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

/* The group backend's tiles; on CPUs such kernels take seconds to compile, so edges are those of the smallest. */
static const fg_tile group_tiles[] = {
    {.vw = 4, .rows = 32, .vectors = 32, .block = 64, .chunk = 256, .depth = 8, .local = 64, .across = 8},
    {.vw = 4, .rows = 256, .vectors = 16, .block = 64, .chunk = 256, .depth = 8, .local = 256, .across = 4},
    {.vw = 4, .rows = 128, .vectors = 32, .block = 64, .chunk = 256, .depth = 8, .local = 256, .across = 8},
    {.vw = 4, .rows = 128, .vectors = 128, .block = 64, .chunk = 256, .depth = 8, .local = 256, .across = 16},
    {.vw = 4, .rows = 64, .vectors = 64, .block = 32, .chunk = 16, .depth = 16, .local = 256, .across = 16},
};
enum { GROUP_TILES = sizeof group_tiles / sizeof group_tiles[0] };

START_TEST(test_pass__group_equals_the_reference_at_tile_edges)
{
    static const uint64_t sizes[][3] = {{1, 9, 1}, {31, 9, 31}, {32, 9, 32}, {33, 9, 33}, {300, 9, 65}};
    check_sizes(FGMM_BACKEND_GPU_WORKGROUP, &quick_group_tile, sizes, sizeof sizes / sizeof sizes[0], 0.5);
}
END_TEST

START_TEST(test_pass__group_equals_the_reference_with_every_tile)
{
    const int all = getenv("FG_TEST_ALL") != NULL;
    for (size_t v = 0; v < VARIANTS; v++) {
        if (!all && v != (size_t)_i % 4 && v != 4) continue; /* every variant with some tile */
        const shape_case c = {.backend = FGMM_BACKEND_GPU_WORKGROUP,
                              .covariance = variants[v].covariance,
                              .assignment = variants[v].assignment,
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

/* The vector backend's tile space (tile.c): with each of its values of a parameter in turn, the others as in a small
 * tile; and tiles with everything at its least, and at odd numbers, for each vector width. */
static const fg_tile vector_middle = {
    .vw = 4, .rows = 4, .vectors = 2, .block = 12, .dense_k = 4, .dense_v = 2, .chunk_vectors = 2, .chunk = 64};
static const fg_tile vector_corners[] = {
    {.vw = 4, .rows = 1, .vectors = 1, .block = 1, .dense_k = 1, .dense_v = 1, .chunk_vectors = 1, .chunk = 1},
    {.vw = 8, .rows = 1, .vectors = 1, .block = 4, .dense_k = 1, .dense_v = 1, .chunk_vectors = 1, .chunk = 1},
    {.vw = 16, .rows = 5, .vectors = 3, .block = 20, .dense_k = 2, .dense_v = 3, .chunk_vectors = 3, .chunk = 256},
    {.vw = 16, .rows = 14, .vectors = 4, .block = 98, .dense_k = 16, .dense_v = 4, .chunk_vectors = 12, .chunk = 1024},
    {.vw = 8, .rows = 12, .vectors = 3, .block = 12, .dense_k = 4, .dense_v = 4, .chunk_vectors = 8, .chunk = 256},
    {.vw = 4, .rows = 12, .vectors = 3, .block = 48, .dense_k = 4, .dense_v = 4, .chunk_vectors = 8, .chunk = 256},
};
enum { VECTOR_CORNERS = sizeof vector_corners / sizeof vector_corners[0], MOST_TILES = 64 };

/* Small mixtures take a block's few entries one by one, and products where it has many (fused.c: here some 5 and 19 a
 * row): components far apart, some near each other so that blocks of a range differ, and all near; and, far from the
 * shift, panels that differences are taken of. */
START_TEST(test_pass__vector_small_mixtures_sparse_and_dense)
{
    static const double overlaps[] = {0.02, 0.25, 0.6, 3, 1e-3};
    enum { OVERLAPS = sizeof overlaps / sizeof overlaps[0] };
    static const uint64_t sizes[][3] = {{1100, 17, 33}, {1100, 17, 150}, {300, 19, 20}, {100, 17, 1100}};
    for (int covariance = covariance_from(0, 0); covariance < COVARIANCES;
         covariance = covariance_from(covariance + 1, 0))
        for (size_t i = 0; i < OVERLAPS; i++) {
            const shape_case c = {.backend = FGMM_BACKEND_CPU_SIMD,
                                  .covariance = (fgmm_covariance)covariance,
                                  .type = FGMM_F32,
                                  .path = FGMM_PATH_AUTO,
                                  .n = sizes[_i][0],
                                  .d = sizes[_i][1],
                                  .k = sizes[_i][2],
                                  .overlap = overlaps[i],
                                  .nats = promised_nats,
                                  .tile = _i == 2 ? &vector_middle : NULL, /* and without lane masks */
                                  .has_weights = i % 2 == 0};
            check_case(&c);
        }
}
END_TEST

/* Corner i, then each value of each parameter. 0: there are no more. */
static int vector_tile(fg_tile *tile, unsigned i)
{
    const fg_space *space = &fg_cpu_simd.tiles;
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
START_TEST(test_pass__vector_equals_the_reference_in_the_tile_space)
{
    const int all = getenv("FG_TEST_ALL") != NULL;
    fg_tile tile;
    if ((!all && _i >= VECTOR_CORNERS) || !vector_tile(&tile, (unsigned)_i)) return;
    ck_assert(_i < MOST_TILES - 1); /* the loop covers them all */
    const fg_tile_problem about = {FGMM_DIAG, 19, 19, 16};
    const fg_space_needs limits = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
    ck_assert_ptr_null(fg_space_reject(&fg_cpu_simd.tiles, &tile, &about, &limits));
    const uint64_t panel = tile.vw * tile.vectors;
    for (size_t v = 0; v < VARIANTS; v++) {
        if (!all && v != (size_t)_i % 4 && v != 4) continue; /* one with all components, one with the nearest */
        for (uint64_t near = 0; near < 3; near++) {          /* a tile less one, a tile, a tile and one */
            const shape_case c = {FGMM_BACKEND_CPU_SIMD,
                                  variants[v].covariance,
                                  variants[v].assignment,
                                  FGMM_F32,
                                  variants[v].path,
                                  tile.block * 2 - 1 + near,
                                  19,
                                  panel - 1 + near,
                                  0.6,
                                  0,
                                  &tile};
            if (c.k > 0) check_case(&c);
        }
    }
}
END_TEST

/* Components that overlap so much that every row keeps more than its list holds. */
START_TEST(test_pass__overflowing_rows_take_the_dense_path)
{
    static const uint64_t sizes[][3] = {{130, 9, 200}, {70, 9, 129}};
    check_sizes(backends[_i], quick_tile(backends[_i]), sizes, 2, 3.0);
}
END_TEST

/* Few of a batch's rows overflow: they are set aside (deferred.c: room for a sixteenth of a batch), and summed when
 * half of the room is taken and at the end. */
START_TEST(test_pass__few_overflowing_rows_of_many_batches)
{
    static const uint64_t every[] = {40, 17, 101}; /* 2..3, 6 and 1 of 100 rows; there is room for 6 */
    for (size_t i = 0; i < sizeof every / sizeof every[0]; i++) {
        const shape_case c = {.backend = backends[_i],
                              .type = FGMM_F32,
                              .path = FGMM_PATH_SPARSE,
                              .n = 950,
                              .d = 9,
                              .k = 200,
                              .overlap = 0.2,
                              .tile = quick_tile(backends[_i]),
                              .has_weights = i % 2 == 1,
                              .batch_rows = 100,
                              .dense_every = every[i]};
        check_case(&c);
    }
}
END_TEST

/* Batches of more rows than a tile of the dense path has, whether they overflow or are dense from the first; and of
 * more than are combined together (8192). */
START_TEST(test_pass__dense_rows_in_several_tiles)
{
    static const uint64_t sizes[][3] = {{6500, 9, 1000}};
    check_sizes(FGMM_BACKEND_CPU_SIMD, NULL, sizes, 1, 3.0);
    const shape_case c = {.type = FGMM_F32,
                          .backend = FGMM_BACKEND_CPU_SIMD,
                          .path = FGMM_PATH_SPARSE,
                          .n = 10000,
                          .d = 9,
                          .k = 130,
                          .overlap = 3,
                          .batch_rows = 10000};
    check_case(&c);
}
END_TEST

/* A batch of a small mixture that is more than one launch may take (fused.c: 2^18 rows). */
START_TEST(test_pass__small_mixtures_in_several_launches)
{
    const shape_case c = {.backend = FGMM_BACKEND_CPU_SIMD,
                          .assignment = (fg_assignment)_i,
                          .type = FGMM_F32,
                          .path = FGMM_PATH_AUTO,
                          .n = 450001, /* a batch is two thirds of them */
                          .d = 1,
                          .k = 2,
                          .overlap = 0.5};
    check_case(&c);
}
END_TEST

/* Lists of a batch that takes two launches (responsibilities.c: 2^33 operations) are those of two batches, a launch
 * each, to the last bit; the reference would take too long. */
START_TEST(test_pass__lists_in_several_launches)
{
    enum { N = 1300, K = 250000, D = 17, STATISTICS = 2 + K * (1 + D + 1) };
    const shape_case c = {.backend = FGMM_BACKEND_CPU_SIMD,
                          .type = FGMM_F32,
                          .path = FGMM_PATH_SPARSE,
                          .n = N,
                          .d = D,
                          .k = K,
                          .overlap = 0.1};
    static double logz[2][N], values[2][STATISTICS];
    problem p = make_problem(&c);
    device_of_backend(c.backend);
    for (size_t i = 0; i < 2; i++) run_pass(&c, &p, i == 0 ? N : N / 2, values[i], logz[i]);
    ck_assert_mem_eq(logz[0], logz[1], sizeof logz[0]);
    for (size_t i = 0; i < STATISTICS; i++)
        ck_assert_double_eq_tol(values[0][i], values[1][i], joining_tolerance * (1 + fabs(values[0][i])));
    free_problem(&p);
}
END_TEST

/* Launches as small as can be, on every path: the dense one, whose tiles follow the budget, rounds otherwise then. On
 * the fused one they still have more rows than there are here. */
START_TEST(test_pass__least_launches_on_every_path)
{
    for (int path = FGMM_PATH_AUTO; path <= FGMM_PATH_DENSE; path++) {
        for (int covariance = FGMM_SPHERICAL; covariance <= FGMM_DIAG; covariance++) {
            uint64_t launches[2];
            shape_case c = {.backend = backends[_i],
                            .covariance = (fgmm_covariance)covariance,
                            .type = FGMM_F32,
                            .path = (fgmm_path)path,
                            .n = 300,
                            .d = 9,
                            .k = 40,
                            .overlap = 0.5,
                            .tile = quick_tile(backends[_i])};
            for (int is_least = 0; is_least < 2; is_least++) {
                fgmm_device *device = device_of_backend(c.backend);
                launches[is_least] = fg_device_launches(device);
                c.launch_work = is_least;
                check_case(&c);
                launches[is_least] = fg_device_launches(device) - launches[is_least];
            }
            ck_assert(path == FGMM_PATH_AUTO || launches[1] > launches[0]);
        }
    }
}
END_TEST

/* Of equal centres the lowest is the nearest, within a vector and beyond it, by lists and straight into sums. */
START_TEST(test_pass__ties_go_to_the_lower_centre)
{
    for (int path = FGMM_PATH_AUTO; path <= FGMM_PATH_SPARSE; path++) {
        const shape_case c = {.backend = backends[_i],
                              .assignment = FG_ASSIGN_HARD,
                              .type = FGMM_F32,
                              .path = (fgmm_path)path,
                              .n = 101,
                              .d = 9,
                              .k = 66,
                              .overlap = 0.5,
                              .tile = quick_tile(backends[_i])};
        problem p = make_problem(&c);
        for (uint64_t i = 0; i < c.k * c.d; i++) p.means[i] = p.means[i % (3 * c.d)]; /* three, each many times */
        check_problem(&c, &p);
        free_problem(&p);
    }
}
END_TEST

/* Each type with two variants; with all of them on request. */
START_TEST(test_pass__every_row_type)
{
    const int all = getenv("FG_TEST_ALL") != NULL;
    for (int type = FGMM_U8; type <= FGMM_F32; type++)
        for (size_t v = 0; v < VARIANTS; v++) {
            if (!all && v != (size_t)type % VARIANTS && v != (size_t)(type + 3) % VARIANTS) continue;
            const shape_case c = {backends[_i],
                                  variants[v].covariance,
                                  variants[v].assignment,
                                  (fgmm_type)type,
                                  variants[v].path,
                                  101,
                                  9,
                                  40,
                                  0.3,
                                  0,
                                  quick_tile(backends[_i])};
            check_case(&c);
        }
}
END_TEST

/* Far from the shift, with spreads of a thousandth of that distance: products alone would lose all digits. */
START_TEST(test_pass__tight_components_far_from_the_shift)
{
    for (size_t v = 0; v < 4; v++) {
        const shape_case c = {
            backends[_i], variants[v].covariance, FG_ASSIGN_SOFT,          FGMM_F32, variants[v].path, 90, 9, 20,
            1e-3,         promised_nats,          quick_tile(backends[_i])};
        check_case(&c);
    }
}
END_TEST

/* The memory decision rests on it: what a pass takes, with the dense path's buffers, is known before it is made. */
START_TEST(test_pass__bytes_are_foreseen)
{
    const shape_case c = {backends[_i], FGMM_DIAG, FG_ASSIGN_SOFT,          FGMM_F32, FGMM_PATH_DENSE, 300, 9, 40,
                          0.5,          0,         quick_tile(backends[_i])};
    const fg_pass_options options = {c.covariance, c.assignment, c.k, c.d, c.type, (size_t)c.n, c.path, c.tile};
    fg_pass *pass;
    fg_buffer *buffer;
    problem p = make_problem(&c);
    fgmm_device *device = device_of_backend(c.backend);
    ck_ok(fg_buffer_create(&buffer, device, sizeof(float) * c.n * c.d, FG_BUFFER_DEVICE, "rows"));
    ck_ok(fg_buffer_write(buffer, 0, p.rows, sizeof(float) * c.n * c.d));
    const fg_rows rows = {buffer, 0, (size_t)c.n};
    const uint64_t before = fgmm_device_bytes(device);
    ck_ok(fg_pass_create(&pass, device, &options));
    ck_ok(fg_pass_load(pass, &p.parameters, p.shift));
    ck_ok(fg_pass_accumulate(pass, &rows));
    const fg_inputs in = fg_pass_inputs(pass, &rows);
    const fg_dense_span none = {.list = pass->transpose.rows, .use_list = 1};
    ck_ok(fg_dense_create(&pass->dense, device, &pass->shape)); /* what rows that overflow would need besides */
    ck_ok(fg_deferred_add(&pass->deferred, &in, &none, pass->sparse.logz));
    ck_ok(fg_pass_recentre(pass, p.parameters.means, p.shift)); /* and sums about other centres */
    ck_ok(fg_pass_be_precise(pass, &p.parameters, p.shift));
    ck_assert_uint_eq(fgmm_device_bytes(device) - before, fg_pass_bytes(device, &options));
    fg_pass_free(pass);
    fg_buffer_free(buffer);
    free_problem(&p);
}
END_TEST

/* In double precision, by either backend's rows of every type, about the means and about other centres: sums are as
 * exact as doubles. */
START_TEST(test_pass__precise_sums_equal_the_reference)
{
    static const fgmm_type types[] = {FGMM_U8, FGMM_I8, FGMM_F16, FGMM_F32};
    static const double tolerance = 1e-9; /* of 48 bits and some roundings of doubles */
    for (size_t i = 0; i < 16; i++) {
        const shape_case c = {.backend = backends[_i],
                              .covariance = i / 4 % 2 ? FGMM_DIAG : FGMM_SPHERICAL,
                              .assignment = FG_ASSIGN_SOFT,
                              .type = types[i % 4],
                              .n = 300,
                              .d = 9,
                              .k = 33,
                              .overlap = 0.5,
                              .has_weights = i % 3 > 0,
                              .is_precise = 1,
                              .is_recentred = i / 8,
                              .tile = quick_tile(backends[_i])};
        const size_t count = statistics_of(&c);
        problem p = make_problem(&c);
        double *exact = calloc(count, sizeof *exact), *found = calloc(count, sizeof *found),
               *logz = calloc(c.n, sizeof *logz);
        device_of_backend(c.backend);
        reference_batch(&c, &p, logz, exact);
        run_pass(&c, &p, 200, found, logz);
        for (size_t e = 2; e < count; e++)
            check_error("a statistic", fabs(found[e] - exact[e]), tolerance * (1 + fabs(exact[e])) * (double)c.n);
        free(exact);
        free(found);
        free(logz);
        free_problem(&p);
    }
}
END_TEST

/* What a tile is said to take of local memory decides whether a GPU gets it at all: no kernel takes more, and the
 * largest takes most of it. */
START_TEST(test_pass__local_memory_is_foreseen)
{
    static const double most_excess = 1.1;
    const fg_tile *tile = &group_tiles[GROUP_TILES - 2 + _i / 2];
    const fgmm_covariance covariance = _i % 2 ? FGMM_DIAG : FGMM_SPHERICAL;
    const fg_tile_problem about = {covariance, 140, 19, 4, 0};
    fg_space_needs needs;
    uint64_t most = 0;
    fg_gpu_workgroup.tiles.needs(&needs, tile, &about);
    for (int path = FGMM_PATH_SPARSE; path <= FGMM_PATH_DENSE; path++) {
        const shape_case c = {.backend = FGMM_BACKEND_GPU_WORKGROUP,
                              .covariance = covariance,
                              .type = FGMM_F32,
                              .path = (fgmm_path)path,
                              .n = 300,
                              .d = about.d,
                              .k = about.k,
                              .overlap = 0.7,
                              .tile = tile};
        check_case(&c);
        const uint64_t bytes = most_local_bytes();
        ck_assert_uint_le(bytes, needs.local_bytes);
        most = bytes > most ? bytes : most;
    }
    if (most > 0) ck_assert_double_le((double)needs.local_bytes, most_excess * (double)most); /* PoCL 6.0 tells none */
}
END_TEST

START_TEST(test_pass__tiny)
{
    static const uint64_t sizes[][3] = {{5, 3, 2}, {13, 3, 34}};
    check_sizes(backends[_i], quick_tile(backends[_i]), sizes, 2, 1.0);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pass");
    TCase *vector = tcase_create("vector");
    TCase *group = tcase_create("group");
    TCase *both = tcase_create("both");
    TCase *launches = tcase_create("launches");
    TCase *local = tcase_create("local");
    TCase *precise = tcase_create("precise");
    TCase *tiny = tcase_create("tiny");
    TCase *const cases[] = {vector, group, both, launches, local, precise, tiny};
    tcase_add_test(vector, test_pass__vector_equals_the_reference_at_tile_edges);
    tcase_add_loop_test(vector, test_pass__vector_equals_the_reference_at_vector_edges, 0, EDGE_DIMS);
    tcase_add_test(vector, test_pass__vector_small_mixtures_equal_the_reference);
    tcase_add_loop_test(vector, test_pass__vector_small_mixtures_sparse_and_dense, 0, 4);
    tcase_add_loop_test(vector, test_pass__vector_equals_the_reference_in_the_tile_space, 0, MOST_TILES);
    tcase_add_test(group, test_pass__group_equals_the_reference_at_tile_edges);
    tcase_add_loop_test(group, test_pass__group_equals_the_reference_with_every_tile, 0, GROUP_TILES);
    tcase_add_loop_test(both, test_pass__overflowing_rows_take_the_dense_path, 0, BACKENDS);
    tcase_add_loop_test(both, test_pass__few_overflowing_rows_of_many_batches, 0, BACKENDS);
    tcase_add_test(both, test_pass__dense_rows_in_several_tiles);
    tcase_add_loop_test(both, test_pass__ties_go_to_the_lower_centre, 0, BACKENDS);
    tcase_add_loop_test(both, test_pass__every_row_type, 0, BACKENDS);
    tcase_add_loop_test(precise, test_pass__bytes_are_foreseen, 0, BACKENDS);
    tcase_add_loop_test(precise, test_pass__precise_sums_equal_the_reference, 0, BACKENDS);
    tcase_add_loop_test(both, test_pass__tight_components_far_from_the_shift, 0, BACKENDS);
    tcase_add_loop_test(launches, test_pass__small_mixtures_in_several_launches, FG_ASSIGN_SOFT, FG_ASSIGN_HARD + 1);
    tcase_add_test(launches, test_pass__lists_in_several_launches);
    tcase_add_loop_test(launches, test_pass__least_launches_on_every_path, 0, BACKENDS);
    tcase_add_loop_test(local, test_pass__local_memory_is_foreseen, 0, 4);
    tcase_add_loop_test(tiny, test_pass__tiny, 0, BACKENDS);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tcase_add_checked_fixture(cases[i], NULL, close_device);
        tcase_set_timeout(cases[i], 600);
        suite_add_tcase(s, cases[i]);
    }
    return s;
}
