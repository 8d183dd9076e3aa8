/* flashgmm.h - Gaussian mixtures at any scale on any OpenCL device. Start here:
 *
 *     fgmm_device *device;  fgmm_source *source;  fgmm_model *model;
 *     fgmm_fit_options options = fgmm_fit_options_init();
 *     options.components = 1024;
 *     fgmm_device_open(&device, NULL);
 *     fgmm_source_open(&source, "vectors.fvecs", NULL);
 *     fgmm_fit(&model, device, source, &options, NULL);
 *     fgmm_model_save(model, "model.safetensors");
 *
 * Every call returns a status; examples/ shows complete programs. There is one header per noun:
 *
 *     base.h     statuses, error text, element types           predict.h  evaluation: log-likelihoods, labels
 *     device.h   OpenCL devices                                select.h   comparing models
 *     data.h     where rows come from                          kde.h      kernel density estimates
 *     model.h    parameters, and their files                   encode.h   Fisher vectors and VLAD
 *     fit.h      training                                      ivf.h      nearest-neighbour search
 *     stats.h    the EM loop by hand                           tune.h     fast kernel tiles for a device
 *     output.h   rows to files
 *
 * Two more are not included here: opencl.h, for applications with OpenCL objects of their own, and testing.h, which
 * forces what the library otherwise chooses.
 */
#ifndef FLASHGMM_H
#define FLASHGMM_H

#include "flashgmm/base.h"
#include "flashgmm/data.h"
#include "flashgmm/device.h"
#include "flashgmm/encode.h"
#include "flashgmm/fit.h"
#include "flashgmm/ivf.h"
#include "flashgmm/kde.h"
#include "flashgmm/model.h"
#include "flashgmm/output.h"
#include "flashgmm/predict.h"
#include "flashgmm/select.h"
#include "flashgmm/stats.h"
#include "flashgmm/tune.h"

#endif
