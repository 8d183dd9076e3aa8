/* covariance_shape.c - covariance types and the shapes of their arrays in files. */
#include "model.h"

#include "status.h"

#include <string.h>

typedef unsigned long long ull;

enum { COVARIANCE_TYPES = FGMM_FULL + 1 };

fg_array_shape fg_covariance_shape(fgmm_covariance covariance, uint64_t k, uint64_t d)
{
    const fg_array_shape shapes[COVARIANCE_TYPES] = {[FGMM_SPHERICAL] = {1, {k}},
                                                     [FGMM_DIAG] = {2, {k, d}},
                                                     [FGMM_TIED] = {2, {d, d}},
                                                     [FGMM_FULL] = {3, {k, d, d}}};
    return shapes[covariance];
}

fgmm_status fg_covariance_of_array(fgmm_covariance *covariance, const fg_covariance_array *array, uint64_t k,
                                   uint64_t d)
{
    fgmm_status status = FGMM_OK;
    const fg_array_shape *shape = &array->shape;
    const char *named = array->type;
    int is_known = named == NULL, count = 0;
    for (int i = 0; i < COVARIANCE_TYPES; i++) {
        const fg_array_shape wanted = fg_covariance_shape((fgmm_covariance)i, k, d);
        const int is_named = !named || strcmp(named, fgmm_covariance_name((fgmm_covariance)i)) == 0;
        is_known |= is_named;
        if (is_named && memcmp(shape, &wanted, sizeof wanted) == 0 && count++ == 0) *covariance = (fgmm_covariance)i;
    }
    FG_CHECK(is_known, FGMM_FORMAT, "covariance_type \"%.32s\"; need spherical, diag, tied or full", named);
    FG_CHECK(count > 0, FGMM_FORMAT,
             "%s (%llu dimensions, first %llu) does not fit K = %llu, D = %llu%s%.32s; need spherical "
             "(K), diag (K,D), tied (D,D) or full (K,D,D)",
             array->name, (ull)shape->rank, (ull)shape->shape[0], (ull)k, (ull)d, named ? ", covariance_type " : "",
             named ? named : "");
    FG_CHECK(count == 1 || d == 1, FGMM_FORMAT,
             "%s (%llu,%llu) may be diag or tied since K = D; need covariance_type %s, which says it", array->name,
             (ull)k, (ull)d, array->type_place);
done:
    return status;
}
