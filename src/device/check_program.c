/* check_program.c - where the program is that checks kernels apart from the application (src/cli/check_main.c): where
 * the application says, else beside the library or the program that it is linked into, as in a build folder, else where
 * an installation puts it in respect of them. Reads nothing but folders.
 *
 *   FG_CHECK_FROM_LIBRARY, FG_CHECK_FROM_PROGRAM   its folder from that of installed libraries, and of programs
 */
#define _POSIX_C_SOURCE 200809L
#include "handle.h"

#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char name[] = "flashgmm-check";

char *fg_check_program(const char *wanted)
{
    static const char *const folders[] = {".", FG_CHECK_FROM_LIBRARY, FG_CHECK_FROM_PROGRAM};
    char *found = NULL;
    if (wanted) return *wanted ? strdup(wanted) : NULL;
    char *folder = fg_process_library_folder();
    for (size_t i = 0; folder && !found && i < sizeof folders / sizeof folders[0]; i++) {
        const size_t capacity = strlen(folder) + strlen(folders[i]) + sizeof name + 2;
        char *path = malloc(capacity);
        if (!path) break;
        snprintf(path, capacity, "%s/%s/%s", folder, folders[i], name);
        if (fg_process_can_run(path))
            found = path;
        else
            free(path);
    }
    free(folder);
    return found;
}
