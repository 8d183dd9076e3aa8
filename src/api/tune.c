/* tune.c - fgmm_tune: argument checks, then the tuner of the pass (checks/tune.h). */
#include "flashgmm/tune.h"

#include "arguments.h"
#include "rows.h"
#include "tune.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static int report_step(void *user, const fg_search_step *step, const char *tile)
{
    const fgmm_tune_options *options = user;
    const fgmm_tune_progress now = {
        .tried = step->tried,
        .tile = tile,
        .is_dense = step->program == 1,
        .seconds = step->seconds,
        .best_s = step->best_s,
        .elapsed_s = step->elapsed_s,
        .budget_s = options->budget_s,
    };
    return options->progress(options->progress_user, &now);
}

static fgmm_status check_options(const fgmm_tune_options *o)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(o->components >= 1 && o->components <= INT32_MAX, FGMM_ARGUMENT, "components = %llu; need 1..%d",
             (unsigned long long)o->components, INT32_MAX);
    FG_CHECK(o->dims >= 1 && o->dims <= INT32_MAX, FGMM_ARGUMENT, "dims = %llu; need 1..%d",
             (unsigned long long)o->dims, INT32_MAX);
    FG_TRY(fg_covariance_check((int)o->covariance));
    FG_CHECK((unsigned)o->type <= FGMM_F64, FGMM_ARGUMENT, "type = %d; need u8, i8, f16, f32 or f64", (int)o->type);
    FG_CHECK(o->budget_s > 0 && isfinite(o->budget_s), FGMM_ARGUMENT, "budget = %g seconds; need a number above 0",
             o->budget_s);
done:
    return status;
}

static void return_report(fgmm_tune_report *to, const fg_tune_report *from)
{
    const fg_search_result *r = &from->search;
    fgmm_tune_report report = {
        .backend = from->backend,
        .was_remembered = from->was_remembered,
        .is_complete = r->is_complete,
        .tried = r->tried,
        .failed = r->failed,
        .wrong = r->wrong,
        .skipped = r->skipped,
        .batch_rows = from->batch_rows,
        .shipped_s = r->first_s[0],
        .tuned_s = r->best_s[0],
        .shipped_dense_s = r->first_s[1],
        .tuned_dense_s = r->best_s[1],
        .elapsed_s = r->elapsed_s,
    };
    if (!to) return;
    snprintf(report.shipped_tile, sizeof report.shipped_tile, "%s", from->first);
    snprintf(report.tile, sizeof report.tile, "%s", from->best);
    snprintf(report.file, sizeof report.file, "%s", from->path);
    report.size = to->size;
    memcpy(to, &report, to->size < sizeof report ? to->size : sizeof report);
}

fgmm_status fgmm_tune(fgmm_device *device, const fgmm_tune_options *options, fgmm_tune_report *report)
{
    fgmm_status status = FGMM_OK;
    fgmm_tune_options o = fgmm_tune_options_init();
    fg_tune_report found;
    FG_TRY(fg_device_check(device));
    FG_CHECK(options, FGMM_ARGUMENT, "options is NULL; components and dims must be set");
    FG_TRY(fg_read_options(&o, options, sizeof o, "tune options"));
    FG_TRY(check_options(&o));
    const fg_tune_request request = {
        .covariance = o.covariance,
        .type = fg_type_on_device(o.type),
        .k = o.components,
        .d = o.dims,
        .budget_s = o.budget_s,
        .is_remembered_kept = o.keep_remembered,
        .progress = o.progress ? report_step : NULL,
        .progress_user = &o,
    };
    FG_TRY(fg_pass_tune(&found, device, &request));
    return_report(report, &found);
done:
    return status;
}
