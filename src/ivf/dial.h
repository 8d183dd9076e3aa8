/* dial.h - fits the probing rule of an index and calibrates its dial, by searching it. */
#ifndef FG_DIAL_H
#define FG_DIAL_H

#include "index.h"

/* options: for_top, calibration, seed. Needs rows: an index with fewer than two gets a dial that probes everything. */
fgmm_status fg_dial_make(fg_dial *dial, const fgmm_index *index, fgmm_device *device,
                         const fgmm_index_options *options);

/* The threshold that reaches a recall, interpolated; beyond the curve's ends, theirs. */
double fg_dial_threshold(const fg_dial *dial, double recall);

#endif
