/* ivf_plot.h - points of an evaluation as a table (CSV) and as a picture (SVG). */
#ifndef CLI_IVF_PLOT_H
#define CLI_IVF_PLOT_H

#include <stddef.h>
#include <stdint.h>

typedef struct cli_point {
    uint64_t nprobe;                                              /* 0: by recall */
    double target;                                                /* asked recall; NaN with nprobe */
    double recall, probed, dco, dco_unique, dco_with_coarse, qps; /* per query */
} cli_point;

/* CLI_DO steps. */
int cli_points_write(const char *path, const cli_point *points, size_t count);
/* FAILED unless the file is one of cli_points_write. */
int cli_points_check(const char *path);
/* baseline: NULL, or a file of cli_points_write, drawn as a second line. */
int cli_points_plot(const char *path, const cli_point *points, size_t count, unsigned top, const char *baseline);

#endif
