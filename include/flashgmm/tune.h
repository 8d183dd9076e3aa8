/* flashgmm/tune.h - finds fast kernel tiles for a shape on a device, and remembers them.
 *
 * What is found is kept in the text file tiles.txt of the device's cache folder (docs/tuning.md). Every later run on
 * that device uses it, for this shape and for those near it. Results stay the same up to rounding; the report of a fit
 * says which tile was used. Without tuning a device uses the tiles that are shipped: no other call times anything to
 * choose them. */
#ifndef FLASHGMM_TUNE_H
#define FLASHGMM_TUNE_H

#include "flashgmm/data.h"
#include "flashgmm/device.h"
#include "flashgmm/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fgmm_tune_progress {
    uint64_t tried;   /* candidates so far, this one included */
    const char *tile; /* of this candidate; valid during the call */
    int is_dense;     /* 0: timed on the sparse path, 1: on the dense one */
    double seconds;   /* for a batch; infinity if it failed */
    double best_s;    /* the least on this path so far */
    double elapsed_s, budget_s;
} fgmm_tune_progress;

/* Called on the calling thread after each candidate. Nonzero cancels: FGMM_CANCELLED, and nothing is remembered. */
typedef int (*fgmm_tune_fn)(void *user, const fgmm_tune_progress *progress);

typedef struct fgmm_tune_options {
    size_t size;
    uint64_t components, dims;  /* K and D; required */
    fgmm_covariance covariance; /* default spherical, which k-means uses as well */
    fgmm_type type;             /* of the rows; default F32; F64 counts as F32 */
    double budget_s;            /* default 60. No candidate is begun that would end later; only the shipped tile and a
                                   last comparison with it are always timed */
    int keep_remembered;        /* 1: a shape that is already remembered is not tuned again; default 0 */
    fgmm_tune_fn progress;      /* NULL: none */
    void *progress_user;
} fgmm_tune_options;

static inline fgmm_tune_options fgmm_tune_options_init(void)
{
    fgmm_tune_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.covariance = FGMM_SPHERICAL;
    options.type = FGMM_F32;
    options.budget_s = 60;
    return options;
}

typedef struct fgmm_tune_report {
    size_t size;
    fgmm_backend backend;
    int was_remembered; /* 1: nothing was done, because of keep_remembered; of the rest only tile and file are set */
    int is_complete;    /* 0: the budget ended the search */
    uint64_t tried;     /* candidates. Of these: */
    uint64_t failed;    /* did not build or run */
    uint64_t wrong;     /* gave wrong results */
    uint64_t skipped;   /* had ended an earlier process (docs/tuning.md) */
    uint64_t batch_rows;
    /* Seconds for a batch on the sparse path, with the shipped tile and with the one that was found; infinity if the
     * shipped one does not work. */
    double shipped_s, tuned_s;
    /* The same on the dense path; 0 for tied and full covariances. Mixtures so small that the fused path is used for
     * them have both timed on that path. */
    double shipped_dense_s, tuned_dense_s;
    double elapsed_s;
    char shipped_tile[128], tile[128];
    char file[1024]; /* where the tile is remembered */
} fgmm_tune_report;

static inline fgmm_tune_report fgmm_tune_report_init(void)
{
    fgmm_tune_report report;
    memset(&report, 0, sizeof report);
    report.size = sizeof report;
    return report;
}

/* Tunes the device for a shape. Blocks for about the budget. report may be NULL. Errors: ARGUMENT, IO (the tile could
 * not be remembered; then nothing is tried), CANCELLED, MEMORY, DEVICE, COMPILE. */
FGMM_API fgmm_status fgmm_tune(fgmm_device *device, const fgmm_tune_options *options, fgmm_tune_report *report);

#ifdef __cplusplus
}
#endif
#endif
