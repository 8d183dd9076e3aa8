/* ivf_plot.c - recall against distances: distances on a logarithmic axis, one line of points per evaluation. */
#include "ivf_plot.h"

#include "output.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HEADER[] = "nprobe,target_recall,recall,probed,dco,dco_unique,dco_with_coarse,qps";

static int close_written(FILE *file, const char *path)
{
    const int has_failed = ferror(file);
    if (fclose(file) != 0 || has_failed)
        return cli_error(CLI_EXIT_FAILED, "%s: writing failed: %s", path, strerror(errno));
    return CLI_EXIT_DONE;
}

static int open_to_write(FILE **file, const char *path)
{
    *file = fopen(path, "w");
    if (!*file) return cli_error(CLI_EXIT_FAILED, "%s: cannot be written: %s", path, strerror(errno));
    return CLI_EXIT_DONE;
}

int cli_points_write(const char *path, const cli_point *points, size_t count)
{
    FILE *file;
    const int exit_code = open_to_write(&file, path);
    if (exit_code != CLI_EXIT_DONE) return exit_code;
    fprintf(file, "%s\n", HEADER);
    for (size_t i = 0; i < count; i++) {
        const cli_point *p = &points[i];
        if (p->nprobe)
            fprintf(file, "%llu,,", (unsigned long long)p->nprobe);
        else
            fprintf(file, ",%.6g,", p->target);
        fprintf(file, "%.6f,%.3f,%.2f,%.2f,%.2f,%.1f\n", p->recall, p->probed, p->dco, p->dco_unique,
                p->dco_with_coarse, p->qps);
    }
    return close_written(file, path);
}

enum { BASELINE_MAX = 256 };

/* Recall and distances of each line of a table. */
static int read_points(cli_point *points, size_t *count, const char *path)
{
    char line[512];
    FILE *file = fopen(path, "r");
    *count = 0;
    if (!file) return cli_error(CLI_EXIT_FAILED, "%s: cannot be opened: %s", path, strerror(errno));
    int is_good = fgets(line, sizeof line, file) && strncmp(line, HEADER, sizeof HEADER - 1) == 0;
    while (is_good && fgets(line, sizeof line, file) && *count < BASELINE_MAX) {
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

/* ---- the picture ---- */

enum { WIDTH = 720, HEIGHT = 480, LEFT = 70, RIGHT = 30, TOP = 30, BOTTOM = 60 };

typedef struct axes {
    double log_low, log_high, recall_low; /* distances as powers of ten; recall ends at 1 */
} axes;

static double place_x(const axes *a, double dco)
{
    return LEFT + (log10(dco) - a->log_low) / (a->log_high - a->log_low) * (WIDTH - LEFT - RIGHT);
}

static double place_y(const axes *a, double recall)
{
    return HEIGHT - BOTTOM - (recall - a->recall_low) / (1 - a->recall_low) * (HEIGHT - TOP - BOTTOM);
}

static int is_drawable(const cli_point *p)
{
    return p->dco_unique >= 1;
}

static void widen(axes *a, const cli_point *points, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_drawable(&points[i])) continue;
        a->log_low = fmin(a->log_low, log10(points[i].dco_unique));
        a->log_high = fmax(a->log_high, log10(points[i].dco_unique));
        a->recall_low = fmin(a->recall_low, points[i].recall);
    }
}

static void draw_axes(FILE *file, const axes *a, unsigned top)
{
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
            "font-size=\"13\">\n<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n",
            WIDTH, HEIGHT, WIDTH, HEIGHT);
    for (int decade = (int)floor(a->log_low); decade <= (int)ceil(a->log_high); decade++)
        for (int digit = 1; digit < 10; digit++) {
            const double dco = digit * pow(10, decade);
            if (log10(dco) < a->log_low || log10(dco) > a->log_high) continue;
            const double x = place_x(a, dco);
            fprintf(file, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#%s\"/>\n", x, TOP, x,
                    HEIGHT - BOTTOM, digit == 1 ? "bbb" : "eee");
            if (digit == 1 || digit == 2 || digit == 5)
                fprintf(file, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n", x, HEIGHT - BOTTOM + 18,
                        dco);
        }
    const double step = 1 - a->recall_low > 0.4 ? 0.1 : 0.05;
    const int steps = (int)((1 - a->recall_low) / step + 1e-6);
    for (int i = 0; i <= steps; i++) {
        const double recall = 1 - i * step;
        fprintf(file,
                "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#ddd\"/>\n"
                "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.2f</text>\n",
                LEFT, place_y(a, recall), WIDTH - RIGHT, place_y(a, recall), LEFT - 6, place_y(a, recall) + 4, recall);
    }
    fprintf(file,
            "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">distances per query, each row once (coarse step not "
            "counted)</text>\n<text x=\"18\" y=\"%d\" text-anchor=\"middle\" transform=\"rotate(-90 18 %d)\">recall@%u"
            "</text>\n",
            (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, HEIGHT / 2, HEIGHT / 2, top);
}

static int compare_points(const void *a, const void *b)
{
    const cli_point *x = a, *y = b;
    return (x->dco_unique > y->dco_unique) - (x->dco_unique < y->dco_unique);
}

/* points (count) are put in order. */
static void draw_line(FILE *file, const axes *a, cli_point *points, size_t count, const char *colour, const char *name,
                      int row)
{
    qsort(points, count, sizeof *points, compare_points);
    fprintf(file, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"", colour);
    for (size_t i = 0; i < count; i++)
        if (is_drawable(&points[i]))
            fprintf(file, "%.1f,%.1f ", place_x(a, points[i].dco_unique), place_y(a, points[i].recall));
    fprintf(file, "\"/>\n");
    for (size_t i = 0; i < count; i++)
        if (is_drawable(&points[i]))
            fprintf(file, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", place_x(a, points[i].dco_unique),
                    place_y(a, points[i].recall), colour);
    fprintf(file, "<text x=\"%d\" y=\"%d\" fill=\"%s\">%s</text>\n", WIDTH - RIGHT - 120,
            HEIGHT - BOTTOM - 14 - 18 * row, colour, name);
}

int cli_points_plot(const char *path, const cli_point *given, size_t count, unsigned top, const char *baseline)
{
    int exit_code = CLI_EXIT_DONE;
    cli_point *points = malloc((count + 1) * sizeof *points), *others = malloc(BASELINE_MAX * sizeof *others);
    size_t other_count = 0;
    axes a = {INFINITY, -INFINITY, 0.99};
    FILE *file = NULL;
    if (!points || !others) {
        exit_code = cli_error(CLI_EXIT_FAILED, "%s: memory ran out", path);
        goto done;
    }
    memcpy(points, given, count * sizeof *points);
    if (baseline) CLI_DO(read_points(others, &other_count, baseline));
    widen(&a, points, count);
    widen(&a, others, other_count);
    if (!(a.log_low < a.log_high)) { /* one point or none */
        a.log_high = isfinite(a.log_low) ? a.log_low + 1 : 1;
        a.log_low = a.log_high - 1;
    }
    a.recall_low = floor(a.recall_low * 20) / 20;
    CLI_DO(open_to_write(&file, path));
    draw_axes(file, &a, top);
    if (baseline) draw_line(file, &a, others, other_count, "#888", "baseline", 1);
    draw_line(file, &a, points, count, "#06c", "this index", 0);
    fprintf(file, "</svg>\n");
    CLI_DO(close_written(file, path));
done:
    free(points);
    free(others);
    return exit_code;
}
