/* formats.c - fgmm_source_open: which format a path is, and its opener. */
#include "formats.h"

#include "file.h"

#include <stdio.h>
#include <string.h>

typedef struct format {
    const char *name; /* as in fgmm_source_info */
    const char *ending;
    fg_format_open open;
} format;

static const format formats[] = {
    {"npy", ".npy", fg_npy_open},       {"npz", ".npz", fg_npz_rows_open}, {"fvecs", ".fvecs", fg_fvecs_open},
    {"bvecs", ".bvecs", fg_bvecs_open}, {"fbin", ".fbin", fg_fbin_open},   {"u8bin", ".u8bin", fg_u8bin_open},
    {"i8bin", ".i8bin", fg_i8bin_open}, {"hdf5", ".hdf5", fg_hdf5_open},   {"hdf5", ".h5", fg_hdf5_open},
    {"csv", ".csv", fg_csv_open},
};
enum { FORMAT_COUNT = sizeof formats / sizeof formats[0] };

static const format *find_format(const char *path, const char *name)
{
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        if (name ? strcmp(formats[i].name, name) == 0 : fg_has_ending(path, formats[i].ending)) return &formats[i];
    return NULL;
}

static fgmm_status unknown_format(const char *path, const char *name)
{
    char endings[128] = "";
    size_t used = 0;
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        used += (size_t)snprintf(endings + used, sizeof endings - used, " %s", formats[i].ending);
    if (name) return fg_fail(FGMM_UNSUPPORTED, "%s: format \"%s\" is unknown; need one of%s", path, name, endings);
    return fg_fail(FGMM_UNSUPPORTED, "%s: the name's ending tells no format; need one of%s", path, endings);
}

fgmm_status fgmm_source_open(fgmm_source **source, const char *path, const fgmm_file_options *given)
{
    if (!source) return fg_fail(FGMM_ARGUMENT, "source is NULL; need a place for the handle");
    *source = NULL;
    if (!path || !*path) return fg_fail(FGMM_ARGUMENT, "path is %s; need a file name or -", path ? "empty" : "NULL");
    fgmm_file_options options = FGMM_FILE_OPTIONS_INIT;
    if (given) {
        if (given->size < sizeof given->size)
            return fg_fail(FGMM_ARGUMENT, "file options: size = %zu; set them up with FGMM_FILE_OPTIONS_INIT",
                           given->size);
        memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    }
    if (strcmp(path, "-") == 0) {
        if (options.format && strcmp(options.format, "npy") != 0)
            return fg_fail(FGMM_UNSUPPORTED, "standard input: format \"%s\"; only npy is read from there",
                           options.format);
        return fg_stdin_open(source, 0, options.memory_limit_bytes);
    }
    const format *chosen = find_format(path, options.format);
    if (!chosen) return unknown_format(path, options.format);
    fg_input *input;
    fgmm_status status = fg_input_open(&input, path);
    return status == FGMM_OK ? chosen->open(source, input, &options) : status;
}
