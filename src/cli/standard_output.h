/* standard_output.h - results to standard output (`-o -`): a command writes a temporary file as any other, which is
 * copied there when the command has succeeded. What it prints goes to standard error meanwhile. */
#ifndef CLI_STANDARD_OUTPUT_H
#define CLI_STANDARD_OUTPUT_H

/* *path: the temporary file, of a name with this ending; valid until the end. is_quiet: what is printed is dropped.
 * Once per run. Returns an exit code. */
int cli_standard_output_acquire(const char **path, const char *option, const char *ending, int is_quiet);

/* After the command: copies the file when exit_code is DONE, removes it, and returns the exit code, FAILED where
 * copying failed. Without cli_standard_output_acquire it does nothing. */
int cli_standard_output_release(int exit_code);

/* How a file is called in what is printed: "standard output" where the path is the temporary one. */
const char *cli_standard_output_name(const char *path);

#endif
