/* arguments/search.h - what select_nearest of search/select_cpu.cl and search/select_gpu.cl takes, and assign_second of
 * search/assign.cl; the shapes are given there.
 */
#define SELECT_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    IN(dist_t, out) NEXT() IN(long, ids) NEXT() IN(uint, finds) NEXT() IN(uint, ranges) NEXT() IN(long, exclude) NEXT()\
    VALUE(uint, k) NEXT() OUT(dist_t, best_d) NEXT() OUT(long, best_ids) NEXT() OUT(uint, counts)

#define ASSIGN_SECOND_ARGUMENTS(IN, OUT, VALUE, NEXT) \
    IN(float, distances) NEXT() IN(float, between) NEXT() VALUE(uint, is_table) NEXT() \
    VALUE(uint, stride) NEXT() VALUE(uint, k) NEXT() VALUE(uint, rows) NEXT() \
    IN(uint, first) NEXT() OUT(uint, second) NEXT() OUT(float, ratio)
