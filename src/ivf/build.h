/* build.h - rows into a new index, and changes to one that exists. Arguments are checked above (api/ivf.c). */
#ifndef FG_BUILD_H
#define FG_BUILD_H

#include "index.h"

fgmm_status fg_index_build(fgmm_device *device, fgmm_source *source, const char *path,
                           const fgmm_index_options *options, fgmm_index_info *info);
fgmm_status fg_index_add(fgmm_device *device, const char *path, fgmm_source *source, const fgmm_index_options *options);
fgmm_status fg_index_remove(const char *path, const int64_t *ids, uint64_t count, uint64_t *missing);
fgmm_status fg_index_compact(const char *path);
fgmm_status fg_index_save(const fgmm_index *index, const char *path, fgmm_index_format format);

#endif
