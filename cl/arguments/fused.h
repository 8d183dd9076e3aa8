/* arguments/fused.h - what cpu/fused.cl takes; its header gives the shapes. */
#include "arguments/common.h"

#define FUSED_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    ROW_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    WEIGHT_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    VALUE(uint, n) NEXT() VALUE(uint, range_rows) NEXT() VALUE(uint, first_range) NEXT() VALUE(uint, end_range) NEXT() \
    IN(float, shift) NEXT() PACKED_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    IN(float, normaliser) NEXT() IN(float, width) NEXT() IN(float, means) NEXT() \
    VALUE(uint, panels) NEXT() VALUE(float, cutoff) NEXT() VALUE(uint, most_nonzeros) NEXT() \
    OUT(float, scratch) NEXT() VALUE(ulong, scratch_floats) NEXT() OUT(float, logz) NEXT() \
    OUT(float, partial_weights) NEXT() OUT(float, partials) NEXT() OUT(uint, survivors) NEXT() \
    VALUE(uint, dims) NEXT() VALUE(uint, is_hard)
