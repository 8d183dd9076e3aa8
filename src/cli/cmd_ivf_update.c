/* cmd_ivf_update.c - `flashgmm ivf add`, `remove`, `compact`: change an index in place. */
#include "ivf.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- add ---- */

typedef struct add_arguments {
    const char *index, *data;
    cli_work_arguments work;
} add_arguments;

static const cli_option add_options[] = {
    CLI_INDEX_OPERAND(add_arguments, index), CLI_DATA_OPERAND(add_arguments, data),  CLI_DATA_OPTIONS(add_arguments),
    CLI_DEVICE_OPTIONS(add_arguments),       CLI_OUTPUT_MODE_OPTIONS(add_arguments), {.name = NULL},
};

/* What the index is after a change. */
static int print_changed(const char *path, int is_json)
{
    int exit_code = CLI_EXIT_DONE;
    fgmm_index *index = NULL;
    fgmm_index_info info = fgmm_index_info_init();
    CLI_DO(cli_library(fgmm_index_open(&index, path)));
    CLI_DO(cli_library(fgmm_index_describe(index, &info)));
    CLI_DO(cli_print_index(&info, path, is_json));
done:
    fgmm_index_close(index);
    return exit_code;
}

static int run_add(const void *user)
{
    const add_arguments *a = user;
    int exit_code = CLI_EXIT_DONE;
    fgmm_source *source = NULL;
    fgmm_device *device = NULL;
    fgmm_index_options limits = fgmm_index_options_init();
    cli_progress progress;
    cli_progress_begin(&progress, a->work.is_quiet, "lists");

    CLI_DO(cli_output_check(a->index, a->data));
    CLI_DO(cli_open_data(&source, a->data, &a->work));
    CLI_DO(cli_open_device(&device, &a->work, &progress));
    cli_signals_catch();
    limits.batch_rows = cli_or_zero(a->work.batch_rows);
    limits.memory_limit_bytes = cli_or_zero(a->work.memory_limit);
    limits.progress = cli_progress_report;
    limits.progress_user = &progress;
    const fgmm_status status = fgmm_index_add(device, a->index, source, &limits);
    cli_progress_end(&progress);
    CLI_DO(cli_library(status));
    CLI_DO(print_changed(a->index, a->work.is_json));
done:
    fgmm_device_close(device);
    fgmm_source_close(source);
    return exit_code;
}

const cli_command cli_command_ivf_add = {
    .name = "ivf add",
    .summary = "add rows to an index",
    .options = add_options,
    .notes =
        "New rows get the ids after the highest, and go to lists as the index was built. The file is replaced whole:\n"
        "searches that have it open go on with what they opened.\n" CLI_INDEX_JSON,
    .examples = "  flashgmm ivf add base.ivf more.bvecs\n",
    .arguments_bytes = sizeof(add_arguments),
    .run = run_add,
};

/* ---- remove ---- */

typedef struct remove_arguments {
    const char *index, *ids;
    cli_work_arguments work;
} remove_arguments;

static const cli_option remove_options[] = {
    CLI_INDEX_OPERAND(remove_arguments, index),
    {.name = "IDS",
     .kind = CLI_OPTION_OPERAND,
     .offset = offsetof(remove_arguments, ids),
     .help = "ids to remove: .ivecs, .ibin, .npy of integers, or another format of data that holds whole numbers"},
    CLI_OUTPUT_MODE_OPTIONS(remove_arguments),
    {.name = NULL},
};

static int run_remove(const void *user)
{
    const remove_arguments *a = user;
    int exit_code = CLI_EXIT_DONE;
    int64_t *ids = NULL;
    uint64_t rows, cols, missing = 0;
    CLI_DO(cli_library(fgmm_ids_read(&ids, &rows, &cols, a->ids)));
    CLI_DO(cli_library(fgmm_index_remove(a->index, ids, rows * cols, &missing)));
    if (missing && !a->work.is_quiet)
        fprintf(stderr, "flashgmm: %llu of the ids are not in %s\n", (unsigned long long)missing, a->index);
    CLI_DO(print_changed(a->index, a->work.is_json));
done:
    free(ids);
    return exit_code;
}

const cli_command cli_command_ivf_remove = {
    .name = "ivf remove",
    .summary = "remove rows from an index",
    .options = remove_options,
    .notes =
        "Removed rows keep their room in the file until `flashgmm ivf compact`. Ids that are not in the index are\n"
        "counted on stderr, and no error; an id that is given twice is removed once.\n" CLI_INDEX_JSON,
    .examples = "  flashgmm ivf remove base.ivf old.npy\n",
    .arguments_bytes = sizeof(remove_arguments),
    .run = run_remove,
};

/* ---- compact ---- */

typedef struct compact_arguments {
    const char *index;
    cli_work_arguments work;
} compact_arguments;

static const cli_option compact_options[] = {
    CLI_INDEX_OPERAND(compact_arguments, index),
    CLI_OUTPUT_MODE_OPTIONS(compact_arguments),
    {.name = NULL},
};

static int run_compact(const void *user)
{
    const compact_arguments *a = user;
    int exit_code = CLI_EXIT_DONE;
    CLI_DO(cli_library(fgmm_index_compact(a->index)));
    CLI_DO(print_changed(a->index, a->work.is_json));
done:
    return exit_code;
}

const cli_command cli_command_ivf_compact = {
    .name = "ivf compact",
    .summary = "give back the room of removed rows",
    .options = compact_options,
    .notes = "Ids stay what they are.\n" CLI_INDEX_JSON,
    .examples = "  flashgmm ivf compact base.ivf\n",
    .arguments_bytes = sizeof(compact_arguments),
    .run = run_compact,
};
