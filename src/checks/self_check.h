/* self_check.h - a pass whose programs have been checked on the device: how everything above makes its passes.
 *
 * src/checks/ holds the check of a backend before its first use on a device, in a process of its own where there is a
 * program for that, and the pass as the tuner sees it. Nothing of it runs while a model is trained. */
#ifndef FG_SELF_CHECK_H
#define FG_SELF_CHECK_H

#include "pass.h"

/* Allocates and compiles, and checks the program against the double-precision reference, if that has not been done on
 * this device. A backend that fails is replaced by the next (self_check.c). Errors: MEMORY, COMPILE, DEVICE,
 * UNSUPPORTED when no backend is left. */
fgmm_status fg_pass_create(fg_pass **pass, fgmm_device *device, const fg_pass_options *options);
/* The check alone, of one pass or two (count) at once, which fg_pass_create then finds done. Before anything else that
 * compiles: drivers that keep what they have compiled need not set up their compiler in this process too, and in the
 * check's only once. */
fgmm_status fg_pass_check(fgmm_device *device, const fg_pass_options *passes, size_t count);

#endif
