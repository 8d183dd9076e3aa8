/* chart.c - line charts behind chart.h. */
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
    ".ring{fill:none;stroke:var(--ink);stroke-width:2}\n";

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
    double low, high; /* in data */
    double from, to;  /* on the paper */
} axis;

static double place(const axis *a, double value)
{
    return a->from + (value - a->low) / (a->high - a->low) * (a->to - a->from);
}

static void extend(axis *a, double value)
{
    if (!isfinite(value)) return;
    a->low = fmin(a->low, value);
    a->high = fmax(a->high, value);
}

/* A margin, and a span also where all values are equal. */
static void settle(axis *a, double margin)
{
    if (!(a->low <= a->high)) a->low = 0, a->high = 1;
    const double span = a->high - a->low, least = 1e-9 * fmax(fabs(a->low), fabs(a->high)) + 1e-300;
    const double add = span > least ? margin * span : fmax(0.5 * fabs(a->low), 0.5);
    a->low -= add;
    a->high += add;
}

static void draw_axes(cli_text *svg, const axis *x, const axis *y)
{
    enum { PARTS = 5 };
    const double step_x = cli_chart_step(x->high - x->low, PARTS), step_y = cli_chart_step(y->high - y->low, PARTS);
    for (long i = lround(ceil(y->low / step_y)); (double)i * step_y <= y->high; i++) {
        const double v = (double)i * step_y, at = place(y, v);
        cli_text_add(svg, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>", x->from, x->to, at,
                     at);
        cli_text_add(svg, "<text class=\"dim\" text-anchor=\"end\" x=\"%.1f\" y=\"%.1f\">%.6g</text>\n", x->from - 5,
                     at + 4, v);
    }
    for (long i = lround(ceil(x->low / step_x)); (double)i * step_x <= x->high; i++)
        cli_text_add(svg, "<text class=\"dim\" text-anchor=\"middle\" x=\"%.1f\" y=\"%.1f\">%.6g</text>\n",
                     place(x, (double)i * step_x), y->from + 16, (double)i * step_x);
}

static void draw_series(cli_text *svg, const cli_series *s, const axis *x, const axis *y)
{
    if (s->is_bars) {
        const double width = fmax(1, 0.8 * (x->to - x->from) / (double)(s->count ? s->count : 1));
        for (size_t i = 0; i < s->count; i++)
            if (isfinite(s->y[i]))
                cli_text_add(svg, "<rect class=\"f%d\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
                             s->colour, place(x, s->x[i]) - width / 2, place(y, s->y[i]), width,
                             y->from - place(y, s->y[i]));
        return;
    }
    int is_open = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (!isfinite(s->y[i])) continue;
        if (!is_open) cli_text_add(svg, "<polyline class=\"line l%d\" points=\"", s->colour);
        is_open = 1;
        cli_text_add(svg, "%.1f,%.1f ", place(x, s->x[i]), place(y, s->y[i]));
    }
    if (is_open) cli_text_add(svg, "\"/>\n");
    for (size_t i = 0; s->is_marked && i < s->count; i++)
        if (isfinite(s->y[i]))
            cli_text_add(svg,
                         "<circle class=\"f%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>%.9g: %.9g</title></circle>\n",
                         s->colour, place(x, s->x[i]), place(y, s->y[i]), s->x[i], s->y[i]);
}

void cli_chart_draw(cli_text *svg, const cli_chart *c)
{
    enum { LEFT = 66, RIGHT = 12, TOP = 26, BOTTOM = 38 };
    axis x = {(double)INFINITY, -(double)INFINITY, c->left + LEFT, c->left + c->width - RIGHT};
    axis y = {(double)INFINITY, -(double)INFINITY, c->top + c->height - BOTTOM, c->top + TOP};
    int has_bars = 0;
    for (size_t s = 0; s < c->series_count; s++) {
        has_bars |= c->series[s].is_bars;
        for (size_t i = 0; i < c->series[s].count; i++) {
            extend(&x, c->series[s].x[i]);
            extend(&y, c->series[s].y[i]);
        }
    }
    if (has_bars) extend(&y, 0);
    settle(&x, has_bars ? 0.02 : 0.03);
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
    if (isfinite(c->marked_x) && isfinite(c->marked_y))
        cli_text_add(svg, "<circle class=\"ring\" cx=\"%.1f\" cy=\"%.1f\" r=\"6\"/>\n", place(&x, c->marked_x),
                     place(&y, c->marked_y));
    cli_text_add(svg, "</g>\n");
}
