/* search/gpu.cl - kernels of a search on GPUs: distances to the rows of lists, and the nearest of them. */
#include "search/scan_gpu.cl"
#include "search/select_gpu.cl"
