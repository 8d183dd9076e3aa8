/* work.h - what the commands that read rows on a device share: their common options, opening, and writing results. */
#ifndef CLI_WORK_H
#define CLI_WORK_H

#include "flashgmm/flashgmm.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "signals.h"

typedef struct cli_work_arguments {
    const char *model, *data; /* the operands that most commands take */
    const char *device;
    int kernel; /* fgmm_kernel_family */
    int path;   /* fgmm_path */
    const char *dataset;
    const char *weights;               /* of rows, for commands that train; NULL: none */
    uint64_t batch_rows, memory_limit; /* CLI_NOT_GIVEN: chosen */
    int is_json, is_quiet;
} cli_work_arguments;

extern const char *const cli_kernel_choices[], *const cli_path_choices[];

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
#define CLI_DATA_OPTIONS(type)                                                                                         \
    {.name = "dataset",                                                                                                \
     .kind = CLI_OPTION_TEXT,                                                                                          \
     .offset = offsetof(type, work.dataset),                                                                           \
     .value = "NAME",                                                                                                  \
     .help = "which dataset of an .hdf5 file to read (default train)"},                                                \
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
#define CLI_PATH_OPTION(type)                                                                                          \
    {                                                                                                                  \
        .name = "path", .kind = CLI_OPTION_CHOICE, .offset = offsetof(type, work.path), .fallback = "auto",            \
        .choices = cli_path_choices, .help = "force how rows are accumulated (for tests and bug reports)"              \
    }
/* The operands that several commands take. */
#define CLI_DATA_OPERAND(type, field)                                                                                  \
    {                                                                                                                  \
        .name = "DATA", .kind = CLI_OPTION_OPERAND, .offset = offsetof(type, field),                                   \
        .help = "rows: .npy .fvecs .bvecs .fbin .u8bin .i8bin .hdf5 .csv, or - for .npy on standard input"             \
    }
#define CLI_MODEL_OPERAND(type, field)                                                                                 \
    {                                                                                                                  \
        .name = "MODEL", .kind = CLI_OPTION_OPERAND, .offset = offsetof(type, field),                                  \
        .help = "a model file as `flashgmm fit` writes it, or centroids (.npy, .fvecs)"                                \
    }

/* A count option as the library takes it: 0 when not given. */
uint64_t cli_or_zero(uint64_t count);

/* Each opens and reports its failure as every CLI_DO step. */
int cli_open_data(fgmm_source **source, const char *path, const cli_work_arguments *work);
/* work->weights; *weights stays NULL where there are none. */
int cli_open_weights(fgmm_source **weights, const cli_work_arguments *work);
/* cli_output_check against both files of rows: data and weights. */
int cli_work_check_output(const char *path, const cli_work_arguments *work);
int cli_open_device(fgmm_device **device, const cli_work_arguments *work, cli_progress *progress);

/* Streams data through a model: what score, predict and proba share. */
typedef struct cli_evaluation {
    const char *name; /* of the command, for the progress bar */
    const cli_work_arguments *work;
    int want_log_likelihood, want_labels; /* as fgmm_evaluate_options */
    uint32_t top;
    /* Called before the first row: opens the outputs, now that K and D are known. A CLI_DO step. */
    int (*prepare)(void *user, const fgmm_model *model);
    /* Takes consecutive rows; a failure ends the pass and its text is printed. */
    fgmm_status (*sink)(void *user, const fgmm_evaluation *batch);
    void *user;
    double mean_log_likelihood; /* out, as all below: nats per row */
    uint64_t rows, components;
    fgmm_criteria criteria; /* AIC and BIC */
} cli_evaluation;

int cli_evaluate(cli_evaluation *evaluation);

/* What predict, proba and sample print: rows, one more count, and the file. */
int cli_print_written(const cli_work_arguments *work, uint64_t rows, const char *count_name, uint64_t count,
                      const char *path);

#endif
