/* cmd_proba.c - `flashgmm proba`: the largest responsibilities of each row, and whose they are. */
#include "commands.h"
#include "work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct proba_arguments {
    const char *prefix;
    uint64_t top;
    cli_work_arguments work;
} proba_arguments;

static const cli_option options[] = {
    CLI_MODEL_OPERAND(proba_arguments, work.model),
    CLI_DATA_OPERAND(proba_arguments, work.data),
    {.name = "top",
     .kind = CLI_OPTION_COUNT,
     .offset = offsetof(proba_arguments, top),
     .value = "M",
     .least = 1,
     .most = UINT32_MAX,
     .is_required = 1,
     .help = "how many responsibilities per row, at most the model's components"},
    {.name = "output",
     .letter = 'o',
     .kind = CLI_OPTION_TEXT,
     .offset = offsetof(proba_arguments, prefix),
     .value = "PREFIX",
     .is_required = 1,
     .help = "writes PREFIX.ids.npy, int32 (N,M), and PREFIX.resp.npy, float32 (N,M), the largest first"},
    CLI_DATA_OPTIONS(proba_arguments),
    CLI_DEVICE_OPTIONS(proba_arguments),
    CLI_PATH_OPTION(proba_arguments),
    CLI_OUTPUT_MODE_OPTIONS(proba_arguments),
    {.name = NULL},
};

typedef struct responsibilities {
    const proba_arguments *arguments;
    char *ids_path, *values_path;
    fgmm_writer *ids, *values;
} responsibilities;

static int prepare(void *user, const fgmm_model *model)
{
    responsibilities *self = user;
    const uint64_t top = self->arguments->top;
    int exit_code = CLI_EXIT_DONE;
    fgmm_model_info info = FGMM_MODEL_INFO_INIT;
    CLI_DO(cli_library(fgmm_model_describe(model, &info)));
    if (top > info.components)
        return cli_error(CLI_EXIT_FAILED, "--top = %llu; need 1 to %llu, the components of %s", (unsigned long long)top,
                         (unsigned long long)info.components, self->arguments->work.model);
    CLI_DO(cli_library(fgmm_writer_open(&self->ids, self->ids_path, "<i4", top)));
    CLI_DO(cli_library(fgmm_writer_open(&self->values, self->values_path, "<f4", top)));
done:
    return exit_code;
}

static fgmm_status sink(void *user, const fgmm_evaluation *batch)
{
    const responsibilities *self = user;
    const fgmm_status status = fgmm_writer_append(self->ids, batch->ids, batch->rows);
    return status == FGMM_OK ? fgmm_writer_append(self->values, batch->responsibilities, batch->rows) : status;
}

/* PREFIX and an ending, malloc'ed. */
static int make_path(char **path, const char *prefix, const char *ending)
{
    const size_t bytes = strlen(prefix) + strlen(ending) + 1;
    *path = malloc(bytes);
    if (!*path) return cli_error(CLI_EXIT_FAILED, "%s%s: memory ran out", prefix, ending);
    snprintf(*path, bytes, "%s%s", prefix, ending);
    return CLI_EXIT_DONE;
}

static int run(const void *user)
{
    const proba_arguments *arguments = user;
    int exit_code = CLI_EXIT_DONE;
    responsibilities self = {.arguments = arguments};
    cli_evaluation evaluation = {
        .name = "proba",
        .work = &arguments->work,
        .top = (uint32_t)arguments->top,
        .prepare = prepare,
        .sink = sink,
        .user = &self,
    };
    CLI_DO(make_path(&self.ids_path, arguments->prefix, ".ids.npy"));
    CLI_DO(make_path(&self.values_path, arguments->prefix, ".resp.npy"));
    CLI_DO(cli_output_check(self.ids_path, arguments->work.data));
    CLI_DO(cli_output_check(self.ids_path, arguments->work.model));
    CLI_DO(cli_output_check(self.values_path, arguments->work.data));
    CLI_DO(cli_output_check(self.values_path, arguments->work.model));
    CLI_DO(cli_evaluate(&evaluation));
    CLI_DO(cli_writer_commit(&self.ids));
    CLI_DO(cli_writer_commit(&self.values));
    CLI_DO(cli_print_written(&arguments->work, evaluation.rows, "top", arguments->top, arguments->prefix));
done:
    fgmm_writer_abandon(self.ids);
    fgmm_writer_abandon(self.values);
    free(self.ids_path);
    free(self.values_path);
    return exit_code;
}

const cli_command cli_command_proba = {
    .name = "proba",
    .summary = "the largest responsibilities of each row",
    .options = options,
    .notes = "A responsibility is the probability that a row came from a component; those of a row sum to 1.\n"
             "--json prints: rows top written (PREFIX).\n",
    .examples = "  flashgmm proba model.safetensors data.npy --top 5 -o data\n"
                "      writes data.ids.npy and data.resp.npy\n",
    .arguments_bytes = sizeof(proba_arguments),
    .run = run,
};
