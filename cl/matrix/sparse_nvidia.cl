/* matrix/sparse_nvidia.cl - gpu/sparse.cl with NVIDIA's tensor cores: products of matrices make the distances. */
#include "matrix/nvidia.h"
#include "matrix/warp_responsibilities.cl"
#include "gpu/transpose.cl"
#include "gpu/accumulate.cl"
