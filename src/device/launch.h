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
    const char *name;        /* for error texts */
} fg_argument;

#define FG_ARG_BUFFER(b)                                                                                               \
    {                                                                                                                  \
        0, NULL, (b), #b                                                                                               \
    }
#define FG_ARG_VALUE(v)                                                                                                \
    {                                                                                                                  \
        sizeof(v), &(v), NULL, #v                                                                                      \
    }
#define FG_ARG_LOCAL(n)                                                                                                \
    {                                                                                                                  \
        (n), NULL, NULL, #n                                                                                            \
    }

/* Enqueues over dims 1..3; global is in work-items (a multiple of local). A buffer that is NULL is an error. */
fgmm_status fg_kernel_launch(fgmm_device *device, cl_kernel kernel, const fg_argument *arguments, size_t count,
                             unsigned dims, const size_t *global, const size_t *local);

/* Launch with all dimensions given; local NULL: 1 each. */
#define FG_LAUNCH(device, kernel, arguments, dims, global, local)                                                      \
    fg_kernel_launch((device), (kernel), (arguments), sizeof(arguments) / sizeof((arguments)[0]), (dims), (global),    \
                     (local))

/* Launches by name, for kernels with more than eight arguments. cl/arguments/ says once what such a kernel takes; the
 * kernel is declared with that list, and FG_ARGUMENTS(fused, FUSED_ARGUMENTS) makes the host's side of it:
 *
 *   fused_arguments   a struct with a member for each argument: a buffer, or a number of the kernel's type
 *   launch_fused      passes the members in the order of the list and enqueues the kernel, as fg_kernel_launch
 *
 * A buffer that is left out is an error of the launch, which names it; a number that is left out is 0. */
#define FG_ARGUMENTS(name, LIST)                                                                                       \
    typedef struct name##_arguments {                                                                                  \
        LIST(FG_MEMBER_BUFFER, FG_MEMBER_BUFFER, FG_MEMBER_VALUE, FG_MEMBER_NEXT);                                     \
    } name##_arguments;                                                                                                \
    static fgmm_status launch_##name(fgmm_device *device, cl_kernel kernel, const name##_arguments *arguments,         \
                                     unsigned dims, const size_t *global, const size_t *local)                         \
    {                                                                                                                  \
        const fg_argument list[] = {LIST(FG_PLACE_BUFFER, FG_PLACE_BUFFER, FG_PLACE_VALUE, FG_PLACE_NEXT)};            \
        return fg_kernel_launch(device, kernel, list, sizeof list / sizeof list[0], dims, global, local);              \
    }

#define FG_MEMBER_BUFFER(type, name) const fg_buffer *name
#define FG_MEMBER_VALUE(type, name)  cl_##type name
#define FG_MEMBER_NEXT()             ;

#define FG_PLACE_BUFFER(type, name)                                                                                    \
    {                                                                                                                  \
        0, NULL, arguments->name, #name                                                                                \
    }
#define FG_PLACE_VALUE(type, name)                                                                                     \
    {                                                                                                                  \
        sizeof(cl_##type), &arguments->name, NULL, #name                                                               \
    }
#define FG_PLACE_NEXT() ,

#endif
