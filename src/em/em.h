/* em.h - the two training algorithms; arguments have been checked by the public verbs above.
 *
 * src/em/ holds what iterates: the first pass, k-means, EM, mini-batches, restarts, checkpoints, statistics and the
 * M-step. It speaks no OpenCL, and leaves reading, first centres and the E-step to the layers below. */
#ifndef FG_EM_H
#define FG_EM_H

#include "training.h"

/* Both run a training whose device, source and options are set and whose other members are zero, return the model as
 * fg_training_return does, and leave t to be closed by the caller. */

/* k-means iterations, then EM. */
fgmm_status fg_em_run(fgmm_model **model, fg_training *t);

/* Lloyd's algorithm; t->options.tolerance and max_iterations are those of fgmm_kmeans_options. */
fgmm_status fg_kmeans_run(fgmm_model **centroids, fg_training *t);

#endif
