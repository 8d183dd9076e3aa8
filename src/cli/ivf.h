/* ivf.h - the commands under `flashgmm ivf`, and what they share. */
#ifndef CLI_IVF_H
#define CLI_IVF_H

#include "work.h"

extern const cli_command cli_command_ivf_build, cli_command_ivf_search, cli_command_ivf_add, cli_command_ivf_remove,
    cli_command_ivf_compact, cli_command_ivf_eval;

/* Members that cli_print_index prints as JSON: whole lines of notes. */
#define CLI_INDEX_JSON                                                                                                 \
    "--json prints: kind format rows dims type lists entries dead replication imbalance assignment tau\n"              \
    "next_id for_top calibrated_on least_recall most_recall (where there is a dial) written.\n"

#define CLI_INDEX_OPERAND(type, field)                                                                                 \
    {                                                                                                                  \
        .name = "INDEX", .kind = CLI_OPTION_OPERAND, .offset = offsetof(type, field),                                  \
        .help = "an index as `flashgmm ivf build` writes it, or a Faiss IndexIVFFlat"                                  \
    }
#define CLI_QUERIES_OPERAND(type, field)                                                                               \
    {                                                                                                                  \
        .name = "QUERIES", .kind = CLI_OPTION_OPERAND, .offset = offsetof(type, field),                                \
        .help = "rows to look for, in any format of data"                                                              \
    }

/* An index open on a device. */
typedef struct cli_searching {
    fgmm_device *device;
    fgmm_index *index;
    fgmm_searcher *searcher;
    fgmm_index_info info;
} cli_searching;

/* Opens; the caller closes, also after a failure. A CLI_DO step. */
int cli_searching_open(cli_searching *searching, const char *path, const cli_work_arguments *work,
                       cli_progress *progress);
void cli_searching_close(cli_searching *searching);

/* All rows of a file, malloc'ed, in their own type. A CLI_DO step. */
typedef struct cli_rows {
    void *rows; /* (n,d) */
    uint64_t n, d, skipped;
    uint64_t *places; /* (n) rows of the file; NULL: none was left out */
    fgmm_type type;
} cli_rows;
int cli_read_rows(cli_rows *rows, const char *path, const cli_work_arguments *work);
void cli_rows_free(cli_rows *rows);

/* FAILED when queries, with d dimensions, and index differ. */
int cli_check_dims(const cli_searching *searching, const char *index, uint64_t d, const char *queries);

/* What build, add, remove, compact and info say of an index. written NULL: the index was only looked at. */
int cli_print_index(const fgmm_index_info *info, const char *written, int is_json);

#endif
