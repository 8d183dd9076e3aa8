/* pack.c - parameters in double -> what kernels read: shifted, scaled, in strips of components. Host arithmetic only.
 * docs/math.md, equations 1, 4 and 6. */
#include "ops.h"

#include "size.h"
#include "status.h"

#include <math.h>
#include <stdlib.h>

static const float padding_offset = -2e30f; /* PADDING of the kernels */

/* Largest error that products may cause before a strip takes the difference form, in nats (docs/math.md, "Rounding").
 */
static const double product_error_nats = 1e-3;
/* Relative rounding of |y|^2 - 2 y.m + |m|^2 as computed: three terms, each with a few float roundings. */
static const double product_rounding = 0x1p-22;

fgmm_status fg_packed_create(fg_packed *p, fgmm_device *device, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    size_t packed, means;
    const uint64_t per_element = s->covariance == FGMM_DIAG ? 2 : 1;
    FG_TRY(fg_size_product3(&packed, s->padded_k, s->d, per_element * sizeof(float), "packed means"));
    FG_TRY(fg_size_product3(&means, s->padded_k, s->row_stride, sizeof(float), "means"));
    const size_t per_component = sizeof(float) * s->padded_k;
    FG_TRY(fg_buffer_create(&p->packed, device, packed, FG_BUFFER_DEVICE, "packed means"));
    FG_TRY(fg_buffer_create(&p->scale, device, per_component, FG_BUFFER_DEVICE, "scales"));
    FG_TRY(fg_buffer_create(&p->offset, device, per_component, FG_BUFFER_DEVICE, "offsets"));
    FG_TRY(fg_buffer_create(&p->normaliser, device, per_component, FG_BUFFER_DEVICE, "normalisers"));
    FG_TRY(fg_buffer_create(&p->width, device, per_component, FG_BUFFER_DEVICE, "widths"));
    FG_TRY(fg_buffer_create(&p->is_exact, device, sizeof(cl_uint) * s->strips, FG_BUFFER_DEVICE, "strip forms"));
    FG_TRY(fg_buffer_create(&p->means, device, means, FG_BUFFER_DEVICE, "means"));
    FG_TRY(fg_buffer_create(&p->shift, device, sizeof(float) * s->row_stride, FG_BUFFER_DEVICE, "shift"));
    FG_TRY(FG_ALLOC(&p->offsets, (uint64_t)s->k * s->d, "mean offsets"));
done:
    if (status != FGMM_OK) fg_packed_free(p);
    return status;
}

void fg_packed_free(fg_packed *p)
{
    fg_buffer_free(p->packed);
    fg_buffer_free(p->scale);
    fg_buffer_free(p->offset);
    fg_buffer_free(p->normaliser);
    fg_buffer_free(p->width);
    fg_buffer_free(p->is_exact);
    fg_buffer_free(p->means);
    fg_buffer_free(p->shift);
    free(p->offsets);
    *p = (fg_packed){0};
}

/* Host images of the buffers. */
typedef struct image {
    float *packed, *scale, *offset, *normaliser, *width, *means;
    cl_uint *is_exact;
} image;

static fgmm_status image_create(image *m, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    const uint64_t per_element = s->covariance == FGMM_DIAG ? 2 : 1;
    FG_TRY(FG_ALLOC(&m->packed, (uint64_t)s->padded_k * s->d * per_element, "packed means"));
    FG_TRY(FG_ALLOC(&m->scale, s->padded_k, "scales"));
    FG_TRY(FG_ALLOC(&m->offset, s->padded_k, "offsets"));
    FG_TRY(FG_ALLOC(&m->normaliser, s->padded_k, "normalisers"));
    FG_TRY(FG_ALLOC(&m->width, s->padded_k, "widths"));
    FG_TRY(FG_ALLOC(&m->is_exact, s->strips, "strip forms"));
    FG_TRY(FG_ALLOC(&m->means, (uint64_t)s->padded_k * s->row_stride, "means"));
done:
    return status;
}

static void image_free(image *m)
{
    free(m->packed);
    free(m->scale);
    free(m->offset);
    free(m->normaliser);
    free(m->width);
    free(m->means);
    free(m->is_exact);
}

/* Shifted means in float, and what rounding did to them. Returns |m_k|^2. */
static double shift_mean(image *m, fg_packed *p, const fg_shape *s, const double *mean, const float *shift, uint32_t k)
{
    double squares = 0;
    for (uint32_t d = 0; d < s->d; d++) {
        const double exact = mean[d] - (double)shift[d];
        const float used = (float)exact;
        m->means[(size_t)k * s->row_stride + d] = used;
        p->offsets[(size_t)k * s->d + d] = (double)used - exact;
        squares += (double)used * (double)used;
    }
    return squares;
}

/* Component k of a strip: column k % strip of every dimension. */
static void pack_column(image *m, const fg_shape *s, const fg_parameters *q, uint32_t k)
{
    const int is_diag = s->covariance == FGMM_DIAG;
    const size_t per_dim = (size_t)s->strip * (is_diag ? 2 : 1);
    float *column = m->packed + (size_t)(k / s->strip) * s->d * per_dim + k % s->strip;
    for (uint32_t d = 0; d < s->d; d++, column += per_dim) {
        const float mean = m->means[(size_t)k * s->row_stride + d];
        if (is_diag) {
            const double root = sqrt(0.5 / q->covariances[(size_t)k * s->d + d]);
            const float used = (float)root;
            column[0] = used;
            column[s->strip] = (float)(-(double)mean * (double)used);
        } else {
            column[0] = mean;
        }
    }
}

/* log pi_k + log-normaliser of component k: its log-density at distance 0. */
static double log_peak(const fg_shape *s, const fg_parameters *q, uint32_t k)
{
    const double log_two_pi = 1.8378770664093454835606594728112;
    double log_determinant = 0;
    if (s->covariance == FGMM_DIAG)
        for (uint32_t d = 0; d < s->d; d++) log_determinant += log(q->covariances[(size_t)k * s->d + d]);
    else
        log_determinant = s->d * log(q->covariances[k]);
    return log(q->weights[k]) - 0.5 * (s->d * log_two_pi + log_determinant);
}

/* Error of products for component k, near its own rows, in nats; diag has only differences. */
static double product_error(const fg_shape *s, double scale, double squares)
{
    return s->covariance == FGMM_DIAG || s->keep == FG_KEEP_BEST ? 0 : product_rounding * 2 * scale * squares;
}

static void pack_component(image *m, fg_packed *p, const fg_shape *s, const fg_parameters *q, const float *shift,
                           uint32_t k)
{
    const double squares = shift_mean(m, p, s, q->means + (size_t)k * s->d, shift, k);
    const int is_best = s->keep == FG_KEEP_BEST, is_diag = s->covariance == FGMM_DIAG;
    const double scale = is_best || is_diag ? 1.0 : 0.5 / q->covariances[k];
    const double peak = is_best ? 0.0 : log_peak(s, q, k);
    pack_column(m, s, q, k);
    m->scale[k] = (float)scale;
    m->width[k] = (float)(1.0 / scale);
    m->normaliser[k] = (float)fmax(peak, -1e30); /* weight 0: log is -infinity */
    m->offset[k] = (float)squares;               /* finished by finish_strip */
    const double error = product_error(s, scale, squares);
    if (error > product_error_nats) m->is_exact[k / s->strip] = 1;
}

/* Error of differences for component k near its own rows, in nats: the mean is rounded to float, which moves every
 * distance sqrt(D) sigma by up to 2^-24 |m|. */
static double difference_error(const fg_shape *s, double scale, double squares)
{
    return 0x1p-23 * sqrt(2 * scale * squares * (double)s->d);
}

/* The product form wants 2 m: exact in float. */
static void double_column(image *m, const fg_shape *s, uint32_t k)
{
    float *column = m->packed + (size_t)(k / s->strip) * s->d * s->strip + k % s->strip;
    for (uint32_t d = 0; d < s->d; d++) column[(size_t)d * s->strip] *= 2;
}

/* Offsets and columns follow the form that the whole strip takes. */
static void finish_component(image *m, fg_packed *p, const fg_shape *s, const fg_parameters *q, uint32_t k)
{
    const double squares = (double)m->offset[k];
    const int has_products = s->covariance != FGMM_DIAG && !m->is_exact[k / s->strip];
    const double kept = has_products ? (double)m->scale[k] * squares : 0.0;
    m->offset[k] = (float)((double)m->normaliser[k] - kept);
    if (has_products) double_column(m, s, k);
    double error = has_products ? product_error(s, (double)m->scale[k], squares)
                                : difference_error(s, (double)m->scale[k], squares);
    if (s->covariance == FGMM_DIAG) {
        double scaled = 0; /* sum of h m^2 over dimensions stands for h |m|^2 */
        for (uint32_t d = 0; d < s->d; d++) {
            const double mean = (double)m->means[(size_t)k * s->row_stride + d];
            scaled += 0.5 * mean * mean / q->covariances[(size_t)k * s->d + d];
        }
        error = difference_error(s, 1.0, scaled);
    }
    p->error_bound_nats = fmax(p->error_bound_nats, error);
}

fgmm_status fg_packed_load(fg_packed *p, const fg_shape *s, const fg_parameters *parameters, const float *shift)
{
    fgmm_status status = FGMM_OK;
    image m = {0};
    float *shift_row = NULL;
    FG_TRY(image_create(&m, s));
    FG_TRY(FG_ALLOC(&shift_row, s->row_stride, "shift"));
    for (uint32_t d = 0; d < s->d; d++) shift_row[d] = shift[d];
    for (uint32_t k = 0; k < s->k; k++) pack_component(&m, p, s, parameters, shift, k);
    /* the rounding of sums over D and of the log-density itself, of the order of D/2 nats near a component */
    p->error_bound_nats = 0x1p-22 * (double)s->d;
    for (uint32_t k = 0; k < s->k; k++) finish_component(&m, p, s, parameters, k);
    for (uint32_t k = s->k; k < s->padded_k; k++) m.offset[k] = m.normaliser[k] = padding_offset;
    FG_TRY(fg_buffer_write(p->packed, 0, m.packed, fg_buffer_bytes(p->packed)));
    FG_TRY(fg_buffer_write(p->scale, 0, m.scale, sizeof(float) * s->padded_k));
    FG_TRY(fg_buffer_write(p->offset, 0, m.offset, sizeof(float) * s->padded_k));
    FG_TRY(fg_buffer_write(p->normaliser, 0, m.normaliser, sizeof(float) * s->padded_k));
    FG_TRY(fg_buffer_write(p->width, 0, m.width, sizeof(float) * s->padded_k));
    FG_TRY(fg_buffer_write(p->is_exact, 0, m.is_exact, sizeof(cl_uint) * s->strips));
    FG_TRY(fg_buffer_write(p->means, 0, m.means, fg_buffer_bytes(p->means)));
    FG_TRY(fg_buffer_write(p->shift, 0, shift_row, sizeof(float) * s->row_stride));
done:
    free(shift_row);
    image_free(&m);
    return status;
}
