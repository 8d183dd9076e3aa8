/* split_bf16.c - means as sums of bf16 terms, for matrix units of CPUs.
 *
 * A term has 8 significant bits, so that two leave 2^-17 of a number and three 2^-26, as float does. A panel takes the
 * fewest terms that keep the error of each of its components within FG_MOST_PRODUCT_NATS, and a collapsed component
 * costs its own panel only. Rows have one term where they are whole numbers, else three. docs/math.md,
 * "Split operands". Host arithmetic only. */
#include "split.h"

#include "size.h"
#include "status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_TERMS = 2, TILE = FG_SPLIT_ROWS * FG_SPLIT_DEPTH };
/* So many products of a matrix unit take as long as an element of a panel in differences. */
enum { DIFFERENCE_PRODUCTS = 10 };

/* Rows that are no whole numbers add this to the error, relative to |y| |2 m|: their own residual, and the products
 * (s, t) with s + t >= terms that are left out (docs/math.md, "Split operands"). */
static const double row_error[FG_SPLIT_TERMS + 1] = {0, 0, 3 * 0x1p-17, 5 * 0x1p-26};

/* The squared length of what so many terms leave of a component's 2 m; without any, of all of it. */
typedef struct mean_residuals {
    double squares[FG_SPLIT_TERMS + 1];
} mean_residuals;

/* ---- buffers: ushort [panels][slabs][FG_SPLIT_TERMS][2][16][16][2] and uint (panels) ---- */

static uint64_t slabs_of(const fg_shape *s)
{
    return fg_ceil_div(s->d, FG_SPLIT_DEPTH);
}

static uint64_t mean_values(const fg_shape *s)
{
    return s->panels * slabs_of(s) * FG_SPLIT_TERMS * TILE;
}

static uint64_t means_bytes(const fg_shape *s)
{
    return sizeof(cl_ushort) * mean_values(s);
}

static uint64_t panel_bytes(const fg_shape *s)
{
    return sizeof(cl_uint) * (uint64_t)s->panels;
}

static const fg_buffer_row buffer_rows[] = {
    {offsetof(fg_split, means), "split means", means_bytes},
    {offsetof(fg_split, panel_terms), "terms of panels", panel_bytes},
};
static const fg_buffer_list buffers = FG_BUFFER_LIST(buffer_rows);

static uint64_t row_values(const fg_shape *s)
{
    return FG_SPLIT_TERMS * (uint64_t)s->tile.block * slabs_of(s) * FG_SPLIT_DEPTH;
}

/* ---- splitting ---- */

/* Takes the nearest bf16, ties to even, from *residual and returns its bits. */
static cl_ushort next_term(float *residual)
{
    uint32_t bits;
    float term;
    memcpy(&bits, residual, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
    memcpy(&term, &bits, sizeof term);
    *residual -= term;
    return (cl_ushort)(bits >> 16);
}

/* Fills component c's column of each slab and term. */
static mean_residuals split_mean(cl_ushort *split, const fg_shape *s, const float *mean, uint32_t c)
{
    const uint32_t half = c % FG_SPLIT_ROWS / 16, column = c % 16;
    cl_ushort *panel = split + c / FG_SPLIT_ROWS * slabs_of(s) * FG_SPLIT_TERMS * TILE;
    mean_residuals left = {0};
    for (uint32_t j = 0; j < s->d; j++) {
        const uint32_t pair = j % FG_SPLIT_DEPTH / 2;
        cl_ushort *to = panel + j / FG_SPLIT_DEPTH * FG_SPLIT_TERMS * TILE + ((half * 16 + pair) * 16 + column) * 2;
        float residual = 2 * mean[j];
        left.squares[0] += (double)residual * (double)residual;
        for (uint32_t t = 0; t < FG_SPLIT_TERMS; t++) {
            to[t * TILE + j % 2] = next_term(&residual);
            left.squares[t + 1] += (double)residual * (double)residual;
        }
    }
    return left;
}

/* ---- the number of terms ---- */

/* Returns the error of a product of `terms` terms, relative to |y| |2 m|. */
static double relative_error(const mean_residuals *r, uint32_t terms, int are_rows_whole)
{
    const double of_means = r->squares[0] > 0 ? sqrt(r->squares[terms] / r->squares[0]) : 0;
    return of_means + (are_rows_whole ? 0 : row_error[terms]);
}

/* Returns what `terms` terms leave of a log-density, in nats (docs/math.md, equation 9). */
static double split_error(const mean_residuals *r, double squares, uint32_t terms, int are_rows_whole)
{
    const double delta = relative_error(r, terms, are_rows_whole);
    return squares * (2 * delta + 0x1p21 * delta * delta);
}

static uint32_t panel_end(const fg_shape *s, uint32_t panel)
{
    return (uint32_t)fg_min_u64(s->k, ((uint64_t)panel + 1) * s->panel);
}

/* Returns the fewest terms that keep each component of a panel within the limit, or all of them. k-means takes all. */
static uint32_t choose_terms(const fg_shape *s, const fg_packing *m, const mean_residuals *residuals, uint32_t panel)
{
    uint32_t terms = s->assignment == FG_ASSIGN_HARD ? FG_SPLIT_TERMS : LEAST_TERMS;
    if (m->is_exact[panel]) return 0;
    for (; terms < FG_SPLIT_TERMS; terms++) {
        double error = 0;
        for (uint32_t c = panel * s->panel; c < panel_end(s, panel); c++)
            error =
                fmax(error, m->product_errors[c] + split_error(&residuals[c], m->squares[c], terms, m->are_rows_whole));
        if (error <= FG_MOST_PRODUCT_NATS) break;
    }
    return terms;
}

/* Returns the products of an element that `terms` terms of means and row_terms of rows make. */
static double products_of(uint32_t terms, uint32_t row_terms)
{
    uint32_t count = 0;
    if (terms == 0) return DIFFERENCE_PRODUCTS;
    for (uint32_t t = 0; t < row_terms && t < terms; t++) count += terms - t;
    return count;
}

static void report_panel(fg_split_report *report, const fg_shape *s, const fg_packing *m,
                         const mean_residuals *residuals, uint32_t panel, uint32_t terms)
{
    for (uint32_t c = panel * s->panel; c < panel_end(s, panel); c++) {
        const double *squares = residuals[c].squares;
        report->first_residuals[c] = squares[0] > 0 ? squares[1] / squares[0] : 0;
        report->errors[c] = terms > 0 ? relative_error(&residuals[c], terms, m->are_rows_whole) : 0;
    }
}

static fgmm_status load(fg_split *split, fg_split_report *report, const fg_shape *s, const fg_packing *m)
{
    fgmm_status status = FGMM_OK;
    cl_ushort *values = NULL;
    cl_uint *terms = NULL;
    mean_residuals *residuals = NULL;
    FG_TRY(FG_ALLOC(&values, mean_values(s), "split means"));
    FG_TRY(FG_ALLOC(&terms, s->panels, "terms of panels"));
    FG_TRY(FG_ALLOC(&residuals, s->k, "residuals"));
    for (uint32_t c = 0; c < s->k; c++) residuals[c] = split_mean(values, s, m->means + (size_t)c * s->row_stride, c);
    split->row_terms = m->are_rows_whole ? 1 : FG_SPLIT_TERMS;
    split->most_terms = 0;
    for (uint32_t panel = 0; panel < s->panels; panel++) {
        terms[panel] = choose_terms(s, m, residuals, panel);
        report_panel(report, s, m, residuals, panel, terms[panel]);
        report->products += products_of(terms[panel], split->row_terms) / s->panels;
        split->most_terms = (uint32_t)fg_max_u64(split->most_terms, terms[panel]);
    }
    FG_TRY(fg_buffer_write(split->means, 0, values, fg_buffer_bytes(split->means)));
    FG_TRY(fg_buffer_write(split->panel_terms, 0, terms, fg_buffer_bytes(split->panel_terms)));
done:
    free(values);
    free(terms);
    free(residuals);
    return status;
}

const fg_split_method fg_split_bf16 = {.buffers = &buffers, .row_values = row_values, .load = load};
