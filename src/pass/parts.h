/* parts.h - a pass as a whole: its parts, each of which owns its buffers and kernels, and the choice among the paths
 * that a batch may take. Internal to the pass, its checks and its tests. */
#ifndef FG_PARTS_H
#define FG_PARTS_H

#include "dense_path.h"
#include "matrices.h"
#include "pass.h"
#include "precise.h"

/* Which path a batch takes, and what was seen of those before (paths.c). */
typedef struct fg_path_choice {
    fgmm_path wanted;
    int is_dense; /* the next batch, where the path is not fused */
    uint64_t sparse_batches, dense_batches, dense_rows;
} fg_path_choice;

struct fg_pass {
    fgmm_device *device;
    fg_shape shape;
    fg_path_choice choice;
    fg_packed packed;
    fg_sparse sparse;
    fg_transpose transpose;
    fg_totals totals;
    fg_deferred deferred;
    fg_dense dense;
    fg_fused fused;
    fg_precise precise;
    fg_whitening whitening;
    fg_moments moments;
    double weight;           /* of the rows accumulated since load */
    int has_weights;         /* these rows have weights */
    double error_bound_nats; /* of the loaded parameters, and of the rows once statistics are fetched */
};

/* Batch inputs of the pass. */
fg_inputs fg_pass_inputs(const fg_pass *pass, const fg_rows *rows);
/* Enqueues sparse responsibilities of rows that need whatever matrices need. */
fgmm_status fg_pass_responsibilities(fg_pass *pass, const fg_rows *rows, float cutoff);

/* ---- paths.c ---- */

/* A way that a batch may take into the statistics. */
typedef struct fg_path_kind {
    int (*applies)(const fg_pass *pass);
    fgmm_status (*run)(fg_pass *pass, const fg_rows *rows);
    uint64_t (*bytes)(const fg_shape *shape); /* of the device, beside what all passes have */
    /* Of a row that keeps so many components, in components of the dense path; NULL: it is not chosen by cost. */
    double (*cost)(const fg_shape *shape, double nonzeros);
    int takes_unit; /* a matrix unit multiplies, where the backend has one */
} fg_path_kind;

/* The path of the next batch. */
const fg_path_kind *fg_path_of(const fg_pass *pass);
uint64_t fg_paths_bytes(const fg_shape *shape);
/* Deferred rows into the sums. */
fgmm_status fg_sum_deferred(fg_pass *pass);

/* evaluate.c: most host bytes of fg_pass_evaluate. */
uint64_t fg_evaluate_host_bytes(const fg_shape *shape);

#endif
