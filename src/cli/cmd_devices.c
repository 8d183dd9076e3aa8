/* cmd_devices.c - `flashgmm devices`: what there is, which device is the default and why, and what is remembered
 * against kernels there. Opens none. */
#include "commands.h"
#include "options.h"
#include "output.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct devices_arguments {
    int is_json, is_forgetting;
} devices_arguments;

static const cli_option options[] = {
    {.name = "json",
     .kind = CLI_OPTION_FLAG,
     .offset = offsetof(devices_arguments, is_json),
     .help = "print one JSON object instead of text"},
    {.name = "forget",
     .kind = CLI_OPTION_FLAG,
     .offset = offsetof(devices_arguments, is_forgetting),
     .help = "forget what is remembered against kernels of all devices: they are checked again at their next use"},
    {.name = NULL},
};

static const char *kind_name(fgmm_device_kind kind)
{
    switch (kind) {
    case FGMM_DEVICE_CPU:
        return "CPU";
    case FGMM_DEVICE_GPU:
        return "GPU";
    case FGMM_DEVICE_ACCELERATOR:
        return "accelerator";
    case FGMM_DEVICE_OTHER:
        break;
    }
    return "other";
}

static int print_json(const fgmm_device_info *infos, size_t count)
{
    cJSON *object = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(object, "devices");
    for (size_t i = 0; i < count; i++) {
        const fgmm_device_info *info = &infos[i];
        cJSON *device = cJSON_CreateObject();
        cli_json_count(device, "index", info->index);
        cJSON_AddStringToObject(device, "name", info->name);
        cJSON_AddStringToObject(device, "platform", info->platform);
        cJSON_AddStringToObject(device, "driver", info->driver);
        cJSON_AddStringToObject(device, "kind", kind_name(info->kind));
        cJSON_AddBoolToObject(device, "is_default", info->is_default);
        cJSON_AddStringToObject(device, "kernel", fgmm_backend_name(info->backend));
        cJSON_AddStringToObject(device, "reason", info->reason);
        cJSON_AddStringToObject(device, "marks", info->marks);
        cli_json_count(device, "compute_units", info->compute_units);
        cli_json_count(device, "vector_width_float", info->vector_width_float);
        cli_json_count(device, "max_work_group", info->max_work_group);
        cJSON_AddBoolToObject(device, "has_fp64", info->has_fp64);
        cli_json_count(device, "global_memory_bytes", info->global_memory_bytes);
        cli_json_count(device, "max_alloc_bytes", info->max_alloc_bytes);
        cli_json_count(device, "local_memory_bytes", info->local_memory_bytes);
        cJSON_AddBoolToObject(device, "has_own_memory", info->has_own_memory);
        cJSON_AddStringToObject(device, "pci_address", info->pci_address);
        cJSON_AddItemToArray(list, device);
    }
    return cli_json_print(object);
}

static void print_text(const fgmm_device_info *infos, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const fgmm_device_info *info = &infos[i];
        char global[CLI_NUMBER_BYTES], largest[CLI_NUMBER_BYTES], local[CLI_NUMBER_BYTES];
        printf("%s%u  %s%s\n", i ? "\n" : "", info->index, info->name, info->is_default ? "  (default)" : "");
        printf("   platform  %s\n", info->platform);
        printf("   driver    %s\n", info->driver);
        printf("   kind      %s, %u compute units, vectors of %u floats, work-groups up to %u%s\n",
               kind_name(info->kind), info->compute_units, info->vector_width_float, info->max_work_group,
               info->has_fp64 ? ", double precision" : "");
        printf("   memory    %s%s, one buffer up to %s, %s local\n", cli_size_text(global, info->global_memory_bytes),
               info->kind == FGMM_DEVICE_CPU ? ""
               : info->has_own_memory        ? " of its own"
                                             : " shared with the host",
               cli_size_text(largest, info->max_alloc_bytes), cli_size_text(local, info->local_memory_bytes));
        if (info->pci_address[0]) printf("   address   %s\n", info->pci_address);
        printf("   kernels   %s\n", fgmm_backend_name(info->backend));
        printf("   why       %s\n", info->reason);
        if (info->marks[0]) printf("   marks     %s; `flashgmm devices --forget` forgets it\n", info->marks);
    }
}

static int run(const void *user)
{
    const devices_arguments *arguments = user;
    int exit_code = CLI_EXIT_DONE;
    fgmm_device_info *infos = NULL;
    fgmm_device *none = NULL;
    size_t count = 0, forgotten = 0;
    if (arguments->is_forgetting) CLI_DO(cli_library(fgmm_devices_forget(NULL, &forgotten)));
    if (forgotten > 0) fprintf(stderr, "forgotten: %zu mark%s against kernels\n", forgotten, forgotten > 1 ? "s" : "");
    CLI_DO(cli_library(fgmm_devices_list(NULL, 0, &count)));
    if (count == 0) CLI_DO(cli_library(fgmm_device_open(&none, NULL))); /* says why */
    infos = calloc(count > 0 ? count : 1, sizeof *infos);
    if (!infos) return cli_error(CLI_EXIT_FAILED, "list of devices: memory ran out");
    for (size_t i = 0; i < count; i++) infos[i] = fgmm_device_info_init();
    CLI_DO(cli_library(fgmm_devices_list(infos, count, &count)));
    if (arguments->is_json)
        CLI_DO(print_json(infos, count));
    else
        print_text(infos, count);
done:
    free(infos);
    return exit_code;
}

const cli_command cli_command_devices = {
    .name = "devices",
    .summary = "list OpenCL devices, and which one is the default and why",
    .options = options,
    .notes =
        "Other commands take --device with a number from this list, or with part of a name or a PCI address, which\n"
        "tells devices of one name apart. The default is a GPU where there is one; of several, one with memory of its\n"
        "own, then the one with the most compute units.\n"
        "Kernels are checked at their first use on a device, by a small program of their own. `marks` says which are\n"
        "left out there since they gave wrong results or their driver crashed; another driver begins anew.\n"
        "--json prints: devices[{index,name,platform,driver,kind,is_default,kernel,reason,marks,compute_units,\n"
        "vector_width_float,max_work_group,has_fp64,global_memory_bytes,max_alloc_bytes,local_memory_bytes,has_own_"
        "memory,\n"
        "pci_address}].\n",
    .examples = "  flashgmm devices\n"
                "  flashgmm fit data.npy -k 64 -o model.safetensors --device 1\n"
                "  flashgmm fit data.npy -k 64 -o model.safetensors --device nvidia\n"
                "  flashgmm fit data.npy -k 64 -o model.safetensors --device 0000:65:00.0\n",
    .arguments_bytes = sizeof(devices_arguments),
    .run = run,
};
