/* packing_methods.c - what differs between densities when components are packed: one method for each kind of distance.
 * Host arithmetic only. docs/math.md, equations 1, 5 and 7. */
#include "packing.h"

#include <math.h>
#include <string.h>

/* |y|^2 - 2 y.m + |m|^2 is rounded by this share of its largest term: three terms have a few float roundings each. */
static const double product_rounding = 0x1p-22;

/* ---- the methods: where distances are |y - m|^2 times a factor, of rows as they come or whitened ---- */

static uint64_t column_floats(const fg_shape *s)
{
    return s->d;
}

static fgmm_status determine_sphere(double *log_determinant, fg_triangle *scratch, fg_packing *m, const fg_shape *s,
                                    uint32_t c)
{
    const fg_parameters *p = m->in.parameters;
    (void)scratch;
    fg_error_add_scales(&m->facts.errors[c], m, s, c);
    *log_determinant = s->d * log(p->covariances[fg_variance_place(p->covariance, s->d, c, 0)]);
    return FGMM_OK;
}

/* h = 1 / (2 sigma^2) */
static double sphere_scale(const fg_packing *m, const fg_shape *s, uint32_t c)
{
    const fg_parameters *p = m->in.parameters;
    return 0.5 / p->covariances[fg_variance_place(p->covariance, s->d, c, 0)];
}

static double sphere_squares(const fg_packing *m, const fg_shape *s, uint32_t c)
{
    const float *centre = m->centres + (size_t)c * s->row_stride;
    const double scale = (double)m->scale[c];
    double sum = 0;
    for (uint32_t j = 0; j < s->d; j++) sum += scale * (double)centre[j] * (double)centre[j];
    return sum;
}

static double sphere_product_error(const fg_shape *s, double squares)
{
    (void)s;
    return product_rounding * 2 * squares;
}

static void add_sphere_error(fg_error *error, const fg_packing *m, const fg_shape *s, uint32_t c)
{
    fg_error_add_products(error, s, (double)m->scale[c], m->centres + (size_t)c * s->row_stride);
}

/* Fills component c's column of its panel, number c % panel of every dimension. */
static double pack_sphere(fg_packing *m, const fg_shape *s, uint32_t c)
{
    const int is_exact = (int)m->is_exact[c / s->panel];
    const float *centre = m->centres + (size_t)c * s->row_stride;
    float *column = m->packed + (size_t)(c / s->panel) * s->d * s->panel + c % s->panel;
    for (uint32_t j = 0; j < s->d; j++, column += s->panel) column[0] = is_exact ? centre[j] : 2 * centre[j];
    return is_exact ? 0 : m->squares[c];
}

const fg_packing_method fg_pack_spheres = {.floats = column_floats,
                                           .determine = determine_sphere,
                                           .scale = sphere_scale,
                                           .squares = sphere_squares,
                                           .product_error = sphere_product_error,
                                           .add_product_error = add_sphere_error,
                                           .pack = pack_sphere};

/* Returns log det S_c of a matrix, and records what its factor does to the log-density and to second moments. */
static double record_factor(fg_packing *m, const fg_shape *s, const fg_triangle *triangle, uint32_t c)
{
    fg_error_add_factor(&m->facts.errors[c], m, triangle, c);
    m->facts.is_wide[c] |= (cl_uint)fg_sums_are_wide(triangle->loss, s->d);
    return triangle->log_determinant;
}

static uint64_t whitened_host_bytes(const fg_shape *s)
{
    const uint64_t white = s->padded_k * (uint64_t)s->row_stride + fg_triangle_floats(s);
    return 2 * (uint64_t)s->d * s->d * sizeof(double) + white * sizeof(float); /* U and W; what rows meet */
}

static fgmm_status determine_whitened(double *log_determinant, fg_triangle *scratch, fg_packing *m, const fg_shape *s,
                                      uint32_t c)
{
    (void)scratch;
    *log_determinant = record_factor(m, s, m->in.tied, c);
    return FGMM_OK;
}

static double unit_scale(const fg_packing *m, const fg_shape *s, uint32_t c)
{
    (void)m;
    (void)s;
    (void)c;
    return 0.5; /* of variance 1 */
}

const fg_packing_method fg_pack_whitened = {.floats = column_floats,
                                            .host_bytes = whitened_host_bytes,
                                            .determine = determine_whitened,
                                            .scale = unit_scale,
                                            .squares = sphere_squares,
                                            .product_error = sphere_product_error,
                                            .add_product_error = add_sphere_error,
                                            .pack = pack_sphere};

/* ---- where dimensions have scales of their own ---- */

static uint64_t scaled_floats(const fg_shape *s)
{
    return 2 * (uint64_t)s->d;
}

static const double *covariance_of(const fg_packing *m, const fg_shape *s, uint32_t c)
{
    const fg_parameters *p = m->in.parameters;
    return p->covariances + fg_covariance_place(p->covariance, s->d, c);
}

static fgmm_status determine_scales(double *log_determinant, fg_triangle *scratch, fg_packing *m, const fg_shape *s,
                                    uint32_t c)
{
    const double *variances = covariance_of(m, s, c);
    double sum = 0;
    (void)scratch;
    fg_error_add_scales(&m->facts.errors[c], m, s, c);
    for (uint32_t j = 0; j < s->d; j++) sum += log(variances[j]);
    *log_determinant = sum;
    return FGMM_OK;
}

/* Dimensions and factors have it in their own scales. */
static double no_scale(const fg_packing *m, const fg_shape *s, uint32_t c)
{
    (void)m;
    (void)s;
    (void)c;
    return 1;
}

static double scaled_squares(const fg_packing *m, const fg_shape *s, uint32_t c)
{
    const double *variances = covariance_of(m, s, c);
    double sum = 0;
    for (uint32_t j = 0; j < s->d; j++) {
        const double mean = (double)m->centres[(size_t)c * s->row_stride + j];
        sum += 0.5 / variances[j] * mean * mean;
    }
    return sum;
}

/* s y - s m */
static double scaled_product_error(const fg_shape *s, double squares)
{
    return 0x1p-23 * sqrt(2 * squares * s->d);
}

static void add_scaled_error(fg_error *error, const fg_packing *m, const fg_shape *s, uint32_t c)
{
    (void)s;
    fg_error_add_sums(error, 2 * m->squares[c]);
}

static double pack_scaled(fg_packing *m, const fg_shape *s, uint32_t c)
{
    const int is_exact = (int)m->is_exact[c / s->panel];
    const double *variances = covariance_of(m, s, c);
    const size_t per_dim = 2 * (size_t)s->panel;
    float *column = m->packed + (size_t)(c / s->panel) * s->d * per_dim + c % s->panel;
    for (uint32_t j = 0; j < s->d; j++, column += per_dim) {
        const float mean = m->centres[(size_t)c * s->row_stride + j];
        column[0] = (float)sqrt(0.5 / variances[j]);
        column[s->panel] = is_exact ? mean : (float)(-(double)mean * (double)column[0]);
    }
    return 0;
}

const fg_packing_method fg_pack_scales = {.floats = scaled_floats,
                                          .determine = determine_scales,
                                          .scale = no_scale,
                                          .squares = scaled_squares,
                                          .product_error = scaled_product_error,
                                          .add_product_error = add_scaled_error,
                                          .pack = pack_scaled};

/* ---- where components have triangular factors ---- */

static uint64_t factor_host_bytes(const fg_shape *s)
{
    return 2 * (uint64_t)s->d * s->d * sizeof(double); /* U and W */
}

/* Factors the matrix, and packs the factor on the way. */
static fgmm_status determine_factor(double *log_determinant, fg_triangle *triangle, fg_packing *m, const fg_shape *s,
                                    uint32_t c)
{
    fgmm_status status = FGMM_OK;
    const double scale = sqrt(0.5);
    FG_TRY(fg_triangle_make(triangle, covariance_of(m, s, c), s->d, scale));
    fg_triangle_pack(m->packed + c * fg_triangle_floats(s), s, triangle->w, m->facts.mean_offsets + (size_t)c * s->d,
                     scale);
    *log_determinant = record_factor(m, s, triangle, c);
done:
    return status;
}

/* Puts the mean in front of the factor. */
static double pack_mean(fg_packing *m, const fg_shape *s, uint32_t c)
{
    memcpy(m->packed + c * fg_triangle_floats(s), m->means + (size_t)c * s->row_stride, s->row_stride * sizeof(float));
    return 0;
}

const fg_packing_method fg_pack_factors = {.floats = fg_triangle_floats,
                                           .host_bytes = factor_host_bytes,
                                           .determine = determine_factor,
                                           .scale = no_scale,
                                           .pack = pack_mean};
