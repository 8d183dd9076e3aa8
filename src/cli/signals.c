/* signals.c - the handlers behind signals.h. */
#define _DEFAULT_SOURCE
#include "signals.h"

#include "exit.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

/* A signal handler has no other way to tell the program. */
static volatile sig_atomic_t was_interrupted;

static void on_signal(int signal_number)
{
    (void)signal_number;
    if (was_interrupted) _exit(CLI_EXIT_INTERRUPTED);
    was_interrupted = 1;
}

int cli_interrupted(void)
{
    return was_interrupted;
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
}
