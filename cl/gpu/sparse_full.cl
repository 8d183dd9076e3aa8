/* gpu/sparse_full.cl - gpu/sparse.cl for full covariances: only the log-densities differ. */
#include "gpu/distances_full.cl"
#include "gpu/responsibilities.cl"
#include "gpu/transpose.cl"
#include "gpu/accumulate.cl"
