/* output.c - the error line, JSON and output paths behind output.h. */
#define _POSIX_C_SOURCE 200809L
#include "output.h"

#include "signals.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* Build logs and file names may hold line breaks; scripts count on one line. */
#if defined(__GNUC__)
static void print_line(const char *lead, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));
#endif
static void print_line(const char *lead, const char *format, va_list arguments)
{
    char text[2048];
    vsnprintf(text, sizeof text, format, arguments);
    fputs(lead, stderr);
    for (const char *c = text; *c; c++) {
        if (*c == '\n' || *c == '\r') {
            if (c[1]) fputs("; ", stderr);
        } else {
            fputc(*c, stderr);
        }
    }
    fputc('\n', stderr);
}

int cli_error(int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_line("flashgmm: ", format, arguments);
    va_end(arguments);
    return code;
}

void cli_warning(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_line("flashgmm: warning: ", format, arguments);
    va_end(arguments);
}

int cli_interrupted_error(void)
{
    return cli_error(CLI_EXIT_INTERRUPTED, "interrupted; nothing was written");
}

int cli_library(fgmm_status status)
{
    if (status == FGMM_OK) return CLI_EXIT_DONE;
    if (cli_interrupted()) return cli_interrupted_error();
    const char *text = fgmm_last_error();
    return cli_error(CLI_EXIT_FAILED, "%s", text[0] ? text : fgmm_status_text(status));
}

/* --- output files --- */

int cli_writer_commit(fgmm_writer **writer)
{
    if (!*writer) return CLI_EXIT_DONE;
    const fgmm_status status = fgmm_writer_commit(*writer);
    *writer = NULL;
    return cli_library(status);
}

enum { PATH_BYTES = 4096 };

/* Saves the model in a new folder for temporary files; its name goes into place. */
static int save_elsewhere(cli_save_fn *save, const fgmm_model *model, const char *path, char place[PATH_BYTES])
{
    char folder[PATH_BYTES];
    const char *base = getenv("TMPDIR"), *slash = strrchr(path, '/');
    if (!base || !*base) base = "/tmp";
    int length = snprintf(folder, sizeof folder, "%s/flashgmm-XXXXXX", base);
    if (length >= (int)sizeof folder || !mkdtemp(folder)) return 0;
    length = snprintf(place, PATH_BYTES, "%s/%s", folder, slash ? slash + 1 : path);
    if (length < PATH_BYTES && save(model, place) == FGMM_OK) return 1;
    rmdir(folder);
    return 0;
}

int cli_model_save(cli_save_fn *save, const fgmm_model *model, const char *path)
{
    char problem[PATH_BYTES], place[PATH_BYTES];
    const fgmm_status status = save(model, path);
    if (status == FGMM_OK || strcmp(path, "-") == 0) return cli_library(status);
    snprintf(problem, sizeof problem, "%s", fgmm_last_error());
    if (!save_elsewhere(save, model, path, place)) return cli_error(CLI_EXIT_FAILED, "%s", problem);
    return cli_error(CLI_EXIT_FAILED, "%s; the model is in %s instead", problem, place);
}

int cli_writers_commit(fgmm_writer **first, fgmm_writer **second)
{
    int exit_code = CLI_EXIT_DONE;
    if (*first) CLI_DO(cli_library(fgmm_writer_flush(*first)));
    if (*second) CLI_DO(cli_library(fgmm_writer_flush(*second)));
    CLI_DO(cli_writer_commit(first));
    CLI_DO(cli_writer_commit(second));
done:
    return exit_code;
}

int cli_ends_with(const char *path, const char *ending)
{
    const size_t length = strlen(path), tail = strlen(ending);
    return length > tail && strcasecmp(path + length - tail, ending) == 0;
}

const char *const cli_model_endings[] = {".safetensors", ".npz", NULL};
const char *const cli_rows_endings[] = {".npy", ".fvecs", NULL};
const char *const cli_numbers_endings[] = {".npy", ".csv", NULL};
const char *const cli_page_endings[] = {".html", NULL};
const char *const cli_picture_endings[] = {".svg", NULL};

/* Forms that people ask for by a name: data, models, tables, pages, pictures, indexes. */
static const char *const known_forms[] = {
    ".npy",  ".npz", ".fvecs", ".bvecs", ".ivecs",  ".fbin",   ".u8bin", ".i8bin",       ".ibin", ".hdf5",
    ".h5",   ".mat", ".csv",   ".tsv",   ".txt",    ".json",   ".xml",   ".yaml",        ".yml",  ".pkl",
    ".html", ".svg", ".png",   ".pdf",   ".joblib", ".pickle", ".pt",    ".pth",         ".onnx", ".parquet",
    ".zip",  ".gz",  ".arrow", ".rds",   ".faiss",  ".index",  ".ivf",   ".safetensors", NULL};

static int ends_with_one(const char *path, const char *const *endings)
{
    for (; endings && *endings; endings++)
        if (cli_ends_with(path, *endings)) return 1;
    return 0;
}

int cli_output_check_name(const char *option, const char *path, const char *const *endings, int is_free_name)
{
    char names[128] = "";
    size_t used = 0;
    if (ends_with_one(path, endings)) return CLI_EXIT_DONE;
    if (is_free_name && !ends_with_one(path, known_forms)) return CLI_EXIT_DONE;
    if (is_free_name && !endings)
        return cli_error(CLI_EXIT_USAGE, "%s = %s; need a prefix, to which endings are added", option, path);
    for (size_t i = 0; endings[i] && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s",
                                 i == 0           ? ""
                                 : endings[i + 1] ? ", "
                                                  : " or ",
                                 endings[i]);
    return cli_error(CLI_EXIT_USAGE, "%s = %s; need a file name that ends with %s%s", option, path, names,
                     is_free_name ? ", or one that asks for no other form" : "");
}

/* The folder part of path, "." where there is none; malloc'ed, NULL without memory. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

/* The part behind the folder. */
static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

int cli_output_check_apart(const char *option, const char *path, const char *other, const char *other_path)
{
    struct stat facts, other_facts;
    if (!path || !other_path || strcmp(name_of(path), name_of(other_path)) != 0) return CLI_EXIT_DONE;
    char *folder = folder_of(path), *other_folder = folder_of(other_path);
    const int is_same = folder && other_folder && stat(folder, &facts) == 0 && stat(other_folder, &other_facts) == 0 &&
                        facts.st_dev == other_facts.st_dev && facts.st_ino == other_facts.st_ino;
    free(folder);
    free(other_folder);
    if (!is_same) return CLI_EXIT_DONE;
    return cli_error(CLI_EXIT_USAGE, "%s = %s; need another name than %s's", option, path, other);
}

int cli_output_check(const char *path, const char *input)
{
    if (!path) return CLI_EXIT_DONE;
    struct stat facts, input_facts;
    if (stat(path, &facts) != 0 && errno == ENAMETOOLONG)
        return cli_error(CLI_EXIT_FAILED, "%s: cannot be written: %s", path, strerror(errno));
    if (stat(path, &facts) == 0) {
        if (!S_ISREG(facts.st_mode))
            return cli_error(CLI_EXIT_FAILED, "%s: cannot be written: it is %s; need the name of a file", path,
                             S_ISDIR(facts.st_mode) ? "a folder" : "no ordinary file");
        if (input && stat(input, &input_facts) == 0 && facts.st_dev == input_facts.st_dev &&
            facts.st_ino == input_facts.st_ino)
            return cli_error(CLI_EXIT_FAILED, "%s: cannot be written: it is the input; need another name", path);
    }
    char *folder = folder_of(path);
    if (!folder) return cli_error(CLI_EXIT_FAILED, "%s: memory ran out", path);
    int exit_code = CLI_EXIT_DONE;
    if (stat(folder, &facts) != 0)
        exit_code = cli_error(CLI_EXIT_FAILED, "%s: cannot be written: folder %s: %s", path, folder, strerror(errno));
    else if (!S_ISDIR(facts.st_mode))
        exit_code = cli_error(CLI_EXIT_FAILED, "%s: cannot be written: %s is no folder", path, folder);
    else if (access(folder, W_OK | X_OK) != 0)
        exit_code = cli_error(CLI_EXIT_FAILED, "%s: cannot be written: folder %s: %s", path, folder, strerror(errno));
    free(folder);
    return exit_code;
}

/* --- JSON --- */

int cli_json_print(cJSON *object)
{
    char *text = cJSON_Print(object);
    cJSON_Delete(object);
    if (!text) return cli_error(CLI_EXIT_FAILED, "the JSON text: memory ran out");
    puts(text);
    cJSON_free(text);
    return CLI_EXIT_DONE;
}

void cli_json_count(cJSON *object, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    cJSON_AddRawToObject(object, name, text);
}

void cli_json_real(cJSON *object, const char *name, double value)
{
    if (isfinite(value))
        cJSON_AddNumberToObject(object, name, value);
    else
        cJSON_AddNullToObject(object, name);
}

/* --- numbers for people --- */

const char *cli_size_text(char text[CLI_NUMBER_BYTES], uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= (unit ? 1023.95 : 1024) && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024;
        unit++;
    }
    snprintf(text, CLI_NUMBER_BYTES, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return text;
}

const char *cli_quantity_text(char text[CLI_NUMBER_BYTES], double quantity)
{
    static const char units[] = " kMGT";
    size_t unit = 0;
    while (quantity >= 999.5 && unit < 4) { /* what three digits would round to 1000 */
        quantity /= 1000;
        unit++;
    }
    if (unit)
        snprintf(text, CLI_NUMBER_BYTES, "%.3g%c", quantity, units[unit]);
    else
        snprintf(text, CLI_NUMBER_BYTES, "%.0f", quantity);
    return text;
}
