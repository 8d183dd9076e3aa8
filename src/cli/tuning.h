/* tuning.h - what tune and fit --tune share: one tuning with its progress line. */
#ifndef CLI_TUNING_H
#define CLI_TUNING_H

#include "work.h"

/* Tunes as the options say; sets their progress callback. On a terminal a line tells how far it is. A CLI_DO step. */
int cli_tune(fgmm_tune_report *report, fgmm_device *device, fgmm_tune_options *options, cli_progress *progress);

#endif
