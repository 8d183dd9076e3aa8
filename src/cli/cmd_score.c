/* cmd_score.c - `flashgmm score`: how well a model describes rows; log-likelihoods per row; rows under a limit. */
#include "commands.h"
#include "places.h"
#include "work.h"

#include <math.h>
#include <stdio.h>

typedef struct score_arguments {
    const char *output;
    double below;
    cli_work_arguments work;
} score_arguments;

static const cli_option options[] = {
    CLI_MODEL_OPERAND(score_arguments, work.model),
    CLI_DATA_OPERAND(score_arguments, work.data),
    {.name = "output",
     .letter = 'o',
     .kind = CLI_OPTION_OUTPUT,
     .endings = cli_numbers_endings,
     .is_stdout = 1,
     .offset = offsetof(score_arguments, output),
     .value = "FILE",
     .help =
         "write the log-likelihood of each row: float64, in nats; a name ending with .npy, or .csv for text; -: .npy "
         "on standard output"},
    {.name = "below",
     .kind = CLI_OPTION_REAL,
     .offset = offsetof(score_arguments, below),
     .value = "L",
     .help =
         "list the rows whose log-likelihood is under L nats: number (from 0) and log-likelihood, one row per line"},
    CLI_DATA_OPTIONS(score_arguments),
    CLI_DEVICE_OPTIONS(score_arguments),
    CLI_PATH_OPTION(score_arguments),
    CLI_BLAS_OPTION(score_arguments),
    CLI_OUTPUT_MODE_OPTIONS(score_arguments),
    {.name = NULL},
};

typedef struct scores {
    const score_arguments *arguments;
    fgmm_writer *output; /* NULL: not wanted */
    cJSON *below;        /* the rows under the limit, with --json */
    cli_places places, listed;
} scores;

/* Of rows that were left out. */
static const double no_log_likelihood = (double)NAN;

static int prepare(void *user, const fgmm_model *model, const fgmm_source *source)
{
    scores *self = user;
    (void)model;
    self->places = self->listed = cli_places_begin(source);
    if (!self->arguments->output) return CLI_EXIT_DONE;
    return cli_library(fgmm_writer_open(&self->output, self->arguments->output, "<f8", 0));
}

static void list_row(const scores *self, uint64_t row, double log_likelihood)
{
    if (self->below) {
        cJSON *entry = cJSON_CreateObject();
        cli_json_count(entry, "row", row);
        cli_json_real(entry, "log_likelihood", log_likelihood);
        cJSON_AddItemToArray(self->below, entry);
    } else {
        printf("%llu\t%.9g\n", (unsigned long long)row, log_likelihood);
    }
}

static fgmm_status sink(void *user, const fgmm_evaluation *batch)
{
    scores *self = user;
    uint64_t skipped;
    for (uint64_t i = 0; i < batch->rows; i++) {
        const uint64_t row = cli_places_next(&self->listed, &skipped);
        if (batch->log_likelihood[i] < self->arguments->below) /* never true for NaN, when no limit was given */
            list_row(self, row, batch->log_likelihood[i]);
    }
    if (!self->output) return FGMM_OK;
    return cli_places_append(&self->places, self->output, batch->log_likelihood, sizeof(double), batch->rows,
                             &no_log_likelihood);
}

static fgmm_status finish(void *user)
{
    scores *self = user;
    return self->output ? cli_places_finish(&self->places, self->output, &no_log_likelihood) : FGMM_OK;
}

static int print_result(scores *self, const cli_evaluation *evaluation)
{
    const fgmm_criteria *criteria = &evaluation->criteria;
    if (self->arguments->work.is_json) {
        cJSON *object = cJSON_CreateObject();
        cli_json_count(object, "rows", evaluation->rows);
        cli_add_skipped(object, &self->arguments->work, evaluation->skipped);
        cli_json_real(object, "log_likelihood", evaluation->mean_log_likelihood);
        cli_json_real(object, "aic", criteria->aic);
        cli_json_real(object, "bic", criteria->bic);
        if (self->below) cJSON_AddItemToObject(object, "below", self->below);
        self->below = NULL;
        return cli_json_print(object);
    }
    /* Beside a list of rows these lines are comments, so that the list can be read by a program. */
    const char *lead = isnan(self->arguments->below) ? "" : "# ";
    printf("%srows            %llu\n", lead, (unsigned long long)evaluation->rows);
    cli_print_skipped(lead, &self->arguments->work, evaluation->skipped);
    printf("%slog-likelihood  %.9g (mean per row, nats)\n", lead, evaluation->mean_log_likelihood);
    printf("%sAIC             %.9g\n", lead, criteria->aic);
    printf("%sBIC             %.9g (%llu free parameters)\n", lead, criteria->bic,
           (unsigned long long)criteria->parameters);
    if (self->arguments->output)
        printf("%swritten         %s\n", lead, cli_standard_output_name(self->arguments->output));
    return CLI_EXIT_DONE;
}

static int run(const void *user)
{
    const score_arguments *arguments = user;
    int exit_code = CLI_EXIT_DONE;
    scores self = {.arguments = arguments};
    cli_evaluation evaluation = {
        .name = "score",
        .work = &arguments->work,
        .want_log_likelihood = 1,
        .prepare = prepare,
        .sink = sink,
        .finish = finish,
        .user = &self,
    };
    CLI_DO(cli_output_check(arguments->output, arguments->work.data));
    CLI_DO(cli_output_check(arguments->output, arguments->work.model));
    if (arguments->work.is_json && !isnan(arguments->below)) self.below = cJSON_CreateArray();
    CLI_DO(cli_evaluate(&evaluation));
    CLI_DO(cli_writer_commit(&self.output));
    CLI_DO(print_result(&self, &evaluation));
done:
    fgmm_writer_abandon(self.output);
    cJSON_Delete(self.below);
    return exit_code;
}

const cli_command cli_command_score = {
    .name = "score",
    .summary = "mean log-likelihood, AIC and BIC of data under a model; outliers",
    .options = options,
    .notes =
        "Log-likelihoods are natural logarithms, in nats; smaller AIC and BIC are better. --json prints: rows\n"
        "log_likelihood (mean per row) aic bic, and with --below the rows as below[{row,log_likelihood}]. Rows that\n"
        "--skip-nan-rows leaves out count nowhere (skipped_rows) and are NaN in the file.\n",
    .examples = "  flashgmm score model.safetensors data.npy\n"
                "  flashgmm score model.safetensors data.npy -o log_likelihoods.npy\n"
                "  flashgmm score model.safetensors data.npy --below -250 | grep -v '^#' > outliers.tsv\n",
    .arguments_bytes = sizeof(score_arguments),
    .run = run,
};
