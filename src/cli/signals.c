/* signals.c - the handlers behind signals.h. */
#define _DEFAULT_SOURCE
#include "signals.h"

#include "exit.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A signal handler has no other way to tell the program. */
static volatile sig_atomic_t was_interrupted;
static struct timespec first_time;
static int is_hangup_ignored;

/* Shells tell a job twice that its terminal has gone, and `timeout` tells the program and its group: only a signal that
 * comes later says that somebody has no patience. */
static const double PATIENCE_S = 0.3;

static void on_signal(int signal_number)
{
    struct timespec now;
    (void)signal_number;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!was_interrupted) first_time = now;
    const double since_s = (double)(now.tv_sec - first_time.tv_sec) + 1e-9 * (double)(now.tv_nsec - first_time.tv_nsec);
    if (was_interrupted && since_s > PATIENCE_S) _exit(CLI_EXIT_INTERRUPTED);
    was_interrupted = 1;
}

int cli_interrupted(void)
{
    return was_interrupted;
}

void cli_signals_begin(void)
{
    struct sigaction given;
    is_hangup_ignored = sigaction(SIGHUP, NULL, &given) == 0 && given.sa_handler == SIG_IGN;
}

void cli_signals_catch(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* A terminal that goes away; nohup has the program go on then, also where the compiler in an OpenCL driver has set
     * a handler of its own since. */
    if (is_hangup_ignored) action.sa_handler = SIG_IGN;
    sigaction(SIGHUP, &action, NULL);
}
