/* test_packing.c - the numbers that kernels read of a model, on the host: with them, and in double precision from there
 * on, log-densities are the reference's within the stated bound, in each form; and which shapes may prune. */
#include "support.h"

#include "backend.h"
#include "packing.h"
#include "prune.h"
#include "reference.h"
#include "rng.h"

#include <math.h>
#include <stdlib.h>

enum { K = 6, D = 3, PANEL = 4, PANELS = 2, ROW_STRIDE = 4, COLLAPSED = 5, WEIGHTLESS = 2 };

typedef struct model {
    double weights[K], means[K * D], covariances[K * D];
    fg_parameters parameters;
    float shift[D];
} model;

/* Components about the shift; the second panel's last one is so small that products cancel, one has no weight. */
static void make_model(model *m, fgmm_covariance covariance)
{
    fg_rng rng;
    const size_t per = covariance == FGMM_DIAG ? D : 1;
    fg_rng_init(&rng, 1, FG_STREAM_DRAW, 0);
    for (size_t j = 0; j < D; j++) m->shift[j] = (float)(10 * fg_rng_normal(&rng));
    for (size_t c = 0; c < K; c++) {
        m->weights[c] = c == WEIGHTLESS ? 0 : 1.0 / (K - 1);
        for (size_t j = 0; j < D; j++) m->means[c * D + j] = (double)m->shift[j] + fg_rng_normal(&rng);
        for (size_t j = 0; j < per; j++)
            m->covariances[c * per + j] = c == COLLAPSED ? 1e-9 : 0.5 + fg_rng_uniform(&rng);
    }
    m->parameters = (fg_parameters){covariance, K, D, m->weights, m->means, m->covariances};
}

static fg_shape make_shape(fgmm_covariance covariance, fg_assignment assignment)
{
    return (fg_shape){.backend = &fg_cpu_simd,
                      .covariance = covariance,
                      .assignment = assignment,
                      .type = FGMM_F32,
                      .k = K,
                      .d = D,
                      .panel = PANEL,
                      .panels = PANELS,
                      .padded_k = PANEL * PANELS,
                      .row_stride = ROW_STRIDE,
                      .row_scale = 1};
}

static void make_packing(fg_packing *packing, const fg_shape *shape, const model *m)
{
    const fg_row_facts facts = {0};
    ck_ok(fg_packing_make(packing, shape, &(fg_packing_input){&m->parameters, m->shift, NULL, &facts}));
}

/* h |y - m|^2 of a shifted row, as the kernels take it: by the panel's form, the part h |m|^2 of products left out. */
static double exponent_of(const fg_packing *p, fgmm_covariance covariance, const double *y, size_t c)
{
    const int is_diag = covariance == FGMM_DIAG, is_exact = (int)p->is_exact[c / PANEL];
    const float *column = p->packed + c / PANEL * PANEL * D * (is_diag ? 2 : 1) + c % PANEL;
    double sum = 0;
    for (size_t j = 0; j < D; j++) {
        const double first = (double)column[j * PANEL * (is_diag ? 2 : 1)];
        const double second = is_diag ? (double)column[j * PANEL * 2 + PANEL] : 0;
        const double root = !is_diag ? y[j] - first : is_exact ? first * (y[j] - second) : first * y[j] + second;
        sum += is_diag || is_exact ? root * root : y[j] * y[j] - y[j] * first;
    }
    return (double)p->scale[c] * sum;
}

/* A row near component c, whose numbers are floats. */
static void draw_row(double *x, const model *m, size_t c, fg_rng *rng)
{
    const fg_parameters *p = &m->parameters;
    for (size_t j = 0; j < D; j++) {
        const double deviation = sqrt(p->covariances[fg_variance_place(p->covariance, D, c, j)]);
        x[j] = (double)(float)(p->means[c * D + j] + deviation * fg_rng_normal(rng));
    }
}

START_TEST(test_packing__gives_log_densities_within_the_bound)
{
    static const fgmm_covariance covariances[] = {FGMM_SPHERICAL, FGMM_DIAG};
    const fgmm_covariance covariance = covariances[_i];
    const fg_shape shape = make_shape(covariance, FG_ASSIGN_SOFT);
    fg_packing p;
    fg_rng rng;
    model m;
    make_model(&m, covariance);
    make_packing(&p, &shape, &m);
    fg_rng_init(&rng, 2, FG_STREAM_DRAW, 0);
    ck_assert_msg(!p.is_exact[0] && p.is_exact[1], "products for a panel, differences for one that they would harm");
    for (size_t i = 0; i < 64 * K; i++) {
        const size_t c = i % K;
        double x[D], y[D], l[K];
        draw_row(x, &m, c, &rng);
        for (size_t j = 0; j < D; j++) y[j] = x[j] - (double)m.shift[j];
        fg_reference_log_density(l, &m.parameters, x, 1);
        const double found = p.facts.log_offset + (double)p.offset[c] - exponent_of(&p, covariance, y, c);
        const double bound = fg_error_near(&p.facts.errors[c]);
        if (c == WEIGHTLESS) continue;
        ck_assert_msg(fabs(found - l[c]) <= bound, "component %zu: %.9g, not %.9g within %g", c, found, l[c], bound);
    }
    fg_packing_free(&p);
}
END_TEST

START_TEST(test_packing__means_and_what_rounding_did_to_them)
{
    const fg_shape shape = make_shape(FGMM_SPHERICAL, FG_ASSIGN_SOFT);
    fg_packing p;
    model m;
    make_model(&m, FGMM_SPHERICAL);
    make_packing(&p, &shape, &m);
    for (size_t c = 0; c < K; c++)
        for (size_t j = 0; j < D; j++) {
            const double mean = (double)p.means[c * ROW_STRIDE + j] + (double)m.shift[j];
            ck_assert_double_eq_tol(mean - p.facts.mean_offsets[c * D + j], m.means[c * D + j], 1e-14);
            ck_assert_double_ne(p.facts.mean_offsets[c * D + j], 0);
        }
    fg_packing_free(&p);
}
END_TEST

/* Neither may win where a component has any weight; padding lies below even those of weight 0. */
START_TEST(test_packing__no_weight_and_padding_lie_far_below)
{
    const fg_shape shape = make_shape(FGMM_SPHERICAL, FG_ASSIGN_SOFT);
    fg_packing p;
    model m;
    make_model(&m, FGMM_SPHERICAL);
    make_packing(&p, &shape, &m);
    ck_assert(p.offset[WEIGHTLESS] < -9e29f);
    ck_assert_double_eq(p.facts.log_constants[WEIGHTLESS], 0);
    ck_assert_double_eq(fg_error_near(&p.facts.errors[WEIGHTLESS]), 0);
    for (size_t c = K; c < PANEL * PANELS; c++) ck_assert(p.offset[c] < p.offset[WEIGHTLESS]);
    fg_packing_free(&p);
}
END_TEST

/* Without variances the nearest mean is all that counts: distances have no scale, and nothing is said of errors. */
START_TEST(test_packing__nearest_means_need_no_variances)
{
    const fg_shape shape = make_shape(FGMM_SPHERICAL, FG_ASSIGN_HARD);
    fg_packing p;
    model m;
    make_model(&m, FGMM_SPHERICAL);
    m.parameters.covariances = NULL;
    make_packing(&p, &shape, &m);
    for (size_t c = 0; c < K; c++) {
        ck_assert_double_eq((double)p.scale[c], 1);
        ck_assert_double_eq((double)p.normaliser[c], 0);
        ck_assert_double_eq(fg_error_near(&p.facts.errors[c]), 0);
    }
    ck_assert(!p.is_exact[0] && !p.is_exact[1]);
    fg_packing_free(&p);
}
END_TEST

/* ---- which shapes may prune ---- */

START_TEST(test_pruning__is_for_many_rows_of_large_spherical_shapes)
{
    static const struct {
        const fg_backend *backend;
        fgmm_covariance covariance;
        uint32_t k, d;
        uint64_t rows;
        fg_pruning_use use;
        fgmm_path path;
        const fg_pruning_method *expected;
    } cases[] = {
        {&fg_cpu_simd, FGMM_SPHERICAL, 128, 64, 1 << 21, FG_PRUNING_AUTO, FGMM_PATH_AUTO, &fg_prune_projection},
        {&fg_matrix_amx, FGMM_SPHERICAL, 256, 64, 1 << 21, FG_PRUNING_AUTO, FGMM_PATH_AUTO, &fg_prune_first_term},
        {&fg_cpu_simd, FGMM_SPHERICAL, 1, 1, 1, FG_PRUNING_ALWAYS, FGMM_PATH_AUTO, &fg_prune_projection},
        {&fg_cpu_simd, FGMM_SPHERICAL, 128, 64, 1 << 19, FG_PRUNING_AUTO, FGMM_PATH_AUTO, NULL},
        {&fg_cpu_simd, FGMM_SPHERICAL, 127, 64, 1 << 21, FG_PRUNING_AUTO, FGMM_PATH_AUTO, NULL},
        {&fg_cpu_simd, FGMM_SPHERICAL, 128, 63, 1 << 21, FG_PRUNING_AUTO, FGMM_PATH_AUTO, NULL},
        {&fg_cpu_simd, FGMM_SPHERICAL, 128, 2049, 1 << 21, FG_PRUNING_AUTO, FGMM_PATH_AUTO, NULL},
        {&fg_matrix_amx, FGMM_SPHERICAL, 255, 64, 1 << 21, FG_PRUNING_AUTO, FGMM_PATH_AUTO, NULL},
        {&fg_cpu_simd, FGMM_SPHERICAL, 128, 64, 1 << 21, FG_PRUNING_NEVER, FGMM_PATH_AUTO, NULL},
        {&fg_cpu_simd, FGMM_SPHERICAL, 128, 64, 1 << 21, FG_PRUNING_ALWAYS, FGMM_PATH_DENSE, NULL},
        {&fg_cpu_simd, FGMM_DIAG, 128, 64, 1 << 21, FG_PRUNING_ALWAYS, FGMM_PATH_AUTO, NULL},
        {&fg_gpu_workgroup, FGMM_SPHERICAL, 128, 64, 1 << 21, FG_PRUNING_ALWAYS, FGMM_PATH_AUTO, NULL},
        {&fg_matrix_warp, FGMM_SPHERICAL, 256, 64, 1 << 21, FG_PRUNING_ALWAYS, FGMM_PATH_AUTO, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const fg_shape shape = {
            .backend = cases[i].backend, .covariance = cases[i].covariance, .k = cases[i].k, .d = cases[i].d};
        const fg_pass_options options = {.rows = cases[i].rows, .pruning = cases[i].use, .path = cases[i].path};
        const fg_pruning_method *found = fg_pruning_choose(&shape, &options);
        ck_assert_msg(found == cases[i].expected, "case %zu: %s", i, found ? found->name : "none");
    }
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("packing");
    TCase *packing = tcase_create("packing");
    tcase_add_loop_test(packing, test_packing__gives_log_densities_within_the_bound, 0, 2);
    tcase_add_test(packing, test_packing__means_and_what_rounding_did_to_them);
    tcase_add_test(packing, test_packing__no_weight_and_padding_lie_far_below);
    tcase_add_test(packing, test_packing__nearest_means_need_no_variances);
    tcase_add_test(packing, test_pruning__is_for_many_rows_of_large_spherical_shapes);
    suite_add_tcase(s, packing);
    return s;
}
