/* split_f16.c - means as sums of two f16 terms, in the order in which a warp's lanes read them, for matrix units of
 * GPUs.
 *
 * A term has 11 significant bits, so that two leave 2^-22 of a number, but a narrow range: each mean has a power of two
 * of its own taken out. Rows have one term where they are bytes, else two. A panel whose error would leave
 * FG_MOST_PRODUCT_NATS takes differences. The layout is that of cl/matrix/warp_responsibilities.cl; docs/math.md,
 * "Split operands". Host arithmetic only. */
#include "split.h"

#include "size.h"
#include "status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TERMS = 2, PANEL = 32, COMPONENTS = 8, LANES = 32, PAIR_DIMS = 32, SLICE_DIMS = 16, WORD_HALVES = 8 };

/* 16 bytes that a lane reads at once. */
typedef union word {
    cl_ushort halves[WORD_HALVES];
    float numbers[4]; /* of a component: h, the power of two that its terms lack, what is added, 0 */
} word;

/* A row's terms leave this, relative to |y| |2 m|: two, its own residual and the product of both second terms; one,
 * where rows were meant to be whole numbers and are not, a rounding. A term's rounding is at most 2^-11. */
static const double two_terms_error = 2 * 0x1p-22, one_term_error = 0x1p-11;
/* The unit cuts its sums off: half a unit of the last place, 2^-24, for each 16 dimensions, of sums that are on average
 * half as long as the last one. */
static const double cut_error = 0x1p-25 / SLICE_DIMS;

static uint64_t pairs_of(const fg_shape *s)
{
    return fg_ceil_div(s->d, PAIR_DIMS);
}

static uint64_t panels_of(const fg_shape *s)
{
    return s->padded_k / PANEL;
}

static uint64_t panel_words(const fg_shape *s)
{
    return PANEL / COMPONENTS * TERMS * pairs_of(s) * LANES + PANEL;
}

static uint64_t means_bytes(const fg_shape *s)
{
    return panels_of(s) * panel_words(s) * sizeof(word);
}

static uint64_t panel_bytes(const fg_shape *s)
{
    return panels_of(s) * sizeof(cl_uint);
}

static const fg_buffer_row buffer_rows[] = {
    {offsetof(fg_split, means), "split means", means_bytes},
    {offsetof(fg_split, panel_terms), "terms of panels", panel_bytes},
};
static const fg_buffer_list buffers = FG_BUFFER_LIST(buffer_rows);

/* The f16 nearest to x, ties to even; |x| is at most 2^12. What is added has its last place where an f16 of x's size
 * has it, at 2^-24 or above, so that the sum is rounded there. */
static float nearest_half(float x)
{
    enum { LEAST_NORMAL = 127 - 14, PLACES = 23 - 10 };
    const uint32_t least = (uint32_t)LEAST_NORMAL << 23;
    uint32_t bits;
    float large;
    memcpy(&bits, &x, sizeof bits);
    bits &= 255u << 23;
    bits = ((bits > least ? bits : least) + ((uint32_t)PLACES << 23)) | 1u << 22;
    memcpy(&large, &bits, sizeof large);
    const float sum = x + large;
    return sum - large;
}

/* The bits of x, an f16: a float's with fewer places and another bias; below 2^-14 the count of 2^-24, which 0.5 brings
 * to a float's end. Both are computed, so that compilers can take several numbers at a time. */
static cl_ushort half_bits(float x)
{
    const float raised = fabsf(x) + 0.5f, half = 0.5f, least_normal = 0x1p-14f;
    uint32_t bits, of_raised, of_half, of_least;
    memcpy(&bits, &x, sizeof bits);
    memcpy(&of_raised, &raised, sizeof of_raised);
    memcpy(&of_half, &half, sizeof of_half);
    memcpy(&of_least, &least_normal, sizeof of_least);
    const uint32_t magnitude = bits & 0x7fffffffu,
                   is_subnormal = 0 - (uint32_t)((int32_t)magnitude < (int32_t)of_least);
    const uint32_t subnormal = of_raised - of_half, normal = (magnitude - (112u << 23)) >> 13;
    return (cl_ushort)((bits >> 31 << 15) | (subnormal & is_subnormal) | (normal & ~is_subnormal));
}

/* Bits of magnitudes are ordered as these are. */
static float largest_magnitude(const float *x, uint64_t count)
{
    int32_t largest = 0;
    for (uint64_t i = 0; i < count; i++) {
        int32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bits &= INT32_MAX;
        largest = bits > largest ? bits : largest;
    }
    float magnitude;
    memcpy(&magnitude, &largest, sizeof magnitude);
    return magnitude;
}

/* Four sums at a time: one chain of additions would take as long as all the rest. count: a multiple of 4. */
static double sum_of_squares(const float *x, uint64_t count)
{
    double sums[4] = {0};
    for (uint64_t i = 0; i < count; i += 4)
        for (uint64_t j = 0; j < 4; j++) sums[j] += (double)x[i + j] * (double)x[i + j];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* A component's mean, times the power of two that brings the largest number of 2 m into 2^11 .. 2^12; *lacking: the
 * power of two by which it is multiplied to give 2 m. */
static void scale_mean(float *scaled, float *lacking, const float *mean, uint64_t count)
{
    int exponent;
    frexp(2 * (double)largest_magnitude(mean, count), &exponent);
    *lacking = (float)ldexp(1, exponent - 12);
    const double factor = ldexp(2, 12 - exponent);
    for (uint64_t j = 0; j < count; j++) scaled[j] = (float)((double)mean[j] * factor);
}

/* Fills component c's terms in its panel; returns the error of its products, relative to |y| |2 m|. lacking: as
 * scale_mean. */
static double split_mean(word *panel, float *lacking, const fg_shape *s, const float *mean, uint32_t c)
{
    const uint64_t pairs = pairs_of(s), fragment = c % PANEL / COMPONENTS, count = s->row_stride; /* zeros behind D */
    float residuals[FG_WARP_DIMS] = {0};
    cl_ushort terms[FG_WARP_DIMS];
    scale_mean(residuals, lacking, mean, count);
    const double length = sum_of_squares(residuals, count);
    for (uint32_t term = 0; term < TERMS; term++) {
        for (uint64_t j = 0; j < count; j++) {
            const float taken = nearest_half(residuals[j]);
            terms[j] = half_bits(taken);
            residuals[j] -= taken;
        }
        word *fragments = panel + (fragment * TERMS + term) * pairs * LANES + c % COMPONENTS * 4;
        for (uint64_t j = 0; j < count; j += 4) {
            cl_ushort *to = fragments[j / PAIR_DIMS * LANES + j % SLICE_DIMS / 4].halves;
            memcpy(to + j % PAIR_DIMS / SLICE_DIMS * 4, terms + j, 4 * sizeof *terms);
        }
    }
    return length > 0 ? sqrt(sum_of_squares(residuals, count) / length) : 0;
}

/* Returns what products leave of component c's log-density, in nats (docs/math.md, equations 9 and 10). */
static double product_error(const fg_shape *s, const fg_packing *m, double delta, uint64_t c)
{
    return m->product_errors[c] + m->squares[c] * (2 * delta + 0x1p21 * delta * delta + 2 * cut_error * (double)s->d);
}

uint32_t fg_split_f16_row_terms(const fg_shape *s)
{
    return s->type == FGMM_U8 || s->type == FGMM_I8 ? 1 : 2;
}

/* Returns the part of a product's error that is the row's. */
static double row_error(const fg_shape *s, const fg_packing *m)
{
    return m->are_rows_whole ? 0 : fg_split_f16_row_terms(s) == 1 ? one_term_error : two_terms_error;
}

/* Splits the components of a panel; 1 where its products are good enough. */
static int split_panel(word *panel, fg_split_report *report, const fg_shape *s, const fg_packing *m, uint64_t first)
{
    const uint64_t end = fg_min_u64(s->k, first + PANEL);
    word *constants = panel + panel_words(s) - PANEL;
    double error = 0;
    int is_inexact = 1;
    for (uint64_t c = first; c < end; c++) {
        float lacking;
        const double delta =
            row_error(s, m) + split_mean(panel, &lacking, s, m->means + c * s->row_stride, (uint32_t)c);
        constants[c - first].numbers[1] = lacking;
        error = fmax(error, product_error(s, m, delta, c));
        report->errors[c] = delta + cut_error * (double)s->d;
        is_inexact = is_inexact && !m->is_exact[c / s->panel];
    }
    return is_inexact &&
           (s->assignment == FG_ASSIGN_HARD ? row_error(s, m) <= two_terms_error : error <= FG_MOST_PRODUCT_NATS);
}

/* Fills a panel; returns its terms. */
static cl_uint load_panel(word *panel, fg_split_report *report, const fg_shape *s, const fg_packing *m, uint64_t first)
{
    const uint64_t end = fg_min_u64(s->k, first + PANEL);
    const int has_products = split_panel(panel, report, s, m, first);
    word *constants = panel + panel_words(s) - PANEL;
    for (uint64_t c = first; c < first + PANEL; c++) {
        const double squares = has_products && c < end ? m->squares[c] : 0;
        float *numbers = constants[c - first].numbers;
        numbers[0] = m->scale[c];
        numbers[2] = (float)((double)m->normaliser[c] - squares);
    }
    for (uint64_t c = first; c < end && !has_products; c++) report->errors[c] = 0;
    return has_products ? TERMS : 0;
}

static fgmm_status load(fg_split *split, fg_split_report *report, const fg_shape *s, const fg_packing *m)
{
    fgmm_status status = FGMM_OK;
    const uint64_t panels = panels_of(s);
    word *words = NULL;
    cl_uint *terms = NULL;
    FG_TRY(FG_ALLOC(&words, panels * panel_words(s), "split means"));
    FG_TRY(FG_ALLOC(&terms, panels, "terms of panels"));
    split->most_terms = 0;
    for (uint64_t i = 0; i < panels; i++) {
        terms[i] = load_panel(words + i * panel_words(s), report, s, m, i * PANEL);
        split->most_terms = (uint32_t)fg_max_u64(split->most_terms, terms[i]);
    }
    FG_TRY(fg_buffer_write(split->means, 0, words, fg_buffer_bytes(split->means)));
    FG_TRY(fg_buffer_write(split->panel_terms, 0, terms, fg_buffer_bytes(split->panel_terms)));
done:
    free(words);
    free(terms);
    return status;
}

const fg_split_method fg_split_f16 = {.buffers = &buffers, .load = load};
