/* arguments/moments.h - what cpu/moments.cl and gpu/moments.cl take; their headers give the shapes. */
#include "arguments/common.h"

#define MOMENT_INPUT_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    ROW_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() IN(float, shift) NEXT() IN(float, means) NEXT() IN(uint, is_wide) NEXT()\
    IN(uint, component_segment) NEXT() SEGMENT_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    VALUE(uint, components) NEXT() VALUE(uint, matrices)

#define CPU_MOMENT_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    MOMENT_INPUT_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    VALUE(uint, bands) NEXT() VALUE(uint, splits) NEXT() VALUE(uint, first_job) NEXT() VALUE(uint, end_job) NEXT() \
    OUT(float, scratch) NEXT() OUT(sum_t, out)

#define GPU_MOMENT_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    MOMENT_INPUT_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    VALUE(uint, tiles) NEXT() VALUE(uint, splits) NEXT() VALUE(uint, first_job) NEXT() OUT(sum_t, out)
