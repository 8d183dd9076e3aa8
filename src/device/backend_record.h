/* backend_record.h - which kernel backend a device uses: checks before the first use, failures, and what is remembered
 * of them. `program`: text that tells one compiled program from another. */
#ifndef FG_BACKEND_RECORD_H
#define FG_BACKEND_RECORD_H

#include "flashgmm/device.h"

/* 1 when the program has passed its check, in this handle or as the cache folder remembers. */
int fg_backend_is_checked(const fgmm_device *device, const char *program);
/* The program of the library's own that is to do the check, so that a driver that crashes does not take the application
 * along (fgmm_device_options.check_program); NULL: the check runs in this process. */
const char *fg_backend_check_program(const fgmm_device *device);
/* Around a check in this process. In between, a mark on disk says what it is about, fg_backend_stage: what is
 * being compiled or run ("running", "responsibilities"). A process that ends with its mark there was killed or
 * has crashed. */
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
 * another. */
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

#endif
