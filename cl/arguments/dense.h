/* arguments/dense.h - what cpu/dense.cl and gpu/dense.cl take; their headers give the shapes. */
#include "arguments/common.h"

/* Rows list_first .. list_first + n - 1 of the batch or, with use_list, those that these places of row_list name. */
#define ROW_LIST_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    IN(uint, row_list) NEXT() VALUE(uint, list_first) NEXT() VALUE(uint, use_list) NEXT() \
    VALUE(uint, n) NEXT() VALUE(uint, tile_rows)

/* What becomes of log-densities. */
#define NORMALISING_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    IN(float, normaliser) NEXT() IN(float, width) NEXT() VALUE(uint, panels) NEXT() VALUE(float, cutoff)

#define DENSE_RESULT_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    OUT(float, r) NEXT() OUT(float, logz) NEXT() OUT(float, block_sums) NEXT() OUT(uint, block_survivors)

/* cpu/dense.cl */
#define CPU_DENSE_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    ROW_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() WEIGHT_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    IN(float, shift) NEXT() ROW_LIST_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    PACKED_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() NORMALISING_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    OUT(float, scratch) NEXT() VALUE(ulong, scratch_floats) NEXT() OUT(float, y) NEXT() \
    DENSE_RESULT_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() VALUE(uint, dims) NEXT() VALUE(uint, batch_rows)

/* gpu/dense.cl: dense_densities, and dense_responsibilities, which follows it */
#define GPU_DENSITY_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    ROW_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() IN(float, shift) NEXT() \
    ROW_LIST_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() PACKED_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    OUT(float, y) NEXT() OUT(float, r)
#define GPU_DENSE_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    WEIGHT_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() ROW_LIST_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    NORMALISING_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() DENSE_RESULT_ARGUMENTS(IN, OUT, VALUE, NEXT)

/* dense_accumulate of both files, and dense_differences of gpu/dense.cl */
#define GPU_PRODUCT_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    IN(float, y) NEXT() IN(float, r) NEXT() IN(float, means) NEXT() IN(uint, is_exact) NEXT() \
    VALUE(uint, n) NEXT() VALUE(uint, tile_rows) NEXT() VALUE(uint, split_rows) NEXT() \
    VALUE(uint, padded_components) NEXT() OUT(float, partials)
#define CPU_PRODUCT_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    GPU_PRODUCT_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() VALUE(uint, dims)
