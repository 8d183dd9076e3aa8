/* check_process.c - the check of a kernel backend in a process of its own, both ends: the library starts flashgmm-check
 * with what the passes are about as arguments, and reads its answer; the program opens the same device and does the
 * check (self_check.c) there. What it compiles stays in the driver's cache or in the library's, so that it is not
 * compiled again.
 *
 *   arguments: those of argument, in order, as text, then those of pass_argument for each pass;
 *   lines of the answer: FG_CHECK_STAGE and its like (device.h)
 */
#include "check_process.h"

#include "process.h"
#include "size.h"
#include "status.h"
#include "thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum argument {
    ARGUMENT_VERSION = 1, /* behind the program's name */
    ARGUMENT_DEVICE,      /* its index */
    ARGUMENT_PLATFORM,    /* and its names, since lists of devices may differ */
    ARGUMENT_NAME,
    ARGUMENT_DRIVER,
    ARGUMENT_FOLDER, /* of the cache; "": none */
    ARGUMENT_BACKEND,
    ARGUMENT_IS_FORCED,
    ARGUMENTS
} argument;

/* Behind them, of each pass. */
typedef enum pass_argument {
    PASS_COVARIANCE,
    PASS_ASSIGNMENT,
    PASS_K,
    PASS_D,
    PASS_TYPE,
    PASS_BATCH_ROWS,
    PASS_PATH,
    PASS_TILE, /* "": none */
    PASS_ROWS,
    PASS_PRUNING,
    PASS_HAS_DIFFERENCES,
    PASS_HAS_WIDE_SUMS,
    PASS_ARGUMENTS
} pass_argument;

enum { MOST_ARGUMENTS = ARGUMENTS + FG_CHECK_PASSES * PASS_ARGUMENTS };

/* ---- the library's end ---- */

typedef struct listener {
    fgmm_device *device;
    char stage[256], answer[512];
} listener;

/* The text behind the prefix, or NULL where the line has not got it. */
static const char *behind(const char *line, const char *prefix)
{
    return strncmp(line, prefix, strlen(prefix)) == 0 ? line + strlen(prefix) : NULL;
}

static void listen(void *user, const char *line)
{
    listener *l = user;
    const char *text;
    if ((text = behind(line, FG_CHECK_LOG)) != NULL) fg_device_log_once(l->device, text);
    if ((text = behind(line, FG_CHECK_STAGE)) != NULL) snprintf(l->stage, sizeof l->stage, "%s", text);
    if ((text = behind(line, FG_CHECK_ANSWER)) != NULL) snprintf(l->answer, sizeof l->answer, "%s", text);
}

/* The program's own words. 0: there are none. */
static int read_answer(fg_check_outcome *outcome, const char *answer)
{
    static const struct {
        const char *word;
        fg_check_kind kind;
    } kinds[] = {{"passed", FG_CHECK_PASSED},
                 {"wrong ", FG_CHECK_WRONG},
                 {"error ", FG_CHECK_ERROR},
                 {"unsure ", FG_CHECK_UNSURE}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const char *why = behind(answer, kinds[i].word);
        if (!why) continue;
        outcome->kind = kinds[i].kind;
        snprintf(outcome->why, sizeof outcome->why, "%s", why);
        return 1;
    }
    return 0;
}

/* A program that ended without an answer: the driver's doing, unless somebody else ended it. A driver that hangs would
 * hang in the application as well: it counts as one that crashes. */
static void judge_end(fg_check_outcome *outcome, fg_process_end end, int code, const char *stage, double silent_s)
{
    char how[96];
    if (!*stage) stage = "the device was opened";
    *outcome = (fg_check_outcome){FG_CHECK_UNSURE, ""};
    if (end == FG_PROCESS_INTERRUPTED) return;
    outcome->kind = FG_CHECK_ERROR;
    if (end == FG_PROCESS_SILENT) {
        snprintf(outcome->why, sizeof outcome->why, "the check was not finished: nothing came of it for %g s while %s",
                 silent_s, stage);
        return;
    }
    if (end == FG_PROCESS_CRASHED)
        fg_process_signal_text(how, sizeof how, code);
    else
        snprintf(how, sizeof how, "exit status %d", code);
    snprintf(outcome->why, sizeof outcome->why, "the driver ended the check's process (%s) while %s", how, stage);
}

/* The program's arguments and the texts of the numbers among them. */
typedef struct argument_list {
    const char *arguments[MOST_ARGUMENTS + 1];
    char texts[MOST_ARGUMENTS][32];
} argument_list;

static void number(argument_list *list, size_t which, unsigned long long value)
{
    snprintf(list->texts[which], sizeof list->texts[which], "%llu", value);
    list->arguments[which] = list->texts[which];
}

static void list_pass(argument_list *list, size_t first, const fg_pass_options *o)
{
    list->arguments[first + PASS_TILE] = o->tile_text ? o->tile_text : "";
    number(list, first + PASS_COVARIANCE, (unsigned)o->covariance);
    number(list, first + PASS_ASSIGNMENT, (unsigned)o->assignment);
    number(list, first + PASS_K, o->k);
    number(list, first + PASS_D, o->d);
    number(list, first + PASS_TYPE, (unsigned)o->type);
    number(list, first + PASS_BATCH_ROWS, o->batch_rows);
    number(list, first + PASS_PATH, (unsigned)o->path);
    number(list, first + PASS_ROWS, o->rows);
    number(list, first + PASS_PRUNING, (unsigned)o->pruning);
    number(list, first + PASS_HAS_DIFFERENCES, (unsigned)o->has_differences);
    number(list, first + PASS_HAS_WIDE_SUMS, (unsigned)o->has_wide_sums);
}

static void list_arguments(argument_list *list, const fgmm_device_info *info, const fgmm_device *device,
                           const fg_pass_options *passes, size_t count)
{
    const char *folder = fg_device_cache_folder(device);
    list->arguments[0] = "flashgmm-check";
    list->arguments[ARGUMENT_VERSION] = fgmm_version();
    list->arguments[ARGUMENT_PLATFORM] = info->platform;
    list->arguments[ARGUMENT_NAME] = info->name;
    list->arguments[ARGUMENT_DRIVER] = info->driver;
    list->arguments[ARGUMENT_FOLDER] = folder ? folder : "";
    number(list, ARGUMENT_DEVICE, info->index);
    number(list, ARGUMENT_BACKEND, (unsigned)fg_backend_in_use(device));
    number(list, ARGUMENT_IS_FORCED, (unsigned)fg_device_is_backend_forced(device));
    for (size_t i = 0; i < count; i++) list_pass(list, ARGUMENTS + i * PASS_ARGUMENTS, &passes[i]);
    list->arguments[ARGUMENTS + count * PASS_ARGUMENTS] = NULL;
}

int fg_check_apart(fg_check_outcome *outcome, fgmm_device *device, const fg_pass_options *passes, size_t count)
{
    const char *program = fg_backend_check_program(device);
    argument_list list;
    fgmm_device_info info = fgmm_device_info_init();
    listener l = {.device = device};
    int code;
    if (!program || passes[0].tile || fgmm_device_describe(device, &info) != FGMM_OK) return 0;
    list_arguments(&list, &info, device, passes, count);
    const double began_s = fg_now_s(), silent_s = fg_device_check_silence_s(device);
    const fg_process_end end = fg_process_run(&code, program, list.arguments, silent_s, listen, &l);
    fg_device_record_compiling(device, fg_now_s() - began_s); /* it does little else */
    if (end == FG_PROCESS_NOT_STARTED) return 0;
    if (end == FG_PROCESS_EXITED && code == FG_CHECK_EXIT_CANNOT) return 0;
    if (end != FG_PROCESS_EXITED || !read_answer(outcome, l.answer)) judge_end(outcome, end, code, l.stage, silent_s);
    return 1;
}

/* ---- the program's end ---- */

static void say_log(void *user, const char *line)
{
    (void)user;
    printf(FG_CHECK_LOG "%s\n", line);
    fflush(stdout);
}

/* Which device the arguments mean: the one of that index if it has these names, else the first that has. */
static int find_device(char match[32], char **argv)
{
    fgmm_device_info infos[64];
    const size_t capacity = sizeof infos / sizeof infos[0];
    const unsigned long long wanted = strtoull(argv[ARGUMENT_DEVICE], NULL, 10);
    size_t count = 0, found = capacity;
    for (size_t i = 0; i < capacity; i++) infos[i] = fgmm_device_info_init();
    if (fgmm_devices_list(infos, capacity, &count) != FGMM_OK) return 0;
    for (size_t i = (size_t)fg_min_u64(count, capacity); i-- > 0;)
        if (strcmp(infos[i].platform, argv[ARGUMENT_PLATFORM]) == 0 &&
            strcmp(infos[i].name, argv[ARGUMENT_NAME]) == 0 && strcmp(infos[i].driver, argv[ARGUMENT_DRIVER]) == 0 &&
            found != wanted)
            found = i;
    snprintf(match, 32, "%zu", found);
    return found < capacity;
}

static unsigned long long number_of(char **arguments, size_t which)
{
    return strtoull(arguments[which], NULL, 10);
}

static fgmm_status open_device(fgmm_device **device, char **argv, const char *match)
{
    fgmm_device_options options = fgmm_device_options_init();
    const fgmm_backend backend = (fgmm_backend)number_of(argv, ARGUMENT_BACKEND);
    options.match = match;
    options.cache_dir = argv[ARGUMENT_FOLDER];
    options.log = say_log;
    options.check_program = "";
    const fgmm_status status = fgmm_device_open(device, &options);
    if (status != FGMM_OK) return status;
    fg_device_check_for_another(*device);
    if (number_of(argv, ARGUMENT_IS_FORCED)) return fgmm_device_force_backend(*device, backend);
    fg_backend_claim(*device, backend);
    return FGMM_OK;
}

/* arguments (PASS_ARGUMENTS). */
static fg_pass_options read_pass(char **arguments)
{
    const char *tile = arguments[PASS_TILE];
    return (fg_pass_options){.covariance = (fgmm_covariance)number_of(arguments, PASS_COVARIANCE),
                             .assignment = (fg_assignment)number_of(arguments, PASS_ASSIGNMENT),
                             .k = number_of(arguments, PASS_K),
                             .d = number_of(arguments, PASS_D),
                             .type = (fgmm_type)number_of(arguments, PASS_TYPE),
                             .batch_rows = (size_t)number_of(arguments, PASS_BATCH_ROWS),
                             .path = (fgmm_path)number_of(arguments, PASS_PATH),
                             .tile_text = *tile ? tile : NULL,
                             .rows = number_of(arguments, PASS_ROWS),
                             .pruning = (fg_pruning_use)number_of(arguments, PASS_PRUNING),
                             .has_differences = (int)number_of(arguments, PASS_HAS_DIFFERENCES),
                             .has_wide_sums = (int)number_of(arguments, PASS_HAS_WIDE_SUMS)};
}

static fgmm_status check(fg_check_outcome *outcome, char **argv, size_t count, const char *match)
{
    fgmm_status status = FGMM_OK;
    char program[FG_CHECK_NAME_BYTES];
    fgmm_device *device = NULL;
    fg_pass_options passes[FG_CHECK_PASSES];
    for (size_t i = 0; i < count; i++) passes[i] = read_pass(argv + ARGUMENTS + i * PASS_ARGUMENTS);
    FG_TRY(open_device(&device, argv, match));
    FG_TRY(fg_check_backend(outcome, program, device, passes, count));
done:
    fgmm_device_close(device);
    return status;
}

/* Of as many passes as the arguments are for; 0: they are not for any. */
static size_t count_passes(int argc)
{
    for (size_t i = 1; i <= FG_CHECK_PASSES; i++)
        if ((size_t)argc == ARGUMENTS + i * PASS_ARGUMENTS) return i;
    return 0;
}

int fg_check_for_another(int argc, char **argv)
{
    static const char *const words[] = {[FG_CHECK_PASSED] = "passed",
                                        [FG_CHECK_WRONG] = "wrong ",
                                        [FG_CHECK_ERROR] = "error ",
                                        [FG_CHECK_UNSURE] = "unsure "};
    char match[32];
    fg_check_outcome outcome = {FG_CHECK_UNSURE, ""};
    const size_t passes = count_passes(argc);
    fg_process_end_with_parent();
    if (passes == 0 || strcmp(argv[ARGUMENT_VERSION], fgmm_version()) != 0 || !find_device(match, argv))
        return FG_CHECK_EXIT_CANNOT;
    if (check(&outcome, argv, passes, match) != FGMM_OK)
        return FG_CHECK_EXIT_CANNOT; /* the application meets with it itself */
    printf(FG_CHECK_ANSWER "%s%.*s\n", words[outcome.kind], (int)strcspn(outcome.why, "\n"), outcome.why);
    fflush(stdout);
    return 0;
}
