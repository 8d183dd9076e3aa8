/* commands.h - the commands; each lives in cmd_NAME.c. main.c lists them.
 *
 * src/cli/ holds the program `flashgmm`. It uses the public headers alone, so that it is the proof that they suffice.
 */
#ifndef FG_COMMANDS_H
#define FG_COMMANDS_H

#include "options.h"

extern const cli_command cli_command_devices, cli_command_encode, cli_command_export, cli_command_fit, cli_command_info,
    cli_command_kde, cli_command_kmeans, cli_command_predict, cli_command_proba, cli_command_sample, cli_command_score,
    cli_command_select, cli_command_tune;

#endif
