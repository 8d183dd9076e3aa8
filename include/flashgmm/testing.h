/* flashgmm/testing.h - overrides choices that the library otherwise makes by itself.
 *
 * It is for tests, benchmarks and bug reports: an application needs none of it, and flashgmm.h does not include it.
 * The functions hold for the calls that follow on the same device handle; neither blocks.
 */
#ifndef FLASHGMM_TESTING_H
#define FLASHGMM_TESTING_H

#include "flashgmm/device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Uses the kernels of this backend, whether or not they suit the device. If they fail their check, that is an error:
 * they are not replaced. FGMM_BACKEND_AUTO changes nothing. FGMM_BACKEND_MATRIX_UNIT on a CPU without such a unit
 * multiplies in plain OpenCL C, which is slow. Errors: ARGUMENT, UNSUPPORTED (a matrix unit, on a GPU without one). */
FGMM_API fgmm_status fgmm_device_force_backend(fgmm_device *device, fgmm_backend backend);

/* How the statistics of a batch are accumulated. AUTO chooses for each batch by what the batch before it was like. */
typedef enum fgmm_path { FGMM_PATH_AUTO = 0, FGMM_PATH_SPARSE = 1, FGMM_PATH_DENSE = 2 } fgmm_path;

/* Takes this path in fgmm_fit, fgmm_kmeans, fgmm_evaluate, fgmm_kde and fgmm_statistics_accumulate, and in what is
 * built on them; AUTO: chosen again. Tied and full covariances have no dense path. Errors: ARGUMENT. */
FGMM_API fgmm_status fgmm_device_force_path(fgmm_device *device, fgmm_path path);

/* What multiplies matrices of tied and full covariances in `group` and GPU `matrix` kernels. */
typedef enum fgmm_blas {
    FGMM_BLAS_AUTO = 0,   /* our kernels, or CLBlast where tuning found it faster for the shape (docs/tuning.md) */
    FGMM_BLAS_OWN = 1,    /* our kernels */
    FGMM_BLAS_CLBLAST = 2 /* CLBlast, https://github.com/CNugteren/CLBlast */
} fgmm_blas;

/* Takes these in the same calls, for other kernels it changes nothing. Errors: ARGUMENT; UNSUPPORTED (CLBlast, in a
 * library that was built without it). */
FGMM_API fgmm_status fgmm_device_force_blas(fgmm_device *device, fgmm_blas blas);

#ifdef __cplusplus
}
#endif
#endif
