/* cmd_encode.c - `flashgmm encode`: a Fisher vector, or VLAD, for every group of rows. */
#include "commands.h"
#include "work.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct encode_arguments {
    const char *groups, *output;
    int is_vlad;
    cli_work_arguments work;
} encode_arguments;

static const cli_option options[] = {
    CLI_MODEL_OPERAND(encode_arguments, work.model),
    CLI_DATA_OPERAND(encode_arguments, work.data),
    {.name = "groups",
     .kind = CLI_OPTION_TEXT,
     .offset = offsetof(encode_arguments, groups),
     .value = "FILE.npy",
     .is_required = 1,
     .help = "the group of each row: whole numbers, ascending, one per row"},
    {.name = "output",
     .letter = 'o',
     .kind = CLI_OPTION_OUTPUT,
     .endings = cli_rows_endings,
     .is_stdout = 1,
     .offset = offsetof(encode_arguments, output),
     .value = "FILE",
     .is_required = 1,
     .help = "where the vectors go, float32, one row per group: a name ending with .npy or .fvecs"},
    {.name = "vlad",
     .kind = CLI_OPTION_FLAG,
     .offset = offsetof(encode_arguments, is_vlad),
     .help = "VLAD in place of Fisher vectors"},
    CLI_DATA_OPTIONS(encode_arguments),
    CLI_DEVICE_OPTIONS(encode_arguments),
    CLI_OUTPUT_MODE_OPTIONS(encode_arguments),
    {.name = NULL},
};

/* An encoding at work. */
typedef struct encoder {
    const encode_arguments *arguments;
    fgmm_model *model;
    fgmm_source *source;
    fgmm_source_info info;
    fgmm_device *device;
    fgmm_writer *output;
    int64_t *groups; /* (rows of the file) */
    uint64_t all;    /* rows of the file */
    void *rows;      /* (capacity, dims) the present group's */
    uint64_t capacity, written;
    float *vector;
    cli_progress progress;
} encoder;

static int read_groups(encoder *e)
{
    int exit_code = CLI_EXIT_DONE;
    uint64_t rows, cols;
    CLI_DO(cli_library(fgmm_ids_read(&e->groups, &rows, &cols, e->arguments->groups)));
    if (rows * cols != e->all)
        return cli_error(CLI_EXIT_FAILED, "%s: holds %llu numbers, but the data has %llu rows", e->arguments->groups,
                         (unsigned long long)(rows * cols), (unsigned long long)e->all);
    for (uint64_t i = 1; i < e->all; i++)
        if (e->groups[i] < e->groups[i - 1])
            return cli_error(CLI_EXIT_FAILED, "%s: number %llu is %lld, after %lld; need ascending numbers",
                             e->arguments->groups, (unsigned long long)i, (long long)e->groups[i],
                             (long long)e->groups[i - 1]);
done:
    return exit_code;
}

/* A group of which every row was left out: NaN. */
static int write_nothing(encoder *e)
{
    const uint64_t size = fgmm_encoding_size(e->model, e->arguments->is_vlad ? FGMM_VLAD : FGMM_FISHER);
    for (uint64_t i = 0; i < size; i++) e->vector[i] = NAN;
    e->written++;
    return cli_library(fgmm_writer_append(e->output, e->vector, 1));
}

/* Reads and encodes the `count` rows of a group. */
static int encode_group(encoder *e, uint64_t count)
{
    int exit_code = CLI_EXIT_DONE;
    const size_t row_bytes = (size_t)e->info.dims * fgmm_type_bytes(e->info.type);
    fgmm_encode_options encode = fgmm_encode_options_init();
    encode.encoding = e->arguments->is_vlad ? FGMM_VLAD : FGMM_FISHER;
    encode.has_power = !e->arguments->is_vlad;
    if (count > e->capacity) {
        void *rows = realloc(e->rows, (size_t)count * row_bytes);
        if (!rows) return cli_error(CLI_EXIT_FAILED, "a group of %llu rows: memory ran out", (unsigned long long)count);
        e->rows = rows;
        e->capacity = count;
    }
    for (uint64_t had = 0, given = 1; had < count && given > 0; had += given)
        CLI_DO(
            cli_library(fgmm_source_next(e->source, (char *)e->rows + (size_t)had * row_bytes, count - had, &given)));
    const fgmm_rows group = fgmm_rows_init(e->rows, e->info.type, count);
    CLI_DO(cli_library(fgmm_encode(e->vector, e->device, e->model, &group, &encode)));
    CLI_DO(cli_library(fgmm_writer_append(e->output, e->vector, 1)));
    e->written++;
done:
    return exit_code;
}

static int encode_all(encoder *e)
{
    int exit_code = CLI_EXIT_DONE;
    fgmm_progress now = {
        .phase = FGMM_PHASE_FINAL, .iteration = 1, .max_iterations = 1, .rows = e->all, .log_likelihood = (double)NAN};
    const double begin_s = cli_now_s();
    CLI_DO(cli_library(fgmm_source_rewind(e->source)));
    while (now.rows_done < e->all) {
        const uint64_t first = now.rows_done;
        uint64_t count = 0;
        for (; now.rows_done < e->all && e->groups[now.rows_done] == e->groups[first]; now.rows_done++)
            count += (uint64_t)!fgmm_source_is_skipped(e->source, now.rows_done);
        CLI_DO(count > 0 ? encode_group(e, count) : write_nothing(e));
        now.elapsed_s = cli_now_s() - begin_s;
        if (cli_progress_report(&e->progress, &now)) CLI_DO(cli_interrupted_error());
    }
done:
    cli_progress_end(&e->progress);
    return exit_code;
}

static int open_all(encoder *e)
{
    const encode_arguments *arguments = e->arguments;
    int exit_code = CLI_EXIT_DONE;
    fgmm_model_info info = fgmm_model_info_init();
    CLI_DO(cli_output_check(arguments->output, arguments->work.data));
    CLI_DO(cli_output_check(arguments->output, arguments->work.model));
    CLI_DO(cli_output_check(arguments->output, arguments->groups));
    CLI_DO(cli_library(fgmm_model_load(&e->model, arguments->work.model)));
    CLI_DO(cli_library(fgmm_model_describe(e->model, &info)));
    CLI_DO(cli_open_data(&e->source, arguments->work.data, &arguments->work));
    CLI_DO(cli_library(fgmm_source_describe(e->source, &e->info)));
    e->all = e->info.rows + e->info.skipped_rows;
    if (info.dims != e->info.dims)
        return cli_error(CLI_EXIT_FAILED, "the model has D = %llu, but the data has D = %llu",
                         (unsigned long long)info.dims, (unsigned long long)e->info.dims);
    CLI_DO(read_groups(e));
    CLI_DO(cli_open_device(&e->device, &arguments->work, &e->progress));
    const uint64_t size = fgmm_encoding_size(e->model, arguments->is_vlad ? FGMM_VLAD : FGMM_FISHER);
    e->vector = calloc(size, sizeof *e->vector);
    if (!e->vector) return cli_error(CLI_EXIT_FAILED, "a vector of %llu: memory ran out", (unsigned long long)size);
    CLI_DO(cli_library(fgmm_writer_open(&e->output, arguments->output, "<f4", size)));
done:
    return exit_code;
}

static int run(const void *user)
{
    const encode_arguments *arguments = user;
    int exit_code = CLI_EXIT_DONE;
    encoder e = {.arguments = arguments, .info = fgmm_source_info_init()};
    cli_progress_begin(&e.progress, arguments->work.is_quiet, "encode");
    CLI_DO(open_all(&e));
    cli_signals_catch();
    CLI_DO(encode_all(&e));
    CLI_DO(cli_writer_commit(&e.output));
    const cli_written written = {e.info.rows, e.info.skipped_rows, "groups", e.written, arguments->output};
    CLI_DO(cli_print_written(&arguments->work, &written));
done:
    fgmm_writer_abandon(e.output);
    fgmm_device_close(e.device);
    fgmm_source_close(e.source);
    fgmm_model_free(e.model);
    free(e.groups);
    free(e.rows);
    free(e.vector);
    return exit_code;
}

const cli_command cli_command_encode = {
    .name = "encode",
    .summary = "Fisher vectors or VLAD of groups of rows",
    .options = options,
    .notes =
        "A Fisher vector has 2 K D numbers, gradients by means, then by deviations, after signed square roots and of\n"
        "unit length (the improved Fisher vector); it needs a model with spherical or diag covariances. VLAD has K D,\n"
        "of unit length, and takes any model. Groups appear in their order; a group of which --skip-nan-rows leaves\n"
        "nothing is a vector of NaN. --json prints: rows groups written, with --skip-nan-rows skipped_rows.\n",
    .examples = "  flashgmm encode model.safetensors descriptors.fvecs --groups image_of_row.npy -o images.npy\n"
                "  flashgmm encode centroids.fvecs descriptors.fvecs --groups image_of_row.npy -o images.npy --vlad\n",
    .arguments_bytes = sizeof(encode_arguments),
    .run = run,
};
