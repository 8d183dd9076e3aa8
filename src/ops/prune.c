/* prune.c - which shapes may gain by pruning, whatever its bounds are made of. */
#include "prune.h"

/* A pass of fewer multiplications could gain less than the host takes for an estimate, and so could one of more
 * dimensions. */
static const double least_work = 0x1p33;
enum { MOST_D = 2048 };

const fg_pruning_method *fg_pruning_choose(const fg_shape *s, const fg_pass_options *options)
{
    const fg_pruning_method *method = s->backend->pruning;
    const double work = (double)options->rows * s->k * s->d;
    if (!method || s->covariance != FGMM_SPHERICAL || s->matrices > 0 || options->path == FGMM_PATH_DENSE) return NULL;
    if (options->pruning != FG_PRUNING_AUTO) return options->pruning == FG_PRUNING_ALWAYS ? method : NULL;
    return method->may_gain(s) && s->d <= MOST_D && work >= least_work ? method : NULL;
}

/* While a model is loaded the host has the buffers' contents, axes a second time, coordinates or slacks, variances and
 * an estimate. */
uint64_t fg_pruning_host_bytes(const fg_shape *s)
{
    return s->pruning ? 2 * (fg_buffers_bytes(s->pruning->buffers, s) + sizeof(double) * s->k) : 0;
}
