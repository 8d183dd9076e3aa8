/* fit.c - fgmm_fit and fgmm_kmeans: argument checks, then the algorithm (em/). */
#include "flashgmm/fit.h"

#include "arguments.h"
#include "em.h"
#include "restarts.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void fgmm_fit_report_clear(fgmm_fit_report *report)
{
    if (!report) return;
    free(report->history);
    report->history = NULL;
    report->history_count = 0;
    if (report->size < offsetof(fgmm_fit_report, split_operands))
        return; /* a caller's from before there were several runs */
    free(report->run_objectives);
    report->run_objectives = NULL;
    report->run_count = 0;
}

const char *fgmm_stop_reason_name(fgmm_stop_reason reason)
{
    static const char *const names[] = {"converged", "max_iterations", "cancelled", "failed"};
    return (size_t)reason < sizeof names / sizeof names[0] ? names[reason] : "unknown";
}

static fgmm_status check_start(fgmm_fit_options *o, const fgmm_source *source)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK((unsigned)o->init <= FGMM_INIT_AUTO, FGMM_ARGUMENT,
             "init = %d; need kmeans++ (0), random (1), model (2), kmeans-parallel (3) or auto (4)", (int)o->init);
    if (o->init == FGMM_INIT_MODEL) {
        FG_CHECK(o->start, FGMM_ARGUMENT, "start is NULL; init model needs one");
        const fgmm_model_info *info = &o->start->info;
        FG_TRY(fg_check_model(o->start, source, "start"));
        FG_CHECK(o->components == 0 || o->components == info->components, FGMM_ARGUMENT,
                 "components = %llu, but start has K = %llu; need 0 or the same", (unsigned long long)o->components,
                 (unsigned long long)info->components);
        o->components = info->components;
    }
    FG_CHECK(o->components >= 1, FGMM_ARGUMENT, "components = 0; need 1..N");
    FG_CHECK(o->components <= INT32_MAX, FGMM_ARGUMENT, "components = %llu; need at most %d",
             (unsigned long long)o->components, INT32_MAX);
done:
    return status;
}

static fgmm_status check_numbers(const fgmm_fit_options *o)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(o->tolerance >= 0 && isfinite(o->tolerance), FGMM_ARGUMENT, "tolerance = %g; need a finite number >= 0",
             o->tolerance);
    FG_CHECK(o->reg_covar >= 0 && o->reg_covar <= FG_MOST_REG_COVAR, FGMM_ARGUMENT, "reg_covar = %g; need 0 to %g",
             o->reg_covar, FG_MOST_REG_COVAR);
    FG_CHECK(o->n_init >= 1, FGMM_ARGUMENT, "n_init = 0; need 1 or more");
    FG_CHECK(o->n_init == 1 || o->init != FGMM_INIT_MODEL, FGMM_ARGUMENT,
             "n_init = %u; need 1 with init model, where all runs would be the same", o->n_init);
done:
    return status;
}

/* Hands the report over, as much of it as the caller's struct has room for; its arrays go along with it. */
static void return_report(fgmm_fit_report *to, fgmm_fit_report *from)
{
    from->size = sizeof *from;
    if (to) {
        const size_t size = to->size;
        memcpy(to, from, size < sizeof *from ? size : sizeof *from);
        to->size = size;
        from->history = NULL;
        if (size >= offsetof(fgmm_fit_report, split_operands)) from->run_objectives = NULL;
    }
    fgmm_fit_report_clear(from);
}

static fgmm_status run(fgmm_model **model, const fg_training *t, fg_algorithm algorithm, int is_inertia,
                       fgmm_fit_report *report)
{
    fgmm_fit_report of_best;
    const fgmm_status status = fg_restarts_run(model, t, algorithm, is_inertia, &of_best);
    return_report(report, &of_best);
    return status;
}

fgmm_status fgmm_fit(fgmm_model **model, fgmm_device *device, fgmm_source *source, const fgmm_fit_options *options,
                     fgmm_fit_report *report)
{
    fgmm_status status = FGMM_OK;
    const fgmm_fit_options defaults = fgmm_fit_options_init();
    fg_training t = {.device = device, .source = source, .options = defaults};
    if (!model) return fg_fail(FGMM_ARGUMENT, "model is NULL; need a place for the handle");
    *model = NULL;
    fgmm_fit_report_clear(report);
    FG_TRY(fg_check_handles(device, source));
    FG_CHECK(options, FGMM_ARGUMENT, "options is NULL; components must be set");
    FG_TRY(fg_read_options(&t.options, options, sizeof t.options, "fit options"));
    FG_TRY(check_start(&t.options, source));
    FG_TRY(check_numbers(&t.options));
    if (t.options.checkpoint) FG_TRY(fg_model_file_check_name(t.options.checkpoint));
    FG_TRY(fg_check_weights(t.options.weights, source));
    if (t.options.init == FGMM_INIT_MODEL) t.options.covariance = t.options.start->info.covariance;
    FG_TRY(fg_covariance_check((int)t.options.covariance));
    status = run(model, &t, fg_em_run, 0, report);
done:
    return status;
}

fgmm_status fgmm_kmeans(fgmm_model **centroids, fgmm_device *device, fgmm_source *source,
                        const fgmm_kmeans_options *options, fgmm_fit_report *report)
{
    fgmm_status status = FGMM_OK;
    fgmm_kmeans_options o = fgmm_kmeans_options_init();
    if (!centroids) return fg_fail(FGMM_ARGUMENT, "centroids is NULL; need a place for the handle");
    *centroids = NULL;
    fgmm_fit_report_clear(report);
    FG_TRY(fg_check_handles(device, source));
    FG_CHECK(options, FGMM_ARGUMENT, "options is NULL; components must be set");
    FG_TRY(fg_read_options(&o, options, sizeof o, "k-means options"));
    fg_training t = {.device = device,
                     .source = source,
                     .needs_float32 = o.needs_float32,
                     .options = {.size = sizeof t.options,
                                 .components = o.components,
                                 .covariance = FGMM_SPHERICAL,
                                 .init = o.init,
                                 .start = o.start,
                                 .max_iterations = o.max_iterations,
                                 .tolerance = o.tolerance,
                                 .seed = o.seed,
                                 .n_init = o.n_init,
                                 .batch_rows = o.batch_rows,
                                 .memory_limit_bytes = o.memory_limit_bytes,
                                 .progress = o.progress,
                                 .progress_user = o.progress_user,
                                 .weights = o.weights}};
    FG_TRY(check_start(&t.options, source));
    FG_TRY(check_numbers(&t.options));
    FG_TRY(fg_check_weights(t.options.weights, source));
    status = run(centroids, &t, fg_kmeans_run, 1, report);
done:
    return status;
}
