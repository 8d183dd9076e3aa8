/* choose.h - which lists each row of a source goes to: a pass over the rows, whose outcome waits in a temporary file,
 * and then a threshold that gives the wanted copies per row. */
#ifndef FG_CHOOSE_H
#define FG_CHOOSE_H

#include "index.h"

/* A list that a row may go to. The first of a row has cost 0 and is always taken; the others ascend, and are taken
 * while their cost is below the threshold. Residual: cost of the second list / |r|^2. Soft: - ln r. */
typedef struct fg_choice {
    uint32_t list;
    float cost; /* infinite: no choice */
} fg_choice;

typedef struct fg_choose_request {
    fgmm_device *device;
    fgmm_source *source;
    const fg_index_head *head; /* quantizer, assignment, lists per row */
    const char *path;          /* the temporary file lies beside it */
    uint64_t batch_rows, memory_limit_bytes;
    double threshold;      /* taken below; with copies_per_row 0 */
    double copies_per_row; /* > 0: the threshold follows from it */
    struct fg_progress *progress;
} fg_choose_request;

typedef struct fg_choices {
    uint64_t rows;
    uint32_t width;     /* choices per row */
    uint64_t *counts;   /* (K) entries per list, after the threshold */
    double threshold;   /* what was used; choices below it are taken, */
    uint32_t edge;      /* and of those whose costs' leading bits are these, */
    uint64_t edge_left; /* the first so many */
    fg_atomic_file *file;
    fg_input *input;
    uint64_t read, waiting, used; /* rows read; in the buffer; taken from it */
    fg_choice *buffer;
} fg_choices;

/* Passes over the rows once. */
fgmm_status fg_choices_make(fg_choices *choices, const fg_choose_request *request);
void fg_choices_clear(fg_choices *choices);

/* The lists of the next row, in row order: lists (width), *count of them. */
fgmm_status fg_choices_next(fg_choices *choices, uint32_t *lists, uint32_t *count);

#endif
