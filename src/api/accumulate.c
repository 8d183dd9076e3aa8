/* accumulate.c - fgmm_statistics_accumulate: one E-step over a source, for EM loops of the application's own. */
#include "flashgmm/stats.h"

#include "arguments.h"
#include "e_step.h"
#include "size.h"
#include "statistics.h"

#include <stdlib.h>

fgmm_status fgmm_statistics_accumulate(fgmm_statistics *statistics, fgmm_device *device, fgmm_source *source)
{
    return fgmm_statistics_accumulate_weighted(statistics, device, source, NULL);
}

fgmm_status fgmm_statistics_accumulate_weighted(fgmm_statistics *statistics, fgmm_device *device, fgmm_source *source,
                                                fgmm_source *weights)
{
    fgmm_status status = FGMM_OK;
    fg_e_step e = {0};
    fg_weights opened = {0};
    fg_range range = {0};
    double *values = NULL;
    FG_CHECK(statistics, FGMM_ARGUMENT, "statistics is NULL");
    FG_TRY(fg_check_handles(device, source));
    FG_TRY(fg_check_weights(weights, source));
    FG_TRY(fg_check_model(statistics->model, source, "statistics"));
    FG_TRY(fg_weights_open(&opened, weights, source->info.rows));
    const fg_parameters parameters = fg_model_parameters(statistics->model);
    const fg_memory_plan_request request = {
        .device = device,
        .source = source,
        .weights = opened,
        .held_bytes = fg_memory_plan_held_bytes(),
        .pass = {.covariance = parameters.covariance,
                 .k = parameters.k,
                 .d = parameters.d,
                 .path = fg_device_path(device),
                 .has_wide_sums = 1},
        .host_bytes = statistics->layout.count * sizeof(double),
    };
    FG_TRY(FG_ALLOC(&values, statistics->layout.count, "statistics"));
    FG_TRY(fg_range_of(&range, &parameters));
    FG_TRY(fg_range_check(&parameters, range.unit, source->info.type, "statistics"));
    FG_TRY(fg_e_step_open(&e, &request, &range, 1));
    FG_TRY(fg_e_step_set_pass(&e, FG_ASSIGN_SOFT));
    FG_TRY(fg_e_step_run(values, &e, &parameters, NULL));
    FG_TRY(fg_weights_check(&opened, source->info.rows, 1));
    for (size_t i = 0; i < statistics->layout.count; i++) statistics->values[i] += opened.scale * values[i];
done:
    fg_e_step_close(&e);
    free(range.centre);
    free(values);
    return status;
}
