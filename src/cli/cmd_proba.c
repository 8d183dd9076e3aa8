/* cmd_proba.c - `flashgmm proba`: the largest responsibilities of each row, and whose they are. */
#include "commands.h"
#include "places.h"
#include "work.h"

#include <math.h>
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
     .kind = CLI_OPTION_OUTPUT,
     .is_free_name = 1,
     .offset = offsetof(proba_arguments, prefix),
     .value = "PREFIX",
     .is_required = 1,
     .help = "writes PREFIX.ids.npy, int32 (N,M), and PREFIX.resp.npy, float32 (N,M), the largest first"},
    CLI_DATA_OPTIONS(proba_arguments),
    CLI_DEVICE_OPTIONS(proba_arguments),
    CLI_PATH_OPTION(proba_arguments),
    CLI_BLAS_OPTION(proba_arguments),
    CLI_OUTPUT_MODE_OPTIONS(proba_arguments),
    {.name = NULL},
};

typedef struct responsibilities {
    const proba_arguments *arguments;
    char *ids_path, *values_path;
    fgmm_writer *ids, *values;
    cli_places ids_places, values_places;
    int32_t *no_ids;  /* (top) of rows that were left out: -1 */
    float *no_values; /* (top) NaN */
} responsibilities;

static int prepare(void *user, const fgmm_model *model, const fgmm_source *source)
{
    responsibilities *self = user;
    const uint64_t top = self->arguments->top;
    int exit_code = CLI_EXIT_DONE;
    fgmm_model_info info = fgmm_model_info_init();
    CLI_DO(cli_library(fgmm_model_describe(model, &info)));
    if (top > info.components)
        return cli_error(CLI_EXIT_FAILED, "--top = %llu; need 1 to %llu, the components of %s", (unsigned long long)top,
                         (unsigned long long)info.components, self->arguments->work.model);
    self->ids_places = self->values_places = cli_places_begin(source);
    self->no_ids = malloc((size_t)top * sizeof *self->no_ids);
    self->no_values = malloc((size_t)top * sizeof *self->no_values);
    if (!self->no_ids || !self->no_values) return cli_error(CLI_EXIT_FAILED, "--top: memory ran out");
    for (uint64_t i = 0; i < top; i++) {
        self->no_ids[i] = -1;
        self->no_values[i] = NAN;
    }
    CLI_DO(cli_library(fgmm_writer_open(&self->ids, self->ids_path, "<i4", top)));
    CLI_DO(cli_library(fgmm_writer_open(&self->values, self->values_path, "<f4", top)));
done:
    return exit_code;
}

static fgmm_status sink(void *user, const fgmm_evaluation *batch)
{
    responsibilities *self = user;
    const size_t top = (size_t)self->arguments->top;
    const fgmm_status status =
        cli_places_append(&self->ids_places, self->ids, batch->ids, top * sizeof(int32_t), batch->rows, self->no_ids);
    if (status != FGMM_OK) return status;
    return cli_places_append(&self->values_places, self->values, batch->responsibilities, top * sizeof(float),
                             batch->rows, self->no_values);
}

static fgmm_status finish(void *user)
{
    responsibilities *self = user;
    const fgmm_status status = cli_places_finish(&self->ids_places, self->ids, self->no_ids);
    return status == FGMM_OK ? cli_places_finish(&self->values_places, self->values, self->no_values) : status;
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
        .finish = finish,
        .user = &self,
    };
    CLI_DO(make_path(&self.ids_path, arguments->prefix, ".ids.npy"));
    CLI_DO(make_path(&self.values_path, arguments->prefix, ".resp.npy"));
    CLI_DO(cli_output_check(self.ids_path, arguments->work.data));
    CLI_DO(cli_output_check(self.ids_path, arguments->work.model));
    CLI_DO(cli_output_check(self.values_path, arguments->work.data));
    CLI_DO(cli_output_check(self.values_path, arguments->work.model));
    CLI_DO(cli_evaluate(&evaluation));
    CLI_DO(cli_writers_commit(&self.ids, &self.values));
    const cli_written written = {.rows = evaluation.rows,
                                 .skipped = evaluation.skipped,
                                 .count_name = "top",
                                 .count = arguments->top,
                                 .path = arguments->prefix,
                                 .files = {self.ids_path, self.values_path}};
    CLI_DO(cli_print_written(&arguments->work, &written));
done:
    fgmm_writer_abandon(self.ids);
    fgmm_writer_abandon(self.values);
    free(self.ids_path);
    free(self.values_path);
    free(self.no_ids);
    free(self.no_values);
    return exit_code;
}

const cli_command cli_command_proba = {
    .name = "proba",
    .summary = "the largest responsibilities of each row",
    .options = options,
    .notes = "A responsibility is the probability that a row came from a component; those of a row sum to 1.\n"
             "Rows that --skip-nan-rows leaves out have ids of -1 and NaN in place of responsibilities.\n"
             "--json prints: rows top written (PREFIX) files (both names), with --skip-nan-rows skipped_rows.\n",
    .examples = "  flashgmm proba model.safetensors data.npy --top 5 -o data\n"
                "      writes data.ids.npy and data.resp.npy\n",
    .arguments_bytes = sizeof(proba_arguments),
    .run = run,
};
