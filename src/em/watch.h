/* watch.h - tells the application how far a run is, and takes its wish to stop.
 * The only caller of fgmm_progress_fn; always on the calling thread. */
#ifndef FG_WATCH_H
#define FG_WATCH_H

#include "flashgmm/fit.h"
#include "status.h"

typedef struct fg_watch {
    fgmm_progress_fn call; /* NULL: nobody watches */
    void *user;
    fgmm_progress now;
    double began_s, earlier_s; /* earlier_s: what runs before this one took */
    const fgmm_device *device; /* NULL: nothing is compiled */
    double compiled_s;         /* by the device before */
} fg_watch;

/* device may be NULL. */
void fg_watch_begin(fg_watch *watch, const fgmm_device *device, fgmm_progress_fn call, void *user);

/* Iteration `iteration` (1-based) of `max_iterations` of a phase begins; rows: of the pass, or FGMM_ROWS_UNKNOWN. */
void fg_watch_iteration(fg_watch *watch, fgmm_phase phase, uint64_t iteration, uint64_t max_iterations, uint64_t rows);

/* The present run of several, 1-based; fg_watch_begin says 1 of 1. */
void fg_watch_run(fg_watch *watch, uint64_t run, uint64_t runs);

/* `rows` more rows are done. CANCELLED when the application wants to stop. */
fgmm_status fg_watch_rows(fg_watch *watch, uint64_t rows);

/* The iteration is finished. CANCELLED as above. */
fgmm_status fg_watch_finished(fg_watch *watch, double log_likelihood);

/* Seconds since fg_watch_begin, and before it. */
double fg_watch_elapsed_s(const fg_watch *watch);
/* Those since fg_watch_begin that the driver's compiler took. */
double fg_watch_compile_s(const fg_watch *watch);

#endif
