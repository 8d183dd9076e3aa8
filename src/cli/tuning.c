/* tuning.c - behind tuning.h. */
#include "tuning.h"

#include <math.h>
#include <stdio.h>

typedef struct tuning {
    cli_progress *progress;
    double first_s[2]; /* of the first candidate that worked, sparse and dense */
} tuning;

static int show(void *user, const fgmm_tune_progress *now)
{
    tuning *t = user;
    double *first_s = &t->first_s[now->is_dense != 0];
    if (*first_s == 0 && isfinite(now->seconds)) *first_s = now->seconds;
    if (t->progress->is_shown) {
        fprintf(stderr, "\rtuning: %llu tiles in %.0f of at most %.0f s", (unsigned long long)now->tried,
                now->elapsed_s, now->budget_s);
        if (*first_s > 0)
            fprintf(stderr, ", %s path %.2f times as fast", now->is_dense ? "dense" : "sparse", *first_s / now->best_s);
        fputs("\033[K", stderr);
        fflush(stderr);
        t->progress->is_drawn = 1;
    }
    return cli_interrupted();
}

int cli_tune(fgmm_tune_report *report, fgmm_device *device, fgmm_tune_options *options, cli_progress *progress)
{
    tuning t = {.progress = progress};
    options->progress = show;
    options->progress_user = &t;
    const fgmm_status status = fgmm_tune(device, options, report);
    cli_progress_end(progress);
    return cli_library(status);
}
