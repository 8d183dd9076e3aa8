/* cmd_predict.c - `flashgmm predict`: the most probable component, or nearest centroid, of each row. */
#include "commands.h"
#include "places.h"
#include "work.h"

#include <stdio.h>

typedef struct predict_arguments {
    const char *output;
    cli_work_arguments work;
} predict_arguments;

static const cli_option options[] = {
    CLI_MODEL_OPERAND(predict_arguments, work.model),
    CLI_DATA_OPERAND(predict_arguments, work.data),
    {.name = "output",
     .letter = 'o',
     .kind = CLI_OPTION_OUTPUT,
     .endings = cli_numbers_endings,
     .is_stdout = 1,
     .offset = offsetof(predict_arguments, output),
     .value = "LABELS",
     .is_required = 1,
     .help = "where the labels go: int32, one per row, components counted from 0; a name ending with .npy, or .csv for "
             "text; -: .npy on standard output"},
    CLI_DATA_OPTIONS(predict_arguments),
    CLI_DEVICE_OPTIONS(predict_arguments),
    CLI_PATH_OPTION(predict_arguments),
    CLI_BLAS_OPTION(predict_arguments),
    CLI_OUTPUT_MODE_OPTIONS(predict_arguments),
    {.name = NULL},
};

typedef struct labels {
    const char *path;
    fgmm_writer *output;
    cli_places places;
} labels;

/* The label of rows that were left out. */
static const int32_t no_label = -1;

static int prepare(void *user, const fgmm_model *model, const fgmm_source *source)
{
    labels *self = user;
    (void)model;
    self->places = cli_places_begin(source);
    return cli_library(fgmm_writer_open(&self->output, self->path, "<i4", 0));
}

static fgmm_status sink(void *user, const fgmm_evaluation *batch)
{
    labels *self = user;
    return cli_places_append(&self->places, self->output, batch->labels, sizeof no_label, batch->rows, &no_label);
}

static fgmm_status finish(void *user)
{
    labels *self = user;
    return cli_places_finish(&self->places, self->output, &no_label);
}

static int run(const void *user)
{
    const predict_arguments *arguments = user;
    int exit_code = CLI_EXIT_DONE;
    labels self = {.path = arguments->output};
    cli_evaluation evaluation = {
        .name = "predict",
        .work = &arguments->work,
        .want_labels = 1,
        .prepare = prepare,
        .sink = sink,
        .finish = finish,
        .user = &self,
    };
    CLI_DO(cli_output_check(arguments->output, arguments->work.data));
    CLI_DO(cli_output_check(arguments->output, arguments->work.model));
    CLI_DO(cli_evaluate(&evaluation));
    CLI_DO(cli_writer_commit(&self.output));
    const cli_written written = {evaluation.rows, evaluation.skipped, "components", evaluation.components,
                                 arguments->output};
    CLI_DO(cli_print_written(&arguments->work, &written));
done:
    fgmm_writer_abandon(self.output);
    return exit_code;
}

const cli_command cli_command_predict = {
    .name = "predict",
    .summary = "the most probable component of each row",
    .options = options,
    .notes = "With centroids as MODEL the label is that of the nearest centroid. Ties go to the lower number.\n"
             "Rows that --skip-nan-rows leaves out have the label -1: label i is that of row i of DATA.\n"
             "--json prints: rows components written, with --skip-nan-rows skipped_rows.\n",
    .examples = "  flashgmm predict model.safetensors data.npy -o labels.npy\n"
                "  flashgmm predict centroids.fvecs base.fvecs -o labels.npy\n",
    .arguments_bytes = sizeof(predict_arguments),
    .run = run,
};
