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
 * (every call returns a status: examples/ shows complete programs). One header per noun:
 *     base.h statuses and types | device.h devices | data.h rows | model.h parameters | fit.h training |
 *     predict.h evaluation | select.h comparing models | kde.h kernel densities | encode.h Fisher vectors |
 *     ivf.h nearest-neighbour search |
 *     stats.h the EM loop by hand | output.h rows to files | opencl.h (not included here) your own OpenCL objects
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
