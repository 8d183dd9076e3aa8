/* size.c - checked products, allocation, element types. */
#include "size.h"

#include <stdlib.h>

fgmm_status fg_size_product(size_t *product, uint64_t a, uint64_t b, const char *what)
{
    *product = 0;
    if (b != 0 && a > SIZE_MAX / b)
        return fg_fail(FGMM_MEMORY, "%s: %llu x %llu does not fit the address space", what, (unsigned long long)a,
                       (unsigned long long)b);
    *product = (size_t)(a * b);
    return FGMM_OK;
}

fgmm_status fg_size_product3(size_t *product, uint64_t a, uint64_t b, uint64_t c, const char *what)
{
    fgmm_status status = fg_size_product(product, a, b, what);
    return status == FGMM_OK ? fg_size_product(product, *product, c, what) : status;
}

fgmm_status fg_alloc(void **pointer, uint64_t count, size_t element_bytes, const char *what)
{
    *pointer = NULL;
    size_t bytes;
    fgmm_status status = fg_size_product(&bytes, count, element_bytes, what);
    if (status != FGMM_OK) return status;
    *pointer = calloc(1, bytes ? bytes : 1);
    if (!*pointer) return fg_fail(FGMM_MEMORY, "%s: %zu bytes could not be allocated", what, bytes);
    return FGMM_OK;
}

size_t fgmm_type_bytes(fgmm_type type)
{
    static const size_t bytes[] = {1, 1, 2, 4, 8};
    return (size_t)type < sizeof bytes / sizeof bytes[0] ? bytes[type] : 0;
}

const char *fgmm_type_name(fgmm_type type)
{
    static const char *const names[] = {"u8", "i8", "f16", "f32", "f64"};
    return (size_t)type < sizeof names / sizeof names[0] ? names[type] : "unknown";
}

#define VERSION_TEXT_(major, minor, patch) #major "." #minor "." #patch
#define VERSION_TEXT(major, minor, patch)  VERSION_TEXT_(major, minor, patch)

const char *fgmm_version(void)
{
    return VERSION_TEXT(FGMM_VERSION_MAJOR, FGMM_VERSION_MINOR, FGMM_VERSION_PATCH);
}
