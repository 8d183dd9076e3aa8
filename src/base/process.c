/* process.c - POSIX behind process.h: posix_spawn, never fork, since drivers' threads and locks do not survive it. */
#define _GNU_SOURCE /* dladdr, posix_spawn_file_actions_addclosefrom_np */
#include "process.h"

#include "size.h"
#include "thread.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Signals by which a program ends of its own doing. */
static const int own_signals[] = {SIGSEGV, SIGABRT, SIGILL, SIGBUS, SIGFPE, SIGTRAP, SIGSYS};
enum { OWN_SIGNALS = sizeof own_signals / sizeof own_signals[0] };

static int is_own_signal(int signal)
{
    for (size_t i = 0; i < OWN_SIGNALS; i++)
        if (own_signals[i] == signal) return 1;
    return 0;
}

/* Waits until there is something to read, or the program has closed the pipe. 0: nothing came for so long. */
static int wait_for_more(int from, double most_s)
{
    const double end_s = fg_now_s() + most_s;
    struct pollfd ready = {from, POLLIN, 0};
    double left_s = most_s;
    while (left_s > 0) {
        const int found = poll(&ready, 1, 1 + (int)(left_s * 1000));
        if (found > 0 || (found < 0 && errno != EINTR)) return 1; /* read() meets with the error */
        left_s = end_s - fg_now_s();
    }
    return 0;
}

/* Lines from the pipe to the caller until the program has closed it. 0: it was silent for too long. */
static int pass_lines(int from, double most_silent_s, void (*line)(void *, const char *), void *user)
{
    char text[FG_PROCESS_LINE_BYTES], buffer[512];
    size_t used = 0;
    ssize_t count;
    for (;;) {
        if (!wait_for_more(from, most_silent_s)) return 0;
        if ((count = read(from, buffer, sizeof buffer)) == 0) break;
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) break;
        for (ssize_t i = 0; i < count; i++) {
            if (buffer[i] != '\n') {
                if (used < sizeof text - 1) text[used++] = buffer[i];
                continue;
            }
            text[used] = 0;
            line(user, text);
            used = 0;
        }
    }
    text[used] = 0;
    if (used > 0) line(user, text);
    return 1;
}

/* Own signals end the program whatever the application does with them; nothing is blocked. */
static int set_signals(posix_spawnattr_t *attributes)
{
    sigset_t none, own;
    sigemptyset(&none);
    sigemptyset(&own);
    for (size_t i = 0; i < OWN_SIGNALS; i++) sigaddset(&own, own_signals[i]);
    return posix_spawnattr_setsigdefault(attributes, &own) || posix_spawnattr_setsigmask(attributes, &none) ||
           posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}

static int set_files(posix_spawn_file_actions_t *files, int output)
{
    if (posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0) ||
        posix_spawn_file_actions_adddup2(files, output, STDOUT_FILENO) ||
        posix_spawn_file_actions_addopen(files, STDERR_FILENO, "/dev/null", O_WRONLY, 0))
        return 1;
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 34)
    return posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1);
#else
    return 0;
#endif
}

/* 1 when the program runs; its output goes to the pipe's end `output`. */
static int start(pid_t *process, const char *path, const char *const *arguments, int output)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int is_started = 0;
    if (posix_spawn_file_actions_init(&files) != 0) return 0;
    if (posix_spawnattr_init(&attributes) == 0) {
        is_started = !set_signals(&attributes) && !set_files(&files, output) &&
                     posix_spawn(process, path, &files, &attributes, (char *const *)(uintptr_t)arguments, environ) == 0;
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    return is_started;
}

fg_process_end fg_process_run(int *code, const char *path, const char *const *arguments, double most_silent_s,
                              void (*line)(void *, const char *), void *user)
{
    int ends[2], state = 0, is_silent = 0;
    pid_t process, found;
    *code = 0;
    if (pipe2(ends, O_CLOEXEC) != 0) return FG_PROCESS_NOT_STARTED;
    const int is_started = start(&process, path, arguments, ends[1]);
    close(ends[1]);
    if (is_started) is_silent = !pass_lines(ends[0], most_silent_s, line, user);
    if (is_silent) kill(process, SIGKILL);
    close(ends[0]);
    if (!is_started) return FG_PROCESS_NOT_STARTED;
    while ((found = waitpid(process, &state, 0)) < 0 && errno == EINTR) {
    }
    if (is_silent) return FG_PROCESS_SILENT;
    if (found != process) return FG_PROCESS_INTERRUPTED;
    *code = WIFEXITED(state) ? WEXITSTATUS(state) : WTERMSIG(state);
    return WIFEXITED(state) ? FG_PROCESS_EXITED : is_own_signal(*code) ? FG_PROCESS_CRASHED : FG_PROCESS_INTERRUPTED;
}

void fg_process_signal_text(char *text, size_t room, int signal)
{
    static const struct {
        int number;
        const char *text;
    } names[] = {{SIGSEGV, "SIGSEGV, a wrong address"},
                 {SIGABRT, "SIGABRT, it gave up"},
                 {SIGILL, "SIGILL, an instruction that the processor has not"},
                 {SIGBUS, "SIGBUS, a wrong address"},
                 {SIGFPE, "SIGFPE, wrong arithmetic"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].number == signal) {
            snprintf(text, room, "%s", names[i].text);
            return;
        }
    snprintf(text, room, "signal %d", signal);
}

int fg_process_can_run(const char *path)
{
    return access(path, X_OK) == 0;
}

char *fg_process_library_folder(void)
{
    Dl_info found;
    char path[4096];
    ssize_t count = 0;
    /* of a program, dladdr may say what it was called as, which need not be where it lies */
    if (dladdr((const void *)(uintptr_t)&fg_process_library_folder, &found) != 0 && found.dli_fname &&
        found.dli_fname[0] == '/')
        count = snprintf(path, sizeof path, "%s", found.dli_fname);
    else
        count = readlink("/proc/self/exe", path, sizeof path - 1);
    if (count <= 0 || (size_t)count >= sizeof path) return NULL;
    path[count] = 0;
    char *slash = strrchr(path, '/');
    if (!slash) return NULL;
    *slash = 0;
    return strdup(path);
}

void fg_process_end_with_parent(void)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static int has_address_space(void)
{
    enum { COMPILER_BYTES = 1 << 30 }; /* LLVM takes some 0.4 GiB in PoCL 3.1 */
    void *room = mmap(NULL, COMPILER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) return 0;
    munmap(room, COMPILER_BYTES);
    return 1;
}

static void wait_for_end(void *queue)
{
    size_t slot;
    fg_queue_pop(queue, &slot);
}

static int has_threads(void)
{
    enum { MOST = 1024, SPARE = 4 };
    fg_thread *threads[MOST] = {NULL};
    fg_queue *queue = NULL;
    size_t count = 0;
    const size_t wanted = (size_t)fg_min_u64(fg_processors() + SPARE, MOST);
    if (fg_queue_create(&queue, 1) != FGMM_OK) return 0;
    while (count < wanted && fg_thread_start(&threads[count], wait_for_end, queue) == FGMM_OK) count++;
    fg_queue_close(queue);
    for (size_t i = 0; i < count; i++) fg_thread_join(threads[i]);
    fg_queue_free(queue);
    return count == wanted;
}

int fg_process_has_room(void)
{
    char error_text[FG_ERROR_TEXT_BYTES];
    fg_error_save(error_text);
    const int has_room = has_address_space() && has_threads();
    fg_error_restore(error_text);
    return has_room;
}

uint64_t fg_process_began(long process)
{
    char path[64], text[1024];
    unsigned long long began = 0;
    if (process <= 0) return 0;
    snprintf(path, sizeof path, "/proc/%ld/stat", process);
    FILE *stream = fopen(path, "r");
    if (!stream) return 0;
    const size_t count = fread(text, 1, sizeof text - 1, stream);
    fclose(stream);
    text[count] = 0;
    /* field 22, counted from the name in parentheses, which is field 2 and may hold anything */
    const char *at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++) {
        at = strchr(at + 1, ' ');
    }
    if (at) began = strtoull(at + 1, NULL, 10);
    return began;
}
