/* restarts.h - several runs from different random starts, of which the best is kept (n_init).
 *
 * Run r is what a single run with the seed of fg_run_seed would be. The first has the caller's own seed, so that
 * one run and the first of several are the same. */
#ifndef FG_RESTARTS_H
#define FG_RESTARTS_H

#include "training.h"

/* One of the algorithms of em.h. */
typedef fgmm_status (*fg_algorithm)(fgmm_model **model, fg_training *t);

/* Runs options->n_init times, from the run where options->resume was interrupted, and returns the best model. first:
 * device, source and checked options; everything else zero; not to be closed. is_inertia: the objective is the inertia,
 * less is better; otherwise the log-likelihood. report receives the best run's, with what all runs took; its arrays are
 * the caller's. When a run fails in a way after which a model is returned (flashgmm/fit.h), it is the best finished
 * run's, or where there is none the failed run's own. */
fgmm_status fg_restarts_run(fgmm_model **model, const fg_training *first, fg_algorithm algorithm, int is_inertia,
                            fgmm_fit_report *report);

#endif
