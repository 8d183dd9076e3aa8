/* status.h - one way to report failure, for every file of the library.
 *
 * src/base/ holds what any program needs: failures, checked sizes, random numbers, files that are replaced whole, and
 * the only contact with threads, processes and the operating system. It knows nothing of rows, mixtures or devices.
 *
 * A function returns fgmm_status. The place that detects a failure writes the text (FG_CHECK, fg_fail); everybody above
 * only propagates (FG_TRY). Functions that hold resources end in one exit:
 *
 *     fgmm_status status = FGMM_OK;
 *     ...
 *     FG_TRY(step());              // on failure: status is set, goes to done
 * done:
 *     release in reverse order;
 *     return status;
 *
 * Both macros need a local `status` and a label `done`.
 */
#ifndef FG_STATUS_H
#define FG_STATUS_H

#include "flashgmm/base.h"

#if defined(__GNUC__)
#define FG_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define FG_PRINTF(text, first)
#endif

/* Writes the thread's error text and returns `code`. Never allocates; long texts are cut. */
fgmm_status fg_fail(fgmm_status code, const char *format, ...) FG_PRINTF(2, 3);

/* Puts "prefix: " before the present error text; returns `code`. For adding the object's name on the way up. */
fgmm_status fg_fail_prefix(fgmm_status code, const char *format, ...) FG_PRINTF(2, 3);

/* Copies the text out of and back into the thread's buffer: to hand a failure from one thread to another, or to keep it
 * while cleaning up. */
enum { FG_ERROR_TEXT_BYTES = 1024 };
void fg_error_save(char text[FG_ERROR_TEXT_BYTES]);
void fg_error_restore(const char text[FG_ERROR_TEXT_BYTES]);

#define FG_CHECK(condition, code, ...)                                                                                 \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            status = (code); /* before the call, so that an analyser sees that it is a failure */                      \
            fg_fail(status, __VA_ARGS__);                                                                              \
            goto done;                                                                                                 \
        }                                                                                                              \
    } while (0)

#define FG_TRY(call)                                                                                                   \
    do {                                                                                                               \
        status = (call);                                                                                               \
        if (status != FGMM_OK) goto done;                                                                              \
    } while (0)

#endif
