/* signals.h - Ctrl-C: the work is asked to stop; a second time ends the program. */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

/* From here on SIGINT and SIGTERM are noted, and the work cancels itself; a second one ends the program. Called when
 * inputs and device are open: until then, waiting for standard input say, a signal ends the program at once. */
void cli_signals_catch(void);

/* 1 after SIGINT or SIGTERM. */
int cli_interrupted(void);

#endif
