/* e_step.c - one pass over all rows. */
#include "e_step.h"

#include "constants.h"
#include "self_check.h"
#include "size.h"
#include "statistics_layout.h"

#include <math.h>
#include <stdlib.h>

fgmm_status fg_e_step_open(fg_e_step *e, const fg_memory_plan_request *request, const fg_range *range, int is_checked)
{
    fgmm_status status = FGMM_OK;
    const fgmm_source_info *info = &request->source->info;
    e->request = *request;
    FG_TRY(fg_memory_plan_make(&e->plan, request));
    FG_TRY(fg_shift_create(&e->shift, info->type, info->dims, range->centre, range->unit));
    const fg_feed_options options = {
        .device = request->device,
        .source = request->source,
        .weights = request->weights,
        .rows = info->rows,
        .batch_rows = e->plan.batch_rows,
        .resident_rows = e->plan.resident_rows,
        .most = is_checked ? fg_range_most(range, info->dims, info->type) : 0,
        .shift = &e->shift,
    };
    FG_TRY(fg_feed_open(&e->feed, &options));
done:
    return status;
}

void fg_e_step_close(fg_e_step *e)
{
    fg_feed_close(e->feed);
    fg_pass_free(e->nearest);
    fg_pass_free(e->pass);
    fg_shift_clear(&e->shift);
}

static fg_pass_options pass_options(const fg_e_step *e, fg_assignment assignment)
{
    fg_pass_options options = e->request.pass;
    options.assignment = assignment;
    options.type = fg_type_on_device(e->request.source->info.type);
    options.row_facts.scale = 1 / e->shift.unit;
    options.row_facts.shift = e->request.source->info.type == FGMM_F64 ? e->shift.host : NULL;
    options.rows = fg_memory_plan_load_rows(&e->request);
    options.batch_rows = e->plan.batch_rows;
    options.tile_text = e->tiles[assignment];
    options.row_scale = fg_shift_scale(&e->shift);
    return options;
}

fgmm_status fg_e_step_set_pass(fg_e_step *e, fg_assignment assignment)
{
    const fg_pass_options options = pass_options(e, assignment);
    e->assignment = assignment;
    fg_pass_free(e->pass);
    return fg_pass_create(&e->pass, e->request.device, &options);
}

fgmm_status fg_e_step_set_nearest(fg_e_step *e)
{
    fg_pass_options options = pass_options(e, FG_ASSIGN_HARD);
    options.has_differences = 1;
    fg_pass_free(e->nearest);
    return fg_pass_create(&e->nearest, e->request.device, &options);
}

/* shifted (k,d): points in the coordinates of rows on the device. */
static fgmm_status shift_points(double **shifted, const fg_e_step *e, const double *points, uint64_t k, uint64_t d)
{
    fgmm_status status = FGMM_OK;
    const double scale = 1 / e->shift.unit;
    FG_TRY(FG_ALLOC(shifted, k * d, "means"));
    for (uint64_t c = 0; c < k; c++)
        for (uint64_t j = 0; j < d; j++) (*shifted)[c * d + j] = (points[c * d + j] - e->shift.host[j]) * scale;
done:
    return status;
}

fgmm_status fg_e_step_load(fg_e_step *e, const fg_parameters *parameters)
{
    fgmm_status status = FGMM_OK;
    const uint64_t k = parameters->k, d = parameters->d;
    const uint64_t variances = parameters->covariances ? fg_covariance_count(parameters->covariance, k, d) : 0;
    const double squared = 1 / (e->shift.unit * e->shift.unit);
    fg_parameters shifted = *parameters;
    double *means = NULL, *covariances = NULL;
    FG_TRY(shift_points(&means, e, parameters->means, k, d));
    if (variances) FG_TRY(FG_ALLOC(&covariances, variances, "covariances"));
    for (uint64_t i = 0; i < variances; i++) covariances[i] = parameters->covariances[i] * squared;
    shifted.means = means;
    shifted.covariances = covariances;
    FG_TRY(fg_pass_load(e->pass, &shifted, e->shift.kernel));
    if (e->is_precise) FG_TRY(fg_pass_be_precise(e->pass, &shifted, e->shift.kernel));
    if (e->nearest) FG_TRY(fg_pass_load(e->nearest, &shifted, e->shift.kernel));
done:
    free(covariances);
    free(means);
    return status;
}

/* Sums after a load are about centres (k,d), in the data's own coordinates, instead of the means. */
static fgmm_status recentre(fg_e_step *e, const double *centres)
{
    fgmm_status status = FGMM_OK;
    double *shifted = NULL;
    FG_TRY(shift_points(&shifted, e, centres, e->request.pass.k, e->request.pass.d));
    FG_TRY(fg_pass_recentre(e->pass, shifted, e->shift.kernel));
done:
    free(shifted);
    return status;
}

double fg_e_step_nats(const fg_e_step *e)
{
    int exponent;
    frexp(e->shift.unit, &exponent); /* unit = 2^(exponent - 1) */
    return -(double)e->request.source->info.dims * (exponent - 1) * FG_LOG_TWO;
}

fgmm_status fg_e_step_statistics(double *values, fg_e_step *e)
{
    fgmm_status status = FGMM_OK;
    fg_statistics_layout layout;
    const fg_pass_options *pass = &e->request.pass;
    const double unit = e->shift.unit;
    FG_TRY(fg_statistics_layout_of(&layout, pass->covariance, pass->k, pass->d));
    FG_TRY(fg_pass_statistics(e->pass, values));
    if (e->assignment == FG_ASSIGN_HARD)
        values[1] *= unit * unit;
    else
        values[1] += values[0] * fg_e_step_nats(e);
    for (size_t i = layout.s1; i < layout.s2; i++) values[i] *= unit;
    for (size_t i = layout.s2; i < layout.count; i++) values[i] *= unit * unit;
done:
    return status;
}

static fgmm_status accumulate(void *user, const fg_rows *rows)
{
    return fg_pass_accumulate(((fg_e_step *)user)->pass, rows);
}

static fgmm_status run_once(double *values, fg_e_step *e, const fg_parameters *parameters, const double *centres)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_feed_begin(e->feed)); /* rows are on their way while parameters are packed */
    FG_TRY(fg_e_step_load(e, parameters));
    if (centres) FG_TRY(recentre(e, centres));
    FG_TRY(fg_feed_each(e->feed, &e->progress, accumulate, e));
    FG_TRY(fg_e_step_statistics(values, e));
done:
    return status;
}

fgmm_status fg_e_step_run(double *values, fg_e_step *e, const fg_parameters *parameters, const double *centres)
{
    fgmm_status status = FGMM_OK;
    fg_fall_back fall = fg_fall_back_begin(e);
    int is_again;
    do {
        FG_TRY(run_once(values, e, parameters, centres));
        FG_TRY(fg_fall_back_look(&is_again, &fall, e, values));
    } while (is_again);
done:
    return status;
}
