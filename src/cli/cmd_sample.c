/* cmd_sample.c - `flashgmm sample`: draws rows from a model, in chunks, so that memory is bounded. Uses no device. */
#include "commands.h"
#include "work.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct sample_arguments {
    const char *model, *output;
    uint64_t rows, seed;
    cli_work_arguments work;
} sample_arguments;

static const char *const drawn_endings[] = {".npy", ".fvecs", ".csv", NULL};

static const cli_option options[] = {
    CLI_MODEL_OPERAND(sample_arguments, model),
    {.name = "rows",
     .letter = 'n',
     .kind = CLI_OPTION_COUNT,
     .offset = offsetof(sample_arguments, rows),
     .value = "N",
     .least = 1,
     .is_required = 1,
     .help = "how many rows to draw"},
    {.name = "output",
     .letter = 'o',
     .kind = CLI_OPTION_OUTPUT,
     .endings = drawn_endings,
     .is_stdout = 1,
     .offset = offsetof(sample_arguments, output),
     .value = "DATA.npy",
     .is_required = 1,
     .help =
         "where the rows go, float32: a name ending with .npy (float64 where float32 does not hold them) or .fvecs"},
    {.name = "seed",
     .kind = CLI_OPTION_COUNT,
     .offset = offsetof(sample_arguments, seed),
     .value = "S",
     .fallback = "0",
     .help = "another number draws other rows; row i is the same whatever N is"},
    CLI_OUTPUT_MODE_OPTIONS(sample_arguments),
    {.name = NULL},
};

/* Bytes of one chunk: large enough to write well, small enough not to count. */
enum { CHUNK_BYTES = 4 << 20 };

static int draw(fgmm_writer *output, const fgmm_model *model, uint64_t dims, const sample_arguments *arguments,
                cli_progress *progress)
{
    int exit_code = CLI_EXIT_DONE;
    const double begin_s = cli_now_s();
    const int is_wide = !fgmm_model_fits_float32(model);
    const size_t row_bytes = dims * (is_wide ? sizeof(double) : sizeof(float));
    const uint64_t fitting = CHUNK_BYTES / row_bytes, chunk = fitting ? fitting : 1;
    void *rows = calloc(chunk, row_bytes); /* (chunk,dims) */
    if (!rows) return cli_error(CLI_EXIT_FAILED, "%llu rows to draw: memory ran out", (unsigned long long)chunk);
    fgmm_progress now = {.phase = FGMM_PHASE_FINAL,
                         .iteration = 1,
                         .max_iterations = 1,
                         .rows = arguments->rows,
                         .log_likelihood = (double)NAN};
    while (now.rows_done < arguments->rows) {
        const uint64_t left = arguments->rows - now.rows_done, count = left < chunk ? left : chunk;
        CLI_DO(cli_library(
            is_wide ? fgmm_model_sample_f64(model, arguments->seed, now.rows_done, count, (double *)rows, NULL)
                    : fgmm_model_sample(model, arguments->seed, now.rows_done, count, (float *)rows, NULL)));
        CLI_DO(cli_library(fgmm_writer_append(output, rows, count)));
        now.rows_done += count;
        now.elapsed_s = cli_now_s() - begin_s;
        if (cli_progress_report(progress, &now)) CLI_DO(cli_interrupted_error());
    }
done:
    cli_progress_end(progress);
    free(rows);
    return exit_code;
}

static int run(const void *user)
{
    const sample_arguments *arguments = user;
    int exit_code = CLI_EXIT_DONE;
    fgmm_model *model = NULL;
    fgmm_writer *output = NULL;
    fgmm_model_info info = fgmm_model_info_init();
    cli_progress progress;
    cli_progress_begin(&progress, arguments->work.is_quiet, "sample");

    CLI_DO(cli_output_check(arguments->output, arguments->model));
    CLI_DO(cli_library(fgmm_model_load(&model, arguments->model)));
    CLI_DO(cli_library(fgmm_model_describe(model, &info)));
    cli_signals_catch();
    const int is_wide = !fgmm_model_fits_float32(model);
    if (is_wide && cli_ends_with(arguments->output, ".fvecs"))
        CLI_DO(cli_error(CLI_EXIT_FAILED,
                         "%s: float32, which is all that .fvecs has, does not hold rows of this model; need a .npy",
                         arguments->output));
    CLI_DO(cli_library(fgmm_writer_open(&output, arguments->output, is_wide ? "<f8" : "<f4", info.dims)));
    CLI_DO(draw(output, model, info.dims, arguments, &progress));
    CLI_DO(cli_writer_commit(&output));
    const cli_written written = {arguments->rows, 0, "dims", info.dims, arguments->output};
    CLI_DO(cli_print_written(&arguments->work, &written));
done:
    fgmm_writer_abandon(output);
    fgmm_model_free(model);
    return exit_code;
}

const cli_command cli_command_sample = {
    .name = "sample",
    .summary = "draw rows from a model",
    .options = options,
    .notes = "--json prints: rows dims written.\n",
    .examples = "  flashgmm sample model.safetensors -n 100000 -o drawn.npy\n"
                "  flashgmm sample model.safetensors -n 100000 -o others.npy --seed 1\n",
    .arguments_bytes = sizeof(sample_arguments),
    .run = run,
};
