/* npz_model.h - mixtures as .npz files with scikit-learn's names: weights_, means_, covariances_. */
#ifndef FG_NPZ_MODEL_H
#define FG_NPZ_MODEL_H

#include "flashgmm/model.h"

/* Errors: as fg_npz_read; FORMAT where the values make no mixture. */
fgmm_status fg_npz_model_read(fgmm_model **model, const char *path);

fgmm_status fg_npz_model_write(const fgmm_model *model, const char *path);

#endif
