/* backend_record.c - what is known of a device's kernel backends: which programs have passed their check, what speaks
 * against a backend, and what is used instead. The check itself is checks/self_check.c. Kept beside the compiled
 * programs, a small file per entry; a program's holds "passed", a backend's is its mark, in lines:
 *
 *     failed | suspected PROCESS | running PROCESS
 *     the cause; of a check under way, what it is about
 *     the date
 *     the driver's version
 *     suspected: the program | running: how often in a row, and about what, checks ended before
 *
 * A mark is for what the device did, never for what befell the process. Wrong results are believed at once (failed).
 * An error of the driver and a crash may be the host's fault, such as a lack of memory or of threads: they count once a
 * second process has met with one (suspected before), and not at all where the process may take no more memory or
 * threads. A check within the application leaves "running" behind when its process is gone: by a crash or because
 * somebody killed it, which cannot be told apart; it counts once two in a row ended about the same thing. A process is
 * its number and when it began.
 *
 * Names of the files cover device, driver and library version as those of compiled programs do: another driver begins
 * anew. Failing to read or to write here only means that a check runs again.
 */
#define _POSIX_C_SOURCE 200809L
#include "handle.h"

#include "file.h"
#include "process.h"
#include "size.h"
#include "thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RECORD_BYTES = 1280, LINE_BYTES = 384, MARK_TEXT_BYTES = LINE_BYTES + 256, UNFINISHED_BELIEVED = 2 };

typedef enum mark_kind { MARK_NONE, MARK_FAILED, MARK_SUSPECTED, MARK_RUNNING } mark_kind;

/* What speaks against a backend. */
typedef struct mark {
    mark_kind kind;
    long process;
    uint64_t began;
    char cause[LINE_BYTES], date[32], driver[128];
    uint64_t program; /* suspected: hash of its name */
    unsigned before;  /* running: checks in a row that ended before, all while `before_what` */
    char before_what[LINE_BYTES];
} mark;

/* ---- files ---- */

static char *record_path(const fgmm_device *device, const char *what)
{
    fg_cache_entry entry;
    if (!device->cache_folder) return NULL;
    fg_cache_key(&entry, device, what, "check");
    if (!entry.is_known) return NULL;
    const size_t capacity = strlen(device->cache_folder) + 48;
    char *path = malloc(capacity);
    if (path)
        snprintf(path, capacity, "%s/%016llx%016llx.check", device->cache_folder, (unsigned long long)entry.key[0],
                 (unsigned long long)entry.key[1]);
    return path;
}

/* The record's text, "" where there is none. */
static void read_record(char text[RECORD_BYTES], const fgmm_device *device, const char *what)
{
    char error_text[FG_ERROR_TEXT_BYTES];
    unsigned char *bytes = NULL;
    size_t count = 0;
    text[0] = 0;
    char *path = record_path(device, what);
    if (!path) return;
    fg_error_save(error_text);
    if (fg_file_read_all(&bytes, &count, path, RECORD_BYTES - 1) == FGMM_OK) {
        memcpy(text, bytes, count);
        text[count] = 0;
    }
    fg_error_restore(error_text);
    free(bytes);
    free(path);
}

static void write_record(const fgmm_device *device, const char *what, const char *text)
{
    char error_text[FG_ERROR_TEXT_BYTES];
    fg_atomic_file *file = NULL;
    char *path = record_path(device, what);
    if (!path) return;
    fg_error_save(error_text);
    if (fg_make_folders(device->cache_folder) == FGMM_OK && fg_atomic_open(&file, path) == FGMM_OK) {
        if (fg_atomic_write(file, text, strlen(text)) == FGMM_OK)
            fg_atomic_commit(file);
        else
            fg_atomic_abandon(file);
    }
    fg_error_restore(error_text);
    free(path);
}

/* 1 where there was one. */
static int remove_record(const fgmm_device *device, const char *what)
{
    char *path = record_path(device, what);
    const int is_removed = path && remove(path) == 0;
    free(path);
    return is_removed;
}

/* ---- marks ---- */

/* The next line of *text without its end, cut to the capacity; "" behind the last. */
static void parse_line(char *line, size_t capacity, const char **text)
{
    const size_t count = strcspn(*text, "\n");
    snprintf(line, capacity, "%.*s", (int)fg_min_u64(count, capacity - 1), *text);
    *text += count + ((*text)[count] == '\n');
}

static uint64_t hash_of(const char *program)
{
    return fg_hash(FG_HASH_BEGIN, program, strlen(program));
}

static void read_mark(mark *m, const fgmm_device *device, fgmm_backend backend)
{
    char text[RECORD_BYTES], first[128], last[LINE_BYTES + 32];
    unsigned long long began = 0;
    const char *at = text;
    *m = (mark){.kind = MARK_NONE};
    read_record(text, device, fgmm_backend_name(backend));
    parse_line(first, sizeof first, &at);
    parse_line(m->cause, sizeof m->cause, &at);
    parse_line(m->date, sizeof m->date, &at);
    parse_line(m->driver, sizeof m->driver, &at);
    parse_line(last, sizeof last, &at);
    if (strcmp(first, "failed") == 0)
        m->kind = MARK_FAILED;
    else if (sscanf(first, "suspected %ld %llu", &m->process, &began) == 2)
        m->kind = MARK_SUSPECTED;
    else if (sscanf(first, "running %ld %llu", &m->process, &began) == 2)
        m->kind = MARK_RUNNING;
    m->began = began;
    if (m->kind == MARK_SUSPECTED) m->program = strtoull(last, NULL, 16);
    if (m->kind == MARK_RUNNING) {
        char *what = NULL;
        m->before = (unsigned)strtoul(last, &what, 10);
        snprintf(m->before_what, sizeof m->before_what, "%.*s", (int)sizeof m->before_what - 1, what + (*what == ' '));
    }
}

/* Fills in process, date and driver. */
static void write_mark(const fgmm_device *device, fgmm_backend backend, const mark *m)
{
    static const char *const names[] = {
        [MARK_FAILED] = "failed", [MARK_SUSPECTED] = "suspected", [MARK_RUNNING] = "running"};
    char text[RECORD_BYTES], first[128], date[32] = "", last[LINE_BYTES + 32] = "";
    const time_t now = time(NULL);
    struct tm parts;
    const long process = fg_process_id();
    if (gmtime_r(&now, &parts)) strftime(date, sizeof date, "%Y-%m-%d %H:%M UTC", &parts);
    snprintf(first, sizeof first, "%s", names[m->kind]);
    if (m->kind != MARK_FAILED)
        snprintf(first, sizeof first, "%s %ld %llu", names[m->kind], process,
                 (unsigned long long)fg_process_began(process));
    if (m->kind == MARK_SUSPECTED) snprintf(last, sizeof last, "%016llx\n", (unsigned long long)m->program);
    if (m->kind == MARK_RUNNING) snprintf(last, sizeof last, "%u %s\n", m->before, m->before_what);
    snprintf(text, sizeof text, "%s\n%.*s\n%s\n%s\n%.*s", first, LINE_BYTES - 1, m->cause, date, device->info.driver,
             (int)sizeof last - 1, last);
    write_record(device, fgmm_backend_name(backend), text);
}

static int is_of_this_process(const mark *m)
{
    return m->process == fg_process_id() && m->began == fg_process_began(m->process);
}

/* Its process is gone: its number is free, or another's by now. */
static int is_unfinished(const mark *m)
{
    return m->kind == MARK_RUNNING && (!fg_process_is_alive(m->process) || fg_process_began(m->process) != m->began);
}

/* Checks in a row that ended in the midst of the same thing, this one included. */
static unsigned unfinished_in_a_row(const mark *m)
{
    return strcmp(m->cause, m->before_what) == 0 ? m->before + 1 : 1;
}

/* Does the mark keep the backend from being used? Unfinished checks do not where a check program can find out. */
static int is_believed(const mark *m, const fgmm_device *device)
{
    return m->kind == MARK_FAILED ||
           (is_unfinished(m) && !device->check_program && unfinished_in_a_row(m) >= UNFINISHED_BELIEVED);
}

/* "why, on DATE with driver VERSION". */
static void describe_mark(char *text, size_t capacity, const mark *m)
{
    char why[LINE_BYTES + 64];
    if (m->kind == MARK_RUNNING)
        snprintf(why, sizeof why, "%u process%s that checked them ended while %s", unfinished_in_a_row(m),
                 unfinished_in_a_row(m) > 1 ? "es" : "", m->cause);
    else
        snprintf(why, sizeof why, "%s", m->cause);
    snprintf(text, capacity, "%s; on %s, driver %s", why, m->date, m->driver);
}

/* ---- which backend ---- */

/* What comes behind a backend: behind a matrix unit the kernels that do all else beside it; AUTO: nothing. */
static fgmm_backend next_backend(const fgmm_device *device)
{
    static const fgmm_backend behind[] = {
        [FGMM_BACKEND_CPU_SIMD] = FGMM_BACKEND_GPU_WORKGROUP, [FGMM_BACKEND_GPU_WORKGROUP] = FGMM_BACKEND_AUTO};
    const fgmm_backend kernels = fg_device_backend(device);
    return device->info.backend == kernels ? behind[kernels] : kernels;
}

static void fall_back(fgmm_device *device, fgmm_backend to, const char *why)
{
    char reason[sizeof device->info.reason];
    snprintf(reason, sizeof reason, "%s kernels, since %s kernels failed their check there: %.100s",
             fgmm_backend_name(to), fgmm_backend_name(device->info.backend), why);
    device->info.backend = to;
    memcpy(device->info.reason, reason, sizeof reason);
}

void fg_backend_recall(fgmm_device *device)
{
    mark m;
    char why[MARK_TEXT_BYTES];
    fgmm_backend to;
    while ((to = next_backend(device)) != FGMM_BACKEND_AUTO) {
        read_mark(&m, device, device->info.backend);
        if (!is_believed(&m, device)) return;
        describe_mark(why, sizeof why, &m);
        fall_back(device, to, why);
    }
}

fgmm_backend fg_backend_next(const fgmm_device *device)
{
    return device->is_backend_forced ? FGMM_BACKEND_AUTO : next_backend(device);
}

void fg_backend_claim(fgmm_device *device, fgmm_backend backend)
{
    device->info.backend = backend;
}

fgmm_backend fg_backend_in_use(const fgmm_device *device)
{
    return device->info.backend;
}

/* ---- checks ---- */

int fg_backend_is_checked(const fgmm_device *device, const char *program)
{
    char text[RECORD_BYTES];
    const uint64_t hash = hash_of(program);
    for (size_t i = 0; i < FG_CHECKED; i++)
        if (device->checked[i] == hash) return 1;
    read_record(text, device, program);
    return strcmp(text, "passed") == 0;
}

const char *fg_backend_check_program(const fgmm_device *device)
{
    mark m;
    if (!device->check_program || device->is_check_program) return NULL;
    if (!device->is_lent) return device->check_program;
    read_mark(&m, device, device->info.backend); /* a check of the application's own was not finished: ask outside */
    return is_unfinished(&m) ? device->check_program : NULL;
}

void fg_backend_begin_check(fgmm_device *device)
{
    mark m;
    device->held_failure = device->fail_launch; /* tests mean the launches of the work itself */
    device->fail_launch = 0;
    device->is_checking = 1;
    device->unfinished_before = 0;
    device->unfinished_what[0] = 0;
    device->is_leaving_marks = !device->is_check_program && fg_process_has_room();
    if (!device->is_leaving_marks) return;
    read_mark(&m, device, device->info.backend);
    if (is_unfinished(&m)) {
        device->unfinished_before = unfinished_in_a_row(&m);
        snprintf(device->unfinished_what, sizeof device->unfinished_what, "%s", m.cause);
    }
    fg_backend_stage(device, "beginning", "");
}

void fg_backend_stage(fgmm_device *device, const char *doing, const char *what)
{
    mark m = {.kind = MARK_RUNNING, .before = device->unfinished_before}, there;
    if (!device->is_checking) return;
    snprintf(m.cause, sizeof m.cause, "%s%s%s", doing, *what ? " " : "", what);
    if (device->is_check_program) {
        printf(FG_CHECK_STAGE "%s\n", m.cause);
        fflush(stdout);
        return;
    }
    if (!device->is_leaving_marks) return;
    read_mark(&there, device, device->info.backend);
    if (there.kind == MARK_SUSPECTED || there.kind == MARK_FAILED) return; /* says more */
    snprintf(m.before_what, sizeof m.before_what, "%s", device->unfinished_what);
    write_mark(device, device->info.backend, &m);
}

void fg_backend_end_check(fgmm_device *device)
{
    mark m;
    device->fail_launch = device->held_failure;
    device->is_checking = 0;
    if (device->is_check_program) return;
    read_mark(&m, device, device->info.backend);
    if (m.kind == MARK_RUNNING) remove_record(device, fgmm_backend_name(device->info.backend));
}

void fg_backend_record_passed(fgmm_device *device, const char *program)
{
    mark m;
    device->checked[device->next_checked++ % FG_CHECKED] = hash_of(program);
    write_record(device, program, "passed");
    read_mark(&m, device, device->info.backend);
    if (is_unfinished(&m) || (m.kind == MARK_SUSPECTED && m.program == hash_of(program)))
        remove_record(device, fgmm_backend_name(device->info.backend));
}

fgmm_status fg_backend_fail(fgmm_device *device, const char *program, const char *why, int is_certain)
{
    mark m = {.kind = MARK_FAILED}, before;
    const fgmm_backend to = next_backend(device);
    const int is_counted = is_certain || fg_process_has_room();
    if (device->is_backend_forced || to == FGMM_BACKEND_AUTO)
        return fg_fail(FGMM_UNSUPPORTED, "%s kernels failed their check on %s: %s%s",
                       fgmm_backend_name(device->info.backend), device->info.name, why,
                       !is_counted ? "; the process may not take a GiB more of memory, or not as many threads as there "
                                     "are processors (ulimit -v, -u)"
                       : device->has_failed_before ? "; others failed before it in this process and may have taken the "
                                                     "device along: run again, they are left out then"
                                                   : "");
    read_mark(&before, device, device->info.backend);
    if (!is_certain && (before.kind != MARK_SUSPECTED || is_of_this_process(&before))) {
        m.kind = MARK_SUSPECTED;
        m.program = hash_of(program);
    }
    snprintf(m.cause, sizeof m.cause, "%.*s", (int)fg_min_u64(strcspn(why, "\n"), LINE_BYTES - 1), why);
    if (is_counted) write_mark(device, device->info.backend, &m);
    fall_back(device, to, why);
    device->has_failed_before = 1;
    return FGMM_OK;
}

/* ---- what is remembered, for people ---- */

static const fgmm_backend backends[] = {FGMM_BACKEND_MATRIX_UNIT, FGMM_BACKEND_CPU_SIMD, FGMM_BACKEND_GPU_WORKGROUP};
enum { BACKENDS = sizeof backends / sizeof backends[0] };

void fg_backend_describe(fgmm_device_info *info, const fgmm_device *device)
{
    size_t used = 0;
    info->marks[0] = 0;
    for (size_t i = 0; i < BACKENDS; i++) {
        mark m;
        char why[MARK_TEXT_BYTES];
        read_mark(&m, device, backends[i]);
        if (m.kind == MARK_NONE || (m.kind == MARK_RUNNING && !is_unfinished(&m)) || used >= sizeof info->marks)
            continue;
        describe_mark(why, sizeof why, &m);
        const char *standing = is_believed(&m, device) ? "are left out" : "will be checked again";
        const int more = snprintf(info->marks + used, sizeof info->marks - used, "%s%s kernels %s: %s",
                                  used ? " | " : "", fgmm_backend_name(backends[i]), standing, why);
        used += more > 0 ? (size_t)more : 0;
    }
}

size_t fg_backend_forget(const fgmm_device *device)
{
    size_t count = 0;
    for (size_t i = 0; i < BACKENDS; i++) count += (size_t)remove_record(device, fgmm_backend_name(backends[i]));
    return count;
}
