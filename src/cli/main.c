/* main.c - the program `flashgmm`: finds the command, has its options read, runs it. */
#define _POSIX_C_SOURCE 200809L
#include "commands.h"
#include "ivf.h"
#include "output.h"
#include "signals.h"
#include "standard_output.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cli_command *const commands[] = {
    &cli_command_devices, &cli_command_fit,   &cli_command_kmeans, &cli_command_score,  &cli_command_select,
    &cli_command_predict, &cli_command_proba, &cli_command_sample, &cli_command_encode, &cli_command_export,
    &cli_command_kde,     &cli_command_info,  &cli_command_tune,
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

/* What stands behind `flashgmm ivf`. */
static const cli_command *const ivf_commands[] = {
    &cli_command_ivf_build,  &cli_command_ivf_search,  &cli_command_ivf_add,
    &cli_command_ivf_remove, &cli_command_ivf_compact, &cli_command_ivf_eval,
};
enum { IVF_COMMANDS = sizeof ivf_commands / sizeof ivf_commands[0], IVF_PREFIX = sizeof "ivf " - 1 };

static int is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static void print_help(void)
{
    printf("flashgmm: Gaussian mixtures and k-means on any OpenCL device, for data of any size\n\n"
           "Usage: flashgmm COMMAND [ARGUMENTS] [OPTIONS]\n\nCommands:\n");
    for (size_t i = 0; i < COMMANDS; i++) printf("  %-12s%s\n", commands[i]->name, commands[i]->summary);
    for (size_t i = 0; i < IVF_COMMANDS; i++) printf("  %-12s%s\n", ivf_commands[i]->name, ivf_commands[i]->summary);
    printf("\n`flashgmm COMMAND --help` explains a command; `flashgmm --version` prints the version.\n"
           "Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 the work failed (data, device,\n"
           "disk), 2 the command line is wrong, 130 interrupted.\n"
           "\nA first session:\n"
           "  flashgmm devices                                            what it will run on\n"
           "  flashgmm fit data.npy -k 64 -o model.safetensors            train 64 Gaussians on the rows\n"
           "  flashgmm score model.safetensors data.npy                   how well they describe data\n"
           "  flashgmm predict model.safetensors data.npy -o labels.npy   which one each row belongs to\n");
}

/* Every command, those of ivf with their two words, and what stands in place of one. */
static const char *const other_words[] = {"ivf", "help", "--help", "--version"};
enum { OTHER_WORDS = sizeof other_words / sizeof other_words[0], WORDS = COMMANDS + IVF_COMMANDS + OTHER_WORDS };

static const char *any_word(const void *unused, size_t i)
{
    (void)unused;
    if (i < COMMANDS) return commands[i]->name;
    if (i < COMMANDS + IVF_COMMANDS) return ivf_commands[i - COMMANDS]->name;
    return other_words[i - COMMANDS - IVF_COMMANDS];
}

static const char *ivf_command_name(const void *unused, size_t i)
{
    (void)unused;
    return ivf_commands[i]->name + IVF_PREFIX;
}

/* A mistyped command, "build" for "ivf build", or --fit for fit. */
static int unknown_command(const char *word)
{
    const char *what = word[0] == '-' ? "option" : "command";
    const char *nearest = cli_options_nearest(word, any_word, NULL, WORDS);
    if (!nearest && word[0] == '-') nearest = cli_options_nearest(word + strspn(word, "-"), any_word, NULL, WORDS);
    if (nearest) return cli_error(CLI_EXIT_USAGE, "unknown %s %s; did you mean %s?", what, word, nearest);
    nearest = cli_options_nearest(word, ivf_command_name, NULL, IVF_COMMANDS);
    if (nearest) return cli_error(CLI_EXIT_USAGE, "unknown %s %s; did you mean ivf %s?", what, word, nearest);
    return cli_error(CLI_EXIT_USAGE, "unknown %s %s; `flashgmm --help` lists the commands", what, word);
}

static int run_command(const cli_command *command, int argc, char **argv)
{
    void *arguments = calloc(1, command->arguments_bytes);
    if (!arguments) return cli_error(CLI_EXIT_FAILED, "%s: memory ran out", command->name);
    int exit_code = cli_options_parse(command, argc, argv, arguments);
    if (exit_code == CLI_PARSE_RUN) exit_code = command->run(arguments);
    free(arguments);
    return cli_standard_output_release(exit_code);
}

static void print_ivf_help(void)
{
    for (size_t i = 0; i < IVF_COMMANDS; i++) printf("  %-12s%s\n", ivf_commands[i]->name, ivf_commands[i]->summary);
    printf("\n`flashgmm ivf COMMAND --help` explains a command.\n");
}

/* `flashgmm ivf WORD ...`; argv[0] is "ivf". */
static int run_ivf(int argc, char **argv)
{
    if (argc < 2) return cli_error(CLI_EXIT_USAGE, "ivf: no command; `flashgmm ivf --help` lists the commands");
    const char *word = argv[1];
    if (is_help(word)) {
        print_ivf_help();
        return CLI_EXIT_DONE;
    }
    for (size_t i = 0; i < IVF_COMMANDS; i++)
        if (strcmp(word, ivf_commands[i]->name + IVF_PREFIX) == 0)
            return run_command(ivf_commands[i], argc - 2, argv + 2);
    const char *nearest = cli_options_nearest(word, ivf_command_name, NULL, IVF_COMMANDS);
    if (nearest) return cli_error(CLI_EXIT_USAGE, "unknown command ivf %s; did you mean %s?", word, nearest);
    return cli_error(CLI_EXIT_USAGE, "unknown command ivf %s; `flashgmm ivf --help` lists them", word);
}

static const cli_command *find_command(const char *word)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(word, commands[i]->name) == 0) return commands[i];
    return NULL;
}

/* The words of a command line, without the program's name. */
static int dispatch(int argc, char **argv)
{
    if (argc < 1) return cli_error(CLI_EXIT_USAGE, "no command; `flashgmm --help` lists the commands");
    const char *word = argv[0];
    if (is_help(word)) {
        print_help();
        return CLI_EXIT_DONE;
    }
    if (strcmp(word, "--version") == 0) {
        printf("flashgmm %s\n", fgmm_version());
        return CLI_EXIT_DONE;
    }
    if (strcmp(word, "ivf") == 0) return run_ivf(argc, argv);
    const cli_command *command = find_command(word);
    return command ? run_command(command, argc - 1, argv + 1) : unknown_command(word);
}

/* `flashgmm help [WORDS]` is `flashgmm WORDS --help`; argv[0] is "help". */
static int run_help(int argc, char **argv)
{
    enum { WORDS_MAX = 2 }; /* of a command's name */
    char option[] = "--help", *words[WORDS_MAX + 1];
    const int count = argc - 1 < WORDS_MAX ? argc - 1 : WORDS_MAX;
    for (int i = 0; i < count; i++) words[i] = argv[i + 1];
    words[count] = option;
    return dispatch(count + 1, words);
}

int main(int argc, char **argv)
{
    cli_signals_begin();
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is then an error like a full disk, with its line of text */
    const int is_help_wanted = argc > 1 && strcmp(argv[1], "help") == 0;
    int exit_code = is_help_wanted ? run_help(argc - 1, argv + 1) : dispatch(argc - 1, argv + 1);
    if ((fflush(stdout) != 0 || ferror(stdout)) && exit_code == CLI_EXIT_DONE)
        exit_code = cli_error(CLI_EXIT_FAILED, "standard output: writing failed: %s", strerror(errno));
    return exit_code;
}
