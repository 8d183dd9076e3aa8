/* formats.h - the file formats: one opener each, and the table that finds it.
 *
 * An opener takes an open input, checks the header against the file's size, and makes a source of it. It owns the input
 * from then on, also on failure. Adding a format: one file with such a function, one line in formats.c, one section in
 * docs/formats.md. */
#ifndef FG_FORMATS_H
#define FG_FORMATS_H

#include "input.h"
#include "source.h"

typedef fgmm_status (*fg_format_open)(fgmm_source **source, fg_input *input, const fgmm_file_options *options);

fgmm_status fg_npy_open(fgmm_source **source, fg_input *input, const fgmm_file_options *options);
fgmm_status fg_npz_rows_open(fgmm_source **source, fg_input *input, const fgmm_file_options *options);
fgmm_status fg_fvecs_open(fgmm_source **source, fg_input *input, const fgmm_file_options *options);
fgmm_status fg_bvecs_open(fgmm_source **source, fg_input *input, const fgmm_file_options *options);
fgmm_status fg_fbin_open(fgmm_source **source, fg_input *input, const fgmm_file_options *options);
fgmm_status fg_u8bin_open(fgmm_source **source, fg_input *input, const fgmm_file_options *options);
fgmm_status fg_i8bin_open(fgmm_source **source, fg_input *input, const fgmm_file_options *options);
fgmm_status fg_hdf5_open(fgmm_source **source, fg_input *input, const fgmm_file_options *options);
fgmm_status fg_csv_open(fgmm_source **source, fg_input *input, const fgmm_file_options *options);

/* What can be read only once, to its end. */
typedef struct fg_once {
    int descriptor;   /* stays open */
    const char *name; /* for messages */
    int is_npy;       /* whose header says how much there is: no more is kept */
    /* What can be read only once is kept in memory up to this (0: 1 GiB), beyond in an unlinked file in $TMPDIR or
     * /tmp. */
    uint64_t memory_limit_bytes;
} fg_once;

/* Errors: IO, DATA (nothing came), of an .npy those of its header. */
fgmm_status fg_once_keep(fg_input **input, const fg_once *stream);

/* The rows of a stream; as fgmm_source_open, whose options.format must be given. */
fgmm_status fg_once_open(fgmm_source **source, int descriptor, const char *name, const fgmm_file_options *options);

#endif
