/* cpu/shared.cl - kernels on CPUs that depend on neither D nor the type of rows: checks of the lanes, k-means++, and
 * the addition of partial sums. They are one program, so that it is compiled once for a device. */
#include "cpu/lanes.cl"
#include "common/seeding.cl"
#include "common/combine.cl"
