/* model.h - inside of fgmm_model, parameter views, and the file form shared by models and checkpoints.
 *
 * src/model/ holds mixtures: their parameters, shapes and files, and rows drawn from them. It does not train, and knows
 * no device. */
#ifndef FG_MODEL_H
#define FG_MODEL_H

#include "covariance.h"
#include "flashgmm/model.h"

/* Borrowed parameters of a mixture, in the data's own coordinates. */
typedef struct fg_parameters {
    fgmm_covariance covariance;
    uint64_t k, d;
    const double *weights;     /* (k) */
    const double *means;       /* (k,d) */
    const double *covariances; /* as fg_covariance_shape says */
} fg_parameters;

struct fgmm_model {
    fgmm_model_info info;
    double *weights, *means, *covariances; /* as fg_parameters; owned */
    /* 1: made from rows that float32 holds, so that it holds their means as well; -1: from rows that it does not hold;
     * 0: the parameters say. */
    int float32;
};

fg_parameters fg_model_parameters(const fgmm_model *model);

/* 1 where float32 holds numbers up to `largest` that differ by `deviation`: rounding moves them by 2^-14 of it at most,
 * and neither they nor their deviation are near the ends of its range. 0 is a deviation that tells nothing apart. */
int fg_float32_holds(double largest, double deviation);

/* 1 when the model's most probable component is always the nearest mean: equal weights, one variance. */
int fg_is_centroids(const fgmm_model *model);

/* fgmm_model_create plus metadata. info->components, dims, covariance are ignored (taken from parameters). */
fgmm_status fg_model_create(fgmm_model **model, const fg_parameters *parameters, const fgmm_model_info *info);

/* What resuming needs beside the three tensors. */
typedef enum fg_checkpoint_phase { FG_CHECKPOINT_KMEANS = 0, FG_CHECKPOINT_EM = 1 } fg_checkpoint_phase;

/* Finished runs of several (n_init) that a checkpoint carries along. */
typedef struct fg_runs {
    uint64_t count;     /* finished */
    uint64_t best_run;  /* of them, from 0 */
    double *objectives; /* (count) what they have reached; owned */
    fgmm_model *best;   /* owned */
} fg_runs;

typedef struct fg_checkpoint {
    fg_checkpoint_phase phase;  /* the phase that the last finished iteration belongs to */
    uint64_t kmeans_iterations; /* finished */
    uint64_t iterations;        /* EM iterations finished */
    uint64_t reseeded;
    uint64_t batch_rows;
    uint64_t window_rows; /* of shuffled rows; 0: they came in their own order */
    uint64_t weights;     /* a hash of the rows' weights; 0: there were none */
    uint64_t is_dense;    /* the path chosen for the next batch */
    double inertia;
    double *history; /* (history_count), owned */
    uint64_t history_count;
    char tile[128];
    fg_runs runs;
} fg_checkpoint;

void fg_checkpoint_clear(fg_checkpoint *checkpoint);

/* UNSUPPORTED where fgmm_model_load would not read a safetensors file of that name as one. */
fgmm_status fg_model_file_check_name(const char *path);
/* fgmm_model_save and fgmm_model_load with the checkpoint; checkpoint may be NULL (write: a plain model; read: not
 * wanted). Reading a plain model with checkpoint given is FGMM_FORMAT: "... is a model, not a checkpoint". */
fgmm_status fg_model_file_write(const fgmm_model *model, const fg_checkpoint *checkpoint, const char *path);
fgmm_status fg_model_file_read(fgmm_model **model, fg_checkpoint *checkpoint, const char *path);

#endif
