/* exit.h - how the program ends: its exit codes, and the shape of steps that end in one. */
#ifndef CLI_EXIT_H
#define CLI_EXIT_H

/* Scripts rely on these. */
typedef enum cli_exit {
    CLI_EXIT_DONE = 0,
    CLI_EXIT_FAILED = 1,       /* the work failed: data, device, disk, and what only the data can tell */
    CLI_EXIT_USAGE = 2,        /* the command line is wrong whatever the data */
    CLI_EXIT_INTERRUPTED = 130 /* as a shell reports SIGINT */
} cli_exit;

/* Commands go: acquire, CLI_DO steps, `done:` cleanup; a step prints its own error line and returns an cli_exit. */
#define CLI_DO(step)                                                                                                   \
    do {                                                                                                               \
        exit_code = (step);                                                                                            \
        if (exit_code != CLI_EXIT_DONE) goto done;                                                                     \
    } while (0)

#endif
