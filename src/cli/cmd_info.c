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
    const char *file, *dataset;
    int is_json;
} info_arguments;

static const cli_option options[] = {
    {.name = "FILE",
     .kind = CLI_OPTION_OPERAND,
     .offset = offsetof(info_arguments, file),
     .help = "a data file (known by its ending: .npy .fvecs .bvecs .fbin .u8bin .i8bin .hdf5 .csv), otherwise a model, "
             "a checkpoint or an index"},
    {.name = "dataset",
     .kind = CLI_OPTION_TEXT,
     .offset = offsetof(info_arguments, dataset),
     .value = "NAME",
     .help = "which dataset of an .hdf5 file (default train)"},
    {.name = "json",
     .kind = CLI_OPTION_FLAG,
     .offset = offsetof(info_arguments, is_json),
     .help = "print one JSON object instead of text"},
    {.name = NULL},
};

static int is_data(const char *path)
{
    static const char *const endings[] = {".npy",   ".fvecs", ".bvecs", ".fbin", ".u8bin",
                                          ".i8bin", ".hdf5",  ".h5",    ".csv"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (cli_ends_with(path, endings[i])) return 1;
    return strcmp(path, "-") == 0;
}

static uint64_t file_bytes(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 ? (uint64_t)facts.st_size : 0;
}

static int show_data(const info_arguments *arguments)
{
    int exit_code = CLI_EXIT_DONE;
    fgmm_source *source = NULL;
    fgmm_source_info info = FGMM_SOURCE_INFO_INIT;
    fgmm_file_options open = FGMM_FILE_OPTIONS_INIT;
    open.dataset = arguments->dataset;
    CLI_DO(cli_library(fgmm_source_open(&source, arguments->file, &open)));
    CLI_DO(cli_library(fgmm_source_describe(source, &info)));
    const uint64_t row_bytes = info.dims * fgmm_type_bytes(info.type);
    if (arguments->is_json) {
        cJSON *object = cJSON_CreateObject();
        cJSON_AddStringToObject(object, "kind", "data");
        cJSON_AddStringToObject(object, "format", info.format);
        cli_json_count(object, "rows", info.rows);
        cli_json_count(object, "dims", info.dims);
        cJSON_AddStringToObject(object, "type", fgmm_type_name(info.type));
        cli_json_count(object, "row_bytes", row_bytes);
        cli_json_count(object, "file_bytes", file_bytes(arguments->file));
        CLI_DO(cli_json_print(object));
    } else {
        char file_size[CLI_NUMBER_BYTES], rows_size[CLI_NUMBER_BYTES];
        printf("data            %s\n", info.format);
        printf("rows            %llu, %llu dimensions\n", (unsigned long long)info.rows, (unsigned long long)info.dims);
        printf("type            %s, %llu bytes per row, %s in all\n", fgmm_type_name(info.type),
               (unsigned long long)row_bytes, cli_size_text(rows_size, row_bytes * info.rows));
        printf("file            %s\n", cli_size_text(file_size, file_bytes(arguments->file)));
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
    fgmm_model_info info = FGMM_MODEL_INFO_INIT;
    CLI_DO(cli_library(fgmm_model_load(&model, arguments->file)));
    CLI_DO(cli_library(fgmm_model_describe(model, &info)));
    const uint64_t parameters = fgmm_model_free_parameters(model), bytes = file_bytes(arguments->file);
    if (arguments->is_json)
        CLI_DO(print_model_json(&info, parameters, bytes));
    else
        print_model_text(&info, parameters, bytes);
done:
    fgmm_model_free(model);
    return exit_code;
}

/* Indexes are known by what they begin with: no model begins so. */
static int is_index(const char *path)
{
    char magic[4] = "";
    FILE *file = fopen(path, "rb");
    if (!file) return 0;
    const int is_read = fread(magic, sizeof magic, 1, file) == 1;
    fclose(file);
    return is_read && (memcmp(magic, "FGMM", 4) == 0 || memcmp(magic, "IwFl", 4) == 0);
}

static int show_index(const info_arguments *arguments)
{
    int exit_code = CLI_EXIT_DONE;
    fgmm_index *index = NULL;
    fgmm_index_info info = FGMM_INDEX_INFO_INIT;
    CLI_DO(cli_library(fgmm_index_open(&index, arguments->file)));
    CLI_DO(cli_library(fgmm_index_describe(index, &info)));
    CLI_DO(cli_print_index(&info, NULL, arguments->is_json));
done:
    fgmm_index_close(index);
    return exit_code;
}

static int run(const void *user)
{
    const info_arguments *arguments = user;
    if (is_data(arguments->file)) return show_data(arguments);
    return is_index(arguments->file) ? show_index(arguments) : show_model(arguments);
}

const cli_command cli_command_info = {
    .name = "info",
    .summary = "show what a data file, a model or an index holds",
    .options = options,
    .notes =
        "--json prints of data: kind format rows dims type row_bytes file_bytes; of a model: kind components dims\n"
        "covariance free_parameters rows iterations log_likelihood seed library_version file_bytes; of an index: what\n"
        "`flashgmm ivf build --json` prints.\n",
    .examples = "  flashgmm info data.npy\n"
                "  flashgmm info model.safetensors --json\n",
    .arguments_bytes = sizeof(info_arguments),
    .run = run,
};
