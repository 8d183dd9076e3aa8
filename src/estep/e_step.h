/* e_step.h - the E-step of a model over all rows of a source: memory decision, feed and pass under one roof. Training
 * repeats it; statistics and evaluations take it once.
 *
 * src/estep/ holds it, and what is done when a driver goes wrong in the midst of one. It knows nothing of iterations
 * and takes no M-step: that is src/em/. */
#ifndef FG_E_STEP_H
#define FG_E_STEP_H

#include "feed.h"
#include "memory_plan.h"
#include "pass.h"
#include "progress.h"
#include "range.h"
#include "rows.h"

typedef struct fg_e_step {
    fg_memory_plan_request request;
    fg_memory_plan plan;
    fg_shift shift;
    fg_feed *feed;
    fg_pass *pass;
    fg_pass *nearest;         /* beside it, where labels of centroids are wanted along with densities; else NULL */
    fg_assignment assignment; /* of the pass */
    int is_precise;           /* load parameters for sums in double precision; the caller sees to it that it can be */
    fg_progress progress;     /* set up by the caller */
    const char *tiles[2];     /* by fg_assignment: of the pass that a resumed run began with; NULL: chosen. Borrowed */
} fg_e_step;

/* Takes the memory decision and opens the stream; there is no pass yet. range: of the data or of the model, what the
 * shift is made of. is_checked: look for values that are no numbers or too far away (training has done so in the
 * first pass). */
fgmm_status fg_e_step_open(fg_e_step *e, const fg_memory_plan_request *request, const fg_range *range, int is_checked);
void fg_e_step_close(fg_e_step *e);

/* The pass with what is kept per row; replaces the one before. */
fgmm_status fg_e_step_set_pass(fg_e_step *e, fg_assignment assignment);

/* The pass beside it; replaces the one before. Nearest means come from differences, whatever the unit of the data
 * (docs/math.md, "Rounding"). */
fgmm_status fg_e_step_set_nearest(fg_e_step *e);

/* Loads parameters, in the data's own coordinates, into the passes. */
fgmm_status fg_e_step_load(fg_e_step *e, const fg_parameters *parameters);

/* Statistics of finite rows that are not finite, or that lack rows, are no result: the kernels' driver has gone wrong,
 * and the pass is taken again with the next kernel backend (fall_back.c).
 *
 *     fg_fall_back fall = fg_fall_back_begin(e);
 *     do { take the pass; FG_TRY(fg_fall_back_look(&is_again, &fall, e, values)); } while (is_again);
 *
 * Where the next one gives what it should, the first is left out from then on; where none does, the data are to blame,
 * and the last values stand. One fall may see the sums of several parts of a pass. */
typedef struct fg_fall_back {
    fgmm_backend first;
    char why[160];
} fg_fall_back;
fg_fall_back fg_fall_back_begin(const fg_e_step *e);
/* values: as fg_e_step_run's. Where *is_again is 1 the pass is another one, without parameters. */
fgmm_status fg_fall_back_look(int *is_again, fg_fall_back *fall, fg_e_step *e, const double *values);
/* The same of results that the caller has looked at. why: what is wrong with them; NULL: nothing. */
fgmm_status fg_fall_back_judge(int *is_again, fg_fall_back *fall, fg_e_step *e, const char *why);

/* What was accumulated since parameters were loaded, in the data's own coordinates and unit: values is the flat array
 * of flashgmm/stats.h. */
fgmm_status fg_e_step_statistics(double *values, fg_e_step *e);

/* Nats that log-densities in the data's own unit have more than those of fg_pass_evaluate: - D log unit. */
double fg_e_step_nats(const fg_e_step *e);

/* One pass over all rows: values is the flat array of flashgmm/stats.h, about centres (k,d); NULL: the means. The
 * caller has set the progress's phase. */
fgmm_status fg_e_step_run(double *values, fg_e_step *e, const fg_parameters *parameters, const double *centres);

#endif
