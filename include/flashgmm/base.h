/* flashgmm/base.h - status codes, error text, version, element types.
 *
 * Conventions that hold in every header of this library:
 *   - A function that can fail returns an fgmm_status and nothing else; its results come back through pointers. On
 *     failure every out-pointer to a handle is NULL, and fgmm_last_error() says what was wrong, with the value and the
 *     legal range.
 *   - Arrays are dense and row-major; (N,D) means N rows of D elements. Letters are the same everywhere: N rows,
 *     D dimensions, K components. Logarithms are natural, log-likelihoods are in nats.
 *   - Options and reports are structs that begin with their own size. The function named after a struct, with _init
 *     behind it, returns one with its size and all defaults: `fgmm_fit_options options = fgmm_fit_options_init();`.
 *     Assign the members that you want by name. New members are added at the end, so a program built with an older
 *     header keeps working: the size tells the library which members it does not know.
 *   - Calls block until their work is done.
 *   - A handle (an opaque pointer) may be used by one thread at a time unless its header says otherwise; different
 *     handles may be used by different threads. docs/threads.md has the table.
 */
#ifndef FLASHGMM_BASE_H
#define FLASHGMM_BASE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32) && defined(FGMM_BUILD_SHARED)
#define FGMM_API __declspec(dllexport)
#elif defined(__GNUC__)
#define FGMM_API __attribute__((visibility("default")))
#else
#define FGMM_API
#endif

#define FGMM_VERSION_MAJOR 0
#define FGMM_VERSION_MINOR 1
#define FGMM_VERSION_PATCH 0

/* X(name, text): every status of the library. */
#define FGMM_STATUS_LIST(X)                                                                                            \
    X(OK, "success")                                                                                                   \
    X(ARGUMENT, "an argument is outside its range")                                                                    \
    X(DATA, "the data cannot be used")                                                                                 \
    X(FORMAT, "a file is damaged or in a form that is not read")                                                       \
    X(IO, "reading or writing failed")                                                                                 \
    X(MEMORY, "memory ran out or a memory limit is too small")                                                         \
    X(NO_DEVICE, "no OpenCL device fits")                                                                              \
    X(DEVICE, "the OpenCL device or its driver failed")                                                                \
    X(COMPILE, "a kernel did not compile")                                                                             \
    X(UNSUPPORTED, "not supported in this build or on this device")                                                    \
    X(CALLBACK, "a callback of the application failed")                                                                \
    X(CANCELLED, "cancelled by the application")                                                                       \
    X(INTERNAL, "an internal check failed")

typedef enum fgmm_status {
#define FGMM_STATUS_ENUM(name, text) FGMM_##name,
    FGMM_STATUS_LIST(FGMM_STATUS_ENUM)
#undef FGMM_STATUS_ENUM
} fgmm_status;

/* Element types of rows. F64 rows become F32 after a shift is subtracted from them (docs/math.md, "Before float32: the
 * shift"). */
typedef enum fgmm_type {
    FGMM_U8 = 0,
    FGMM_I8 = 1,
    FGMM_F16 = 2, /* IEEE 754 binary16, held as uint16_t */
    FGMM_F32 = 3,
    FGMM_F64 = 4
} fgmm_type;

/* The English text of a status; never NULL, also for unknown codes. Thread-safe. */
FGMM_API const char *fgmm_status_text(fgmm_status status);

/* The text of the last failure on this thread: the object, the value, and what would be right. Never NULL; empty if
 * nothing has failed yet. The buffer belongs to the thread and is valid until its next failure. */
FGMM_API const char *fgmm_last_error(void);

/* "MAJOR.MINOR.PATCH" of the library that is loaded; the macros above tell what the program was compiled against. */
FGMM_API const char *fgmm_version(void);

/* Bytes of one element; 0 for an unknown type. */
FGMM_API size_t fgmm_type_bytes(fgmm_type type);

/* "u8", "i8", "f16", "f32", "f64"; "unknown" otherwise. */
FGMM_API const char *fgmm_type_name(fgmm_type type);

#ifdef __cplusplus
}
#endif
#endif
