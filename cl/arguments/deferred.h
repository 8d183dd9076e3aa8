/* arguments/deferred.h - what common/deferred.cl takes; its header gives the shapes. */
#include "arguments/common.h"

#define DEFER_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    IN(uchar, rows) NEXT() VALUE(ulong, first_byte) NEXT() VALUE(ulong, row_bytes) NEXT() \
    WEIGHT_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    IN(uint, transposed_rows) NEXT() VALUE(uint, first_nonzero) NEXT() \
    OUT(uchar, to_rows) NEXT() OUT(float, to_weights) NEXT() VALUE(uint, at) NEXT() OUT(float, logz)
