/* em.c - expectation maximisation: first pass, first centres, k-means on all rows, EM until the log-likelihood settles.
 * docs/math.md has the equations; the E-step runs on the device (pass/pass.h), the M-step on the host (m_step.c). */
#include "em.h"
#include "mini_batch.h"

#include <math.h>

/* All rows once, and new parameters: in one step, or with mini-batches in many. t->values[0] and [1]: rows (the sum
 * of their weights), and the sum of what is maximised. */
static fgmm_status iterate(fg_training *t, fgmm_phase phase, uint64_t iteration, uint64_t max_iterations)
{
    return t->options.mini_batch ? fg_mini_batch_pass(t, phase, iteration, max_iterations)
                                 : fg_training_step(t, phase, iteration, max_iterations);
}

/* Hard assignments first: they bring the means near, and their clusters give the first covariances. */
static fgmm_status run_kmeans(fg_training *t)
{
    fgmm_status status = FGMM_OK;
    fgmm_fit_report *r = &t->report;
    const uint64_t wanted = t->options.kmeans_iterations;
    FG_TRY(fg_e_step_set_pass(&t->e, FG_ASSIGN_HARD));
    while (r->kmeans_iterations < wanted) {
        FG_TRY(iterate(t, FGMM_PHASE_KMEANS, r->kmeans_iterations + 1, wanted));
        r->inertia = fg_training_inertia(t);
        r->kmeans_iterations++;
        FG_TRY(fg_training_finish(t, FG_CHECKPOINT_KMEANS, t->values[1] / t->values[0]));
    }
done:
    return status;
}

/* scikit-learn's rule: the log-likelihoods before the last two M-steps differ by less than the tolerance. Mini-batches
 * take the passes that were asked for. */
static int is_converged(const fg_training *t)
{
    const uint64_t count = t->report.history_count;
    const double *history = t->report.history;
    return !t->options.mini_batch && count >= 2 && fabs(history[count - 1] - history[count - 2]) < t->options.tolerance;
}

static fgmm_status run_em(fg_training *t)
{
    fgmm_status status = FGMM_OK;
    fgmm_fit_report *r = &t->report;
    const uint64_t most = t->options.max_iterations;
    FG_TRY(fg_e_step_set_pass(&t->e, FG_ASSIGN_SOFT));
    if (t->resumed.phase == FG_CHECKPOINT_EM) fg_pass_set_dense(t->e.pass, (int)t->resumed.is_dense);
    while (r->iterations < most && !is_converged(t)) {
        FG_TRY(iterate(t, FGMM_PHASE_EM, r->iterations + 1, most));
        const double log_likelihood = t->values[1] / t->values[0];
        FG_TRY(fg_training_record(t, log_likelihood));
        r->iterations++;
        FG_TRY(fg_training_finish(t, FG_CHECKPOINT_EM, log_likelihood));
    }
    r->stop_reason = is_converged(t) ? FGMM_STOP_CONVERGED : FGMM_STOP_MAX_ITERATIONS;
    FG_TRY(fg_training_e_step(t, FGMM_PHASE_FINAL, 1, 1));
    r->log_likelihood = t->values[1] / t->values[0];
done:
    return status;
}

fgmm_status fg_em_run(fgmm_model **model, fg_training *t)
{
    fgmm_status status = FGMM_OK;
    t->report.log_likelihood = (double)NAN;
    FG_TRY(fg_training_open(t, FG_ASSIGN_SOFT));
    if (t->resumed.phase == FG_CHECKPOINT_KMEANS && t->report.kmeans_iterations < t->options.kmeans_iterations)
        FG_TRY(run_kmeans(t));
    FG_TRY(run_em(t));
done:
    return fg_training_return(model, t, status);
}
