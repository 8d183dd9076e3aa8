/* cmd_export.c - `flashgmm export`: a model in a form that other programs read. */
#include "commands.h"
#include "work.h"

#include <stdio.h>

typedef struct export_arguments {
    const char *output;
    cli_work_arguments work;
} export_arguments;

static const char *const export_endings[] = {".npz", ".npy", ".fvecs", ".safetensors", NULL};

static const cli_option options[] = {
    CLI_MODEL_OPERAND(export_arguments, work.model),
    {.name = "output",
     .letter = 'o',
     .kind = CLI_OPTION_OUTPUT,
     .endings = export_endings,
     .is_stdout = 1,
     .offset = offsetof(export_arguments, output),
     .value = "FILE",
     .is_required = 1,
     .help = "a name ending with .npz (weights_, means_, covariances_, as scikit-learn calls them) or .safetensors, or "
             "for the means alone .npy or .fvecs; -: .npz on standard output"},
    CLI_OUTPUT_MODE_OPTIONS(export_arguments),
    {.name = NULL},
};

static int run(const void *user)
{
    const export_arguments *arguments = user;
    int exit_code = CLI_EXIT_DONE;
    fgmm_model *model = NULL;
    fgmm_model_info info = fgmm_model_info_init();
    CLI_DO(cli_output_check(arguments->output, arguments->work.model));
    CLI_DO(cli_library(fgmm_model_load(&model, arguments->work.model)));
    CLI_DO(cli_library(fgmm_model_describe(model, &info)));
    CLI_DO(cli_library(fgmm_model_export(model, arguments->output)));
    if (arguments->work.is_json) {
        cJSON *object = cJSON_CreateObject();
        cli_json_count(object, "components", info.components);
        cli_json_count(object, "dims", info.dims);
        cJSON_AddStringToObject(object, "written", arguments->output);
        CLI_DO(cli_json_print(object));
    } else {
        printf("components      %llu, %llu dimensions\nwritten         %s\n", (unsigned long long)info.components,
               (unsigned long long)info.dims, cli_standard_output_name(arguments->output));
    }
done:
    fgmm_model_free(model);
    return exit_code;
}

const cli_command cli_command_export = {
    .name = "export",
    .summary = "write a model for other programs: .npz, or its means",
    .options = options,
    .notes = "Such an .npz, and one that numpy.savez makes of a scikit-learn mixture, is read wherever a model is.\n"
             "--json prints: components dims written.\n",
    .examples = "  flashgmm export model.safetensors -o model.npz\n"
                "  flashgmm export model.safetensors -o means.fvecs\n",
    .arguments_bytes = sizeof(export_arguments),
    .run = run,
};
