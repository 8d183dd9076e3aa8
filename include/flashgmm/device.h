/* flashgmm/device.h - find and open an OpenCL device.
 *
 * A device handle owns a context, its queues, compiled kernels and a budget of device memory. The library reads the
 * environment when devices are opened or listed (cache folder, and what the ICD loader itself reads), for TMPDIR,
 * where rows that can be read only once outgrow memory, and for HDF5_VDS_PREFIX, as libhdf5 does, when a virtual
 * dataset is opened; at no other moment. A handle serves one thread at a time.
 *
 * OpenCL drivers do not survive fork(). In the child of a process that has listed or opened devices, closed since or
 * not, every call that would reach a driver returns FGMM_DEVICE: listing and opening, and all calls with handles of the
 * parent, which may only be closed there. Fork first, or start another program (exec).
 */
#ifndef FLASHGMM_DEVICE_H
#define FLASHGMM_DEVICE_H

#include "flashgmm/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fgmm_device fgmm_device;

/* Kernel backends. All compute the same thing; AUTO takes what suits the device and has passed its check. */
typedef enum fgmm_backend {
    FGMM_BACKEND_AUTO = 0,
    FGMM_BACKEND_CPU_SIMD = 1,      /* one work-item per tile, vector registers: CPUs */
    FGMM_BACKEND_GPU_WORKGROUP = 2, /* work-groups with local memory, OpenCL C 1.2: any GPU */
    /* Products by a matrix unit for spherical covariances, all else as one of the others: CPUs with AMX, through PoCL,
     * and NVIDIA GPUs of compute capability 8.0 or more. Asked for on another CPU it is slow, and meant for tests. */
    FGMM_BACKEND_MATRIX_UNIT = 3
} fgmm_backend;

typedef enum fgmm_device_kind {
    FGMM_DEVICE_OTHER = 0,
    FGMM_DEVICE_CPU = 1,
    FGMM_DEVICE_GPU = 2,
    FGMM_DEVICE_ACCELERATOR = 3
} fgmm_device_kind;

/* What is known of a device without opening it. Strings are always terminated (cut if longer). */
typedef struct fgmm_device_info {
    size_t size;    /* sizeof(fgmm_device_info), set by the caller */
    uint32_t index; /* position in the list, accepted by fgmm_device_options.match */
    fgmm_device_kind kind;
    int is_default; /* 1 for the one that AUTO selection opens: first GPU, else accelerator, else CPU */
    uint32_t compute_units;
    uint32_t vector_width_float; /* native width in floats */
    uint32_t max_work_group;
    int has_fp64;
    uint64_t global_memory_bytes;
    uint64_t max_alloc_bytes;
    uint64_t local_memory_bytes;
    fgmm_backend backend; /* the backend that AUTO uses there */
    char name[128];
    char platform[128];
    char driver[128];
    char reason[192]; /* one sentence: why it is (not) the default, why that backend */
    char marks[768];  /* what is remembered against kernel backends there: for each the cause, the date, the driver's
                         version, and whether it is left out; "" where nothing is */
} fgmm_device_info;

static inline fgmm_device_info fgmm_device_info_init(void)
{
    fgmm_device_info info;
    memset(&info, 0, sizeof info);
    info.size = sizeof info;
    return info;
}

/* Receives one line of text about slow work ("compiling ..."). Called on the thread that uses the device. */
typedef void (*fgmm_log_fn)(void *user, const char *line);

typedef struct fgmm_device_options {
    size_t size;
    const char *match;           /* NULL: the default device; digits only: an index of fgmm_devices_list; otherwise a
                                    case-insensitive substring of "platform name device name", which must match */
    const char *cache_dir;       /* where compiled kernels are kept (PoCL keeps them itself), and which have passed
                                    their check; NULL: $XDG_CACHE_HOME/flashgmm or ~/.cache/flashgmm
                                    (%LOCALAPPDATA%, ~/Library/Caches); "" : keep nothing on disk */
    uint64_t memory_limit_bytes; /* most device memory that the handle may hold; 0: 3/4 of the device's memory */
    fgmm_log_fn log;             /* NULL: silent */
    void *log_user;
    const char *check_program; /* path of the program that tries kernels of the device for the first time, so that a
                                  driver that crashes does not take the application along; NULL: flashgmm-check where
                                  it was installed or built (one that hangs, and says nothing for ten minutes, is
                                  ended and counts as a crash); "": none, kernels are tried in the application, as they
                                  are on a context that it lends. See fgmm_check_main */
} fgmm_device_options;

static inline fgmm_device_options fgmm_device_options_init(void)
{
    fgmm_device_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    return options;
}

/* Lists all devices of all platforms in a fixed order (platforms as the loader gives them).
 * infos: capacity entries, each with .size set; may be NULL when capacity is 0. *count receives the number that
 * exists, also when larger than capacity. No platform at all is not an error: *count = 0. Does not open devices. */
FGMM_API fgmm_status fgmm_devices_list(fgmm_device_info *infos, size_t capacity, size_t *count);

/* Opens a device. options NULL: defaults. Errors: NO_DEVICE (no platform, nothing matches: the text lists what
 * exists), DEVICE, ARGUMENT, UNSUPPORTED (forced backend cannot run there). */
FGMM_API fgmm_status fgmm_device_open(fgmm_device **device, const fgmm_device_options *options);

/* Kernels are checked against double precision before their first use on a device. Backends that gave wrong results, or
 * whose driver ended with an error or a crash in two processes, are left out from then on: fgmm_device_info.marks.
 * This removes all such marks of all devices, so that their backends are checked again. cache_dir: as in
 * fgmm_device_options. *count receives how many there were. */
FGMM_API fgmm_status fgmm_devices_forget(const char *cache_dir, size_t *count);

/* The whole of the program flashgmm-check: `return fgmm_check_main(argc, argv);`. An application that ships without it
 * may call this first thing in a main() of its own and give that program as fgmm_device_options.check_program. For
 * fgmm_device_open only: the arguments are the library's own and differ from version to version. */
FGMM_API int fgmm_check_main(int argc, char **argv);

/* Closes the device; NULL is accepted. Everything opened on it must be closed before. */
FGMM_API void fgmm_device_close(fgmm_device *device);

/* Fills *info (its .size set by the caller) for an open device; .backend is the one in use. */
FGMM_API fgmm_status fgmm_device_describe(const fgmm_device *device, fgmm_device_info *info);

/* Bytes of device memory that the handle holds now, and the most it has held since it was opened. */
FGMM_API uint64_t fgmm_device_bytes(const fgmm_device *device);
FGMM_API uint64_t fgmm_device_peak_bytes(const fgmm_device *device);

/* Seconds that the handle has waited for the driver's compiler since it was opened: first uses on a device compile. */
FGMM_API double fgmm_device_compile_s(const fgmm_device *device);

/* "auto", "vector", "group", "matrix". */
FGMM_API const char *fgmm_backend_name(fgmm_backend backend);

#ifdef __cplusplus
}
#endif
#endif
