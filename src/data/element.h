/* element.h - numbers as files hold them, in either byte order, and the row types that they become.
 *
 * Rows are u8, i8, f16, f32 or f64 (fgmm_type). Other integers become the smallest float type that holds all of their
 * values: 16 bits f32, 32 bits f64; 64 bits f64 too, each number that f64 does not hold being refused by its place. */
#ifndef FG_ELEMENT_H
#define FG_ELEMENT_H

#include "status.h"

typedef enum fg_element_kind { FG_UNSIGNED, FG_SIGNED, FG_FLOAT } fg_element_kind;

typedef struct fg_element {
    fg_element_kind kind;
    unsigned bytes; /* integers 1, 2, 4, 8; floats 2, 4, 8 */
    int is_big;     /* big-endian; says nothing of single bytes */
} fg_element;

/* The element that rows of a type consist of. */
fg_element fg_element_of_type(fgmm_type type);

/* The type of the rows that such elements become. */
fgmm_type fg_element_row_type(fg_element element);

/* 1 when elements are their row type's as they lie. */
int fg_element_is_plain(fg_element element);

/* to: `count` elements of the row type; from: as many elements. `from` may be the last bytes of the room of `to`:
 * elements never shrink. Returns how many were converted: fewer than count where the next one has no exact value. */
size_t fg_element_convert(void *to, const void *from, size_t count, fg_element element);

/* One integer element as decimal text, for messages. */
enum { FG_ELEMENT_TEXT_BYTES = 24 };
const char *fg_element_text(char text[FG_ELEMENT_TEXT_BYTES], const void *from, fg_element element);

/* *value of an integer element; 0 when it is beyond int64. */
int fg_element_integer(int64_t *value, const void *from, fg_element element);

#endif
