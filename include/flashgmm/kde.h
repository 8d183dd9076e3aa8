/* flashgmm/kde.h - kernel density estimates: every row of the data is the mean of a Gaussian. */
#ifndef FLASHGMM_KDE_H
#define FLASHGMM_KDE_H

#include "flashgmm/predict.h"

#ifdef __cplusplus
extern "C" {
#endif

/* log_density (Q), float64, nats: of each query q under the estimate from the N rows x_i of the data,
 *     log [ 1/N sum_i N(q | x_i, bandwidth^2 I) ],
 * normalised: the density integrates to 1 (scikit-learn's KernelDensity, kernel gaussian). bandwidth: a deviation, in
 * units of the data, 1e-100 to 1e100. Both sources are streamed: the data once, the queries once for every few thousand
 * rows of the data. Q is the queries' row count, which must be known. options: batches, memory, path, progress (phase
 * FINAL, an iteration per piece of the data); NULL: defaults.
 * Errors: ARGUMENT, DATA (other D, NaN or infinity, a query so far away that float32 cannot hold its density), MEMORY,
 * DEVICE, IO, CALLBACK, CANCELLED. */
FGMM_API fgmm_status fgmm_kde(double *log_density, fgmm_device *device, fgmm_source *data, fgmm_source *queries,
                              double bandwidth, const fgmm_evaluate_options *options);

#ifdef __cplusplus
}
#endif
#endif
