/* device.h - the OpenCL runtime as the rest of the library sees it: an open device and its facts. Buffers, uploads,
 * launches and the choice of a kernel backend have headers of their own, which this one includes. All calls are for the
 * thread that uses the handle; launches go to one in-order queue.
 *
 * src/device/ holds all that speaks to drivers about devices, memory and programs, and turns their errors into texts.
 * It does not know what a mixture is, nor which kernels there are. */
#ifndef FG_DEVICE_H
#define FG_DEVICE_H

#include "flashgmm/data.h"
#include "flashgmm/device.h"
#include "flashgmm/testing.h"

#include "backend_record.h"
#include "buffer.h"
#include "launch.h"
#include "upload.h"

/* ---- the device ---- */

/* PCI numbers of the makers of devices. */
enum { FG_VENDOR_ANY = 0, FG_VENDOR_NVIDIA = 0x10de, FG_VENDOR_AMD = 0x1002, FG_VENDOR_INTEL = 0x8086 };

/* How matrices of short floats are multiplied (cl/matrix_*.h). */
typedef enum fg_matrix_unit {
    FG_UNIT_NONE = 0,
    FG_UNIT_PLAIN = 1, /* OpenCL C, for tests on any device */
    FG_UNIT_AMX = 2,   /* x86 tile registers, through PoCL */
    FG_UNIT_WARP = 3,  /* OpenCL C instead of a warp's instructions, for tests on any device */
    FG_UNIT_NVIDIA = 4 /* a warp's mma instructions, from compute capability 8.0 on */
} fg_matrix_unit;

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

/* What is to multiply matrices: AUTO unless fgmm_device_force_blas says otherwise. */
fgmm_blas fg_device_blas(const fgmm_device *device);

/* 1 where the driver makes machine code of its own, at a kernel's first launch (PoCL). */
int fg_device_compiles_at_launch(const fgmm_device *device);

/* Multiplications and additions of a launch, so that it stays below 100 ms on a small device: no watchdog ends it, a
 * desktop stays alive. Passes, scans of lists and k-means++ cut their launches by it; the sums that join partial ones,
 * and those in double precision, have fixed sizes of their own. Results do not depend on the parts, but for the dense
 * path's with less than the default. fg_device_set_launch_work is for tests, and makes default batches smaller too; 0:
 * the default. */
double fg_device_launch_work(const fgmm_device *device);
void fg_device_set_launch_work(fgmm_device *device, double work);
/* Tests only: launches so far. */
uint64_t fg_device_launches(const fgmm_device *device);

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

#endif
