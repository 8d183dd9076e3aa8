/* arguments/seeding.h - what seeding_try of common/seeding.cl takes; the shapes are given there. */
#define SEEDING_TRY_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    IN(float, rows) NEXT() IN(float, candidates) NEXT() IN(float, weights) NEXT() IN(float, least) NEXT() \
    OUT(float, distances) NEXT() OUT(float, potentials) NEXT() \
    VALUE(uint, d) NEXT() VALUE(uint, padded) NEXT() VALUE(uint, first_block) NEXT() VALUE(uint, blocks)
