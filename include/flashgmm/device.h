/* flashgmm/device.h - find and open an OpenCL device.
 *
 * A device handle owns a context, its queues, compiled kernels and a budget of device memory. It serves one thread at a
 * time.
 *
 * The library reads environment variables at three moments only: when devices are listed or opened (the cache folder,
 * and what the ICD loader reads); when rows that can be read only once outgrow memory (TMPDIR); and when a virtual HDF5
 * dataset is opened (HDF5_VDS_PREFIX, as libhdf5 does).
 *
 * OpenCL drivers do not survive fork(). In the child of a process that has ever listed or opened devices, every call
 * that would reach a driver returns FGMM_DEVICE: listing, opening, and all calls with handles of the parent. Such
 * handles may only be closed there. Fork first, or start another program (exec).
 */
#ifndef FLASHGMM_DEVICE_H
#define FLASHGMM_DEVICE_H

#include "flashgmm/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fgmm_device fgmm_device;

/* The sets of kernels. All compute the same thing, and the library chooses the one that suits the device and has passed
 * its check there. */
typedef enum fgmm_backend {
    FGMM_BACKEND_AUTO = 0,
    FGMM_BACKEND_CPU_SIMD = 1,      /* for CPUs: a work-item owns a tile, in vector registers */
    FGMM_BACKEND_GPU_WORKGROUP = 2, /* for any GPU: work-groups share local memory; OpenCL C 1.2 */
    /* A matrix unit takes the products of spherical covariances and k-means; everything else is done by one of the
     * others. For CPUs with AMX, through PoCL, and NVIDIA GPUs of compute capability 8.0 or more. */
    FGMM_BACKEND_MATRIX_UNIT = 3
} fgmm_backend;

typedef enum fgmm_device_kind {
    FGMM_DEVICE_OTHER = 0,
    FGMM_DEVICE_CPU = 1,
    FGMM_DEVICE_GPU = 2,
    FGMM_DEVICE_ACCELERATOR = 3
} fgmm_device_kind;

/* What is known of a device without opening it. Strings are always terminated; they are cut if they are longer. */
typedef struct fgmm_device_info {
    size_t size;
    uint32_t index; /* position in the list; fgmm_device_options.match accepts it */
    fgmm_device_kind kind;
    int is_default; /* 1: fgmm_device_open opens this one by default: a GPU, else an accelerator, else a CPU; of
                       several GPUs one with memory of its own, then the one with the most compute units */
    uint32_t compute_units;
    uint32_t vector_width_float; /* the native width, in floats */
    uint32_t max_work_group;
    int has_fp64;
    uint64_t global_memory_bytes;
    uint64_t max_alloc_bytes;
    uint64_t local_memory_bytes;
    fgmm_backend backend; /* the one that is used on the device */
    char name[128];
    char platform[128];
    char driver[128];
    char reason[192]; /* one sentence: why it is the default device or not, and why this backend is used */
    char marks[768];  /* the backends that failed there: for each the cause, the date, the driver's version, and whether
                         it is left out; "" if none did */
    int has_own_memory;   /* 1: memory apart from the host's; 0: a CPU, or what shares the host's memory */
    char pci_address[24]; /* "0000:65:00.0", which tells devices of one name apart; "" if the driver does not tell */
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
    /* NULL: the default device. Digits only: the index in fgmm_devices_list. Anything else: a part of "platform name
     * device name PCI-address", upper and lower case alike, that exists; of several devices that have it, the one that
     * comes first as the default does. */
    const char *match;
    /* The folder that keeps compiled kernels (PoCL keeps its own) and remembers which have passed their check. NULL:
     * $XDG_CACHE_HOME/flashgmm or ~/.cache/flashgmm (%LOCALAPPDATA%, ~/Library/Caches). "": nothing is kept on disk. */
    const char *cache_dir;
    uint64_t memory_limit_bytes; /* the most device memory that the handle may hold; 0: 3/4 of the device's memory */
    fgmm_log_fn log;             /* NULL: silent */
    void *log_user;
    /* The program that tries kernels on a device for the first time, so that a driver that crashes does not take the
     * application along. If it says nothing for ten minutes it is ended, which counts as a crash. NULL: flashgmm-check,
     * where it was installed or built. "": none; kernels are then tried in the application, as they always are on a
     * context that the application lends. See fgmm_check_main. */
    const char *check_program;
} fgmm_device_options;

static inline fgmm_device_options fgmm_device_options_init(void)
{
    fgmm_device_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    return options;
}

/* Lists all devices of all platforms in a fixed order, platforms as the loader gives them. Opens none.
 * infos: capacity entries, each from fgmm_device_info_init; may be NULL if capacity is 0. *count receives how many
 * exist, which may be more than capacity. Having no platform at all is not an error: *count is 0. Errors: ARGUMENT,
 * DEVICE. */
FGMM_API fgmm_status fgmm_devices_list(fgmm_device_info *infos, size_t capacity, size_t *count);

/* Opens a device; close it with fgmm_device_close. options NULL: defaults. The strings are copied. Errors: NO_DEVICE
 * (no platform, or nothing matches: the text lists what exists), DEVICE, ARGUMENT, MEMORY. */
FGMM_API fgmm_status fgmm_device_open(fgmm_device **device, const fgmm_device_options *options);

/* Makes the library try backends again that have failed. Kernels are checked against double precision before their
 * first use on a device. A backend is left out from then on if it gave wrong results, or if its driver ended with an
 * error or a crash in two processes: fgmm_device_info.marks. This removes the marks of all devices. cache_dir: as in
 * fgmm_device_options. *count receives how many marks there were. Errors: ARGUMENT, NO_DEVICE, DEVICE. */
FGMM_API fgmm_status fgmm_devices_forget(const char *cache_dir, size_t *count);

/* This is the whole of the program flashgmm-check: `return fgmm_check_main(argc, argv);`. An application that ships
 * without flashgmm-check may do the same in a program of its own, first thing in main(), and name that program in
 * fgmm_device_options.check_program. Only the library starts it: its arguments differ from version to version. */
FGMM_API int fgmm_check_main(int argc, char **argv);

/* Closes the device; NULL is accepted. Everything opened on it must be closed before. */
FGMM_API void fgmm_device_close(fgmm_device *device);

/* Fills *info, which comes from fgmm_device_info_init, for an open device; its backend is the one in use. Errors:
 * ARGUMENT. */
FGMM_API fgmm_status fgmm_device_describe(const fgmm_device *device, fgmm_device_info *info);

/* Bytes of device memory that the handle holds now, and the most it has held since it was opened. */
FGMM_API uint64_t fgmm_device_bytes(const fgmm_device *device);
FGMM_API uint64_t fgmm_device_peak_bytes(const fgmm_device *device);

/* Seconds that the handle has waited for the driver's compiler since it was opened. Kernels are compiled when they are
 * used for the first time on a device. */
FGMM_API double fgmm_device_compile_s(const fgmm_device *device);

/* "auto", "vector", "group", "matrix". */
FGMM_API const char *fgmm_backend_name(fgmm_backend backend);

#ifdef __cplusplus
}
#endif
#endif
