/* arguments/transpose.h - what scatter_nonzeros of cpu/transpose.cl and gpu/transpose.cl takes. */
#define NONZERO_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    VALUE(uint, components) NEXT() VALUE(uint, row_capacity) NEXT() \
    IN(uint, counts) NEXT() IN(uint, nonzero_components) NEXT() IN(float, nonzero_values) NEXT() \
    OUT(uint, column_counts)

#define CPU_SCATTER_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    VALUE(uint, n) NEXT() NONZERO_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    OUT(uint, transposed_rows) NEXT() OUT(float, transposed_values)

#define GPU_SCATTER_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    VALUE(uint, n) NEXT() VALUE(uint, block_rows) NEXT() NONZERO_ARGUMENTS(IN, OUT, VALUE, NEXT) NEXT() \
    IN(uint, component_first) NEXT() OUT(uint, transposed_rows) NEXT() OUT(float, transposed_values)
