/* gpu/sparse.cl - kernels of the sparse path on GPUs, for spherical and diagonal covariances and k-means: rows to
 * sparse responsibilities, these to component order, then to sums. */
#include "gpu/distances.cl"
#include "gpu/responsibilities.cl"
#include "gpu/transpose.cl"
#include "gpu/accumulate.cl"
