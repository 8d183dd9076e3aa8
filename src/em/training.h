/* training.h - what Lloyd's algorithm (kmeans.c) and EM (em.c) share: the first pass, first parameters or a checkpoint,
 * one E-step and one M-step at a time, what is due after an iteration, and what is returned in the end. */
#ifndef FG_TRAINING_H
#define FG_TRAINING_H

#include "e_step.h"
#include "first_pass.h"
#include "statistics.h"

typedef struct fg_training {
    fgmm_device *device;
    fgmm_source *source;
    fg_weights weights;         /* of its rows */
    fgmm_fit_options options;   /* checked; components and covariance are final */
    int needs_float32;          /* as fgmm_kmeans_options */
    int float32;                /* as fgmm_model, of centroids */
    fg_runs *runs;              /* earlier ones; a checkpoint may add to them */
    double began_s;             /* seconds that they took */
    uint64_t seed;              /* of this run's random choices */
    fg_mixture mixture;         /* parameters of the last finished iteration; owned */
    fg_mixture kept;            /* those before the last M-step; owned */
    double *variance;           /* (d) of the data's columns */
    double *losses;             /* (k) of the last M-step */
    double *residuals, *grains; /* (d) of the columns, as fg_first_pass */
    double *values;             /* statistics of the last E-step, about mixture */
    fg_e_step e;
    uint64_t window_rows;                     /* of shuffled rows; 0: they come in their own order */
    fgmm_source *shuffled, *shuffled_weights; /* of mini-batches; NULL: none. Owned */
    fg_checkpoint resumed;                    /* where a resumed run goes on; zero otherwise */
    uint64_t finished;                        /* iterations, those of a resumed run included */
    uint64_t history_capacity;                /* of report.history */
    fgmm_fit_report report;
} fg_training;

/* Seed of the random choices of run 0, 1 ...: the first has the caller's own. */
uint64_t fg_run_seed(uint64_t seed, uint64_t run);

/* Takes the first pass over the source, finds the first parameters (start model, seeding, or the checkpoint
 * options->resume) and opens the stream. largest: the pass that the memory decision is made for. */
fgmm_status fg_training_open(fg_training *t, fg_assignment largest);
void fg_training_close(fg_training *t);

/* A clock that stands still while the driver's compiler works. */
double fg_training_busy_s(const fg_training *t);

/* Statistics of all rows under the present parameters, to t->values. The pass is set. */
fgmm_status fg_training_e_step(fg_training *t, fgmm_phase phase, uint64_t iteration, uint64_t max_iterations);
/* New parameters from t->values; facts may be NULL. */
fgmm_status fg_training_m_step(fg_training *t, fg_m_step_facts *facts);
/* Both, and both again where single precision was not enough for the sums: then about the new means, and wide. */
fgmm_status fg_training_step(fg_training *t, fgmm_phase phase, uint64_t iteration, uint64_t max_iterations);
/* Appends to the report's history. */
fgmm_status fg_training_record(fg_training *t, double log_likelihood);
/* The iteration is finished: writes the checkpoint, tells the application. objective: what progress reports. */
fgmm_status fg_training_finish(fg_training *t, fg_checkpoint_phase phase, double objective);

/* The model of the last finished iteration, given that the run ended with `status`: NULL when there is none or the
 * failure is not one after which it is returned (flashgmm/fit.h). Completes t->report. Returns status, or the failure
 * of making the model; keeps the error text of a failed run. */
fgmm_status fg_training_return(fgmm_model **model, fg_training *t, fgmm_status status);

/* Of the statistics of a k-means pass, in the weights' own unit. */
static inline double fg_training_inertia(const fg_training *t)
{
    return -t->values[1] * t->weights.scale;
}

static inline fg_parameters fg_mixture_parameters(const fg_mixture *m)
{
    return (fg_parameters){m->covariance, m->k, m->d, m->weights, m->means, m->covariances};
}

#endif
