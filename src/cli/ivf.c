/* ivf.c - what the commands under `flashgmm ivf` share: an index open on a device, queries in memory, a description. */
#include "ivf.h"

#include "places.h"

#include <stdio.h>
#include <stdlib.h>

int cli_searching_open(cli_searching *searching, const char *path, const cli_work_arguments *work,
                       cli_progress *progress)
{
    int exit_code = CLI_EXIT_DONE;
    fgmm_searcher_options options = fgmm_searcher_options_init();
    *searching = (cli_searching){.info = fgmm_index_info_init()};
    options.memory_limit_bytes = cli_or_zero(work->memory_limit);
    CLI_DO(cli_library(fgmm_index_open(&searching->index, path)));
    CLI_DO(cli_library(fgmm_index_describe(searching->index, &searching->info)));
    CLI_DO(cli_open_device(&searching->device, work, progress));
    CLI_DO(cli_library(fgmm_searcher_open(&searching->searcher, searching->index, searching->device, &options)));
done:
    return exit_code;
}

void cli_searching_close(cli_searching *searching)
{
    fgmm_searcher_close(searching->searcher);
    fgmm_index_close(searching->index);
    fgmm_device_close(searching->device);
}

static int record_places(cli_rows *rows, const fgmm_source_info *info, const fgmm_source *source)
{
    cli_places places = cli_places_begin(source);
    uint64_t skipped;
    rows->skipped = info->skipped_rows;
    if (rows->skipped == 0) return CLI_EXIT_DONE;
    rows->places = malloc((size_t)info->rows * sizeof *rows->places);
    if (!rows->places)
        return cli_error(CLI_EXIT_FAILED, "memory ran out for %llu rows", (unsigned long long)info->rows);
    for (uint64_t i = 0; i < info->rows; i++) rows->places[i] = cli_places_next(&places, &skipped);
    return CLI_EXIT_DONE;
}

void cli_rows_free(cli_rows *rows)
{
    free(rows->rows);
    free(rows->places);
    *rows = (cli_rows){.rows = NULL};
}

int cli_read_rows(cli_rows *rows, const char *path, const cli_work_arguments *work)
{
    int exit_code = CLI_EXIT_DONE;
    fgmm_source *source = NULL;
    fgmm_source_info info = fgmm_source_info_init();
    uint64_t count = 1;
    *rows = (cli_rows){.rows = NULL};
    CLI_DO(cli_open_data(&source, path, work));
    CLI_DO(cli_library(fgmm_source_describe(source, &info)));
    const size_t row_bytes = (size_t)info.dims * fgmm_type_bytes(info.type);
    rows->d = info.dims;
    rows->type = info.type;
    rows->rows = info.rows <= SIZE_MAX / row_bytes ? malloc((size_t)info.rows * row_bytes) : NULL;
    if (!rows->rows) {
        exit_code = cli_error(CLI_EXIT_FAILED, "%s: memory ran out for %llu rows", path, (unsigned long long)info.rows);
        goto done;
    }
    CLI_DO(cli_library(fgmm_source_rewind(source)));
    CLI_DO(record_places(rows, &info, source));
    while (rows->n < info.rows && count > 0) {
        CLI_DO(cli_library(
            fgmm_source_next(source, (char *)rows->rows + (size_t)rows->n * row_bytes, info.rows - rows->n, &count)));
        rows->n += count;
    }
done:
    fgmm_source_close(source);
    return exit_code;
}

int cli_check_dims(const cli_searching *searching, const char *index, uint64_t d, const char *queries)
{
    if (d == searching->info.dims) return CLI_EXIT_DONE;
    return cli_error(CLI_EXIT_FAILED, "%s: D = %llu, but %s has D = %llu", queries, (unsigned long long)d, index,
                     (unsigned long long)searching->info.dims);
}

static int print_json(const fgmm_index_info *info, const char *written)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "kind", "index");
    cJSON_AddStringToObject(object, "format", info->format == FGMM_INDEX_FAISS ? "faiss" : "native");
    cli_json_count(object, "rows", info->rows);
    cli_json_count(object, "dims", info->dims);
    cJSON_AddStringToObject(object, "type", fgmm_type_name(info->type));
    cli_json_count(object, "lists", info->lists);
    cli_json_count(object, "entries", info->entries);
    cli_json_count(object, "dead", info->dead);
    cli_json_real(object, "replication", info->rows ? (double)info->entries / (double)info->rows : 0);
    cli_json_real(object, "imbalance", info->imbalance);
    cJSON_AddStringToObject(object, "assignment", fgmm_assignment_name(info->assignment));
    cli_json_real(object, "tau", info->tau);
    cli_json_count(object, "next_id", info->next_id);
    cli_json_count(object, "for_top", info->for_top);
    if (info->for_top) {
        cJSON_AddStringToObject(object, "calibrated_on", info->is_calibrated_on_queries ? "queries" : "rows");
        cli_json_real(object, "least_recall", info->least_recall);
        cli_json_real(object, "most_recall", info->most_recall);
    }
    if (written) cJSON_AddStringToObject(object, "written", written);
    return cli_json_print(object);
}

int cli_print_index(const fgmm_index_info *info, const char *written, int is_json)
{
    if (is_json) return print_json(info, written);
    printf("index           %s, %llu lists, imbalance %.3f\n",
           info->format == FGMM_INDEX_FAISS ? "Faiss IndexIVFFlat" : "native", (unsigned long long)info->lists,
           info->imbalance);
    printf("rows            %llu, %llu dimensions, %s; next id %llu\n", (unsigned long long)info->rows,
           (unsigned long long)info->dims, fgmm_type_name(info->type), (unsigned long long)info->next_id);
    printf("entries         %llu, %.3f per row (%s assignment)", (unsigned long long)info->entries,
           info->rows ? (double)info->entries / (double)info->rows : 0.0, fgmm_assignment_name(info->assignment));
    if (info->dead) printf("; room for %llu removed ones", (unsigned long long)info->dead);
    printf("\n");
    if (info->for_top)
        printf("dial            recall@%u from %.3f to %.3f, calibrated on %s\n", info->for_top, info->least_recall,
               info->most_recall, info->is_calibrated_on_queries ? "queries" : "rows of the index");
    else
        printf("dial            none: searches need --nprobe\n");
    if (written) printf("written         %s\n", written);
    return CLI_EXIT_DONE;
}
