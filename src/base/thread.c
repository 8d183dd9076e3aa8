/* thread.c - POSIX threads, clock and process facts behind thread.h. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "thread.h"

#include "size.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct fg_thread {
    pthread_t handle;
    void (*run)(void *);
    void *argument;
};

static void *thread_main(void *argument)
{
    fg_thread *thread = argument;
    thread->run(thread->argument);
    return NULL;
}

fgmm_status fg_thread_start(fg_thread **out, void (*run)(void *), void *argument)
{
    fgmm_status status = FGMM_OK;
    fg_thread *thread = NULL;
    *out = NULL;
    FG_TRY(FG_ALLOC(&thread, 1, "thread"));
    thread->run = run;
    thread->argument = argument;
    int failed = pthread_create(&thread->handle, NULL, thread_main, thread);
    FG_CHECK(!failed, FGMM_MEMORY, "a thread could not be started: %s", strerror(failed));
    *out = thread;
    thread = NULL;
done:
    free(thread);
    return status;
}

void fg_thread_join(fg_thread *thread)
{
    if (!thread) return;
    pthread_join(thread->handle, NULL);
    free(thread);
}

static pthread_mutex_t foreign = PTHREAD_MUTEX_INITIALIZER;

void fg_foreign_lock(void)
{
    pthread_mutex_lock(&foreign);
}

void fg_foreign_unlock(void)
{
    pthread_mutex_unlock(&foreign);
}

static pthread_mutex_t driver = PTHREAD_MUTEX_INITIALIZER;

void fg_driver_lock(void)
{
    pthread_mutex_lock(&driver);
}

void fg_driver_unlock(void)
{
    pthread_mutex_unlock(&driver);
}

struct fg_queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t *slots;
    size_t capacity, first, count;
    int is_closed;
};

fgmm_status fg_queue_create(fg_queue **out, size_t capacity)
{
    fgmm_status status = FGMM_OK;
    fg_queue *queue = NULL;
    *out = NULL;
    FG_TRY(FG_ALLOC(&queue, 1, "queue"));
    FG_TRY(FG_ALLOC(&queue->slots, capacity, "queue"));
    queue->capacity = capacity;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->changed, NULL);
    *out = queue;
    queue = NULL;
done:
    free(queue);
    return status;
}

void fg_queue_free(fg_queue *queue)
{
    if (!queue) return;
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
    free(queue->slots);
    free(queue);
}

int fg_queue_push(fg_queue *queue, size_t slot)
{
    pthread_mutex_lock(&queue->lock);
    while (queue->count == queue->capacity && !queue->is_closed) pthread_cond_wait(&queue->changed, &queue->lock);
    const int is_open = !queue->is_closed;
    if (is_open) queue->slots[(queue->first + queue->count++) % queue->capacity] = slot;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
    return is_open;
}

int fg_queue_pop(fg_queue *queue, size_t *slot)
{
    pthread_mutex_lock(&queue->lock);
    while (queue->count == 0 && !queue->is_closed) pthread_cond_wait(&queue->changed, &queue->lock);
    const int has_slot = queue->count > 0;
    if (has_slot) {
        *slot = queue->slots[queue->first];
        queue->first = (queue->first + 1) % queue->capacity;
        queue->count--;
    }
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
    return has_slot;
}

void fg_queue_close(fg_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->is_closed = 1;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

unsigned fg_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return (unsigned)CPU_COUNT(&set);
    const long online = sysconf(_SC_NPROCESSORS_ONLN); /* more than the set has room for */
    return online > 0 ? (unsigned)online : 1;
}

void fg_thread_spread(fg_thread_places *before, size_t index, size_t count)
{
    cpu_set_t set, part;
    size_t number = 0;
    static_assert(sizeof set == sizeof before->bits, "a set of processors");
    memset(before, 0, sizeof *before);
    if (sched_getaffinity(0, sizeof set, &set) != 0) return;
    memcpy(before->bits, &set, sizeof set);
    if ((size_t)CPU_COUNT(&set) < count) return;
    CPU_ZERO(&part);
    for (size_t processor = 0; processor < CPU_SETSIZE; processor++)
        if (CPU_ISSET(processor, &set) && number++ % count == index) CPU_SET(processor, &part);
    sched_setaffinity(0, sizeof part, &part); /* a hint: where it is refused nothing is lost but time */
}

void fg_thread_return(const fg_thread_places *before)
{
    cpu_set_t set;
    memcpy(&set, before->bits, sizeof set);
    if (CPU_COUNT(&set) > 0) sched_setaffinity(0, sizeof set, &set);
}

double fg_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

uint64_t fg_resident_bytes(void)
{
    unsigned long long total = 0, resident = 0;
    FILE *stream = fopen("/proc/self/statm", "r");
    if (!stream) return 0;
    int fields = fscanf(stream, "%llu %llu", &total, &resident);
    fclose(stream);
    return fields == 2 ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

uint64_t fg_peak_resident_bytes(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
    return (uint64_t)usage.ru_maxrss * 1024; /* Linux counts KiB */
}

long fg_process_id(void)
{
    return (long)getpid();
}

long fg_process_claim(_Atomic long *holder)
{
    long before = 0;
    const long mine = fg_process_id();
    return atomic_compare_exchange_strong(holder, &before, mine) ? mine : before;
}

int fg_process_is_alive(long process)
{
    return process > 0 && (kill((pid_t)process, 0) == 0 || errno == EPERM);
}
