/* text.h - text that grows while it is written (a page, a drawing), and goes to a file whole or not at all. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stddef.h>

typedef struct cli_text {
    char *bytes; /* always terminated once something was added; owned */
    size_t length, capacity;
    int has_failed; /* memory ran out; what follows is dropped, and saving says so */
} cli_text;

void cli_text_clear(cli_text *text);

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void cli_text_add(cli_text *text, const char *format, ...);

/* Adds `words` with the characters replaced that mean something in HTML and SVG, and the replacement character for
 * bytes that are no UTF-8 or that XML does not allow. */
void cli_text_add_escaped(cli_text *text, const char *words);

/* The text becomes the file at path, whole or not at all: a CLI_DO step. */
int cli_text_save(const cli_text *text, const char *path);

#endif
