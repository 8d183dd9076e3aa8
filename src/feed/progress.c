/* progress.c - progress reports and cancellation. */
#include "progress.h"

#include "thread.h"

#include <math.h>
#include <string.h>

void fg_progress_begin(fg_progress *progress, const fgmm_device *device, fgmm_progress_fn call, void *user)
{
    memset(progress, 0, sizeof *progress);
    progress->device = device;
    progress->compiled_s = fgmm_device_compile_s(device);
    progress->call = call;
    progress->user = user;
    progress->now.log_likelihood = (double)NAN;
    progress->began_s = fg_now_s();
    fg_progress_run(progress, 1, 1);
}

void fg_progress_run(fg_progress *progress, uint64_t run, uint64_t runs)
{
    progress->now.run = run;
    progress->now.runs = runs > run ? runs : run;
}

void fg_progress_iteration(fg_progress *progress, fgmm_phase phase, uint64_t iteration, uint64_t max_iterations,
                           uint64_t rows)
{
    /* the final pass still shows what EM has reached; k-means has another measure */
    const int is_after_em = phase == FGMM_PHASE_FINAL && progress->now.phase == FGMM_PHASE_EM;
    if (phase != progress->now.phase && !is_after_em) progress->now.log_likelihood = (double)NAN;
    progress->now.phase = phase;
    progress->now.iteration = iteration;
    progress->now.max_iterations = max_iterations;
    progress->now.rows_done = 0;
    progress->now.rows = rows;
}

static fgmm_status report(fg_progress *progress, int is_finished)
{
    static const char *const phases[] = {"the first pass", "the initialisation", "k-means", "EM", "the final pass"};
    if (!progress->call) return FGMM_OK;
    progress->now.iteration_finished = is_finished;
    progress->now.elapsed_s = fg_progress_elapsed_s(progress);
    progress->now.compile_s = fg_progress_compile_s(progress);
    int answer = progress->call(progress->user, &progress->now);
    if (answer == 0) return FGMM_OK;
    return fg_fail(FGMM_CANCELLED, "cancelled by the progress callback (it returned %d) in %s, iteration %llu of %llu",
                   answer, phases[progress->now.phase], (unsigned long long)progress->now.iteration,
                   (unsigned long long)progress->now.max_iterations);
}

fgmm_status fg_progress_rows(fg_progress *progress, uint64_t rows)
{
    progress->now.rows_done += rows;
    return report(progress, 0);
}

fgmm_status fg_progress_finished(fg_progress *progress, double log_likelihood)
{
    progress->now.log_likelihood = log_likelihood;
    return report(progress, 1);
}

double fg_progress_elapsed_s(const fg_progress *progress)
{
    return progress->earlier_s + fg_now_s() - progress->began_s;
}

double fg_progress_compile_s(const fg_progress *progress)
{
    return fgmm_device_compile_s(progress->device) - progress->compiled_s;
}
