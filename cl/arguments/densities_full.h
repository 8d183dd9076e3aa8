/* arguments/densities_full.h - of gpu/densities_full.cl; what they are is told there. */
#include "arguments/common.h"

#define FULL_DENSITY_ARGUMENTS(IN, OUT, VALUE, NEXT)                                                                   \
    PART_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT()                                                                        \
    IN(float, shift) NEXT() IN(float, packed) NEXT() IN(float, offset) NEXT()                                          \
    VALUE(uint, padded_components) NEXT() OUT(float, densities)
