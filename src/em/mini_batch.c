/* mini_batch.c - stepwise EM. The running statistics are never stored: after an M-step the parameters say the same
 * (docs/math.md, equation 25). A checkpoint therefore needs nothing beside them. */
#include "mini_batch.h"

#include "size.h"
#include "thread.h"

#include <math.h>
#include <stdlib.h>

/* The step size (t + OFFSET)^-EXPONENT; convergence asks for 1/2 < EXPONENT <= 1. Measured, docs/math.md
 * "Mini-batches". */
static const double STEP_EXPONENT = 0.51, STEP_OFFSET = 20;

/* (25)  The statistics of one row on average that the parameters stand for, about their means:
 *       N = pi,  S1 = 0,  S2 = pi times the covariance, without what regularisation has added to variances. */
static double running_s2(const fg_mixture *m, size_t i, double reg_covar)
{
    const size_t d = (size_t)m->d;
    const fg_covariance_type *type = &fg_covariance_types[m->covariance];
    const int is_variance = !type->has_matrices || i % (d * d) / d == i % d;
    const size_t per_component = (size_t)fg_covariance_elements(m->covariance, m->d);
    const double share = type->is_shared ? 1 : m->weights[i / per_component]; /* shared: of all rows */
    const double covariance = is_variance ? fmax(m->covariances[i] - reg_covar, 0) : m->covariances[i];
    return share * covariance * (type->is_spherical ? (double)d : 1);
}

fgmm_status fg_mini_batch_blend(double *values, const fg_mixture *m, double step, double reg_covar)
{
    fgmm_status status = FGMM_OK;
    fg_statistics_layout layout;
    double rows = 0;
    FG_TRY(fg_statistics_layout_of(&layout, m->covariance, m->k, m->d));
    for (size_t i = layout.counts; i < layout.s1; i++) rows += values[i];
    for (size_t i = layout.counts; i < layout.count; i++) values[i] *= step / rows;
    for (uint64_t c = 0; c < m->k; c++) values[layout.counts + c] += (1 - step) * m->weights[c];
    for (size_t i = layout.s2; i < layout.count; i++) values[i] += (1 - step) * running_s2(m, i - layout.s2, reg_covar);
done:
    return status;
}

/* Step sizes in a pass: before the last one they fall slowly. Steps of the last one go on from there as 1 / t, so that
 * all of its rows count alike in the end. */
static double step_size(uint64_t first, uint64_t in_pass, int is_last)
{
    const double before = (double)first + STEP_OFFSET;
    return is_last ? 1 / ((double)in_pass + pow(before, STEP_EXPONENT)) : pow(before + (double)in_pass, -STEP_EXPONENT);
}

/* A pass under way. */
typedef struct mini_pass {
    fg_training *t;
    uint64_t first, steps; /* steps before this pass, and in it so far */
    int is_last;           /* of the passes */
    double in_step, seen;  /* rows since the last step, as steps count them; weight of all rows so far */
    double objective;
    fg_fall_back fall;
    int is_again; /* the kernels have gone wrong: what is left of the rows is not used */
} mini_pass;

/* The rows of a batch as steps count them: by their weights, the mean weight counting as one row. */
static double rows_counted(const fg_training *t, const fg_rows *rows)
{
    if (!rows->weights) return (double)rows->n;
    return rows->weight * t->weights.scale * ((double)t->report.rows / t->weights.total);
}

static uint64_t step_rows_of(const fg_training *t)
{
    return fg_round_up(fg_memory_plan_step_rows(t->mixture.k), fg_max_u64(1, t->e.plan.batch_rows));
}

uint64_t fg_mini_batch_steps(const fg_training *t)
{
    return fg_ceil_div(t->report.rows, step_rows_of(t));
}

/* The batches since the last step become one. With less than the usual rows, at the end of a pass, it counts less. */
static fgmm_status run_step(mini_pass *p)
{
    fgmm_status status = FGMM_OK;
    fg_training *t = p->t;
    const double part = p->in_step / (double)step_rows_of(t);
    const double step = 1 - pow(1 - step_size(p->first, p->steps++, p->is_last), part);
    p->in_step = 0;
    FG_TRY(fg_e_step_statistics(t->values, &t->e));
    FG_TRY(fg_fall_back_look(&p->is_again, &p->fall, &t->e, t->values));
    if (p->is_again) return FGMM_OK;
    p->objective += t->values[1];
    FG_TRY(fg_mini_batch_blend(t->values, &t->mixture, step, t->options.reg_covar));
    FG_TRY(fg_training_m_step(t, NULL));
done:
    return status;
}

/* A step is due when the next batch is there, so that the reader has begun to read the one after it. */
static fgmm_status add_batch(void *user, const fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    mini_pass *p = user;
    fg_training *t = p->t;
    if (!p->is_again && p->in_step >= (double)step_rows_of(t)) FG_TRY(run_step(p));
    if (p->is_again) return FGMM_OK;
    if (p->in_step == 0) { /* or no row with a weight yet */
        const fg_parameters parameters = fg_mixture_parameters(&t->mixture);
        FG_TRY(fg_e_step_load(&t->e, &parameters));
    }
    FG_TRY(fg_pass_accumulate(t->e.pass, rows));
    p->in_step += rows_counted(t, rows);
    p->seen += rows->weights ? rows->weight : (double)rows->n;
done:
    return status;
}

static fgmm_status run_pass(mini_pass *p)
{
    fgmm_status status = FGMM_OK;
    fg_training *t = p->t;
    p->steps = 0;
    p->in_step = p->seen = p->objective = 0;
    p->is_again = 0;
    FG_TRY(fg_feed_begin(t->e.feed));
    FG_TRY(fg_feed_each(t->e.feed, &t->e.progress, add_batch, p));
    if (p->in_step > 0) FG_TRY(run_step(p));
    t->values[0] = p->seen;
    t->values[1] = p->objective;
done:
    return status;
}

fgmm_status fg_mini_batch_pass(fg_training *t, fgmm_phase phase, uint64_t iteration, uint64_t max_iterations)
{
    fgmm_status status = FGMM_OK;
    mini_pass p = {.t = t,
                   .first = (iteration - 1) * fg_mini_batch_steps(t),
                   .is_last = max_iterations > 1 && iteration == max_iterations,
                   .fall = fg_fall_back_begin(&t->e)};
    const double began_s = fg_training_busy_s(t);
    do {
        fg_progress_iteration(&t->e.progress, phase, iteration, max_iterations, t->report.rows);
        FG_TRY(run_pass(&p)); /* again: from what its steps have come to */
    } while (p.is_again);
done:
    t->report.em_s += fg_training_busy_s(t) - began_s;
    return status;
}
