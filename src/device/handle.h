/* handle.h - what the files of this folder share: the open device, its compiled programs, the listing of devices, and
 * texts for the driver's error codes. Nothing outside src/device includes it, except the tests of this folder. */
#ifndef FG_HANDLE_H
#define FG_HANDLE_H

#include "device.h"
#include "status.h"

/* ---- errors of the driver ---- */

/* "CL_OUT_OF_RESOURCES"; "unknown code" otherwise. */
const char *fg_cl_error_name(cl_int error);

/* Fails with "OBJECT: CALL gave CL_NAME (CODE)", OBJECT from the format. */
fgmm_status fg_cl_fail(fgmm_status code, cl_int error, const char *call, const char *format, ...) FG_PRINTF(4, 5);

/* Like FG_CHECK, for a driver's error code: FG_CL(error, code, "clFinish", "queue of %s", name). */
#define FG_CL(error, code, call, ...)                                                                                  \
    do {                                                                                                               \
        cl_int cl_error_ = (error);                                                                                    \
        if (cl_error_ != CL_SUCCESS) {                                                                                 \
            status = fg_cl_fail((code), cl_error_, (call), __VA_ARGS__);                                               \
            goto done;                                                                                                 \
        }                                                                                                              \
    } while (0)

/* ---- devices that exist ---- */

typedef struct fg_found_device {
    cl_platform_id platform;
    cl_device_id id;
    int is_usable; /* available, and its driver compiles OpenCL C */
    fgmm_device_info info;
} fg_found_device;

/* All devices in the order of fgmm_devices_list, defaults and reasons filled. *found is malloc'ed (NULL when there are
 * none). *platforms receives the number of platforms. */
fgmm_status fg_platform_find(fg_found_device **found, size_t *count, size_t *platforms);

/* The one that `match` (fgmm_device_options.match) means. Errors: NO_DEVICE, with what exists. */
fgmm_status fg_platform_choose(const fg_found_device **chosen, const fg_found_device *found, size_t count,
                               size_t platforms, const char *match);

/* What is known of one device; index, is_default and reason stay as they are. */
void fg_platform_describe(fgmm_device_info *info, cl_platform_id platform, cl_device_id id);
void fg_platform_facts(fg_device_facts *facts, cl_device_id id);

/* "vector kernels, since ...": why that family is chosen there. */
const char *fg_platform_family_reason(fgmm_device_kind kind);

/* ---- compiled programs ---- */

enum { FG_KERNEL_NAME_BYTES = 64 };

typedef struct fg_kernel {
    struct fg_kernel *next;
    cl_kernel kernel;
    int is_launched; /* at least once in this handle */
    char name[FG_KERNEL_NAME_BYTES];
} fg_kernel;

typedef struct fg_program {
    struct fg_program *next;
    char *label;   /* names of the files */
    char *options; /* without the base options */
    cl_program program;
    fg_kernel *kernels;
} fg_program;

struct fgmm_device {
    cl_platform_id platform;
    cl_device_id id;
    cl_context context;
    cl_command_queue queue; /* in order */
    fgmm_device_info info;
    fg_device_facts facts;
    long process_id; /* of the process that opened it */
    uint64_t memory_limit, bytes, peak_bytes;
    fgmm_log_fn log;
    void *log_user;
    uint64_t fail_launch; /* launches until the injected failure; 0: none */
    char *cache_folder;   /* NULL: nothing is kept on disk */
    fg_program *programs;
};

/* fg_kernel_get for a source text that is already there. label: what logs and errors call it, and, together with the
 * options, what finds it again: one label means one text. */
fgmm_status fg_kernel_from_source(cl_kernel *kernel, fgmm_device *device, const char *label, const char *source,
                                  const char *options, const char *name);

/* Releases all kernels and programs. In a forked child only the host's memory is released. */
void fg_programs_free(fgmm_device *device);

cl_mem fg_buffer_memory(const fg_buffer *buffer);

/* 1 in the process that opened the device: elsewhere the driver must not be called. */
int fg_device_is_mine(const fgmm_device *device);

#endif
