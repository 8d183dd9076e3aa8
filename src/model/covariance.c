/* covariance.c - the table of covariance types, and what follows from it for files and messages. */
#include "covariance.h"

#include "status.h"

#include <stdio.h>
#include <string.h>

typedef unsigned long long ull;

const fg_covariance_type fg_covariance_types[] = {
    [FGMM_SPHERICAL] = {.name = "spherical", .array = "(K)", .is_spherical = 1},
    [FGMM_DIAG] = {.name = "diag", .array = "(K,D)"},
    [FGMM_TIED] = {.name = "tied", .array = "(D,D)", .is_shared = 1, .has_matrices = 1},
    [FGMM_FULL] = {.name = "full", .array = "(K,D,D)", .has_matrices = 1},
};
enum { TYPES = sizeof fg_covariance_types / sizeof fg_covariance_types[0] };

int fg_covariance_is_known(int covariance)
{
    return covariance >= 0 && covariance < TYPES && fg_covariance_types[covariance].name;
}

const char *fgmm_covariance_name(fgmm_covariance covariance)
{
    return fg_covariance_is_known((int)covariance) ? fg_covariance_types[covariance].name : "unknown";
}

/* The types in a sentence, "a, b or c", each with its number or the shape of its array behind it, if asked for. */
typedef enum detail { DETAIL_NONE, DETAIL_NUMBER, DETAIL_ARRAY } detail;
typedef struct sentence {
    char text[192];
} sentence;

static sentence list_types(detail wanted)
{
    sentence s = {""};
    size_t used = 0;
    for (int i = 0; i < TYPES && used < sizeof s.text; i++) {
        const fg_covariance_type *type = &fg_covariance_types[i];
        char behind[32] = "";
        if (wanted == DETAIL_NUMBER) snprintf(behind, sizeof behind, " (%d)", i);
        if (wanted == DETAIL_ARRAY) snprintf(behind, sizeof behind, " %s", type->array);
        const char *before = i == 0 ? "" : i + 1 < TYPES ? ", " : " or ";
        used += (size_t)snprintf(s.text + used, sizeof s.text - used, "%s%s%s", before, type->name, behind);
    }
    return s;
}

fgmm_status fg_covariance_check(int covariance)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(fg_covariance_is_known(covariance), FGMM_ARGUMENT, "covariance = %d; need %s", covariance,
             list_types(DETAIL_NUMBER).text);
done:
    return status;
}

fgmm_status fgmm_covariance_describe(fgmm_covariance covariance, fgmm_covariance_info *info)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(info, FGMM_ARGUMENT, "info is NULL");
    const size_t size = info->size;
    FG_CHECK(size > sizeof size, FGMM_ARGUMENT,
             "fgmm_covariance_info.size = %zu; set it up with fgmm_covariance_info_init()", size);
    FG_TRY(fg_covariance_check((int)covariance));
    const fg_covariance_type *type = &fg_covariance_types[covariance];
    const fgmm_covariance_info full = {.size = size,
                                       .is_shared = type->is_shared,
                                       .is_spherical = type->is_spherical,
                                       .has_matrices = type->has_matrices};
    memcpy(info, &full, size < sizeof full ? size : sizeof full);
done:
    return status;
}

fg_array_shape fg_covariance_shape(fgmm_covariance covariance, uint64_t k, uint64_t d)
{
    const fg_covariance_type *type = &fg_covariance_types[covariance];
    fg_array_shape array = {0};
    if (!type->is_shared) array.shape[array.rank++] = k;
    if (!type->is_spherical) array.shape[array.rank++] = d;
    if (type->has_matrices) array.shape[array.rank++] = d;
    if (array.rank == 0) array.shape[array.rank++] = 1;
    return array;
}

fgmm_status fg_covariance_of_array(fgmm_covariance *covariance, const fg_covariance_array *array, uint64_t k,
                                   uint64_t d)
{
    fgmm_status status = FGMM_OK;
    const fg_array_shape *shape = &array->shape;
    const char *named = array->type;
    int is_known = named == NULL, count = 0, last = 0;
    *covariance = (fgmm_covariance)0;
    for (int i = 0; i < TYPES; i++) {
        const fg_array_shape wanted = fg_covariance_shape((fgmm_covariance)i, k, d);
        const int is_named = !named || strcmp(named, fg_covariance_types[i].name) == 0;
        is_known |= is_named;
        if (!is_named || memcmp(shape, &wanted, sizeof wanted) != 0) continue;
        if (count++ == 0) *covariance = (fgmm_covariance)i;
        last = i;
    }
    FG_CHECK(is_known, FGMM_FORMAT, "covariance_type \"%.32s\"; need %s", named, list_types(DETAIL_NONE).text);
    FG_CHECK(count > 0, FGMM_FORMAT, "%s (%llu dimensions, first %llu) does not fit K = %llu, D = %llu%s%.32s; need %s",
             array->name, (ull)shape->rank, (ull)shape->shape[0], (ull)k, (ull)d, named ? ", covariance_type " : "",
             named ? named : "", list_types(DETAIL_ARRAY).text);
    /* types of one shape are the same where there is one component, or one dimension */
    FG_CHECK(count == 1 || k == 1 || d == 1, FGMM_FORMAT,
             "%s (%llu,%llu) may be %s or %s since K = D; need covariance_type %s, which says it", array->name, (ull)k,
             (ull)d, fgmm_covariance_name(*covariance), fg_covariance_types[last].name, array->type_place);
done:
    return status;
}
