/* packed.c - parameters in double -> what kernels read: shifted, scaled, in panels of components. Host arithmetic only.
 * docs/math.md, equations 1, 4 and 6. */
#include "buffers.h"
#include "parts.h"

#include "size.h"
#include "status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float padding_offset = -2e30f; /* PADDING of the kernels */

/* Largest error that the fast form may cause before a panel takes the exact one, in nats (docs/math.md, "Rounding"). */
static const double fast_error_nats = 1e-3;
/* Of nearest means: |m|^2 over the mean squared distance of a mean's own rows up to which products tell them apart,
 * where 2^-22 |m|^2 is 2^-10 of that distance. */
static const double most_squares = 4096;
/* Relative rounding of |y|^2 - 2 y.m + |m|^2 as computed: three terms, each with a few float roundings. */
static const double product_rounding = 0x1p-22;

/* Floats of a component in packed. */
static uint64_t component_floats(const fg_shape *s)
{
    if (s->covariance == FGMM_FULL) return fg_triangle_floats(s);
    return s->covariance == FGMM_DIAG ? 2 * (uint64_t)s->d : s->d;
}

static uint64_t packed_bytes(const fg_shape *s)
{
    return sizeof(float) * s->padded_k * component_floats(s);
}

static uint64_t means_bytes(const fg_shape *s)
{
    return sizeof(float) * s->padded_k * (uint64_t)s->row_stride;
}

/* A number of each component. */
static uint64_t component_bytes(const fg_shape *s)
{
    return sizeof(float) * (uint64_t)s->padded_k;
}

static uint64_t panel_bytes(const fg_shape *s)
{
    return sizeof(cl_uint) * (uint64_t)s->panels;
}

static uint64_t shift_bytes(const fg_shape *s)
{
    return sizeof(float) * (uint64_t)FG_SHIFT_FLOATS(s);
}

static const fg_buffer_row rows[] = {
    {offsetof(fg_packed, packed), "packed means", packed_bytes},
    {offsetof(fg_packed, scale), "scales", component_bytes},
    {offsetof(fg_packed, offset), "offsets", component_bytes},
    {offsetof(fg_packed, normaliser), "normalisers", component_bytes},
    {offsetof(fg_packed, width), "widths", component_bytes},
    {offsetof(fg_packed, is_exact), "strip forms", panel_bytes},
    {offsetof(fg_packed, means), "means", means_bytes},
    {offsetof(fg_packed, shift), "shift", shift_bytes},
    {offsetof(fg_packed, is_wide), "forms of sums", component_bytes},
};
static const fg_buffer_list buffers = FG_BUFFER_LIST(rows);

/* Made when sums are first taken about other centres. */
static const fg_buffer_row centre_rows[] = {{offsetof(fg_packed, centres), "centres", means_bytes}};
static const fg_buffer_list centre_buffers = FG_BUFFER_LIST(centre_rows);

fgmm_status fg_packed_create(fg_packed *p, fgmm_device *device, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_buffers_create(p, &buffers, device, s));
    FG_TRY(FG_ALLOC(&p->offsets, (uint64_t)s->k * s->d, "mean offsets"));
    FG_TRY(FG_ALLOC(&p->wide, s->padded_k, "forms of sums"));
    FG_TRY(FG_ALLOC(&p->log_constants, s->k, "peaks"));
    FG_TRY(FG_ALLOC(&p->errors, s->k, "error bounds"));
    FG_TRY(FG_ALLOC(&p->columns, s->d, "columns"));
    FG_TRY(fg_split_create(p, device, s));
    FG_TRY(fg_bounds_create(&p->pruning, device, s));
done:
    if (status != FGMM_OK) fg_packed_free(p);
    return status;
}

uint64_t fg_packed_bytes(const fg_shape *s)
{
    return fg_buffers_bytes(&buffers, s) + fg_buffers_bytes(&centre_buffers, s) + fg_split_bytes(s) +
           fg_bounds_bytes(s);
}

/* The images of the buffers while parameters are loaded, the mean offsets, peaks and squares, and factors in double. */
uint64_t fg_packed_host_bytes(const fg_shape *s)
{
    const uint64_t k = s->k, d = s->d, is_tied = s->covariance == FGMM_TIED;
    const uint64_t factors = is_tied || s->covariance == FGMM_FULL ? 2 * d * d : 0; /* U and W */
    const uint64_t white = is_tied ? s->padded_k * (uint64_t)s->row_stride + fg_triangle_floats(s) : 0;
    return fg_packed_bytes(s) + fg_bounds_host_bytes(s) + (k * (d + 6) + factors) * sizeof(double) +
           white * sizeof(float);
}

void fg_packed_free(fg_packed *p)
{
    fg_buffers_free(p, &buffers);
    fg_buffers_free(p, &centre_buffers);
    fg_bounds_free(&p->pruning);
    fg_buffer_free(p->split_means);
    fg_buffer_free(p->panel_terms);
    free(p->offsets);
    free(p->wide);
    free(p->log_constants);
    free(p->errors);
    free(p->columns);
    *p = (fg_packed){0};
}

/* Host images of the buffers. */
typedef struct image {
    float *packed, *scale, *offset, *normaliser, *width, *means;
    cl_uint *is_exact;
    const float *centres;  /* (padded_k, row_stride) what rows are compared with: means, or whitened ones */
    float *white;          /* tied: those; otherwise NULL */
    double *log_constants; /* (k) log-densities at distance 0 */
    double *variances;     /* (k), the mean over the dimensions; NULL: not known */
    double *squares;       /* (k) h |m|^2: half the squared distance to the shift, in the component's deviations */
    fg_error *errors;      /* (k) what every form of a log-density has in common */
} image;

static fgmm_status image_create(image *m, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(FG_ALLOC(&m->packed, s->padded_k * component_floats(s), "packed means"));
    FG_TRY(FG_ALLOC(&m->scale, s->padded_k, "scales"));
    FG_TRY(FG_ALLOC(&m->offset, s->padded_k, "offsets"));
    FG_TRY(FG_ALLOC(&m->normaliser, s->padded_k, "normalisers"));
    FG_TRY(FG_ALLOC(&m->width, s->padded_k, "widths"));
    FG_TRY(FG_ALLOC(&m->is_exact, s->panels, "strip forms"));
    FG_TRY(FG_ALLOC(&m->means, (uint64_t)s->padded_k * s->row_stride, "means"));
    FG_TRY(FG_ALLOC(&m->log_constants, s->k, "peaks"));
    FG_TRY(FG_ALLOC(&m->squares, s->k, "squares"));
    FG_TRY(FG_ALLOC(&m->errors, s->k, "error bounds"));
    if (s->covariance == FGMM_TIED)
        FG_TRY(FG_ALLOC(&m->white, (uint64_t)s->padded_k * s->row_stride, "whitened means"));
    m->centres = m->white ? m->white : m->means;
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
    free(m->white);
    free(m->log_constants);
    free(m->squares);
    free(m->variances);
    free(m->errors);
}

/* Component k's shifted mean in float, among means (padded_k, row_stride), and what rounding did to it. */
static void shift_mean(float *means, fg_packed *p, const fg_shape *s, const double *mean, const float *shift,
                       uint32_t k)
{
    for (uint32_t d = 0; d < s->d; d++) {
        const double exact = mean[d] - (double)shift[d];
        const float used = (float)exact;
        means[(size_t)k * s->row_stride + d] = used;
        p->offsets[(size_t)k * s->d + d] = (double)used - exact;
    }
}

/* What the choice of bounds asks for, where parameters have variances. */
static fgmm_status set_variances(image *m, const fg_shape *s, const fg_parameters *q)
{
    fgmm_status status = FGMM_OK;
    if (!s->has_bounds || !q->covariances) return FGMM_OK;
    FG_TRY(FG_ALLOC(&m->variances, s->k, "variances"));
    for (uint32_t k = 0; k < s->k; k++)
        for (uint32_t d = 0; d < s->d; d++)
            m->variances[k] += q->covariances[fg_variance_place(q->covariance, s->d, k, d)] / s->d;
done:
    return status;
}

/* W (mean - shift), with W as kernels have it, so that its rounding is no part of the distance. Rows are whitened
 * before their distances are taken: the partial sums of W (mean - shift) are theirs too, and are rounded. */
static void whiten_mean(image *m, const fg_shape *s, const double *w, const double *mean, const float *shift,
                        uint32_t k)
{
    double partial = 0, move = 0;
    for (uint32_t j = 0; j < s->d; j++) {
        double sum = 0;
        for (uint32_t d = 0; d <= j; d++) {
            sum += (double)(float)w[(size_t)j * s->d + d] * (mean[d] - (double)shift[d]);
            partial += sum * sum;
        }
        const float used = (float)sum;
        m->white[(size_t)k * s->row_stride + j] = used;
        move += ((double)used - sum) * ((double)used - sum);
    }
    m->errors[k].moves += move;
    fg_error_add_sums(&m->errors[k], partial);
}

/* log det S_k of spherical and diagonal covariances. */
static double log_determinant_of(const fg_shape *s, const fg_parameters *q, uint32_t k)
{
    double sum = 0;
    if (s->covariance != FGMM_DIAG) return s->d * log(q->covariances[k]);
    for (uint32_t d = 0; d < s->d; d++) sum += log(q->covariances[(size_t)k * s->d + d]);
    return sum;
}

/* peaks: log pi_k + log-normaliser; full covariances are factored for that, and packed on the way. Matrices that float
 * sums would harm are noted. */
static fgmm_status set_log_constants(image *m, fg_packed *p, const fg_shape *s, const fg_parameters *q,
                                     const fg_triangle *tied)
{
    const double log_two_pi = 1.8378770664093454835606594728112, full_scale = sqrt(0.5);
    fgmm_status status = FGMM_OK;
    fg_triangle own = {0};
    for (uint32_t k = 0; k < s->k; k++) {
        double log_determinant;
        if (s->covariance == FGMM_FULL) {
            FG_TRY(fg_triangle_make(&own, q->covariances + (size_t)k * s->d * s->d, s->d, full_scale));
            fg_triangle_pack(m->packed + k * fg_triangle_floats(s), s, own.w, p->offsets + (size_t)k * s->d,
                             full_scale);
            fg_error_add_factor(&m->errors[k], p, q, &own, k);
            p->wide[k] |= (cl_uint)fg_sums_are_wide(own.loss, s->d);
            log_determinant = own.log_determinant;
        } else if (s->covariance == FGMM_TIED) {
            fg_error_add_factor(&m->errors[k], p, q, tied, k);
            p->wide[k] |= (cl_uint)fg_sums_are_wide(tied->loss, s->d);
            log_determinant = tied->log_determinant;
        } else {
            fg_error_add_scales(&m->errors[k], p, s, q, k);
            log_determinant = log_determinant_of(s, q, k);
        }
        m->log_constants[k] = log(q->weights[k]) - 0.5 * (s->d * log_two_pi + log_determinant);
    }
done:
    fg_triangle_clear(&own);
    return status;
}

/* h |m|^2 of component k, whose scale is known. */
static double scaled_squares(const image *m, const fg_shape *s, const fg_parameters *q, uint32_t k)
{
    double sum = 0;
    for (uint32_t d = 0; d < s->d; d++) {
        const double mean = (double)m->centres[(size_t)k * s->row_stride + d];
        const double scale =
            s->covariance == FGMM_DIAG ? 0.5 / q->covariances[(size_t)k * s->d + d] : (double)m->scale[k];
        sum += scale * mean * mean;
    }
    return sum;
}

/* Error of component k's log-density near its own rows, in nats, in the fast form: products, diag s y - s m. */
static double fast_error(const fg_shape *s, double squares)
{
    if (s->assignment == FG_ASSIGN_HARD) return 0;
    return s->covariance == FGMM_DIAG ? 0x1p-23 * sqrt(2 * squares * s->d) : product_rounding * 2 * squares;
}

/* Mean squared distance of component k's rows to it: sum of its variances. Where these are not known, K centres of rows
 * of spread 1 in D dimensions leave about K^(-1/D) of it, and |m|^2 is about 1. */
static double squared_distance_of(const fg_shape *s, const fg_parameters *q, double squares, uint32_t k)
{
    double sum = 0;
    if (!q->covariances) return squares * pow(s->k, -2.0 / s->d);
    for (uint32_t d = 0; d < s->d; d++) sum += q->covariances[fg_variance_place(q->covariance, s->d, k, d)];
    return sum;
}

/* Does component k need differences? */
static int is_too_coarse(const fg_shape *s, const fg_parameters *q, double squares, uint32_t k)
{
    if (s->has_differences) return 1;
    if (s->assignment == FG_ASSIGN_HARD) return squares > most_squares * squared_distance_of(s, q, squares, k);
    return fast_error(s, squares) > fast_error_nats;
}

/* h = 1 / (2 sigma^2), where it is one factor for all dimensions; matrices have it in their factors, or are whitened.
 */
static double scale_of(const fg_shape *s, const fg_parameters *q, uint32_t k)
{
    if (s->assignment == FG_ASSIGN_HARD || s->covariance == FGMM_DIAG || s->covariance == FGMM_FULL) return 1;
    return s->covariance == FGMM_TIED ? 0.5 : 0.5 / q->covariances[k];
}

static void pack_component(image *m, fg_packed *p, const fg_shape *s, const fg_parameters *q, uint32_t k)
{
    const double scale = scale_of(s, q, k), log_constant = s->assignment == FG_ASSIGN_HARD ? 0 : m->log_constants[k];
    m->scale[k] = (float)scale;
    m->width[k] = (float)(1.0 / scale);
    m->normaliser[k] = (float)fmax(log_constant - p->log_offset, -1e30); /* weight 0: log is -infinity */
    if (s->covariance == FGMM_FULL) return;                              /* always about the mean */
    m->squares[k] = scaled_squares(m, s, q, k);
    if (is_too_coarse(s, q, m->squares[k], k)) p->has_exact = m->is_exact[k / s->panel] = 1;
}

/* What the form adds to component k's error, whose offset is known. kept: what of it is - h |m|^2. */
static void note_form(const image *m, fg_packed *p, const fg_shape *s, double kept, uint32_t k)
{
    const double log_constant = m->log_constants[k] - p->log_offset, lowest = -1e30;
    const int is_product = s->covariance != FGMM_FULL && !m->is_exact[k / s->panel];
    fg_error *e = &p->errors[k];
    *e = (fg_error){0};
    if (s->assignment == FG_ASSIGN_HARD || !(log_constant > lowest)) return; /* weight 0 */
    p->log_constants[k] = log_constant;
    *e = m->errors[k];
    fg_error_add_squares(e, s);
    fg_error_add_own(e, s, log_constant, (double)m->offset[k] - (log_constant - kept));
    if (is_product && s->covariance == FGMM_DIAG) fg_error_add_sums(e, 2 * m->squares[k]);
    if (is_product && s->covariance != FGMM_DIAG)
        fg_error_add_products(e, s, (double)m->scale[k], m->centres + (size_t)k * s->row_stride);
}

/* Component k of a panel, column k % panel of every dimension, and what is added to its sums: by the panel's form. */
static void pack_column(image *m, fg_packed *p, const fg_shape *s, const fg_parameters *q, uint32_t k)
{
    const int is_diag = s->covariance == FGMM_DIAG, is_exact = (int)m->is_exact[k / s->panel];
    const size_t per_dim = (size_t)s->panel * (is_diag ? 2 : 1);
    const double squares = m->squares[k];
    float *column = m->packed + (size_t)(k / s->panel) * s->d * per_dim + k % s->panel;
    for (uint32_t d = 0; d < s->d; d++, column += per_dim) {
        const float mean = m->centres[(size_t)k * s->row_stride + d];
        if (is_diag) {
            column[0] = (float)sqrt(0.5 / q->covariances[(size_t)k * s->d + d]);
            column[s->panel] = is_exact ? mean : (float)(-(double)mean * (double)column[0]);
        } else {
            column[0] = is_exact ? mean : 2 * mean;
        }
    }
    const double kept = is_diag || is_exact ? 0.0 : squares;
    m->offset[k] = (float)((double)m->normaliser[k] - kept);
    note_form(m, p, s, kept, k);
}

/* Full: the mean in front of the factor, which set_log_constants has packed. */
static void pack_full(image *m, fg_packed *p, const fg_shape *s, uint32_t k)
{
    memcpy(m->packed + k * fg_triangle_floats(s), m->means + (size_t)k * s->row_stride, s->row_stride * sizeof(float));
    m->offset[k] = m->normaliser[k];
    note_form(m, p, s, 0, k);
}

/* What the largest log-densities have in common: the highest peak, less the D/2 nats that a row is away from its mean.
 */
static double common_part(const fg_shape *s, const image *m)
{
    double highest = -INFINITY;
    if (s->assignment == FG_ASSIGN_HARD) return 0;
    for (uint32_t k = 0; k < s->k; k++) highest = fmax(highest, m->log_constants[k]);
    return highest - 0.5 * s->d;
}

/* Packs all components; the panels' forms follow from the first loop. */
static void pack_all(image *m, fg_packed *p, const fg_shape *s, const fg_parameters *q)
{
    p->log_offset = common_part(s, m);
    p->has_exact = 0;
    for (uint32_t k = 0; k < s->k; k++) pack_component(m, p, s, q, k);
    for (uint32_t k = 0; k < s->k; k++)
        if (s->covariance == FGMM_FULL)
            pack_full(m, p, s, k);
        else
            pack_column(m, p, s, q, k);
    for (uint32_t k = s->k; k < s->padded_k; k++) m->offset[k] = m->normaliser[k] = padding_offset;
}

/* Are rows of this type and shift whole numbers up to 255, which one term of a matrix unit holds? */
static int are_rows_exact(const fg_shape *s, const float *shift)
{
    const float least = s->type == FGMM_I8 ? -128 : 0;
    if (s->type != FGMM_U8 && s->type != FGMM_I8) return 0;
    for (uint32_t d = 0; d < s->d; d++)
        if (shift[d] != rintf(shift[d]) || shift[d] < least || shift[d] > least + 255) return 0;
    return 1;
}

/* The same means for a matrix unit. */
static fgmm_status load_split(fg_packed *p, const fg_shape *s, const image *m, const float *shift)
{
    fgmm_status status = FGMM_OK;
    double *errors = NULL;
    if (!s->backend->has_unit) return FGMM_OK;
    FG_TRY(FG_ALLOC(&errors, s->k, "error bounds"));
    for (uint32_t k = 0; k < s->k; k++) errors[k] = fast_error(s, m->squares[k]);
    const fg_split_input input = {
        m->means, are_rows_exact(s, shift), errors, m->squares, m->is_exact, m->scale, m->normaliser, m->variances,
        p->errors};
    FG_TRY(fg_split_load(p, s, &input));
done:
    free(errors);
    return status;
}

/* The same means in the coordinates of bounds. */
static fgmm_status load_bounds(fg_packed *p, const fg_shape *s, const image *m)
{
    const fg_bounds_input input = {m->means, m->scale, m->normaliser, m->squares, m->variances};
    return s->projection_dims > 0 ? fg_bounds_load(&p->pruning, s, &input) : FGMM_OK;
}

fgmm_status fg_packed_load(fg_packed *p, const fg_shape *s, const fg_parameters *parameters, const float *shift,
                           const fg_triangle *triangle)
{
    fgmm_status status = FGMM_OK;
    image m = {0};
    float *shift_row = NULL;
    FG_TRY(image_create(&m, s));
    FG_TRY(FG_ALLOC(&shift_row, FG_SHIFT_FLOATS(s), "shift"));
    for (uint32_t d = 0; d < s->d; d++) shift_row[d] = shift[d];
    shift_row[s->row_stride] = s->row_scale;
    fg_error_set_columns(p, s, shift);
    for (uint32_t k = 0; k < s->k; k++) {
        const double *mean = parameters->means + (size_t)k * s->d;
        shift_mean(m.means, p, s, mean, shift, k);
        p->wide[k] = (cl_uint)s->is_wide;
        if (m.white) whiten_mean(&m, s, triangle->w, mean, shift, k);
    }
    FG_TRY(set_variances(&m, s, parameters));
    if (s->assignment == FG_ASSIGN_SOFT) FG_TRY(set_log_constants(&m, p, s, parameters, triangle));
    pack_all(&m, p, s, parameters);
    FG_TRY(fg_buffer_write(p->packed, 0, m.packed, fg_buffer_bytes(p->packed)));
    FG_TRY(fg_buffer_write(p->scale, 0, m.scale, sizeof(float) * s->padded_k));
    FG_TRY(fg_buffer_write(p->offset, 0, m.offset, sizeof(float) * s->padded_k));
    FG_TRY(fg_buffer_write(p->normaliser, 0, m.normaliser, sizeof(float) * s->padded_k));
    FG_TRY(fg_buffer_write(p->width, 0, m.width, sizeof(float) * s->padded_k));
    FG_TRY(fg_buffer_write(p->is_exact, 0, m.is_exact, sizeof(cl_uint) * s->panels));
    FG_TRY(fg_buffer_write(p->is_wide, 0, p->wide, sizeof(cl_uint) * s->padded_k));
    p->is_recentred = 0;
    FG_TRY(fg_buffer_write(p->means, 0, m.means, fg_buffer_bytes(p->means)));
    FG_TRY(fg_buffer_write(p->shift, 0, shift_row, sizeof(float) * FG_SHIFT_FLOATS(s)));
    FG_TRY(load_split(p, s, &m, shift));
    FG_TRY(load_bounds(p, s, &m));
    p->error_bound_nats = 0;
    for (uint32_t k = 0; k < s->k; k++) p->error_bound_nats = fmax(p->error_bound_nats, fg_error_near(&p->errors[k]));
done:
    free(shift_row);
    image_free(&m);
    return status;
}

fgmm_status fg_packed_recentre(fg_packed *p, fgmm_device *device, const fg_shape *s, const double *centres,
                               const float *shift)
{
    fgmm_status status = FGMM_OK;
    float *means = NULL;
    FG_TRY(FG_ALLOC(&means, (uint64_t)s->padded_k * s->row_stride, "centres"));
    FG_TRY(fg_buffers_create(p, &centre_buffers, device, s));
    for (uint32_t k = 0; k < s->k; k++) {
        shift_mean(means, p, s, centres + (size_t)k * s->d, shift, k);
        p->wide[k] = 1;
    }
    FG_TRY(fg_buffer_write(p->centres, 0, means, fg_buffer_bytes(p->centres)));
    FG_TRY(fg_buffer_write(p->is_wide, 0, p->wide, sizeof(cl_uint) * s->padded_k));
    p->is_recentred = 1;
done:
    free(means);
    return status;
}
