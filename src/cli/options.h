/* options.h - commands and their options as tables: parsing, range checks, defaults and help come from the same rows.
 * Knows nothing of Gaussian mixtures. A wrong command line is one line on stderr and CLI_EXIT_USAGE. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

/* What a field of the arguments struct holds, by kind, and what it holds when neither given nor defaulted. */
typedef enum cli_option_kind {
    CLI_OPTION_FLAG,   /* int: 1 when given, else 0 */
    CLI_OPTION_TEXT,   /* const char *, borrowed from argv; NULL */
    CLI_OPTION_OUTPUT, /* const char *: the name of a file that is written, which says its form; NULL */
    CLI_OPTION_COUNT,  /* uint64_t in least..most; CLI_NOT_GIVEN */
    CLI_OPTION_BYTES,  /* uint64_t in least..most, suffixes K M G (1024s); CLI_NOT_GIVEN */
    CLI_OPTION_REAL,   /* double, finite; NaN */
    CLI_OPTION_CHOICE, /* int: position in choices; -1 */
    CLI_OPTION_OPERAND /* const char *: what stands on the command line without a name; always required */
} cli_option_kind;

#define CLI_NOT_GIVEN UINT64_MAX

typedef struct cli_option {
    const char *name; /* "components" is written --components; of an operand: "DATA" */
    char letter;      /* 'k' is written -k; 0: none */
    cli_option_kind kind;
    size_t offset;        /* of the field in the command's arguments struct */
    const char *value;    /* what the help calls the value: "K"; NULL for flags and choices */
    const char *fallback; /* the default as a user would write it; NULL: none */
    const char *help;
    int is_required;
    uint64_t least, most;         /* most 0: no upper limit */
    int is_nonnegative;           /* REAL: at least 0 */
    int is_positive;              /* REAL: above 0 */
    double least_real;            /* REAL, positive: at least; 0: any above 0 */
    double most_real;             /* REAL: at most; 0: no limit */
    const char *const *choices;   /* ends with NULL */
    const char *(*choice)(int i); /* CHOICE, instead: choice i, or NULL behind the last one */
    const char *const *endings; /* OUTPUT: of names that are written; ends with NULL. None: what is given is a prefix */
    int is_free_name;           /* OUTPUT: so are other names, as long as they do not ask for another form */
    int is_stdout;              /* OUTPUT: - is standard output, in the form of the first ending */
} cli_option;

typedef struct cli_command {
    const char *name;
    const char *summary;               /* one line for the list of commands */
    const cli_option *options;         /* operands in their order and options; ends with a NULL name */
    const char *notes;                 /* lines under the options, or NULL */
    const char *examples;              /* complete command lines */
    size_t arguments_bytes;            /* sizeof the arguments struct */
    int (*run)(const void *arguments); /* returns the exit code */
} cli_command;

/* Fills the zeroed `arguments` from the words after the command's name. Returns CLI_PARSE_RUN to go on, else the exit
 * code: 0 when --help was printed, 2 when the line is wrong. */
enum { CLI_PARSE_RUN = -1 };
int cli_options_parse(const cli_command *command, int argc, char **argv, void *arguments);

/* Prints the command's help to stdout. */
void cli_options_help(const cli_command *command);

/* The one of `count` words (the name of words[i] is given by name(words, i)) that a typing error turns into `word`;
 * NULL when none is near. */
const char *cli_options_nearest(const char *word, const char *(*name)(const void *words, size_t i), const void *words,
                                size_t count);

#endif
