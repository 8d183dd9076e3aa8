/* timed_device.h - the library's device with a queue that keeps times, for programs that ask how long kernels take by
 * the device's own clock. */
#ifndef BENCH_TIMED_DEVICE_H
#define BENCH_TIMED_DEVICE_H

#include <flashgmm/flashgmm.h>

/* The device that fgmm_device_open would take, on a context and a profiling queue of the benchmark's own, which live as
 * long as the program. Refuses where that fails. */
fgmm_device *bench_timed_open(const char *match, const fgmm_device_options *options);

/* Seconds that kernels have taken since the last call, once they have ended; *named: of them, those called `name`. */
double bench_timed_s(const char *name, double *named);

#endif
