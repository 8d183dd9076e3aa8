/* matrix/pruned_plain.cl - sparse responsibilities from one product's bounds, with OpenCL C as the matrix unit, for
 * tests on any CPU. */
#include "matrix/plain.h"
#include "matrix/responsibilities_pruned.cl"
