/* arguments/combine.h - what combine_dense of common/combine.cl takes; the shapes are given there. */
#define COMBINE_DENSE_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    VALUE(uint, components) NEXT() VALUE(uint, padded_components) NEXT() VALUE(uint, splits) NEXT() \
    IN(float, partials) NEXT() IN(uint, is_exact) NEXT() VALUE(uint, panel) NEXT() IN(float, means) NEXT() \
    IN(sum_t, tile_weights) NEXT() OUT(sum_t, totals) NEXT() \
    VALUE(uint, dims) NEXT() VALUE(uint, s2_kind) NEXT() VALUE(uint, are_differences)
