/* centroids.h - models read from files that hold nothing but means. */
#ifndef FG_CENTROIDS_H
#define FG_CENTROIDS_H

#include "flashgmm/model.h"

/* 1 when the ending of path says that it holds centroids: .npy, .fvecs. */
int fg_is_centroids_name(const char *path);

/* Reads float32 or float64 rows as the means of fgmm_model_from_centroids. Errors: as fgmm_source_open; FORMAT. */
fgmm_status fg_centroids_read(fgmm_model **model, const char *path);

#endif
