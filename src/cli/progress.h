/* progress.h - the progress bar on a terminal, which is also where a signal stops the work (signals.h). Nothing is
 * drawn where stderr is no terminal. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "flashgmm/flashgmm.h"

typedef struct cli_progress {
    int is_quiet;           /* log lines are dropped too */
    int is_shown;           /* stderr is a terminal and not quiet */
    int is_drawn;           /* a bar stands on the present line */
    const char *label;      /* stands before the phase; NULL: nothing. Borrowed */
    const char *final_name; /* what FGMM_PHASE_FINAL is called: "final pass", "score" ... */
    double drawn_s;         /* when the bar was last drawn; all times as fgmm_progress.elapsed_s */
    double last_s;          /* the last report, without compiling; as phase_begin_s */
    int phase;              /* the present phase, -1 before the first */
    uint64_t iteration;     /* of the present pass */
    uint64_t pass_rows;     /* rows done in the present pass, when last reported */
    uint64_t row_visits;    /* rows that went through the kernels: of the k-means, EM and final passes */
    double phase_begin_s;
    uint64_t phase_begin_rows; /* row visits of the phase that were done before this run (resumed) */
} cli_progress;

void cli_progress_begin(cli_progress *progress, int is_quiet, const char *final_name);

/* An fgmm_progress_fn; user is the cli_progress. Returns 1, cancel, after a signal. */
int cli_progress_report(void *user, const fgmm_progress *now);

/* An fgmm_log_fn; user is the cli_progress. */
void cli_progress_log(void *user, const char *line);

/* Seconds of a monotonic clock, for the elapsed_s of a command that reports by itself, and for rates. */
double cli_now_s(void);

/* Wipes the bar. Call before printing anything else. */
void cli_progress_end(cli_progress *progress);

#endif
