/* search/cpu.cl - kernels of a search on CPUs: distances to the rows of lists, and the nearest of them. */
#include "search/scan_cpu.cl"
#include "search/select_cpu.cl"
