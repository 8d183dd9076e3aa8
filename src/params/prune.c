/* prune.c - what pruning takes of the host, whatever its bounds are made of. */
#include "prune.h"

/* While a model is loaded the host has the buffers' contents, axes a second time, coordinates or slacks, variances and
 * an estimate. */
uint64_t fg_pruning_host_bytes(const fg_shape *s)
{
    return s->pruning ? 2 * (fg_buffers_bytes(s->pruning->buffers, s) + sizeof(double) * s->k) : 0;
}
