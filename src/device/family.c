/* family.c - what is known of a device's kernel families: which have passed their check, which have failed it, and what
 * is used instead. The check itself is ops/probe.c. Kept beside the compiled programs, a small file per entry:
 *
 *     "passed"            of one family's program           "failed: WHY"   of a family on this device
 *     "running PID"       a check is under way; where that process is gone, the driver has taken it along
 *
 * Names of the files cover device, driver and library version as those of compiled programs do. Failing to read or to
 * write here only means that a check runs again.
 */
#define _POSIX_C_SOURCE 200809L
#include "handle.h"

#include "file.h"
#include "size.h"
#include "thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECORD_BYTES = 256 };

static char *record_path(const fgmm_device *device, const char *what)
{
    fg_cache_entry entry;
    if (!device->cache_folder) return NULL;
    fg_cache_key(&entry, device, what, "check");
    const size_t room = strlen(device->cache_folder) + 48;
    char *path = malloc(room);
    if (path)
        snprintf(path, room, "%s/%016llx%016llx.check", device->cache_folder, (unsigned long long)entry.key[0],
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

/* text NULL: removes the record. */
static void write_record(const fgmm_device *device, const char *what, const char *text)
{
    char error_text[FG_ERROR_TEXT_BYTES];
    fg_atomic_file *file = NULL;
    char *path = record_path(device, what);
    if (!path) return;
    fg_error_save(error_text);
    if (!text) {
        remove(path);
    } else if (fg_make_folders(device->cache_folder) == FGMM_OK && fg_atomic_open(&file, path) == FGMM_OK) {
        if (fg_atomic_write(file, text, strlen(text)) == FGMM_OK)
            fg_atomic_commit(file);
        else
            fg_atomic_abandon(file);
    }
    fg_error_restore(error_text);
    free(path);
}

/* Why the family is not to be used on this device; 0: nothing is known against it. */
static int is_known_to_fail(char why[RECORD_BYTES], const fgmm_device *device, fgmm_kernel_family family)
{
    static const char failed[] = "failed: ", running[] = "running ";
    char text[RECORD_BYTES];
    read_record(text, device, fgmm_kernel_family_name(family));
    if (strncmp(text, failed, strlen(failed)) == 0) {
        snprintf(why, RECORD_BYTES, "%s", text + strlen(failed));
        return 1;
    }
    if (strncmp(text, running, strlen(running)) != 0 || fg_process_is_alive(strtol(text + strlen(running), NULL, 10)))
        return 0;
    snprintf(why, RECORD_BYTES, "the process that checked them ended in the midst of it");
    return 1;
}

/* matrix, vector or group, group: what comes behind a family; AUTO: nothing. */
static fgmm_kernel_family next_family(const fgmm_device *device)
{
    switch (device->info.family) {
    case FGMM_KERNEL_MATRIX:
        return fg_device_family(device);
    case FGMM_KERNEL_VECTOR:
        return FGMM_KERNEL_GROUP;
    default:
        return FGMM_KERNEL_AUTO;
    }
}

static void fall_back(fgmm_device *device, fgmm_kernel_family to, const char *why)
{
    char reason[sizeof device->info.reason];
    snprintf(reason, sizeof reason, "%s kernels, since %s kernels failed their check there: %.100s",
             fgmm_kernel_family_name(to), fgmm_kernel_family_name(device->info.family), why);
    device->info.family = to;
    memcpy(device->info.reason, reason, sizeof reason);
}

void fg_family_recall(fgmm_device *device)
{
    char why[RECORD_BYTES];
    fgmm_kernel_family to;
    while (!device->is_family_asked_for && (to = next_family(device)) != FGMM_KERNEL_AUTO &&
           is_known_to_fail(why, device, device->info.family))
        fall_back(device, to, why);
}

int fg_family_is_checked(const fgmm_device *device, const char *program)
{
    char text[RECORD_BYTES];
    const uint64_t hash = fg_hash(FG_HASH_BEGIN, program, strlen(program));
    for (size_t i = 0; i < FG_CHECKED; i++)
        if (device->checked[i] == hash) return 1;
    read_record(text, device, program);
    return strcmp(text, "passed") == 0;
}

void fg_family_begin_check(fgmm_device *device)
{
    char text[RECORD_BYTES];
    snprintf(text, sizeof text, "running %ld", fg_process_id());
    device->held_failure = device->fail_launch; /* tests mean the launches of the work itself */
    device->fail_launch = 0;
    write_record(device, fgmm_kernel_family_name(device->info.family), text);
}

void fg_family_end_check(fgmm_device *device, const char *program, int is_passed)
{
    device->fail_launch = device->held_failure;
    write_record(device, fgmm_kernel_family_name(device->info.family), NULL);
    if (!is_passed) return;
    device->checked[device->next_checked++ % FG_CHECKED] = fg_hash(FG_HASH_BEGIN, program, strlen(program));
    write_record(device, program, "passed");
}

fgmm_status fg_family_fail(fgmm_device *device, const char *why)
{
    char text[RECORD_BYTES];
    const fgmm_kernel_family to = next_family(device);
    if (device->is_family_asked_for || to == FGMM_KERNEL_AUTO)
        return fg_fail(FGMM_UNSUPPORTED, "%s kernels failed their check on %s: %s%s",
                       fgmm_kernel_family_name(device->info.family), device->info.name, why,
                       device->has_failed_before ? "; others failed before it in this process and may have taken the "
                                                   "device along: run again, they are left out then"
                                                 : "");
    snprintf(text, sizeof text, "failed: %.200s", why);
    write_record(device, fgmm_kernel_family_name(device->info.family), text);
    fall_back(device, to, why);
    device->has_failed_before = 1;
    return FGMM_OK;
}
