/* apart.c - the check of a kernel family in a process of its own, both ends: the library starts flashgmm-check with
 * what the pass is about as arguments, and reads its answer; the program opens the same device and does the check
 * (probe.c) there. What it compiles stays in the driver's cache or in the library's, so that it is not compiled again.
 *
 *   arguments: those of argument_names, in order, as text; lines of the answer: FG_CHECK_STAGE and its like (device.h)
 */
#include "apart.h"

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
    ARGUMENT_FAMILY,
    ARGUMENT_IS_ASKED_FOR,
    ARGUMENT_COVARIANCE,
    ARGUMENT_KEEP,
    ARGUMENT_K,
    ARGUMENT_D,
    ARGUMENT_TYPE,
    ARGUMENT_BATCH_ROWS,
    ARGUMENT_PATH,
    ARGUMENT_TILE, /* "": none */
    ARGUMENT_ROWS,
    ARGUMENT_BOUNDS,
    ARGUMENT_LAUNCH_WORK,
    ARGUMENT_HAS_DIFFERENCES,
    ARGUMENT_HAS_WIDE_SUMS,
    ARGUMENTS
} argument;

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

/* A program that ended without an answer: the driver's doing, unless somebody else ended it. */
static void judge_end(fg_check_outcome *outcome, fg_process_end end, int code, const char *stage)
{
    char how[96];
    *outcome = (fg_check_outcome){FG_CHECK_UNSURE, ""};
    if (end == FG_PROCESS_INTERRUPTED) return;
    if (end == FG_PROCESS_CRASHED)
        fg_process_signal_text(how, sizeof how, code);
    else
        snprintf(how, sizeof how, "exit status %d", code);
    outcome->kind = FG_CHECK_ERROR;
    snprintf(outcome->why, sizeof outcome->why, "the driver ended the check's process (%s) while %s", how,
             *stage ? stage : "the device was opened");
}

/* Texts of numbers among the arguments. */
typedef char number_text[32];

static void number(const char *arguments[ARGUMENTS + 1], number_text *texts, argument which, unsigned long long value)
{
    snprintf(texts[which], sizeof texts[which], "%llu", value);
    arguments[which] = texts[which];
}

static void list_arguments(const char *arguments[ARGUMENTS + 1], number_text *texts, const fgmm_device_info *info,
                           const fgmm_device *device, const fg_pass_options *o)
{
    const char *folder = fg_device_cache_folder(device);
    arguments[0] = "flashgmm-check";
    arguments[ARGUMENT_VERSION] = fgmm_version();
    arguments[ARGUMENT_PLATFORM] = info->platform;
    arguments[ARGUMENT_NAME] = info->name;
    arguments[ARGUMENT_DRIVER] = info->driver;
    arguments[ARGUMENT_FOLDER] = folder ? folder : "";
    arguments[ARGUMENT_TILE] = o->tile_text ? o->tile_text : "";
    number(arguments, texts, ARGUMENT_DEVICE, info->index);
    number(arguments, texts, ARGUMENT_FAMILY, (unsigned)fg_family_in_use(device));
    number(arguments, texts, ARGUMENT_IS_ASKED_FOR, (unsigned)fg_device_is_family_asked_for(device));
    number(arguments, texts, ARGUMENT_COVARIANCE, (unsigned)o->covariance);
    number(arguments, texts, ARGUMENT_KEEP, (unsigned)o->keep);
    number(arguments, texts, ARGUMENT_K, o->k);
    number(arguments, texts, ARGUMENT_D, o->d);
    number(arguments, texts, ARGUMENT_TYPE, (unsigned)o->type);
    number(arguments, texts, ARGUMENT_BATCH_ROWS, o->batch_rows);
    number(arguments, texts, ARGUMENT_PATH, (unsigned)o->path);
    number(arguments, texts, ARGUMENT_ROWS, o->rows);
    number(arguments, texts, ARGUMENT_BOUNDS, (unsigned)o->bounds);
    number(arguments, texts, ARGUMENT_HAS_DIFFERENCES, (unsigned)o->has_differences);
    number(arguments, texts, ARGUMENT_HAS_WIDE_SUMS, (unsigned)o->has_wide_sums);
    snprintf(texts[ARGUMENT_LAUNCH_WORK], sizeof texts[0], "%.17g", o->launch_work);
    arguments[ARGUMENT_LAUNCH_WORK] = texts[ARGUMENT_LAUNCH_WORK];
    arguments[ARGUMENTS] = NULL;
}

int fg_check_apart(fg_check_outcome *outcome, fgmm_device *device, const fg_pass_options *options)
{
    const char *program = fg_family_check_program(device), *arguments[ARGUMENTS + 1];
    number_text texts[ARGUMENTS];
    fgmm_device_info info = FGMM_DEVICE_INFO_INIT;
    listener l = {.device = device};
    int code;
    if (!program || options->tile || fgmm_device_describe(device, &info) != FGMM_OK) return 0;
    list_arguments(arguments, texts, &info, device, options);
    const double began_s = fg_now_s();
    const fg_process_end end = fg_process_run(&code, program, arguments, listen, &l);
    fg_device_note_compiling(device, fg_now_s() - began_s); /* it does little else */
    if (end == FG_PROCESS_NOT_STARTED) return 0;
    if (end == FG_PROCESS_EXITED && code == FG_CHECK_EXIT_CANNOT) return 0;
    if (end != FG_PROCESS_EXITED || !read_answer(outcome, l.answer)) judge_end(outcome, end, code, l.stage);
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
    const size_t room = sizeof infos / sizeof infos[0];
    const unsigned long long wanted = strtoull(argv[ARGUMENT_DEVICE], NULL, 10);
    size_t count = 0, found = room;
    for (size_t i = 0; i < room; i++) infos[i] = (fgmm_device_info)FGMM_DEVICE_INFO_INIT;
    if (fgmm_devices_list(infos, room, &count) != FGMM_OK) return 0;
    for (size_t i = (size_t)fg_min_u64(count, room); i-- > 0;)
        if (strcmp(infos[i].platform, argv[ARGUMENT_PLATFORM]) == 0 &&
            strcmp(infos[i].name, argv[ARGUMENT_NAME]) == 0 && strcmp(infos[i].driver, argv[ARGUMENT_DRIVER]) == 0 &&
            found != wanted)
            found = i;
    snprintf(match, 32, "%zu", found);
    return found < room;
}

static unsigned long long number_of(char **argv, argument which)
{
    return strtoull(argv[which], NULL, 10);
}

static fgmm_status open_device(fgmm_device **device, char **argv, const char *match)
{
    fgmm_device_options options = FGMM_DEVICE_OPTIONS_INIT;
    const fgmm_kernel_family family = (fgmm_kernel_family)number_of(argv, ARGUMENT_FAMILY);
    options.match = match;
    options.cache_dir = argv[ARGUMENT_FOLDER];
    options.log = say_log;
    options.check_program = "";
    if (number_of(argv, ARGUMENT_IS_ASKED_FOR)) options.family = family;
    const fgmm_status status = fgmm_device_open(device, &options);
    if (status != FGMM_OK) return status;
    fg_device_check_for_another(*device);
    if (!options.family) fg_family_take(*device, family);
    return FGMM_OK;
}

static fgmm_status check(fg_check_outcome *outcome, char **argv, const char *match)
{
    fgmm_status status = FGMM_OK;
    char program[FG_CHECK_NAME_BYTES];
    fgmm_device *device = NULL;
    const char *tile = argv[ARGUMENT_TILE];
    const fg_pass_options options = {.covariance = (fgmm_covariance)number_of(argv, ARGUMENT_COVARIANCE),
                                     .keep = (fg_keep)number_of(argv, ARGUMENT_KEEP),
                                     .k = number_of(argv, ARGUMENT_K),
                                     .d = number_of(argv, ARGUMENT_D),
                                     .type = (fgmm_type)number_of(argv, ARGUMENT_TYPE),
                                     .batch_rows = (size_t)number_of(argv, ARGUMENT_BATCH_ROWS),
                                     .path = (fgmm_path)number_of(argv, ARGUMENT_PATH),
                                     .tile_text = *tile ? tile : NULL,
                                     .rows = number_of(argv, ARGUMENT_ROWS),
                                     .bounds = (fg_bounds_use)number_of(argv, ARGUMENT_BOUNDS),
                                     .launch_work = strtod(argv[ARGUMENT_LAUNCH_WORK], NULL),
                                     .has_differences = (int)number_of(argv, ARGUMENT_HAS_DIFFERENCES),
                                     .has_wide_sums = (int)number_of(argv, ARGUMENT_HAS_WIDE_SUMS)};
    FG_TRY(open_device(&device, argv, match));
    FG_TRY(fg_check_family(outcome, program, device, &options));
done:
    fgmm_device_close(device);
    return status;
}

int fg_check_for_another(int argc, char **argv)
{
    static const char *const words[] = {[FG_CHECK_PASSED] = "passed",
                                        [FG_CHECK_WRONG] = "wrong ",
                                        [FG_CHECK_ERROR] = "error ",
                                        [FG_CHECK_UNSURE] = "unsure "};
    char match[32];
    fg_check_outcome outcome = {FG_CHECK_UNSURE, ""};
    fg_process_end_with_parent();
    if (argc != ARGUMENTS || strcmp(argv[ARGUMENT_VERSION], fgmm_version()) != 0 || !find_device(match, argv))
        return FG_CHECK_EXIT_CANNOT;
    if (check(&outcome, argv, match) != FGMM_OK) return FG_CHECK_EXIT_CANNOT; /* the application meets with it itself */
    printf(FG_CHECK_ANSWER "%s%.*s\n", words[outcome.kind], (int)strcspn(outcome.why, "\n"), outcome.why);
    fflush(stdout);
    return 0;
}
