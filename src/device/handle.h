/* handle.h - what the files of this folder share: the open device, the listing of devices, and texts for the driver's
 * error codes. Nothing outside src/device includes it, except the tests of this folder. */
#ifndef FG_HANDLE_H
#define FG_HANDLE_H

#include "device.h"
#include "program.h"
#include "status.h"

#include <fenv.h>

/* ---- the process and its drivers (driver.c) ---- */

/* What the calling thread had before it called a driver. */
typedef struct fg_driver_visit {
    fenv_t environment;
    double began_s;
} fg_driver_visit;

/* Around listing and opening, the calls that set a driver up: one thread of the process at a time. fg_driver_leave only
 * where enter succeeded. Errors: DEVICE in the child of a process that has entered. */
fgmm_status fg_driver_enter(fg_driver_visit *visit);
void fg_driver_leave(const fg_driver_visit *visit);

/* Around all other calls, since any of them may start threads, compile or run kernels (FG_CL does it): no
 * floating-point exception traps in between. Threads inherit what their creator traps, and neither drivers nor kernels
 * are made for that. */
void fg_driver_calm(fg_driver_visit *visit);
void fg_driver_restore(const fg_driver_visit *visit);
/* Seconds since it was calmed. */
double fg_driver_visit_s(const fg_driver_visit *visit);

/* ---- errors of the driver ---- */

/* "CL_OUT_OF_RESOURCES"; "unknown code" otherwise. */
const char *fg_cl_error_name(cl_int error);

/* Fails with "OBJECT: CALL gave CL_NAME (CODE)", OBJECT from the format. */
fgmm_status fg_cl_fail(fgmm_status code, cl_int error, const char *call, const char *format, ...) FG_PRINTF(4, 5);

/* The same after waiting so long for kernels: tells a launch that the driver has cut off from a device that is gone. */
fgmm_status fg_cl_fail_waiting(fgmm_status code, cl_int error, double waited_s, const char *call, const char *format,
                               ...) FG_PRINTF(5, 6);

/* Like FG_CHECK, for a driver's call: FG_CL(clFinish(queue), code, "clFinish", "queue of %s", name). */
#define FG_CL(error, code, call, ...)                                                                                  \
    do {                                                                                                               \
        fg_driver_visit visit_;                                                                                        \
        fg_driver_calm(&visit_);                                                                                       \
        const cl_int cl_error_ = (error);                                                                              \
        fg_driver_restore(&visit_);                                                                                    \
        if (cl_error_ != CL_SUCCESS) {                                                                                 \
            status = fg_cl_fail((code), cl_error_, (call), __VA_ARGS__);                                               \
            goto done;                                                                                                 \
        }                                                                                                              \
    } while (0)

/* Like FG_CL, for a call that waits for kernels. */
#define FG_CL_WAIT(error, code, call, ...)                                                                             \
    do {                                                                                                               \
        fg_driver_visit visit_;                                                                                        \
        fg_driver_calm(&visit_);                                                                                       \
        const cl_int cl_error_ = (error);                                                                              \
        fg_driver_restore(&visit_);                                                                                    \
        if (cl_error_ != CL_SUCCESS) {                                                                                 \
            status = fg_cl_fail_waiting((code), cl_error_, fg_driver_visit_s(&visit_), (call), __VA_ARGS__);           \
            goto done;                                                                                                 \
        }                                                                                                              \
    } while (0)

/* ---- devices that exist ---- */

typedef struct fg_found_device {
    cl_platform_id platform;
    cl_device_id id;
    char problem[160]; /* why it cannot be used; "": it can */
    fgmm_device_info info;
} fg_found_device;

/* All devices in the order of fgmm_devices_list, defaults and reasons filled. *found is malloc'ed (NULL when there are
 * none). *platforms receives the number of platforms. */
fgmm_status fg_platform_find(fg_found_device **found, size_t *count, size_t *platforms);

/* is_default and reason of each, from the rest of what is known: the one that is opened by default is the best of those
 * that can be used, by kind, memory of its own, compute units. */
void fg_platform_explain(fg_found_device *found, size_t count);

/* Fails with NO_DEVICE and what can be done about having no device at all. */
fgmm_status fg_platform_fail_empty(size_t platforms);

/* The one that `match` (fgmm_device_options.match) means. Errors: NO_DEVICE, with what exists. */
fgmm_status fg_platform_choose(const fg_found_device **chosen, const fg_found_device *found, size_t count,
                               size_t platforms, const char *match);

/* Fills info of a device, and in problem why it cannot be used. */
void fg_platform_examine(fg_found_device *device);

/* What is known of one device; index, is_default and reason stay as they are. */
/* Errors: DEVICE with the query that the driver does not answer. */
fgmm_status fg_platform_describe(fgmm_device_info *info, cl_platform_id platform, cl_device_id id);
fgmm_status fg_platform_facts(fg_device_facts *facts, cl_device_id id);

/* ---- which backend (backend_record.c) ---- */

/* Takes the next backend while what is remembered on disk speaks against the one in info, unless the options ask for
 * it; info.reason says why. */
void fg_backend_recall(fgmm_device *device);

/* info->marks: what is remembered against backends of the device. Of the handle, platform, id, folder and check program
 * are used. */
void fg_backend_describe(fgmm_device_info *info, const fgmm_device *device);

/* Removes the marks of all its backends; returns how many there were. */
size_t fg_backend_forget(const fgmm_device *device);

/* The check program for fgmm_device_options.check_program, malloc'ed; NULL: none. */
char *fg_check_program(const char *wanted);

/* 1 when kernels of this process may use AMX; asks the operating system for it (amx.c). */
int fg_amx_is_allowed(void);

/* "vector kernels, since ...": why that backend is chosen on devices of that kind. */
const char *fg_platform_backend_reason(fgmm_backend backend, fgmm_device_kind kind);

/* ---- the handle ---- */

enum { FG_CHECKED = 64, FG_LOGGED = 64 };

struct fgmm_device {
    cl_platform_id platform;
    cl_device_id id;
    int is_device_retained;
    cl_context context;
    cl_command_queue queue;        /* in order */
    cl_command_queue upload_queue; /* in order; made by the first upload */
    fgmm_device_info info;
    fg_device_facts facts;
    int is_backend_forced;        /* fgmm_device_force_backend */
    fgmm_path path;               /* fgmm_device_force_path */
    fgmm_blas blas;               /* fgmm_device_force_blas */
    int has_failed_before;        /* a backend has failed its check on this handle */
    uint64_t held_failure;        /* fail_launch meanwhile */
    uint64_t checked[FG_CHECKED]; /* hashes of programs that passed their check in this handle, the latest ones */
    uint32_t next_checked;
    char *check_program;        /* path; NULL: none */
    int is_check_program;       /* this process is one */
    double check_silence_s;     /* 0: the usual */
    int is_lent;                /* the context is the application's */
    int is_checking;            /* between fg_backend_begin_check and fg_backend_end_check */
    int is_leaving_marks;       /* meanwhile */
    unsigned unfinished_before; /* checks in a row that ended with their process, while ... */
    char unfinished_what[384];
    long process_id; /* of the process that opened it */
    uint64_t memory_limit, bytes, peak_bytes;
    fgmm_log_fn log;
    void *log_user;
    double launch_work;         /* fg_device_set_launch_work; 0: the default */
    uint64_t launches;          /* so far */
    uint64_t fail_launch;       /* launches until the injected failure; 0: none */
    fgmm_backend spoiled;       /* its evaluations give NaN; AUTO: none */
    int is_poisoning;           /* new buffers are filled with 0xff */
    char *cache_folder;         /* NULL: nothing is kept on disk */
    int is_compiling_at_launch; /* machine code is made at a kernel's first launch, and kept by the driver (PoCL) */
    uint64_t logged[FG_LOGGED]; /* hashes of lines that need not be said twice, the latest ones */
    uint32_t next_logged;
    double compile_s; /* spent in builds, and in such launches */
    fg_program *programs;
    void *companion;
    void (*release_companion)(void *companion);
    int has_used_blas; /* CLBlast keeps kernels for its context */
    int is_timed;      /* timing.c: launches leave events */
    double blas_s;     /* of a BLAS's calls, timed */
    cl_event *events;  /* (event_count), in order */
    size_t event_count, event_capacity;
};

/* The caller's options (NULL: defaults) as this version of the library knows them. */
fgmm_status fg_device_read_options(fgmm_device_options *copy, const fgmm_device_options *options);
/* A handle without context and queue, which fgmm_device_close accepts. */
fgmm_status fg_device_new(fgmm_device **device, const fg_found_device *found, const fgmm_device_options *options);
fgmm_status fg_device_make_queue(fgmm_device *device);

/* ---- timed launches (timing.c) ---- */

/* Where clEnqueueNDRangeKernel puts the launch's event; NULL: it leaves none. fg_timing_record after it succeeded. */
cl_event *fg_timing_event(fgmm_device *device);
void fg_timing_record(fgmm_device *device);
void fg_timing_free(fgmm_device *device);

/* ---- the rest ---- */

/* Releases what a BLAS keeps, for all devices of the process; those that still use it compile again (blas.c). */
void fg_blas_close(fgmm_device *device);

cl_mem fg_buffer_memory(const fg_buffer *buffer);

/* 1 in the process that opened the device: elsewhere the driver must not be called. */
int fg_device_is_mine(const fgmm_device *device);

#endif
