/* element.c - from the numbers of files to rows; see element.h. */
#include "element.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

fg_element fg_element_of_type(fgmm_type type)
{
    switch (type) {
    case FGMM_U8:
        return (fg_element){FG_UNSIGNED, 1, 0};
    case FGMM_I8:
        return (fg_element){FG_SIGNED, 1, 0};
    case FGMM_F16:
    case FGMM_F32:
    case FGMM_F64:
        break;
    }
    return (fg_element){FG_FLOAT, (unsigned)fgmm_type_bytes(type), 0};
}

fgmm_type fg_element_row_type(fg_element element)
{
    if (element.kind == FG_FLOAT) return element.bytes == 2 ? FGMM_F16 : element.bytes == 4 ? FGMM_F32 : FGMM_F64;
    if (element.bytes == 1) return element.kind == FG_SIGNED ? FGMM_I8 : FGMM_U8;
    return element.bytes == 2 ? FGMM_F32 : FGMM_F64;
}

int fg_element_is_plain(fg_element element)
{
    return element.bytes == 1 || (element.kind == FG_FLOAT && !element.is_big);
}

/* The bits of an element, the highest first where the file is big-endian. */
static inline uint64_t load(const unsigned char *from, unsigned bytes, int is_big)
{
    uint64_t bits = 0;
    assert(bytes >= 1 && bytes <= sizeof bits);
    for (unsigned i = 0; i < bytes; i++) bits |= (uint64_t)from[i] << 8 * (is_big ? bytes - 1 - i : i);
    return bits;
}

/* The value of an integer's bits, of which the highest is its sign. */
static inline int64_t with_sign(uint64_t bits, unsigned bytes)
{
    const unsigned unused = 64 - 8 * bytes;
    return (int64_t)(bits << unused) >> unused;
}

/* One loop per width and kind, so that the compiler sees constants. `put` stores the value of `bits` at element i. */
#define CONVERT(bytes, put)                                                                                            \
    do {                                                                                                               \
        for (size_t i = 0; i < count; i++) {                                                                           \
            const uint64_t bits =                                                                                      \
                is_big ? load(source + i * (bytes), (bytes), 1) : load(source + i * (bytes), (bytes), 0);              \
            put                                                                                                        \
        }                                                                                                              \
    } while (0)
#define PUT(type, expression)                                                                                          \
    {                                                                                                                  \
        const type value = (type)(expression);                                                                         \
        memcpy(target + i * sizeof value, &value, sizeof value);                                                       \
    }

/* 64 bits: as many as float64 holds exactly. */
static size_t convert_wide(unsigned char *target, const unsigned char *source, size_t count, int is_signed, int is_big)
{
    for (size_t i = 0; i < count; i++) {
        const uint64_t bits = load(source + i * 8, 8, is_big);
        const int is_negative = is_signed && bits >> 63;
        const uint64_t magnitude = is_negative ? 0 - bits : bits;
        /* 53 bits from the highest to the lowest that is set */
        const uint64_t lowest = magnitude & (0 - magnitude);
        if (lowest && magnitude / lowest >> 53) return i;
        const double value = is_negative ? -(double)magnitude : (double)magnitude;
        memcpy(target + i * sizeof value, &value, sizeof value);
    }
    return count;
}

size_t fg_element_convert(void *to, const void *from, size_t count, fg_element element)
{
    unsigned char *target = to;
    const unsigned char *source = from;
    const int is_big = element.is_big, is_signed = element.kind == FG_SIGNED;
    if (fg_element_is_plain(element)) {
        memmove(to, from, count * element.bytes);
        return count;
    }
    if (element.kind == FG_FLOAT) {
        if (element.bytes == 2) CONVERT(2, PUT(uint16_t, bits));
        if (element.bytes == 4) CONVERT(4, PUT(uint32_t, bits));
        if (element.bytes == 8) CONVERT(8, PUT(uint64_t, bits));
        return count;
    }
    if (element.bytes == 8) return convert_wide(target, source, count, is_signed, is_big);
    if (element.bytes == 2 && is_signed) CONVERT(2, PUT(float, with_sign(bits, 2)));
    if (element.bytes == 2 && !is_signed) CONVERT(2, PUT(float, bits));
    if (element.bytes == 4 && is_signed) CONVERT(4, PUT(double, with_sign(bits, 4)));
    if (element.bytes == 4 && !is_signed) CONVERT(4, PUT(double, bits));
    return count;
}

const char *fg_element_text(char text[FG_ELEMENT_TEXT_BYTES], const void *from, fg_element element)
{
    const uint64_t bits = load(from, element.bytes, element.is_big);
    if (element.kind == FG_SIGNED)
        snprintf(text, FG_ELEMENT_TEXT_BYTES, "%lld", (long long)with_sign(bits, element.bytes));
    else
        snprintf(text, FG_ELEMENT_TEXT_BYTES, "%llu", (unsigned long long)bits);
    return text;
}

int fg_element_integer(int64_t *value, const void *from, fg_element element)
{
    const uint64_t bits = load(from, element.bytes, element.is_big);
    *value = element.kind == FG_SIGNED ? with_sign(bits, element.bytes) : (int64_t)bits;
    return element.kind == FG_SIGNED || bits <= (uint64_t)INT64_MAX;
}
