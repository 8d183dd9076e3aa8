/* arguments/blas.h - what kernels of gpu/blas.cl take; its header gives the shapes. */
#include "arguments/common.h"

#define BLAS_DENSITY_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    IN(float, transformed) NEXT() VALUE(uint, first_row) NEXT() VALUE(uint, count) NEXT() \
    IN(float, packed) NEXT() VALUE(uint, c) NEXT() IN(float, offset) NEXT() VALUE(uint, padded_components) NEXT() \
    OUT(float, densities)

#define BLAS_GATHER_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    ROW_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() IN(float, shift) NEXT() IN(float, means) NEXT() \
    IN(uint, segment_component) NEXT() SEGMENT_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    VALUE(uint, first_segment) NEXT() VALUE(uint, segment_rows) NEXT() OUT(float, gathered)

#define BLAS_ADD_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    IN(float, products) NEXT() IN(uint, component_segment) NEXT() VALUE(uint, first_segment) NEXT() \
    VALUE(uint, end_segment) NEXT() VALUE(uint, components) NEXT() VALUE(uint, matrices) NEXT() OUT(sum_t, out)
