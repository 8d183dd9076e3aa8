/* matrix/sparse_plain.cl - cpu/sparse.cl with OpenCL C as the matrix unit, for tests on any CPU: products of matrices
 * make the distances. */
#include "matrix/plain.h"
#include "matrix/responsibilities.cl"
#include "cpu/transpose.cl"
#include "cpu/accumulate.cl"
