/* gpu/matrices.cl - kernels for tied and full covariances on GPUs: whitened rows, log-densities under full covariances,
 * and second moments as matrices. */
#include "gpu/whiten.cl"
#include "gpu/densities_full.cl"
#include "gpu/moments.cl"
