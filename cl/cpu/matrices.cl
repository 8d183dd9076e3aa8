/* cpu/matrices.cl - kernels for tied and full covariances on CPUs: whitened rows, and second moments as matrices. */
#include "cpu/whiten.cl"
#include "cpu/moments.cl"
