/* matrix/pruned_amx.cl - sparse responsibilities from one product's bounds, with AMX. */
#include "matrix/amx.h"
#include "matrix/responsibilities_pruned.cl"
