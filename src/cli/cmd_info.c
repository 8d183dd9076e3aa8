/* cmd_info.c - `flashgmm info`: what a data file, a model or an index holds. Opens no device. */
#include "commands.h"
#include "ivf.h"
#include "output.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

typedef struct info_arguments {
    cli_work_arguments work;
} info_arguments;

static const cli_option options[] = {
    {.name = "FILE",
     .kind = CLI_OPTION_OPERAND,
     .offset = offsetof(info_arguments, work.data),
     .help = "a data file (known by its ending: .npy .npz .fvecs .bvecs .fbin .u8bin .i8bin .hdf5 .csv, or by "
             "--input-format), a model, a checkpoint or an index"},
    CLI_ROWS_OPTIONS(info_arguments),
    {.name = "json",
     .kind = CLI_OPTION_FLAG,
     .offset = offsetof(info_arguments, work.is_json),
     .help = "print one JSON object instead of text"},
    {.name = NULL},
};

static uint64_t file_bytes(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 ? (uint64_t)facts.st_size : 0;
}

static int show_data(const info_arguments *arguments)
{
    int exit_code = CLI_EXIT_DONE;
    const cli_work_arguments *work = &arguments->work;
    fgmm_source *source = NULL;
    fgmm_source_info info = fgmm_source_info_init();
    CLI_DO(cli_open_data(&source, work->data, work));
    CLI_DO(cli_library(fgmm_source_describe(source, &info)));
    const uint64_t row_bytes = info.dims * fgmm_type_bytes(info.type);
    if (work->is_json) {
        cJSON *object = cJSON_CreateObject();
        cJSON_AddStringToObject(object, "kind", "data");
        cJSON_AddStringToObject(object, "format", info.format);
        cli_json_count(object, "rows", info.rows);
        cli_add_skipped(object, work, info.skipped_rows);
        cli_json_count(object, "dims", info.dims);
        cJSON_AddStringToObject(object, "type", fgmm_type_name(info.type));
        cli_json_count(object, "row_bytes", row_bytes);
        cli_json_count(object, "file_bytes", file_bytes(work->data));
        CLI_DO(cli_json_print(object));
    } else {
        char file_size[CLI_NUMBER_BYTES], rows_size[CLI_NUMBER_BYTES];
        printf("data            %s\n", info.format);
        printf("rows            %llu, %llu dimensions\n", (unsigned long long)info.rows, (unsigned long long)info.dims);
        cli_print_skipped("", work, info.skipped_rows);
        printf("type            %s, %llu bytes per row, %s in all\n", fgmm_type_name(info.type),
               (unsigned long long)row_bytes, cli_size_text(rows_size, row_bytes * info.rows));
        if (file_bytes(work->data) > 0)
            printf("file            %s\n", cli_size_text(file_size, file_bytes(work->data)));
    }
done:
    fgmm_source_close(source);
    return exit_code;
}

static int print_model_json(const fgmm_model_info *info, uint64_t parameters, uint64_t bytes)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "kind", "model");
    cli_json_count(object, "components", info->components);
    cli_json_count(object, "dims", info->dims);
    cJSON_AddStringToObject(object, "covariance", fgmm_covariance_name(info->covariance));
    cli_json_count(object, "free_parameters", parameters);
    cli_json_count(object, "rows", info->rows);
    cli_json_count(object, "iterations", info->iterations);
    cli_json_real(object, "log_likelihood", info->log_likelihood);
    cli_json_count(object, "seed", info->seed);
    cJSON_AddStringToObject(object, "library_version", info->library_version);
    cli_json_count(object, "file_bytes", bytes);
    return cli_json_print(object);
}

static void print_model_text(const fgmm_model_info *info, uint64_t parameters, uint64_t bytes)
{
    char size[CLI_NUMBER_BYTES];
    printf("model           %llu components, %llu dimensions, %s covariance\n", (unsigned long long)info->components,
           (unsigned long long)info->dims, fgmm_covariance_name(info->covariance));
    printf("parameters      %llu free\n", (unsigned long long)parameters);
    if (info->rows)
        printf("trained on      %llu rows, %llu iterations, seed %llu\n", (unsigned long long)info->rows,
               (unsigned long long)info->iterations, (unsigned long long)info->seed);
    if (isfinite(info->log_likelihood))
        printf("log-likelihood  %.9g (mean per training row, nats)\n", info->log_likelihood);
    if (info->library_version[0]) printf("written by      flashgmm %s\n", info->library_version);
    printf("file            %s\n", cli_size_text(size, bytes));
}

static int show_model(const info_arguments *arguments)
{
    int exit_code = CLI_EXIT_DONE;
    fgmm_model *model = NULL;
    fgmm_model_info info = fgmm_model_info_init();
    CLI_DO(cli_library(fgmm_model_load(&model, arguments->work.data)));
    CLI_DO(cli_library(fgmm_model_describe(model, &info)));
    const uint64_t parameters = fgmm_model_free_parameters(model), bytes = file_bytes(arguments->work.data);
    if (arguments->work.is_json)
        CLI_DO(print_model_json(&info, parameters, bytes));
    else
        print_model_text(&info, parameters, bytes);
done:
    fgmm_model_free(model);
    return exit_code;
}

typedef enum file_kind { KIND_DATA, KIND_MODEL, KIND_INDEX } file_kind;

/* Of a name that tells nothing: indexes have a magic; a model's JSON begins after eight bytes. What is neither is what
 * `fit` would be asked to read. */
static file_kind kind_of_bytes(const char *path)
{
    char begin[9] = "";
    FILE *file = fopen(path, "rb");
    if (!file) return KIND_DATA;
    const int is_read = fread(begin, sizeof begin, 1, file) == 1;
    fclose(file);
    if (is_read && (memcmp(begin, "FGMM", 4) == 0 || memcmp(begin, "IwFl", 4) == 0)) return KIND_INDEX;
    return is_read && begin[8] == '{' && memcmp(begin + 4, "\0\0\0\0", 4) == 0 ? KIND_MODEL : KIND_DATA;
}

/* An .npz is a model when it holds one: then reading it as one works, or tells what is wrong with it. */
static file_kind kind_of_npz(const char *path)
{
    fgmm_source *means = NULL;
    fgmm_file_options named = fgmm_file_options_init();
    named.dataset = "means_";
    const fgmm_status status = fgmm_source_open(&means, path, &named);
    fgmm_source_close(means);
    return status == FGMM_OK || strstr(fgmm_last_error(), "means_: ") ? KIND_MODEL : KIND_DATA;
}

static file_kind kind_of(const cli_work_arguments *work)
{
    if (work->format >= 0 || strcmp(work->data, "-") == 0) return KIND_DATA;
    if (cli_ends_with(work->data, ".safetensors")) return KIND_MODEL;
    if (cli_ends_with(work->data, ".npz")) return work->dataset ? KIND_DATA : kind_of_npz(work->data);
    return fgmm_source_format_of(work->data) ? KIND_DATA : kind_of_bytes(work->data);
}

static int show_index(const info_arguments *arguments)
{
    int exit_code = CLI_EXIT_DONE;
    fgmm_index *index = NULL;
    fgmm_index_info info = fgmm_index_info_init();
    CLI_DO(cli_library(fgmm_index_open(&index, arguments->work.data)));
    CLI_DO(cli_library(fgmm_index_describe(index, &info)));
    CLI_DO(cli_print_index(&info, NULL, arguments->work.is_json));
done:
    fgmm_index_close(index);
    return exit_code;
}

static int run(const void *user)
{
    static int (*const show[])(const info_arguments *) = {
        [KIND_DATA] = show_data, [KIND_MODEL] = show_model, [KIND_INDEX] = show_index};
    const info_arguments *arguments = user;
    return show[kind_of(&arguments->work)](arguments);
}

const cli_command cli_command_info = {
    .name = "info",
    .summary = "show what a data file, a model or an index holds",
    .options = options,
    .notes =
        "A data file that `flashgmm fit` would refuse when opening it is refused here with the same words.\n"
        "--json prints of data: kind format rows dims type row_bytes file_bytes; of a model: kind components dims\n"
        "covariance free_parameters rows iterations log_likelihood seed library_version file_bytes; of an index: what\n"
        "`flashgmm ivf build --json` prints.\n",
    .examples = "  flashgmm info data.npy\n"
                "  flashgmm info table.txt --input-format csv --columns 1:\n"
                "  flashgmm info model.safetensors --json\n",
    .arguments_bytes = sizeof(info_arguments),
    .run = run,
};
