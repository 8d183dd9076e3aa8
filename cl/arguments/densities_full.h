/* arguments/densities_full.h - what gpu/densities_full.cl takes; its header gives the shapes. */
#include "arguments/common.h"

#define FULL_DENSITY_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    PART_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    IN(float, shift) NEXT() IN(float, packed) NEXT() IN(float, offset) NEXT() \
    VALUE(uint, padded_components) NEXT() OUT(float, densities)
