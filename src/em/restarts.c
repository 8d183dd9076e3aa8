/* restarts.c - runs one after the other, and the best so far. */
#include "restarts.h"

#include "seekable.h"

#include <stdlib.h>

/* Several runs at work. */
typedef struct restarts {
    fg_training first;
    fg_algorithm algorithm;
    int is_inertia;
    fg_runs runs;
    fgmm_fit_report best;  /* of the best run; its history is owned */
    fgmm_fit_report spent; /* seconds of all runs, and what the last one says of memory */
    uint64_t batch_rows;   /* of the first run: all are cut alike */
} restarts;

static void keep_report(fgmm_fit_report *best, fgmm_fit_report *from)
{
    free(best->history);
    *best = *from;
    from->history = NULL;
}

/* Records the finished run; takes its model and report when they are better than the best before. */
static fgmm_status record_run(restarts *s, fgmm_model **model, fgmm_fit_report *report)
{
    fgmm_status status = FGMM_OK;
    fg_runs *runs = &s->runs;
    const double objective = s->is_inertia ? report->inertia : report->log_likelihood;
    double *objectives = realloc(runs->objectives, (size_t)(runs->count + 1) * sizeof *objectives);
    FG_CHECK(objectives, FGMM_MEMORY, "results of %llu runs", (unsigned long long)runs->count + 1);
    runs->objectives = objectives;
    objectives[runs->count] = objective;
    const double before = objectives[runs->best_run];
    if (runs->count == 0 || (s->is_inertia ? objective < before : objective > before)) {
        fgmm_model_free(runs->best);
        runs->best = *model;
        *model = NULL;
        runs->best_run = runs->count;
        keep_report(&s->best, report);
    }
    fgmm_model_free(*model); /* of a run that was worse */
    *model = NULL;
    runs->count++;
done:
    return status;
}

/* What all runs have taken, and how the last one ended. */
static void add_spent(fgmm_fit_report *spent, const fgmm_fit_report *of_run)
{
    spent->read_s += of_run->read_s;
    spent->init_s += of_run->init_s;
    spent->em_s += of_run->em_s;
    spent->compile_s += of_run->compile_s;
    spent->total_s = of_run->total_s;
    spent->stop_reason = of_run->stop_reason;
    spent->peak_device_bytes = of_run->peak_device_bytes;
}

/* The report of a best run that was finished before an interruption, from what the checkpoint knows of it and what
 * holds for all runs. */
static void restore_report(restarts *s, const fgmm_fit_report *of_run)
{
    fgmm_fit_report *r = &s->best;
    *r = *of_run;
    r->history = NULL;
    r->history_count = r->kmeans_iterations = r->reseeded = 0;
    r->iterations = s->runs.best->info.iterations;
    r->log_likelihood = s->runs.objectives[s->runs.best_run];
}

static fgmm_status run_next(restarts *s, fgmm_model **model)
{
    fg_training t = s->first;
    t.runs = &s->runs;
    t.began_s = s->spent.total_s;
    if (s->runs.count > 0) {
        t.options.resume = NULL;
        t.options.batch_rows = s->batch_rows;
    }
    fgmm_status status = s->algorithm(model, &t);
    s->batch_rows = t.report.batch_rows;
    add_spent(&s->spent, &t.report);
    if (s->best.rows == 0 && s->runs.best) restore_report(s, &t.report);
    if (status == FGMM_OK)
        status = record_run(s, model, &t.report);
    else if (s->runs.count == 0)
        keep_report(&s->best, &t.report);
    fg_training_close(&t);
    return status;
}

static void complete_report(restarts *s, fgmm_status status)
{
    fgmm_fit_report *r = &s->best;
    r->read_s = s->spent.read_s;
    r->init_s = s->spent.init_s;
    r->em_s = s->spent.em_s;
    r->compile_s = s->spent.compile_s;
    r->total_s = s->spent.total_s;
    r->peak_device_bytes = s->spent.peak_device_bytes;
    if (status != FGMM_OK) r->stop_reason = s->spent.stop_reason;
    r->run_count = s->runs.count;
    r->best_run = s->runs.best_run;
    r->run_objectives = s->runs.objectives;
}

/* Steps after a part of the rows want these in another order. */
static fgmm_status keep_rows(restarts *s, fgmm_source *kept[2])
{
    fgmm_status status = FGMM_OK;
    fgmm_fit_options *o = &s->first.options;
    fg_progress progress;
    if (!o->mini_batch) return FGMM_OK;
    fg_progress_begin(&progress, NULL, o->progress, o->progress_user);
    FG_TRY(fg_seekable_rows(&kept[0], s->first.source, 0, o->memory_limit_bytes, &progress));
    FG_TRY(fg_seekable_rows(&kept[1], o->weights, 1, o->memory_limit_bytes, &progress));
    if (kept[0]) s->first.source = kept[0];
    if (kept[1]) o->weights = kept[1];
    s->spent.total_s = fg_progress_elapsed_s(&progress);
    s->spent.read_s = s->spent.total_s;
done:
    return status;
}

fgmm_status fg_restarts_run(fgmm_model **model, const fg_training *first, fg_algorithm algorithm, int is_inertia,
                            fgmm_fit_report *report)
{
    fgmm_status status;
    restarts s = {.first = *first, .algorithm = algorithm, .is_inertia = is_inertia};
    fgmm_source *kept[2] = {NULL, NULL}; /* rows and weights */
    FG_TRY(keep_rows(&s, kept));
    do {
        status = run_next(&s, model);
    } while (status == FGMM_OK && s.runs.count < first->options.n_init);
    if (s.runs.best && (status == FGMM_OK || *model)) {
        fgmm_model_free(*model);
        *model = s.runs.best;
        s.runs.best = NULL;
    }
done:
    fgmm_model_free(s.runs.best);
    complete_report(&s, status);
    *report = s.best;
    fgmm_source_close(kept[0]);
    fgmm_source_close(kept[1]);
    return status;
}
