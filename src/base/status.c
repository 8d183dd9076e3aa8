/* status.c - status texts and the thread's error buffer. */
#include "status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char error_text[FG_ERROR_TEXT_BYTES];

const char *fgmm_last_error(void)
{
    return error_text;
}

const char *fgmm_status_text(fgmm_status status)
{
    static const char *const texts[] = {
#define STATUS_TEXT(name, text) text,
        FGMM_STATUS_LIST(STATUS_TEXT)
#undef STATUS_TEXT
    };
    const size_t count = sizeof texts / sizeof texts[0];
    return (size_t)status < count ? texts[status] : "unknown status";
}

fgmm_status fg_fail(fgmm_status code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error_text, sizeof error_text, format, arguments);
    va_end(arguments);
    return code;
}

fgmm_status fg_fail_prefix(fgmm_status code, const char *format, ...)
{
    char kept[FG_ERROR_TEXT_BYTES];
    memcpy(kept, error_text, sizeof kept);
    va_list arguments;
    va_start(arguments, format);
    int used = vsnprintf(error_text, sizeof error_text, format, arguments);
    va_end(arguments);
    if (used >= 0 && (size_t)used < sizeof error_text &&
        snprintf(error_text + used, sizeof error_text - (size_t)used, ": %s", kept) < 0)
        error_text[used] = 0; /* a text that is too long is cut */
    return code;
}

void fg_error_save(char text[FG_ERROR_TEXT_BYTES])
{
    memcpy(text, error_text, FG_ERROR_TEXT_BYTES);
}

void fg_error_restore(const char text[FG_ERROR_TEXT_BYTES])
{
    memcpy(error_text, text, FG_ERROR_TEXT_BYTES);
}
