/* launch.h - kernels by name, and their launches. */
#ifndef FG_LAUNCH_H
#define FG_LAUNCH_H

#include "buffer.h"

/* A kernel of the device's own: compiled at first use from the embedded sources, kept with the handle, its binary kept
 * in the cache folder where the driver has no cache itself. leaf: the file of cl/ that, with what it includes, is the
 * program ("cpu/sparse.cl"). options: "-DTILE_ROWS=12 ...". Logs "compiling ..." when it must really compile. Errors:
 * COMPILE with the build log (its first lines), kernel name and options. */
fgmm_status fg_kernel_get(cl_kernel *kernel, fgmm_device *device, const char *leaf, const char *options,
                          const char *name);

/* Arguments in order, as the kernel declares them. */
typedef struct fg_argument {
    size_t bytes;
    const void *value;       /* scalar; NULL with bytes > 0: local memory of that many bytes */
    const fg_buffer *buffer; /* a buffer instead */
} fg_argument;

#define FG_ARG_BUFFER(b)                                                                                               \
    {                                                                                                                  \
        0, NULL, (b)                                                                                                   \
    }
#define FG_ARG_VALUE(v)                                                                                                \
    {                                                                                                                  \
        sizeof(v), &(v), NULL                                                                                          \
    }
#define FG_ARG_LOCAL(n)                                                                                                \
    {                                                                                                                  \
        (n), NULL, NULL                                                                                                \
    }

/* Enqueues over dims 1..3; global is in work-items (a multiple of local). */
fgmm_status fg_kernel_launch(fgmm_device *device, cl_kernel kernel, const fg_argument *arguments, size_t count,
                             unsigned dims, const size_t *global, const size_t *local);

#endif
