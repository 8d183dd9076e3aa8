/* check_process.h - the check of a kernel backend, in this process (self_check.c) or in one of its own
 * (check_process.c). */
#ifndef FG_CHECK_PROCESS_H
#define FG_CHECK_PROCESS_H

#include "pass.h"

typedef enum fg_check_kind {
    FG_CHECK_PASSED,
    FG_CHECK_WRONG, /* results that the reference has not */
    FG_CHECK_ERROR, /* of the driver, or it ended the check's process */
    FG_CHECK_UNSURE /* the check did not come to an end, for want of memory or since somebody ended its process */
} fg_check_kind;

typedef struct fg_check_outcome {
    fg_check_kind kind;
    char why[512];
} fg_check_outcome;

/* Of what names a program. */
enum { FG_CHECK_NAME_BYTES = 768 };

/* Passes that are checked at once, at most: k-means and EM. */
enum { FG_CHECK_PASSES = 2 };

/* Checks what passes (count), 1..FG_CHECK_PASSES, would run of the backend in use and has not passed yet. program
 * (FG_CHECK_NAME_BYTES): the one that the outcome is about. Errors: of the check itself, as fg_pass_create's. */
fgmm_status fg_check_backend(fg_check_outcome *outcome, char *program, fgmm_device *device,
                             const fg_pass_options *passes, size_t count);

/* Exit status of the check program where it cannot do the check, and the application has to. */
enum { FG_CHECK_EXIT_CANNOT = 75 };

/* The same in the device's check program. Returns 0, and has done nothing, where there is none or it cannot be
 * started. */
int fg_check_apart(fg_check_outcome *outcome, fgmm_device *device, const fg_pass_options *passes, size_t count);

/* The check program's work: fgmm_check_main. */
int fg_check_for_another(int argc, char **argv);

#endif
