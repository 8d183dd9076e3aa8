/* cpu/sparse.cl - kernels of the sparse path on CPUs, for spherical and diagonal covariances and k-means: rows to
 * sparse responsibilities, these to component order, then to sums. */
#include "cpu/distances.cl"
#include "cpu/responsibilities.cl"
#include "cpu/transpose.cl"
#include "cpu/accumulate.cl"
