/* wrong_driver.h - stands between the library and the driver: changes numbers that are read from the device, as a
 * driver with a fault would, leaves kernels out, and records what launched kernels take of the device. A program that
 * is linked with wrong_driver.c has its functions in the place of the driver's. */
#ifndef FG_TEST_WRONG_DRIVER_H
#define FG_TEST_WRONG_DRIVER_H

#include <stddef.h>
#include <stdint.h>

/* From now on `by` is added to number `index` of every buffer that is read in one piece of `bytes` bytes: doubles. Up
 * to 4 such changes are in force at a time. */
void spoil_double(size_t bytes, size_t index, double by);
/* Likewise in every piece of at least `bytes` bytes: floats. */
void spoil_float(size_t bytes, size_t index, float by);
/* Everything is read as it is again. */
void spoil_nothing(void);

/* Kernels of that name are not run, though the driver says so, until this is called with NULL. name: borrowed. */
void leave_out_kernel(const char *name);

/* The most bytes of local memory that a kernel has of all that were launched since the last call, and the most
 * work-items of a group. */
uint64_t most_local_bytes(void);
uint64_t most_group_items(void);

/* From now on the driver gives no more command queues. */
void refuse_queues(int is_refused);

/* Other programs leave so many bytes of the device's memory, besides what is held already: UINT64_MAX: all. */
void leave_memory(uint64_t bytes);

/* The device is gone: whatever is asked of it fails, and never works again until this is called with 0. */
void lose_device(int is_lost);

#endif
