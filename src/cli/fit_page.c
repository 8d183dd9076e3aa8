/* fit_page.c - behind fit_page.h: the charts, the tables, and how they stand on the page. */
#include "fit_page.h"

#include "chart.h"
#include "covariance.h"
#include "text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Drawings are as wide as a phone, so that their letters can be read there; on wider screens two stand side by side. */
enum { WIDTH = 360, HEIGHT = 250, PLANE_HEIGHT = 360 };

enum { CAPTION_BYTES = 320, SHARE_BYTES = 80 };

/* What can be told apart: bars, points of a line, ellipses in a plane, rows of a table. */
enum { MOST_BARS = 64, MOST_MARKS = 100, MOST_LINE_POINTS = 500, MOST_ELLIPSES = 200, MOST_TABLE_ROWS = 20 };

static const double ELLIPSE_RADIUS = 2; /* standard deviations: 86 % of a Gaussian in two dimensions */

static const char style[] =
    "*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);"
    "font:15px/1.45 system-ui,sans-serif}main{max-width:1040px;margin:0 auto;padding:20px 14px}"
    "h1{font-size:21px;margin:0;overflow-wrap:anywhere}h2{font-size:15px;margin:0 0 6px}"
    ".lead,figcaption{color:var(--dim);margin:4px 0 0}section>.lead,figcaption{font-size:13px}\n"
    ".cards{columns:2 330px;column-gap:14px;margin-top:14px}"
    "figure,section{margin:0 0 14px;padding:12px;border:1px solid var(--grid);border-radius:8px;break-inside:avoid}"
    "figure>svg{display:block;width:100%;height:auto}figure .title{font-weight:400;font-size:11px;fill:var(--dim)}\n"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
    "th,td{padding:3px 0;border-top:1px solid var(--grid);text-align:right;vertical-align:top}"
    "tr:first-child>*{border-top:0}th{font-weight:400;color:var(--dim);white-space:nowrap}"
    ".numbers td{white-space:nowrap}.facts th{text-align:left;padding-right:12px}td{overflow-wrap:anywhere}"
    "footer{color:var(--dim);font-size:13px}\n";

/* What the page is made from. */
typedef struct page {
    cli_text text;
    const cli_training *training;
    const cli_fit_facts *facts;
    const fgmm_model *model;
    double *x, *y; /* scratch of the charts: room for K, for all lines of one, and for the points */
} page;

/* ---- figures ---- */

/* The title is what a screen reader says of the drawing; the caption follows it. */
static void begin_figure(page *p, const char *title, int height)
{
    cli_text_add(&p->text, "<figure>\n<h2>%s</h2>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n", title,
                 WIDTH, height, title);
}

static void end_figure(page *p, const char *caption)
{
    cli_text_add(&p->text, "</svg>\n<figcaption>%s</figcaption>\n</figure>\n", caption);
}

/* A chart of one series, whose points are in p->x and p->y. */
static void draw_one(page *p, cli_chart chart, cli_series series)
{
    series.x = p->x;
    series.y = p->y;
    chart.width = WIDTH;
    chart.height = HEIGHT;
    chart.series = &series;
    chart.series_count = 1;
    chart.is_whole_x = 1;
    chart.marked_x = chart.marked_y = (double)NAN;
    cli_chart_draw(&p->text, &chart);
}

/* Where point i of `shown` evenly spaced ones among `count` lies; the first and the last are among them. */
static size_t spaced(size_t i, size_t shown, size_t count)
{
    return shown < 2 ? 0 : (size_t)((double)i / (double)(shown - 1) * (double)(count - 1) + 0.5);
}

/* "all 3 components", or "the 200 heaviest of 300 components". */
static const char *share_text(char text[SHARE_BYTES], size_t shown, size_t k)
{
    if (shown < k)
        snprintf(text, SHARE_BYTES, "the %zu heaviest of %zu components", shown, k);
    else if (k > 1)
        snprintf(text, SHARE_BYTES, "all %zu components", k);
    else
        snprintf(text, SHARE_BYTES, "the one component");
    return text;
}

static size_t at_most(size_t count, size_t most)
{
    return count < most ? count : most;
}

static void add_log_likelihood(page *p)
{
    const fgmm_fit_report *report = &p->training->report;
    const size_t all = (size_t)report->history_count + 1, shown = at_most(all, MOST_LINE_POINTS);
    size_t count = 0;
    for (size_t i = 0; i < shown; i++) {
        const size_t at = spaced(i, shown, all);
        p->x[count] = (double)(report->iterations - report->history_count + at);
        p->y[count] = at < report->history_count ? report->history[at] : report->log_likelihood;
        count += (size_t)(isfinite(p->y[count]) != 0);
    }
    begin_figure(p, "Log-likelihood", HEIGHT);
    draw_one(p, (cli_chart){.title = "nats per row, mean", .x_title = "EM iterations done"},
             (cli_series){.count = count, .is_marked = count <= MOST_MARKS});
    end_figure(p, "Of the parameters after so many iterations; higher is better.");
}

/* The values in p->y, (count), in descending order, against their ranks: bars, or where they are many a line. */
static void draw_ranked(page *p, const char *title, const char *x_title, size_t count, int colour)
{
    const size_t shown = count <= MOST_BARS ? count : at_most(count, MOST_LINE_POINTS);
    for (size_t i = 0; i < shown; i++) {
        const size_t at = spaced(i, shown, count);
        p->x[i] = (double)(at + 1);
        p->y[i] = p->y[at];
    }
    draw_one(
        p, (cli_chart){.title = title, .x_title = x_title},
        (cli_series){.count = shown, .colour = colour, .kind = count <= MOST_BARS ? CLI_SERIES_BARS : CLI_SERIES_LINE});
}

static int compare_descending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

static void add_weights(page *p)
{
    const size_t k = (size_t)p->facts->info.components;
    const double *weights = fgmm_model_weights(p->model);
    char caption[CAPTION_BYTES];
    for (size_t i = 0; i < k; i++) p->y[i] = weights[p->facts->order[i]];
    snprintf(caption, sizeof caption, "Their sum is 1; the mean is %.3g, the largest %.3g, the smallest %.3g.",
             1 / (double)k, p->y[0], p->y[k - 1]);
    begin_figure(p, "Component weights", HEIGHT);
    draw_ranked(p, "weight", "components, the heaviest first", k, 0);
    end_figure(p, caption);
}

static void add_sizes(page *p)
{
    const size_t k = (size_t)p->facts->info.components;
    size_t empty = 0;
    char caption[CAPTION_BYTES];
    for (size_t i = 0; i < k; i++) {
        p->y[i] = (double)p->facts->sizes[i];
        empty += p->facts->sizes[i] == 0;
    }
    qsort(p->y, k, sizeof *p->y, compare_descending);
    snprintf(caption, sizeof caption,
             "Each row counts for its most probable component. Median %.0f; %zu of %zu components have none.",
             p->y[k / 2], empty, k);
    begin_figure(p, "Cluster sizes", HEIGHT);
    draw_ranked(p, "rows", "components, the largest first", k, 2);
    end_figure(p, caption);
}

static void spectrum_caption(char caption[CAPTION_BYTES], const page *p)
{
    const size_t capacity = CAPTION_BYTES;
    char share[SHARE_BYTES];
    const cli_spectrum *s = &p->facts->spectrum;
    const size_t k = (size_t)p->facts->info.components;
    const char *what = s->is_diagonal ? "diagonal elements" : "eigenvalues";
    const fgmm_covariance_info type = cli_covariances_of(p->model).type;
    if (type.is_spherical)
        snprintf(caption, capacity, "One variance per component, in squared units of the data.");
    else if (!type.has_matrices)
        snprintf(caption, capacity, "The variances of a component in descending order, over %s.",
                 share_text(share, s->component_count, k));
    else if (type.is_shared)
        snprintf(caption, capacity, "The %s of the matrix that all components share.", what);
    else
        snprintf(caption, capacity, "The %s of a component's matrix, over %s.", what,
                 share_text(share, s->component_count, k));
}

/* The mean over the components, and between which lines all of them lie. */
static void add_spectrum(page *p)
{
    const cli_spectrum *s = &p->facts->spectrum;
    const size_t shown = at_most(s->count, MOST_LINE_POINTS);
    const int is_spherical = cli_covariances_of(p->model).type.is_spherical;
    const int is_ranged = !is_spherical && s->component_count > 1;
    double *columns[] = {p->y, p->y + shown, p->y + 2 * shown};
    const double *values[] = {s->mean, s->least, s->most};
    char caption[CAPTION_BYTES];
    for (size_t i = 0; i < shown; i++) {
        const size_t at = spaced(i, shown, s->count);
        p->x[i] = (double)(at + 1);
        for (size_t c = 0; c < 3; c++) columns[c][i] = values[c][at];
    }
    const int is_marked = shown <= MOST_MARKS;
    const cli_series series[] = {
        {.name = is_ranged ? "mean" : NULL, .x = p->x, .y = p->y, .count = shown, .is_marked = is_marked},
        {.name = "range", .x = p->x, .y = columns[1], .count = shown, .colour = 1},
        {.x = p->x, .y = columns[2], .count = shown, .colour = 1}};
    const cli_chart chart = {.title = "variance",
                             .x_title = is_spherical ? "components, the widest first" : "directions, the widest first",
                             .width = WIDTH,
                             .height = HEIGHT,
                             .series = series,
                             .series_count = is_ranged ? 3 : 1,
                             .is_whole_x = 1,
                             .is_log_y = 1,
                             .marked_x = (double)NAN,
                             .marked_y = (double)NAN};
    begin_figure(p, "Variance spectrum", HEIGHT);
    cli_chart_draw(&p->text, &chart);
    spectrum_caption(caption, p);
    end_figure(p, caption);
}

/* ---- the plane ---- */

static cli_ellipse ellipse_of(const page *p, size_t component)
{
    const double *mean = fgmm_model_means(p->model) + 2 * component;
    const cli_covariances covariances = cli_covariances_of(p->model);
    return (cli_ellipse){.x = mean[0],
                         .y = mean[1],
                         .xx = cli_covariance_element(&covariances, component, 0, 0),
                         .xy = cli_covariance_element(&covariances, component, 0, 1),
                         .yy = cli_covariance_element(&covariances, component, 1, 1),
                         .radius = ELLIPSE_RADIUS,
                         .colour = (int)(component % CLI_CHART_COLOURS)};
}

/* The points of the components of one colour, from `first` on in p->x and p->y; returns how many. */
static size_t select_colour(page *p, size_t first, int colour)
{
    const cli_fit_facts *facts = p->facts;
    size_t count = 0;
    for (size_t i = 0; i < facts->point_count; i++) {
        if (facts->labels[i] % CLI_CHART_COLOURS != colour) continue;
        p->x[first + count] = facts->points[i];
        p->y[first + count] = facts->points[facts->point_count + i];
        count++;
    }
    return count;
}

static void add_plane(page *p)
{
    const cli_fit_facts *facts = p->facts;
    const size_t shown = at_most((size_t)facts->info.components, MOST_ELLIPSES);
    cli_ellipse ellipses[MOST_ELLIPSES];
    cli_series series[CLI_CHART_COLOURS];
    char caption[CAPTION_BYTES], share[SHARE_BYTES];
    if (!facts->points) return;
    for (size_t i = 0; i < shown; i++) ellipses[i] = ellipse_of(p, facts->order[i]);
    size_t first = 0;
    for (int colour = 0; colour < CLI_CHART_COLOURS; colour++) {
        const size_t count = select_colour(p, first, colour);
        series[colour] = (cli_series){
            .x = p->x + first, .y = p->y + first, .count = count, .colour = colour, .kind = CLI_SERIES_POINTS};
        first += count;
    }
    const cli_chart chart = {.title = "column 1",
                             .x_title = "column 0",
                             .width = WIDTH,
                             .height = PLANE_HEIGHT,
                             .series = series,
                             .series_count = CLI_CHART_COLOURS,
                             .ellipses = ellipses,
                             .ellipse_count = shown,
                             .marked_x = (double)NAN,
                             .marked_y = (double)NAN};
    begin_figure(p, "Points and components", PLANE_HEIGHT);
    cli_chart_draw(&p->text, &chart);
    snprintf(caption, sizeof caption,
             "%zu of %llu rows, evenly spaced, and %s: an ellipse lies %g standard deviations from the mean.",
             facts->point_count, (unsigned long long)facts->rows,
             share_text(share, shown, (size_t)facts->info.components), ELLIPSE_RADIUS);
    end_figure(p, caption);
}

/* ---- tables ---- */

static void begin_facts(page *p, const char *title)
{
    cli_text_add(&p->text, "<section>\n<h2>%s</h2>\n<table class=\"facts\">\n", title);
}

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static void
add_fact(page *p, const char *name, const char *format, ...)
{
    char value[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    cli_text_add(&p->text, "<tr><th>%s</th><td>", name);
    cli_text_add_escaped(&p->text, value);
    cli_text_add(&p->text, "</td></tr>\n");
}

static void end_facts(page *p)
{
    cli_text_add(&p->text, "</table>\n</section>\n");
}

static void add_training(page *p)
{
    const fgmm_fit_report *report = &p->training->report;
    begin_facts(p, "Training");
    add_fact(p, "log-likelihood", "%.9g nats per row", report->log_likelihood);
    add_fact(p, "AIC", "%.9g", p->facts->criteria.aic);
    add_fact(p, "BIC", "%.9g", p->facts->criteria.bic);
    add_fact(p, "free parameters", "%llu", (unsigned long long)p->facts->criteria.parameters);
    add_fact(p, "k-means iterations", "%llu", (unsigned long long)report->kmeans_iterations);
    add_fact(p, "EM iterations", "%llu", (unsigned long long)report->iterations);
    add_fact(p, "stopped", "%s", cli_stop_text(report->stop_reason));
    if (report->run_count > 1)
        add_fact(p, "runs", "%llu, the best was number %llu", (unsigned long long)report->run_count,
                 (unsigned long long)report->best_run + 1);
    if (report->reseeded) add_fact(p, "components placed anew", "%llu", (unsigned long long)report->reseeded);
    add_fact(p, "seed", "%llu", (unsigned long long)p->training->seed);
    add_fact(p, "data", "%s", p->training->work->data);
    if (p->training->weights)
        add_fact(p, "weights", "%s, %.9g in all", p->training->work->weights, report->total_weight);
    add_fact(p, "model", "%s", p->training->written);
    end_facts(p);
}

static void add_time(page *p)
{
    const fgmm_fit_report *report = &p->training->report;
    char text[CLI_NUMBER_BYTES];
    begin_facts(p, "Time and memory");
    add_fact(p, "in all", "%.2f s", report->total_s);
    add_fact(p, "compiling", "%.2f s", report->compile_s);
    add_fact(p, "start", "%.2f s", report->init_s);
    add_fact(p, "iterations", "%.2f s", report->em_s);
    add_fact(p, "waiting for data", "%.2f s", report->read_s);
    add_fact(p, "rows per second", "%s", cli_quantity_text(text, cli_training_rows_per_second(p->training)));
    add_fact(p, "device memory", "%s at most", cli_size_text(text, report->peak_device_bytes));
    add_fact(p, "host memory", "%s at most", cli_size_text(text, cli_peak_host_bytes()));
    end_facts(p);
}

static void add_device(page *p)
{
    const fgmm_fit_report *report = &p->training->report;
    const fgmm_device_info *device = &p->training->device;
    begin_facts(p, "Device");
    add_fact(p, "name", "%s", device->name);
    add_fact(p, "platform", "%s", device->platform);
    add_fact(p, "driver", "%s", device->driver);
    add_fact(p, "kernels", "%s", fgmm_backend_name(report->backend));
    add_fact(p, "tile", "%s", report->tile);
    add_fact(p, "error bound", "%.2g nats per row", report->error_bound_nats);
    end_facts(p);
}

/* The square root of the mean of a component's variances. */
static double deviation(const page *p, size_t component)
{
    const cli_covariances covariances = cli_covariances_of(p->model);
    double sum = 0;
    if (covariances.type.is_spherical) return sqrt(cli_covariance_element(&covariances, component, 0, 0));
    for (size_t j = 0; j < covariances.d; j++) sum += cli_covariance_element(&covariances, component, j, j);
    return sqrt(sum / (double)covariances.d);
}

static void add_components(page *p)
{
    const size_t k = (size_t)p->facts->info.components, shown = at_most(k, MOST_TABLE_ROWS);
    cli_text_add(&p->text,
                 "<section>\n<h2>Components</h2>\n<p class=\"lead\">%zu of %zu, the heaviest first; deviation: "
                 "the root of the mean variance</p>\n<table class=\"numbers\">\n<tr><th>number</th><th>weight</th>"
                 "<th>rows</th><th>deviation</th></tr>\n",
                 shown, k);
    for (size_t i = 0; i < shown; i++) {
        const size_t component = p->facts->order[i];
        cli_text_add(&p->text, "<tr><td>%zu</td><td>%.4g</td><td>%llu</td><td>%.4g</td></tr>\n", component,
                     fgmm_model_weights(p->model)[component], (unsigned long long)p->facts->sizes[component],
                     deviation(p, component));
    }
    cli_text_add(&p->text, "</table>\n</section>\n");
}

/* ---- the page ---- */

static void add_head(page *p)
{
    const fgmm_model_info *info = &p->facts->info;
    const char *data = strcmp(p->training->work->data, "-") == 0 ? "standard input" : p->training->work->data;
    const char *name = strrchr(data, '/') ? strrchr(data, '/') + 1 : data;
    cli_text_add(&p->text, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                           "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\n<title>");
    cli_text_add_escaped(&p->text, name);
    cli_text_add(&p->text, ": %llu Gaussians</title>\n<style>\n%s%s</style>\n</head>\n<body>\n<main>\n<h1>",
                 (unsigned long long)info->components, cli_chart_style, style);
    cli_text_add_escaped(&p->text, name);
    cli_text_add(
        &p->text, "</h1>\n<p class=\"lead\">%llu Gaussian%s, %s covariance, %llu rows of %llu dimension%s</p>\n",
        (unsigned long long)info->components, info->components == 1 ? "" : "s", fgmm_covariance_name(info->covariance),
        (unsigned long long)p->facts->rows, (unsigned long long)info->dims, info->dims == 1 ? "" : "s");
}

int cli_fit_page_write(const char *path, const cli_training *training, const cli_fit_facts *facts,
                       const fgmm_model *model)
{
    const size_t k = (size_t)facts->info.components, capacity = k + 3 * MOST_LINE_POINTS + CLI_POINTS;
    page p = {.training = training, .facts = facts, .model = model};
    p.x = calloc(capacity, sizeof *p.x);
    p.y = calloc(capacity, sizeof *p.y);
    int exit_code = CLI_EXIT_DONE;
    if (!p.x || !p.y) {
        exit_code = cli_error(CLI_EXIT_FAILED, "%s: memory ran out", path);
        goto done;
    }
    add_head(&p);
    cli_text_add(&p.text, "<div class=\"cards\">\n");
    add_plane(&p);
    add_log_likelihood(&p);
    add_weights(&p);
    add_sizes(&p);
    add_spectrum(&p);
    add_training(&p);
    add_components(&p);
    add_time(&p);
    add_device(&p);
    cli_text_add(&p.text, "</div>\n<footer>flashgmm %s</footer>\n</main>\n</body>\n</html>\n", fgmm_version());
    exit_code = cli_text_save(&p.text, path);
done:
    cli_text_clear(&p.text);
    free(p.x);
    free(p.y);
    return exit_code;
}
