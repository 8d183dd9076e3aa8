/* work.h - what the commands that read rows on a device share: their common options, opening, and writing results. */
#ifndef CLI_WORK_H
#define CLI_WORK_H

#include "flashgmm/flashgmm.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "signals.h"
#include "standard_output.h"

typedef struct cli_work_arguments {
    const char *model, *data; /* the operands that most commands take */
    const char *device;
    int kernel; /* fgmm_backend */
    int path;   /* fgmm_path */
    int blas;   /* fgmm_blas */
    const char *dataset, *columns;
    int format;          /* of the rows, whatever the file's name says; of cli_format_choices, -1: as it says */
    int skips_nan;       /* rows with NaN are left out */
    const char *weights; /* of rows, for commands that train; NULL: none */
    uint64_t batch_rows, memory_limit; /* CLI_NOT_GIVEN: chosen */
    int is_json, is_quiet;
} cli_work_arguments;

extern const char *const cli_kernel_choices[], *const cli_path_choices[], *const cli_blas_choices[],
                                                                              *const cli_format_choices[];

/* Rows of the option tables. `type` is the arguments struct; it has a member `work`. */
#define CLI_OUTPUT_MODE_OPTIONS(type)                                                                                  \
    {.name = "json",                                                                                                   \
     .kind = CLI_OPTION_FLAG,                                                                                          \
     .offset = offsetof(type, work.is_json),                                                                           \
     .help = "print one JSON object instead of text"},                                                                 \
    {                                                                                                                  \
        .name = "quiet", .kind = CLI_OPTION_FLAG, .offset = offsetof(type, work.is_quiet),                             \
        .help = "no progress bar and no messages, errors excepted"                                                     \
    }
/* Which rows of a file are read, and as what; for commands that open no device too. */
#define CLI_ROWS_OPTIONS(type)                                                                                         \
    {.name = "input-format",                                                                                           \
     .kind = CLI_OPTION_CHOICE,                                                                                        \
     .offset = offsetof(type, work.format),                                                                            \
     .choices = cli_format_choices,                                                                                    \
     .help = "the format of the rows where the file's name does not tell it"},                                         \
        {.name = "dataset",                                                                                            \
         .kind = CLI_OPTION_TEXT,                                                                                      \
         .offset = offsetof(type, work.dataset),                                                                       \
         .value = "NAME",                                                                                              \
         .help = "which dataset of an .hdf5 file to read (default train), which array of an .npz"},                    \
        {.name = "columns",                                                                                            \
         .kind = CLI_OPTION_TEXT,                                                                                      \
         .offset = offsetof(type, work.columns),                                                                       \
         .value = "LIST",                                                                                              \
         .help = "read these columns only, in this order: names of a .csv's header, or numbers from 0, as x,y or 0,3 " \
                 "or 2:5 (ends included) or 1:"},                                                                      \
    {                                                                                                                  \
        .name = "skip-nan-rows", .kind = CLI_OPTION_FLAG, .offset = offsetof(type, work.skips_nan),                    \
        .help = "leave out rows in which a value is NaN, or in a .csv missing (empty or NA), and say how many; reads " \
                "the file once more"                                                                                   \
    }
#define CLI_DATA_OPTIONS(type)                                                                                         \
    CLI_ROWS_OPTIONS(type),                                                                                            \
        {.name = "batch-rows",                                                                                         \
         .kind = CLI_OPTION_COUNT,                                                                                     \
         .offset = offsetof(type, work.batch_rows),                                                                    \
         .value = "N",                                                                                                 \
         .least = 1,                                                                                                   \
         .help = "rows per batch (default: chosen from the shape and the device)"},                                    \
    {                                                                                                                  \
        .name = "memory-limit", .kind = CLI_OPTION_BYTES, .offset = offsetof(type, work.memory_limit),                 \
        .value = "BYTES", .least = 1,                                                                                  \
        .help = "most memory to hold, with suffix K, M or G (default: a quarter of the machine's memory); on a CPU "   \
                "device its buffers count"                                                                             \
    }
#define CLI_DEVICE_OPTIONS(type)                                                                                       \
    {.name = "device",                                                                                                 \
     .kind = CLI_OPTION_TEXT,                                                                                          \
     .offset = offsetof(type, work.device),                                                                            \
     .value = "NAME|INDEX",                                                                                            \
     .help = "use this device: part of its name or platform, or its number in `flashgmm devices`"},                    \
    {                                                                                                                  \
        .name = "kernel", .kind = CLI_OPTION_CHOICE, .offset = offsetof(type, work.kernel), .fallback = "auto",        \
        .choices = cli_kernel_choices, .help = "force a family of kernels (for tests and bug reports)"                 \
    }
#define CLI_BLAS_OPTION(type)                                                                                          \
    {                                                                                                                  \
        .name = "blas", .kind = CLI_OPTION_CHOICE, .offset = offsetof(type, work.blas), .fallback = "auto",            \
        .choices = cli_blas_choices,                                                                                   \
        .help = "force what multiplies matrices of tied and full covariances on GPUs (for tests and bug reports)"      \
    }
#define CLI_PATH_OPTION(type)                                                                                          \
    {                                                                                                                  \
        .name = "path", .kind = CLI_OPTION_CHOICE, .offset = offsetof(type, work.path), .fallback = "auto",            \
        .choices = cli_path_choices, .help = "force how rows are accumulated (for tests and bug reports)"              \
    }
/* The operands that several commands take. */
#define CLI_DATA_OPERAND(type, field)                                                                                  \
    {                                                                                                                  \
        .name = "DATA", .kind = CLI_OPTION_OPERAND, .offset = offsetof(type, field),                                   \
        .help = "rows: .npy .npz .fvecs .bvecs .fbin .u8bin .i8bin .hdf5 .csv, or - for standard input, "              \
                "which is .npy unless --input-format says otherwise"                                                   \
    }
#define CLI_MODEL_OPERAND(type, field)                                                                                 \
    {                                                                                                                  \
        .name = "MODEL", .kind = CLI_OPTION_OPERAND, .offset = offsetof(type, field),                                  \
        .help = "a model file as `flashgmm fit` writes it, or centroids (.npy, .fvecs)"                                \
    }

/* A count option as the library takes it: 0 when not given. */
uint64_t cli_or_zero(uint64_t count);

/* Each opens and reports its failure as every CLI_DO step, and what the library says of the file as a warning. */
int cli_open_data(fgmm_source **source, const char *path, const cli_work_arguments *work);
/* Rows beside the first: --input-format counts where their name tells nothing. */
int cli_open_more_data(fgmm_source **source, const char *path, const cli_work_arguments *work);
/* Rows that cli_open_data left out. */
uint64_t cli_skipped_rows(const fgmm_source *source);
/* "skipped" with their number, where rows may be left out: as JSON, or as a line. */
void cli_add_skipped(cJSON *object, const cli_work_arguments *work, uint64_t skipped);
void cli_print_skipped(const char *lead, const cli_work_arguments *work, uint64_t skipped);
/* work->weights of the rows of data; *weights stays NULL where there are none. */
int cli_open_weights(fgmm_source **weights, const fgmm_source *data, const cli_work_arguments *work);
/* USAGE when rows and weights are both to come from standard input. */
int cli_work_check_weights(const cli_work_arguments *work);
/* cli_output_check against both files of rows: data and weights. */
int cli_work_check_output(const char *path, const cli_work_arguments *work);
int cli_open_device(fgmm_device **device, const cli_work_arguments *work, cli_progress *progress);

/* Streams data through a model: what score, predict and proba share. */
typedef struct cli_evaluation {
    const char *name; /* of the command, for the progress bar */
    const cli_work_arguments *work;
    int want_log_likelihood, want_labels; /* as fgmm_evaluate_options */
    uint32_t top;
    /* Called before the first row: opens the outputs, now that K and D are known, and notes the rows (borrowed until
     * the end) that results belong to. A CLI_DO step. */
    int (*prepare)(void *user, const fgmm_model *model, const fgmm_source *source);
    /* Takes consecutive rows; a failure ends the pass and its text is printed. */
    fgmm_status (*sink)(void *user, const fgmm_evaluation *batch);
    /* Called behind the last row. */
    fgmm_status (*finish)(void *user);
    void *user;
    double mean_log_likelihood; /* out, as all below: nats per row */
    uint64_t rows, skipped, components;
    fgmm_criteria criteria; /* AIC and BIC */
} cli_evaluation;

int cli_evaluate(cli_evaluation *evaluation);

/* What is printed of rows that went to a file: their number, how many were left out, one more count, and the file. */
typedef struct cli_written {
    uint64_t rows, skipped;
    const char *count_name;
    uint64_t count;
    const char *path;
    const char *files[3]; /* their names where path is only their beginning; ends with NULL */
} cli_written;
int cli_print_written(const cli_work_arguments *work, const cli_written *written);

#endif
