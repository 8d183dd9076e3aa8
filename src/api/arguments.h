/* arguments.h - checks that the public verbs share.
 *
 * src/api/ holds the public verbs: they check arguments, call what is below, and fill reports. It computes nothing, but
 * for what is a few lines above an evaluation (criteria, encodings, densities). */
#ifndef FG_ARGUMENTS_H
#define FG_ARGUMENTS_H

#include "device.h"
#include "flashgmm/fit.h"
#include "model.h"
#include "source.h"
#include "status.h"

/* Device and source are there, and the device is usable in this process. */
fgmm_status fg_check_handles(const fgmm_device *device, const fgmm_source *source);

/* Most reg_covar: the square of the largest data (FG_MOST_F64). */
#define FG_MOST_REG_COVAR 1e200

/* DATA when model and data have different D. what: "model", "start", "statistics". */
fgmm_status fg_check_model(const fgmm_model *model, const fgmm_source *source, const char *what);

/* weights: NULL, or a source of its own. What it holds is looked at when it is read (feed/weights.h). */
fgmm_status fg_check_weights(const fgmm_source *weights, const fgmm_source *source);

/* Copies a struct that a caller compiled against an older header may have made shorter; `to` holds the defaults. Each
 * begins with its size. from NULL: the defaults stay. */
fgmm_status fg_read_options(void *to, const void *from, size_t size, const char *what);

#endif
