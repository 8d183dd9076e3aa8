/* number.c - the short numbers that files are full of are converted here, exactly; strtod does the rest. */
#define _POSIX_C_SOURCE 200809L
#include "number.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Takes digits; adds them to the mantissa as far as 19 fit 64 bits. Returns how many there were. */
static size_t parse_digits(const char **text, uint64_t *mantissa, int *kept)
{
    size_t count = 0;
    for (; **text >= '0' && **text <= '9'; (*text)++, count++) {
        if (*kept >= 19) {
            *kept = 20; /* no longer exact */
            continue;
        }
        *mantissa = *mantissa * 10 + (uint64_t)(**text - '0');
        if (*mantissa) (*kept)++;
    }
    return count;
}

static fg_number_kind parse_special(double *value, const char *text, size_t length)
{
    if (strlen(text) != length) return FG_NUMBER_NONE;
    const int is_negative = *text == '-';
    if (*text == '-' || *text == '+') text++;
    if (strcasecmp(text, "nan") == 0)
        *value = NAN;
    else if (strcasecmp(text, "inf") == 0 || strcasecmp(text, "infinity") == 0)
        *value = is_negative ? -INFINITY : INFINITY;
    else
        return FG_NUMBER_NONE;
    return FG_NUMBER_OK;
}

fg_number_kind fg_number_parse(double *value, const char *text, size_t length, locale_t c_locale)
{
    /* Powers of ten that float64 holds exactly. */
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const char *at = text;
    uint64_t mantissa = 0;
    int kept = 0;
    long exponent = 0;
    if (*at == '-' || *at == '+') at++;
    const size_t whole = parse_digits(&at, &mantissa, &kept);
    size_t fraction = 0;
    if (*at == '.') {
        at++;
        fraction = parse_digits(&at, &mantissa, &kept);
    }
    if (whole + fraction == 0) return parse_special(value, text, length);
    if (*at == 'e' || *at == 'E') {
        at++;
        const int is_negative = *at == '-';
        if (*at == '-' || *at == '+') at++;
        const char *digits = at;
        for (; *at >= '0' && *at <= '9'; at++)
            if (exponent < 100000) exponent = exponent * 10 + (*at - '0');
        if (at == digits) return FG_NUMBER_NONE;
        if (is_negative) exponent = -exponent;
    }
    if (at != text + length) return FG_NUMBER_NONE;
    exponent -= (long)fraction;
    /* Clinger's fast path: an exact mantissa and an exact power of ten make one correctly rounded operation. */
    if (kept <= 19 && mantissa <= (1ull << 53) && exponent >= -22 && exponent <= 22) {
        const double m = (double)mantissa;
        const double magnitude = exponent < 0 ? m / powers[-exponent] : m * powers[exponent];
        *value = *text == '-' ? -magnitude : magnitude;
        return FG_NUMBER_OK;
    }
    const locale_t before = uselocale(c_locale);
    *value = strtod(text, NULL);
    uselocale(before);
    return isinf(*value) ? FG_NUMBER_TOO_LARGE : FG_NUMBER_OK;
}
