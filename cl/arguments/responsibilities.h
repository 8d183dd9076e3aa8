/* arguments/responsibilities.h - what the kernels of sparse responsibilities take, a list for each. */
#include "arguments/common.h"

#define SPARSE_RESULT_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    VALUE(uint, row_capacity) NEXT() OUT(float, logz) NEXT() OUT(uint, counts) NEXT() \
    OUT(uint, nonzero_components) NEXT() OUT(float, nonzero_values)

/* CPUs: a worker's scratch, and results; workers count components as well. */
#define WORKER_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    VALUE(uint, panels) NEXT() VALUE(uint, chunk_panels) NEXT() VALUE(uint, components) NEXT() \
    VALUE(float, cutoff) NEXT() \
    OUT(float, scratch) NEXT() VALUE(ulong, scratch_floats) NEXT() VALUE(uint, l_stride) NEXT() \
    SPARSE_RESULT_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() OUT(uint, column_counts)

/* cpu/responsibilities.cl */
#define CPU_SPARSE_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    PART_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    IN(float, shift) NEXT() PACKED_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    WORKER_ARGUMENTS(IN, OUT, VALUE, NEXT)

/* cpu/responsibilities_pruned.cl */
#define CPU_PRUNED_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    PART_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    IN(float, shift) NEXT() IN(float, packed) NEXT() IN(float, scale) NEXT() IN(float, offset) NEXT() \
    IN(float, axes) NEXT() IN(float, means) NEXT() IN(float, normaliser) NEXT() \
    WORKER_ARGUMENTS(IN, OUT, VALUE, NEXT)

/* matrix/responsibilities.cl */
#define MATRIX_SPARSE_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    PART_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    IN(float, shift) NEXT() PACKED_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    IN(ushort, split_means) NEXT() IN(uint, panel_terms) NEXT() VALUE(uint, row_terms) NEXT() \
    WORKER_ARGUMENTS(IN, OUT, VALUE, NEXT)

/* matrix/responsibilities_pruned.cl */
#define MATRIX_PRUNED_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    PART_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    IN(float, shift) NEXT() IN(float, scale) NEXT() IN(float, offset) NEXT() \
    IN(ushort, split_means) NEXT() IN(float, means) NEXT() IN(float, normaliser) NEXT() \
    VALUE(float, row_share) NEXT() VALUE(float, residual_share) NEXT() \
    WORKER_ARGUMENTS(IN, OUT, VALUE, NEXT)

/* gpu/responsibilities.cl; packed: for full covariances log-densities */
#define GPU_SPARSE_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    PART_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    IN(float, shift) NEXT() PACKED_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    VALUE(uint, panels) NEXT() VALUE(uint, components) NEXT() VALUE(float, cutoff) NEXT() \
    SPARSE_RESULT_ARGUMENTS(IN, OUT, VALUE, NEXT)

/* matrix/warp_responsibilities.cl */
#define WARP_SPARSE_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    PART_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    IN(float, shift) NEXT() IN(float, means) NEXT() IN(uint4, split_means) NEXT() IN(uint, panel_terms) NEXT() \
    VALUE(uint, panels) NEXT() VALUE(uint, components) NEXT() VALUE(float, cutoff) NEXT() OUT(uint2, nonzeros) NEXT() \
    SPARSE_RESULT_ARGUMENTS(IN, OUT, VALUE, NEXT)
