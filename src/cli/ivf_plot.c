/* ivf_plot.c - points of an evaluation as CSV, and as a chart: recall against distances, a line per evaluation. */
#include "ivf_plot.h"

#include "chart.h"
#include "output.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HEADER[] = "nprobe,target_recall,recall,probed,dco,dco_unique,dco_with_coarse,qps";

int cli_points_write(const char *path, const cli_point *points, size_t count)
{
    cli_text text = {0};
    cli_text_add(&text, "%s\n", HEADER);
    for (size_t i = 0; i < count; i++) {
        const cli_point *p = &points[i];
        if (p->nprobe)
            cli_text_add(&text, "%llu,,", (unsigned long long)p->nprobe);
        else
            cli_text_add(&text, ",%.6g,", p->target);
        cli_text_add(&text, "%.6f,%.3f,%.2f,%.2f,%.2f,%.1f\n", p->recall, p->probed, p->dco, p->dco_unique,
                     p->dco_with_coarse, p->qps);
    }
    const int exit_code = cli_text_save(&text, path);
    cli_text_clear(&text);
    return exit_code;
}

enum { LINE_POINTS_MAX = 256 };

/* Recall and distances of each line of a table. */
static int read_points(cli_point *points, size_t *count, const char *path)
{
    char line[512];
    FILE *file = fopen(path, "r");
    *count = 0;
    if (!file) return cli_error(CLI_EXIT_FAILED, "%s: cannot be opened: %s", path, strerror(errno));
    int is_good = fgets(line, sizeof line, file) && strncmp(line, HEADER, sizeof HEADER - 1) == 0;
    while (is_good && fgets(line, sizeof line, file) && *count < LINE_POINTS_MAX) {
        cli_point *p = &points[*count];
        const char *at = strchr(line, ',');
        at = at ? strchr(at + 1, ',') : NULL;
        is_good = at && sscanf(at + 1, "%lf,%lf,%lf,%lf", &p->recall, &p->probed, &p->dco, &p->dco_unique) == 4;
        *count += (size_t)is_good;
    }
    fclose(file);
    if (!is_good) return cli_error(CLI_EXIT_FAILED, "%s: no table of `flashgmm ivf eval --csv`", path);
    return CLI_EXIT_DONE;
}

int cli_points_check(const char *path)
{
    cli_point points[LINE_POINTS_MAX];
    size_t count;
    return read_points(points, &count, path);
}

/* ---- the picture ---- */

static int compare_points(const void *a, const void *b)
{
    const cli_point *x = a, *y = b;
    return (x->dco_unique > y->dco_unique) - (x->dco_unique < y->dco_unique);
}

/* A line of the chart: sorts the points, and keeps what is drawn of them. */
typedef struct line {
    cli_point points[LINE_POINTS_MAX];
    size_t count;
    double x[LINE_POINTS_MAX], y[LINE_POINTS_MAX];
} line;

static cli_series series_of(line *l, const char *name, int colour)
{
    qsort(l->points, l->count, sizeof *l->points, compare_points);
    for (size_t i = 0; i < l->count; i++) {
        l->x[i] = l->points[i].dco_unique;
        l->y[i] = l->points[i].recall;
    }
    return (cli_series){.name = name, .x = l->x, .y = l->y, .count = l->count, .colour = colour, .is_marked = 1};
}

static int draw(const char *path, const cli_series *series, size_t count, unsigned top)
{
    enum { WIDTH = 720, HEIGHT = 480 };
    char title[32];
    cli_text svg = {0};
    snprintf(title, sizeof title, "recall@%u", top);
    const cli_chart chart = {.title = title,
                             .x_title = "distances per query, each row once (coarse step not counted)",
                             .width = WIDTH,
                             .height = HEIGHT,
                             .series = series,
                             .series_count = count,
                             .marked_x = (double)NAN,
                             .marked_y = (double)NAN,
                             .is_log_x = 1};
    cli_chart_begin(&svg, WIDTH, HEIGHT);
    cli_chart_draw(&svg, &chart);
    cli_text_add(&svg, "</svg>\n");
    const int exit_code = cli_text_save(&svg, path);
    cli_text_clear(&svg);
    return exit_code;
}

/* A line for fixed numbers of lists, one for settings of the calibration, one for the baseline: those that have
 * points. */
enum { BY_NPROBE, BY_RECALL, BASELINE, LINES };

int cli_points_plot(const char *path, const cli_point *points, size_t count, unsigned top, const char *baseline)
{
    static const char *const names[LINES] = {"nprobe", "recall", "baseline"};
    int exit_code = CLI_EXIT_DONE;
    cli_series series[LINES];
    size_t series_count = 0;
    line *lines = calloc(LINES, sizeof *lines);
    if (!lines) return cli_error(CLI_EXIT_FAILED, "%s: memory ran out", path);
    for (size_t i = 0; i < count; i++) {
        line *l = &lines[points[i].nprobe ? BY_NPROBE : BY_RECALL];
        if (l->count < LINE_POINTS_MAX) l->points[l->count++] = points[i];
    }
    if (baseline) CLI_DO(read_points(lines[BASELINE].points, &lines[BASELINE].count, baseline));
    for (int i = 0; i < LINES; i++)
        if (lines[i].count) series[series_count++] = series_of(&lines[i], names[i], i);
    CLI_DO(draw(path, series, series_count, top));
done:
    free(lines);
    return exit_code;
}
