/* device.h - the OpenCL runtime as the rest of the library sees it: an open device, owned buffers with a byte budget,
 * kernels by name, launches. Everything above speaks in these terms; errors of the driver become texts here.
 * All calls are for the thread that uses the handle; launches go to one in-order queue. */
#ifndef FG_DEVICE_H
#define FG_DEVICE_H

#include "flashgmm/data.h"
#include "flashgmm/device.h"
#include "flashgmm/testing.h"

#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120
#endif
#include <CL/cl.h>

/* ---- the device ---- */

/* PCI numbers of the makers of devices. */
enum { FG_VENDOR_ANY = 0, FG_VENDOR_NVIDIA = 0x10de, FG_VENDOR_AMD = 0x1002, FG_VENDOR_INTEL = 0x8086 };

/* How matrices of short floats are multiplied (cl/matrix_*.h). */
typedef enum fg_matrix_unit {
    FG_UNIT_NONE = 0,
    FG_UNIT_PLAIN = 1, /* OpenCL C, for tests on any device */
    FG_UNIT_AMX = 2,   /* x86 tile registers, through PoCL */
    FG_UNIT_WARP = 3,  /* OpenCL C in the place of a warp's instructions, for tests on any device */
    FG_UNIT_NVIDIA = 4 /* a warp's mma instructions, from compute capability 8.0 on */
} fg_matrix_unit;

/* Multiplies in the group backend's program, in f16 terms; the others are the vector backend's. */
static inline int fg_unit_is_warp(fg_matrix_unit unit)
{
    return unit == FG_UNIT_WARP || unit == FG_UNIT_NVIDIA;
}

typedef struct fg_device_facts {
    fgmm_device_kind kind;
    uint32_t compute_units;
    uint32_t vector_width; /* floats in a native vector: 4, 8 or 16 (1 becomes 4) */
    size_t max_work_group;
    uint32_t vendor_id;  /* PCI number where there is one */
    uint32_t wave_items; /* work-items that run in step: a warp, a wave; 0 where the driver does not tell */
    uint64_t local_bytes;
    uint64_t max_alloc_bytes;
    uint64_t global_bytes;
    int has_fp64;
    int has_unified_memory;     /* mapping is free of copies */
    int has_register_limit;     /* the compiler takes -cl-nv-maxrregcount=N */
    fg_matrix_unit matrix_unit; /* NONE or what the device has */
} fg_device_facts;

const fg_device_facts *fg_device_facts_of(const fgmm_device *device);

/* FGMM_DEVICE when the process has forked since opening (drivers hang there). First line of every public verb. */
fgmm_status fg_device_check(const fgmm_device *device);

/* Family of all kernels but a matrix unit's: VECTOR or GROUP. */
fgmm_backend fg_device_backend(const fgmm_device *device);

/* What multiplies where the backend in use is MATRIX, PLAIN where the device has no such unit; NONE otherwise. */
fg_matrix_unit fg_device_unit(const fgmm_device *device);

/* 1 when fgmm_device_force_backend chose the backend in use. */
int fg_device_is_backend_forced(const fgmm_device *device);

/* How statistics are to be accumulated: AUTO unless fgmm_device_force_path says otherwise. */
fgmm_path fg_device_path(const fgmm_device *device);

/* ---- checks of kernel backends (backend_record.c); program: text that tells one compiled program from another ---- */

/* 1 when the program has passed its check, in this handle or as the cache folder remembers. */
int fg_backend_is_checked(const fgmm_device *device, const char *program);
/* The program of the library's own that is to do the check, so that a driver that crashes does not take the application
 * along (fgmm_device_options.check_program); NULL: the check runs in this process. */
const char *fg_backend_check_program(const fgmm_device *device);
/* Around a check in this process. In between, a mark on disk says what it is about, fg_backend_stage: what is being
 * compiled or run ("running", "responsibilities"). A process that ends with its mark there was killed or has crashed.
 */
void fg_backend_begin_check(fgmm_device *device);
void fg_backend_stage(fgmm_device *device, const char *doing, const char *what);
void fg_backend_end_check(fgmm_device *device);
/* The program has passed: remembered, and a suspicion that came of it is gone. */
void fg_backend_record_passed(fgmm_device *device, const char *program);
/* The backend in use has failed: remembers it and takes the next one. is_certain: the device gave wrong results; else
 * it is an error or a crash, which the host may have to answer for, and which is believed when another process has met
 * with one before. Errors: UNSUPPORTED when there is no next one, or this one is forced. */
fgmm_status fg_backend_fail(fgmm_device *device, const char *program, const char *why, int is_certain);
/* The backend behind the one in use; AUTO: there is none, or the one in use is forced. */
fgmm_backend fg_backend_next(const fgmm_device *device);
/* The backend in use: AUTO's choice, which fg_backend_claim replaces for a trial, or in a process that checks for
 * another.
 */
fgmm_backend fg_backend_in_use(const fgmm_device *device);
void fg_backend_claim(fgmm_device *device, fgmm_backend backend);

/* What the check program says to the process that started it, in lines with one of these before a text. */
#define FG_CHECK_STAGE  "flashgmm-check: stage "  /* what is being compiled or run */
#define FG_CHECK_LOG    "flashgmm-check: log "    /* a line for fgmm_device_options.log */
#define FG_CHECK_ANSWER "flashgmm-check: answer " /* the last one: "passed", "wrong ...", "error ...", "unsure ..." */

/* Seconds that a check program may say nothing before it is taken to hang: ten minutes, since it names each compilation
 * and launch, which take seconds on all implementations of docs/portability.md. Tests set less; 0: the usual. */
double fg_device_check_silence_s(const fgmm_device *device);
void fg_device_set_check_silence_s(fgmm_device *device, double seconds);
/* Makes the handle one of a check program: it leaves no marks and says its stages on standard output. */
void fg_device_check_for_another(fgmm_device *device);
/* 1 where the driver makes machine code of its own, at a kernel's first launch (PoCL). */
int fg_device_compiles_at_launch(const fgmm_device *device);

/* Waits for all launches; reports their errors. */
fgmm_status fg_device_finish(fgmm_device *device);

/* The folder where files are kept between runs; NULL: nowhere. */
const char *fg_device_cache_folder(const fgmm_device *device);

/* An fgmm_log_fn whose user is the device: passes the line on to the application's. */
void fg_device_log(void *device, const char *line);
/* The same, unless the line has been passed on before. */
void fg_device_log_once(fgmm_device *device, const char *line);
/* Seconds that another process has compiled for this handle: they count in fgmm_device_compile_s. */
void fg_device_record_compiling(fgmm_device *device, double seconds);

/* One thing that the layer above keeps with the handle; release(companion) when the handle is closed, and when it is
 * replaced. NULL: none. */
void *fg_device_companion(const fgmm_device *device);
void fg_device_set_companion(fgmm_device *device, void *companion, void (*release)(void *companion));

/* A second handle on the same device, with kernels of its own that are kept nowhere, closed as any other and before
 * `device`. fg_device_timed_s waits for its launches and gives the seconds that those since the last call have taken on
 * the device. */
fgmm_status fg_device_open_timed(fgmm_device **timed, const fgmm_device *device);
fgmm_status fg_device_timed_s(fgmm_device *timed, double *seconds);

/* Tests only: the count-th launch from now fails as if the driver had returned CL_OUT_OF_RESOURCES. 0: never. */
void fg_device_fail_launch(fgmm_device *device, uint64_t count);

/* Tests only: evaluations by kernels of this backend give NaN from now on, as those of a driver that goes wrong. AUTO:
 * none do. */
void fg_device_spoil(fgmm_device *device, fgmm_backend backend);
int fg_device_is_spoiled(const fgmm_device *device);

/* Tests only: buffers made from now on are filled with 0xff bytes (NaN as float, the largest index as integer), so that
 * a kernel that reads what nobody wrote gives a wrong result every time instead of now and then. */
void fg_device_poison_buffers(fgmm_device *device);

/* Bytes that may still be allocated under the handle's budget. */
uint64_t fg_device_bytes_left(const fgmm_device *device);

/* ---- buffers ---- */

typedef struct fg_buffer fg_buffer;

typedef enum fg_buffer_use {
    FG_BUFFER_DEVICE, /* lives where kernels are fast */
    FG_BUFFER_STAGING /* host memory that the device reads quickly (CL_MEM_ALLOC_HOST_PTR) */
} fg_buffer_use;

/* Errors: MEMORY with `what`, the bytes, and what the budget or CL_DEVICE_MAX_MEM_ALLOC_SIZE allows. bytes = 0 becomes
 * 1 element. Contents are undefined. */
fgmm_status fg_buffer_create(fg_buffer **buffer, fgmm_device *device, size_t bytes, fg_buffer_use use,
                             const char *what);
/* Wraps memory of the application (opencl.h); retained, not counted in the budget. */
fgmm_status fg_buffer_lend(fg_buffer **buffer, fgmm_device *device, cl_mem memory);
void fg_buffer_free(fg_buffer *buffer);
size_t fg_buffer_bytes(const fg_buffer *buffer);

/* Blocking copies. */
fgmm_status fg_buffer_write(fg_buffer *buffer, size_t offset, const void *bytes, size_t count);
fgmm_status fg_buffer_read(const fg_buffer *buffer, size_t offset, void *bytes, size_t count);
/* Enqueued: all bytes become 0xff, which is NaN as float, so that what nobody writes shows. */
fgmm_status fg_buffer_poison(fg_buffer *buffer);
/* Enqueued: all bytes of the range become 0. */
fgmm_status fg_buffer_zero(fg_buffer *buffer, size_t offset, size_t count);
/* Makes the whole buffer addressable by the host for writing (its contents become undefined), blocking; unmap is
 * enqueued. Between the two the host thread that holds the pointer need not be the one that mapped. */
fgmm_status fg_buffer_map(fg_buffer *buffer, void **pointer);
fgmm_status fg_buffer_unmap(fg_buffer *buffer, void *pointer);

/* ---- answers: small numbers that the device gives while it goes on working (answer.c) ---- */

typedef struct fg_answer fg_answer;

/* Errors: MEMORY, DEVICE. */
fgmm_status fg_answer_create(fg_answer **answer, fgmm_device *device, size_t bytes, const char *what);
/* Blocks until a copy under way has ended. NULL is accepted. */
void fg_answer_free(fg_answer *answer);
/* Enqueues the copy of the buffer, behind the kernels launched so far. */
fgmm_status fg_answer_ask(fg_answer *answer, const fg_buffer *buffer);
/* Blocks until what was asked for last is there. */
fgmm_status fg_answer_wait(fg_answer *answer, void *bytes, size_t count);

/* ---- uploads: rows travel on a queue of their own while kernels run ---- */

/* Where the host fills a buffer: pinned memory and the copy of it that is under way or, where host and device share
 * memory, the buffer itself, mapped. One thread at a time uses it; the reader may be another than the one that launches
 * kernels, as long as they take turns. The order of calls, batch after batch: begin, (fill, send) once or several
 * times, end, use, (launch kernels), release. Only begin and end wait, so that whoever launches kernels never does. */
typedef struct fg_upload fg_upload;

/* Errors: MEMORY, DEVICE. */
fgmm_status fg_upload_create(fg_upload **upload, fgmm_device *device, size_t bytes);
/* Blocks until a copy under way has ended. NULL is accepted. */
void fg_upload_free(fg_upload *upload);
/* Host memory for what goes to a buffer; blocks until it may be filled: until its last copy has ended or, where memory
 * is shared, the kernels launched before fg_upload_release. */
fgmm_status fg_upload_begin(fg_upload *upload, fg_buffer *to, void **pointer);
/* `bytes` from `offset` on are filled: enqueues their copy to the same place of the buffer, behind the kernels launched
 * before fg_upload_release. */
fgmm_status fg_upload_send(fg_upload *upload, size_t offset, size_t bytes);
/* The batch is complete, or given up; the memory must not be touched any more. Harmless when nothing was begun. */
fgmm_status fg_upload_end(fg_upload *upload);
/* Kernels launched after this find what was copied. */
fgmm_status fg_upload_use(fg_upload *upload);
/* The kernels launched so far are the last that read what was copied. */
fgmm_status fg_upload_release(fg_upload *upload);

/* Rows lent by the application: what fgmm_source.opencl points to. */
typedef struct fg_lent_rows {
    fg_buffer *buffer;
    size_t offset_bytes;
} fg_lent_rows;

/* ---- kernels ---- */

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
