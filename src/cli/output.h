/* output.h - what leaves the program: the one error line, JSON on stdout, checks of output paths. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "exit.h"
#include "flashgmm/flashgmm.h"

#include <cjson/cJSON.h>

/* Prints "flashgmm: TEXT" as exactly one line on stderr (line breaks inside become "; ") and returns `code`. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
int cli_error(int code, const char *format, ...);

/* Prints "flashgmm: warning: TEXT" likewise. Of data that may be meant otherwise: with --quiet too. */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
void cli_warning(const char *format, ...);

/* DONE for FGMM_OK. Otherwise prints the library's error text and returns FAILED, or INTERRUPTED after a signal. */
int cli_library(fgmm_status status);

/* The one line of a work that a signal ended without leaving anything. */
int cli_interrupted_error(void);

/* fgmm_writer_commit, which frees the writer in any case: *writer becomes NULL. */
int cli_writer_commit(fgmm_writer **writer);
/* Saves a trained model, with fgmm_model_save or the like. Where that fails, as on a full disk, the model is saved in a
 * new folder under $TMPDIR or /tmp and the error says so. FAILED in both cases. */
typedef fgmm_status cli_save_fn(const fgmm_model *model, const char *path);
int cli_model_save(cli_save_fn *save, const fgmm_model *model, const char *path);
/* Two files that belong together (the second may be NULL): both get their names, or none does but for a failed
 * rename. */
int cli_writers_commit(fgmm_writer **first, fgmm_writer **second);

/* USAGE where two outputs, of the options with these names, would be the same file. Either path may be NULL. */
int cli_output_check_apart(const char *option, const char *path, const char *other, const char *other_path);

/* Checks, before any work, that `path` can be written later: its folder exists and is writable, it is no folder or
 * device, and it is not the input (NULL: no input) which it would replace. NULL path: DONE. */
int cli_output_check(const char *path, const char *input);

/* USAGE unless `path` ends with one of the endings (NULL behind the last), compared without case. is_free_name: any
 * name is good that does not ask for another of the forms that the world knows by their endings. No endings: it is a
 * prefix, which must not end like such a name. option: "--output". */
int cli_output_check_name(const char *option, const char *path, const char *const *endings, int is_free_name);

/* Endings that several commands share. */
extern const char *const cli_model_endings[],
    *const cli_rows_endings[], *const cli_numbers_endings[], *const cli_page_endings[], *const cli_picture_endings[];

/* 1 when `path` ends with `ending`, compared without case. */
int cli_ends_with(const char *path, const char *ending);

/* Prints the object as JSON on stdout and frees it. */
int cli_json_print(cJSON *object);
/* Whole numbers keep all their 64 bits; NaN and infinity become null. */
void cli_json_count(cJSON *object, const char *name, uint64_t value);
void cli_json_real(cJSON *object, const char *name, double value);

/* "12.3 GiB" into text; returns text. */
enum { CLI_NUMBER_BYTES = 32 };
const char *cli_size_text(char text[CLI_NUMBER_BYTES], uint64_t bytes);
/* "1.23M" */
const char *cli_quantity_text(char text[CLI_NUMBER_BYTES], double quantity);

#endif
