/* cpu/sparse_full.cl - cpu/sparse.cl for full covariances: only the log-densities differ. */
#include "cpu/distances_full.cl"
#include "cpu/responsibilities.cl"
#include "cpu/transpose.cl"
#include "cpu/accumulate.cl"
