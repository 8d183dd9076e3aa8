/* signals.h - Ctrl-C: the work is asked to stop; a second time ends the program. */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

/* Notes what the program was started with, before any driver is loaded: main calls it first. */
void cli_signals_begin(void);

/* From here on SIGINT, SIGTERM and SIGHUP (unless it was ignored, as by nohup) are noted, and the work cancels itself;
 * a second one, a moment later, ends the program. Called when inputs and device are open: until then, waiting for
 * standard input say, a signal ends the program at once. */
void cli_signals_catch(void);

/* 1 after one of these. */
int cli_interrupted(void);

#endif
