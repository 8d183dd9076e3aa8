/* arguments/accumulate.h - what cpu/accumulate.cl and gpu/accumulate.cl take. CPUs do not read the counters: the host
 * launches just the segments that there are.
 */
#include "arguments/common.h"

#define ACCUMULATE_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    ROW_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() IN(float, shift) NEXT() IN(float, means) NEXT() \
    IN(uint, segment_component) NEXT() SEGMENT_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    VALUE(uint, first_segment) NEXT() IN(uint, is_wide) NEXT() OUT(float, partials) NEXT() IN(uint, counters)
