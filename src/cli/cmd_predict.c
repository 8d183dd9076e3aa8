/* cmd_predict.c - `flashgmm predict`: the most probable component, or nearest centroid, of each row. */
#include "commands.h"
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
     .kind = CLI_OPTION_TEXT,
     .offset = offsetof(predict_arguments, output),
     .value = "LABELS.npy",
     .is_required = 1,
     .help = "where the labels go: int32, one per row, components counted from 0"},
    CLI_DATA_OPTIONS(predict_arguments),
    CLI_DEVICE_OPTIONS(predict_arguments),
    CLI_PATH_OPTION(predict_arguments),
    CLI_OUTPUT_MODE_OPTIONS(predict_arguments),
    {.name = NULL},
};

typedef struct labels {
    const char *path;
    fgmm_writer *output;
} labels;

static int prepare(void *user, const fgmm_model *model)
{
    labels *self = user;
    (void)model;
    return cli_library(fgmm_writer_open(&self->output, self->path, "<i4", 0));
}

static fgmm_status sink(void *user, const fgmm_evaluation *batch)
{
    const labels *self = user;
    return fgmm_writer_append(self->output, batch->labels, batch->rows);
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
        .user = &self,
    };
    CLI_DO(cli_output_check_ending("--output", arguments->output, ".npy", NULL));
    CLI_DO(cli_output_check(arguments->output, arguments->work.data));
    CLI_DO(cli_output_check(arguments->output, arguments->work.model));
    CLI_DO(cli_evaluate(&evaluation));
    CLI_DO(cli_writer_commit(&self.output));
    CLI_DO(
        cli_print_written(&arguments->work, evaluation.rows, "components", evaluation.components, arguments->output));
done:
    fgmm_writer_abandon(self.output);
    return exit_code;
}

const cli_command cli_command_predict = {
    .name = "predict",
    .summary = "the most probable component of each row",
    .options = options,
    .notes = "With centroids as MODEL the label is that of the nearest centroid. Ties go to the lower number.\n"
             "--json prints: rows components written.\n",
    .examples = "  flashgmm predict model.safetensors data.npy -o labels.npy\n"
                "  flashgmm predict centroids.fvecs base.fvecs -o labels.npy\n",
    .arguments_bytes = sizeof(predict_arguments),
    .run = run,
};
