/* chart.h - charts as SVG: a frame with round numbers at the axes, and series drawn as lines, bars or points. Colours
 * and letters are CSS classes with a light and a dark form, so that a drawing stands alone and inside a page. */
#ifndef CLI_CHART_H
#define CLI_CHART_H

#include "text.h"

#include <stddef.h>

enum { CLI_CHART_COLOURS = 6 };

typedef enum cli_series_kind {
    CLI_SERIES_LINE = 0,
    CLI_SERIES_BARS,  /* from the lower edge */
    CLI_SERIES_POINTS /* small and half transparent: thousands of them stay readable */
} cli_series_kind;

typedef struct cli_series {
    const char *name;    /* NULL: no legend */
    const double *x, *y; /* (count); y that are not finite are left out */
    size_t count;
    int colour; /* 0 .. CLI_CHART_COLOURS - 1 */
    cli_series_kind kind;
    int is_marked; /* a circle at each point of a line */
} cli_series;

/* The points at `radius` standard deviations from the mean of a Gaussian of two dimensions, which is marked. */
typedef struct cli_ellipse {
    double x, y;       /* mean */
    double xx, xy, yy; /* covariance */
    double radius;
    int colour;
} cli_ellipse;

typedef struct cli_chart {
    const char *title, *x_title;
    double left, top, width, height; /* of the whole, in the drawing's units */
    const cli_series *series;
    size_t series_count;
    double marked_x, marked_y;   /* a ring there; NaN: none */
    const cli_ellipse *ellipses; /* (ellipse_count) what lies outside the frame is cut */
    size_t ellipse_count;
    int is_whole_x;         /* x counts something: no fractions at the axis */
    int is_log_x, is_log_y; /* values above 0 on a logarithmic axis; others are left out */
} cli_chart;

/* Colours, letters and their dark forms: the content of a style element. */
extern const char cli_chart_style[];

/* Begins an SVG file of that size with its style and background; charts follow, and "</svg>". */
void cli_chart_begin(cli_text *svg, int width, int height);

/* Adds the chart as one group of an SVG. */
void cli_chart_draw(cli_text *svg, const cli_chart *chart);

/* A round step (1, 2 or 5 times a power of ten) that cuts `span` into at most `parts`. */
double cli_chart_step(double span, int parts);

#endif
