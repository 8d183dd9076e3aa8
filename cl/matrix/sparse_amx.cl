/* matrix/sparse_amx.cl - cpu/sparse.cl with AMX: products of matrices make the distances. */
#include "matrix/amx.h"
#include "matrix/responsibilities.cl"
#include "cpu/transpose.cl"
#include "cpu/accumulate.cl"
