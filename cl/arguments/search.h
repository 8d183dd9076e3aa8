/* arguments/search.h - of select_nearest in search/select_cpu.cl and select_gpu.cl, and of assign_second in
 * search/assign.cl; what they are is told there.
 */
#define SELECT_ARGUMENTS(IN, OUT, VALUE, NEXT)                                                                         \
    IN(dist_t, out) NEXT() IN(long, ids) NEXT() IN(uint, finds) NEXT() IN(uint, ranges) NEXT() IN(long, exclude) NEXT()\
    VALUE(uint, k) NEXT() OUT(dist_t, best_d) NEXT() OUT(long, best_ids) NEXT() OUT(uint, counts)

#define ASSIGN_SECOND_ARGUMENTS(IN, OUT, VALUE, NEXT)                                                                  \
    IN(float, distances) NEXT() IN(float, between) NEXT() VALUE(uint, is_table) NEXT()                                 \
    VALUE(uint, stride) NEXT() VALUE(uint, k) NEXT() VALUE(uint, rows) NEXT()                                          \
    IN(uint, first) NEXT() OUT(uint, second) NEXT() OUT(float, ratio)
