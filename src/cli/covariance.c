/* covariance.c - behind covariance.h: what the public API says of covariance types. */
#include "covariance.h"

#include <string.h>

const char *cli_covariance_choice(int i)
{
    const char *name = fgmm_covariance_name((fgmm_covariance)i);
    return strcmp(name, "unknown") == 0 ? NULL : name;
}

cli_covariances cli_covariances_of(const fgmm_model *model)
{
    cli_covariances c = {.type = fgmm_covariance_info_init(), .values = fgmm_model_covariances(model)};
    fgmm_model_info info = fgmm_model_info_init();
    fgmm_model_describe(model, &info);
    fgmm_covariance_describe(info.covariance, &c.type);
    c.d = (size_t)info.dims;
    return c;
}

const double *cli_covariance_at(const cli_covariances *c, size_t component)
{
    const size_t count = c->type.has_matrices ? c->d * c->d : c->type.is_spherical ? 1 : c->d;
    return c->values + (c->type.is_shared ? 0 : component * count);
}

double cli_covariance_element(const cli_covariances *c, size_t component, size_t i, size_t j)
{
    const double *values = cli_covariance_at(c, component);
    if (c->type.has_matrices) return values[i * c->d + j];
    return i != j ? 0 : values[c->type.is_spherical ? 0 : i];
}
