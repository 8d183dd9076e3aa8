/* progress.h - tells the application how far a run is, and takes its wish to stop.
 * The only caller of fgmm_progress_fn; always on the calling thread. */
#ifndef FG_PROGRESS_H
#define FG_PROGRESS_H

#include "flashgmm/fit.h"
#include "status.h"

typedef struct fg_progress {
    fgmm_progress_fn call; /* NULL: nobody watches */
    void *user;
    fgmm_progress now;
    double began_s, earlier_s; /* earlier_s: what runs before this one took */
    const fgmm_device *device; /* NULL: nothing is compiled */
    double compiled_s;         /* by the device before */
} fg_progress;

/* device may be NULL. */
void fg_progress_begin(fg_progress *progress, const fgmm_device *device, fgmm_progress_fn call, void *user);

/* Iteration `iteration` (1-based) of `max_iterations` of a phase begins; rows: of the pass, or FGMM_ROWS_UNKNOWN. */
void fg_progress_iteration(fg_progress *progress, fgmm_phase phase, uint64_t iteration, uint64_t max_iterations,
                           uint64_t rows);

/* The present run of several, 1-based; fg_progress_begin says 1 of 1. */
void fg_progress_run(fg_progress *progress, uint64_t run, uint64_t runs);

/* `rows` more rows are done. CANCELLED when the application wants to stop. */
fgmm_status fg_progress_rows(fg_progress *progress, uint64_t rows);

/* The iteration is finished. CANCELLED as above. */
fgmm_status fg_progress_finished(fg_progress *progress, double log_likelihood);

/* Seconds since fg_progress_begin, and before it. */
double fg_progress_elapsed_s(const fg_progress *progress);
/* Those since fg_progress_begin that the driver's compiler took. */
double fg_progress_compile_s(const fg_progress *progress);

#endif
