/* e_step.c - one pass over all rows. */
#include "e_step.h"

#include "size.h"

#include <stdlib.h>
#include <string.h>

fgmm_status fg_e_step_open(fg_e_step *e, const fg_plan_request *request, const double *centre, int is_checked)
{
    fgmm_status status = FGMM_OK;
    const fgmm_source_info *info = &request->source->info;
    e->request = *request;
    FG_TRY(fg_plan_make(&e->plan, request));
    FG_TRY(fg_shift_create(&e->shift, info->type, info->dims, centre));
    const fg_stream_options options = {
        .device = request->device,
        .source = request->source,
        .weights = request->weights,
        .rows = info->rows,
        .batch_rows = e->plan.batch_rows,
        .resident_rows = e->plan.resident_rows,
        .is_checked = is_checked,
        .offset = e->shift.host,
    };
    FG_TRY(fg_stream_open(&e->stream, &options));
done:
    return status;
}

void fg_e_step_close(fg_e_step *e)
{
    fg_stream_close(e->stream);
    fg_pass_free(e->nearest);
    fg_pass_free(e->pass);
    fg_shift_clear(&e->shift);
}

static fg_pass_options pass_options(const fg_e_step *e, fg_keep keep)
{
    fg_pass_options options = e->request.pass;
    options.keep = keep;
    options.type = fg_device_type(e->request.source->info.type);
    options.rows = fg_plan_load_rows(&e->request);
    options.batch_rows = e->plan.batch_rows;
    options.tile_text = e->tiles[keep];
    return options;
}

fgmm_status fg_e_step_set_pass(fg_e_step *e, fg_keep keep)
{
    const fg_pass_options options = pass_options(e, keep);
    e->keep = keep;
    fg_pass_free(e->pass);
    return fg_pass_create(&e->pass, e->request.device, &options);
}

fgmm_status fg_e_step_set_nearest(fg_e_step *e)
{
    fg_pass_options options = pass_options(e, FG_KEEP_BEST);
    options.has_differences = 1;
    return fg_pass_create(&e->nearest, e->request.device, &options);
}

/* shifted (k,d): points in the coordinates of rows on the device. */
static fgmm_status shift_points(double **shifted, const fg_e_step *e, const double *points, uint64_t k, uint64_t d)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(FG_ALLOC(shifted, k * d, "means"));
    for (uint64_t c = 0; c < k; c++)
        for (uint64_t j = 0; j < d; j++) (*shifted)[c * d + j] = points[c * d + j] - e->shift.host[j];
done:
    return status;
}

fgmm_status fg_e_step_load(fg_e_step *e, const fg_parameters *parameters)
{
    fgmm_status status = FGMM_OK;
    fg_parameters moved = *parameters;
    double *means = NULL;
    FG_TRY(shift_points(&means, e, parameters->means, parameters->k, parameters->d));
    moved.means = means;
    FG_TRY(fg_pass_load(e->pass, &moved, e->shift.kernel));
    if (e->nearest) FG_TRY(fg_pass_load(e->nearest, &moved, e->shift.kernel));
done:
    free(means);
    return status;
}

fgmm_status fg_e_step_recentre(fg_e_step *e, const double *centres)
{
    fgmm_status status = FGMM_OK;
    double *shifted = NULL;
    FG_TRY(shift_points(&shifted, e, centres, e->request.pass.k, e->request.pass.d));
    FG_TRY(fg_pass_recentre(e->pass, shifted, e->shift.kernel));
done:
    free(shifted);
    return status;
}

static fgmm_status run_once(double *values, fg_e_step *e, const fg_parameters *parameters, const double *centres)
{
    fgmm_status status = FGMM_OK;
    fg_rows rows;
    FG_TRY(fg_stream_begin(e->stream)); /* rows are on their way while parameters are packed */
    FG_TRY(fg_e_step_load(e, parameters));
    if (centres) FG_TRY(fg_e_step_recentre(e, centres));
    FG_TRY(fg_stream_next(e->stream, &rows));
    while (rows.n > 0) {
        FG_TRY(fg_pass_accumulate(e->pass, &rows));
        FG_TRY(fg_watch_rows(&e->watch, rows.n));
        FG_TRY(fg_stream_next(e->stream, &rows));
    }
    FG_TRY(fg_pass_statistics(e->pass, values));
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

fgmm_status fg_model_centre(double **centre, const fg_parameters *p)
{
    fgmm_status status = FGMM_OK;
    const uint64_t d = p->d;
    double *variance = NULL;
    FG_TRY(FG_ALLOC(centre, d, "centre"));
    FG_TRY(FG_ALLOC(&variance, d, "variances"));
    for (uint64_t c = 0; c < p->k; c++)
        for (uint64_t j = 0; j < d; j++) (*centre)[j] += p->weights[c] * p->means[c * d + j];
    for (uint64_t c = 0; c < p->k; c++)
        for (uint64_t j = 0; j < d; j++) {
            const double t = p->means[c * d + j] - (*centre)[j];
            variance[j] += p->weights[c] * (t * t + p->covariances[fg_variance_place(p->covariance, d, c, j)]);
        }
    for (uint64_t j = 0; j < d; j++) (*centre)[j] = fg_centre((*centre)[j], variance[j]);
done:
    free(variance);
    return status;
}
