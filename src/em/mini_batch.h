/* mini_batch.h - stepwise EM: an M-step after every few thousand rows instead of after all of them (Cappe and Moulines
 * 2009; docs/math.md, equations 24 and 25). */
#ifndef FG_MINI_BATCH_H
#define FG_MINI_BATCH_H

#include "training.h"

/* (24)  stats <- (1 - step) stats + step * (statistics of the mini-batch, per row). values: in the mini-batch's about
 * m's means, out s, about the same; the s that goes in is what m's parameters stand for. */
fgmm_status fg_mini_batch_blend(double *values, const fg_mixture *m, double step, double reg_covar);

/* One pass over all rows in steps, with the pass that is set; the pass before it was number iteration - 1 of its phase.
 * The last of several averages (math.md). Leaves rows (the sum of their weights) and the sum of the objective (under
 * the parameters that each row met) in t->values[0] and [1]. */
fgmm_status fg_mini_batch_pass(fg_training *t, fgmm_phase phase, uint64_t iteration, uint64_t max_iterations);

/* Steps of a pass; 0 while the number of rows is not known. */
uint64_t fg_mini_batch_steps(const fg_training *t);

#endif
