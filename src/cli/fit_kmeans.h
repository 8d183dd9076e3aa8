/* fit_kmeans.h - what fit, kmeans and select share: options, the start they are given, the run, the report they print.
 */
#ifndef FG_FIT_KMEANS_H
#define FG_FIT_KMEANS_H

#include "work.h"

/* Rows of both option tables. */
#define CLI_COMPONENTS_OPTION(type, field, what)                                                                       \
    {                                                                                                                  \
        .name = "components", .letter = 'k', .kind = CLI_OPTION_COUNT, .offset = offsetof(type, field), .value = "K",  \
        .least = 1, .most = INT32_MAX, .help = what                                                                    \
    }
#define CLI_SEED_OPTION(type, field)                                                                                   \
    {                                                                                                                  \
        .name = "seed", .kind = CLI_OPTION_COUNT, .offset = offsetof(type, field), .value = "S", .fallback = "0",      \
        .help = "another number gives another random start; the same number the same bytes on one device"              \
    }

#define CLI_TOLERANCE_OPTION(type, field)                                                                              \
    {                                                                                                                  \
        .name = "tol", .kind = CLI_OPTION_REAL, .offset = offsetof(type, field), .value = "T", .is_nonnegative = 1,    \
        .fallback = "1e-3", .help = "stop when the mean log-likelihood per row changes by less; 0: never"              \
    }
#define CLI_REG_COVAR_OPTION(type, field)                                                                              \
    {                                                                                                                  \
        .name = "reg-covar", .kind = CLI_OPTION_REAL, .offset = offsetof(type, field), .value = "V",                   \
        .is_nonnegative = 1, .most_real = 1e200, .fallback = "1e-6",                                                   \
        .help = "added to every variance, in squared units of the data"                                                \
    }
#define CLI_N_INIT_OPTION(type, field)                                                                                 \
    {                                                                                                                  \
        .name = "n-init", .kind = CLI_OPTION_COUNT, .offset = offsetof(type, field), .value = "R", .least = 1,         \
        .most = UINT32_MAX, .fallback = "1", .help = "runs from different random starts, of which the best is kept"    \
    }

#define CLI_WEIGHTS_OPTION(type)                                                                                       \
    {                                                                                                                  \
        .name = "weights", .kind = CLI_OPTION_TEXT, .offset = offsetof(type, work.weights), .value = "FILE",           \
        .help = "how often each row counts: one column of as many numbers from 0 up as DATA has rows, in any format "  \
                "of data (.hdf5: the dataset weights)"                                                                 \
    }

/* Where training begins: --init. */
typedef struct cli_start {
    fgmm_init init;
    const char *path;  /* of init MODEL; borrowed */
    int is_centroids;  /* the file holds means only */
    fgmm_model *model; /* owned; NULL until loaded */
} cli_start;

/* Reads the word; USAGE when it is neither known nor looks like a file's name, or when K (CLI_NOT_GIVEN: not given) is
 * needed and missing. Opens nothing. */
int cli_start_read(cli_start *start, const char *text, uint64_t components);
/* Loads the file, if the start is one; its K must be `components` where that is given. */
int cli_start_load(cli_start *start, uint64_t components);

/* Why it stopped, for people. */
const char *cli_stop_text(fgmm_stop_reason reason);

/* One training from its inputs to its report. The first members are the command's, the others are filled in on the
 * way. */
typedef struct cli_training {
    const void *arguments; /* of the command */
    const cli_work_arguments *work;
    uint64_t seed;
    const char *written; /* the output file */
    /* What is wrong with the command line, and the start that it names. A CLI_DO step, as all below. */
    int (*check)(struct cli_training *training);
    int (*train)(struct cli_training *training, fgmm_model **model, fgmm_device *device, fgmm_source *source);
    cli_save_fn *save;
    /* After saving; may read the rows again. NULL: nothing. */
    int (*report_on)(const struct cli_training *training, const fgmm_model *model, fgmm_device *device,
                     fgmm_source *source);
    int (*print)(const struct cli_training *training);

    cli_start start;
    fgmm_source *weights; /* NULL: none */
    uint64_t skipped;     /* rows of the data that are left out */
    cli_progress progress;
    fgmm_fit_report report;
    fgmm_device_info device; /* on which it ran */
} cli_training;

/* Checks, opens, trains, saves, reports, prints. */
int cli_train(cli_training *training);

/* Rows per second through the k-means, EM and final passes. */
double cli_training_rows_per_second(const cli_training *training);

/* The most memory that the program has held resident, so far. */
uint64_t cli_peak_host_bytes(void);

/* USAGE for --n-init above 1 where --init leaves nothing to chance. */
int cli_start_check_runs(const cli_start *start, uint64_t n_init);

/* Adds the members that stand at the end of both commands' JSON, from seconds to seed, with weights total_weight, and
 * of several runs best_run and runs. */
void cli_training_add_json(cJSON *object, const cli_training *training);

/* Prints the text lines that both commands end with: device, time, re-seeded components, the file. */
void cli_training_print(const cli_training *training);

#endif
