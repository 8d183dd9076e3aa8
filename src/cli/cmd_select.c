/* cmd_select.c - `flashgmm select`: trains one mixture per number of components and covariance type, and compares them
 * by information criteria. What is finished is kept in a folder, so that a long comparison can be taken up again. */
#define _POSIX_C_SOURCE 200809L
#include "chart.h"
#include "commands.h"
#include "covariance.h"
#include "fit_kmeans.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct select_arguments {
    const char *components, *covariance, *init, *folder, *plot, *output;
    int by;
    uint64_t kmeans_iter, max_iter, seed, n_init;
    double tol, reg_covar;
    cli_work_arguments work;
} select_arguments;

static const char *const by_choices[] = {"bic", "aic", "icl", NULL};
enum { BY_BIC, BY_AIC, BY_ICL, CRITERIA };

static const cli_option options[] = {
    CLI_DATA_OPERAND(select_arguments, work.data),
    {.name = "components",
     .letter = 'k',
     .kind = CLI_OPTION_TEXT,
     .offset = offsetof(select_arguments, components),
     .value = "RANGE",
     .is_required = 1,
     .help = "how many Gaussians to try: 1:20 (both ends included), 10:100:10 (in steps), 1,2,5 (a list)"},
    {.name = "covariance",
     .kind = CLI_OPTION_TEXT,
     .offset = offsetof(select_arguments, covariance),
     .value = "all|TYPE,...",
     .fallback = "all",
     .help = "covariance types to try: all that there are, or a list such as spherical,diag"},
    {.name = "folder",
     .kind = CLI_OPTION_TEXT,
     .offset = offsetof(select_arguments, folder),
     .value = "FOLDER",
     .help = "keep each model as FOLDER/TYPE-K.safetensors; what is there already is not trained again"},
    {.name = "plot",
     .kind = CLI_OPTION_OUTPUT,
     .endings = cli_picture_endings,
     .offset = offsetof(select_arguments, plot),
     .value = "FILE.svg",
     .help = "draw the criteria over the number of components"},
    {.name = "output",
     .letter = 'o',
     .kind = CLI_OPTION_OUTPUT,
     .endings = cli_model_endings,
     .is_free_name = 1,
     .is_stdout = 1,
     .offset = offsetof(select_arguments, output),
     .value = "MODEL",
     .help = "where the best model goes"},
    {.name = "by",
     .kind = CLI_OPTION_CHOICE,
     .offset = offsetof(select_arguments, by),
     .choices = by_choices,
     .fallback = "bic",
     .help = "what the best model is best by"},
    {.name = "init",
     .kind = CLI_OPTION_TEXT,
     .offset = offsetof(select_arguments, init),
     .value = "auto|kmeans++|kmeans-parallel|random",
     .fallback = "auto",
     .help = "how each training begins"},
    {.name = "kmeans-iter",
     .kind = CLI_OPTION_COUNT,
     .offset = offsetof(select_arguments, kmeans_iter),
     .value = "N",
     .most = UINT32_MAX,
     .fallback = "10",
     .help = "k-means iterations before EM"},
    {.name = "max-iter",
     .kind = CLI_OPTION_COUNT,
     .offset = offsetof(select_arguments, max_iter),
     .value = "N",
     .most = UINT32_MAX,
     .fallback = "100",
     .help = "most EM iterations"},
    CLI_TOLERANCE_OPTION(select_arguments, tol),
    CLI_REG_COVAR_OPTION(select_arguments, reg_covar),
    CLI_SEED_OPTION(select_arguments, seed),
    CLI_N_INIT_OPTION(select_arguments, n_init),
    CLI_WEIGHTS_OPTION(select_arguments),
    CLI_DATA_OPTIONS(select_arguments),
    CLI_DEVICE_OPTIONS(select_arguments),
    CLI_OUTPUT_MODE_OPTIONS(select_arguments),
    {.name = NULL},
};

/* One model of the comparison. */
typedef struct candidate {
    fgmm_covariance covariance;
    uint64_t components, iterations;
    fgmm_criteria criteria;
    char failure[256]; /* why there is no such model; "": there is one */
} candidate;

typedef struct comparison {
    const select_arguments *arguments;
    uint64_t *components; /* (component_count) ascending as given */
    size_t component_count;
    int covariances[16]; /* (covariance_count) fgmm_covariance */
    size_t covariance_count;
    candidate *candidates; /* (candidate_count) by covariance, then by components */
    size_t candidate_count;
    size_t finished;       /* candidates without a failure */
    size_t best[CRITERIA]; /* of these */
    fgmm_model *best_model;
    int is_saved;  /* the best model */
    int exit_code; /* FAILED where something failed that is no model's fault */
    cli_start start;
    fgmm_device *device;
    fgmm_source *source, *weights; /* weights: NULL where there are none */
    fgmm_source_info info;
    cli_progress progress;
    char label[48];
} comparison;

/* ---- the command line ---- */

enum { MOST_COMPONENT_COUNTS = 4096 };

static int bad_range(const char *text)
{
    return cli_error(CLI_EXIT_USAGE, "--components = %s; need whole numbers from 1, as 1:20, 10:100:10 or 1,2,5", text);
}

/* A whole number from 1 at *text, which moves behind it; 0: none. */
static uint64_t read_number(const char **text)
{
    char *end;
    if (!isdigit((unsigned char)**text)) return 0;
    errno = 0;
    const uint64_t value = strtoull(*text, &end, 10);
    *text = end;
    return errno == 0 && value <= INT32_MAX ? value : 0;
}

/* FIRST, FIRST:LAST or FIRST:LAST:STEP at *text. */
static int read_part(comparison *c, const char **text)
{
    const uint64_t first = read_number(text);
    uint64_t last = first, step = 1;
    if (**text == ':') {
        (*text)++;
        last = read_number(text);
    }
    if (**text == ':' && last) {
        (*text)++;
        step = read_number(text);
    }
    if (first == 0 || last < first || step == 0 || (**text && **text != ',')) return 0;
    for (uint64_t k = first; k <= last; k += step) {
        if (c->component_count == MOST_COMPONENT_COUNTS) return 0;
        c->components[c->component_count++] = k;
    }
    if (**text == ',') return *++*text != 0;
    return 1;
}

static int read_components(comparison *c)
{
    const char *text = c->arguments->components;
    c->components = calloc(MOST_COMPONENT_COUNTS, sizeof *c->components);
    if (!c->components) return cli_error(CLI_EXIT_FAILED, "--components: memory ran out");
    while (*text)
        if (!read_part(c, &text)) return bad_range(c->arguments->components);
    return c->component_count ? CLI_EXIT_DONE : bad_range(c->arguments->components);
}

/* "a,b,c" into text. */
static const char *list_covariances(char *text, size_t capacity)
{
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; cli_covariance_choice(i) && used < capacity; i++)
        used += (size_t)snprintf(text + used, capacity - used, "%s%s", i == 0 ? "" : ",", cli_covariance_choice(i));
    return text;
}

static int read_covariances(comparison *c)
{
    const char *text = c->arguments->covariance, *name;
    char known[128];
    if (strcmp(text, "all") == 0) {
        for (int i = 0; cli_covariance_choice(i); i++) c->covariances[c->covariance_count++] = i;
        return CLI_EXIT_DONE;
    }
    while (*text) {
        const size_t length = strcspn(text, ",");
        int found = -1;
        for (int i = 0; (name = cli_covariance_choice(i)) != NULL; i++)
            if (strlen(name) == length && strncmp(name, text, length) == 0) found = i;
        for (size_t i = 0; i < c->covariance_count; i++)
            if (c->covariances[i] == found) found = -1;
        if (found < 0)
            return cli_error(CLI_EXIT_USAGE, "--covariance = %s; need all, or some of %s, each once",
                             c->arguments->covariance, list_covariances(known, sizeof known));
        c->covariances[c->covariance_count++] = found;
        text += length + (text[length] == ',');
    }
    return CLI_EXIT_DONE;
}

static int check(comparison *c)
{
    const select_arguments *arguments = c->arguments;
    int exit_code = CLI_EXIT_DONE;
    CLI_DO(read_components(c));
    CLI_DO(read_covariances(c));
    CLI_DO(cli_start_read(&c->start, arguments->init, 1));
    if (c->start.path)
        return cli_error(CLI_EXIT_USAGE, "--init = %s; need auto, kmeans++, kmeans-parallel or random: K differs",
                         arguments->init);
    CLI_DO(cli_work_check_output(arguments->plot, &arguments->work));
    CLI_DO(cli_work_check_output(arguments->output, &arguments->work));
done:
    return exit_code;
}

/* ---- the folder ---- */

enum { PATH_BYTES = 4096 };

static void folder_path(char path[PATH_BYTES], const comparison *c, const candidate *of, const char *ending)
{
    snprintf(path, PATH_BYTES, "%s/%s-%llu%s", c->arguments->folder, fgmm_covariance_name(of->covariance),
             (unsigned long long)of->components, ending);
}

/* Models of another data set, or of other options, must not be taken for finished: the folder says what it is of. */
static int open_folder(comparison *c)
{
    const select_arguments *a = c->arguments;
    char path[PATH_BYTES], found[512] = "";
    cli_text wanted = {0};
    int exit_code = CLI_EXIT_DONE;
    if (!a->folder) return CLI_EXIT_DONE;
    if (mkdir(a->folder, 0777) != 0 && errno != EEXIST)
        return cli_error(CLI_EXIT_FAILED, "%s: cannot be made: %s", a->folder, strerror(errno));
    snprintf(path, sizeof path, "%s/options.txt", a->folder);
    CLI_DO(cli_output_check(path, NULL));
    cli_text_add(&wanted,
                 "rows %llu dims %llu type %s init %s kmeans-iter %llu max-iter %llu tol %g reg-covar %g "
                 "seed %llu n-init %llu%s%s%s%s%s\n",
                 (unsigned long long)c->info.rows, (unsigned long long)c->info.dims, fgmm_type_name(c->info.type),
                 a->init, (unsigned long long)a->kmeans_iter, (unsigned long long)a->max_iter, a->tol, a->reg_covar,
                 (unsigned long long)a->seed, (unsigned long long)a->n_init, a->work.weights ? " weights " : "",
                 a->work.weights ? a->work.weights : "", a->work.columns ? " columns " : "",
                 a->work.columns ? a->work.columns : "", a->work.skips_nan ? " skip-nan-rows" : "");
    FILE *file = fopen(path, "rb");
    if (file) {
        found[fread(found, 1, sizeof found - 1, file)] = 0;
        fclose(file);
        if (wanted.has_failed || strcmp(found, wanted.bytes) != 0)
            CLI_DO(cli_error(CLI_EXIT_FAILED, "%s: was begun with other data or options (%.*s); need another folder",
                             a->folder, (int)strcspn(found, "\n"), found));
    } else {
        CLI_DO(cli_text_save(&wanted, path));
    }
done:
    cli_text_clear(&wanted);
    return exit_code;
}

/* ---- training ---- */

static void fill_options(fgmm_fit_options *fit, comparison *c, const candidate *of)
{
    const select_arguments *a = c->arguments;
    fit->components = of->components;
    fit->covariance = of->covariance;
    fit->init = c->start.init;
    fit->kmeans_iterations = (uint32_t)a->kmeans_iter;
    fit->max_iterations = (uint32_t)a->max_iter;
    fit->tolerance = a->tol;
    fit->reg_covar = a->reg_covar;
    fit->seed = a->seed;
    fit->n_init = (uint32_t)a->n_init;
    fit->batch_rows = cli_or_zero(a->work.batch_rows);
    fit->memory_limit_bytes = cli_or_zero(a->work.memory_limit);
    fit->progress = cli_progress_report;
    fit->progress_user = &c->progress;
    fit->weights = c->weights;
}

static int interrupted(const comparison *c)
{
    if (!c->arguments->folder)
        return cli_error(CLI_EXIT_INTERRUPTED,
                         "interrupted; nothing was written; with --folder finished models are kept");
    return cli_error(CLI_EXIT_INTERRUPTED, "interrupted; the same command goes on with what is in %s",
                     c->arguments->folder);
}

/* Trains, or goes on from the checkpoint in the folder, and keeps the model there. */
static fgmm_status train(comparison *c, const candidate *of, fgmm_model **model)
{
    char finished[PATH_BYTES], checkpoint[PATH_BYTES];
    fgmm_fit_options fit = fgmm_fit_options_init();
    fill_options(&fit, c, of);
    if (c->arguments->folder) {
        folder_path(finished, c, of, ".safetensors");
        folder_path(checkpoint, c, of, ".checkpoint.safetensors");
        if (access(finished, F_OK) == 0) return fgmm_model_load(model, finished);
        fit.checkpoint = checkpoint;
        if (access(checkpoint, F_OK) == 0) fit.resume = checkpoint;
    }
    fgmm_status status = fgmm_fit(model, c->device, c->source, &fit, NULL);
    if (status != FGMM_OK || !c->arguments->folder) return status;
    /* The model is at hand all the same where it cannot be kept. */
    if (fgmm_model_save(*model, finished) != FGMM_OK)
        c->exit_code = cli_error(CLI_EXIT_FAILED, "%s", fgmm_last_error());
    else
        remove(checkpoint);
    return FGMM_OK;
}

/* The data, or memory, do not allow this model; others may do. What else fails is no fault of the model. */
static int is_of_model(fgmm_status status)
{
    return status == FGMM_DATA || status == FGMM_MEMORY || status == FGMM_INTERNAL;
}

/* The candidate has no model: its line of the table says why. */
static void record_failure(comparison *c, candidate *of, fgmm_status status)
{
    const char *text = fgmm_last_error();
    snprintf(of->failure, sizeof of->failure, "%s", text[0] ? text : fgmm_status_text(status));
    of->failure[strcspn(of->failure, "\r\n")] = 0;
    if (!is_of_model(status)) c->exit_code = CLI_EXIT_FAILED;
}

static double criterion(const candidate *of, int by)
{
    return by == BY_AIC ? of->criteria.aic : by == BY_BIC ? of->criteria.bic : of->criteria.icl;
}

static fgmm_status evaluate(comparison *c, candidate *of, const fgmm_model *model)
{
    fgmm_model_info info = fgmm_model_info_init();
    fgmm_evaluate_options how = fgmm_evaluate_options_init();
    how.memory_limit_bytes = cli_or_zero(c->arguments->work.memory_limit);
    how.progress = cli_progress_report;
    how.progress_user = &c->progress;
    how.weights = c->weights;
    of->criteria = fgmm_criteria_init();
    const fgmm_status status = fgmm_criteria_evaluate(&of->criteria, c->device, model, c->source, &how);
    if (status != FGMM_OK) return status;
    const fgmm_status described = fgmm_model_describe(model, &info);
    of->iterations = info.iterations;
    return described;
}

/* Trains and evaluates candidate `at`, and takes its model when it is the best. */
static int add_candidate(comparison *c, size_t at)
{
    int exit_code = CLI_EXIT_DONE;
    candidate *of = &c->candidates[at];
    fgmm_model *model = NULL;
    snprintf(c->label, sizeof c->label, "%s %llu: ", fgmm_covariance_name(of->covariance),
             (unsigned long long)of->components);
    c->progress.label = c->label;
    fgmm_status status = train(c, of, &model);
    if (status == FGMM_OK) status = evaluate(c, of, model);
    cli_progress_end(&c->progress);
    if (status != FGMM_OK && cli_interrupted()) CLI_DO(interrupted(c));
    if (status != FGMM_OK) {
        record_failure(c, of, status);
        goto done;
    }
    for (int by = 0; by < CRITERIA; by++) {
        if (c->finished > 0 && !(criterion(of, by) < criterion(&c->candidates[c->best[by]], by))) continue;
        c->best[by] = at;
        if (by != c->arguments->by) continue;
        fgmm_model_free(c->best_model);
        c->best_model = model;
        model = NULL;
    }
    c->finished++;
done:
    fgmm_model_free(model);
    return exit_code;
}

static int compare(comparison *c)
{
    int exit_code = CLI_EXIT_DONE;
    const size_t count = c->covariance_count * c->component_count;
    c->candidates = calloc(count, sizeof *c->candidates);
    if (!c->candidates) return cli_error(CLI_EXIT_FAILED, "%zu models: memory ran out", count);
    c->candidate_count = count;
    for (size_t i = 0; i < count; i++) {
        c->candidates[i].covariance = (fgmm_covariance)c->covariances[i / c->component_count];
        c->candidates[i].components = c->components[i % c->component_count];
    }
    for (size_t i = 0; i < count; i++) CLI_DO(add_candidate(c, i));
    if (c->finished == 0)
        CLI_DO(cli_error(CLI_EXIT_FAILED, "none of the %zu models could be made; the first: %s", count,
                         c->candidates[0].failure));
    if (c->finished < count && !c->arguments->work.is_quiet)
        cli_error(CLI_EXIT_DONE, "%zu of %zu models failed; the table says why", count - c->finished, count);
done:
    return exit_code;
}

/* ---- results ---- */

static void print_text(const comparison *c)
{
    printf("%-10s %6s %12s %14s %14s %14s %14s %6s\n", "covariance", "K", "parameters", "log-likelihood", "AIC", "BIC",
           "ICL", "EM");
    for (size_t i = 0; i < c->candidate_count; i++) {
        const candidate *of = &c->candidates[i];
        printf("%-10s %6llu", fgmm_covariance_name(of->covariance), (unsigned long long)of->components);
        if (of->failure[0]) {
            printf(" failed: %s\n", of->failure);
            continue;
        }
        printf(" %12llu %14.7g", (unsigned long long)of->criteria.parameters, of->criteria.log_likelihood);
        static const int order[] = {BY_AIC, BY_BIC, BY_ICL};
        for (size_t j = 0; j < CRITERIA; j++)
            printf(" %13.8g%c", criterion(of, order[j]), c->best[order[j]] == i ? '*' : ' ');
        printf(" %6llu\n", (unsigned long long)of->iterations);
    }
    printf("\n* the lowest of a column. Log-likelihood: mean per row, nats. EM: iterations.\n");
    cli_print_skipped("", &c->arguments->work, c->info.skipped_rows);
    if (c->is_saved) {
        const candidate *best = &c->candidates[c->best[c->arguments->by]];
        printf("written         %s: %s, K = %llu, the best by %s\n", cli_standard_output_name(c->arguments->output),
               fgmm_covariance_name(best->covariance), (unsigned long long)best->components,
               by_choices[c->arguments->by]);
    }
}

static cJSON *json_of(const candidate *of)
{
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "covariance", fgmm_covariance_name(of->covariance));
    cli_json_count(entry, "components", of->components);
    if (of->failure[0]) {
        cJSON_AddStringToObject(entry, "error", of->failure);
        return entry;
    }
    cli_json_count(entry, "parameters", of->criteria.parameters);
    cli_json_real(entry, "log_likelihood", of->criteria.log_likelihood);
    cli_json_real(entry, "aic", of->criteria.aic);
    cli_json_real(entry, "bic", of->criteria.bic);
    cli_json_real(entry, "icl", of->criteria.icl);
    cli_json_count(entry, "iterations", of->iterations);
    return entry;
}

static int print_json(const comparison *c)
{
    cJSON *object = cJSON_CreateObject();
    cli_json_count(object, "rows", c->info.rows);
    cli_json_count(object, "dims", c->info.dims);
    cli_add_skipped(object, &c->arguments->work, c->info.skipped_rows);
    cJSON *models = cJSON_AddArrayToObject(object, "models");
    for (size_t i = 0; i < c->candidate_count; i++) cJSON_AddItemToArray(models, json_of(&c->candidates[i]));
    cJSON *best = cJSON_AddObjectToObject(object, "best");
    for (int by = 0; by < CRITERIA; by++) {
        const candidate *of = &c->candidates[c->best[by]];
        cJSON *entry = cJSON_AddObjectToObject(best, by_choices[by]);
        cJSON_AddStringToObject(entry, "covariance", fgmm_covariance_name(of->covariance));
        cli_json_count(entry, "components", of->components);
    }
    return cli_json_print(object);
}

/* One chart per criterion, one line per covariance type. */
static int plot(const comparison *c)
{
    enum { WIDTH = 420, HEIGHT = 300 };
    static const char *const titles[] = {[BY_BIC] = "BIC", [BY_AIC] = "AIC", [BY_ICL] = "ICL"};
    cli_text svg = {0};
    const size_t per_line = c->component_count;
    double *x = calloc(per_line, sizeof *x), *y = calloc(c->candidate_count, sizeof *y);
    cli_series series[16] = {{0}};
    int exit_code = CLI_EXIT_DONE;
    if (!x || !y) {
        exit_code = cli_error(CLI_EXIT_FAILED, "%s: memory ran out", c->arguments->plot);
        goto done;
    }
    for (size_t i = 0; i < per_line; i++) x[i] = (double)c->components[i];
    cli_chart_begin(&svg, WIDTH * CRITERIA, HEIGHT);
    for (int by = 0; by < CRITERIA; by++) {
        const candidate *best = &c->candidates[c->best[by]];
        for (size_t i = 0; i < c->candidate_count; i++)
            y[i] = c->candidates[i].failure[0] ? (double)NAN : criterion(&c->candidates[i], by);
        for (size_t s = 0; s < c->covariance_count; s++)
            series[s] = (cli_series){.name = fgmm_covariance_name((fgmm_covariance)c->covariances[s]),
                                     .x = x,
                                     .y = y + s * per_line,
                                     .count = per_line,
                                     .colour = (int)s % CLI_CHART_COLOURS,
                                     .is_marked = 1};
        const cli_chart chart = {.title = titles[by],
                                 .x_title = "components; lower is better, the ring marks the lowest",
                                 .left = by * WIDTH,
                                 .width = WIDTH,
                                 .height = HEIGHT,
                                 .series = series,
                                 .series_count = c->covariance_count,
                                 .is_whole_x = 1,
                                 .marked_x = (double)best->components,
                                 .marked_y = criterion(best, by)};
        cli_chart_draw(&svg, &chart);
    }
    cli_text_add(&svg, "</svg>\n");
    exit_code = cli_text_save(&svg, c->arguments->plot);
done:
    cli_text_clear(&svg);
    free(x);
    free(y);
    return exit_code;
}

/* The table is printed whatever happens to files. */
static int write_results(comparison *c)
{
    const select_arguments *a = c->arguments;
    int saved = CLI_EXIT_DONE, drawn = CLI_EXIT_DONE, printed = CLI_EXIT_DONE;
    if (a->output) saved = cli_model_save(fgmm_model_save, c->best_model, a->output);
    c->is_saved = a->output && saved == CLI_EXIT_DONE;
    if (a->plot) drawn = plot(c);
    if (a->work.is_json)
        printed = print_json(c);
    else
        print_text(c);
    const int codes[] = {saved, drawn, printed, c->exit_code};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i] != CLI_EXIT_DONE) return codes[i];
    return CLI_EXIT_DONE;
}

static int run(const void *user)
{
    const select_arguments *arguments = user;
    int exit_code = CLI_EXIT_DONE;
    comparison c = {.arguments = arguments, .info = fgmm_source_info_init()};
    cli_progress_begin(&c.progress, arguments->work.is_quiet, "criteria");
    CLI_DO(check(&c));
    CLI_DO(cli_work_check_weights(&arguments->work));
    CLI_DO(cli_open_data(&c.source, arguments->work.data, &arguments->work));
    CLI_DO(cli_open_weights(&c.weights, c.source, &arguments->work));
    CLI_DO(cli_library(fgmm_source_describe(c.source, &c.info)));
    CLI_DO(open_folder(&c));
    CLI_DO(cli_open_device(&c.device, &arguments->work, &c.progress));
    cli_signals_catch();
    CLI_DO(compare(&c));
    CLI_DO(write_results(&c));
done:
    fgmm_model_free(c.best_model);
    fgmm_device_close(c.device);
    fgmm_source_close(c.source);
    fgmm_source_close(c.weights);
    free(c.candidates);
    free(c.components);
    return exit_code;
}

const cli_command cli_command_select = {
    .name = "select",
    .summary = "compare numbers of components and covariance types: AIC, BIC, ICL",
    .options = options,
    .notes =
        "Smaller is better for all three. ICL also asks for clusters that are separate. With --folder an interrupted\n"
        "comparison goes on where it was: the folder also holds a checkpoint of the model under way. There is no\n"
        "--mini-batch: the criteria compare log-likelihoods, which must be those of finished trainings. With weights\n"
        "N is their sum: let them be counts, or have the mean 1.\n"
        "--json prints: rows dims models[{covariance,components,parameters,log_likelihood,aic,bic,icl,iterations}]\n"
        "best{bic,aic,icl}{covariance,components}. A model that fails, such as one with more components than rows, is\n"
        "a line that says why, in JSON {covariance,components,error}. The others are compared all the same, and the\n"
        "exit code is 0 if there is one, unless the device or a file failed.\n",
    .examples = "  flashgmm select data.npy -k 1:20\n"
                "  flashgmm select data.npy -k 10:100:10 --covariance diag --folder trials --plot trials.svg\n"
                "  flashgmm select data.npy -k 1,2,3,5,8 --n-init 5 --by icl -o best.safetensors --json\n",
    .arguments_bytes = sizeof(select_arguments),
    .run = run,
};
