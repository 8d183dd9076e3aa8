/* split_f16.c - means as sums of two f16 terms, in the order in which a warp's lanes read them, and which panels' error
 * stays within what single precision leaves anyway: for matrix units of GPUs, as split_bf16.c is for those of CPUs. The
 * layout is that of cl/matrix/warp_responsibilities.cl; docs/math.md, "Splitting". Host arithmetic only. */
#include "parts.h"

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

/* Largest error of a log-density near its component, in nats, products in float32 included (as packed.c). */
static const double most_error_nats = 1e-3;
/* What a row's terms leave, relative to |y| |2 m|: of two, its own rest and the product of both second terms; of one,
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

uint64_t fg_fragments_bytes(const fg_shape *s)
{
    return panels_of(s) * (panel_words(s) * sizeof(word) + sizeof(cl_uint));
}

fgmm_status fg_fragments_create(fg_packed *p, fgmm_device *device, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    size_t bytes;
    FG_TRY(fg_size_product3(&bytes, panels_of(s), panel_words(s), sizeof(word), "split means"));
    FG_TRY(fg_buffer_create(&p->split_means, device, bytes, FG_BUFFER_DEVICE, "split means"));
    FG_TRY(fg_buffer_create(&p->panel_terms, device, sizeof(cl_uint) * panels_of(s), FG_BUFFER_DEVICE, "strip terms"));
done:
    return status;
}

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

/* Component k's terms in its panel; the error of its products relative to |y| |2 m|. *lacking: the power of two by
 * which terms are multiplied to give 2 m; its largest number lies in 2^11 .. 2^12 without it. */
static double split_mean(word *panel, float *lacking, const fg_shape *s, const float *mean, uint32_t k)
{
    const uint64_t pairs = pairs_of(s), fragment = k % PANEL / COMPONENTS, count = s->row_stride; /* zeros behind D */
    float rests[FG_WARP_DIMS] = {0};
    cl_ushort terms[FG_WARP_DIMS];
    int exponent;
    frexp(2 * (double)largest_magnitude(mean, count), &exponent);
    *lacking = (float)ldexp(1, exponent - 12);
    const double factor = ldexp(2, 12 - exponent);
    for (uint64_t d = 0; d < count; d++) rests[d] = (float)((double)mean[d] * factor);
    const double length = sum_of_squares(rests, count);
    for (uint32_t term = 0; term < TERMS; term++) {
        for (uint64_t d = 0; d < count; d++) {
            const float taken = nearest_half(rests[d]);
            terms[d] = half_bits(taken);
            rests[d] -= taken;
        }
        word *fragments = panel + (fragment * TERMS + term) * pairs * LANES + k % COMPONENTS * 4;
        for (uint64_t d = 0; d < count; d += 4) {
            cl_ushort *to = fragments[d / PAIR_DIMS * LANES + d % SLICE_DIMS / 4].halves;
            memcpy(to + d % PAIR_DIMS / SLICE_DIMS * 4, terms + d, 4 * sizeof *terms);
        }
    }
    return length > 0 ? sqrt(sum_of_squares(rests, count) / length) : 0;
}

/* What products leave of component k's log-density, in nats (docs/math.md, equations 30 and 31). */
static double product_error(const fg_shape *s, const fg_split_input *in, double delta, uint64_t k)
{
    return in->product_errors[k] + in->squares[k] * (2 * delta + 0x1p21 * delta * delta + 2 * cut_error * (double)s->d);
}

/* Fills a panel, and raises its components' errors; 1 where its products are good enough. */
static int load_panel(word *panel, const fg_shape *s, const fg_split_input *in, double of_rows, uint64_t index)
{
    const uint64_t first = index * PANEL, end = fg_min_u64(s->k, first + PANEL);
    word *constants = panel + panel_words(s) - PANEL;
    double deltas[PANEL] = {0}, error = 0;
    for (uint64_t k = first; k < end; k++) {
        float lacking;
        deltas[k - first] = of_rows + split_mean(panel, &lacking, s, in->means + k * s->row_stride, (uint32_t)k);
        constants[k - first].numbers[1] = lacking;
        error = fmax(error, product_error(s, in, deltas[k - first], k));
    }
    int has_products = s->assignment == FG_ASSIGN_HARD ? of_rows <= two_terms_error : error <= most_error_nats;
    for (uint64_t k = first; k < end; k++) has_products = has_products && !in->is_exact[k / s->panel];
    for (uint64_t k = first; k < first + PANEL; k++) {
        const double squares = has_products && k < end ? in->squares[k] : 0;
        float *numbers = constants[k - first].numbers;
        numbers[0] = in->scale[k];
        numbers[2] = (float)((double)in->normaliser[k] - squares);
    }
    for (uint64_t k = first; k < end && has_products && s->assignment == FG_ASSIGN_SOFT; k++)
        fg_error_add_terms(&in->errors[k], s, in->squares[k], deltas[k - first] + cut_error * (double)s->d);
    return has_products;
}

fgmm_status fg_fragments_load(fg_packed *p, const fg_shape *s, const fg_split_input *in)
{
    fgmm_status status = FGMM_OK;
    word *split = NULL;
    cl_uint *terms = NULL;
    const uint64_t panels = panels_of(s);
    const int are_whole = in->are_rows_exact;
    const double of_rows = are_whole ? 0 : fg_warp_row_terms(s) == 1 ? one_term_error : two_terms_error;
    FG_TRY(FG_ALLOC(&split, panels * panel_words(s), "split means"));
    FG_TRY(FG_ALLOC(&terms, panels, "strip terms"));
    p->terms = 0;
    for (uint64_t i = 0; i < panels; i++) {
        if (!load_panel(split + i * panel_words(s), s, in, of_rows, i)) continue;
        terms[i] = TERMS;
        p->terms = TERMS;
    }
    FG_TRY(fg_buffer_write(p->split_means, 0, split, fg_buffer_bytes(p->split_means)));
    FG_TRY(fg_buffer_write(p->panel_terms, 0, terms, sizeof(cl_uint) * panels));
done:
    free(split);
    free(terms);
    return status;
}

/* ---- the warp's tile ---- */

uint32_t fg_warp_row_terms(const fg_shape *s)
{
    return s->type == FGMM_U8 || s->type == FGMM_I8 ? 1 : 2;
}

uint32_t fg_warp_down(const fg_shape *s)
{
    enum { MOST_FRAGMENTS = 8 }; /* of 16 rows that two fragments' rows may have: 64 registers */
    return fg_warp_row_terms(s) * 2 * pairs_of(s) <= MOST_FRAGMENTS ? 2 : 1;
}

uint32_t fg_warp_tile_rows(const fg_shape *s)
{
    enum { FRAGMENT_ROWS = 16 };
    return FG_WARPS * FRAGMENT_ROWS * fg_warp_down(s);
}
