/* memory.c - the machine's memory, and limits of control groups (Linux, versions 1 and 2). */
#define _GNU_SOURCE /* getline */
#include "memory.h"

#include "size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The number in a group's file; UINT64_MAX: "max", or there is none. 0 leaves nothing to decide, and is passed over. */
static uint64_t read_limit(const char *root, const char *mount, const char *group, const char *file)
{
    unsigned long long limit = 0;
    int fields = 0;
    const size_t room = strlen(root) + strlen(mount) + strlen(group) + strlen(file) + 2;
    char *path = malloc(room);
    if (!path) return UINT64_MAX;
    snprintf(path, room, "%s%s%s/%s", root, mount, group, file);
    FILE *stream = fopen(path, "r");
    if (stream) {
        fields = fscanf(stream, "%llu", &limit);
        fclose(stream);
    }
    free(path);
    return fields == 1 && limit > 0 ? limit : UINT64_MAX;
}

/* The least limit of the group and of those around it. Inside a container the group's name may be that of the host,
 * while the mount holds the container's own groups only: names that are not found are passed over. group: is cut. */
static uint64_t least_limit(const char *root, const char *mount, char *group, const char *file)
{
    uint64_t least = UINT64_MAX;
    for (char *end = group + strlen(group); end; end = strrchr(group, '/')) {
        *end = 0;
        least = fg_min_u64(least, read_limit(root, mount, group, file));
    }
    return least;
}

static int has_word(const char *list, const char *word)
{
    const size_t length = strlen(word);
    for (const char *at = list; at; at = strchr(at, ',')) {
        if (*at == ',') at++;
        if (strncmp(at, word, length) == 0 && (at[length] == ',' || at[length] == 0)) return 1;
    }
    return 0;
}

/* A line of the membership: HIERARCHY:CONTROLLERS:GROUP. */
static uint64_t limit_of_line(const char *root, char *line)
{
    static const struct place {
        int version;
        const char *mount, *file;
    } places[] = {
        {1, "/memory", "memory.limit_in_bytes"},
        {2, "", "memory.max"},
        {2, "", "memory.high"}, /* the kernel slows down what is above */
        {2, "/unified", "memory.max"},
        {2, "/unified", "memory.high"},
    };
    uint64_t least = UINT64_MAX;
    char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group) return UINT64_MAX;
    *controllers++ = 0;
    *group++ = 0;
    const int version = *controllers ? has_word(controllers, "memory") : 2;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char *copy = places[i].version == version ? strdup(group) : NULL;
        if (copy) least = fg_min_u64(least, least_limit(root, places[i].mount, copy, places[i].file));
        free(copy);
    }
    return least;
}

uint64_t fg_group_memory_bytes(const char *membership, const char *root)
{
    uint64_t least = UINT64_MAX;
    char *line = NULL;
    size_t room = 0;
    FILE *stream = fopen(membership, "r");
    if (!stream) return UINT64_MAX;
    while (getline(&line, &room, stream) > 0) {
        line[strcspn(line, "\n")] = 0;
        least = fg_min_u64(least, limit_of_line(root, line));
    }
    free(line);
    fclose(stream);
    return least;
}

uint64_t fg_machine_memory_bytes(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages <= 0 || page <= 0) return 0;
    return fg_min_u64((uint64_t)pages * (uint64_t)page, fg_group_memory_bytes("/proc/self/cgroup", "/sys/fs/cgroup"));
}
