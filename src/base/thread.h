/* thread.h - the library's only contact with threads: a worker thread and a bounded hand-over between two threads.
 * Another platform replaces thread.c. */
#ifndef FG_THREAD_H
#define FG_THREAD_H

#include "status.h"

/* Starts `run(argument)` on its own thread. fg_thread_join waits for it and frees the handle; NULL is accepted. */
typedef struct fg_thread fg_thread;
fgmm_status fg_thread_start(fg_thread **thread, void (*run)(void *argument), void *argument);
void fg_thread_join(fg_thread *thread);

/* A queue of at most `capacity` slot numbers. push blocks while full, pop while empty. After fg_queue_close, push
 * returns 0 and does nothing, and pop returns 0 once the queue is empty (both return 1 otherwise). */
typedef struct fg_queue fg_queue;
fgmm_status fg_queue_create(fg_queue **queue, size_t capacity);
void fg_queue_free(fg_queue *queue);
int fg_queue_push(fg_queue *queue, size_t slot);
int fg_queue_pop(fg_queue *queue, size_t *slot);
void fg_queue_close(fg_queue *queue);

/* One lock of the process, for foreign libraries that serve one thread at a time (HDF5). Held for short calls only. */
void fg_foreign_lock(void);
void fg_foreign_unlock(void);

/* Another one, for OpenCL drivers (device/driver.c). */
void fg_driver_lock(void);
void fg_driver_unlock(void);

/* One process holds `*holder` for good, and its children by fork() see it: sets it from 0 to the calling process's
 * number. Returns the number that stands there then. */
long fg_process_claim(_Atomic long *holder);

/* Processors that the process may use, at least 1. */
unsigned fg_processors(void);
/* Processors that a thread may run on. */
typedef struct fg_thread_places {
    unsigned char bits[128];
} fg_thread_places;

/* Leaves the calling thread every count-th of its processors, from the index-th on, where it has that many: threads
 * that share work then run beside each other, also while all processors are busy. index < count. before: those that it
 * had, for fg_thread_return. */
void fg_thread_spread(fg_thread_places *before, size_t index, size_t count);
void fg_thread_return(const fg_thread_places *before);

/* Seconds of a monotonic clock with an arbitrary beginning. */
double fg_now_s(void);

/* Bytes of the process that are resident now, and its highest; 0 where unknown. */
uint64_t fg_resident_bytes(void);
uint64_t fg_peak_resident_bytes(void);

/* The process id, for detecting a fork. */
long fg_process_id(void);
/* 1 where a process of that number runs on this machine. */
int fg_process_is_alive(long process);

#endif
