/* progress.c - the bar behind progress.h. */
#define _DEFAULT_SOURCE
#include "progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "output.h"
#include "signals.h"

double cli_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void cli_progress_begin(cli_progress *progress, int is_quiet, const char *final_name)
{
    memset(progress, 0, sizeof *progress);
    progress->is_quiet = is_quiet;
    progress->is_shown = !is_quiet && isatty(STDERR_FILENO);
    progress->final_name = final_name;
    progress->phase = -1;
}

/* "1:02:03" or "2:03" into text. */
static const char *duration_text(char text[CLI_NUMBER_BYTES], double seconds)
{
    if (!(seconds < 1e9)) return "?";
    const unsigned long s = (unsigned long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(text, CLI_NUMBER_BYTES, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, CLI_NUMBER_BYTES, "%lu:%02lu", s / 60, s % 60);
    return text;
}

static int terminal_columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

static const char *phase_text(const cli_progress *progress, fgmm_phase phase)
{
    switch (phase) {
    case FGMM_PHASE_FIRST_PASS:
        return "survey";
    case FGMM_PHASE_INIT:
        return "init";
    case FGMM_PHASE_KMEANS:
        return "k-means";
    case FGMM_PHASE_EM:
        return "EM";
    case FGMM_PHASE_FINAL:
        break;
    }
    return progress->final_name;
}

/* Appends to the line under construction; what does not fit is cut. */
enum { LINE_BYTES = 256 };
#define APPEND(...) used += (size_t)snprintf(line + used, used < LINE_BYTES ? LINE_BYTES - used : 0, __VA_ARGS__)

/* Time left is that of the present phase if it runs to its last iteration ("<=": it may converge earlier). */
static void draw(cli_progress *progress, const fgmm_progress *now)
{
    enum { BAR = 12 }; /* all of it fits 80 columns */
    char line[LINE_BYTES + 1], number[CLI_NUMBER_BYTES];
    size_t used = 0;
    const int is_counted = now->rows != FGMM_ROWS_UNKNOWN && now->rows > 0;
    const uint64_t iteration = now->iteration ? now->iteration : 1;
    const double spent_s = now->elapsed_s - now->compile_s - progress->phase_begin_s;
    const double before = is_counted ? (double)(iteration - 1) * (double)now->rows : 0;
    const double visits = before + (double)now->rows_done - (double)progress->phase_begin_rows;

    if (progress->label) APPEND("%s", progress->label);
    if (now->runs > 1) APPEND("run %llu/%llu ", (unsigned long long)now->run, (unsigned long long)now->runs);
    APPEND("%s", phase_text(progress, now->phase));
    if (now->max_iterations > 1)
        APPEND(" %llu/%llu", (unsigned long long)iteration, (unsigned long long)now->max_iterations);
    if (is_counted) {
        const int full = (int)(BAR * ((double)now->rows_done / (double)now->rows));
        APPEND(" [%.*s%.*s]", full, "############", BAR - full, "------------");
    } else {
        APPEND(" %s rows", cli_quantity_text(number, (double)now->rows_done));
    }
    if (spent_s > 0 && visits > 0) {
        APPEND(" %s rows/s", cli_quantity_text(number, visits / spent_s));
        const uint64_t last = now->max_iterations > iteration ? now->max_iterations : iteration;
        const double left = is_counted ? (double)last * (double)now->rows - before - (double)now->rows_done : -1;
        if (left >= 0) APPEND(", %s%s left", last > 1 ? "<= " : "", duration_text(number, left * spent_s / visits));
    }
    if (isfinite(now->log_likelihood) && now->phase == FGMM_PHASE_KMEANS)
        APPEND(", inertia/row %.6g", -now->log_likelihood);
    else if (isfinite(now->log_likelihood))
        APPEND(", log-likelihood %.7g", now->log_likelihood);
    fprintf(stderr, "\r%.*s\033[K", terminal_columns() - 1, line);
    fflush(stderr);
    progress->is_drawn = 1;
}

static void count_visits(cli_progress *progress, const fgmm_progress *now)
{
    if ((int)now->phase != progress->phase || now->iteration != progress->iteration) progress->pass_rows = 0;
    if (now->phase >= FGMM_PHASE_KMEANS) progress->row_visits += now->rows_done - progress->pass_rows;
    progress->pass_rows = now->rows_done;
    progress->iteration = now->iteration;
}

static void begin_phase(cli_progress *progress, const fgmm_progress *now)
{
    const uint64_t earlier = now->iteration ? now->iteration - 1 : 0;
    progress->phase = (int)now->phase;
    progress->phase_begin_s = progress->last_s;
    progress->phase_begin_rows = now->rows == FGMM_ROWS_UNKNOWN ? 0 : earlier * now->rows;
}

int cli_progress_report(void *user, const fgmm_progress *now)
{
    cli_progress *progress = user;
    const int is_new = (int)now->phase != progress->phase;
    count_visits(progress, now);
    if (is_new) begin_phase(progress, now);
    if (progress->is_shown && (is_new || now->elapsed_s - progress->drawn_s >= 0.1)) {
        draw(progress, now);
        progress->drawn_s = now->elapsed_s;
    }
    progress->last_s = now->elapsed_s - now->compile_s;
    return cli_interrupted();
}

void cli_progress_log(void *user, const char *line)
{
    cli_progress *progress = user;
    if (progress->is_quiet) return;
    cli_progress_end(progress);
    fprintf(stderr, "%s\n", line);
}

void cli_progress_end(cli_progress *progress)
{
    if (!progress->is_drawn) return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    progress->is_drawn = 0;
}
