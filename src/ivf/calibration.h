/* calibration.h - fits the probing predictor of an index and calibrates it, by searching the index. */
#ifndef FG_CALIBRATION_H
#define FG_CALIBRATION_H

#include "index.h"
#include "progress.h"

/* options: for_top, calibration, seed, memory_limit_bytes. Needs rows: an index with fewer than two gets a calibration
 * that probes everything. progress: an iteration over the index's rows has begun. */
fgmm_status fg_calibration_make(fg_calibration *calibration, fg_seen *seen, const fgmm_index *index,
                                fgmm_device *device, const fgmm_index_options *options, fg_progress *progress);

/* The threshold that reaches a recall, interpolated; beyond the curve's ends, theirs. */
double fg_calibration_threshold(const fg_calibration *calibration, double recall);

#endif
