/* watch.c - progress reports and cancellation. */
#include "watch.h"

#include "thread.h"

#include <math.h>
#include <string.h>

void fg_watch_begin(fg_watch *watch, const fgmm_device *device, fgmm_progress_fn call, void *user)
{
    memset(watch, 0, sizeof *watch);
    watch->device = device;
    watch->compiled_s = fgmm_device_compile_s(device);
    watch->call = call;
    watch->user = user;
    watch->now.log_likelihood = (double)NAN;
    watch->began_s = fg_now_s();
    fg_watch_run(watch, 1, 1);
}

void fg_watch_run(fg_watch *watch, uint64_t run, uint64_t runs)
{
    watch->now.run = run;
    watch->now.runs = runs > run ? runs : run;
}

void fg_watch_iteration(fg_watch *watch, fgmm_phase phase, uint64_t iteration, uint64_t max_iterations, uint64_t rows)
{
    /* the final pass still shows what EM has reached; k-means has another measure */
    const int is_after_em = phase == FGMM_PHASE_FINAL && watch->now.phase == FGMM_PHASE_EM;
    if (phase != watch->now.phase && !is_after_em) watch->now.log_likelihood = (double)NAN;
    watch->now.phase = phase;
    watch->now.iteration = iteration;
    watch->now.max_iterations = max_iterations;
    watch->now.rows_done = 0;
    watch->now.rows = rows;
}

static fgmm_status report(fg_watch *watch, int is_finished)
{
    static const char *const phases[] = {"the survey", "the initialisation", "k-means", "EM", "the final pass"};
    if (!watch->call) return FGMM_OK;
    watch->now.iteration_finished = is_finished;
    watch->now.elapsed_s = fg_watch_elapsed_s(watch);
    watch->now.compile_s = fg_watch_compile_s(watch);
    int answer = watch->call(watch->user, &watch->now);
    if (answer == 0) return FGMM_OK;
    return fg_fail(FGMM_CANCELLED, "cancelled by the progress callback (it returned %d) in %s, iteration %llu of %llu",
                   answer, phases[watch->now.phase], (unsigned long long)watch->now.iteration,
                   (unsigned long long)watch->now.max_iterations);
}

fgmm_status fg_watch_rows(fg_watch *watch, uint64_t rows)
{
    watch->now.rows_done += rows;
    return report(watch, 0);
}

fgmm_status fg_watch_finished(fg_watch *watch, double log_likelihood)
{
    watch->now.log_likelihood = log_likelihood;
    return report(watch, 1);
}

double fg_watch_elapsed_s(const fg_watch *watch)
{
    return watch->earlier_s + fg_now_s() - watch->began_s;
}

double fg_watch_compile_s(const fg_watch *watch)
{
    return fgmm_device_compile_s(watch->device) - watch->compiled_s;
}
