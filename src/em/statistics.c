/* statistics.c - sufficient statistics as an object: create, merge, view. They are filled by fgmm_statistics_accumulate
 * and used up by fgmm_m_step (m_step.c). */
#include "statistics.h"

#include "file.h"
#include "size.h"

#include <stdlib.h>

static uint64_t identity_of(const fg_parameters *p)
{
    const uint64_t shape[] = {(uint64_t)p->covariance, p->k, p->d};
    uint64_t hash = fg_hash(FG_HASH_BEGIN, shape, sizeof shape);
    hash = fg_hash(hash, p->weights, (size_t)p->k * sizeof(double));
    hash = fg_hash(hash, p->means, (size_t)(p->k * p->d) * sizeof(double));
    return fg_hash(hash, p->covariances, (size_t)fg_covariance_count(p->covariance, p->k, p->d) * sizeof(double));
}

fgmm_status fgmm_statistics_create(fgmm_statistics **out, const fgmm_model *model)
{
    fgmm_status status = FGMM_OK;
    fgmm_statistics *statistics = NULL;
    if (!out) return fg_fail(FGMM_ARGUMENT, "statistics is NULL; need a place for the handle");
    *out = NULL;
    FG_CHECK(model, FGMM_ARGUMENT, "model is NULL");
    const fg_parameters parameters = fg_model_parameters(model);
    FG_TRY(FG_ALLOC(&statistics, 1, "statistics"));
    FG_TRY(fg_statistics_layout_of(&statistics->layout, parameters.covariance, parameters.k, parameters.d));
    FG_TRY(fg_model_create(&statistics->model, &parameters, &model->info));
    FG_TRY(FG_ALLOC(&statistics->values, statistics->layout.count, "statistics"));
    statistics->identity = identity_of(&parameters);
    *out = statistics;
    statistics = NULL;
done:
    fgmm_statistics_free(statistics);
    return status;
}

void fgmm_statistics_free(fgmm_statistics *statistics)
{
    if (!statistics) return;
    free(statistics->values);
    fgmm_model_free(statistics->model);
    free(statistics);
}

fgmm_status fgmm_statistics_merge(fgmm_statistics *into, const fgmm_statistics *from)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(into && from, FGMM_ARGUMENT, "%s is NULL", into ? "from" : "into");
    FG_CHECK(into->identity == from->identity && into->layout.count == from->layout.count, FGMM_ARGUMENT,
             "statistics of two different models (%016llx, %016llx); merge only what was taken under one model",
             (unsigned long long)into->identity, (unsigned long long)from->identity);
    for (size_t i = 0; i < into->layout.count; i++) into->values[i] += from->values[i];
done:
    return status;
}

double *fgmm_statistics_values(fgmm_statistics *statistics, size_t *count)
{
    if (count) *count = statistics->layout.count;
    return statistics->values;
}
