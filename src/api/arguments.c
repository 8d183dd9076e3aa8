/* arguments.c - checks of public arguments. */
#include "arguments.h"

#include <string.h>

fgmm_status fg_check_handles(const fgmm_device *device, const fgmm_source *source)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(device && source, FGMM_ARGUMENT, "%s is NULL; need an open %s", device ? "source" : "device",
             device ? "source" : "device");
    FG_TRY(fg_device_check(device));
done:
    return status;
}

fgmm_status fg_check_model(const fgmm_model *model, const fgmm_source *source, const char *what)
{
    if (model->info.dims == source->info.dims) return FGMM_OK;
    return fg_fail(FGMM_DATA, "%s: D = %llu, but the data has D = %llu", what, (unsigned long long)model->info.dims,
                   (unsigned long long)source->info.dims);
}

fgmm_status fg_check_weights(const fgmm_source *weights, const fgmm_source *source)
{
    if (weights != source) return FGMM_OK;
    return fg_fail(FGMM_ARGUMENT, "weights is the handle of the rows; need another source");
}

fgmm_status fg_read_options(void *to, const void *from, size_t size, const char *what)
{
    size_t given;
    if (!from) return FGMM_OK;
    memcpy(&given, from, sizeof given);
    if (given < sizeof given)
        return fg_fail(FGMM_ARGUMENT, "%s: size = %zu; set the struct up with its _init function", what, given);
    memcpy(to, from, given < size ? given : size);
    memcpy(to, &size, sizeof size);
    return FGMM_OK;
}
