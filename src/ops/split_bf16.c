/* split_bf16.c - means as sums of bf16 terms, packed for a matrix unit, and how many terms each panel needs so that the
 * error stays within what single precision leaves anyway. docs/math.md, "Splitting". Host arithmetic only. */
#include "parts.h"

#include "size.h"
#include "status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_TERMS = 2, TILE = FG_SPLIT_ROWS * FG_SPLIT_DEPTH };
/* Products of a matrix unit that take as long as an element of a panel in differences. */
enum { DIFFERENCE_PRODUCTS = 10 };

/* Largest error of a log-density near its component, in nats, products in float32 included (as packed.c). */
static const double most_error_nats = 1e-3;
/* What rows that are no whole numbers add, relative to |y| |2 m|: their own rest, and the products (s, t) with
 * s + t >= terms that are left out (docs/math.md, "Splitting"). */
static const double row_error[FG_SPLIT_TERMS + 1] = {0, 0, 3 * 0x1p-17, 5 * 0x1p-26};

static uint64_t slabs_of(const fg_shape *s)
{
    return fg_ceil_div(s->d, FG_SPLIT_DEPTH);
}

static uint64_t mean_values(const fg_shape *s)
{
    return s->panels * slabs_of(s) * FG_SPLIT_TERMS * TILE;
}

uint64_t fg_split_bytes(const fg_shape *s)
{
    if (!s->backend->has_unit) return 0;
    if (fg_unit_is_warp(s->backend->unit)) return fg_fragments_bytes(s);
    return sizeof(cl_ushort) * mean_values(s) + sizeof(cl_uint) * s->panels;
}

uint64_t fg_split_row_values(const fg_shape *s)
{
    const int is_cpu = s->backend->has_unit && !fg_unit_is_warp(s->backend->unit);
    return !is_cpu ? 0 : FG_SPLIT_TERMS * (uint64_t)s->tile.block * slabs_of(s) * FG_SPLIT_DEPTH;
}

fgmm_status fg_split_create(fg_packed *p, fgmm_device *device, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    size_t bytes;
    if (!s->backend->has_unit) return FGMM_OK;
    if (fg_unit_is_warp(s->backend->unit)) return fg_fragments_create(p, device, s);
    FG_TRY(fg_size_product(&bytes, mean_values(s), sizeof(cl_ushort), "split means"));
    FG_TRY(fg_buffer_create(&p->split_means, device, bytes, FG_BUFFER_DEVICE, "split means"));
    FG_TRY(fg_buffer_create(&p->panel_terms, device, sizeof(cl_uint) * s->panels, FG_BUFFER_DEVICE, "strip terms"));
done:
    return status;
}

/* The nearest bf16, ties to even: its bits, and what it leaves over. */
static cl_ushort take_term(float *rest)
{
    uint32_t bits;
    float term;
    memcpy(&bits, rest, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
    memcpy(&term, &bits, sizeof term);
    *rest -= term;
    return (cl_ushort)(bits >> 16);
}

/* Component k's column of each slab and term; rests (FG_SPLIT_TERMS + 1): squared length of what t terms leave of 2 m.
 */
static void split_mean(cl_ushort *split, double *rests, const fg_shape *s, const float *mean, uint32_t k)
{
    const uint32_t half = k % FG_SPLIT_ROWS / 16, column = k % 16;
    cl_ushort *panel = split + k / FG_SPLIT_ROWS * slabs_of(s) * FG_SPLIT_TERMS * TILE;
    for (uint32_t t = 0; t <= FG_SPLIT_TERMS; t++) rests[t] = 0;
    for (uint32_t d = 0; d < s->d; d++) {
        const uint32_t pair = d % FG_SPLIT_DEPTH / 2;
        cl_ushort *to = panel + d / FG_SPLIT_DEPTH * FG_SPLIT_TERMS * TILE + ((half * 16 + pair) * 16 + column) * 2;
        float rest = 2 * mean[d];
        rests[0] += (double)rest * (double)rest;
        for (uint32_t t = 0; t < FG_SPLIT_TERMS; t++) {
            to[t * TILE + d % 2] = take_term(&rest);
            rests[t + 1] += (double)rest * (double)rest;
        }
    }
}

/* Error of the product relative to |y| |2 m|, of `terms` terms. */
static double product_error(const double *rests, uint32_t terms, int are_exact)
{
    const double of_means = rests[0] > 0 ? sqrt(rests[terms] / rests[0]) : 0;
    return of_means + (are_exact ? 0 : row_error[terms]);
}

/* What `terms` terms leave of component k's log-density, in nats (docs/math.md, equation 30). */
static double split_error(const double *rests, double squares, uint32_t terms, int are_exact)
{
    const double delta = product_error(rests, terms, are_exact);
    return squares * (2 * delta + 0x1p21 * delta * delta);
}

/* Raises the errors of a panel's components by what its terms leave. */
static void note_terms(const fg_shape *s, const fg_split_input *in, const double *rests, uint32_t panel, uint32_t terms)
{
    const uint32_t first = panel * s->panel, end = (uint32_t)fg_min_u64(s->k, (uint64_t)first + s->panel);
    for (uint32_t k = first; k < end && terms > 0; k++)
        fg_error_add_terms(&in->errors[k], s, in->squares[k],
                           product_error(rests + (size_t)k * (FG_SPLIT_TERMS + 1), terms, in->are_rows_exact));
}

/* Fewest terms that keep each component of a panel within the limit, or all of them; *error: the panel's largest. */
static uint32_t choose_terms(double *error, const fg_shape *s, const fg_split_input *in, const double *rests,
                             uint32_t panel, int are_exact)
{
    const uint32_t first = panel * s->panel, end = (uint32_t)fg_min_u64(s->k, (uint64_t)first + s->panel);
    for (uint32_t terms = s->assignment == FG_ASSIGN_HARD ? FG_SPLIT_TERMS : LEAST_TERMS;; terms++) {
        *error = 0;
        for (uint32_t k = first; k < end; k++)
            *error = fmax(*error, in->product_errors[k] + split_error(rests + (size_t)k * (FG_SPLIT_TERMS + 1),
                                                                      in->squares[k], terms, are_exact));
        if (terms == FG_SPLIT_TERMS || *error <= most_error_nats) return terms;
    }
}

/* Products of an element that `terms` terms of means and row_terms of rows make. */
static double products_of(uint32_t terms, uint32_t row_terms)
{
    uint32_t count = 0;
    if (terms == 0) return DIFFERENCE_PRODUCTS;
    for (uint32_t s = 0; s < row_terms && s < terms; s++) count += terms - s;
    return count;
}

fgmm_status fg_split_load(fg_packed *p, const fg_shape *s, const fg_split_input *in)
{
    fgmm_status status = FGMM_OK;
    cl_ushort *split = NULL;
    cl_uint *terms = NULL;
    double *rests = NULL;
    if (fg_unit_is_warp(s->backend->unit)) return fg_fragments_load(p, s, in);
    FG_TRY(FG_ALLOC(&split, mean_values(s), "split means"));
    FG_TRY(FG_ALLOC(&terms, s->panels, "strip terms"));
    FG_TRY(FG_ALLOC(&rests, (uint64_t)s->k * (FG_SPLIT_TERMS + 1), "split means"));
    const int are_exact = in->are_rows_exact;
    for (uint32_t k = 0; k < s->k; k++)
        split_mean(split, rests + (size_t)k * (FG_SPLIT_TERMS + 1), s, in->means + (size_t)k * s->row_stride, k);
    double products = 0;
    p->row_terms = are_exact ? 1 : FG_SPLIT_TERMS;
    p->terms = 0;
    for (uint32_t panel = 0; panel < s->panels; panel++) {
        double error = 0;
        if (!in->is_exact[panel]) terms[panel] = choose_terms(&error, s, in, rests, panel, are_exact);
        products += products_of(terms[panel], p->row_terms) / s->panels;
        p->terms = terms[panel] > p->terms ? terms[panel] : p->terms;
    }
    const fg_prune_first_term_input pruning = {
        {in->means, in->scale, in->normaliser, in->squares, in->variances}, rests, are_exact, products};
    FG_TRY(fg_prune_first_term_load(&p->pruning, s, &pruning));
    if (p->pruning.is_used) p->terms = 1; /* no log-density is a product's */
    for (uint32_t panel = 0; panel < s->panels && !p->pruning.is_used && s->assignment == FG_ASSIGN_SOFT; panel++)
        note_terms(s, in, rests, panel, terms[panel]);
    FG_TRY(fg_buffer_write(p->split_means, 0, split, fg_buffer_bytes(p->split_means)));
    FG_TRY(fg_buffer_write(p->panel_terms, 0, terms, sizeof(cl_uint) * s->panels));
done:
    free(split);
    free(terms);
    free(rests);
    return status;
}
