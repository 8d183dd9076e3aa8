/* formats.c - fgmm_source_open: which format a path is, and its opener. */
#include "formats.h"

#include "columns.h"
#include "file.h"
#include "skip.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct format {
    const char *name; /* as in fgmm_source_info */
    const char *ending;
    fg_format_open open;
    int is_by_name;    /* read by a library that wants a file's name: no stream */
    int picks_columns; /* fgmm_file_options.columns is its own work */
} format;

static const format formats[] = {
    {"npy", ".npy", fg_npy_open, 0, 0},       {"npz", ".npz", fg_npz_rows_open, 0, 0},
    {"fvecs", ".fvecs", fg_fvecs_open, 0, 0}, {"bvecs", ".bvecs", fg_bvecs_open, 0, 0},
    {"fbin", ".fbin", fg_fbin_open, 0, 0},    {"u8bin", ".u8bin", fg_u8bin_open, 0, 0},
    {"i8bin", ".i8bin", fg_i8bin_open, 0, 0}, {"hdf5", ".hdf5", fg_hdf5_open, 1, 0},
    {"hdf5", ".h5", fg_hdf5_open, 1, 0},      {"csv", ".csv", fg_csv_open, 0, 1},
};
enum { FORMAT_COUNT = sizeof formats / sizeof formats[0] };

static const format *find_format(const char *path, const char *name)
{
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        if (name ? strcmp(formats[i].name, name) == 0 : fg_has_ending(path, formats[i].ending)) return &formats[i];
    return NULL;
}

const char *fgmm_source_format_of(const char *path)
{
    const format *found = path ? find_format(path, NULL) : NULL;
    return found ? found->name : NULL;
}

static fgmm_status unknown_format(const char *path, const char *name)
{
    char names[128] = "", endings[128] = "";
    size_t used = 0, used_names = 0;
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        used += (size_t)snprintf(endings + used, sizeof endings - used, " %s", formats[i].ending);
        if (i > 0 && strcmp(formats[i].name, formats[i - 1].name) == 0) continue;
        used_names += (size_t)snprintf(names + used_names, sizeof names - used_names, " %s", formats[i].name);
    }
    if (name) return fg_fail(FGMM_UNSUPPORTED, "%s: format \"%s\" is unknown; need one of%s", path, name, names);
    return fg_fail(FGMM_UNSUPPORTED,
                   "%s: the name's ending tells no format; need one of%s, or the format's name (--input-format, "
                   "fgmm_file_options.format), such as csv for text",
                   path, endings);
}

/* Columns and rows that are to be left out; owns source, also on failure. */
static fgmm_status narrow(fgmm_source **source, const format *chosen, const char *path,
                          const fgmm_file_options *options)
{
    fgmm_status status = FGMM_OK;
    if (options->columns && !chosen->picks_columns) FG_TRY(fg_columns_open(source, *source, options->columns, path));
    if (options->skip_nan_rows) FG_TRY(fg_skip_nan_open(source, *source, path));
    if (options->skip_like) FG_TRY(fg_skip_like_open(source, *source, options->skip_like, path));
done:
    return status;
}

fgmm_status fg_once_open(fgmm_source **source, int descriptor, const char *name, const fgmm_file_options *options)
{
    fgmm_status status = FGMM_OK;
    fg_input *input = NULL;
    const format *chosen = find_format(name, options->format);
    *source = NULL;
    if (!chosen) return unknown_format(name, options->format);
    FG_CHECK(!chosen->is_by_name, FGMM_UNSUPPORTED, "%s: %s is read from files only; save it in one", name,
             chosen->name);
    const fg_once stream = {descriptor, name, strcmp(chosen->name, "npy") == 0, options->memory_limit_bytes};
    FG_TRY(fg_once_keep(&input, &stream));
    FG_TRY(chosen->open(source, input, options));
    FG_TRY(narrow(source, chosen, name, options));
done:
    return status;
}

static fgmm_status open_path(fgmm_source **source, const char *path, const fgmm_file_options *options)
{
    fgmm_status status = FGMM_OK;
    fg_input *input = NULL;
    int stream = -1;
    const format *chosen = find_format(path, options->format);
    /* A name that is nowhere is wrong before its ending is. */
    FG_CHECK(chosen || options->format || access(path, F_OK) == 0, FGMM_IO, "%s: cannot be opened: %s", path,
             strerror(errno));
    if (!chosen) return unknown_format(path, options->format);
    FG_TRY(fg_input_open_any(&input, &stream, path));
    if (input) {
        FG_TRY(chosen->open(source, input, options));
        FG_TRY(narrow(source, chosen, path, options));
    } else {
        FG_TRY(fg_once_open(source, stream, path, options));
    }
done:
    if (stream >= 0) close(stream);
    return status;
}

fgmm_status fgmm_source_open(fgmm_source **source, const char *path, const fgmm_file_options *given)
{
    if (!source) return fg_fail(FGMM_ARGUMENT, "source is NULL; need a place for the handle");
    *source = NULL;
    if (!path || !*path) return fg_fail(FGMM_ARGUMENT, "path is %s; need a file name or -", path ? "empty" : "NULL");
    fgmm_file_options options = fgmm_file_options_init();
    if (given) {
        if (given->size < sizeof given->size)
            return fg_fail(FGMM_ARGUMENT, "file options: size = %zu; set them up with fgmm_file_options_init()",
                           given->size);
        memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    }
    if (strcmp(path, "-") != 0) return open_path(source, path, &options);
    if (!options.format) options.format = "npy";
    return fg_once_open(source, 0, "standard input", &options);
}
