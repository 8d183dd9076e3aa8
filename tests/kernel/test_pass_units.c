/* test_pass_units.c - a pass whose responsibilities a matrix unit computes, against the double-precision reference: AMX
 * and NVIDIA's where the device has them, and a stand-in for each in OpenCL C everywhere else. */
#include "passes.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Backends with a matrix unit, each with the shipped tile of 16 lanes; those of warps with a small one. */
typedef struct unit_case {
    const fg_backend *backend;
    fg_tile tile;
} unit_case;

#define WIDE_TILE                                                                                                      \
    {                                                                                                                  \
        .vw = 16, .rows = 12, .vectors = 2, .block = 96, .dense_k = 8, .dense_v = 2, .chunk_vectors = 8, .chunk = 256  \
    }
#define GROUP_TILE                                                                                                     \
    {                                                                                                                  \
        .vw = 4, .rows = 32, .vectors = 32, .block = 64, .chunk = 256, .depth = 8, .local = 64, .across = 8            \
    }

static const unit_case unit_cases[] = {
    {&fg_matrix_plain, WIDE_TILE},
    {&fg_matrix_amx, WIDE_TILE}, /* where this machine has it */
    {&fg_matrix_plain,           /* another vector */
     {.vw = 4, .rows = 1, .vectors = 8, .block = 32, .dense_k = 4, .dense_v = 2, .chunk_vectors = 4, .chunk = 256}},
    {&fg_matrix_warp, GROUP_TILE},
    {&fg_matrix_nvidia, GROUP_TILE}, /* where the device has it */
};
enum { UNITS = 2, UNIT_CASES = sizeof unit_cases / sizeof unit_cases[0], WARP = UNIT_CASES - 2 };

static fgmm_backend backend_of(const unit_case *unit)
{
    const fgmm_backend kernels = unit->backend->kernels;
    return kernels == FGMM_BACKEND_CPU_SIMD ? FGMM_BACKEND_MATRIX_UNIT : kernels;
}

static int has_unit(const unit_case *unit)
{
    const fg_device_facts *facts = fg_device_facts_of(device_of_backend(backend_of(unit)));
    const int is_real = unit->backend == &fg_matrix_amx || unit->backend == &fg_matrix_nvidia;
    const int is_there = is_real ? facts->matrix_unit == unit->backend->unit : facts->kind == FGMM_DEVICE_CPU;
    if (!is_there) printf("skipped: not for this device:%s\n", unit->backend->unit_text);
    return is_there;
}

static shape_case shape_of(const unit_case *unit, fg_assignment assignment, fgmm_type type, const uint64_t size[3])
{
    return (shape_case){.backend = backend_of(unit),
                        .covariance = FGMM_SPHERICAL,
                        .assignment = assignment,
                        .type = type,
                        .path = FGMM_PATH_SPARSE,
                        .n = size[0],
                        .d = size[1],
                        .k = size[2],
                        .overlap = 0.4,
                        .nats = promised_nats,
                        .tile = &unit->tile,
                        .kernels = unit->backend};
}

START_TEST(test_pass__unit_equals_the_reference_at_tile_edges)
{
    static const uint64_t sizes[][3] = {{1, 33, 1}, {31, 31, 31}, {32, 32, 32}, {33, 33, 33}, {193, 33, 97}};
    const unit_case *unit = &unit_cases[_i];
    if (!has_unit(unit)) return;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int assignment = FG_ASSIGN_SOFT; assignment <= FG_ASSIGN_HARD; assignment++) {
            const shape_case c = shape_of(unit, (fg_assignment)assignment, FGMM_F32, sizes[i]);
            /* each D with each kept is a compilation: all sizes with the mixture, one with the nearest */
            if (sizes[i][1] == 33 || (_i < UNITS && assignment == FG_ASSIGN_SOFT)) check_case(&c);
        }
}
END_TEST

START_TEST(test_pass__unit_with_every_row_type)
{
    /* warps: so many dimensions that they have one fragment of rows or two, by the type */
    static const uint64_t short_rows[] = {97, 33, 65}, long_rows[] = {97, 100, 65};
    const uint64_t *size = _i >= WARP ? long_rows : short_rows;
    if (!has_unit(&unit_cases[_i])) return;
    for (int type = FGMM_U8; type <= FGMM_F32; type++) {
        if (_i >= WARP && type != FGMM_U8 && type != FGMM_F16) continue; /* the others are loaded alike */
        const shape_case c = shape_of(&unit_cases[_i], FG_ASSIGN_SOFT, (fgmm_type)type, size);
        check_case(&c);
    }
}
END_TEST

/* Panels that need the exact form beside others, lists of many entries, some of which larger ones made negligible, and
 * lists that overflow. */
START_TEST(test_pass__unit_in_hard_cases)
{
    static const uint64_t size[] = {97, 33, 200};
    static const double overlaps[] = {1e-3, 0.9, 1.1, 3};
    if (!has_unit(&unit_cases[_i])) return;
    shape_case c = shape_of(&unit_cases[_i], FG_ASSIGN_SOFT, FGMM_F32, size);
    for (size_t i = 0; i < sizeof overlaps / sizeof overlaps[0]; i++) {
        c.overlap = overlaps[i];
        check_case(&c);
    }
}
END_TEST

/* Log-normalisers keep the promise. */
static void check_logz(const shape_case *c, const double *found, const double *expected)
{
    for (size_t i = 0; i < c->n; i++) {
        const double error = fabs(found[i] - expected[i]), allowed = promised_nats + log_tolerance * fabs(expected[i]);
        check_error("log-normaliser", error, allowed);
    }
}

/* Means of few digits, some of them on the shift: their first term is all there is, and what is left is zero. */
START_TEST(test_pass__unit_with_means_that_one_term_holds)
{
    static const uint64_t size[] = {97, 33, 65};
    if (!has_unit(&unit_cases[_i])) return;
    const shape_case c = shape_of(&unit_cases[_i], FG_ASSIGN_SOFT, FGMM_F32, size);
    problem p = make_problem(&c);
    double *values = calloc(2 + (size_t)c.k * (2 + (size_t)c.d), sizeof *values), logz[2][97];
    for (size_t i = 0; i < c.k * c.d; i++) {
        const double shift = (double)p.shift[i % c.d], rounded = rint(p.means[i]);
        p.means[i] = i % 3 == 0 ? shift : rounded;
    }
    reference_batch(&c, &p, logz[1], values);
    run_pass(&c, &p, c.n, values, logz[0]);
    check_logz(&c, logz[0], logz[1]);
    free(values);
    free_problem(&p);
}
END_TEST

/* One component on a point far out, one row farther still: their own panel takes the exact form, the other panels keep
 * theirs, and every log-normaliser keeps the promise. Twice, to the same bits. */
START_TEST(test_pass__unit_with_a_collapsed_component_and_an_outlier)
{
    static const uint64_t size[] = {97, 33, 65};
    if (!has_unit(&unit_cases[_i])) return;
    const shape_case c = shape_of(&unit_cases[_i], FG_ASSIGN_SOFT, FGMM_F32, size);
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
    check_logz(&c, logz[0], logz[2]);
    ck_assert_mem_eq(logz[0], logz[1], sizeof logz[0]);
    ck_assert_mem_eq(values, values + count, count * sizeof *values);
    free(values);
    free_problem(&p);
}
END_TEST

/* ---- bounds from one product ---- */

START_TEST(test_pass__unit_with_bounds_equals_the_reference_at_tile_edges)
{
    static const uint64_t sizes[][3] = {{1, 33, 1}, {31, 33, 31}, {32, 33, 32}, {33, 33, 33}, {193, 33, 97}};
    const unit_case *unit = &unit_cases[_i];
    if (!has_unit(unit)) return;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int assignment = FG_ASSIGN_SOFT; assignment <= FG_ASSIGN_HARD; assignment++) {
            shape_case c = shape_of(unit, (fg_assignment)assignment, FGMM_F32, sizes[i]);
            c.pruning = FG_PRUNING_ALWAYS;
            check_case(&c);
        }
}
END_TEST

/* Rows that are whole numbers; components that are tight and far out; lists of many entries and lists that overflow;
 * more panels than a block has room for at a time. */
START_TEST(test_pass__unit_with_bounds_in_hard_cases)
{
    static const uint64_t size[] = {97, 33, 200}, many[] = {97, 33, 5000};
    static const double overlaps[] = {1e-3, 0.9, 1.1, 3};
    if (!has_unit(&unit_cases[_i])) return;
    for (int type = FGMM_U8; type <= FGMM_F32; type += FGMM_F32 - FGMM_U8) {
        shape_case c = shape_of(&unit_cases[_i], FG_ASSIGN_SOFT, (fgmm_type)type, size);
        c.pruning = FG_PRUNING_ALWAYS;
        for (size_t i = 0; i < sizeof overlaps / sizeof overlaps[0]; i++) {
            c.overlap = overlaps[i];
            check_case(&c);
        }
    }
    shape_case c = shape_of(&unit_cases[_i], FG_ASSIGN_SOFT, FGMM_F32, many);
    c.pruning = FG_PRUNING_ALWAYS;
    check_case(&c);
}
END_TEST

enum { ROUNDED_D = 64, ROUNDED_K = 40, ROUNDED_N = 33, NEAR = 7, NEXT = 35 };

/* Labels of equal rows; all components but NEAR and NEXT are far away. */
static void label_rounded_rows(const unit_case *unit, fgmm_type type, const void *rows, const double values[2])
{
    static double means[ROUNDED_K * ROUNDED_D], weights[ROUNDED_K], variances[ROUNDED_K];
    static const float shift[ROUNDED_D];
    const size_t bytes = ROUNDED_N * ROUNDED_D * fgmm_type_bytes(type);
    const fg_pass_options options = {.assignment = FG_ASSIGN_HARD,
                                     .k = ROUNDED_K,
                                     .d = ROUNDED_D,
                                     .type = type,
                                     .batch_rows = ROUNDED_N,
                                     .path = FGMM_PATH_SPARSE,
                                     .tile = &unit->tile,
                                     .backend = unit->backend,
                                     .pruning = FG_PRUNING_ALWAYS};
    int32_t labels[ROUNDED_N];
    fg_pass *pass;
    fg_buffer *buffer;
    fgmm_device *device = device_of_backend(FGMM_BACKEND_MATRIX_UNIT);
    for (size_t k = 0; k < ROUNDED_K; k++) {
        weights[k] = variances[k] = 1.0 / ROUNDED_K;
        for (size_t d = 0; d < ROUNDED_D; d++)
            means[k * ROUNDED_D + d] = k == NEAR ? values[0] : k == NEXT ? values[1] : -10.0 - (double)k;
    }
    const fg_parameters p = {FGMM_SPHERICAL, ROUNDED_K, ROUNDED_D, weights, means, variances};
    ck_ok(fg_pass_create(&pass, device, &options));
    ck_ok(fg_buffer_create(&buffer, device, bytes, FG_BUFFER_DEVICE, "rows"));
    ck_ok(fg_buffer_write(buffer, 0, rows, bytes));
    ck_ok(fg_pass_load(pass, &p, shift));
    const fg_rows batch = {.buffer = buffer, .n = ROUNDED_N};
    const fg_evaluation_rows out = {.labels = labels};
    ck_ok(fg_pass_evaluate(pass, &batch, &out));
    for (size_t i = 0; i < ROUNDED_N; i++) ck_assert_int_eq(labels[i], NEAR);
    fg_buffer_free(buffer);
    fg_pass_free(pass);
}

/* All coordinates lose nearly as much as bf16 can take, or a quarter of it, and in one direction: first terms alone
 * name the wrong component, and each part of the bound is needed. */
START_TEST(test_pass__unit_with_bounds_where_first_terms_mislead)
{
    static const double most = 1 + 0.99 * 0x1p-8, quarter = 1 + 0.25 * 0x1p-8; /* first terms: 1 */
    static const struct {
        fgmm_type type;
        double row, means[2]; /* NEAR, NEXT */
    } cases[] = {
        {FGMM_F32, most, {most, 1 + 0x1p-7}},       /* rows and means lose */
        {FGMM_F32, quarter, {quarter, 1 - 0x1p-8}}, /* likewise */
        {FGMM_F32, most, {1 + 0x1p-7, 1 - 0x1p-8}}, /* rows */
        {FGMM_U8, 1, {most, 1 - 0x1p-7}},           /* means */
        {FGMM_U8, 1, {quarter, 1 - 0.5 * 0x1p-8}},  /* means */
    };
    const unit_case *unit = &unit_cases[_i];
    if (!has_unit(unit)) return;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static float floats[ROUNDED_N * ROUNDED_D];
        static uint8_t bytes[ROUNDED_N * ROUNDED_D];
        for (size_t j = 0; j < ROUNDED_N * ROUNDED_D; j++) {
            floats[j] = (float)cases[i].row;
            bytes[j] = (uint8_t)cases[i].row;
        }
        label_rounded_rows(unit, cases[i].type, cases[i].type == FGMM_U8 ? (void *)bytes : floats, cases[i].means);
    }
}
END_TEST

/* Rows that go straight into sums meet no unit: what is said of the pass is what ran. */
START_TEST(test_pass__unit_is_named_where_it_multiplies)
{
    static const uint64_t size[] = {97, 33, 65};
    const shape_case c = shape_of(&unit_cases[0], FG_ASSIGN_SOFT, FGMM_F32, size);
    fgmm_device *device = device_of_backend(c.backend);
    problem p = make_problem(&c);
    for (int path = FGMM_PATH_AUTO; path <= FGMM_PATH_SPARSE; path++) {
        const fg_pass_options options = {.covariance = c.covariance,
                                         .assignment = c.assignment,
                                         .k = c.k,
                                         .d = c.d,
                                         .type = c.type,
                                         .batch_rows = (size_t)c.n,
                                         .path = (fgmm_path)path,
                                         .tile = c.tile,
                                         .backend = c.kernels};
        const int is_fused = path == FGMM_PATH_AUTO;
        fg_pass *pass;
        fg_pass_facts facts;
        ck_ok(fg_pass_create(&pass, device, &options));
        ck_ok(fg_pass_load(pass, &p.parameters, p.shift));
        fg_pass_describe(pass, &facts);
        ck_backend_eq(facts.backend, is_fused ? FGMM_BACKEND_CPU_SIMD : FGMM_BACKEND_MATRIX_UNIT);
        ck_assert_int_eq(facts.terms == 0, is_fused);
        fg_pass_free(pass);
    }
    free_problem(&p);
}
END_TEST

/* A worker's scratch of the longest rows, beyond 2^32 numbers: block x D floats, and three bf16 terms of them. */
START_TEST(test_pass__scratch_of_long_rows_is_counted_in_64_bits)
{
    const fg_tile *tile = &unit_cases[0].tile;
    const uint64_t d = INT32_MAX / 64, floats = tile->block * d;
    const fg_pass_options options = {.k = 1,
                                     .d = d,
                                     .type = FGMM_F32,
                                     .batch_rows = 1,
                                     .path = FGMM_PATH_SPARSE,
                                     .tile = tile,
                                     .backend = unit_cases[0].backend};
    fg_shape s;
    ck_ok(fg_shape_init(&s, device_of_backend(FGMM_BACKEND_MATRIX_UNIT), &options));
    ck_assert_uint_ge(fg_sparse_bytes(&s), sizeof(float) * (floats + 3 * floats / 2));
    ck_assert_uint_ge(s.backend->sparse->scratch_floats(&s), s.workers * (floats + 3 * floats / 2));
}
END_TEST

/* The nearest number of 8 binary digits. */
static double first_term(double x)
{
    int exponent;
    const double fraction = frexp(x, &exponent);
    return ldexp(rint(ldexp(fraction, 8)), exponent - 8);
}

/* The number from 1 to 2 of which two terms leave most. */
static double worst_for_two_terms(void)
{
    double worst = 1, most = 0;
    for (uint32_t i = 0; i < 1u << 18; i++) {
        const double x = 1 + ldexp(i, -18), rest = x - first_term(x);
        const double left = rest - first_term(rest);
        worst = left > most ? x : worst;
        most = left > most ? left : most;
    }
    return worst;
}

/* Coordinates that are such numbers: what two terms leave adds up, and is most of the error. */
START_TEST(test_pass__bound_has_what_terms_leave)
{
    enum { D = 2 };
    static const double squares = 0.4, most_of_floats = 5e-6; /* h |m|^2, few enough for two terms */
    const double x = worst_for_two_terms(), mean[D] = {x, x}, weight = 1, variance = D * x * x / (2 * squares);
    const float row[D] = {(float)x, (float)x}, shift[D] = {0};
    const fg_pass_options options = {.k = 1,
                                     .d = D,
                                     .type = FGMM_F32,
                                     .batch_rows = 1,
                                     .path = FGMM_PATH_SPARSE,
                                     .tile = &unit_cases[0].tile,
                                     .backend = unit_cases[0].backend};
    if (!has_unit(&unit_cases[0])) return;
    fgmm_device *device = device_of_backend(FGMM_BACKEND_MATRIX_UNIT);
    const fg_parameters parameters = {FGMM_SPHERICAL, 1, D, &weight, mean, &variance};
    fg_pass *pass;
    fg_buffer *buffer;
    fg_pass_facts facts;
    double found, l;
    const fg_evaluation_rows out = {.log_likelihood = &found};
    ck_ok(fg_pass_create(&pass, device, &options));
    ck_ok(fg_buffer_create(&buffer, device, sizeof row, FG_BUFFER_DEVICE, "rows"));
    ck_ok(fg_buffer_write(buffer, 0, row, sizeof row));
    ck_ok(fg_pass_load(pass, &parameters, shift));
    const fg_rows rows = {buffer, 0, 1};
    ck_ok(fg_pass_evaluate(pass, &rows, &out));
    fg_pass_describe(pass, &facts);
    fg_reference_log_density(&l, &parameters, mean, 1);
    ck_assert_uint_eq(facts.terms, 2);
    ck_assert_double_gt(fabs(found - l), most_of_floats);
    ck_assert_double_le(fabs(found - l), facts.error_bound_nats);
    ck_assert_double_le(facts.error_bound_nats, 100 * fabs(found - l));
    fg_buffer_free(buffer);
    fg_pass_free(pass);
}
END_TEST

/* The bound of one component whose mean has the same number in all dimensions, and the error of a row of ones, which
 * are whole numbers and lose nothing. */
static double bound_of_mean(double *error, const unit_case *unit, uint64_t d, double number, double squares)
{
    enum { MOST_D = 100 };
    double mean[MOST_D], ones[MOST_D], found, expected;
    float shift[MOST_D] = {0};
    uint8_t row[MOST_D];
    const double weight = 1, variance = (double)d * number * number / (2 * squares);
    const fg_pass_options options = {.k = 1,
                                     .d = d,
                                     .type = FGMM_U8,
                                     .batch_rows = 1,
                                     .path = FGMM_PATH_SPARSE,
                                     .tile = &unit->tile,
                                     .backend = unit->backend};
    const fg_parameters parameters = {FGMM_SPHERICAL, 1, d, &weight, mean, &variance};
    fgmm_device *device = device_of_backend(backend_of(unit));
    const fg_evaluation_rows out = {.log_likelihood = &found};
    fg_pass *pass;
    fg_buffer *buffer;
    fg_pass_facts facts;
    for (uint64_t j = 0; j < d; j++) {
        mean[j] = number;
        ones[j] = row[j] = 1;
    }
    ck_ok(fg_pass_create(&pass, device, &options));
    ck_ok(fg_buffer_create(&buffer, device, d, FG_BUFFER_DEVICE, "rows"));
    ck_ok(fg_buffer_write(buffer, 0, row, d));
    ck_ok(fg_pass_load(pass, &parameters, shift));
    const fg_rows rows = {buffer, 0, 1};
    ck_ok(fg_pass_evaluate(pass, &rows, &out));
    fg_pass_describe(pass, &facts);
    fg_reference_log_density(&expected, &parameters, ones, 1);
    ck_assert_uint_eq(facts.terms, 2);
    *error = fabs(found - expected);
    fg_buffer_free(buffer);
    fg_pass_free(pass);
    return facts.error_bound_nats;
}

/* Rows that lose nothing: all that the terms leave is the means'. bf16 terms of 1 + 2^-9 + 2^-18 leave 2^-18, f16 terms
 * of 1 + 2^-12 + 2^-23 leave 2^-23. A mean of ones leaves nothing. */
START_TEST(test_pass__bound_has_what_terms_leave_of_means)
{
    static const struct {
        const unit_case *unit;
        uint64_t d;
        double number, rest;
    } cases[] = {{&unit_cases[0], 33, 1 + 0x1p-9 + 0x1p-18, 0x1p-18},
                 {&unit_cases[WARP], 100, 1 + 0x1p-12 + 0x1p-23, 0x1p-23},
                 {&unit_cases[WARP + 1], 100, 1 + 0x1p-12 + 0x1p-23, 0x1p-23}};
    static const double squares = 8; /* h |m|^2 */
    double error;
    if (!has_unit(cases[_i].unit)) return;
    const double smooth = bound_of_mean(&error, cases[_i].unit, cases[_i].d, 1, squares);
    const double rough = bound_of_mean(&error, cases[_i].unit, cases[_i].d, cases[_i].number, squares);
    const double left = 2 * cases[_i].rest * squares; /* of y.2m */
    ck_assert_double_ge(rough, smooth + left);
    ck_assert_double_le(error, rough);
    if (_i == 0) ck_assert_double_ge(error, 0.9 * left); /* far more than float32 takes */
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pass_units");
    TCase *units = tcase_create("units");
    TCase *warps = tcase_create("warps");
    TCase *bounds = tcase_create("bounds");
    TCase *const cases[] = {units, warps, bounds};
    tcase_add_loop_test(units, test_pass__unit_equals_the_reference_at_tile_edges, 0, WARP);
    tcase_add_loop_test(units, test_pass__unit_with_every_row_type, 0, UNITS);
    tcase_add_loop_test(units, test_pass__unit_in_hard_cases, 0, UNITS);
    tcase_add_loop_test(units, test_pass__unit_with_means_that_one_term_holds, 0, UNITS);
    tcase_add_loop_test(units, test_pass__unit_with_a_collapsed_component_and_an_outlier, 0, UNITS);
    tcase_add_loop_test(units, test_pass__unit_with_bounds_equals_the_reference_at_tile_edges, 0, WARP);
    tcase_add_loop_test(units, test_pass__unit_with_bounds_in_hard_cases, 0, UNITS);
    tcase_add_loop_test(units, test_pass__unit_with_bounds_where_first_terms_mislead, 0, UNITS);
    tcase_add_test(units, test_pass__unit_is_named_where_it_multiplies);
    tcase_add_test(bounds, test_pass__bound_has_what_terms_leave);
    tcase_add_loop_test(bounds, test_pass__bound_has_what_terms_leave_of_means, 0, 3);
    tcase_add_test(units, test_pass__scratch_of_long_rows_is_counted_in_64_bits);
    tcase_add_loop_test(warps, test_pass__unit_equals_the_reference_at_tile_edges, WARP, UNIT_CASES);
    tcase_add_loop_test(warps, test_pass__unit_with_every_row_type, WARP, UNIT_CASES);
    tcase_add_loop_test(warps, test_pass__unit_in_hard_cases, WARP, UNIT_CASES);
    tcase_add_loop_test(warps, test_pass__unit_with_means_that_one_term_holds, WARP, UNIT_CASES);
    tcase_add_loop_test(warps, test_pass__unit_with_a_collapsed_component_and_an_outlier, WARP, UNIT_CASES);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tcase_add_checked_fixture(cases[i], NULL, close_device);
        tcase_set_timeout(cases[i], 600);
        suite_add_tcase(s, cases[i]);
    }
    return s;
}
