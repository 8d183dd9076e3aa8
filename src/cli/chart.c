/* chart.c - behind chart.h. */
#include "chart.h"

#include <math.h>
#include <stdio.h>

const char cli_chart_style[] =
    ":root{color-scheme:light "
    "dark;--ink:#1b1f24;--dim:#667080;--grid:#dfe3e8;--paper:#ffffff;--c0:#0b6bcb;--c1:#c2410c;"
    "--c2:#15803d;--c3:#7c3aed;--c4:#be185d;--c5:#0e7490}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--dim:#9aa4b2;--grid:#333a44;--paper:#14171b;--c0:#6cb2ff;"
    "--c1:#ff9a5c;--c2:#5fd38a;--c3:#b79bff;--c4:#ff86b5;--c5:#56d0e6}}\n"
    "svg text{font:12px system-ui,sans-serif;fill:var(--ink)}svg .dim{fill:var(--dim);font-size:11px}"
    "svg .title{font-weight:600;font-size:13px}.grid{stroke:var(--grid);stroke-width:1}\n"
    ".l0{stroke:var(--c0)}.l1{stroke:var(--c1)}.l2{stroke:var(--c2)}.l3{stroke:var(--c3)}.l4{stroke:var(--c4)}"
    ".l5{stroke:var(--c5)}.line{fill:none;stroke-width:2}\n"
    ".f0{fill:var(--c0)}.f1{fill:var(--c1)}.f2{fill:var(--c2)}.f3{fill:var(--c3)}.f4{fill:var(--c4)}.f5{fill:var(--c5)}"
    ".ring{fill:none;stroke:var(--ink);stroke-width:2}"
    ".points{fill:none;stroke-width:2.5;stroke-linecap:round;opacity:.5}"
    ".ellipse{fill:none;stroke-width:1.5}.mean{fill:none;stroke:var(--ink);stroke-width:1.5}"
    ".many .ellipse{stroke-width:.8}.many .mean{display:none}\n";

void cli_chart_begin(cli_text *svg, int width, int height)
{
    cli_text_add(svg,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\">\n<style>%s</style>\n"
                 "<rect width=\"100%%\" height=\"100%%\" style=\"fill:var(--paper)\"/>\n",
                 width, height, cli_chart_style);
}

double cli_chart_step(double span, int parts)
{
    const double least = span / parts, power = pow(10, floor(log10(least)));
    const double steps[] = {1, 2, 5, 10};
    for (int i = 0; i < 4; i++)
        if (steps[i] * power >= least * (1 - 1e-9)) return steps[i] * power;
    return 10 * power;
}

/* An axis: what it spans, in data and on the paper. */
typedef struct axis {
    double low, high; /* in data; of a logarithmic axis the powers of ten */
    double from, to;  /* on the paper */
    int is_log, is_whole;
} axis;

/* Paper per unit of data. */
static double scale(const axis *a)
{
    return (a->to - a->from) / (a->high - a->low);
}

/* Not finite where the axis has no such value. */
static double place(const axis *a, double value)
{
    if (a->is_log) value = value > 0 ? log10(value) : (double)NAN;
    return a->from + (value - a->low) * scale(a);
}

static void extend(axis *a, double value)
{
    if (a->is_log) value = value > 0 ? log10(value) : (double)NAN;
    if (!isfinite(value)) return;
    a->low = fmin(a->low, value);
    a->high = fmax(a->high, value);
}

/* A margin, and a span also where all values are equal; where they nearly are, one that the six digits of the labels
 * can tell apart. */
static void settle(axis *a, double margin)
{
    if (!(a->low <= a->high)) a->low = 0, a->high = 1;
    const double span = a->high - a->low, least = 5e-5 * fmax(fabs(a->low), fabs(a->high));
    double add = span > least ? margin * span : (least - span) / 2;
    if (span == 0) add = fmax(0.5 * fabs(a->low), 0.5);
    a->low -= add;
    a->high += add;
}

enum { PARTS = 5 };

/* Draws what stands at a round value of an axis. */
typedef void (*draw_tick)(cli_text *svg, const axis *x, const axis *y, double value);

static void draw_across(cli_text *svg, const axis *x, const axis *y, double value)
{
    const double at = place(y, value);
    cli_text_add(svg, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>", x->from, x->to, at, at);
    cli_text_add(svg, "<text class=\"dim\" text-anchor=\"end\" x=\"%.1f\" y=\"%.1f\">%.6g</text>\n", x->from - 5,
                 at + 4, value);
}

static void draw_below(cli_text *svg, const axis *x, const axis *y, double value)
{
    cli_text_add(svg, "<text class=\"dim\" text-anchor=\"middle\" x=\"%.1f\" y=\"%.1f\">%.6g</text>\n", place(x, value),
                 y->from + 16, value);
}

/* An axis whose ticks are drawn, and how. */
typedef struct ruler {
    const axis *x, *y, *along; /* along: one of both */
    draw_tick draw;
} ruler;

/* The i-th multiple of `step` from `low` on; of an axis cut by cli_chart_step there are at most PARTS + 1. */
static double tick(double low, double step, int i)
{
    return (ceil(low / step) + i) * step;
}

static void draw_linear_ticks(cli_text *svg, const ruler *r, double low, double high)
{
    double step = cli_chart_step(high - low, PARTS);
    if (r->along->is_whole) step = fmax(1, step);
    for (int i = 0; i <= PARTS && tick(low, step, i) <= high; i++) r->draw(svg, r->x, r->y, tick(low, step, i));
}

/* Whole powers of ten, not all where there are many; where there are few, two and five times them as well; within less
 * than one, even steps. */
static void draw_log_ticks(cli_text *svg, const ruler *r)
{
    const axis *a = r->along;
    const double span = a->high - a->low, step = fmax(1, cli_chart_step(span, PARTS)), first = floor(a->low);
    if (span < 0.8) {
        draw_linear_ticks(svg, r, pow(10, a->low), pow(10, a->high));
        return;
    }
    for (int i = 0; first + i * step <= a->high; i++)
        for (int digit = 1; digit <= 5; digit += digit == 1 ? 1 : 3) {
            const double v = digit * pow(10, first + i * step);
            if (digit > 1 && span > 2) break;
            if (log10(v) >= a->low && log10(v) <= a->high) r->draw(svg, r->x, r->y, v);
        }
}

static void draw_axes(cli_text *svg, const axis *x, const axis *y)
{
    const ruler rulers[2] = {{x, y, y, draw_across}, {x, y, x, draw_below}};
    for (int i = 0; i < 2; i++) {
        const axis *along = rulers[i].along;
        if (along->is_log)
            draw_log_ticks(svg, &rulers[i]);
        else
            draw_linear_ticks(svg, &rulers[i], along->low, along->high);
    }
}

static void draw_bars(cli_text *svg, const cli_series *s, const axis *x, const axis *y)
{
    const double width = fmax(1, fmin(0.8 * scale(x), 0.2 * (x->to - x->from)));
    for (size_t i = 0; i < s->count; i++) {
        const double top = place(y, s->y[i]);
        if (isfinite(top))
            cli_text_add(svg, "<rect class=\"f%d\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", s->colour,
                         place(x, s->x[i]) - width / 2, top, width, y->from - top);
    }
}

/* One path of strokes without length: half the bytes of circles. */
static void draw_points(cli_text *svg, const cli_series *s, const axis *x, const axis *y)
{
    cli_text_add(svg, "<path class=\"points l%d\" d=\"", s->colour);
    for (size_t i = 0; i < s->count; i++) {
        const double across = place(x, s->x[i]), down = place(y, s->y[i]);
        if (isfinite(across) && isfinite(down)) cli_text_add(svg, "M%.1f %.1fh0", across, down);
    }
    cli_text_add(svg, "\"/>\n");
}

static void draw_line(cli_text *svg, const cli_series *s, const axis *x, const axis *y)
{
    int is_open = 0;
    for (size_t i = 0; i < s->count; i++) {
        const double across = place(x, s->x[i]), down = place(y, s->y[i]);
        if (!isfinite(across) || !isfinite(down)) continue;
        if (!is_open) cli_text_add(svg, "<polyline class=\"line l%d\" points=\"", s->colour);
        is_open = 1;
        cli_text_add(svg, "%.1f,%.1f ", across, down);
    }
    if (is_open) cli_text_add(svg, "\"/>\n");
    for (size_t i = 0; s->is_marked && i < s->count; i++) {
        const double across = place(x, s->x[i]), down = place(y, s->y[i]);
        if (isfinite(across) && isfinite(down))
            cli_text_add(svg,
                         "<circle class=\"f%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>%.9g: %.9g</title></circle>\n",
                         s->colour, across, down, s->x[i], s->y[i]);
    }
}

/* The axes of the ellipse on the paper: of the covariance in the paper's units, [a b; b c]. */
static void draw_ellipse(cli_text *svg, const cli_ellipse *e, const axis *x, const axis *y)
{
    const double a = e->xx * scale(x) * scale(x), b = e->xy * scale(x) * scale(y), c = e->yy * scale(y) * scale(y);
    const double middle = (a + c) / 2, half = hypot((a - c) / 2, b), angle = 0.5 * atan2(2 * b, a - c) * 180 / acos(-1);
    const double across = place(x, e->x), down = place(y, e->y);
    cli_text_add(svg,
                 "<ellipse class=\"ellipse l%d\" rx=\"%.1f\" ry=\"%.1f\" transform=\"translate(%.1f %.1f) "
                 "rotate(%.1f)\"/><path class=\"mean\" d=\"M%.1f %.1fh6m-3 -3v6\"/>\n",
                 e->colour, e->radius * sqrt(middle + half), e->radius * sqrt(fmax(0, middle - half)), across, down,
                 angle, across - 3, down);
}

static void draw_series(cli_text *svg, const cli_series *s, const axis *x, const axis *y)
{
    switch (s->kind) {
    case CLI_SERIES_BARS:
        draw_bars(svg, s, x, y);
        break;
    case CLI_SERIES_POINTS:
        draw_points(svg, s, x, y);
        break;
    case CLI_SERIES_LINE:
        draw_line(svg, s, x, y);
        break;
    }
}

/* The ellipses, in a drawing of the frame's size that cuts them. Many are drawn thinner and without their means. */
static void draw_ellipses(cli_text *svg, const cli_chart *c, const axis *x, const axis *y)
{
    enum { MANY = 50 };
    if (c->ellipse_count == 0) return;
    const double width = x->to - x->from, height = y->from - y->to;
    cli_text_add(svg, "<svg x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" viewBox=\"%.1f %.1f %.1f %.1f\">\n",
                 x->from, y->to, width, height, x->from, y->to, width, height);
    for (size_t i = 0; i < c->ellipse_count; i++) draw_ellipse(svg, &c->ellipses[i], x, y);
    cli_text_add(svg, "</svg>\n");
}

void cli_chart_draw(cli_text *svg, const cli_chart *c)
{
    enum { LEFT = 66, RIGHT = 12, TOP = 26, BOTTOM = 38 };
    axis x = {(double)INFINITY,           -(double)INFINITY, c->left + LEFT,
              c->left + c->width - RIGHT, c->is_log_x,       c->is_whole_x};
    axis y = {(double)INFINITY, -(double)INFINITY, c->top + c->height - BOTTOM, c->top + TOP, c->is_log_y, 0};
    int has_bars = 0;
    for (size_t s = 0; s < c->series_count; s++) {
        has_bars |= c->series[s].kind == CLI_SERIES_BARS;
        for (size_t i = 0; i < c->series[s].count; i++) {
            extend(&x, c->series[s].x[i]);
            extend(&y, c->series[s].y[i]);
        }
    }
    for (size_t i = 0; i < c->ellipse_count; i++) {
        extend(&x, c->ellipses[i].x);
        extend(&y, c->ellipses[i].y);
    }
    if (has_bars) { /* whole bars stand in the frame, and begin at 0 */
        extend(&y, 0);
        x.low -= 0.5;
        x.high += 0.5;
    }
    settle(&x, has_bars ? 0.01 : 0.03);
    settle(&y, 0.06);
    if (has_bars) y.low = 0;
    cli_text_add(svg, "<g>\n<text class=\"title\" x=\"%.1f\" y=\"%.1f\">", c->left + LEFT, c->top + 14);
    cli_text_add_escaped(svg, c->title);
    cli_text_add(svg, "</text>\n<text class=\"dim\" text-anchor=\"middle\" x=\"%.1f\" y=\"%.1f\">", (x.from + x.to) / 2,
                 c->top + c->height - 4);
    cli_text_add_escaped(svg, c->x_title);
    cli_text_add(svg, "</text>\n");
    draw_axes(svg, &x, &y);
    double legend = x.to;
    for (size_t s = c->series_count; s-- > 0;) {
        draw_series(svg, &c->series[s], &x, &y);
        if (!c->series[s].name) continue;
        cli_text_add(svg, "<text class=\"f%d\" style=\"fill:var(--c%d)\" text-anchor=\"end\" x=\"%.1f\" y=\"%.1f\">",
                     c->series[s].colour, c->series[s].colour, legend, c->top + 14);
        cli_text_add_escaped(svg, c->series[s].name);
        cli_text_add(svg, "</text>\n");
        legend -= 64; /* the longest covariance type, and a gap */
    }
    draw_ellipses(svg, c, &x, &y);
    if (isfinite(c->marked_x) && isfinite(c->marked_y))
        cli_text_add(svg, "<circle class=\"ring\" cx=\"%.1f\" cy=\"%.1f\" r=\"6\"/>\n", place(&x, c->marked_x),
                     place(&y, c->marked_y));
    cli_text_add(svg, "</g>\n");
}
