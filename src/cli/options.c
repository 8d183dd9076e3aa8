/* options.c - the parser and the help text behind options.h. */
#include "options.h"

#include "output.h"
#include "standard_output.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "--components" or "DATA" into text, as the user knows the option. */
enum { LABEL_BYTES = 48 };
static const char *label(char text[LABEL_BYTES], const cli_option *option)
{
    snprintf(text, LABEL_BYTES, "%s%s", option->kind == CLI_OPTION_OPERAND ? "" : "--", option->name);
    return text;
}

static void *field(const cli_option *option, void *arguments)
{
    return (char *)arguments + option->offset;
}

/* --- values --- */

/* Digits only: strtoull alone would take "-1", " 1" and "+1". */
static int read_digits(uint64_t *value, const char *text, char **end)
{
    if (!isdigit((unsigned char)text[0])) return 0;
    errno = 0;
    *value = strtoull(text, end, 10);
    return errno == 0;
}

static int is_within(const cli_option *option, uint64_t value)
{
    return value >= option->least && (option->most == 0 || value <= option->most) &&
           (value != CLI_NOT_GIVEN || option->fallback);
}

static int set_count(const cli_option *option, const char *text, void *arguments)
{
    char name[LABEL_BYTES], *end = NULL;
    uint64_t value = 0;
    if (!read_digits(&value, text, &end) || *end || !is_within(option, value)) {
        if (option->most)
            return cli_error(CLI_EXIT_USAGE, "%s = %s; need a whole number from %llu to %llu", label(name, option),
                             text, (unsigned long long)option->least, (unsigned long long)option->most);
        return cli_error(CLI_EXIT_USAGE, "%s = %s; need a whole number from %llu", label(name, option), text,
                         (unsigned long long)option->least);
    }
    *(uint64_t *)field(option, arguments) = value;
    return CLI_EXIT_DONE;
}

static int set_bytes(const cli_option *option, const char *text, void *arguments)
{
    static const char suffixes[] = "KMG";
    char name[LABEL_BYTES], *end = NULL;
    uint64_t value = 0;
    int is_good = read_digits(&value, text, &end);
    if (is_good && *end) {
        const char *suffix = strchr(suffixes, toupper((unsigned char)*end));
        const int shift = suffix ? 10 * (int)(suffix - suffixes + 1) : 0;
        is_good = suffix && end[1] == 0 && value <= UINT64_MAX >> shift;
        value <<= shift;
    }
    if (!is_good || !is_within(option, value))
        return cli_error(CLI_EXIT_USAGE, "%s = %s; need a number of bytes, such as 500000000, 512M or 4G",
                         label(name, option), text);
    *(uint64_t *)field(option, arguments) = value;
    return CLI_EXIT_DONE;
}

static int is_real_within(const cli_option *option, double value)
{
    if (option->most_real > 0 && value > option->most_real) return 0;
    if (option->is_positive) return value > 0 && value >= option->least_real;
    return !option->is_nonnegative || value >= 0;
}

/* ", above 0, at most 1": what follows "need a number". */
enum { RANGE_BYTES = 64 };
static const char *describe_reals(char text[RANGE_BYTES], const cli_option *option)
{
    char most[RANGE_BYTES / 2] = "";
    if (option->most_real > 0) snprintf(most, sizeof most, ", at most %g", option->most_real);
    if (option->least_real > 0)
        snprintf(text, RANGE_BYTES, ", at least %g%s", option->least_real, most);
    else
        snprintf(text, RANGE_BYTES, "%s%s",
                 option->is_positive      ? ", above 0"
                 : option->is_nonnegative ? ", 0 or more"
                                          : "",
                 most);
    return text;
}

static int set_real(const cli_option *option, const char *text, void *arguments)
{
    char name[LABEL_BYTES], *end = NULL;
    const double value = strtod(text, &end);
    const int is_number = end != text && *end == 0 && isfinite(value) && !isspace((unsigned char)text[0]);
    if (!is_number || !is_real_within(option, value)) {
        char range[RANGE_BYTES];
        return cli_error(CLI_EXIT_USAGE, "%s = %s; need a number%s", label(name, option), text,
                         describe_reals(range, option));
    }
    *(double *)field(option, arguments) = value;
    return CLI_EXIT_DONE;
}

static const char *choice_of(const cli_option *option, int i)
{
    return option->choice ? option->choice(i) : option->choices[i];
}

/* "auto, vector or group" (or with another separator throughout: "auto|vector|group") into text. */
enum { CHOICES_BYTES = 128 };
static const char *list_choices(char text[CHOICES_BYTES], const cli_option *option, const char *between,
                                const char *before_last)
{
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; choice_of(option, i) && used < CHOICES_BYTES; i++) {
        const char *separator = i == 0 ? "" : choice_of(option, i + 1) ? between : before_last;
        used += (size_t)snprintf(text + used, CHOICES_BYTES - used, "%s%s", separator, choice_of(option, i));
    }
    return text;
}

static int set_choice(const cli_option *option, const char *text, void *arguments)
{
    char name[LABEL_BYTES], choices[CHOICES_BYTES];
    for (int i = 0; choice_of(option, i); i++) {
        if (strcmp(choice_of(option, i), text) == 0) {
            *(int *)field(option, arguments) = i;
            return CLI_EXIT_DONE;
        }
    }
    return cli_error(CLI_EXIT_USAGE, "%s = %s; need %s", label(name, option), text,
                     list_choices(choices, option, ", ", " or "));
}

static int set_text(const cli_option *option, const char *text, void *arguments)
{
    char name[LABEL_BYTES];
    if (!text[0]) return cli_error(CLI_EXIT_USAGE, "%s is empty; need %s", label(name, option), option->value);
    *(const char **)field(option, arguments) = text;
    return CLI_EXIT_DONE;
}

static int set_output(const cli_option *option, const char *text, void *arguments)
{
    char name[LABEL_BYTES];
    const int exit_code = set_text(option, text, arguments);
    if (exit_code != CLI_EXIT_DONE) return exit_code;
    if (strcmp(text, "-") != 0)
        return cli_output_check_name(label(name, option), text, option->endings, option->is_free_name);
    if (option->is_stdout) return CLI_EXIT_DONE;
    return cli_error(CLI_EXIT_USAGE, "%s = -; need a file name: it does not go to standard output",
                     label(name, option));
}

static int set_operand(const cli_option *option, const char *text, void *arguments)
{
    if (!text[0]) return cli_error(CLI_EXIT_USAGE, "%s is empty; need a file name", option->name);
    *(const char **)field(option, arguments) = text;
    return CLI_EXIT_DONE;
}

static int set_flag(const cli_option *option, const char *text, void *arguments)
{
    (void)text;
    *(int *)field(option, arguments) = 1;
    return CLI_EXIT_DONE;
}

static int set_value(const cli_option *option, const char *text, void *arguments)
{
    static int (*const setters[])(const cli_option *option, const char *text, void *arguments) = {
        [CLI_OPTION_FLAG] = set_flag,     [CLI_OPTION_TEXT] = set_text,       [CLI_OPTION_COUNT] = set_count,
        [CLI_OPTION_OUTPUT] = set_output, [CLI_OPTION_BYTES] = set_bytes,     [CLI_OPTION_REAL] = set_real,
        [CLI_OPTION_CHOICE] = set_choice, [CLI_OPTION_OPERAND] = set_operand,
    };
    return setters[option->kind](option, text, arguments);
}

static int set_default(const cli_option *option, void *arguments)
{
    if (option->fallback) return set_value(option, option->fallback, arguments);
    switch (option->kind) {
    case CLI_OPTION_COUNT:
    case CLI_OPTION_BYTES:
        *(uint64_t *)field(option, arguments) = CLI_NOT_GIVEN;
        break;
    case CLI_OPTION_REAL:
        *(double *)field(option, arguments) = (double)NAN;
        break;
    case CLI_OPTION_CHOICE:
        *(int *)field(option, arguments) = -1;
        break;
    case CLI_OPTION_FLAG:
    case CLI_OPTION_TEXT:
    case CLI_OPTION_OUTPUT:
    case CLI_OPTION_OPERAND:
        break; /* zero */
    }
    return CLI_EXIT_DONE;
}

/* --- nearest word --- */

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters are missing, too many, wrong, or two that stand side by side swapped; words longer than a row are
 * far from everything. */
static size_t distance(const char *a, const char *b)
{
    enum { LONGEST = 63 };
    size_t rows[3][LONGEST + 1]; /* of a's first i letters, of i - 1, of i - 2 */
    const size_t columns = strlen(b);
    if (columns > LONGEST) return columns;
    for (size_t j = 0; j <= columns; j++) rows[0][j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        memcpy(rows[2], rows[1], sizeof rows[1]);
        memcpy(rows[1], rows[0], sizeof rows[0]);
        rows[0][0] = i;
        for (size_t j = 1; j <= columns; j++) {
            const size_t swapped = min_size(rows[1][j], rows[0][j - 1]) + 1;
            rows[0][j] = min_size(swapped, rows[1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                rows[0][j] = min_size(rows[0][j], rows[2][j - 2] + 1);
        }
    }
    return rows[0][columns];
}

const char *cli_options_nearest(const char *word, const char *(*name)(const void *words, size_t i), const void *words,
                                size_t count)
{
    const char *nearest = NULL;
    size_t least = strlen(word) / 5 + 2; /* more than one letter in five wrong, and one, is another word */
    for (size_t i = 0; i < count; i++) {
        const char *candidate = name(words, i);
        const size_t length = strlen(word);
        size_t d = distance(word, candidate);
        if (length >= 3 && strncmp(word, candidate, length) == 0 && d > 1) d = 1; /* an abbreviation */
        if (d < least && d < strlen(candidate)) {
            least = d;
            nearest = candidate;
        }
    }
    return nearest;
}

/* --- the command line --- */

static size_t count_options(const cli_command *command)
{
    size_t count = 0;
    while (command->options[count].name) count++;
    return count;
}

/* Operands are no candidates for a mistyped option: their names are made unlike anything. */
static const char *option_name(const void *options, size_t i)
{
    const cli_option *option = (const cli_option *)options + i;
    return option->kind == CLI_OPTION_OPERAND ? "" : option->name;
}

static const cli_option *find_long(const cli_command *command, const char *name, size_t length)
{
    for (const cli_option *option = command->options; option->name; option++)
        if (option->kind != CLI_OPTION_OPERAND && strlen(option->name) == length &&
            strncmp(option->name, name, length) == 0)
            return option;
    return NULL;
}

static const cli_option *find_short(const cli_command *command, char letter)
{
    for (const cli_option *option = command->options; option->name; option++)
        if (option->letter == letter) return option;
    return NULL;
}

static int unknown_option(const cli_command *command, const char *word)
{
    char name[LABEL_BYTES];
    const char *nearest = NULL;
    if (word[1] == '-') {
        snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
        nearest = cli_options_nearest(name, option_name, command->options, count_options(command));
    }
    if (nearest)
        return cli_error(CLI_EXIT_USAGE, "%s: unknown option %s; did you mean --%s?", command->name, word, nearest);
    return cli_error(CLI_EXIT_USAGE, "%s: unknown option %s; `flashgmm %s --help` lists them", command->name, word,
                     command->name);
}

/* Takes the option that stands at argv[*i]; a value in the next word moves *i. */
static int parse_option(const cli_command *command, int argc, char **argv, int *i, void *arguments)
{
    const char *word = argv[*i];
    const int is_long = word[1] == '-';
    const size_t name_length = strcspn(word + 2, "=");
    const cli_option *option = is_long ? find_long(command, word + 2, name_length) : find_short(command, word[1]);
    if (!option) return unknown_option(command, word);

    const char *value = word + 2; /* -k5 */
    if (is_long || *value == '=')
        value = is_long && !word[2 + name_length] ? NULL : word + 3 + (is_long ? name_length : 0);
    if (!is_long && !word[2]) value = NULL;
    if (option->kind == CLI_OPTION_FLAG) {
        if (value) return cli_error(CLI_EXIT_USAGE, "%s: %s takes no value", command->name, word);
        return set_flag(option, NULL, arguments);
    }
    if (!value) {
        char name[LABEL_BYTES];
        if (*i + 1 >= argc)
            return cli_error(CLI_EXIT_USAGE, "%s: %s needs a value: %s %s", command->name, word, label(name, option),
                             option->value ? option->value : "WORD");
        value = argv[++*i];
        if ((option->kind == CLI_OPTION_TEXT || option->kind == CLI_OPTION_OUTPUT) && value[0] == '-' && value[1])
            return cli_error(CLI_EXIT_USAGE,
                             "%s: %s needs a value, but %s follows (a value that begins with - is written "
                             "%s=%s)",
                             command->name, word, value, label(name, option), value);
    }
    return set_value(option, value, arguments);
}

static const cli_option *next_operand(const cli_command *command, size_t position)
{
    for (const cli_option *option = command->options; option->name; option++)
        if (option->kind == CLI_OPTION_OPERAND && position-- == 0) return option;
    return NULL;
}

static int is_given(const cli_option *option, void *arguments)
{
    switch (option->kind) {
    case CLI_OPTION_TEXT:
    case CLI_OPTION_OUTPUT:
    case CLI_OPTION_OPERAND:
        return *(const char **)field(option, arguments) != NULL;
    case CLI_OPTION_COUNT:
    case CLI_OPTION_BYTES:
        return *(uint64_t *)field(option, arguments) != CLI_NOT_GIVEN;
    case CLI_OPTION_REAL:
        return !isnan(*(double *)field(option, arguments));
    case CLI_OPTION_CHOICE:
        return *(int *)field(option, arguments) >= 0;
    case CLI_OPTION_FLAG:
        break;
    }
    return 1;
}

static int check_required(const cli_command *command, void *arguments)
{
    for (const cli_option *option = command->options; option->name; option++) {
        if (!option->is_required && option->kind != CLI_OPTION_OPERAND) continue;
        if (is_given(option, arguments)) continue;
        if (option->kind == CLI_OPTION_OPERAND)
            return cli_error(CLI_EXIT_USAGE, "%s: %s is missing: %s", command->name, option->name, option->help);
        if (option->letter)
            return cli_error(CLI_EXIT_USAGE, "%s: -%c %s is missing: %s", command->name, option->letter, option->value,
                             option->help);
        return cli_error(CLI_EXIT_USAGE, "%s: --%s %s is missing: %s", command->name, option->name, option->value,
                         option->help);
    }
    return CLI_EXIT_DONE;
}

static int is_flag_set(const cli_command *command, const char *name, void *arguments)
{
    const cli_option *option = find_long(command, name, strlen(name));
    return option && *(int *)field(option, arguments);
}

/* Outputs named - become temporary files that are copied to standard output in the end. */
static int acquire_standard_output(const cli_command *command, void *arguments)
{
    int exit_code = CLI_EXIT_DONE;
    for (const cli_option *option = command->options; option->name; option++) {
        char name[LABEL_BYTES];
        const char **path = field(option, arguments);
        if (option->kind != CLI_OPTION_OUTPUT || !*path || strcmp(*path, "-") != 0) continue;
        if (is_flag_set(command, "json", arguments))
            return cli_error(CLI_EXIT_USAGE, "%s = - and --json: both go to standard output, need one of them",
                             label(name, option));
        CLI_DO(cli_standard_output_acquire(path, label(name, option), option->endings[0],
                                           is_flag_set(command, "quiet", arguments)));
    }
done:
    return exit_code;
}

int cli_options_parse(const cli_command *command, int argc, char **argv, void *arguments)
{
    int exit_code = CLI_EXIT_DONE, is_words_only = 0;
    size_t operands = 0;
    for (const cli_option *option = command->options; option->name; option++) CLI_DO(set_default(option, arguments));
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        const int is_option = !is_words_only && word[0] == '-' && word[1];
        if (is_option && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
            cli_options_help(command);
            return CLI_EXIT_DONE;
        }
        if (is_option && strcmp(word, "--") == 0) {
            is_words_only = 1;
        } else if (is_option) {
            CLI_DO(parse_option(command, argc, argv, &i, arguments));
        } else {
            const cli_option *operand = next_operand(command, operands++);
            if (!operand)
                return cli_error(CLI_EXIT_USAGE, "%s: %s is one word too many; `flashgmm %s --help` shows the usage",
                                 command->name, word, command->name);
            CLI_DO(set_operand(operand, word, arguments));
        }
    }
    CLI_DO(check_required(command, arguments));
    CLI_DO(acquire_standard_output(command, arguments));
    exit_code = CLI_PARSE_RUN;
done:
    return exit_code;
}

/* --- help --- */

enum { HELP_COLUMN = 28, HELP_WIDTH = 96 };

/* Prints text in columns HELP_COLUMN..HELP_WIDTH, broken between words; `used` columns of the first line are taken. */
static void print_wrapped(const char *text, int used)
{
    if (used >= HELP_COLUMN) {
        putchar('\n');
        used = 0;
    }
    printf("%*s", HELP_COLUMN - used, "");
    int column = HELP_COLUMN;
    while (*text) {
        const int length = (int)strcspn(text, " ");
        if (column > HELP_COLUMN && column + 1 + length > HELP_WIDTH) {
            printf("\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        }
        if (column > HELP_COLUMN) column += printf(" ");
        column += printf("%.*s", length, text);
        text += length;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static void print_option(const cli_option *option)
{
    char choices[CHOICES_BYTES], text[512];
    int used =
        option->letter ? printf("  -%c, --%s", option->letter, option->name) : printf("      --%s", option->name);
    if (option->choices || option->choice) used += printf(" %s", list_choices(choices, option, "|", "|"));
    if (option->value) used += printf(" %s", option->value);
    snprintf(text, sizeof text, "%s%s%s%s%s", option->help, option->is_required ? " (required)" : "",
             option->fallback ? " (default " : "", option->fallback ? option->fallback : "",
             option->fallback ? ")" : "");
    print_wrapped(text, used);
}

void cli_options_help(const cli_command *command)
{
    printf("flashgmm %s: %s\n\nUsage: flashgmm %s", command->name, command->summary, command->name);
    for (const cli_option *option = command->options; option->name; option++)
        if (option->kind == CLI_OPTION_OPERAND) printf(" %s", option->name);
    for (const cli_option *option = command->options; option->name; option++)
        if (option->is_required && option->letter)
            printf(" -%c %s", option->letter, option->value);
        else if (option->is_required)
            printf(" --%s %s", option->name, option->value);
    printf(" [OPTIONS]\n\n");
    for (const cli_option *option = command->options; option->name; option++)
        if (option->kind == CLI_OPTION_OPERAND) print_wrapped(option->help, printf("  %s", option->name));
    if (next_operand(command, 0)) putchar('\n');
    printf("Options:\n");
    for (const cli_option *option = command->options; option->name; option++)
        if (option->kind != CLI_OPTION_OPERAND) print_option(option);
    print_wrapped("show this help", printf("  -h, --help"));
    if (command->notes) printf("\n%s", command->notes);
    printf("\nExamples:\n%s", command->examples);
}
