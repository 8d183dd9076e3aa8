/* matrix/sparse_warp.cl - matrix/sparse_nvidia.cl with OpenCL C as the matrix unit, for tests on any device. */
#include "matrix/warp.h"
#include "matrix/warp_responsibilities.cl"
#include "gpu/transpose.cl"
#include "gpu/accumulate.cl"
