/* number.h - decimal text to float64, the same in every locale. Includers define _POSIX_C_SOURCE 200809L. */
#ifndef FG_NUMBER_H
#define FG_NUMBER_H

#include <locale.h>
#include <stddef.h>
#if defined(__APPLE__)
#include <xlocale.h>
#endif

typedef enum fg_number_kind { FG_NUMBER_NONE, FG_NUMBER_OK, FG_NUMBER_TOO_LARGE } fg_number_kind;

/* Parses all of text (length bytes, text[length] == 0): [+-]digits[.digits][e[+-]digits], or nan, inf, infinity with
 * an optional sign, in any case of letters. Correctly rounded; what is below the smallest denormal becomes 0, what is
 * beyond the largest finite number is TOO_LARGE. c_locale: of the "C" locale. */
fg_number_kind fg_number_parse(double *value, const char *text, size_t length, locale_t c_locale);

#endif
