/* packing.c - parameters in double -> what kernels read: shifted, scaled, in panels of components. Host arithmetic
 * only. docs/math.md, equations 1, 5 and 7.
 *
 * A distance is taken by one of two forms, for each panel of components. Products, |y|^2 - 2 y.m + |m|^2, are what
 * processors are fastest at, but cancel where |m| is large against the component's deviation; differences are exact and
 * take about twice the time. A panel takes products as long as each of its components bears them. */
#include "packing.h"

#include "constants.h"
#include "size.h"
#include "status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Components that only fill up a panel lie this far below every log-density (PADDING of the kernels); those of weight
 * 0, whose logarithm is -infinity, lie between the two. */
static const float padding_offset = -2e30f;
static const double least_log_constant = -1e30;

/* Products tell the nearest means apart up to this |m|^2 over the mean squared distance of a mean's own rows: 2^-22
 * |m|^2 is then 2^-10 of that distance. */
static const double most_squares = 4096;

static const fg_packing_method *method_of(const fg_shape *s)
{
    return fg_density_of(s->covariance)->packing;
}

/* ---- the arrays ---- */

uint64_t fg_packing_floats(const fg_shape *s)
{
    return method_of(s)->floats(s);
}

uint64_t fg_packing_bytes(const fg_shape *s)
{
    /* log constants, squares, errors of products, error bounds */
    enum { PER_COMPONENT = 3 + sizeof(fg_error) / sizeof(double) };
    const fg_packing_method *method = method_of(s);
    const uint64_t k = s->k, d = s->d, own = method->host_bytes ? method->host_bytes(s) : 0;
    return k * (d + PER_COMPONENT) * sizeof(double) + d * sizeof(fg_error_column) + own;
}

static fgmm_status facts_create(fg_component_facts *f, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(FG_ALLOC(&f->log_constants, s->k, "log normalising constants"));
    FG_TRY(FG_ALLOC(&f->mean_offsets, (uint64_t)s->k * s->d, "mean offsets"));
    FG_TRY(FG_ALLOC(&f->is_wide, s->padded_k, "forms of sums"));
    FG_TRY(FG_ALLOC(&f->errors, s->k, "error bounds"));
done:
    return status;
}

void fg_component_facts_free(fg_component_facts *f)
{
    free(f->log_constants);
    free(f->mean_offsets);
    free(f->is_wide);
    free(f->errors);
    *f = (fg_component_facts){0};
}

static fgmm_status create(fg_packing *m, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    const uint64_t means = (uint64_t)s->padded_k * s->row_stride;
    const int is_white = fg_density_of(s->covariance)->whitens_rows;
    FG_TRY(facts_create(&m->facts, s));
    FG_TRY(FG_ALLOC(&m->packed, s->padded_k * fg_packing_floats(s), "packed means"));
    FG_TRY(FG_ALLOC(&m->scale, s->padded_k, "scales"));
    FG_TRY(FG_ALLOC(&m->offset, s->padded_k, "offsets"));
    FG_TRY(FG_ALLOC(&m->normaliser, s->padded_k, "normalisers"));
    FG_TRY(FG_ALLOC(&m->width, s->padded_k, "widths"));
    FG_TRY(FG_ALLOC(&m->means, means, "means"));
    FG_TRY(FG_ALLOC(&m->shift, FG_SHIFT_FLOATS(s), "shift"));
    FG_TRY(FG_ALLOC(&m->is_exact, s->panels, "forms of panels"));
    FG_TRY(FG_ALLOC(&m->squares, s->k, "squares"));
    FG_TRY(FG_ALLOC(&m->product_errors, s->k, "error bounds"));
    FG_TRY(FG_ALLOC(&m->columns, s->d, "columns"));
    if (is_white) FG_TRY(FG_ALLOC(&m->white, means, "whitened means"));
    m->centres = is_white ? m->white : m->means;
done:
    return status;
}

void fg_packing_free(fg_packing *m)
{
    fg_component_facts_free(&m->facts);
    free(m->packed);
    free(m->scale);
    free(m->offset);
    free(m->normaliser);
    free(m->width);
    free(m->means);
    free(m->shift);
    free(m->is_exact);
    free(m->white);
    free(m->variances);
    free(m->squares);
    free(m->product_errors);
    free(m->columns);
    *m = (fg_packing){0};
}

/* ---- the shift and the means ---- */

/* Are rows of this type and shift whole numbers up to 255, which one term of a matrix unit holds? */
static int are_rows_whole(const fg_shape *s, const float *shift)
{
    const float least = s->type == FGMM_I8 ? -128 : 0;
    if (s->type != FGMM_U8 && s->type != FGMM_I8) return 0;
    for (uint32_t j = 0; j < s->d; j++)
        if (shift[j] != rintf(shift[j]) || shift[j] < least || shift[j] > least + 255) return 0;
    return 1;
}

static void set_shift(fg_packing *m, const fg_shape *s)
{
    memcpy(m->shift, m->in.shift, s->d * sizeof(float));
    m->shift[s->row_stride] = s->row_scale;
    m->are_rows_whole = are_rows_whole(s, m->in.shift);
    fg_error_set_columns(m->columns, s, m->in.row_facts, m->in.shift);
}

void fg_packing_shift_mean(float *means, double *offsets, const fg_shape *s, const double *mean, const float *shift,
                           uint32_t c)
{
    for (uint32_t j = 0; j < s->d; j++) {
        const double exact = mean[j] - (double)shift[j];
        const float used = (float)exact;
        means[(size_t)c * s->row_stride + j] = used;
        offsets[(size_t)c * s->d + j] = (double)used - exact;
    }
}

/* W (mean - shift), with W as kernels have it, so that its rounding is no part of the distance. Rows are whitened
 * before their distances are taken: the partial sums of W (mean - shift) are theirs too, and are rounded. */
static void whiten_mean(fg_packing *m, const fg_shape *s, const double *mean, uint32_t c)
{
    const double *w = m->in.tied->w;
    fg_error *error = &m->facts.errors[c];
    double partial = 0, move = 0;
    for (uint32_t i = 0; i < s->d; i++) {
        double sum = 0;
        for (uint32_t j = 0; j <= i; j++) {
            sum += (double)(float)w[(size_t)i * s->d + j] * (mean[j] - (double)m->in.shift[j]);
            partial += sum * sum;
        }
        const float used = (float)sum;
        m->white[(size_t)c * s->row_stride + i] = used;
        move += ((double)used - sum) * ((double)used - sum);
    }
    error->moves += move;
    fg_error_add_sums(error, partial);
}

static void set_means(fg_packing *m, const fg_shape *s)
{
    for (uint32_t c = 0; c < s->k; c++) {
        const double *mean = m->in.parameters->means + (size_t)c * s->d;
        fg_packing_shift_mean(m->means, m->facts.mean_offsets, s, mean, m->in.shift, c);
        m->facts.is_wide[c] = (cl_uint)s->is_wide;
        if (m->white) whiten_mean(m, s, mean, c);
    }
}

/* The choice of pruning asks for these where parameters have variances. */
static fgmm_status set_variances(fg_packing *m, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    const fg_parameters *p = m->in.parameters;
    if (!s->pruning || !p->covariances) return FGMM_OK;
    FG_TRY(FG_ALLOC(&m->variances, s->k, "variances"));
    for (uint32_t c = 0; c < s->k; c++)
        for (uint32_t j = 0; j < s->d; j++)
            m->variances[c] += p->covariances[fg_variance_place(p->covariance, s->d, c, j)] / s->d;
done:
    return status;
}

/* ---- log normalising constants ---- */

/* A constant is log pi_c + log-normaliser. All lose what the largest log-densities have in common: the highest constant
 * less the D/2 nats that a row is away from its mean. */
static fgmm_status set_log_constants(fg_packing *m, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    const fg_parameters *p = m->in.parameters;
    fg_component_facts *f = &m->facts;
    fg_triangle own = {0};
    double log_determinant, highest = -INFINITY;
    if (s->assignment == FG_ASSIGN_HARD) return FGMM_OK;
    for (uint32_t c = 0; c < s->k; c++) {
        FG_TRY(method_of(s)->determine(&log_determinant, &own, m, s, c));
        f->log_constants[c] = log(p->weights[c]) - 0.5 * (s->d * FG_LOG_TWO_PI + log_determinant);
        highest = fmax(highest, f->log_constants[c]);
    }
    f->log_offset = highest - 0.5 * s->d;
    for (uint32_t c = 0; c < s->k; c++) f->log_constants[c] -= f->log_offset;
done:
    fg_triangle_clear(&own);
    return status;
}

/* ---- which form ---- */

/* Returns the mean squared distance of component c's rows to it, the sum of its variances. Where these are not known, K
 * centres of rows of spread 1 in D dimensions leave about K^(-1/D) of it, and |m|^2 is about 1. */
static double squared_distance_of(const fg_packing *m, const fg_shape *s, uint32_t c)
{
    const fg_parameters *p = m->in.parameters;
    double sum = 0;
    if (!p->covariances) return m->squares[c] * pow(s->k, -2.0 / s->d);
    for (uint32_t j = 0; j < s->d; j++) sum += p->covariances[fg_variance_place(p->covariance, s->d, c, j)];
    return sum;
}

/* Does component c need differences? */
static int is_too_coarse(const fg_packing *m, const fg_shape *s, uint32_t c)
{
    if (s->has_differences) return 1;
    if (s->assignment == FG_ASSIGN_HARD) return m->squares[c] > most_squares * squared_distance_of(m, s, c);
    return m->product_errors[c] > FG_MOST_PRODUCT_NATS;
}

/* Sets component c's scales, and its panel's form where it needs differences. */
static void choose_form(fg_packing *m, const fg_shape *s, uint32_t c)
{
    const fg_packing_method *method = method_of(s);
    const double scale = s->assignment == FG_ASSIGN_HARD ? 1 : method->scale(m, s, c);
    m->scale[c] = (float)scale;
    m->width[c] = (float)(1.0 / scale);
    m->normaliser[c] = (float)fmax(m->facts.log_constants[c], least_log_constant);
    if (!method->squares) return; /* always about the mean */
    m->squares[c] = method->squares(m, s, c);
    m->product_errors[c] = s->assignment == FG_ASSIGN_HARD ? 0 : method->product_error(s, m->squares[c]);
    if (is_too_coarse(m, s, c)) m->is_exact[c / s->panel] = 1;
}

/* ---- the packed form ---- */

/* Adds what the form does to component c's error; its offset is known. kept: the part of it that is - h |m|^2. */
static void add_form_error(fg_packing *m, const fg_shape *s, double kept, uint32_t c)
{
    fg_error *error = &m->facts.errors[c];
    double *log_constant = &m->facts.log_constants[c];
    const fg_packing_method *method = method_of(s);
    if (s->assignment == FG_ASSIGN_HARD || !(*log_constant > least_log_constant)) {
        *error = (fg_error){0};
        *log_constant = 0;
        return;
    }
    fg_error_add_squares(error, s);
    fg_error_add_own(error, s, *log_constant, (double)m->offset[c] - (*log_constant - kept));
    if (method->add_product_error && !m->is_exact[c / s->panel]) method->add_product_error(error, m, s, c);
}

/* A panel's form follows from all of its components, so that it is known after the first loop. */
static void pack_all(fg_packing *m, const fg_shape *s)
{
    for (uint32_t c = 0; c < s->k; c++) choose_form(m, s, c);
    for (uint32_t c = 0; c < s->k; c++) {
        const double kept = method_of(s)->pack(m, s, c);
        m->offset[c] = (float)((double)m->normaliser[c] - kept);
        add_form_error(m, s, kept, c);
    }
    for (uint32_t c = s->k; c < s->padded_k; c++) m->offset[c] = m->normaliser[c] = padding_offset;
}

fgmm_status fg_packing_make(fg_packing *packing, const fg_shape *s, const fg_packing_input *input)
{
    fgmm_status status = FGMM_OK;
    fg_packing m = {.in = *input};
    *packing = (fg_packing){0};
    FG_TRY(create(&m, s));
    set_shift(&m, s);
    set_means(&m, s);
    FG_TRY(set_variances(&m, s));
    FG_TRY(set_log_constants(&m, s));
    pack_all(&m, s);
    *packing = m;
    m = (fg_packing){0};
done:
    fg_packing_free(&m);
    return status;
}
