/* arguments/precise.h - what the kernels of common/precise.cl take; the shapes are given there.
 */
#include "arguments/common.h"

#define PRECISE_RESPONSIBILITIES_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    PART_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() IN(float, shift) NEXT() VALUE(float, row_scale) NEXT() \
    VALUE(uint, dims) NEXT() VALUE(uint, components) NEXT() VALUE(uint, row_capacity) NEXT() IN(double, model) NEXT() \
    OUT(float, high) NEXT() OUT(float, low) NEXT() OUT(float, logz)

#define PRECISE_SUMS_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    PART_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() WEIGHT_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    IN(float, shift) NEXT() VALUE(float, row_scale) NEXT() VALUE(uint, dims) NEXT() VALUE(uint, row_capacity) NEXT() \
    IN(double, centres) NEXT() IN(float, high) NEXT() IN(float, low) NEXT() OUT(double, sums)
