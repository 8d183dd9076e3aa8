/* memory_plan.h - the memory decision of a run: how many rows a batch has, and whether rows stay on the device.
 *
 * On a CPU device everything that it holds is the process's own memory and counts in the limit; on a GPU rows count in
 * the device's budget, and in the limit only what they are staged in. */
#ifndef FG_MEMORY_PLAN_H
#define FG_MEMORY_PLAN_H

#include "pass.h"
#include "source.h"
#include "weights.h"

typedef struct fg_memory_plan_request {
    fgmm_device *device;
    fgmm_source *source;
    fg_weights weights;          /* opened; zero: none */
    uint64_t batch_rows;         /* 0: the default of this shape and device */
    uint64_t usual_most_rows;    /* where batch_rows is 0: the default is made no larger than this; 0: it is not */
    uint64_t memory_limit_bytes; /* 0: a quarter of the machine's memory, and more where that is too little */
    uint64_t held_bytes;         /* fg_memory_plan_held_bytes when the run began */
    fg_pass_options pass;        /* the largest pass of the run; type, rows and batch_rows are filled in here */
    uint64_t host_bytes;         /* other memory that the run will need */
    uint64_t host_row_bytes;     /* per row of a batch */
    int is_repeated;             /* several passes: rows may stay on the device */
    int has_nearest;             /* another pass beside it (fg_e_step_set_nearest) */
    int is_evaluation;           /* each row's results come to the host */
} fg_memory_plan_request;

typedef struct fg_memory_plan {
    size_t batch_rows;
    uint64_t resident_rows; /* that stay on the device between passes: all, a part of whole batches, or none */
} fg_memory_plan;

/* Least rows of a step of stepwise EM; it ends with the next whole batch. */
uint64_t fg_memory_plan_step_rows(uint64_t k);

/* Rows between two loads of parameters: all, or those of a mini-batch. */
uint64_t fg_memory_plan_load_rows(const fg_memory_plan_request *request);

/* The limit of resident memory, in bytes, where one of `asked` is asked for; 0: a quarter of the machine's memory. */
uint64_t fg_memory_plan_limit(uint64_t asked);

/* What the process holds now, rounded up. Asked for before the run compiles kernels, which takes some drivers 200 MiB
 * when their caches are cold, and coarse: the same run then has the same batches, and gives the same bytes. */
uint64_t fg_memory_plan_held_bytes(void);

/* What may still be taken: of a limit to the process, of the device's. */
typedef struct fg_memory_left {
    uint64_t host, device;
    uint64_t buffer; /* the largest buffer that the device gives */
    int is_shared;   /* what the device holds is the process's own memory, and counts in both */
} fg_memory_left;
fg_memory_left fg_memory_left_of(const fgmm_device *device, uint64_t limit_bytes, uint64_t held_bytes);

/* The batch is made smaller than wanted only where the limit demands it, or other programs that hold memory of the
 * device. Errors: MEMORY names the limit, what the
 * process holds already, and the least limit that would do. */
fgmm_status fg_memory_plan_make(fg_memory_plan *plan, const fg_memory_plan_request *request);

#endif
