/* text.c - growing text behind text.h. */
#include "text.h"

#include "output.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 4096 };

void cli_text_clear(cli_text *text)
{
    free(text->bytes);
    *text = (cli_text){0};
}

/* Makes room for `count` more bytes and the terminator. */
static int reserve(cli_text *text, size_t count)
{
    if (text->has_failed) return 0;
    if (text->length + count + 1 <= text->capacity) return 1;
    size_t capacity = text->capacity ? text->capacity : FIRST_CAPACITY;
    while (capacity < text->length + count + 1) capacity *= 2;
    char *bytes = realloc(text->bytes, capacity);
    if (bytes) {
        text->bytes = bytes;
        text->capacity = capacity;
    }
    text->has_failed = !bytes;
    return bytes != NULL;
}

void cli_text_add(cli_text *text, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int count = vsnprintf(NULL, 0, format, arguments);
    if (count >= 0 && reserve(text, (size_t)count)) {
        vsnprintf(text->bytes + text->length, (size_t)count + 1, format, again);
        text->length += (size_t)count;
    }
    va_end(again);
    va_end(arguments);
}

/* Bytes of the UTF-8 sequence at `bytes` that an XML document may hold; 0: none begins there. */
static size_t sequence_length(const unsigned char *bytes)
{
    if (bytes[0] < 0x20) return bytes[0] == '\t' || bytes[0] == '\n';
    if (bytes[0] < 0x7f) return 1;
    const size_t length = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
    if (bytes[0] < 0xc2 || bytes[0] > 0xf4) return 0;
    uint32_t point = bytes[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) return 0;
        point = point << 6 | (bytes[i] & 0x3f);
    }
    static const uint32_t least[] = {[2] = 0x80, [3] = 0x800, [4] = 0x10000};
    const int is_legal = point >= least[length] && point <= 0x10ffff && !(point >= 0xd800 && point < 0xe000) &&
                         point != 0xfffe && point != 0xffff;
    return is_legal ? length : 0;
}

void cli_text_add_escaped(cli_text *text, const char *words)
{
    size_t length = 1;
    for (; *words; words += length) {
        length = sequence_length((const unsigned char *)words);
        if (length == 0) {
            cli_text_add(text, "\xef\xbf\xbd"); /* U+FFFD, the replacement character */
            length = 1;
            continue;
        }
        switch (*words) {
        case '<':
            cli_text_add(text, "&lt;");
            break;
        case '>':
            cli_text_add(text, "&gt;");
            break;
        case '&':
            cli_text_add(text, "&amp;");
            break;
        case '"':
            cli_text_add(text, "&quot;");
            break;
        default:
            cli_text_add(text, "%.*s", (int)length, words);
        }
    }
}

int cli_text_save(const cli_text *text, const char *path)
{
    if (text->has_failed) return cli_error(CLI_EXIT_FAILED, "%s: memory ran out", path);
    return cli_library(fgmm_file_write(path, text->bytes, text->length));
}
