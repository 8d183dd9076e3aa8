/* flashgmm/kde.h - kernel density estimates: every row of the data is the mean of a Gaussian. */
#ifndef FLASHGMM_KDE_H
#define FLASHGMM_KDE_H

#include "flashgmm/predict.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Computes the log-density of each query q under the estimate from the N rows x_i of the data,
 *     log [ 1/N sum_i N(q | x_i, bandwidth^2 I) ],
 * into log_density (Q), float64, in nats. The density integrates to 1, as scikit-learn's KernelDensity with a Gaussian
 * kernel. bandwidth is a standard deviation in units of the data, 1e-100 to 1e100. Q is the queries' number of rows,
 * which must be known. Both sources are streamed: the data once, the queries once for every few thousand rows of the
 * data. options: batches, memory and progress count (phase FINAL, an iteration per chunk of the data); NULL: defaults.
 * Blocks. Errors: ARGUMENT, DATA (another D; NaN or infinity; a query so far away that float32 cannot hold its
 * density), MEMORY, DEVICE, IO, CALLBACK, CANCELLED. */
FGMM_API fgmm_status fgmm_kde(double *log_density, fgmm_device *device, fgmm_source *data, fgmm_source *queries,
                              double bandwidth, const fgmm_evaluate_options *options);

#ifdef __cplusplus
}
#endif
#endif
