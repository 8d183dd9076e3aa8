/* cpu/shared.cl - kernels on CPUs that depend on neither D nor the type of rows: one program, so that it is compiled
 * once for a device. Checks of the lanes, k-means++, and partial sums into totals. */
#include "cpu/lanes.cl"
#include "common/seeding.cl"
#include "common/combine.cl"
