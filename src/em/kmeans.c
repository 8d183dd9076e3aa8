/* kmeans.c - Lloyd's algorithm: the same passes with each row given to its nearest centroid, until the centroids rest.
 */
#include "em.h"
#include "size.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Squared movement of the centroids that counts as rest: relative to the mean variance of the columns. */
static double rest(const fg_training *t)
{
    const uint64_t d = t->mixture.d;
    double variance = 0;
    for (uint64_t j = 0; j < d; j++) variance += t->variance[j] / (double)d;
    return t->options.tolerance * variance;
}

static double squared_movement(const double *a, const double *b, uint64_t count)
{
    double sum = 0;
    for (uint64_t i = 0; i < count; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

static fgmm_status iterate(fg_training *t, double *before)
{
    fgmm_status status = FGMM_OK;
    fgmm_fit_report *r = &t->report;
    const uint64_t most = t->options.max_iterations, coordinates = t->mixture.k * t->mixture.d;
    double inertia = (double)INFINITY; /* of the iteration before */
    int is_at_rest = 0;
    while (r->kmeans_iterations < most && !is_at_rest) {
        const uint64_t reseeded = r->reseeded;
        memcpy(before, t->mixture.means, (size_t)coordinates * sizeof *before);
        FG_TRY(fg_training_e_step(t, FGMM_PHASE_KMEANS, r->kmeans_iterations + 1, most));
        FG_TRY(fg_training_m_step(t, NULL));
        r->inertia = fg_training_inertia(t);
        /* Re-seeding moves centroids for ever where the data have fewer distinct rows than there are centroids. */
        const int is_in_vain = r->reseeded > reseeded && r->inertia >= inertia;
        is_at_rest = is_in_vain || squared_movement(t->mixture.means, before, coordinates) <= rest(t);
        inertia = r->inertia;
        r->kmeans_iterations++;
        FG_TRY(fg_training_finish(t, FG_CHECKPOINT_KMEANS, t->values[1] / t->values[0]));
    }
    r->stop_reason = is_at_rest ? FGMM_STOP_CONVERGED : FGMM_STOP_MAX_ITERATIONS;
done:
    return status;
}

/* The model of centroids in place of the clusters' mixture. */
static fgmm_status to_centroids(fgmm_model **model, int float32)
{
    fgmm_model *clusters = *model;
    const fgmm_model_info info = clusters->info;
    const fgmm_status status = fgmm_model_from_centroids(model, info.components, info.dims, clusters->means);
    if (status == FGMM_OK) {
        (*model)->info.rows = info.rows;
        (*model)->info.seed = info.seed;
        (*model)->float32 = float32;
    }
    fgmm_model_free(clusters);
    return status;
}

fgmm_status fg_kmeans_run(fgmm_model **centroids, fg_training *t)
{
    fgmm_status status = FGMM_OK;
    double *before = NULL;
    t->report.log_likelihood = (double)NAN;
    FG_TRY(fg_training_open(t, FG_ASSIGN_HARD));
    FG_TRY(FG_ALLOC(&before, t->mixture.k * t->mixture.d, "centroids"));
    FG_TRY(fg_e_step_set_pass(&t->e, FG_ASSIGN_HARD));
    FG_TRY(iterate(t, before));
done:
    free(before);
    status = fg_training_return(centroids, t, status);
    if (*centroids) {
        const fgmm_status made = to_centroids(centroids, t->float32);
        if (status == FGMM_OK) status = made;
    }
    return status;
}
