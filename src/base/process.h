/* process.h - another program, run and watched: the only place that starts processes, and that knows where the library
 * lies. Another platform replaces process.c. */
#ifndef FG_PROCESS_H
#define FG_PROCESS_H

#include "status.h"

/* How a program ended. */
typedef enum fg_process_end {
    FG_PROCESS_EXITED,  /* by itself: `code` is its exit status */
    FG_PROCESS_CRASHED, /* by a signal of its own doing: `code` is the signal's number (SIGSEGV, SIGABRT, SIGILL, ...)
                         */
    FG_PROCESS_INTERRUPTED, /* by somebody else: SIGKILL, SIGTERM, SIGINT, SIGHUP ...; or nobody knows how */
    FG_PROCESS_SILENT,      /* by the caller, since it said nothing for too long */
    FG_PROCESS_NOT_STARTED  /* it could not be started */
} fg_process_end;

/* Starts the program at `path` with the arguments (NULL-terminated, the first is its name), which ends when the calling
 * thread's process does, and waits until it has ended; where no byte comes for most_silent_s seconds, it is ended
 * (SIGKILL). Its standard output comes line by line, without the line's end and cut after FG_PROCESS_LINE_BYTES - 1
 * bytes, to `line`; standard input and standard error are /dev/null, other open files stay behind. Works where the
 * application ignores or reaps SIGCHLD: the end is INTERRUPTED then. */
enum { FG_PROCESS_LINE_BYTES = 1024 };
fg_process_end fg_process_run(int *code, const char *path, const char *const *arguments, double most_silent_s,
                              void (*line)(void *user, const char *text), void *user);

/* "SIGSEGV, a wrong address"; of a signal without a name here its number. */
void fg_process_signal_text(char *text, size_t room, int signal);

/* 1 when the file at `path` can be run. */
int fg_process_can_run(const char *path);

/* The folder of the shared library, or of the program that the library is linked into, malloc'ed and without a slash at
 * the end; NULL where that cannot be found out. */
char *fg_process_library_folder(void);

/* The calling program ends when the process that started it ends. */
void fg_process_end_with_parent(void);

/* 1 where the process may still take what a driver's compiler needs: a GiB of address space, and a thread for each
 * processor and some more. Where it may not (RLIMIT_AS, RLIMIT_NPROC, ...), what fails in a driver says nothing against
 * it. */
int fg_process_has_room(void);

/* When a process began, in the system's own units: together with its number it names a process for good. 0: no such
 * process, or not known here. */
uint64_t fg_process_began(long process);

#endif
